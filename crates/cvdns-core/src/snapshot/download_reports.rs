//! Counts the download reports of old clients, by mirror and outcome. A report is the name of a
//! query.
//!
//! After each download, freshclam 0.97.1 to 0.101 queries the A record of
//! `<db>.<version>.<flevel>.<ok>.<w32>.<ip>.ping.<zone>`, where `<ip>` is four labels, or 8 or 32
//! hexadecimal digits (CLIENTS: "Mirror pools").

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::fleet::Fleet;

/// The counters of download reports. Their number depends on the mirrors alone, not on what clients
/// send.
#[derive(Debug, Default)]
pub struct DownloadReports {
    /// The mirror with each address, by its index in `mirrors`.
    addresses: HashMap<IpAddr, u32>,
    mirrors: Vec<(String, Arc<OutcomeCounters>)>,
    other: Arc<OutcomeCounters>,
    malformed: Arc<Lanes<1>>,
}

/// The reports counted so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReportCounts {
    /// Reports on each mirror, by its host.
    pub mirrors: BTreeMap<String, DownloadCounts>,
    /// Reports on addresses that no mirror has.
    pub other: DownloadCounts,
    /// Names that are not a valid report.
    pub malformed: u64,
}

/// Numbers of downloads by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DownloadCounts {
    /// Downloads that succeeded or found nothing new.
    pub succeeded: u64,
    /// Downloads that failed.
    pub failed: u64,
}

/// A download report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DownloadReport {
    address: IpAddr,
    succeeded: bool,
}

/// Counters of failed and of succeeded downloads.
type OutcomeCounters = Lanes<2>;

/// `N` counters, in several copies so that threads mostly write to cache lines of their own.
#[derive(Debug)]
struct Lanes<const N: usize>([Lane<N>; LANES]);

#[derive(Debug)]
#[repr(align(64))]
struct Lane<const N: usize>([AtomicU64; N]);

/// Copies of the counters. If there are more threads, some share a copy.
const LANES: usize = 8;

/// Number of labels of a report before the address.
const FIELDS: usize = 5;

impl DownloadReports {
    /// Counters at zero for the mirrors of these fleets.
    pub fn new<'f>(fleets: impl Iterator<Item = &'f Fleet>) -> Self {
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

    /// Continues the counts of `before`, for mirrors that are still in a fleet.
    pub fn take_over(&mut self, before: &Self) {
        let known: HashMap<&str, &Arc<OutcomeCounters>> =
            before.mirrors.iter().map(|(host, outcomes)| (host.as_str(), outcomes)).collect();
        for (host, outcomes) in &mut self.mirrors {
            if let Some(before) = known.get(host.as_str()) {
                *outcomes = Arc::clone(before);
            }
        }
        self.other = Arc::clone(&before.other);
        self.malformed = Arc::clone(&before.malformed);
    }

    /// Counts a report: a name in lower-case wire form, whose last `suffix` octets are the name
    /// below which reports are sent. Each thread should have a `lane` of its own.
    pub fn count(&self, name: &[u8], suffix: usize, lane: usize) {
        let labels =
            name.len().checked_sub(suffix).and_then(|end| name.get(..end)).unwrap_or_default();
        let Some(report) = DownloadReport::parse(labels) else {
            return self.malformed.add(lane, 0);
        };
        let mirror = self.addresses.get(&report.address);
        let mirror = mirror.and_then(|number| self.mirrors.get(*number as usize));
        let outcomes = mirror.map_or(&self.other, |(_, outcomes)| outcomes);
        outcomes.add(lane, usize::from(report.succeeded));
    }

    /// The counts so far. They are not read at one instant, because other threads keep counting.
    pub fn reports(&self) -> ReportCounts {
        let mirrors =
            self.mirrors.iter().map(|(host, outcomes)| (host.clone(), outcomes.outcome()));
        let [malformed] = self.malformed.sums();
        ReportCounts { mirrors: mirrors.collect(), other: self.other.outcome(), malformed }
    }
}

impl DownloadReport {
    /// Reads the labels before the suffix; `None` when they are not a valid report.
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

/// A decimal number of 32 bits, without a sign.
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

impl OutcomeCounters {
    fn outcome(&self) -> DownloadCounts {
        let [failed, succeeded] = self.sums();
        DownloadCounts { succeeded, failed }
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
        DownloadReport::parse(&wire(name))
            .map(|report| (report.address.to_string(), report.succeeded))
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
    fn counts_continue_for_remaining_mirrors() {
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
        let before = DownloadReports::new([&first, &first].into_iter());
        count(&before, "daily.1.1.1.0.c0000201");
        count(&before, "daily.1.1.0.0.192.0.2.2");
        count(&before, "daily.1.1.0.0.192.0.2.3");
        count(&before, "daily.1");
        let second = fleet(&[("b.example", "192.0.2.3"), ("c.example", "192.0.2.1")]);
        let mut after = DownloadReports::new([&second].into_iter());
        after.take_over(&before);
        // A worker may still use the old snapshot.
        count(&before, "daily.1.1.0.0.192.0.2.2");
        count(&after, "daily.1.1.1.0.192.0.2.3");
        let outcome = |succeeded, failed| DownloadCounts { succeeded, failed };
        let expected = ReportCounts {
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
            let ReportCounts { other, malformed, .. } = download_reports.reports();
            prop_assert_eq!(other.succeeded + other.failed + malformed, 1);
        }
    }
}
