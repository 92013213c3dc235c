//! Zone file, master file and fleet file, separated by lines of `---`.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use cvdns_core::answer::{Answering, Transport};
use cvdns_core::config::Explain;
use cvdns_core::fleet::Fleet;
use cvdns_core::geo::country_map::CountryMap;
use cvdns_core::health::FeedRequirements;
use cvdns_core::problem::{Location, Problems};
use cvdns_core::release::Share;
use cvdns_core::snapshot::inputs::{ExpandedZone, Inputs, Settings, ZoneInput};
use cvdns_core::snapshot::{Now, Snapshot, compile};
use cvdns_core::wire::name::Name;
use cvdns_core::zone::include::NoFiles;
use cvdns_core::zone::{Records, ZoneFile, master};
use hickory_proto::op::Message;

use super::octets::text;
use super::snapshots::clock;

/// Query types. Each name is queried for all of them.
const TYPES: [u16; 8] = [1, 2, 5, 16, 28, 39, 43, 255];

/// What compiles answers every query.
pub fn run(input: &[u8]) {
    let text = text(input);
    let mut parts = text.split("\n---\n");
    let [Some(zone), Some(records), Some(mirrors)] = [0; 3].map(|_| parts.next()) else { return };
    let mut problems = Problems::default();
    let Some(file) = ZoneFile::parse("zone.toml", zone, &mut problems) else { return };
    // A placeholder makes 250 zones, which is too slow.
    if file.origin.value.contains('{') {
        return;
    }
    let Ok(origin) = Name::parse(&file.origin.value, &Name::root()) else { return };
    let parsed = master::parse("db", records, &origin, &mut NoFiles, &mut problems);
    let owners: Vec<Name> = parsed.iter().map(|record| record.owner.clone()).collect();
    let records = Records::build(&origin, parsed, &Location::file("db"), &mut problems);
    let fleet = Arc::new(Fleet::parse("mirrors.toml", mirrors, &mut problems));
    if problems.has_errors() {
        return;
    }
    let zones = vec![ZoneInput {
        file,
        zones: vec![ExpandedZone::new(None, records.into())],
        fleet,
        fleet_complete: true,
    }];
    let settings = Settings {
        udp_size: 1232,
        ecs: true,
        explain: Explain::Public,
        nsid: None,
        version: String::new(),
        identity: String::new(),
        expire: true,
        quorum: Share::MOST,
        lag: 1,
        stuck_after: std::time::Duration::from_secs(6 * 3600),
        ..Settings::default()
    };
    let inputs =
        Inputs { zones, countries: CountryMap::empty().into(), settings, record_ttl: 1800 };
    let databases = [String::from("test")].into();
    let required = FeedRequirements { databases, ..FeedRequirements::default() };
    let Some(static_data) = compile(&inputs, &required, &mut problems) else {
        return;
    };
    let now = Now::new(None, clock(), Duration::from_secs(3600));
    let snapshot = Snapshot::new(Arc::new(static_data), &now);
    let mut answering = Answering::new(0, clock);
    let mut buffer = vec![0; 65_535];
    let names = ["", "db.de", "db.local", "a.db.local", "current.cvd", "x.ping", "a.b.c.d"];
    let names = names.iter().filter_map(|name| Name::parse(name, &origin).ok());
    for name in owners.into_iter().chain([origin.clone()]).chain(names).take(40) {
        for qtype in TYPES {
            let mut query = vec![0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
            query.extend(name.wire());
            query.extend([(qtype >> 8) as u8, qtype as u8, 0, 1]);
            buffer[..query.len()].copy_from_slice(&query);
            let client = IpAddr::from([192, 0, 2, 1]);
            let length = answering.respond(
                &snapshot,
                &mut buffer,
                query.len(),
                (client, 4711).into(),
                Transport::Tcp,
            );
            let answer = &buffer[..length.expect("an answer")];
            // hickory-proto refuses some RDATA that the zone file may contain, so only the header
            // and the question are checked with it.
            assert!(answer.len() >= query.len() && answer[12..query.len()] == query[12..]);
            assert!(
                Message::from_vec(&answer[..query.len()]).is_err()
                    || answer.len() == query.len()
                    || answer[6..12] != [0; 6]
            );
        }
    }
}
