//! What pages call the network, and the names that their forms offer.

use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::pools::PathChoice;
use cvdns_core::snapshot::static_data::Answer;
use cvdns_core::wire::name::Name;
use cvdns_pages::Site;

/// The network that the server is of, by its first zone.
pub(super) fn site(snapshot: &Snapshot) -> Site {
    let first = snapshot.static_data.plans.first();
    Site {
        network: first.map(|plan| plan.origin.to_string()).unwrap_or_default(),
        generator: format!("cvdns {}", env!("CARGO_PKG_VERSION")),
        url: None,
    }
}

/// Most names that a form offers.
const OFFERED: usize = 20;

/// Names that one may ask for: those whose answers depend on the client, and those of the record.
pub(super) fn offered_names(snapshot: &Snapshot) -> Vec<String> {
    let data = &snapshot.static_data;
    let is_worth = |answer: &Answer| match answer {
        Answer::Pool { choice, .. } => *choice == PathChoice::Client,
        Answer::Text(_) => true,
        _ => false,
    };
    let named = data.names.iter().filter(|(node, _)| {
        let node = data.nodes.get(*node as usize);
        node.is_some_and(|node| data.answers(node).iter().any(|it| is_worth(&it.answer)))
    });
    let texts = named.filter_map(|(_, name)| Some(Name::from_wire(name).ok()?.to_string()));
    let mut names: Vec<String> = texts.filter(|name| !name.starts_with('*')).collect();
    names.sort_by(|one, other| one.len().cmp(&other.len()).then_with(|| one.cmp(other)));
    names.truncate(OFFERED);
    names
}
