//! Download reports of old clients: read from the names that they ask, counted by mirror and outcome.
//!
//! freshclam 0.97.1 to 0.101 asks `<db>.<version>.<flevel>.<ok>.<w32>.<ip>.ping.<zone>` for an A record after each download,
//! `<ip>` being four labels, or 8 or 32 hexadecimal digits (CLIENTS: "Mirror pools").

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::fleet::Fleet;

/// Counts of reports. Their number is that of the mirrors, whatever is asked.
#[derive(Debug, Default)]
pub struct DownloadReports {
    /// Which mirror has an address, by its place in `mirrors`.
    addresses: HashMap<IpAddr, u32>,
    mirrors: Vec<(String, Arc<Outcomes>)>,
    other: Arc<Outcomes>,
    malformed: Arc<Lanes<1>>,
}

/// What has been reported so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reports {
    /// Of each mirror, by its host.
    pub mirrors: BTreeMap<String, Outcome>,
    /// Of addresses that are no mirror's.
    pub other: Outcome,
    /// Names that are no report.
    pub malformed: u64,
}

/// How downloads went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcome {
    /// That many succeeded, or found nothing new.
    pub succeeded: u64,
    /// That many failed.
    pub failed: u64,
}

/// What a name reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Report {
    address: IpAddr,
    succeeded: bool,
}

/// Counts of a mirror: failed, succeeded.
type Outcomes = Lanes<2>;

/// Counters that several threads write, each mostly in a cache line of its own.
#[derive(Debug)]
struct Lanes<const N: usize>([Lane<N>; LANES]);

#[derive(Debug)]
#[repr(align(64))]
struct Lane<const N: usize>([AtomicU64; N]);

/// More threads share; a report is counted in any case.
const LANES: usize = 8;

/// The labels of a report before the address.
const FIELDS: usize = 5;

impl DownloadReports {
    /// Counts for the mirrors of these fleets, all at zero.
    pub fn of<'f>(fleets: impl Iterator<Item = &'f Fleet>) -> Self {
        let mut download_reports = Self::default();
        let mut known: HashMap<&str, u32> = HashMap::new();
        for mirror in fleets.flat_map(|fleet| &fleet.mirrors) {
            let number = *known.entry(&mirror.host).or_insert_with(|| {
                download_reports.mirrors.push((mirror.host.clone(), Arc::default()));
                download_reports.mirrors.len() as u32 - 1
            });
            for address in mirror.addresses() {
                download_reports.addresses.entry(address).or_insert(number);
            }
        }
        download_reports
    }

    /// Goes on with what was counted before, for the mirrors that are still there.
    pub fn take_over(&mut self, before: &Self) {
        let known: HashMap<&str, &Arc<Outcomes>> =
            before.mirrors.iter().map(|(host, outcomes)| (host.as_str(), outcomes)).collect();
        for (host, outcomes) in &mut self.mirrors {
            if let Some(before) = known.get(host.as_str()) {
                *outcomes = Arc::clone(before);
            }
        }
        self.other = Arc::clone(&before.other);
        self.malformed = Arc::clone(&before.malformed);
    }

    /// Counts a name in lower-case wire form, of which `suffix` octets are the name below which reports are asked. Threads
    /// best have different lanes.
    pub fn count(&self, name: &[u8], suffix: usize, lane: usize) {
        let labels =
            name.len().checked_sub(suffix).and_then(|end| name.get(..end)).unwrap_or_default();
        let Some(report) = Report::parse(labels) else { return self.malformed.add(lane, 0) };
        let mirror = self.addresses.get(&report.address);
        let mirror = mirror.and_then(|number| self.mirrors.get(*number as usize));
        let outcomes = mirror.map_or(&self.other, |(_, outcomes)| outcomes);
        outcomes.add(lane, usize::from(report.succeeded));
    }

    /// The figures of this moment; not of one instant, as the counting goes on.
    pub fn reports(&self) -> Reports {
        let mirrors =
            self.mirrors.iter().map(|(host, outcomes)| (host.clone(), outcomes.outcome()));
        let [malformed] = self.malformed.sums();
        Reports { mirrors: mirrors.collect(), other: self.other.outcome(), malformed }
    }
}

