//! Checks whether the zones can be transferred that a configuration says.

use cvdns_core::config::{ClientNames, Config, Transfer};
use cvdns_core::problem::Problems;
use cvdns_core::snapshot::inputs::{ExpandedZone, ZoneInput};
use cvdns_core::wire::name::Name;

use super::geoip::depends_on_clients;

/// Reports secondaries whose zones are not here or are not transferred, a catalog that is a zone
/// already, and serials that would not survive a restart.
pub(super) fn check(config: &Config, zones: &[ZoneInput], problems: &mut Problems) {
    let transfer = &config.transfer;
    if !transfer.is_on() {
        return;
    }
    let names: Vec<&Name> = zones.iter().flat_map(ZoneInput::origins).collect();
    if let Some(catalog) = &transfer.catalog
        && names.contains(&&catalog.value)
    {
        let what = format!("{} is a zone of this server already", catalog.value);
        let help = "name the catalog otherwise: nobody asks for it but the secondaries";
        problems.error(catalog.location.clone(), what, help);
    }
    for secondary in &transfer.secondaries {
        for pattern in &secondary.zones {
            if !names.iter().any(|name| pattern_matches(&pattern.value, name)) {
                let what = format!("no zone of this server is {}", pattern.value);
                let help = "the names of zones are the origins of the zone files";
                problems.warning(pattern.location.clone(), what, help);
            }
        }
    }
    warn_of_clients(config, zones, problems);
    warn_of_signatures(transfer, zones, problems);
    warn_of_expire(transfer, zones, problems);
    if config.feed.state.is_none()
        && let Some(first) = transfer.secondaries.first()
    {
        let what = "the serials of transferred zones are not kept: `state` in [feed] is not set";
        let help = "set it: after a restart a serial could otherwise be smaller than before, and \
                    secondaries would not take the zone until it has grown";
        problems.warning(first.address.location.clone(), what, help);
    }
}

fn pattern_matches(pattern: &str, zone: &Name) -> bool {
    wildmatch::WildMatch::new(pattern).matches(&zone.to_lower().to_string())
}

/// Warns of signed zones that a secondary would answer longer than their signatures are valid, if
/// it lost this server: they are replaced after half of their validity (RFC 6781 section 4.4.2).
fn warn_of_expire(transfer: &Transfer, zones: &[ZoneInput], problems: &mut Problems) {
    if transfer.signed != Some(true) {
        return;
    }
    for zone in zones {
        let Some(dnssec) = &zone.file.dnssec else { continue };
        let left = dnssec.validity.as_secs() / 2;
        let expire = |of: &ExpandedZone| u64::from(of.records.expire());
        let Some(expire) = zone.zones.iter().map(expire).max().filter(|expire| *expire > left)
        else {
            continue;
        };
        let what = format!(
            "a secondary of {} that loses this server answers for {expire} seconds (EXPIRE), and \
             may have signatures for {left} seconds only",
            zone.file.origin.value
        );
        let help = "lower EXPIRE of the SOA record to half of `validity`, or raise `validity`";
        problems.warning(dnssec.location.clone(), what, help);
    }
}

/// Warns of signed zones that secondaries get without signatures, unless somebody said so.
fn warn_of_signatures(transfer: &Transfer, zones: &[ZoneInput], problems: &mut Problems) {
    if transfer.signed.is_some() {
        return;
    }
    for zone in zones {
        let Some(dnssec) = &zone.file.dnssec else { continue };
        if !transfer.secondaries.iter().any(|of| zone.origins().any(|origin| of.takes(origin))) {
            continue;
        }
        let what = format!("{} is transferred without keys and signatures", zone.file.origin.value);
        let help = "write `signed = true` in [transfer] for secondaries that only copy, or \
                    `signed = false` if they sign the zone themselves: resolvers that validate \
                    refuse unsigned answers of a zone with a DS record";
        problems.warning(dnssec.keys.location.clone(), what, help);
    }
}

/// Warns of zones that secondaries may have, and do not get.
fn warn_of_clients(config: &Config, zones: &[ZoneInput], problems: &mut Problems) {
    let transfer = &config.transfer;
    if !config.server.ecs || transfer.client_names != ClientNames::Refuse {
        return;
    }
    for zone in zones.iter().filter(|zone| depends_on_clients(zone)) {
        let is_taken = |origin: &&Name| transfer.secondaries.iter().any(|of| of.takes(origin));
        if !zone.origins().any(|origin| is_taken(&origin)) {
            continue;
        }
        let what = format!(
            "{} is not transferred: answers to some of its names depend on the client, and a \
             secondary would give all clients the same",
            zone.file.origin.value
        );
        let help = "resolvers with ECS keep such an answer for all their clients, also if cvdns \
                    answers others (RFC 7871 section 7.3.1). Write `client-names = \"unknown\"` in \
                    [transfer] if the secondaries are in no NS record of the zone, or \
                    `ecs = false` in [server]";
        problems.warning(zone.file.origin.location.clone(), what, help);
    }
}
