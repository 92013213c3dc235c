//! The `[feed]` section.

use std::time::Duration;

use super::keys::feed as keys;
use crate::health::{Key, Keys};
use crate::problem::table::{Placed, Table};
use crate::release::Share;

/// Where the feed comes from (`[feed]`).
#[derive(Debug, Clone)]
pub struct Feed {
    /// Paths and URLs of the feed, each once. If there are none, and no `[nats]`, all mirrors are
    /// up.
    pub sources: Vec<Placed<String>>,
    /// Time between two fetches of a URL. A file is read at least this often, even if the watch
    /// reports no change.
    pub interval: Duration,
    /// File of certificates, one of which must have issued the certificate of an https server;
    /// `None`: the system's authorities.
    pub ca_file: Option<Placed<String>>,
    /// Age at which a feed is stale.
    pub max_age: Duration,
    /// The coordinators' public keys; `None`: feeds need no signature.
    pub public_key: Option<Keys>,
    /// A feed that takes away more than this share of the usable mirrors is held back.
    pub max_loss: Share,
    /// The time over which losses are summed up; zero: each feed is compared with the one before.
    pub loss_window: Duration,
    /// Directory in which the last good feed and record are kept for the next start; `None`: they
    /// are not kept.
    pub state: Option<Placed<String>>,
    /// Path or URL of what overrides the feed.
    pub overrides: Option<Placed<String>>,
    /// Time for which a mirror must be up that changed its state too often; 0 disables the rule.
    pub settle: Duration,
}

impl Feed {
    pub(super) fn read(mut table: Table<'_>) -> Self {
        let sources = sources(&mut table);
        let ca_file = table.get(&keys::CA_FILE);
        let interval = table.value(&keys::INTERVAL);
        let max_age = table.value(&keys::MAX_AGE);
        let is_signed = table.has(&keys::PUBLIC_KEY);
        let public_key = public_keys(&mut table);
        for source in sources.iter().filter(|source| !is_signed && is_open(&source.value)) {
            let what = "anyone on the network path to this server can change the feed, and so where \
                 clients go";
            let help = "use https://, or have it signed and set `public-key`";
            table.warning(source.location.clone(), what, help);
        }
        let overrides = table.get(&keys::OVERRIDES);
        if let Some(overrides) = overrides.as_ref().filter(|_| !is_signed)
            && is_open(&overrides.value)
        {
            let what = "anyone on the network path to this server can change the overrides, and so \
                 where clients go";
            let help = "use https://, or have them signed and set `public-key`";
            table.warning(overrides.location.clone(), what, help);
        }
        let feed = Self {
            sources,
            interval,
            ca_file,
            max_age,
            public_key,
            max_loss: table.value(&keys::MAX_LOSS),
            loss_window: table.value(&keys::LOSS_WINDOW),
            state: table.get(&keys::STATE),
            overrides,
            settle: table.value(&keys::SETTLE),
        };
        table.finish();
        feed
    }
}

/// Reads one path or URL, or a list of several.
fn sources(table: &mut Table<'_>) -> Vec<Placed<String>> {
    let location = table.key_location(&keys::SOURCE);
    let errors_before = table.error_count();
    let Some(given) = table.one_or_list(&keys::SOURCE) else { return Vec::new() };
    let mut sources: Vec<Placed<String>> = Vec::new();
    for source in given {
        if sources.iter().any(|known| known.value == source.value) {
            let what = format!("the source {} is named twice", source.value);
            table.error(source.location, what, "keep one");
        } else {
            sources.push(source);
        }
    }
    if sources.is_empty() && table.error_count() == errors_before {
        let help = "write the path of the feed or its URL; without the key, all mirrors are up";
        table.error(location, "`source` names no feed", help);
    }
    sources
}

/// Reads one key, or a list of several: while coordinators change their key, the old and the new
/// one are valid.
fn public_keys(table: &mut Table<'_>) -> Option<Keys> {
    let location = table.key_location(&keys::PUBLIC_KEY);
    let errors_before = table.error_count();
    let given = table.one_or_list(&keys::PUBLIC_KEY)?;
    let mut keys: Vec<Key> = Vec::new();
    for Placed { value, location } in given {
        if keys.contains(&value) {
            let what = format!("the key {} is named twice", value.id());
            table.error(location, what, "keep one");
        } else {
            keys.push(value);
        }
    }
    if keys.is_empty() && table.error_count() == errors_before {
        let expected = keys::PUBLIC_KEY.expected();
        let help = format!("write {expected}; without the key, feeds need no signature");
        table.error(location, "`public-key` names no key", help);
    }
    Keys::new(keys)
}

/// Whether a URL leads over a network without TLS.
fn is_open(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let is_loopback = ["127.", "[::1]", "localhost"].iter().any(|host| rest.starts_with(host));
    scheme.eq_ignore_ascii_case("http") && !is_loopback
}
