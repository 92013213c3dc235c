//! Writes a fleet file, `mirrors.toml`.

use std::fmt::{self, Display};

use toml::Value;

use super::{Downtime, Fleet, Mirror, keys};
use crate::schema::read::Rate;

impl Fleet {
    /// The fleet as the text of a fleet file, from which [`Fleet::parse`] reads the same fleet.
    pub fn to_text(&self) -> String {
        let mirrors: Vec<String> =
            self.mirrors.iter().map(|mirror| MirrorTable(mirror).to_string()).collect();
        mirrors.join("\n")
    }

    /// Whether both have the same mirrors in the same order, whatever their locations in files.
    pub fn is_like(&self, other: &Self) -> bool {
        self.mirrors.len() == other.mirrors.len()
            && self.mirrors.iter().zip(&other.mirrors).all(|(one, two)| one.is_like(two))
    }
}

impl Mirror {
    /// Whether everything except the location is the same.
    fn is_like(&self, other: &Self) -> bool {
        let Self {
            host,
            country,
            ipv4,
            ipv6,
            capacity,
            serves,
            not_for,
            pools,
            downtimes,
            enabled,
            location: _,
        } = self;
        (host, country, ipv4, ipv6, capacity)
            == (&other.host, &other.country, &other.ipv4, &other.ipv6, &other.capacity)
            && (serves, not_for, pools) == (&other.serves, &other.not_for, &other.pools)
            && (downtimes, enabled) == (&other.downtimes, &other.enabled)
    }
}

/// The table of a mirror, without keys that have their default.
struct MirrorTable<'f>(&'f Mirror);

impl Display for MirrorTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mirror {
            host,
            country,
            ipv4,
            ipv6,
            capacity,
            serves,
            not_for,
            pools,
            downtimes,
            enabled,
            location: _,
        } = self.0;
        writeln!(f, "[[mirror]]")?;
        writeln!(f, "host     = {}", quoted(host))?;
        writeln!(f, "country  = {}", quoted(country))?;
        list(f, "ipv4    ", ipv4)?;
        list(f, "ipv6    ", ipv6)?;
        if *capacity != keys::CAPACITY.preset() {
            writeln!(f, "capacity = {}", quoted(&Rate(*capacity)))?;
        }
        list(f, "serves  ", serves)?;
        list(f, "not-for ", not_for)?;
        list(f, "pools   ", pools)?;
        if !downtimes.is_empty() {
            let tables: Vec<String> = downtimes
                .iter()
                .map(|Downtime { from, to }| format!("{{ from = {from}, to = {to} }}"))
                .collect();
            writeln!(f, "downtime = [{}]", tables.join(", "))?;
        }
        if *enabled { Ok(()) } else { writeln!(f, "enabled  = false") }
    }
}

fn list(f: &mut fmt::Formatter<'_>, key: &str, values: &[impl Display]) -> fmt::Result {
    if values.is_empty() {
        return Ok(());
    }
    let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
    writeln!(f, "{key} = [{}]", values.join(", "))
}

/// A string of TOML.
fn quoted(value: &(impl Display + ?Sized)) -> String {
    Value::String(value.to_string()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::area::Area;
    use crate::geo::country::{Continent, Country};
    use crate::problem::{Location, Problems};
    use jiff::Timestamp;
    use proptest::prelude::*;

    fn mirror() -> impl Strategy<Value = Mirror> {
        let country = || (0..Country::count()).prop_filter_map("a country", Country::from_index);
        let area = prop_oneof![
            country().prop_map(Area::Country),
            (0usize..7).prop_map(|at| Area::Continent(Continent::ALL[at]))
        ];
        let pools = prop::collection::btree_set("[^\\p{C}]{1,8}", 0..3);
        let moment = |second| Timestamp::from_second(second).unwrap();
        let downtimes = prop::collection::vec((0i64..4_000_000_000, 1i64..1_000_000), 0..3);
        (
            ("[!-~\u{e4}]{1,20}", country(), any::<[u8; 2]>(), 1u64..=1_000_000_000_000, 0u32..10),
            (
                (
                    prop::collection::btree_set(country(), 0..4),
                    prop::collection::btree_set(area, 0..4),
                ),
                pools,
                downtimes,
                any::<bool>(),
            ),
        )
            .prop_map(
                move |(
                    (host, country, [a, b], capacity, scale),
                    ((serves, not_for), pools, downtimes, enabled),
                )| {
                    let listed = serves.clone();
                    Mirror {
                        host: super::super::host_key(&host),
                        country,
                        ipv4: vec![[192, 0, 2, a].into()],
                        ipv6: if b == 0 {
                            vec![]
                        } else {
                            vec![[0x2001, 0xdb8, 0, 0, 0, 0, a.into(), b.into()].into()]
                        },
                        capacity: (capacity / 10u64.pow(scale)).max(1),
                        serves: serves.into_iter().filter(|other| *other != country).collect(),
                        not_for: not_for
                            .into_iter()
                            .filter(|area| {
                                let own = |country: &Country| area.has(Area::Country(*country));
                                !own(&country) && !listed.iter().any(own)
                            })
                            .collect(),
                        pools: pools.into_iter().collect(),
                        downtimes: downtimes
                            .into_iter()
                            .map(|(from, length)| Downtime {
                                from: moment(from),
                                to: moment(from + length),
                            })
                            .collect(),
                        enabled,
                        location: Location::file("m"),
                    }
                },
            )
            .prop_filter("a host", |mirror| !mirror.host.is_empty() && !mirror.host.ends_with('.'))
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(mirrors in prop::collection::vec(mirror(), 0..4)) {
            let mut fleet = Fleet::default();
            for mirror in mirrors {
                let is_new = |other: &Mirror| {
                    other.host != mirror.host && other.addresses().all(|address| mirror.addresses().all(|own| own != address))
                };
                if fleet.mirrors.iter().all(is_new) {
                    fleet.mirrors.push(mirror);
                }
            }
            let text = fleet.to_text();
            let mut problems = Problems::default();
            let read = Fleet::parse("m", &text, &mut problems);
            prop_assert!(problems.is_empty(), "{text}{problems:?}");
            prop_assert!(fleet.is_like(&read), "{text}");
        }
    }

    #[test]
    fn every_difference_counts() {
        let one = "[[mirror]]\nhost = \"a\"\ncountry = \"DE\"\nipv4 = [\"192.0.2.1\"]\n";
        let read = |text: &str| Fleet::parse("m", text, &mut Problems::default());
        assert!(read(one).is_like(&read(&format!("\n{one}"))));
        for other in [
            one.replace("\"a\"", "\"b\""),
            one.replace("DE", "FR"),
            one.replace("2.1", "2.2"),
            format!("{one}ipv6 = [\"2001:db8::1\"]\n"),
            format!("{one}capacity = \"101Mbit/s\"\n"),
            format!("{one}serves = [\"LI\"]\n"),
            format!("{one}not-for = [\"CN\"]\n"),
            format!("{one}not-for = [\"continent:AS\"]\n"),
            format!("{one}pools = [\"x\"]\n"),
            format!(
                "{one}downtime = [{{ from = 2026-12-01T02:00:00Z, to = 2026-12-01T06:00:00Z }}]\n"
            ),
            format!("{one}enabled = false\n"),
            String::new(),
        ] {
            assert!(!read(one).is_like(&read(&other)), "{other}");
        }
    }
}
