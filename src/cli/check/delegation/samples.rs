//! Queries whose answers are compared: they stand for all names of a zone.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use hickory_net::proto::op::Message;
use ipnet::IpNet;
use jiff::Timestamp;

use super::subject::Subject;
use crate::cli::live::compare::differences;
use crate::cli::offline::Offline;
use crate::cli::output::Failure;
use crate::explaining::answer::DecodedAnswer;
use crate::explaining::query::{plain, with_client, with_edns};
use cvdns_core::answer::Answering;
use cvdns_core::config::Transfer;
use cvdns_core::explain::{AddressSource, ClientAddress, ExplainQuery};
use cvdns_core::geo::area::Area;
use cvdns_core::geo::country::Country;
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::inputs::{Inputs, ZoneInput};
use cvdns_core::wire::lower::LowerName;
use cvdns_core::wire::name::Name;
use cvdns_core::wire::rtype;
use cvdns_core::zone::file::{CC, Families, NameKind, PoolRef};

/// The samples of each zone file, and the snapshot that has the expected answers.
pub(super) struct Samples {
    offline: Offline,
    /// `None` if the feed cannot be read here.
    snapshot: Option<Snapshot>,
    /// Why the feed cannot be read here.
    pub unread: Option<String>,
    of_file: Vec<Vec<Sample>>,
    time: Timestamp,
}

/// A query whose answers are compared.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    /// The query in words, such as "db.local.example A for 192.0.2.0/24".
    pub label: String,
    name: Name,
    qtype: u16,
    /// The network in the client subnet option; `None`: the query has no such option.
    pub client: Option<ClientAddress>,
    /// Whether every server must answer from the same addresses. Otherwise the answer depends on
    /// where the query comes from, which this host cannot know.
    exact: bool,
}

/// The networks of a country that stand for its clients, as resolvers send them.
const PREFIXES: [(IpAddr, u8); 2] = [
    (IpAddr::V4(Ipv4Addr::new(198, 51, 100, 0)), 24),
    (IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0)), 56),
];

impl Samples {
    /// Reads the configuration and its feed.
    pub(super) fn of(config: &Path, time: Timestamp) -> Result<Self, Failure> {
        let offline = Offline::load(config, time)?.remembering();
        let (snapshot, unread) = match offline.feed_in_force() {
            Ok(feed) => (Some(offline.snapshot(feed.as_ref().map(|feed| &feed.feed), None)?), None),
            Err(Failure::Input(why)) => (None, Some(why)),
            Err(failure) => return Err(failure),
        };
        let mut networks = Networks(HashMap::new());
        let inputs = &offline.loaded.inputs;
        let of_file =
            inputs.zones.iter().map(|zone| of_zone(inputs, zone, &mut networks)).collect();
        Ok(Self { offline, snapshot, unread, of_file, time })
    }

    /// What the zones are made of.
    pub(super) fn inputs(&self) -> &Inputs {
        &self.offline.loaded.inputs
    }

    /// Who may transfer which zones.
    pub(super) fn transfer(&self) -> &Transfer {
        &self.offline.loaded.config.transfer
    }

    /// The samples of a zone; only the first zone of a zone file has any.
    pub(super) fn of_subject(&self, subject: &Subject) -> &[Sample] {
        let of_file = self.of_file.get(subject.file).filter(|_| subject.first_of_file);
        of_file.map(Vec::as_slice).unwrap_or_default()
    }

    /// The queries of these samples, in their order.
    pub(super) fn queries(&self, subject: &Subject) -> Vec<Message> {
        self.of_subject(subject).iter().map(Sample::query).collect()
    }

    /// Whether this configuration honours client subnets.
    pub(super) fn ecs(&self) -> bool {
        self.inputs().settings.ecs
    }

    /// How a server's answer differs from what it must be by this configuration; empty if it does
    /// not, or if nothing can be expected.
    pub(super) fn differences(
        &self,
        subject: &Subject,
        sample: &Sample,
        theirs: &DecodedAnswer,
    ) -> Vec<String> {
        let unknown = self.unknown_addresses(subject, theirs);
        if !unknown.is_empty() {
            return vec![format!("{} belongs to no mirror of the fleet file", unknown.join(" "))];
        }
        let Some(snapshot) = self.snapshot.as_ref().filter(|_| sample.exact) else {
            return if theirs.rcode == "NOERROR" { Vec::new() } else { vec![theirs.rcode.clone()] };
        };
        let mut answering = Answering::new(0, Timestamp::now);
        let mut lower = LowerName::new();
        lower.set(sample.name.to_lower().wire());
        let client = sample.client.unwrap_or(ANYWHERE);
        let (turn, qtype, time) = (answering.next_turn(), sample.qtype, self.time);
        let inquiry = ExplainQuery { name: &lower, qtype, client, turn, time };
        let query = sample.query();
        match DecodedAnswer::expected(&mut answering, snapshot, &query, client.address) {
            Ok(ours) => differences(snapshot, &inquiry, &ours, theirs),
            Err(_) => Vec::new(),
        }
    }

