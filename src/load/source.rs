//! The source of the feed.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::http::Uri;

use super::feed_server::FeedServer;
use super::nats_document::{CarriedDocument, NatsDocument};
use super::nats_place::NatsPlace;
use super::remote::{FetchTimeouts, Fetched, Fetcher, TrustedRoots, is_secure};
use cvdns_core::config::Config;
use cvdns_core::health::signature_path;
use cvdns_core::problem::Problems;
use cvdns_core::problem::table::Placed;
use cvdns_io::{beside, read_feed, read_signature};

/// Where documents of a coordinator come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedSource {
    /// A file, which is watched for changes.
    File(PathBuf),
    /// An http or https URL, which is polled.
    Url(String),
    /// A bucket of NATS, which tells what is new.
    Nats(Box<NatsPlace>),
}

/// The sources of one coordinator's feeds, in the order of the configuration. The newest feed of
/// any counts; of those that are equally new, that of the first one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FeedSources(Vec<FeedSource>);

/// For commands, which somebody waits for.
pub(super) const COMMAND_TIMEOUTS: FetchTimeouts =
    FetchTimeouts { connect: Duration::from_secs(5), total: Duration::from_secs(30), idle: None };

/// A feed's octets, and its signature: `None` if there is none, an error if there is one that
/// cannot be read.
pub type SignedFeed = (Vec<u8>, Result<Option<Vec<u8>>, String>);

impl FeedSources {
    /// NATS, if it is used, and the sources that a configuration names. Invalid URLs are noted as
    /// problems.
    pub(super) fn of(
        path: &Path,
        config: &Config,
        nats: Option<&NatsPlace>,
        problems: &mut Problems,
    ) -> Self {
        let named = config.feed.sources.iter();
        let named =
            named.filter_map(|named| FeedSource::of_named(path, named, "feed.json", problems));
        let nats = nats.map(|place| FeedSource::Nats(Box::new(place.clone())));
        Self(nats.into_iter().chain(named).collect())
    }

    /// These sources, in this order.
    pub fn of_several(sources: Vec<FeedSource>) -> Self {
        Self(sources)
    }

    /// In the order of the configuration.
    pub fn iter(&self) -> std::slice::Iter<'_, FeedSource> {
        self.0.iter()
    }

    /// Whether there are no sources, so that all mirrors are up.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the configuration names this one.
    pub fn contains(&self, source: &FeedSource) -> bool {
        self.0.contains(source)
    }

    /// The source that comes first; `None` if the configuration names none.
    pub fn first(&self) -> Option<&FeedSource> {
        self.0.first()
    }

    /// Those that are files, with their paths.
    pub fn files(&self) -> impl Iterator<Item = (&FeedSource, &Path)> {
        self.0.iter().filter_map(|source| Some((source, source.file()?)))
    }
}

impl<'s> IntoIterator for &'s FeedSources {
    type Item = &'s FeedSource;
    type IntoIter = std::slice::Iter<'s, FeedSource>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl From<FeedSource> for FeedSources {
    fn from(source: FeedSource) -> Self {
        Self(vec![source])
    }
}

impl fmt::Display for FeedSources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&names.join(", "))
    }
}

impl FeedSource {
    /// The source that is named at this place. An invalid URL is noted as a problem; `example` is
    /// the name of a file that would be right.
    pub(super) fn of_named(
        path: &Path,
        named: &Placed<String>,
        example: &str,
        problems: &mut Problems,
    ) -> Option<Self> {
        if !is_url(&named.value) {
            return Some(Self::File(beside(path, &named.value)));
        }
        match check_url(&named.value) {
            Ok(()) => Some(Self::Url(named.value.clone())),
            Err(what) => {
                let help = format!(
                    "write the path of a file or a URL such as \"https://example.org/{example}\""
                );
                problems.error(named.location.clone(), what, help);
                None
            }
        }
    }

    /// The source that an argument of the command line names.
    ///
    /// # Errors
    /// When the argument is a URL from which no feed can be fetched.
    pub fn of_argument(word: &str) -> Result<Self, String> {
        if is_url(word) {
            check_url(word).map(|()| Self::Url(word.to_owned()))
        } else {
            Ok(Self::File(word.into()))
        }
    }

