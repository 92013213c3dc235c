//! Which mirrors are never answered to whom (`not-for`).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::fleet::Fleet;
use crate::geo::area::Area;
use crate::geo::country::{Continent, Country};

/// Number of a class of clients that may not get the same mirrors.
pub type ClassId = u16;

/// The class of clients that may get all mirrors.
pub const UNRESTRICTED: ClassId = 0;

/// The mirrors of a fleet that clients of some countries or continents never get.
///
/// A client of which only the continent is known never gets the mirrors that are not for the
/// continent. A client of unknown location may get all mirrors.
#[derive(Debug, Clone)]
pub struct Exclusions {
    /// The areas that may not get a mirror, by its index in the fleet.
    areas: BTreeMap<u32, BTreeSet<Area>>,
    /// The mirrors that clients of a class may not get, as ascending indexes in the fleet.
    classes: Vec<Vec<u32>>,
    /// By [`Country::index`].
    of_country: Vec<ClassId>,
    of_continent: Vec<(Continent, ClassId)>,
}

impl Exclusions {
    /// What the fleet file says, and in addition what the feed says (`of_feed`) of the mirrors with
    /// these hosts.
    pub fn new(fleet: &Fleet, of_feed: &BTreeMap<String, BTreeSet<Area>>) -> Self {
        let mut areas: BTreeMap<u32, BTreeSet<Area>> = BTreeMap::new();
        for (index, mirror) in fleet.enabled() {
            let of_feed = of_feed.get(&mirror.host).into_iter().flatten();
            let mut all = mirror.not_for.iter().chain(of_feed).peekable();
            if all.peek().is_some() {
                areas.insert(index as u32, all.copied().collect());
            }
        }
        let none = Vec::new();
        let mut out =
            Self { areas, classes: vec![none], of_country: Vec::new(), of_continent: Vec::new() };
        if !out.areas.is_empty() {
            let mut numbers = HashMap::from([(Vec::new(), UNRESTRICTED)]);
            for country in Country::all() {
                let class = out.add(Area::Country(country), &mut numbers);
                out.of_country.push(class);
            }
            for continent in Continent::all() {
                let class = out.add(Area::Continent(continent), &mut numbers);
                out.of_continent.push((continent, class));
            }
        }
        out
    }

    /// The class of an area's clients, which is added if it is new.
    fn add(&mut self, area: Area, numbers: &mut HashMap<Vec<u32>, ClassId>) -> ClassId {
        let is_excluded = |areas: &BTreeSet<Area>| areas.iter().any(|listed| listed.has(area));
        let excluded = self.areas.iter().filter(|(_, areas)| is_excluded(areas));
        let excluded: Vec<u32> = excluded.map(|(mirror, _)| *mirror).collect();
        // There are fewer classes than countries and continents.
        let next = self.classes.len() as ClassId;
        *numbers.entry(excluded).or_insert_with_key(|excluded| {
            self.classes.push(excluded.clone());
            next
        })
    }

    /// Whether all clients may get all mirrors.
    pub fn is_empty(&self) -> bool {
        self.areas.is_empty()
    }

    /// The class of clients in an area.
    pub fn class_of(&self, area: Area) -> ClassId {
        let class = match area {
            Area::Country(country) => self.of_country.get(country.index()).copied(),
            Area::Continent(continent) => {
                let of = self.of_continent.iter().find(|(other, _)| *other == continent);
                of.map(|(_, class)| *class)
            }
            Area::Unknown => None,
        };
        class.unwrap_or(UNRESTRICTED)
    }

    /// The mirrors that clients of each class may not get, as ascending indexes in the fleet.
    pub fn classes(&self) -> &[Vec<u32>] {
        &self.classes
    }

    /// The mirrors that clients of this class may not get, as ascending indexes in the fleet.
    pub fn of_class(&self, class: ClassId) -> &[u32] {
        self.classes.get(usize::from(class)).map(Vec::as_slice).unwrap_or_default()
    }

    /// The mirrors that some clients may not get, as ascending indexes in the fleet.
    pub fn restricted(&self) -> Vec<u32> {
        self.areas.keys().copied().collect()
    }

    /// The areas whose clients may not get a mirror, by the mirror's index in the fleet.
    pub fn areas(&self, mirror: u32) -> impl Iterator<Item = Area> {
        self.areas.get(&mirror).into_iter().flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Problems;
    use std::fmt::Write as _;

    #[test]
    fn classes_are_the_distinct_sets_of_mirrors_that_an_area_may_not_get() {
        let mut text = String::new();
        for (host, rest) in [
            ("a", "not-for = [\"CN\", \"continent:EU\"]"),
            ("b", "not-for = [\"CN\"]\nenabled = false"),
            ("c", ""),
            ("d", "not-for = [\"DE\"]"),
        ] {
            let address = format!("2001:db8::{host}");
            writeln!(text, "[[mirror]]\nhost = \"{host}\"\ncountry = \"JP\"").unwrap();
            writeln!(text, "ipv6 = [\"{address}\"]\n{rest}").unwrap();
        }
        let fleet = Fleet::parse("m", &text, &mut Problems::default());
        let of_feed = [("c", "KR"), ("d", "continent:AS"), ("unknown", "US")];
        let of_feed = of_feed
            .map(|(host, area)| (host.to_owned(), BTreeSet::from([area.parse().unwrap()])))
            .into();
        let exclusions = Exclusions::new(&fleet, &of_feed);
        for (area, mirrors) in [
            ("CN", &[0, 3][..]),
            ("KR", &[2, 3]),
            ("JP", &[3]),
            ("continent:AS", &[3]),
            ("DE", &[0, 3]),
            ("FR", &[0]),
            ("continent:EU", &[0]),
            ("US", &[]),
            ("continent:NA", &[]),
        ] {
            let class = exclusions.class_of(area.parse().unwrap());
            assert_eq!(exclusions.of_class(class), mirrors, "{area}");
        }
        assert_eq!(exclusions.class_of(Area::Unknown), UNRESTRICTED);
        // {}, {a}, {d}, {a, d}, {c, d}.
        assert_eq!(exclusions.classes().len(), 5);
        assert_eq!(exclusions.restricted(), [0, 2, 3]);
        let areas: Vec<String> = exclusions.areas(0).map(|area| area.to_string()).collect();
        assert_eq!(areas, ["continent:EU", "CN"]);
        assert_eq!(exclusions.areas(1).count(), 0, "it is not enabled");
    }
}
