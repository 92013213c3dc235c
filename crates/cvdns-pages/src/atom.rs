//! The Atom feed of a mirror's changes (RFC 4287).

use std::net::IpAddr;

use askama::Template;
use cvdns_core::health::MirrorCondition;
use jiff::Timestamp;

use crate::layout::{Site, render};
use crate::show::{ShowMoment as _, ShowText as _};
use crate::{format, place, text};

/// The Atom feed of a mirror.
#[derive(Debug, Clone)]
pub struct AtomFeed {
    /// The network.
    pub site: Site,
    /// The mirror's host.
    pub host: String,
    /// The changes of its state and of its addresses' states, the newest first.
    pub changes: Vec<Change>,
    /// Time of the last change, or, without changes, of what is known first. It must not depend on
    /// the clock: a feed is written anew only if something changed.
    pub updated: Timestamp,
}

/// A change of a state.
#[derive(Debug, Clone)]
pub struct Change {
    /// Its time.
    pub at: Timestamp,
    /// The address; `None` for the mirror as a whole.
    pub address: Option<IpAddr>,
    /// The state before; `None` if the state was the first that was seen.
    pub from: Option<MirrorCondition>,
    /// The state after.
    pub to: MirrorCondition,
    /// Its reason; may be empty.
    pub reason: String,
}

impl AtomFeed {
    /// The feed as XML.
    pub fn to_xml(&self) -> String {
        // RFC 4151: a tag of the network, by the year from which on it has been given out.
        let id = format!(
            "tag:{},2026:{}",
            place::directory_name(&self.site.network),
            place::mirror_directory(&self.host)
        );
        // RFC 4287 section 4.2.7.1 has IRI references: without the URL, those of the files beside.
        let link = |file| {
            let url = self.site.url_of(&place::mirror_file(&self.host, file));
            url.unwrap_or_else(|| file.to_owned())
        };
        let (page_link, own_link) = (link(place::MIRROR_PAGE), link(place::MIRROR_ATOM));
        render(&AtomTemplate { page: self, id, page_link, own_link })
    }
}

impl Change {
    /// What changed: the address, or the host as a whole.
    fn subject(&self, host: &str) -> String {
        self.address.map_or_else(|| text::host(host), |address| address.to_string())
    }

    /// The change as a sentence.
    fn sentence(&self, host: &str) -> String {
        let (since, was) = match self.from {
            Some(state) => ("since", format!(" It was {state}.")),
            None => ("as first seen at", String::new()),
        };
        let reason = text::reason(&self.reason);
        let reason = if reason.is_empty() { reason } else { format!(" Reason: {reason}") };
        let subject = self.subject(host);
        format!("{subject} is {} {since} {}.{was}{reason}", self.to, format::moment(self.at))
    }
}

#[derive(Template)]
#[template(path = "changes.atom")]
struct AtomTemplate<'a> {
    page: &'a AtomFeed,
    id: String,
    page_link: String,
    own_link: String,
}
