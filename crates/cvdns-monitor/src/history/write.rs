//! Adds checks to the database.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::database::Trouble;
use super::note::{Note, code, cut};
use super::packed_checks::{DAY, Entry, Outcome, PackedChecks};

/// The most changes of state that are kept for an address.
const MOST_CHANGES: i64 = 100;

/// The most different reasons that are kept of one day: a mirror could make up a new one for each
/// check.
const MOST_REASONS: i64 = 5_000;

/// The reason in place of further ones.
const ANOTHER_REASON: &str = "(a reason that is not kept: there were too many different ones)";

/// What has come of a batch.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    /// Checks that are too old to be recorded: those of that day are no longer kept.
    pub(super) too_old: u64,
    /// Days of an address of which a part could not be read, and is left out from now on.
    pub(super) damaged: u64,
}

/// Records checks, all or none. Each holds for at most `hold` seconds.
pub(super) fn write(
    connection: &mut Connection,
    notes: &[Note],
    hold: i64,
) -> Result<Written, Trouble> {
    let transaction = connection.transaction()?;
    let mut batch = Batch::begin(&transaction)?;
    let mut grouped: BTreeMap<(i64, &str, IpAddr), Vec<&Note>> = BTreeMap::new();
    for note in notes {
        let date = note.check.at.as_second().div_euclid(DAY);
        grouped.entry((date, &note.host, note.address)).or_default().push(note);
    }
    let mut date: Option<(i64, Option<i64>)> = None;
    let mut recorded = BTreeSet::new();
    for ((day, host, address), notes) in grouped {
        let number = match date {
            Some((same, number)) if same == day => number,
            _ => batch.date(day, hold)?,
        };
        date = Some((day, number));
        match number {
            Some(number) => {
                batch.add(Place { date: day, number, host, address }, &notes)?;
                recorded.insert(day);
            }
            None => batch.written.too_old += notes.len() as u64,
        }
    }
    // The checks are in the order in which they were learned.
    let dates = notes.iter().rev().map(|note| note.check.at.as_second().div_euclid(DAY));
    if let Some(latest) = dates.into_iter().find(|date| recorded.contains(date)) {
        batch.end(latest)?;
    }
    let written = batch.written;
    transaction.commit()?;
    Ok(written)
}

/// Where checks belong.
#[derive(Clone, Copy)]
struct Place<'n> {
    date: i64,
    number: i64,
    host: &'n str,
    address: IpAddr,
}

struct Batch<'c> {
    transaction: &'c Transaction<'c>,
    revision: i64,
    written: Written,
}

impl<'c> Batch<'c> {
    fn begin(transaction: &'c Transaction<'c>) -> Result<Self, Trouble> {
        let before: i64 =
            transaction.query_row("SELECT revision FROM progress", [], |row| row.get(0))?;
        // Revisions go on to rise after a database was put aside.
        let revision = jiff::Timestamp::now().as_second().max(before.saturating_add(1));
        Ok(Self { transaction, revision, written: Written::default() })
    }

