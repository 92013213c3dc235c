//! Zone files. The content comes from the current answers, the serial also from the previous
//! export.

use std::fmt::Write as _;

use super::clients::ClientSet;
use super::input::{ExportInput, ExportSigner};
use super::soa_signer::SoaSigner;
use super::transferred::sum;
use super::zone::{ExportZone, SharedRecords};
use super::{header, presentation};
use cvdns_core::snapshot::signatures::ZoneRecord;
use cvdns_core::snapshot::static_data::Zone;
use cvdns_core::wire::name::{Name, wire_length};
use cvdns_core::zone::records::Rrset;
use cvdns_transfer::serial;

/// A zone file without its serial, which depends on the file that it replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneFile {
    /// The name of the zone as commands get it.
    pub zone: String,
    /// The view in which it is loaded.
    pub view: Option<String>,
    /// The number of records in the largest `RRset`.
    pub(super) largest_rrset: usize,
    /// The text before the serial.
    before: String,
    /// The sum of the serials of its sources, see [`serial::sum`].
    sum: u32,
    /// Whether the master file is the only source.
    is_static: bool,
    /// The text after the serial.
    after: String,
    /// Signs the SOA record, if the file has signatures.
    soa_signer: Option<SoaSigner>,
}

/// The comment after the serial, by which the line is found again.
const SERIAL_END: &str = " ; serial";

/// Renders the files of one zone; holds what they have in common.
pub(super) struct ZoneRenderer<'z, 's> {
    zone: &'z ExportZone<'s>,
    ecs: bool,
    shared: SharedRecords<'s>,
    lines: String,
    largest_rrset: usize,
    sum: u32,
    signer: Option<(&'z ExportSigner, &'z Zone)>,
}

impl<'z, 's> ZoneRenderer<'z, 's> {
    pub(super) fn new(input: &'z ExportInput, zone: &'z ExportZone<'s>) -> Self {
        let of_zone = input.snapshot.static_data.zone(zone.number);
        let of_zone = of_zone.filter(|zone| zone.signing.is_some());
        let shared = zone.shared();
        let (.., master) = soa(&zone.soa);
        Self {
            zone,
            ecs: input.snapshot.static_data.settings.ecs,
            lines: lines(&shared.records),
            largest_rrset: largest_rrset(&shared.records),
            shared,
            sum: sum(&input.snapshot, zone, master, input.feed),
            signer: input.signer.as_ref().zip(of_zone),
        }
    }

    /// The zone file for these clients.
    pub(super) fn file(&self, client: ClientSet, view: Option<&str>) -> ZoneFile {
        let records = self.zone.of_client(&self.shared, client);
        let (soa, soa_rest, _) = soa(&self.zone.soa);
        let signatures = self.signatures(&records);
        ZoneFile {
            zone: name(self.zone.origin),
            view: view.map(str::to_owned),
            largest_rrset: self.largest_rrset.max(largest_rrset(&records)),
            before: header::of_zone(self.zone, self.ecs, view) + &soa,
            sum: self.sum,
            is_static: self.zone.is_static(),
            after: soa_rest + &self.lines + &lines(&records) + &lines(&signatures),
            soa_signer: self.signer.and_then(|(signer, zone)| {
                SoaSigner::new(signer, zone, self.zone.soa.ttl(), self.zone.soa.first()?)
            }),
        }
    }

    /// The signatures of a zone with these records beside those of all clients, and its NSEC
    /// records; none if the file has no signatures.
    fn signatures(&self, records: &[ZoneRecord]) -> Vec<ZoneRecord> {
        let Some((signer, zone)) = self.signer else { return Vec::new() };
        let all = self.shared.records.iter().chain(records).cloned();
        self.zone.signatures(signer, zone, all.collect())
    }
}

impl ZoneFile {
    /// The text of the file, which replaces the text `replaced`; `others` are further files of the
    /// same zone. `None` if nothing changed. A raised serial in the master file counts as a change.
    pub(super) fn render(&self, replaced: Option<&str>, others: &[String]) -> Option<String> {
        let whole = |serial: u32| {
            let signatures = self.soa_signer.as_ref().map(|signer| lines(&signer.sign(serial)));
            let signatures = signatures.unwrap_or_default();
            format!("{}{serial}{}{signatures}", self.before, self.after)
        };
        let same = |text: &&str| serial_of(text).is_some_and(|serial| whole(serial) == **text);
        let is_raised = |text: &str| {
            self.is_static
                && serial_of(text).is_some_and(|serial| serial::is_greater(self.sum, serial))
        };
        if replaced.is_some_and(|text| same(&text) && !is_raised(text)) {
            return None;
        }
        let known =
            replaced.into_iter().chain(others.iter().map(String::as_str)).filter_map(serial_of);
        let newest =
            known.reduce(|one, other| if serial::is_greater(other, one) { other } else { one });
        Some(whole(serial::next(self.sum, newest)))
    }
}

