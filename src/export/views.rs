//! Views: one for all clients that are answered along the same paths.

use std::collections::HashSet;

use ipnet::IpNet;

use cvdns_core::geo::area::Area;
use cvdns_core::geo::country::{Continent, Country};
use cvdns_core::snapshot::StaticData;
use cvdns_core::snapshot::pools::PathId;

/// What clients of one view have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct View {
    /// A name that follows from the paths alone, so that a view keeps its name while they stay.
    pub(super) name: String,
    /// Their path in each plan; 0 where a plan's names do not depend on the client.
    pub(super) paths: Vec<PathId>,
    /// Where clients are that have these paths: in countries, and on continents as far as no more is known of them. Empty for
    /// the view of all who are in no other.
    pub(super) areas: Vec<Area>,
    /// Where it has continents: the countries whose clients belong to a later view.
    without: Vec<Country>,
}

/// The name of the view of clients that are in no other.
const REST: &str = "cvdns-unknown";

/// Most characters of a view's name.
const LONGEST: usize = 60;

/// The views of a frame. The last one has the clients whose paths are those of unknown clients.
pub(super) fn views(static_data: &StaticData) -> Vec<View> {
    let paths = |area: Area| -> Vec<PathId> {
        let of = static_data.plans.iter().map(|plan| match plan.clients {
            Some(_) => plan.paths.of_client(area),
            None => 0,
        });
        of.collect()
    };
    let unknown = paths(Area::Unknown);
    let mut views: Vec<View> = Vec::new();
    let mut names = HashSet::from([REST.to_owned()]);
    for area in Country::all().map(Area::Country).chain(Continent::all().map(Area::Continent)) {
        let paths = paths(area);
        if paths == unknown {
            continue;
        }
        if let Some(view) = views.iter_mut().find(|view| view.paths == paths) {
            view.areas.push(area);
            continue;
        }
        let name = name(static_data, &paths, area);
        let mut numbers = (2..).map(|number| format!("{name}-{number}"));
        let name = std::iter::once(name.clone())
            .chain(numbers.by_ref())
            .find(|name| names.insert(name.clone()));
        views.push(View {
            name: name.unwrap_or_default(),
            paths,
            areas: vec![area],
            without: Vec::new(),
        });
    }
    views.push(View {
        name: REST.to_owned(),
        paths: unknown,
        areas: Vec::new(),
        without: Vec::new(),
    });
    continents_last(&mut views);
    views
}

/// Puts views with continents behind those of countries alone. For BIND, who is in a country is on its continent too, and the
/// first view that matches is a client's; so such a view leaves out the countries whose turn comes after it.
fn continents_last(views: &mut [View]) {
    views.sort_by_key(|view| (view.is_rest(), view.continents().next().is_some()));
    let mut placed: HashSet<Country> = HashSet::new();
    for view in views {
        placed.extend(view.areas.iter().filter_map(|area| area.country()));
        // Whichever continent BIND's database has them on.
        if view.continents().next().is_some() {
            view.without = Country::all().filter(|country| !placed.contains(country)).collect();
        }
    }
}

/// The pools of the first path that clients have.
fn name(static_data: &StaticData, paths: &[PathId], area: Area) -> String {
    let mut plans = static_data.plans.iter().zip(paths).filter(|(plan, _)| plan.clients.is_some());
    let path = plans.next().and_then(|(plan, path)| Some((plan, plan.paths.get(*path)?)));
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
    name.truncate(LONGEST);
    name
}

impl View {
    /// Whether this is the view of clients that are in no other.
    pub(super) fn is_rest(&self) -> bool {
        self.areas.is_empty()
    }

    /// The continents on which its clients are of whom no more is known.
    fn continents(&self) -> impl Iterator<Item = Continent> {
        let alone = |area: &Area| {
            if let Area::Continent(continent) = area { Some(*continent) } else { None }
        };
        self.areas.iter().filter_map(alone)
    }

    /// Who is in it, as an address match list by country. An override beats the database, and of several the longest does:
    /// the first element that matches decides, so they come first, the longest before the others.
    pub(super) fn by_country(&self, overrides: &[(IpNet, Country)]) -> Vec<String> {
        if self.is_rest() {
            return vec!["any".to_owned()];
        }
        let mut nets: Vec<(IpNet, bool)> = Vec::new();
        // Of two for the same network the later one holds, as it is painted over the earlier.
        for (net, country) in overrides.iter().rev() {
            let net = net.trunc();
            if nets.iter().all(|(other, _)| *other != net) {
                nets.push((net, self.areas.contains(&Area::Country(*country))));
            }
        }
        nets.sort_by_key(|(net, _)| (std::cmp::Reverse(net.prefix_len()), *net));
        let nets =
            nets.into_iter().map(|(net, inside)| format!("{}{net}", if inside { "" } else { "!" }));
        let without =
            self.without.iter().map(|country| format!("!geoip country {}", country.code()));
        let areas = self.areas.iter().filter_map(|area| match area {
            Area::Country(country) => Some(format!("geoip country {}", country.code())),
            Area::Continent(continent) => Some(format!("geoip continent {}", continent.code())),
            Area::Unknown => None,
        });
        nets.chain(without).chain(areas).collect()
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

    /// For BIND a client in a country is on its continent too.
    #[test]
    fn who_is_in_a_country_is_never_taken_for_one_of_its_continent() {
        let view = |name: &str, areas: &[&str]| View {
            name: name.to_owned(),
            paths: Vec::new(),
            areas: areas.iter().map(|code| area(code)).collect(),
            without: Vec::new(),
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
        // All but DE, which has its turn before, and LI, which is within.
        assert_eq!(list.len(), 1 + (Country::count() - 2) + 2);
        assert!(list.contains(&"!geoip country FR".to_owned()));
        assert!(!list.contains(&"!geoip country LI".to_owned()));
        assert!(!asia.by_country(&[]).contains(&"!geoip country LI".to_owned()));
    }
}
