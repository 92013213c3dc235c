//! Views: one for all clients that are answered along the same paths.

use std::collections::HashSet;

use ipnet::IpNet;

use crate::geo::country::Country;
use crate::snapshot::Frame;
use crate::snapshot::pools::PathId;

/// What clients of one view have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct View {
    /// A name that follows from the paths alone, so that a view keeps its name while they stay.
    pub(super) name: String,
    /// Their path in each plan; 0 where a plan's names do not depend on the client.
    pub(super) paths: Vec<PathId>,
    /// The countries that these paths are of; none for the view of all who are in no other.
    pub(super) countries: Vec<Country>,
}

/// The name of the view of clients that are in no other.
const REST: &str = "cvdns-unknown";

/// Most characters of a view's name.
const LONGEST: usize = 60;

/// The views of a frame. The last one has the clients whose paths are those of unknown clients.
pub(super) fn views(frame: &Frame) -> Vec<View> {
    let paths = |country: Option<Country>| -> Vec<PathId> {
        let of = frame.plans.iter().map(|plan| match plan.clients {
            Some(_) => plan.paths.of_client(country),
            None => 0,
        });
        of.collect()
    };
    let unknown = paths(None);
    let mut views: Vec<View> = Vec::new();
    let mut names = HashSet::from([REST.to_owned()]);
    for country in Country::all() {
        let paths = paths(Some(country));
        if paths == unknown {
            continue;
        }
        if let Some(view) = views.iter_mut().find(|view| view.paths == paths) {
            view.countries.push(country);
            continue;
        }
        let name = name(frame, &paths, country);
        let mut numbers = (2..).map(|number| format!("{name}-{number}"));
        let name =
            std::iter::once(name.clone()).chain(numbers.by_ref()).find(|name| names.insert(name.clone()));
        views.push(View { name: name.unwrap_or_default(), paths, countries: vec![country] });
    }
    views.push(View { name: REST.to_owned(), paths: unknown, countries: Vec::new() });
    views
}

/// The pools of the first path that clients have.
fn name(frame: &Frame, paths: &[PathId], country: Country) -> String {
    let mut plans = frame.plans.iter().zip(paths).filter(|(plan, _)| plan.clients.is_some());
    let path = plans.next().and_then(|(plan, path)| Some((plan, plan.paths.get(*path)?)));
    let Some((plan, path)) = path else { return format!("cvdns-{}", country.label()) };
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
        self.countries.is_empty()
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
                nets.push((net, self.countries.contains(country)));
            }
        }
        nets.sort_by_key(|(net, _)| (std::cmp::Reverse(net.prefix_len()), *net));
        let nets = nets.into_iter().map(|(net, inside)| format!("{}{net}", if inside { "" } else { "!" }));
        nets.chain(self.countries.iter().map(|country| format!("geoip country {}", country.code()))).collect()
    }
}