/// The serial of an exported zone file.
fn serial_of(text: &str) -> Option<u32> {
    text.lines().find_map(|line| line.strip_suffix(SERIAL_END)?.trim().parse().ok())
}

/// A SOA record as the text before its serial, the text after it, and the serial of the master
/// file.
fn soa(set: &Rrset<'_>) -> (String, String, u32) {
    let rdata = set.first().unwrap_or_default();
    let (names, numbers) =
        rdata.split_at_checked(rdata.len().saturating_sub(20)).unwrap_or_default();
    let (mname, rname) =
        names.split_at_checked(wire_length(names).unwrap_or_default()).unwrap_or_default();
    let number = |index: usize| {
        let octets = numbers.get(index * 4..).and_then(|rest| rest.first_chunk::<4>());
        octets.copied().map(u32::from_be_bytes).unwrap_or_default()
    };
    let owner = presentation::name(set.owner());
    let before = format!(
        "{owner} {} IN SOA {} {} (\n    ",
        set.ttl(),
        presentation::name(mname),
        presentation::name(rname)
    );
    let [refresh, retry, expire, minimum] = [1, 2, 3, 4].map(number);
    let after = format!("{SERIAL_END}\n    {refresh} {retry} {expire} {minimum} )\n");
    (before, after, number(0))
}

fn lines(records: &[ZoneRecord]) -> String {
    let mut out = String::new();
    for record in records {
        let (mnemonic, data) = presentation::data(record.rtype, &record.rdata);
        let _ = writeln!(
            out,
            "{} {} IN {mnemonic} {data}",
            presentation::name(&record.owner),
            record.ttl
        );
    }
    out
}

fn largest_rrset(records: &[ZoneRecord]) -> usize {
    let alike =
        |one: &ZoneRecord, other: &ZoneRecord| one.rtype == other.rtype && one.owner == other.owner;
    records.chunk_by(alike).map(<[ZoneRecord]>::len).max().unwrap_or_default()
}

/// The name of a zone as commands get it: without a final dot except for the root.
pub(super) fn name(origin: &Name) -> String {
    origin.to_string()
}

/// Whether a file belongs to the zone with this stem.
pub(super) fn is_of(stem: &str, file_name: &str) -> bool {
    file_name.strip_prefix(stem).is_some_and(|rest| rest == ".zone" || rest.starts_with('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(sum: u32, after: &str) -> ZoneFile {
        ZoneFile {
            zone: "a".to_owned(),
            view: None,
            largest_rrset: 1,
            before: "; a comment\na. 60 IN SOA . . (\n    ".to_owned(),
            sum,
            is_static: false,
            after: format!("{SERIAL_END}\n 1 2 3 4 )\n{after}"),
            soa_signer: None,
        }
    }

    #[test]
    fn unchanged_content_keeps_its_serial() {
        let first = file(7, "x").render(None, &[]).unwrap();
        assert_eq!(serial_of(&first), Some(7));
        assert_eq!(file(9, "x").render(Some(&first), &[]), None);
        let next = |sum, text: &str| serial_of(&file(sum, "y").render(Some(text), &[]).unwrap());
        assert_eq!(next(9, &first), Some(9));
        assert_eq!(next(7, &first), Some(8), "the clock alone changed it");
        assert_eq!(next(u32::MAX, &first), Some(8), "a master file that went back");
        let of_master =
            |sum| ZoneFile { is_static: true, ..file(sum, "x") }.render(Some(&first), &[]);
        assert_eq!([5, 6].map(of_master), [None, None], "a serial that went back");
        assert_eq!(serial_of(&of_master(9).unwrap()), Some(9), "a raised serial alone");
        let last = file(u32::MAX, "x").render(None, &[]).unwrap();
        assert_eq!(next(u32::MAX, &last), Some(0));
        // After the views changed, the serial continues from the newest of the zone's files.
        let moved =
            file(3, "x").render(None, &[first.clone(), file(5, "x").render(None, &[]).unwrap()]);
        assert_eq!(serial_of(&moved.unwrap()), Some(8));
    }

    #[test]
    fn files_belong_to_the_zone_in_their_name() {
        assert!(is_of("a.b", "a.b.zone") && is_of("a.b", "a.b@v.zone"));
        assert!(!is_of("a", "a.b.zone") && !is_of("a.b", "a.b"));
    }
}
