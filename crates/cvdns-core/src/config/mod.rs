//! The server's configuration, `cvdns.toml`. The crate `cvdns` reads the files that it names.

mod admin;
mod admin_address;
mod admin_token;
mod client_names;
mod command_line;
mod cookies;
mod dnstap;
mod dnstap_message;
mod explain;
mod feed;
mod geoip;
pub mod keys;
mod log;
mod monitor;
mod monitor_member;
mod nats;
mod rate_limit;
mod record;
mod restart;
mod secondary_address;
mod server;
#[cfg(test)]
mod tests;
mod tls;
mod transfer;
mod udp_mode;
mod xdp;
mod xdp_mode;
mod zones;

use crate::abuse::RateLimit;
use crate::problem::Problems;
use crate::problem::table::{Document, Placed, SourceText, Table};

pub use admin::Admin;
pub use admin_address::AdminAddress;
pub use admin_token::AdminToken;
pub use client_names::ClientNames;
pub use command_line::CommandLine;
pub use cookies::Cookies;
pub use dnstap::Dnstap;
pub use dnstap_message::DnstapMessage;
pub use explain::Explain;
pub use feed::Feed;
pub use geoip::Geoip;
pub use log::Log;
pub use monitor::Monitor;
pub use monitor_member::{Member, NATS_REPORT};
pub use nats::Nats;
pub use record::Record;
pub use restart::waiting_for_restart;
pub use secondary_address::SecondaryAddress;
pub use server::Server;
pub use tls::Tls;
pub use transfer::{Secondary, Transfer};
pub use udp_mode::UdpMode;
pub use xdp::Xdp;
pub use xdp_mode::XdpMode;

use zones::Zones;

/// The server's configuration. Paths are relative to its first file, in whichever file they are
/// written.
#[derive(Debug, Clone)]
pub struct Config {
    /// The names of the files that were read: the first one, then those that it includes.
    pub files: Vec<String>,
    /// How the server listens and answers.
    pub server: Server,
    /// Encrypted transports; `None` without any.
    pub tls: Option<Tls>,
    /// Paths of the zone files.
    pub zones: Vec<Placed<String>>,
    /// The bundle whose zone files are served too; `None` without any.
    pub bundle: Option<Placed<String>>,
    /// The country database.
    pub geoip: Geoip,
    /// Where the feed comes from.
    pub feed: Feed,
    /// Servers of NATS that carry feed and overrides too; `None` without any.
    pub nats: Option<Nats>,
    /// The version record.
    pub record: Record,
    /// The listener for metrics, state and commands.
    pub admin: Admin,
    /// How answers over UDP are limited.
    pub rate_limit: RateLimit,
    /// DNS cookies.
    pub cookies: Cookies,
    /// UDP past the kernel's sockets.
    pub xdp: Xdp,
    /// Zone transfers.
    pub transfer: Transfer,
    /// How much is logged.
    pub log: Log,
    /// Which queries and answers are sent to a collector.
    pub dnstap: Dnstap,
    /// The coordinator.
    pub monitor: Monitor,
}

impl Config {
    /// Reads the file and reports everything wrong in it. `None` if the syntax is wrong.
    pub fn parse(file: &str, text: &str, problems: &mut Problems) -> Option<Self> {
        Self::parse_joined(&[SourceText::first(file, text)], problems)
    }

    /// Reads a file and those that it includes, as one. `None` if the syntax of any is wrong.
    pub fn parse_joined(sources: &[SourceText<'_>], problems: &mut Problems) -> Option<Self> {
        Document::read_joined(sources, &keys::ROOT, problems, Self::read)
    }

    /// The paths and patterns that a file includes, as written. `None` if the syntax is wrong,
    /// which is the only thing that is reported: [`Config::parse_joined`] reports all else.
    pub fn includes(
        file: &str,
        text: &str,
        problems: &mut Problems,
    ) -> Option<Vec<Placed<String>>> {
        let mut found = Problems::default();
        let read = Document::read(file, text, &keys::ROOT, &mut found, |mut root| {
            root.list(&keys::INCLUDE)
        });
        if read.is_none() {
            problems.append(found);
        }
        read.map(Option::unwrap_or_default)
    }

    fn read(mut root: Table<'_>) -> Self {
        let files = root.file_names().collect();
        root.refuse_beyond_first(
            &keys::INCLUDE,
            "an included file includes others",
            "name them in the `include` of the first file",
        );
        // The files are read already.
        let _ = root.list(&keys::INCLUDE);
        let server = Server::read(root.table(&keys::SERVER));
        let tls = Tls::read(root.table(&keys::TLS));
        let Zones { files: zones, bundle } = Zones::read(&mut root);
        let geoip = Geoip::read(root.table(&keys::GEOIP));
        let feed = Feed::read(root.table(&keys::FEED));
        let nats = Nats::read(root.table(&keys::NATS));
        let has_feed = nats.is_some() || !feed.sources.is_empty();
        let record = Record::read(root.table(&keys::RECORD), has_feed);
        let admin = Admin::read(root.table(&keys::ADMIN));
        let rate_limit = rate_limit::read(root.table(&keys::RATE_LIMIT));
        let cookies = Cookies::read(root.table(&keys::COOKIES));
        let xdp = Xdp::read(root.table(&keys::XDP));
        let transfer = Transfer::read(root.table(&keys::TRANSFER));
        let log = Log::read(root.table(&keys::LOG));
        let dnstap = Dnstap::read(root.table(&keys::DNSTAP));
        let monitor = Monitor::read(root.table(&keys::MONITOR), feed.max_age);
        root.finish();
        Self {
            files,
            server,
            tls,
            zones,
            bundle,
            geoip,
            feed,
            nats,
            record,
            admin,
            rate_limit,
            cookies,
            xdp,
            transfer,
            log,
            dnstap,
            monitor,
        }
    }
}
