//! What is to be known of an export, as comments in it.

use std::fmt::Write as _;

use super::zone::Zone;

/// What mixing servers means.
pub fn trap(ecs: bool) -> [&'static str; 3] {
    [
        "BIND answers client subnets (ECS, RFC 7871) with scope 0: caches keep such an answer for everyone.",
        "Where only some of a zone's name servers are cvdns, set `ecs = false` in [server] there, or have none but BIND.",
        if ecs { "Now it is `ecs = true`." } else { "Now it is `ecs = false`." },
    ]
}

/// The beginning of any file, behind this sign of comments.
pub(super) fn of_file(comment: &str, ecs: bool) -> String {
    let mut out = format!(
        "{comment} Exported by cvdns {}: what is changed here is lost with the next export.\n",
        env!("CARGO_PKG_VERSION")
    );
    for line in trap(ecs) {
        let _ = writeln!(out, "{comment} {line}");
    }
    out
}

/// The beginning of a zone file.
pub(super) fn of_zone(zone: &Zone<'_>, ecs: bool, view: Option<&str>) -> String {
    let mut out = of_file(";", ecs);
    out.push_str(
        ";\n\
         ; What else differs from cvdns, by design:\n\
         ; - A name has all its usable mirrors, whatever its `max`; BIND turns their order. Long answers go over TCP.\n\
         ; - Stamps, states and TTLs stand still until the next export: without --watch the record is stale after 3 hours.\n\
         ; - Where no mirror is known to work all are here, with a TTL of 30 at most, until the next export.\n\
         ; - A record that is not known, or too old, is left out, where cvdns answers SERVFAIL.\n\
         ; - ANY is answered in full. Download reports are answered and not counted.\n",
    );
    match (view, zone.asks) {
        (Some(view), Some(_)) => {
            let _ = writeln!(out, "; For clients of the view {view}.");
        }
        (None, Some(_)) => out.push_str(
            "; Names that depend on the client have what clients get whom the country database does not know.\n",
        ),
        (_, None) => {}
    }
    out
}
