//! The check of one address: its timestamp by both virtual hosts, and the headers of the three
//! databases; or a path, for networks that are not ClamAV's.

use std::fmt;
use std::net::SocketAddr;

use jiff::Timestamp;

use super::failure::{Failure, Severity};
pub use super::fetch::{Answer, Client, Request};
use super::rule::Evidence;
use super::target::Requirements;
use super::timestamp;
use cvdns_core::release::CORE_DATABASES;
use cvdns_core::release::cvd::{HEADER_SIZE, Header};

/// What an address serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Served {
    /// ClamAV's files.
    Databases {
        /// The older one of the timestamps by both virtual hosts.
        timestamp: Timestamp,
        /// The versions of main, daily and bytecode.
        versions: [u32; 3],
    },
    /// The path that is probed.
    Path,
}

/// The request that failed, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedRequest {
    /// The virtual host.
    pub host: String,
    /// The file.
    pub path: String,
    /// What is wrong.
    pub failure: Failure,
}

/// The header of a database, as the mirror serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// Its fields.
    pub header: Header,
    /// Whether the mirror sent only the requested range.
    pub ranged: bool,
}

/// Checks an address once. The first fault ends the check.
///
/// # Errors
/// The first request that failed.
pub fn check(
    client: &Client,
    address: SocketAddr,
    requirements: &Requirements,
    now: Timestamp,
) -> Result<Served, FailedRequest> {
    let hosts = match requirements {
        Requirements::Databases(hosts) => hosts,
        Requirements::Path { path, hosts } => {
            for host in hosts {
                at(host, path, |request| probe(client, request), address)?;
            }
            return Ok(Served::Path);
        }
    };
    let mut timestamps = Vec::with_capacity(hosts.len());
    for host in hosts {
        timestamps.push(at(host, TIMESTAMP, |request| timestamp(client, request, now), address)?.0);
    }
    let [host, _] = hosts;
    let mut versions = [0; 3];
    for (database, version) in CORE_DATABASES.iter().zip(&mut versions) {
        let path = format!("/{database}.cvd");
        *version = at(host, &path, |request| self::database(client, request, now), address)?
            .header
            .version;
    }
    // Two hosts of one mirror may be two directories. Some clients get the older one.
    let timestamp = timestamps.into_iter().min().unwrap_or(now);
    Ok(Served::Databases { timestamp, versions })
}

/// Where the timestamp is.
pub const TIMESTAMP: &str = "/timestamp";

fn at<T>(
    host: &str,
    path: &str,
    ask: impl FnOnce(Request<'_>) -> Result<T, Failure>,
    address: SocketAddr,
) -> Result<T, FailedRequest> {
    ask(Request { address, host, path, range: None, limit: 0 }).map_err(|failure| FailedRequest {
        host: host.to_owned(),
        path: path.to_owned(),
        failure,
    })
}

/// Most octets of a probed file that are read: enough to see that it comes, whatever its size.
const PROBED: u64 = 64 << 10;

/// Requests a path of any content.
///
/// # Errors
/// When its first octets do not come, or the status is no success.
pub fn probe(client: &Client, request: Request<'_>) -> Result<Answer, Failure> {
    client.get(&Request { range: None, limit: PROBED, ..request })
}

/// Requests the timestamp.
///
/// # Errors
/// When the answer has no plausible timestamp.
pub fn timestamp(
    client: &Client,
    request: Request<'_>,
    now: Timestamp,
) -> Result<(Timestamp, Answer), Failure> {
    let answer = client.get(&Request { range: None, limit: timestamp::MAX_SIZE, ..request })?;
    match answer.length {
        _ if answer.more && answer.is_html() => return Err(Failure::Html),
        Some(length) if answer.more => return Err(Failure::TooLong(length)),
        None if answer.more => return Err(Failure::Endless(timestamp::MAX_SIZE)),
        _ => {}
    }
    Ok((timestamp::of(&answer, now)?, answer))
}

/// Requests the header of a database by its range.
///
/// # Errors
/// When the answer is no database header. A server that ignores the range is no error: the header
/// is read and the rest is discarded.
pub fn database(
    client: &Client,
    request: Request<'_>,
    now: Timestamp,
) -> Result<Database, Failure> {
    let asked = HEADER_SIZE as u64;
    let answer = client.get(&Request { range: Some(asked), limit: asked, ..request })?;
    if answer.is_html() {
        return Err(Failure::Html);
    }
    let ranged = answer.status == 206;
    if ranged {
        part(&answer, asked)?;
    }
    let header = Header::parse(&answer.body, now).map_err(Failure::NotADatabase)?;
    Ok(Database { header, ranged })
}

/// Whether an answer of status 206 is the first `asked` octets (RFC 9110 section 14.4).
///
/// # Errors
/// When it is another range, or its length differs.
pub fn part(answer: &Answer, asked: u64) -> Result<(), Failure> {
    let range = answer.content_range.as_deref().unwrap_or("none named");
    let end = asked.saturating_sub(1);
    if !range.trim().to_ascii_lowercase().starts_with(&format!("bytes 0-{end}/")) {
        return Err(Failure::WrongRange(range.to_owned()));
    }
    let length = match answer.length {
        Some(length) => length,
        None if answer.more => asked.saturating_add(1),
        None => answer.body.len() as u64,
    };
    if length == asked { Ok(()) } else { Err(Failure::WrongLength { length, asked }) }
}

/// What a check found.
pub fn evidence(result: Result<Served, FailedRequest>) -> Evidence {
    match result {
        Ok(Served::Databases { timestamp, versions }) => Evidence::Serves { timestamp, versions },
        Ok(Served::Path) => Evidence::Answers,
        Err(fault) => match fault.failure.severity() {
            Severity::Dead => Evidence::Dead(fault.to_string()),
            Severity::Faulty => Evidence::Faulty(fault.to_string()),
            Severity::Unchecked => Evidence::Unchecked(fault.failure.to_string()),
        },
    }
}

impl fmt::Display for FailedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}: {}", self.host, self.path, self.failure)
    }
}