impl Report {
    /// Reads the labels before the suffix.
    fn parse(labels: &[u8]) -> Option<Self> {
        let mut rest = labels;
        let mut next = || {
            let (length, after) = rest.split_first()?;
            let (label, after) = after.split_at_checked(usize::from(*length))?;
            rest = after;
            Some(label)
        };
        let [database, version, flevel, ok, w32] = {
            let mut fields = [&[][..]; FIELDS];
            for field in &mut fields {
                *field = next()?;
            }
            fields
        };
        let is_name = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
        let first = next()?;
        let address = match (next(), next(), next()) {
            (None, ..) => hexadecimal(first)?,
            (Some(second), Some(third), Some(fourth)) => dotted([first, second, third, fourth])?,
            _ => return None,
        };
        number(version)?;
        number(flevel)?;
        flag(w32)?;
        let ends = next().is_none() && !database.is_empty() && database.iter().all(is_name);
        ends.then_some(Self { address, succeeded: flag(ok)? })
    }
}

/// Digits alone, and no more than clients print of 32 bits.
fn number(label: &[u8]) -> Option<u32> {
    let (first, rest) = label.split_first()?;
    let digit = |octet: &u8| char::from(*octet).to_digit(10);
    rest.iter()
        .try_fold(digit(first)?, |number, octet| number.checked_mul(10)?.checked_add(digit(octet)?))
}

fn flag(label: &[u8]) -> Option<bool> {
    match label {
        b"0" => Some(false),
        b"1" => Some(true),
        _ => None,
    }
}

fn dotted(labels: [&[u8]; 4]) -> Option<IpAddr> {
    let mut octets = [0; 4];
    for (octet, label) in octets.iter_mut().zip(labels) {
        *octet = u8::try_from(number(label)?).ok()?;
    }
    Some(Ipv4Addr::from(octets).into())
}

fn hexadecimal(label: &[u8]) -> Option<IpAddr> {
    let mut bits = 0;
    for octet in label.get(..label.len().min(32))? {
        bits = bits << 4 | u128::from(char::from(*octet).to_digit(16)?);
    }
    match label.len() {
        8 => Some(Ipv4Addr::from_bits(bits as u32).into()),
        32 => Some(IpAddr::V6(Ipv6Addr::from_bits(bits)).to_canonical()),
        _ => None,
    }
}

impl<const N: usize> Lanes<N> {
    fn add(&self, lane: usize, counter: usize) {
        if let Some(counter) = self.0.get(lane % LANES).and_then(|lane| lane.0.get(counter)) {
            counter.fetch_add(1, Relaxed);
        }
    }

    fn sums(&self) -> [u64; N] {
        let sum = |counter: usize| {
            let counters = self.0.iter().filter_map(|lane| lane.0.get(counter));
            counters.fold(0, |sum: u64, counter| sum.wrapping_add(counter.load(Relaxed)))
        };
        std::array::from_fn(sum)
    }
}

impl Outcomes {
    fn outcome(&self) -> Outcome {
        let [failed, succeeded] = self.sums();
        Outcome { succeeded, failed }
    }
}

