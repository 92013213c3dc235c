//! The clients that an export has one answer for.

use std::collections::BTreeSet;

use cvdns_core::geo::area::Area;
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::exclusions::ClassId;
use cvdns_core::snapshot::pools::{PathChoice, PathId, Paths};
use cvdns_core::snapshot::static_data::Plan;

/// Clients that get the same answers from a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ClientSet {
    /// All clients, of which nothing is known, not even which mirrors they may not get.
    Undistinguished,
    /// Clients in the same place.
    Located {
        /// Their path; 0 if no name of the plan depends on it.
        path: PathId,
        /// Their class; 0 if no name of the plan depends on it.
        class: ClassId,
    },
}

impl ClientSet {
    /// Those of an area.
    pub(super) fn of(plan: &Plan, area: Area) -> Self {
        Self::Located {
            path: plan.clients.as_ref().map_or(0, |_| plan.paths.of_client(area)),
            class: plan.classes.as_ref().map_or(0, |_| plan.paths.exclusions.class_of(area)),
        }
    }

    /// The path from which they are answered.
    pub(super) fn path(self, paths: &Paths, choice: PathChoice) -> PathId {
        match (self, choice) {
            (Self::Located { path, .. }, PathChoice::Client) => path,
            (Self::Located { class, .. }, PathChoice::Restricted(number)) => {
                paths.variant(number, class).unwrap_or_else(|| paths.undistinguished(choice))
            }
            (_, choice) => paths.undistinguished(choice),
        }
    }
}

/// Most mirrors that a warning names.
const NAMED: usize = 4;

/// Says which mirrors an export without views leaves out for all clients, because some may not get
/// them (`not-for`); `None` if there are none.
pub fn undistinguished_warning(snapshot: &Snapshot) -> Option<String> {
    let plans = &snapshot.static_data.plans;
    let hosts = plans.iter().flat_map(|plan| {
        let restricted = plan.paths.exclusions.restricted();
        let mirrors = &plan.fleet.mirrors;
        restricted.into_iter().filter_map(|at| Some(mirrors.get(at as usize)?.host.as_str()))
    });
    let hosts: BTreeSet<&str> = hosts.collect();
    let named: Vec<&str> = hosts.iter().take(NAMED).copied().collect();
    let more = match hosts.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!hosts.is_empty()).then(|| {
        format!(
            "left out for all clients, as some may not get them (`not-for`): {}{more}; with \
             --views only those do not get them",
            named.join(", ")
        )
    })
}
