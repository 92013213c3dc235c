//! Asks the primaries of a zone, one after the other, whether there is a newer version, and takes
//! it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use super::connection::{Connection, Failure, TIME_LIMITS};
use super::version::{NewVersion, Way};
use cvdns_core::wire::name::Name;
use cvdns_core::zone::Records;
use cvdns_transfer::Key;
use cvdns_transfer::incoming::{Asked, ReceivedRecord, Transfer, ZoneContent};
use cvdns_transfer::serial::is_greater;

/// What is to be asked.
#[derive(Debug, Clone)]
pub(super) struct Task {
    /// The zone.
    pub zone: Name,
    /// Its primaries, in the order in which they are asked.
    pub primaries: Vec<SocketAddr>,
    /// The key for them.
    pub key: Option<Arc<Key>>,
    /// The file that a version is kept in.
    pub path: PathBuf,
}

/// The outcome of a check.
#[derive(Debug)]
pub(crate) struct Checked {
    /// The zone's number in the schedule.
    pub number: usize,
    /// The zone.
    pub zone: Name,
    /// What a primary confirmed or sent; `None` if none did.
    pub confirmed: Option<Confirmed>,
    /// The primaries that failed before.
    pub failed: Vec<Attempt>,
}

/// What a primary says of a zone.
#[derive(Debug)]
pub(crate) enum Confirmed {
    /// The version that is known is its newest.
    Same {
        /// The serial.
        serial: u32,
        /// The primary.
        primary: SocketAddr,
    },
    /// There is a newer version.
    Newer(Box<NewVersion>),
}

/// A primary that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// The primary.
    pub primary: SocketAddr,
    /// Why.
    pub failure: Failure,
}

/// Asks the primaries. `known` are the records in force, if there are any.
pub(super) fn check(number: usize, task: &Task, known: Option<&Arc<Records>>) -> Checked {
    let mut failed = Vec::new();
    let mut confirmed = None;
    for primary in &task.primaries {
        match ask(task, *primary, known) {
            Ok(answer) => {
                confirmed = Some(answer);
                break;
            }
            Err(failure) => failed.push(Attempt { primary: *primary, failure }),
        }
    }
    Checked { number, zone: task.zone.clone(), confirmed, failed }
}

fn ask(
    task: &Task,
    primary: SocketAddr,
    known: Option<&Arc<Records>>,
) -> Result<Confirmed, Failure> {
    let mut connection = Connection::open(primary, TIME_LIMITS)?;
    let Some(known) = known else {
        return whole(task, primary, &mut connection);
    };
    let Transfer::Soa(soa) = connection.ask(&task.zone, Asked::Soa, task.key.as_ref())? else {
        return Err(Failure::new("form", "it does not answer with the SOA record"));
    };
    let serial = soa.serial().unwrap_or_default();
    let own = serial_of(known);
    if serial == own {
        return Ok(Confirmed::Same { serial, primary });
    }
    if !is_greater(serial, own) {
        let what = format!(
            "its serial {serial} is older than {own}, the one in force: raise it there, or remove \
             the copy to start anew"
        );
        return Err(Failure::new("serial-behind", what));
    }
    match differences(task, primary, known, own) {
        Err(failure) if failure.may_have_whole => {
            tracing::debug!(zone = %task.zone, "no differences from {primary}: {}", failure.what);
            whole(task, primary, &mut connection).or_else(|_| {
                // Many servers close a connection that has been idle meanwhile.
                whole(task, primary, &mut Connection::open(primary, TIME_LIMITS)?)
            })
        }
        answered => answered,
    }
}

/// Asks for the differences from the records that are known, over a connection of its own: after an
/// answer that was not understood, nothing more can be read from it.
fn differences(
    task: &Task,
    primary: SocketAddr,
    known: &Arc<Records>,
    serial: u32,
) -> Result<Confirmed, Failure> {
    let mut connection = Connection::open(primary, TIME_LIMITS)?;
    match connection.ask(&task.zone, Asked::Ixfr(serial), task.key.as_ref())? {
        Transfer::Differences(differences) => {
            let content = ZoneContent::of_records(known)
                .ok_or_else(|| Failure::new("system", "the records in force have no SOA record"))?;
            let content = content.apply(differences).map_err(|error| Failure {
                may_have_whole: true,
                ..Failure::new("differences", error.to_string())
            })?;
            version(task, &content, primary, Way::Ixfr)
        }
        Transfer::Whole(records) => taken(task, records, primary),
        Transfer::UpToDate(_) | Transfer::Soa(_) => Err(Failure {
            may_have_whole: true,
            ..Failure::new("form", "it says that there is nothing newer, and has a newer serial")
        }),
    }
}

/// Asks for the whole zone.
fn whole(
    task: &Task,
    primary: SocketAddr,
    connection: &mut Connection,
) -> Result<Confirmed, Failure> {
    match connection.ask(&task.zone, Asked::Axfr, task.key.as_ref())? {
        Transfer::Whole(records) => taken(task, records, primary),
        _ => Err(Failure::new("form", "it does not answer with the zone")),
    }
}

fn taken(
    task: &Task,
    records: Vec<ReceivedRecord>,
    primary: SocketAddr,
) -> Result<Confirmed, Failure> {
    let content = ZoneContent::of_transfer(records)
        .ok_or_else(|| Failure::new("form", "there is no SOA record"))?;
    version(task, &content, primary, Way::Axfr)
}

fn version(
    task: &Task,
    content: &ZoneContent,
    primary: SocketAddr,
    way: Way,
) -> Result<Confirmed, Failure> {
    let path = task.path.display().to_string();
    let version = NewVersion::of(content, primary, way, &path, Timestamp::now())?;
    Ok(Confirmed::Newer(Box::new(version)))
}

/// The serial of records in force.
pub(crate) fn serial_of(records: &Records) -> u32 {
    let soa = records.get(&records.origin, cvdns_core::wire::rtype::SOA);
    let rdata = soa.and_then(|soa| soa.first()).unwrap_or_default();
    let at = rdata.len().saturating_sub(20);
    let octets = rdata.get(at..).and_then(|numbers| numbers.first_chunk::<4>());
    octets.copied().map(u32::from_be_bytes).unwrap_or_default()
}