impl<const N: usize> Default for Lanes<N> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Lane(std::array::from_fn(|_| AtomicU64::new(0)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wire(name: &str) -> Vec<u8> {
        let labels = name.split('.').filter(|label| !label.is_empty());
        labels.flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat()).collect()
    }

    fn report(name: &str) -> Option<(String, bool)> {
        Report::parse(&wire(name)).map(|report| (report.address.to_string(), report.succeeded))
    }

    /// CLIENTS: "`<ip>` is 4 labels (0.97), or 8 or 32 hex digits of the mirror's address".
    #[test]
    fn clients_all_forms_of_the_address_are_read() {
        let is = |name, address: &str, succeeded| {
            assert_eq!(report(name), Some((address.to_owned(), succeeded)));
        };
        is("daily.25580.105.1.0.6810da54", "104.16.218.84", true);
        is("main.55.76.0.1.515b64ad", "81.91.100.173", false);
        is("daily.15023.64.1.0.219.94.128.99", "219.94.128.99", true);
        is("bytecode.185.64.0.0.20010db8000000000000000000000010", "2001:db8::10", false);
        is("safebrowsing.1.1.1.1.00000000000000000000ffffc0000201", "192.0.2.1", true);
    }

    #[test]
    fn anything_else_is_malformed() {
        for name in [
            "",
            "daily",
            "daily.1.1.1.0",
            "1.1.1.0.6810da54",
            "daily.1.1.1.0.6810da5",
            "daily.1.1.1.0.6810da545",
            "daily.1.1.1.0.6810dagx",
            "daily.x.1.1.0.6810da54",
            "daily.1.+1.1.0.6810da54",
            "daily.1.1.2.0.6810da54",
            "daily.1.1.1.00.6810da54",
            "daily.1.1.1.0.1.2.3",
            "daily.1.1.1.0.1.2.3.256",
            "daily.1.1.1.0.1.2.3.4.5",
            "daily.4294967296.1.1.0.6810da54",
            "da*ly.1.1.1.0.6810da54",
            "daily.1.1.1.0.6810da54.7",
        ] {
            assert_eq!(report(name), None, "{name}");
        }
    }

    #[test]
    fn counts_go_on_where_the_mirror_does() {
        let fleet = |hosts: &[(&str, &str)]| {
            let mirror = |(host, ip): &(&str, &str)| {
                format!("[[mirror]]\nhost = \"{host}\"\ncountry = \"DE\"\nipv4 = [\"{ip}\"]\n")
            };
            let text: String = hosts.iter().map(mirror).collect();
            Fleet::parse("m", &text, &mut crate::problem::Problems::default())
        };
        let count = |download_reports: &DownloadReports, name: &str| {
            let name = [wire(name), wire("ping.example"), vec![0]].concat();
            for lane in 0..20 {
                download_reports.count(&name, wire("ping.example").len() + 1, lane);
            }
        };
        let first = fleet(&[("a.example", "192.0.2.1"), ("b.example", "192.0.2.2")]);
        let before = DownloadReports::of([&first, &first].into_iter());
        count(&before, "daily.1.1.1.0.c0000201");
        count(&before, "daily.1.1.0.0.192.0.2.2");
        count(&before, "daily.1.1.0.0.192.0.2.3");
        count(&before, "daily.1");
        let second = fleet(&[("b.example", "192.0.2.3"), ("c.example", "192.0.2.1")]);
        let mut after = DownloadReports::of([&second].into_iter());
        after.take_over(&before);
        // A worker may still answer from the snapshot before.
        count(&before, "daily.1.1.0.0.192.0.2.2");
        count(&after, "daily.1.1.1.0.192.0.2.3");
        let outcome = |succeeded, failed| Outcome { succeeded, failed };
        let expected = Reports {
            mirrors: [
                ("b.example".to_owned(), outcome(20, 40)),
                ("c.example".to_owned(), outcome(0, 0)),
            ]
            .into(),
            other: outcome(0, 20),
            malformed: 20,
        };
        assert_eq!(after.reports(), expected);
        assert_eq!(before.reports().mirrors["a.example"], outcome(20, 0));
    }

    proptest! {
        #[test]
        fn no_name_panics(name in prop::collection::vec(any::<u8>(), 0..80), suffix in 0usize..100, lane in any::<usize>()) {
            let download_reports = DownloadReports::default();
            download_reports.count(&name, suffix, lane);
            let Reports { other, malformed, .. } = download_reports.reports();
            prop_assert_eq!(other.succeeded + other.failed + malformed, 1);
        }
    }
}
