//! What the answers about a zone mean.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::ds::compare_ds;
use super::finding::{Finding, Kind};
use super::parent::{Parent, ParentAnswer};
use super::probe::{Details, Probe, SoaReply};
use super::samples::Samples;
use super::signed::Trust;
use super::subject::Subject;
use cvdns_core::wire::name::Name;
use jiff::Timestamp;

/// A zone with everything that was answered about it.
pub(super) struct Checked {
    pub subject: Subject,
    /// `None` for the root.
    pub parent: Option<Parent>,
    /// The name servers of zone and parent by their names in lower case, with their addresses.
    pub addresses: BTreeMap<String, (Name, Vec<IpAddr>)>,
    pub probes: Vec<NamedProbe>,
}

/// A probe, and the name of the server as a key of [`Checked::addresses`].
type NamedProbe = (String, Probe);

impl Checked {
    /// Each name server, as a key of [`Self::addresses`], with each of its addresses.
    pub(super) fn pairs(&self) -> Vec<(String, IpAddr)> {
        let each = self.addresses.iter().flat_map(|(key, (_, addresses))| {
            addresses.iter().map(|address| (key.clone(), *address))
        });
        each.collect()
    }

    /// What is wrong, in the order: delegation, each server, all servers together.
    pub(super) fn findings(&self, samples: &Samples) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let Some(parent) = &self.parent {
            self.check_parent(parent, &mut findings);
        }
        self.check_names(&mut findings);
        for (name, probe) in &self.probes {
            self.check_server(name, probe, samples, &mut findings);
        }
        self.check_signers(&mut findings);
        self.check_serials(&mut findings);
        self.check_nsids(&mut findings);
        if !samples.has_expectations() {
            self.check_agreement(samples, &mut findings);
        }
        findings
    }

    fn check_parent(&self, parent: &Parent, findings: &mut Vec<Finding>) {
        let zone = &self.subject.origin;
        let silent = |answer: &ParentAnswer| {
            matches!(answer, ParentAnswer::Silent(_) | ParentAnswer::Lame(_))
        };
        if parent.answers.iter().all(|(_, answer)| silent(answer)) {
            let what = "no name server of the parent zone answers";
            findings.push(Kind::ParentSilent.of_zone(zone, what));
        }
        for (server, answer) in &parent.answers {
            let at = format!("parent's {server}");
            match answer {
                ParentAnswer::Silent(reason) if reason.no_route => {}
                ParentAnswer::Silent(reason) => findings.push(Kind::ParentUnreachable.of_server(
                    zone,
                    at,
                    format!("does not answer: {reason}"),
                )),
                ParentAnswer::Lame(what) => findings.push(Kind::ParentUnreachable.of_server(
                    zone,
                    at,
                    format!("is lame: {what}"),
                )),
                ParentAnswer::NotDelegated(what) => findings.push(Kind::NotDelegated.of_server(
                    zone,
                    at,
                    format!("does not delegate the zone: {what}"),
                )),
                ParentAnswer::ServesZone | ParentAnswer::Delegation(_) => {}
            }
        }
        self.compare_delegation(parent, findings);
    }

    /// Compares the delegation with the zone file. What several servers of the parent have alike is
    /// one finding.
    fn compare_delegation(&self, parent: &Parent, findings: &mut Vec<Finding>) {
        let mut wrong: Vec<(Kind, String, Vec<String>)> = Vec::new();
        let mut note = |kind: Kind, what: String, at: String| match wrong
            .iter_mut()
            .find(|(known, text, _)| *known == kind && *text == what)
        {
            Some((_, _, servers)) => servers.push(at),
            None => wrong.push((kind, what, vec![at])),
        };
        for (server, delegation) in parent.delegations() {
            for own in &self.subject.servers {
                if !delegation.ns.contains(&own.name) {
                    let what = format!("the parent has no NS record for {}", own.name);
                    note(Kind::NsMissingAtParent, what, server.to_string());
                } else if own.needs_glue {
                    let glue: BTreeSet<IpAddr> = (delegation.glue.iter())
                        .filter(|(name, _)| *name == own.name)
                        .map(|(_, address)| *address)
                        .collect();
                    let addresses = own.addresses.iter().flatten().copied().collect();
                    for (kind, what) in compare_glue(&own.name, &addresses, &glue) {
                        note(kind, what, server.to_string());
                    }
                }
            }
            for name in &delegation.ns {
                if self.subject.servers.iter().all(|own| own.name != *name) {
                    let what = format!(
                        "the parent has an NS record for {name}, which the zone file has not"
                    );
                    note(Kind::NsOnlyAtParent, what, server.to_string());
                }
            }
            if !delegation.ds.is_empty() && self.is_nowhere_signed() {
                let what =
                    "the parent has a DS record, and no server has DNSKEY records".to_owned();
                note(Kind::DsWithoutKey, what, server.to_string());
            }
            if let Some(keys) = &self.subject.trusted {
                for (kind, what) in compare_ds(&self.subject.origin, keys, &delegation.ds) {
                    note(kind, what, server.to_string());
                }
            }
        }
        let all = parent.delegations().count();
        for (kind, what, servers) in wrong {
            let at = if servers.len() == all {
                String::new()
            } else {
                format!(" (at {} only)", servers.join(", "))
            };
            let finding = kind.of_zone(&self.subject.origin, format!("{what}{at}"));
            let is_ready = self.wrong_signers().next().is_none();
            findings.push(if is_ready { finding } else { finding.while_unsigned() });
        }
    }

    /// Whether the zone is signed here or the parent has DS records of it.
    pub(super) fn is_to_be_signed(&self) -> bool {
        self.subject.trusted.is_some() || !self.trust().ds.is_empty()
    }

    fn trust(&self) -> Trust<'_> {
        let delegations = self.parent.iter().flat_map(Parent::delegations);
        Trust {
            ds: delegations.flat_map(|(_, of)| of.ds.iter().map(Vec::as_slice)).collect(),
            keys: self.subject.trusted.as_deref(),
        }
    }

    /// Whether no server that answers has DNSKEY records.
    fn is_nowhere_signed(&self) -> bool {
        let mut known =
            self.probes.iter().filter_map(|(_, probe)| probe.signed.as_ref()).peekable();
        known.peek().is_some() && known.all(|signed| !signed.has_keys())
    }

    /// The servers that do not answer signed by the zone's keys, and what is wrong.
    fn wrong_signers(&self) -> impl Iterator<Item = (String, Kind, String)> + '_ {
        let (trust, now) = (self.trust(), Timestamp::now());
        self.probes.iter().flat_map(move |(name, probe)| {
            let signed = probe.signed.iter();
            let wrong = signed.flat_map(|of| of.wrong(&self.subject.origin, &trust, now));
            let wrong: Vec<_> =
                wrong.map(|(kind, what)| (self.label(name, probe), kind, what)).collect();
            wrong
        })
    }

    fn check_signers(&self, findings: &mut Vec<Finding>) {
        // That the parent has DS records of a zone that nobody signs is one finding.
        if self.is_nowhere_signed() && !self.trust().ds.is_empty() {
            return;
        }
        for (server, kind, what) in self.wrong_signers() {
            findings.push(kind.of_server(&self.subject.origin, server, what));
        }
    }

    fn check_names(&self, findings: &mut Vec<Finding>) {
        let zone = &self.subject.origin;
        for (name, addresses) in self.addresses.values() {
            if addresses.is_empty() {
                findings.push(Kind::NoAddress.of_server(zone, name, "has no address"));
            }
        }
        if self.subject.servers.len() < 2 {
            let what = "the zone has only one name server";
            findings.push(Kind::OneServer.of_zone(zone, what));
        }
    }

    fn check_server(
        &self,
        name: &str,
        probe: &Probe,
        samples: &Samples,
        findings: &mut Vec<Finding>,
    ) {
        let zone = &self.subject.origin;
        let server = self.label(name, probe);
        let mut note =
            |kind: Kind, what: String| findings.push(kind.of_server(zone, &server, what));
        let tcp = probe.details.as_ref().map(|details| &details.tcp);
        match (&probe.udp, tcp) {
            (SoaReply::Silent(reason), _) if reason.no_route => {
                note(Kind::NoRoute, format!("cannot be reached from this host: {reason}"));
            }
            (SoaReply::Silent(reason), None | Some(SoaReply::Silent(_))) => {
                note(Kind::Unreachable, format!("does not answer: {reason}"));
            }
            (SoaReply::Silent(reason), Some(_)) => {
                note(Kind::UdpUnanswered, format!("answers over TCP and not over UDP: {reason}"));
            }
            (SoaReply::Lame(what), _) => note(Kind::Lame, format!("is lame: it {what}")),
            (SoaReply::NotAuthoritative, _) => {
                note(Kind::NotAuthoritative, "is not authoritative: it answers without AA".into());
            }
            (SoaReply::Serial(_), Some(SoaReply::Silent(reason))) => {
                note(Kind::TcpUnanswered, format!("answers over UDP and not over TCP: {reason}"));
            }
            (SoaReply::Serial(_), _) => {}
        }
        let Some(details) = &probe.details else { return };
        if let Some(what) = &details.edns {
            note(Kind::EdnsBroken, what.clone());
        }
        if let Some(what) = &details.edns_version {
            note(Kind::EdnsVersion, format!("{what} instead of BADVERS"));
        }
        let own: BTreeSet<String> =
            self.subject.servers.iter().map(|own| own.name.to_lower().to_string()).collect();
        if let Some(ns) = details.ns.as_ref().filter(|ns| **ns != own) {
            let text = |names: &BTreeSet<String>| {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                if names.is_empty() { "none".to_owned() } else { names.join(" ") }
            };
            let what =
                format!("answers the NS records {}, the zone file has {}", text(ns), text(&own));
            note(Kind::NsDiffers, what);
        }
        // A server without EDNS cannot echo a client subnet: that has been said.
        if details.edns.is_none() {
            self.check_samples(details, samples, note);
        }
    }

    fn check_samples(
        &self,
        details: &Details,
        samples: &Samples,
        mut note: impl FnMut(Kind, String),
    ) {
        let asked = samples.of_subject(&self.subject);
        let mut without_ecs = Vec::new();
        for (sample, answer) in asked.iter().zip(&details.samples) {
            let theirs = match answer {
                Ok(theirs) => theirs,
                Err(reason) => {
                    note(
                        Kind::NoSampleAnswer,
                        format!("does not answer {}: {reason}", sample.label),
                    );
                    continue;
                }
            };
            match (
                sample.client.is_some() && theirs.rcode == "NOERROR",
                samples.ecs(),
                theirs.scope,
            ) {
                (true, true, None) => without_ecs.push(sample.label.as_str()),
                (true, false, Some(scope)) => {
                    let what = format!("echoes the client subnet with scope /{scope}");
                    note(Kind::EcsEchoed, format!("{what} for {}", sample.label));
                }
                _ => {
                    let differences = samples.differences(&self.subject, sample, theirs);
                    if !differences.is_empty() {
                        let what = differences.join("; ");
                        note(
                            Kind::AnswerDiffers,
                            format!("answers {} otherwise: {what}", sample.label),
                        );
                    }
                }
            }
        }
        if !without_ecs.is_empty() {
            let what = format!("does not echo the client subnet for {}", without_ecs.join(", "));
            note(Kind::EcsNotEchoed, what);
        }
    }

    /// Serials of the servers that answer with authority, with the servers that have them.
    fn serials(&self) -> BTreeMap<u32, Vec<String>> {
        let mut serials: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for (name, probe) in &self.probes {
            if let SoaReply::Serial(serial) = probe.udp {
                serials.entry(serial).or_default().push(self.label(name, probe));
            }
        }
        serials
    }

    fn check_serials(&self, findings: &mut Vec<Finding>) {
        let (serials, zone) = (self.serials(), &self.subject.origin);
        let file = self.subject.serial;
        if serials.len() > 1 {
            let each = serials
                .iter()
                .map(|(serial, servers)| format!("{serial} at {}", servers.join(", ")));
            let of_file = file.map(|file| format!("; the zone file has {file}"));
            let what = format!(
                "the servers have different SOA serials: {}{}",
                each.collect::<Vec<_>>().join("; "),
                of_file.unwrap_or_default()
            );
            findings.push(Kind::SerialsDiffer.of_zone(zone, what));
        } else if let Some(file) = file
            && let Some((serial, _)) = serials.first_key_value().filter(|(it, _)| **it != file)
        {
            let what =
                format!("all servers have the SOA serial {serial}, the zone file has {file}");
            findings.push(Kind::SerialNotOfFile.of_zone(zone, what));
        }
    }

    /// Name server identifiers tell servers apart (RFC 5001 section 1).
    fn check_nsids(&self, findings: &mut Vec<Finding>) {
        let zone = &self.subject.origin;
        let mut names: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut ids: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut missing = Vec::new();
        for (name, probe, details) in self.details() {
            match &details.nsid {
                Some(id) => {
                    names.entry(id).or_default().insert(name);
                    ids.entry(name).or_default().insert(id);
                }
                None if details.edns.is_none() && matches!(probe.udp, SoaReply::Serial(_)) => {
                    missing.push(self.label(name, probe));
                }
                None => {}
            }
        }
        let join = |set: BTreeSet<&str>| set.into_iter().collect::<Vec<_>>().join(", ");
        if !names.is_empty() {
            for server in missing {
                let what = "has no NSID, and other servers of the zone have one";
                findings.push(Kind::NsidMissing.of_server(zone, server, what));
            }
        }
        for (id, names) in names.into_iter().filter(|(_, names)| names.len() > 1) {
            let what = format!("the NSID {id} is that of several name servers: {}", join(names));
            findings.push(Kind::NsidShared.of_zone(zone, what));
        }
        for (name, ids) in ids.into_iter().filter(|(_, ids)| ids.len() > 1) {
            let what = format!("has different NSIDs at its addresses: {}", join(ids));
            findings.push(Kind::NsidVaries.of_server(zone, name, what));
        }
    }

    /// Compares the servers with each other, for want of expected answers.
    fn check_agreement(&self, samples: &Samples, findings: &mut Vec<Finding>) {
        for (number, sample) in samples.of_subject(&self.subject).iter().enumerate() {
            let mut answers: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for (name, probe, details) in self.details() {
                if let Some(Ok(answer)) = details.samples.get(number)
                    && let Some(agreed) = sample.agreed(answer)
                {
                    answers.entry(agreed).or_default().push(self.label(name, probe));
                }
            }
            if answers.len() > 1 {
                let each =
                    answers.iter().map(|(answer, at)| format!("{answer} at {}", at.join(", ")));
                let each = each.collect::<Vec<_>>().join("; ");
                let what = format!("the servers answer {} differently: {each}", sample.label);
                findings.push(Kind::AnswerDiffers.of_zone(&self.subject.origin, what));
            }
        }
    }

    fn details(&self) -> impl Iterator<Item = (&str, &Probe, &Details)> {
        self.probes.iter().filter_map(|(name, probe)| {
            let details = probe.details.as_ref()?;
            Some((name.as_str(), probe, details))
        })
    }

    /// A server as findings name it.
    fn label(&self, name: &str, probe: &Probe) -> String {
        let written =
            self.addresses.get(name).map_or(name.to_owned(), |(name, _)| name.to_string());
        format!("{written} ({})", probe.address.ip())
    }
}

/// How the glue of a name server differs from its addresses in the zone.
fn compare_glue(
    name: &Name,
    own: &BTreeSet<IpAddr>,
    glue: &BTreeSet<IpAddr>,
) -> Vec<(Kind, String)> {
    let text = |addresses: BTreeSet<&IpAddr>| {
        addresses.into_iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    if glue.is_empty() {
        return vec![(Kind::GlueMissing, format!("the parent has no glue for {name}"))];
    }
    let mut wrong = Vec::new();
    let only_glue: BTreeSet<&IpAddr> = glue.difference(own).collect();
    if !only_glue.is_empty() {
        let what = format!("the glue {} of {name} is not in the zone", text(only_glue));
        wrong.push((Kind::GlueDiffers, what));
    }
    let only_zone: BTreeSet<&IpAddr> = own.difference(glue).collect();
    if !only_zone.is_empty() {
        let what = format!("the address {} of {name} is not among the glue", text(only_zone));
        wrong.push((Kind::GlueMissing, what));
    }
    wrong
}