    /// The path, if the source is a file.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Url(_) | Self::Nats(_) => None,
        }
    }

    /// The URL, if the source is one.
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::Url(url) => Some(url),
            Self::File(_) | Self::Nats(_) => None,
        }
    }

    /// The place in NATS, if the source is one.
    pub fn nats(&self) -> Option<&NatsPlace> {
        match self {
            Self::Nats(place) => Some(place),
            Self::File(_) | Self::Url(_) => None,
        }
    }

    /// The servers that it is got from; none if the source is a file.
    pub fn servers(&self) -> Vec<FeedServer> {
        match self {
            Self::File(_) => Vec::new(),
            Self::Url(url) => web_server(url).into_iter().collect(),
            Self::Nats(place) => place.servers(),
        }
    }

    /// Whether the feed is fetched over TLS.
    pub(super) fn is_secure(&self) -> bool {
        self.url().is_some_and(is_secure)
    }

    /// Reads the feed once, and its signature if there is one.
    ///
    /// # Errors
    /// When the feed cannot be read. The error names the source.
    pub fn read_signed(&self, roots: &TrustedRoots) -> Result<SignedFeed, String> {
        match self {
            Self::File(path) => Ok((read_feed(path)?, read_signature(&signature_path(path)))),
            Self::Url(url) => {
                fetch(url, roots, true).map(|(octets, signature)| (octets, Ok(signature)))
            }
            Self::Nats(place) => {
                read_feed_of(place).map(|(octets, signature)| (octets, Ok(signature)))
            }
        }
    }

    /// Reads the octets of the feed once. A caller that already has the same octets need not parse
    /// them.
    ///
    /// # Errors
    /// When the feed cannot be read. The error names the source.
    pub fn read(&self, roots: &TrustedRoots) -> Result<Vec<u8>, String> {
        match self {
            Self::File(path) => read_feed(path),
            Self::Url(url) => fetch(url, roots, false).map(|(octets, _)| octets),
            Self::Nats(place) => read_feed_of(place).map(|(octets, _)| octets),
        }
    }
}

impl fmt::Display for FeedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Url(url) => f.write_str(url),
            Self::Nats(place) => place.fmt(f),
        }
    }
}

/// The feed in NATS.
fn read_feed_of(place: &NatsPlace) -> Result<CarriedDocument, String> {
    let read = place.read(&NatsDocument::Feed)?;
    read.ok_or_else(|| format!("cannot read {place}: there is no feed yet"))
}

/// The web server of a URL.
fn web_server(url: &str) -> Option<FeedServer> {
    let uri: Uri = url.parse().ok()?;
    let is_secure = is_secure(url);
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
    Some(FeedServer {
        port: uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 }),
        has_name: host.parse::<IpAddr>().is_err(),
        is_secure,
    })
}

fn fetch(
    url: &str,
    roots: &TrustedRoots,
    signed: bool,
) -> Result<(Vec<u8>, Option<Vec<u8>>), String> {
    match Fetcher::new(url, roots, signed, COMMAND_TIMEOUTS).fetch() {
        Ok(Fetched::New { octets, signature }) => Ok((octets, signature)),
        Ok(Fetched::NotModified) => Err(format!("cannot read {url}: it answered 304 unasked")),
        Err(error) => Err(format!("cannot read {url}: {error}")),
    }
}

/// Whether a source is written as a URL.
fn is_url(word: &str) -> bool {
    word.contains("://")
}

/// Checks that a feed can be fetched from a URL. A password would appear in every line of the log
/// about the feed, and a fragment is never sent (RFC 9110 section 4.2.5).
fn check_url(url: &str) -> Result<(), String> {
    let uri: Uri = url.parse().map_err(|error| format!("\"{url}\" is no URL: {error}"))?;
    match uri.scheme_str() {
        Some("http" | "https") => {}
        _ => return Err(format!("\"{url}\" is neither http:// nor https://")),
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err("the URL has a user in it, which is not sent".to_owned());
    }
    if uri.host().is_none_or(str::is_empty) {
        return Err(format!("\"{url}\" names no host"));
    }
    if url.contains('#') {
        return Err(format!("\"{url}\" has a fragment, which no server ever sees"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_checked_and_all_else_is_a_path() {
        for (word, wrong) in [
            ("https://example.org/feed.json", None),
            ("HTTP://[::1]:8080/a?b=c", None),
            ("ftp://example.org/feed.json", Some("neither http:// nor https://")),
            ("https://me:secret@example.org/", Some("a user in it")),
            ("https:///feed.json", Some("is no URL")),
            ("https://example.org/a b", Some("is no URL")),
            ("https://example.org/a#b", Some("fragment")),
        ] {
            let found = FeedSource::of_argument(word);
            match wrong {
                None => assert_eq!(found, Ok(FeedSource::Url(word.to_owned())), "{word}"),
                Some(words) => {
                    let error = found.unwrap_err();
                    assert!(error.contains(words) && !error.contains("secret"), "{word}: {error}");
                }
            }
        }
        assert_eq!(
            FeedSource::of_argument("a/feed.json"),
            Ok(FeedSource::File("a/feed.json".into()))
        );
    }
    #[test]
    fn the_server_of_a_url_is_known() {
        let server = |word: &str| {
            let servers = FeedSource::of_argument(word).unwrap().servers();
            servers.first().map(|server| (server.port, server.has_name, server.is_secure))
        };
        for (word, expected) in [
            ("https://example.org/feed.json", Some((443, true, true))),
            ("HTTP://[::1]/a?b=c", Some((80, false, false))),
            ("http://192.0.2.1:8080/", Some((8080, false, false))),
            ("a/feed.json", None),
        ] {
            assert_eq!(server(word), expected, "{word}");
        }
    }
}
