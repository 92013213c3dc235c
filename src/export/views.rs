//! BIND views: one for each set of clients with the same paths, who may get the same mirrors.

use std::collections::HashSet;

use ipnet::IpNet;

use super::clients::ClientSet;
use cvdns_core::geo::area::Area;
use cvdns_core::geo::country::{Continent, Country};
use cvdns_core::snapshot::StaticData;

/// A view and the clients that it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct View {
    /// The name, made from the first path, so that a view keeps its name as long as its paths.
    pub(super) name: String,
    /// What each plan makes of the clients.
    pub(super) clients: Vec<ClientSet>,
    /// The locations of the clients: countries, and continents for clients whose country is
    /// unknown. Empty for the last view, which matches all other clients.
    pub(super) areas: Vec<Area>,
    /// For a view with continents: the countries that belong to a later view.
    excluded: Vec<Country>,
}

/// The name of the last view, which matches all other clients.
const REST: &str = "cvdns-unknown";

/// Longest name of a view, in characters.
const MAX_NAME: usize = 60;

/// The views of a snapshot. The last one has the clients whose paths are those of clients of
/// unknown location.
pub(super) fn views(static_data: &StaticData) -> Vec<View> {
    let clients = |area: Area| -> Vec<ClientSet> {
        static_data.plans.iter().map(|plan| ClientSet::of(plan, area)).collect()
    };
    let unknown = clients(Area::Unknown);
    let mut views: Vec<View> = Vec::new();
    let mut names = HashSet::from([REST.to_owned()]);
    for area in Country::all().map(Area::Country).chain(Continent::all().map(Area::Continent)) {
        let clients = clients(area);
        if clients == unknown {
            continue;
        }
        if let Some(view) = views.iter_mut().find(|view| view.clients == clients) {
            view.areas.push(area);
            continue;
        }
        let name = name(static_data, area);
        let mut numbers = (2..).map(|number| format!("{name}-{number}"));
        let name = std::iter::once(name.clone())
            .chain(numbers.by_ref())
            .find(|name| names.insert(name.clone()));
        views.push(View {
            name: name.unwrap_or_default(),
            clients,
            areas: vec![area],
            excluded: Vec::new(),
        });
    }
    views.push(View {
        name: REST.to_owned(),
        clients: unknown,
        areas: Vec::new(),
        excluded: Vec::new(),
    });
    continents_last(&mut views);
    views
}

/// Moves views with continents behind those with countries only. BIND uses the first view that
/// matches, and for BIND a client in a country matches its continent too. A view with continents
/// therefore excludes the countries of later views.
fn continents_last(views: &mut [View]) {
    views.sort_by_key(|view| (view.is_rest(), view.continents().next().is_some()));
    let mut placed: HashSet<Country> = HashSet::new();
    for view in views {
        placed.extend(view.areas.iter().filter_map(|area| area.country()));
        // Whichever continent BIND's database assigns them to.
        if view.continents().next().is_some() {
            view.excluded = Country::all().filter(|country| !placed.contains(country)).collect();
        }
    }
}

/// The name of a view: the pools of the first path that depends on the client.
fn name(static_data: &StaticData, area: Area) -> String {
    let mut plans = static_data.plans.iter().filter(|plan| plan.clients.is_some());
    let path =
        plans.next().and_then(|plan| Some((plan, plan.paths.get(plan.paths.of_client(area))?)));
    let Some((plan, path)) = path else {
        let label = area.country().map(Country::label).or(area.continent().map(Continent::code));
        return format!("cvdns-{}", label.unwrap_or("unknown").to_ascii_lowercase());
    };
    let mut name = String::from("cvdns");
    for members in plan.paths.along(path) {
        let pool = members.pool.to_string().to_ascii_lowercase();
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        name.push('-');
        name.extend(pool.strip_prefix("continent:").unwrap_or(&pool).chars().map(plain));
    }
    name.truncate(MAX_NAME);
    name
}

impl View {
    /// Whether this is the last view, which matches all other clients.
    pub(super) fn is_rest(&self) -> bool {
        self.areas.is_empty()
    }

    /// The continents of clients whose country is unknown.
    fn continents(&self) -> impl Iterator<Item = Continent> {
        let alone = |area: &Area| {
            if let Area::Continent(continent) = area { Some(*continent) } else { None }
        };
        self.areas.iter().filter_map(alone)
    }

    /// The clients of the view as an address match list by country. In BIND the first matching
    /// element decides. Overrides win over the database, so they come first, those with the longest
    /// prefix before the others.
    pub(super) fn by_country(&self, overrides: &[(IpNet, Country)]) -> Vec<String> {
        if self.is_rest() {
            return vec!["any".to_owned()];
        }
        let mut nets: Vec<(IpNet, bool)> = Vec::new();
        // Of two overrides for the same network the later one applies, as in the server's map.
        for (net, country) in overrides.iter().rev() {
            let net = net.trunc();
            if nets.iter().all(|(other, _)| *other != net) {
                nets.push((net, self.areas.contains(&Area::Country(*country))));
            }
        }
        nets.sort_by_key(|(net, _)| (std::cmp::Reverse(net.prefix_len()), *net));
        let nets =
            nets.into_iter().map(|(net, inside)| format!("{}{net}", if inside { "" } else { "!" }));
        let excluded =
            self.excluded.iter().map(|country| format!("!geoip country {}", country.code()));
        let areas = self.areas.iter().filter_map(|area| match area {
            Area::Country(country) => Some(format!("geoip country {}", country.code())),
            Area::Continent(continent) => Some(format!("geoip continent {}", continent.code())),
            Area::Unknown => None,
        });
        nets.chain(excluded).chain(areas).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(code: &str) -> Area {
        match code.strip_prefix("continent:") {
            Some(code) => Continent::parse(code).unwrap().into(),
            None => Country::parse(code).unwrap().into(),
        }
    }

    /// For BIND a client in a country matches its continent too.
    #[test]
    fn a_client_in_a_country_never_matches_the_view_of_its_continent() {
        let view = |name: &str, areas: &[&str]| View {
            name: name.to_owned(),
            clients: Vec::new(),
            areas: areas.iter().map(|code| area(code)).collect(),
            excluded: Vec::new(),
        };
        let mut views = [
            view("both", &["LI", "continent:EU"]),
            view("asia", &["continent:AS"]),
            view("country", &["DE"]),
            view(REST, &[]),
        ];
        continents_last(&mut views);
        assert_eq!(
            views.each_ref().map(|view| view.name.as_str()),
            ["country", "both", "asia", REST]
        );
        let [country, both, asia, rest] = views;
        let net: IpNet = "192.0.2.0/24".parse().unwrap();
        assert_eq!(country.by_country(&[]), ["geoip country DE"]);
        assert_eq!(rest.by_country(&[]), ["any"]);
        let list = both.by_country(&[(net, Country::parse("LI").unwrap())]);
        assert_eq!(list.first().map(String::as_str), Some("192.0.2.0/24"));
        assert_eq!(list[list.len() - 2..], ["geoip country LI", "geoip continent EU"]);
        // All countries but DE, whose view comes first, and LI, which is in this view.
        assert_eq!(list.len(), 1 + (Country::count() - 2) + 2);
        assert!(list.contains(&"!geoip country FR".to_owned()));
        assert!(!list.contains(&"!geoip country LI".to_owned()));
        assert!(!asia.by_country(&[]).contains(&"!geoip country LI".to_owned()));
    }
}
