//! The comments at the beginning of exported files: what operators must know of an export.

use std::fmt::Write as _;

use super::zone::ExportZone;

/// Lines that warn of zones with both cvdns and BIND servers. `ecs` is the setting in `[server]`.
pub fn ecs_warning(ecs: bool) -> [&'static str; 3] {
    [
        "BIND answers client subnets (ECS, RFC 7871) with scope 0: caches use such an answer for all clients.",
        "If a zone has both cvdns and BIND servers, set `ecs = false` in [server] of cvdns, or use BIND alone.",
        if ecs { "The setting is `ecs = true` now." } else { "The setting is `ecs = false` now." },
    ]
}

/// The header of any file, each line after this comment character.
pub(super) fn of_file(comment: &str, ecs: bool) -> String {
    let mut out = format!(
        "{comment} Exported by cvdns {}: the next export overwrites any changes made here.\n",
        env!("CARGO_PKG_VERSION")
    );
    for line in ecs_warning(ecs) {
        let _ = writeln!(out, "{comment} {line}");
    }
    out
}

/// The header of a zone file.
pub(super) fn of_zone(zone: &ExportZone<'_>, ecs: bool, view: Option<&str>) -> String {
    let mut out = of_file(";", ecs);
    out.push_str(
        ";\n\
         ; Other differences from cvdns, by design:\n\
         ; - A name has all its usable mirrors, whatever its `max`; BIND rotates them. Long answers need TCP.\n\
         ; - Stamps, states and TTLs change only with the next export: without --watch the record is stale after 3 hours.\n\
         ; - If no mirror is known to work, all are listed with a TTL of at most 30 s until the next export.\n\
         ; - A record that is unknown or too old is left out; cvdns answers SERVFAIL.\n\
         ; - ANY is answered in full. Download reports are answered but not counted.\n",
    );
    match (view, zone.client_plan) {
        (Some(view), Some(_)) => {
            let _ = writeln!(out, "; For clients of the view {view}.");
        }
        (None, Some(_)) => out.push_str(
            "; Names that depend on the client have the answer for clients that the country database does not know.\n",
        ),
        (_, None) => {}
    }
    out
}
