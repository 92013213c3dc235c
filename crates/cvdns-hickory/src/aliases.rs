//! The CNAME and DNAME records that lead to an answer.

use cvdns_core::decision::{Chain, Link};
use cvdns_core::snapshot::StaticData;
use cvdns_core::wire::name::MAX_NAME;
use cvdns_core::wire::{class, rtype};
use cvdns_core::zone::records::target;
use hickory_server::proto::rr::Record;

use crate::record::{RecordFields, add_set, name};

/// The name that the chain has led to so far, in wire form and in its original case.
#[derive(Debug)]
pub(crate) struct CurrentName(Vec<u8>);

impl CurrentName {
    /// Begins with the question's name.
    pub(crate) fn new(qname: &[u8]) -> Self {
        Self(qname.to_vec())
    }

    /// The name's octets.
    pub(crate) fn wire(&self) -> &[u8] {
        &self.0
    }

    /// The name with its last `owner_length` octets replaced by `target` (RFC 6672 section 2.2);
    /// `None` if that is too long for a name.
    fn renamed(&self, owner_length: usize, target: &[u8]) -> Option<Vec<u8>> {
        let prefix = self.0.get(..self.0.len().checked_sub(owner_length)?)?;
        (prefix.len() + target.len() <= MAX_NAME).then(|| [prefix, target].concat())
    }
}

/// Adds the links of a chain. `current` ends as the name that has the answer. `None` if the
/// snapshot lacks one of them.
pub(crate) fn add_aliases(
    chain: &Chain,
    static_data: &StaticData,
    current: &mut CurrentName,
    out: &mut Vec<Record>,
) -> Option<()> {
    for link in chain.links() {
        let set = static_data.rrset(link.rrset())?;
        let target = set.first().and_then(target)?;
        let owner = name(current.wire())?;
        match link {
            Link::Cname(_) => {
                add_set(&owner, &set, out)?;
                current.0 = target.to_vec();
            }
            Link::Dname(_) => {
                add_set(&name(set.owner())?, &set, out)?;
                // A name that becomes too long ends the chain with YXDOMAIN.
                let Some(renamed) = current.renamed(set.owner().len(), target) else { break };
                // The synthesised CNAME has the DNAME's TTL (RFC 6672 section 3.1).
                let (ttl, rdata) = (set.ttl(), renamed.as_slice());
                let cname = RecordFields { class: class::IN, rtype: rtype::CNAME, ttl, rdata };
                out.push(cname.owned_by(&owner)?);
                current.0 = renamed;
            }
        }
    }
    Some(())
}
