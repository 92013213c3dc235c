//! Reads ahead, for a batch of queries, what their decisions are going to need.

use std::hint::black_box;

use super::NameMatch;
use crate::snapshot::pools::PathChoice;
use crate::snapshot::static_data::{Answer, ClientTableId, StaticData};

/// Brings the static answer of a question into the cache. Returns the table in which the
/// client has to be looked up; `None` when the answer at the question's own name does not
/// depend on clients.
pub(crate) fn prefetch(
    static_data: &StaticData,
    found: NameMatch,
    qtype: u16,
) -> Option<ClientTableId> {
    let NameMatch::Node(node) = found else { return None };
    match static_data.answer(static_data.nodes.get(node as usize)?, qtype)? {
        Answer::Pool { rule, choice: PathChoice::Client } => {
            Some(ClientTableId::of_paths(static_data.rules.get(rule as usize)?.plan))
        }
        Answer::Pool { rule, choice: PathChoice::Restricted(_) } => {
            Some(ClientTableId::of_classes(static_data.rules.get(rule as usize)?.plan))
        }
        Answer::Static { template, .. } => {
            // The templates of a zone with many names do not fit into the cache.
            black_box(
                static_data
                    .templates
                    .get(template)
                    .and_then(|template| template.octets.first())
                    .copied(),
            );
            None
        }
        _ => None,
    }
}
