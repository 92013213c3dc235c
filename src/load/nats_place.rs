//! Where in NATS documents are: what `[nats]` says, checked.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cvdns_core::config::{Config, Nats};
use cvdns_core::problem::table::Placed;
use cvdns_core::problem::{Location, Problems};
use cvdns_io::beside;
use cvdns_nats::{Bucket, Error, ErrorKind, Key, KeyName, ServerUrl, Settings};

use super::feed_server::FeedServer;
use super::nats_document::{CarriedDocument, NatsDocument};

/// Where in NATS documents are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsPlace {
    /// How the servers are reached.
    pub settings: Settings,
}

/// The longest wait for a document by commands, which somebody waits for.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

impl NatsPlace {
    /// The place that a configuration names; `None` if it names none. What is wrong with it is
    /// noted.
    pub(super) fn of(path: &Path, config: &Config, problems: &mut Problems) -> Option<Self> {
        let Nats { servers, credentials, ca_file, bucket, .. } = config.nats.as_ref()?;
        let mut read = Vec::new();
        for server in servers {
            match server.value.parse::<ServerUrl>() {
                Ok(url) => read.push(url),
                Err(error) => {
                    // What stands before an @ may be a password.
                    let shown = server.value.rsplit('@').next().unwrap_or_default();
                    let what = format!("the server \"{shown}\": {error}");
                    let help = "write \"tls://HOST:4222\", or \"nats://HOST:4222\" without TLS";
                    problems.error(server.location.clone(), what, help);
                }
            }
        }
        if read.is_empty() {
            return None;
        }
        if let Some(named) = ca_file.as_ref().filter(|_| !read.iter().any(ServerUrl::is_tls)) {
            let what = "`ca-file` has no effect on servers without TLS";
            let help = "take it out, or write tls:// before the servers";
            problems.warning(named.location.clone(), what, help);
        }
        let bucket = match bucket.value.parse::<Bucket>() {
            Ok(bucket) => bucket,
            Err(error) => {
                let what = format!("`bucket`: \"{}\": {error}", bucket.value);
                problems.error(bucket.location.clone(), what, "write a name such as \"cvdns\"");
                return None;
            }
        };
        let mut file = |named: &Placed<String>| {
            let file = beside(path, &named.value);
            check_readable(&file, &named.location, problems);
            file
        };
        let credentials = credentials.as_ref().map(&mut file);
        let ca_file = ca_file.as_ref().map(file);
        let name = config.server.nsid.clone().unwrap_or_else(|| "cvdns".to_owned());
        Some(Self { settings: Settings { servers: read, credentials, ca_file, bucket, name } })
    }

    /// The servers that are connected to.
    pub(super) fn servers(&self) -> Vec<FeedServer> {
        let of = |url: &ServerUrl| FeedServer {
            port: url.port(),
            has_name: url.host().parse::<std::net::IpAddr>().is_err(),
            is_secure: url.is_tls(),
        };
        self.settings.servers.iter().map(of).collect()
    }

    /// The files that are read at each connect.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.settings.credentials.iter().chain(&self.settings.ca_file)
    }

    /// Whether a file names the authorities that may certify servers, and not the system.
    pub fn has_own_authorities(&self) -> bool {
        self.settings.ca_file.is_some()
    }

    /// Gets a document once, with its signature; `None` if there is none yet.
    ///
    /// # Errors
    /// When it cannot be had.
    pub fn read(&self, document: &NatsDocument) -> Result<Option<CarriedDocument>, String> {
        let read = document.key().and_then(|key| {
            cvdns_nats::read(&self.settings, &key, COMMAND_TIMEOUT)
                .map_err(|error| explained(&error))
        });
        let read = read.map_err(|error| format!("cannot read {self}: {error}"))?;
        Ok(read.map(|document| (document.octets, document.signature)))
    }
}

impl NatsDocument {
    /// The key under which it is in the bucket.
    ///
    /// # Errors
    /// When the name of a monitor or of a bundle cannot be part of a key.
    pub fn key(&self) -> Result<Key, String> {
        let name = match self {
            Self::Feed | Self::Overrides => Ok(KeyName::constant(self.name())),
            Self::Report(monitor) => format!("reports.{monitor}")
                .parse()
                .map_err(|error| format!("the report of {monitor} has no place in NATS: {error}")),
            Self::Bundle(name) => format!("bundles.{name}")
                .parse()
                .map_err(|error| format!("the bundle {name} has no place in NATS: {error}")),
        };
        Ok(Key { name: name?, limit: self.limit() })
    }
}

/// An error, and what to do about it where that is known.
pub fn explained(error: &Error) -> String {
    let help = match error.kind() {
        ErrorKind::NoBucket => {
            "`cvdns nats set-up` makes the buckets, and `bucket` in [nats] names them"
        }
        ErrorKind::Unauthorized => "the file `credentials` in [nats] says who connects",
        ErrorKind::Denied => "the user may not do this, or `bucket` in [nats] is another one",
        ErrorKind::Tls => "`tls://` needs a server with TLS, and `ca-file` in [nats] its authority",
        _ => return error.to_string(),
    };
    format!("{error} ({help})")
}

fn check_readable(file: &Path, location: &Location, problems: &mut Problems) {
    if let Err(error) = std::fs::File::open(file) {
        let what = format!("cannot read {}: {error}", file.display());
        problems.error(location.clone(), what, "write the path of a file that the server can read");
    }
}

impl fmt::Display for NatsPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<String> = self.settings.servers.iter().map(ToString::to_string).collect();
        write!(f, "{} (bucket {})", servers.join(" "), self.settings.bucket)
    }
}