    /// The number of a date; `None` if checks of that date are no longer kept.
    fn date(&self, date: i64, hold: i64) -> Result<Option<i64>, Trouble> {
        let known = self
            .transaction
            .prepare_cached("SELECT number, dropped FROM dates WHERE date = ?1")?
            .query_row([date], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
            .optional()?;
        // A check of a day tells of the beginning of the next day too.
        self.transaction
            .prepare_cached(
                "UPDATE dates SET folded = 0 WHERE date IN (?1, ?1 + 1) AND folded > 0 AND dropped = 0",
            )?
            .execute([date])?;
        match known {
            Some((_, dropped)) if dropped > 0 => Ok(None),
            Some((number, _)) => {
                self.transaction
                    .prepare_cached("UPDATE dates SET hold = ?2 WHERE date = ?1 AND hold <> ?2")?
                    .execute([date, hold])?;
                Ok(Some(number))
            }
            None => {
                let number = self
                    .transaction
                    .prepare_cached(
                        "INSERT INTO dates (date, number, hold)
                         VALUES (?1, (SELECT coalesce(max(number), 0) + 1 FROM dates), ?2)
                         RETURNING number",
                    )?
                    .query_row([date, hold], |row| row.get(0))?;
                Ok(Some(number))
            }
        }
    }

    fn add(&mut self, place: Place<'_>, notes: &[&Note]) -> Result<(), Trouble> {
        let address = self.address(place)?;
        let before: Option<Vec<u8>> = self
            .transaction
            .prepare_cached("SELECT packed FROM checks WHERE address = ?1 AND date = ?2")?
            .query_row([address, place.date], |row| row.get(0))
            .optional()?;
        let (mut packed, whole) =
            PackedChecks::resume(place.date, before.as_deref().unwrap_or_default());
        self.written.damaged += u64::from(!whole);
        for note in notes {
            let reason = self.reason(&note.check.reason, place.number)?;
            let (check, second) = (&note.check, note.check.at.as_second());
            let outcome = Outcome {
                found: check.found,
                withheld: check.withheld,
                state: check.state,
                reason: reason.cast_unsigned(),
                versions: check.versions,
            };
            packed.push(Entry { second, outcome });
            if let Some((was, is)) = note.change {
                let codes = (code(Some(was)), code(Some(is)));
                self.transaction
                    .prepare_cached(
                        "INSERT INTO changes (address, second, was, became, reason, number)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    )?
                    .execute(params![address, second, codes.0, codes.1, reason, place.number])?;
                self.forget_changes(address)?;
            }
        }
        self.transaction
            .prepare_cached(
                "INSERT INTO checks (address, date, packed) VALUES (?1, ?2, ?3)
                 ON CONFLICT (address, date) DO UPDATE SET packed = excluded.packed",
            )?
            .execute(params![address, place.date, packed.octets()])?;
        Ok(())
    }

    /// The number of an address, which is noted to be there.
    fn address(&self, place: Place<'_>) -> Result<i64, Trouble> {
        let host: Option<i64> = self
            .transaction
            .prepare_cached("SELECT id FROM hosts WHERE name = ?1")?
            .query_row([place.host], |row| row.get(0))
            .optional()?;
        let host = match host {
            Some(host) => host,
            None => self
                .transaction
                .prepare_cached("INSERT INTO hosts (name) VALUES (?1) RETURNING id")?
                .query_row([place.host], |row| row.get(0))?,
        };
        Ok(self
            .transaction
            .prepare_cached(
                "INSERT INTO addresses (host, address, number, revision) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (host, address) DO UPDATE
                 SET number = max(number, excluded.number), revision = excluded.revision
                 RETURNING id",
            )?
            .query_row(
                params![host, place.address.to_string(), place.number, self.revision],
                |row| row.get(0),
            )?)
    }

    /// The number of a reason; 0 for none.
    fn reason(&self, text: &str, number: i64) -> Result<i64, Trouble> {
        if text.is_empty() {
            return Ok(0);
        }
        let noted = self.noted_reason(cut(text), number)?;
        if let Some(id) = noted {
            return Ok(id);
        }
        let today: i64 = self
            .transaction
            .prepare_cached("SELECT count(*) FROM reasons WHERE number = ?1")?
            .query_row([number], |row| row.get(0))?;
        let text = if today < MOST_REASONS { cut(text) } else { ANOTHER_REASON };
        if let Some(id) = self.noted_reason(text, number)? {
            return Ok(id);
        }
        Ok(self
            .transaction
            .prepare_cached("INSERT INTO reasons (text, number) VALUES (?1, ?2) RETURNING id")?
            .query_row(params![text, number], |row| row.get(0))?)
    }

    /// The number of a reason that is kept already, and is kept on.
    fn noted_reason(&self, text: &str, number: i64) -> Result<Option<i64>, Trouble> {
        let known = self
            .transaction
            .prepare_cached("SELECT id, number FROM reasons WHERE text = ?1")?
            .query_row([text], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
            .optional()?;
        let Some((id, last)) = known else { return Ok(None) };
        if last < number {
            self.transaction
                .prepare_cached("UPDATE reasons SET number = ?2 WHERE id = ?1")?
                .execute([id, number])?;
        }
        Ok(Some(id))
    }

    fn forget_changes(&self, address: i64) -> Result<(), Trouble> {
        self.transaction
            .prepare_cached(
                "DELETE FROM changes WHERE address = ?1 AND id <=
                 (SELECT id FROM changes WHERE address = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            )?
            .execute([address, MOST_CHANGES])?;
        Ok(())
    }

    /// Notes that all before it is recorded.
    fn end(&self, latest: i64) -> Result<(), Trouble> {
        self.transaction
            .prepare_cached("UPDATE progress SET revision = ?1, latest = ?2")?
            .execute([self.revision, latest])?;
        Ok(())
    }
}
