//! The history as a whole: what is written is read, over months, kills, damage and wrong clocks.
// The numbers here are small.
#![allow(clippy::cast_possible_wrap, clippy::cast_sign_loss)]

mod clocks;
mod damage;
mod kill;
mod large;
mod month;

use std::net::IpAddr;
use std::path::Path;

use jiff::Timestamp;
use rusqlite::Connection;

use super::compact::{Step, step};
use super::database::{open, path};
use super::note::{Check, Found, Note};
use super::write::write;
use cvdns_core::health::State;

/// Seconds for which checks hold in these tests: an interval of an hour, as `Recorder` has it.
const HOLD: i64 = 7_800;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn note(host: &str, address: IpAddr, second: i64, found: Found) -> Note {
    let reason = if found == Found::Serves { "" } else { "database.test/timestamp: no answer" };
    let state = if found == Found::Serves { State::Up } else { State::Down };
    Note {
        host: host.to_owned(),
        address,
        check: Check {
            at: at(second),
            found,
            withheld: false,
            state: Some(state),
            reason: reason.to_owned(),
            versions: Some([63, 28_000 + (second / 10_800) as u32 % 1000, 339]),
        },
        change: None,
    }
}

fn ip(number: u32) -> IpAddr {
    IpAddr::from(std::net::Ipv4Addr::from(0x0a00_0000 + number))
}

/// The database in a directory, opened by the code that writes it.
fn database(dir: &Path) -> Connection {
    open(&path(dir), true).unwrap()
}

/// Does all that there is to compact.
fn compact(database: &mut Connection) {
    while let Step::Done(damaged) = step(database).unwrap() {
        assert_eq!(damaged, 0);
    }
}

/// Records checks at once.
fn record(database: &mut Connection, notes: &[Note]) {
    let written = write(database, notes, HOLD).unwrap();
    assert_eq!((written.too_old, written.damaged), (0, 0));
}
