//! The zones and names whose answers are simulated.

use super::failures::listed;
use crate::cli::output::{Failure, eprint_line};
use cvdns_core::explain::rtype_text;
use cvdns_core::fleet::host_key;
use cvdns_core::geo::country::Country;
use cvdns_core::problem::table::nearest;
use cvdns_core::replay::{ANYWHERE, Subject, decided, pool_names, usual_name};
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::inputs::ZoneInput;
use cvdns_core::wire::rtype;
use cvdns_core::zone::file::CC;

/// The zone and name that the user asks for.
pub(super) struct Wanted<'w> {
    pub zones: &'w [ZoneInput],
    pub zone: Option<&'w str>,
    pub name: Option<&'w str>,
    pub qtype: u16,
}

impl Wanted<'_> {
    /// The subjects. Without a name, that is one name of each zone that has mirrors.
    pub(super) fn subjects(&self, snapshot: &Snapshot) -> Result<Vec<Subject>, Failure> {
        let zone = self.zone.map(|origin| self.zone_number(origin)).transpose()?;
        if let Some(name) = self.name {
            let subject = self.named(snapshot, name)?;
            if let (Some(zone), Some(origin)) = (zone, self.zone)
                && subject.plan != zone
            {
                return Err(Failure::new(format!("{name} is not a name of the zone {origin}")));
            }
            return Ok(vec![subject]);
        }
        let (mut subjects, mut without) = (Vec::new(), Vec::new());
        for (plan, input) in self.zones.iter().enumerate() {
            if zone.is_some_and(|zone| zone != plan) || input.file.mirrors.is_none() {
                continue;
            }
            match usual_name(input, self.qtype) {
                Some(name) => subjects.push(Subject { plan, name }),
                None => without.push(input.file.origin.value.as_str()),
            }
        }
        let rtype = rtype_text(self.qtype);
        let why = |origin: &str| {
            format!("{origin} has no name with {rtype} records that depends on the client")
        };
        match (subjects.is_empty(), without.first()) {
            (true, None) => Err(Failure::new("no zone has mirrors")),
            (true, Some(origin)) => {
                Err(Failure::new(format!("{}: choose a name with --name", why(origin))))
            }
            (false, _) => {
                for origin in without {
                    eprint_line!("cvdns: {}", why(origin));
                }
                Ok(subjects)
            }
        }
    }

    fn zone_number(&self, origin: &str) -> Result<usize, Failure> {
        let is_it = |zone: &ZoneInput| is_origin(&zone.file.origin.value, origin);
        let Some(number) = self.zones.iter().position(is_it) else {
            let origins: Vec<&str> =
                self.zones.iter().map(|zone| zone.file.origin.value.as_str()).collect();
            return Err(Failure::new(match nearest(origin, &origins) {
                Some(near) => format!("no zone file has the origin {origin}; did you mean {near}?"),
                None => {
                    format!("no zone file has the origin {origin}; there are {}", listed(origins))
                }
            }));
        };
        match self.zones.get(number) {
            Some(zone) if zone.file.mirrors.is_some() => Ok(number),
            _ => Err(Failure::new(format!("the zone {origin} has no mirrors"))),
        }
    }

    fn named(&self, snapshot: &Snapshot, name: &str) -> Result<Subject, Failure> {
        let first = Country::all().next().map(Country::code).unwrap_or_default();
        let asked = name.replace(CC, &first.to_ascii_lowercase());
        let found = decided(snapshot, &asked, self.qtype, ANYWHERE).map_err(Failure::new)?;
        let rule = found.and_then(|(rule, _)| snapshot.static_data.rules.get(rule as usize));
        if let Some(rule) = rule {
            return Ok(Subject { plan: rule.plan as usize, name: name.to_owned() });
        }
        let none = format!("{name} has no {} records of mirrors", rtype_text(self.qtype));
        let (other, hint) = if self.qtype == rtype::A {
            (rtype::AAAA, "it has AAAA records: add --ipv6")
        } else {
            (rtype::A, "it has A records: omit --ipv6")
        };
        if decided(snapshot, &asked, other, ANYWHERE).map_err(Failure::new)?.is_some() {
            return Err(Failure::new(format!("{none}; {hint}")));
        }
        let zones = self.zones.iter().filter(|zone| zone.file.mirrors.is_some());
        let names: Vec<String> = zones.flat_map(|zone| pool_names(zone, self.qtype)).collect();
        let names: Vec<&str> =
            names.iter().map(String::as_str).filter(|other| !is_origin(other, name)).collect();
        Err(Failure::new(match nearest(name, &names) {
            _ if names.is_empty() => format!("{none}, and no other name has"),
            Some(near) => format!("{none}; did you mean {near}?"),
            None => format!("{none}; these have: {}", listed(names)),
        }))
    }
}

/// Whether a zone file's origin is the one that was named.
pub(super) fn is_origin(origin: &str, named: &str) -> bool {
    host_key(origin) == host_key(named)
}
