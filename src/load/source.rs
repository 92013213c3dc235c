//! From where the feed comes.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::http::Uri;

use super::remote::{Fetched, Fetcher, Patience, Roots, is_secure};
use cvdns_core::config::Config;
use cvdns_core::health::signature_path;
use cvdns_core::problem::Problems;
use cvdns_io::{beside, read_feed, read_signature};

/// A file or a web server. Another source has serials of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file, which is watched.
    File(PathBuf),
    /// An http or https URL, which is polled.
    Url(String),
}

/// For a command that somebody waits for.
const PATIENCE: Patience =
    Patience { connect: Duration::from_secs(5), total: Duration::from_secs(30), idle: None };

/// A feed's octets, and its signature: `None` where there is none, an error where there is one that
/// cannot be read.
pub type SignedOctets = (Vec<u8>, Result<Option<Vec<u8>>, String>);

impl Source {
    /// The source that a configuration names; with a URL that is none, what is wrong is noted.
    pub(super) fn of(path: &Path, config: &Config, problems: &mut Problems) -> Option<Self> {
        let named = config.feed.source.as_ref()?;
        if !is_url(&named.value) {
            return Some(Self::File(beside(path, &named.value)));
        }
        match check_url(&named.value) {
            Ok(()) => Some(Self::Url(named.value.clone())),
            Err(what) => {
                let help =
                    "write the path of a file or a URL such as \"https://example.org/feed.json\"";
                problems.error(named.location.clone(), what, help);
                None
            }
        }
    }

    /// What is meant by a word of the command line.
    ///
    /// # Errors
    /// When it is a URL from which nothing can be fetched.
    pub fn of_argument(word: &str) -> Result<Self, String> {
        if is_url(word) {
            check_url(word).map(|()| Self::Url(word.to_owned()))
        } else {
            Ok(Self::File(word.into()))
        }
    }

    /// Its path, if it is a file.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Url(_) => None,
        }
    }

    /// Its URL, if it is one.
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::File(_) => None,
            Self::Url(url) => Some(url),
        }
    }

    /// Whether it is fetched over TLS.
    pub(super) fn is_secure(&self) -> bool {
        self.url().is_some_and(is_secure)
    }

    /// Reads the octets of the feed once, and those of its signature, if there is one.
    ///
    /// # Errors
    /// When the feed cannot be had; the error names the source.
    pub fn read_signed(&self, roots: &Roots) -> Result<SignedOctets, String> {
        match self {
            Self::File(path) => Ok((read_feed(path)?, read_signature(&signature_path(path)))),
            Self::Url(url) => {
                fetch(url, roots, true).map(|(octets, signature)| (octets, Ok(signature)))
            }
        }
    }

    /// Reads the octets of the feed once: a caller that has the same ones already need not parse them.
    ///
    /// # Errors
    /// When they cannot be had; the error names the source.
    pub fn read(&self, roots: &Roots) -> Result<Vec<u8>, String> {
        match self {
            Self::File(path) => read_feed(path),
            Self::Url(url) => fetch(url, roots, false).map(|(octets, _)| octets),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Url(url) => f.write_str(url),
        }
    }
}

fn fetch(url: &str, roots: &Roots, signed: bool) -> Result<(Vec<u8>, Option<Vec<u8>>), String> {
    match Fetcher::new(url, roots, signed, PATIENCE).fetch() {
        Ok(Fetched::New { octets, signature }) => Ok((octets, signature)),
        Ok(Fetched::NotModified) => Err(format!("cannot read {url}: it answered 304 unasked")),
        Err(error) => Err(format!("cannot read {url}: {error}")),
    }
}

/// Whether a source is meant as a URL.
fn is_url(word: &str) -> bool {
    word.contains("://")
}

/// Whether a feed can be fetched from it. A password would stand in every line of the log about it; a fragment is never sent
/// (RFC 9110 section 4.2.5).
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
    fn urls_are_checked_and_everything_else_is_a_path() {
        for (word, wrong) in [
            ("https://example.org/feed.json", None),
            ("HTTP://[::1]:8080/a?b=c", None),
            ("ftp://example.org/feed.json", Some("neither http:// nor https://")),
            ("https://me:secret@example.org/", Some("a user in it")),
            ("https:///feed.json", Some("is no URL")),
            ("https://example.org/a b", Some("is no URL")),
            ("https://example.org/a#b", Some("fragment")),
        ] {
            let found = Source::of_argument(word);
            match wrong {
                None => assert_eq!(found, Ok(Source::Url(word.to_owned())), "{word}"),
                Some(words) => {
                    let error = found.unwrap_err();
                    assert!(error.contains(words) && !error.contains("secret"), "{word}: {error}");
                }
            }
        }
        assert_eq!(Source::of_argument("a/feed.json"), Ok(Source::File("a/feed.json".into())));
    }
}