    /// Addresses of an answer that are no mirror's.
    fn unknown_addresses(&self, subject: &Subject, answer: &DecodedAnswer) -> Vec<String> {
        let Some(zone) = self.inputs().zones.get(subject.file) else { return Vec::new() };
        let known: BTreeSet<IpAddr> =
            zone.fleet.enabled().flat_map(|(_, mirror)| mirror.addresses()).collect();
        let answered = answer.addresses.iter().filter_map(|octets| {
            let v4 = <[u8; 4]>::try_from(octets.as_slice()).map(IpAddr::from).ok();
            v4.or_else(|| <[u8; 16]>::try_from(octets.as_slice()).map(IpAddr::from).ok())
        });
        answered.filter(|address| !known.contains(address)).map(|it| it.to_string()).collect()
    }

    /// Whether answers can only be compared with each other.
    pub(super) fn has_expectations(&self) -> bool {
        self.snapshot.is_some()
    }
}

/// The client of names whose answer is the same for all.
const ANYWHERE: ClientAddress = ClientAddress {
    address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    prefix: Some(0),
    from: AddressSource::Given,
};

impl Sample {
    fn query(&self) -> Message {
        let query = with_edns(plain(&self.name, self.qtype), 0);
        match self.client {
            Some(client) => with_client(query, client),
            None => query,
        }
    }

    /// What servers must agree on: RCODE, scope, highest TTL, and the records of names without
    /// mirrors.
    pub(super) fn agreed(&self, answer: &DecodedAnswer) -> Option<String> {
        let scope = answer.scope.map_or("no client subnet".to_owned(), |scope| format!("/{scope}"));
        let ttl = answer.ttls.iter().max().copied().unwrap_or_default();
        let records =
            if answer.addresses.is_empty() { answer.records.join(", ") } else { String::new() };
        let text = format!("{}, scope {scope}, TTL {ttl} {records}", answer.rcode);
        self.exact.then(|| text.trim_end().to_owned())
    }
}

/// The samples of the first zone of a zone file: a name that depends on the client, with and
/// without a client subnet, a name of a country, and the version record.
fn of_zone(inputs: &Inputs, zone: &ZoneInput, networks: &mut Networks) -> Vec<Sample> {
    let Some(first) = zone.zones.first() else { return Vec::new() };
    let home = zone.fleet.enabled().next().map(|(_, mirror)| mirror.country);
    let code = first.country.or(home).map(|country| country.code().to_lowercase());
    let mut samples = Vec::new();
    let (mut client, mut country, mut record) = (false, false, false);
    for name in &zone.file.names {
        let owner = name.owner.value.replace(CC, code.as_deref().unwrap_or("de"));
        let Ok(at) = Name::parse(&owner, &first.records.origin) else { continue };
        if owner.contains('{') || at.is_wildcard() {
            continue;
        }
        let (done, qtype) = match &name.kind {
            NameKind::Pool { pool: PoolRef::Client, families } => (&mut client, qtype(*families)),
            NameKind::Pool { pool: PoolRef::OfName, families } => (&mut country, qtype(*families)),
            NameKind::Record => (&mut record, rtype::TXT),
            _ => continue,
        };
        if std::mem::replace(done, true) {
            continue;
        }
        let label = format!("{at} {}", if qtype == rtype::TXT { "TXT" } else { type_word(qtype) });
        let depends = matches!(name.kind, NameKind::Pool { pool: PoolRef::Client, .. });
        let sample = Sample { label, name: at, qtype, client: None, exact: !depends };
        if depends {
            samples.extend(networks.of(inputs, home).into_iter().map(|network| Sample {
                label: format!("{} for {network}", sample.label),
                client: Some(ClientAddress {
                    address: network.network(),
                    prefix: Some(network.prefix_len()),
                    from: AddressSource::Given,
                }),
                exact: true,
                ..sample.clone()
            }));
        }
        samples.push(sample);
    }
    samples
}

fn qtype(families: Families) -> u16 {
    if families == Families::V6 { rtype::AAAA } else { rtype::A }
}

fn type_word(qtype: u16) -> &'static str {
    if qtype == rtype::AAAA { "AAAA" } else { "A" }
}

/// An IPv4 and an IPv6 network of each country that was asked for.
struct Networks(HashMap<Option<Country>, Vec<IpNet>>);

impl Networks {
    fn of(&mut self, inputs: &Inputs, country: Option<Country>) -> Vec<IpNet> {
        let found = self.0.entry(country).or_insert_with(|| {
            let is_wanted = |area| u16::from(country.is_some_and(|it| area == Area::Country(it)));
            let all = country.map(|_| inputs.countries.networks(is_wanted)).unwrap_or_default();
            let of_family = |(default, longest): (IpAddr, u8)| {
                let mut fitting = all.iter().filter(|(network, wanted)| {
                    let same_family = network.network().is_ipv4() == default.is_ipv4();
                    *wanted == 1 && same_family && network.prefix_len() <= longest
                });
                let address = fitting.next().map_or(default, |(network, _)| network.network());
                IpNet::new(address, longest).ok()
            };
            PREFIXES.into_iter().filter_map(of_family).collect()
        });
        found.clone()
    }
}
