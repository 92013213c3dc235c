//! Reads the history, beside the thread that writes it or in another process.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;

use super::cell::{Cell, Strip, Strips};
use super::compact::{DAYS, DateRow, HOURS, Kept, checks, dates};
use super::database::{ALL, Trouble, is_usable, open_to_read, path};
use super::fold::{Span, cells, spans};
use super::note::{Check, StateChange, state};
use super::packed_checks::{DAY, Entry, read};
use cvdns_core::health::State;

/// Seconds of the cells of strips.
const HOUR: u32 = 3600;
const WHOLE_DAY: u32 = 86_400;

/// Cells of the strips.
const DAY_CELLS: u16 = 24;
const MONTH_CELLS: u16 = 30;
const YEAR_CELLS: u16 = 365;

/// What is wrong with the history of a state directory, for `cvdns check`: `None` if it can be
/// read and written, or is not there. Rows are not looked at.
pub fn history_trouble(state: &Path) -> Option<String> {
    let path = path(state);
    let read = open_to_read(&path).and_then(|_| is_usable(&path));
    read.err().map(|trouble| match trouble {
        Trouble::Damaged(what) => format!(
            "the history of checks {} is not usable: {what}; `cvdns monitor` would put it aside \
             and begin anew",
            path.display()
        ),
        Trouble::Refused(what) => {
            format!("the history of checks {} cannot be written: {what}", path.display())
        }
    })
}

/// The history of a state directory, to be read. It is to be opened anew for each use: when a
/// database is damaged, another one takes its place.
pub struct History {
    connection: Connection,
    shown: String,
}

/// The history of a mirror.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MirrorHistory {
    /// Its host name.
    pub host: String,
    /// The sums of the strips of its addresses.
    pub strips: Strips,
    /// Its addresses, also those that it no longer has.
    pub addresses: Vec<AddressHistory>,
    /// The changes of state of its addresses, the newest first: at most 100 for each address, of
    /// one year.
    pub changes: Vec<StateChange>,
    /// Rows of the database that could not be read whole. What could not be read is missing here.
    pub damaged: u64,
}

/// The history of an address.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AddressHistory {
    /// The address.
    pub address: IpAddr,
    /// Its strips.
    pub strips: Strips,
    /// Its state; `None` if it is not known, as when the last check says nothing of now.
    pub state: Option<State>,
    /// When it entered that state; `None` if no change to it is kept.
    pub since: Option<Timestamp>,
    /// When it was checked last; `None` if no check is kept.
    pub checked: Option<Timestamp>,
    /// The last checks, the newest first.
    pub checks: Vec<Check>,
}

impl History {
    /// Opens the history. Returns `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(state: &Path) -> Result<Option<Self>, String> {
        let path = path(state);
        let shown = path.display().to_string();
        let opened = open_to_read(&path);
        let opened = opened.map_err(|trouble| cannot_read(&shown, &trouble))?;
        Ok(opened.map(|connection| Self { connection, shown }))
    }

    /// The hosts of which anything is recorded.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn hosts(&self) -> Result<Vec<String>, String> {
        let query = || -> Result<Vec<String>, Trouble> {
            let mut rows = self.connection.prepare("SELECT name FROM hosts ORDER BY name")?;
            let hosts = rows.query_map([], |row| row.get(0))?;
            Ok(hosts.collect::<Result<_, _>>()?)
        };
        self.named(query())
    }

    /// The number of what was recorded last. It rises with everything that is recorded.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn revision(&self) -> Result<i64, String> {
        let revision = self.connection.query_row("SELECT revision FROM progress", [], |r| r.get(0));
        self.named(revision.map_err(Trouble::from))
    }

    /// The hosts of which something was recorded after this revision.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn changed_since(&self, revision: i64) -> Result<BTreeSet<String>, String> {
        let query = || -> Result<BTreeSet<String>, Trouble> {
            let mut rows = self.connection.prepare(
                "SELECT name FROM hosts WHERE id IN
                 (SELECT host FROM addresses WHERE revision > ?1)",
            )?;
            let hosts = rows.query_map([revision], |row| row.get(0))?;
            Ok(hosts.collect::<Result<_, _>>()?)
        };
        self.named(query())
    }

    /// What is known of a mirror at `now`, with at most `checks` checks for each address. `None` if
    /// nothing is recorded.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn of(
        &self,
        host: &str,
        now: Timestamp,
        checks: usize,
    ) -> Result<Option<MirrorHistory>, String> {
        let mut found = None;
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        self.each(Some(&BTreeSet::from([host])), now, checks, &mut |mirror| found = Some(mirror))?;
        Ok(found)
    }

    /// Calls `take` with the history of each of the mirrors that are `wanted`, in the order of
    /// their hosts; `None`: of all.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn each(
        &self,
        wanted: Option<&BTreeSet<String>>,
        now: Timestamp,
        checks: usize,
        take: &mut dyn FnMut(MirrorHistory),
    ) -> Result<(), String> {
        let mut query = || -> Result<(), Trouble> {
            // All that follows is read as it is now.
            let transaction = self.connection.unchecked_transaction()?;
            let mut reading = Reading {
                connection: &transaction,
                dates: dates(&transaction)?,
                reasons: HashMap::new(),
                now: now.as_second(),
                checks,
                damaged: 0,
            };
            for (id, host) in reading.hosts(wanted)? {
                if let Some(mirror) = reading.mirror(id, host)? {
                    take(mirror);
                }
            }
            Ok(())
        };
        self.named(query())
    }

    /// The hours of the day (UTC) of a moment, of each address of a mirror, as known at `now`.
    /// Hours are kept for a year.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn hours(
        &self,
        host: &str,
        day: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<(IpAddr, Strip)>, String> {
        let date = day.as_second().div_euclid(DAY);
        let query = || -> Result<Vec<(IpAddr, Strip)>, Trouble> {
            let transaction = self.connection.unchecked_transaction()?;
            let mut reading = Reading {
                connection: &transaction,
                dates: dates(&transaction)?,
                reasons: HashMap::new(),
                now: now.as_second(),
                checks: 0,
                damaged: 0,
            };
            let wanted = BTreeSet::from([host.to_owned()]);
            let mut strips = Vec::new();
            for (id, _) in reading.hosts(Some(&wanted))? {
                for (id, address) in reading.addresses(id)? {
                    strips.push((address, reading.hours(id, date)?));
                }
            }
            Ok(strips)
        };
        self.named(query())
    }

    fn named<T>(&self, result: Result<T, Trouble>) -> Result<T, String> {
        result.map_err(|trouble| cannot_read(&self.shown, &trouble))
    }
}

fn cannot_read(shown: &str, trouble: &Trouble) -> String {
    format!("cannot read the history of checks {shown}: {trouble}")
}

/// One consistent look at the database.
struct Reading<'c> {
    connection: &'c Connection,
    dates: BTreeMap<i64, DateRow>,
    /// The texts of reasons that were read so far.
    reasons: HashMap<u64, String>,
    now: i64,
    checks: usize,
    /// Rows of the present mirror that could not be read whole.
    damaged: u64,
}

impl Reading<'_> {
    fn hosts(&self, wanted: Option<&BTreeSet<String>>) -> Result<Vec<(i64, String)>, Trouble> {
        let host = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let Some(wanted) = wanted else {
            let mut rows =
                self.connection.prepare_cached("SELECT id, name FROM hosts ORDER BY name")?;
            return Ok(rows.query_map([], host)?.collect::<Result<_, _>>()?);
        };
        let mut one =
            self.connection.prepare_cached("SELECT id, name FROM hosts WHERE name = ?1")?;
        let mut hosts = Vec::new();
        for name in wanted {
            hosts.extend(one.query_row([name], host).optional()?);
        }
        Ok(hosts)
    }

    fn addresses(&mut self, host: i64) -> Result<Vec<(i64, IpAddr)>, Trouble> {
        let mut rows =
            self.connection.prepare_cached("SELECT id, address FROM addresses WHERE host = ?1")?;
        let mut rows = rows.query([host])?;
        let mut addresses = Vec::new();
        while let Some(row) = rows.next()? {
            match row.get::<_, String>(1)?.parse() {
                Ok(address) => addresses.push((row.get(0)?, address)),
                Err(_) => self.damaged += 1,
            }
        }
        addresses.sort_by_key(|(_, address): &(i64, IpAddr)| *address);
        Ok(addresses)
    }

    fn mirror(&mut self, id: i64, host: String) -> Result<Option<MirrorHistory>, Trouble> {
        self.damaged = 0;
        let (mut addresses, mut changes) = (Vec::new(), Vec::new());
        let mut sum: Option<Strips> = None;
        for (id, address) in self.addresses(id)? {
            let mut of_address = self.changes(id, address)?;
            // Of a clock that was ahead.
            of_address.retain(|change| change.at.as_second() <= self.now);
            let history = self.address(id, address, &of_address)?;
            match &mut sum {
                Some(sum) => sum.add(&history.strips),
                None => sum = Some(history.strips.clone()),
            }
            addresses.push(history);
            changes.extend(of_address);
        }
        changes.sort_by_key(|change| std::cmp::Reverse(change.id));
        let damaged = self.damaged;
        Ok(sum.map(|strips| MirrorHistory { host, strips, addresses, changes, damaged }))
    }

    fn address(
        &mut self,
        id: i64,
        address: IpAddr,
        changes: &[StateChange],
    ) -> Result<AddressHistory, Trouble> {
        let today = self.now.div_euclid(DAY);
        // Yesterday's hours may follow from a check of the day before.
        let live = self.live_dates();
        let first = live.first().map_or(today, |first| *first).min(today - 1) - 1;
        let (mut found, damaged) = checks(self.connection, &self.dates, id, (first, today))?;
        self.damaged += damaged;
        found.retain(|(entry, _)| entry.second <= self.now);
        let spans = spans(&found, self.now);
        let strips = self.strips(id, &spans, &live)?;
        let (checks, last) = self.last(id, &found, first)?;
        // Those that are not among `found` hold no longer.
        let holds = found.iter().any(|(entry, hold)| {
            Some(entry) == last.as_ref() && entry.second.saturating_add(*hold) > self.now
        });
        let state = last.filter(|_| holds).and_then(|last| last.outcome.state);
        let entered = changes.first().filter(|change| Some(change.is) == state);
        let since = entered.map(|change| change.at);
        let checked = last.map(|last| moment(last.second));
        Ok(AddressHistory { address, strips, state, since, checked, checks })
    }

    /// The dates whose cells are made of checks now: those that are not folded, and the days after
    /// them, to which their last checks reach. Today is one of them in any case, for cells that are
    /// kept know of no present.
    fn live_dates(&self) -> BTreeSet<i64> {
        let open = self.dates.values().filter(|row| row.folded < ALL && row.dropped == 0);
        let open = open.flat_map(|row| [row.date, row.date + 1]);
        let today = self.now.div_euclid(DAY);
        let has_checks = |date: i64| self.dates.get(&date).is_some_and(|row| row.dropped == 0);
        let now = Some(today).filter(|today| has_checks(*today) || has_checks(*today - 1));
        let is_kept = |date: &i64| self.dates.get(date).is_none_or(|row| row.dropped == 0);
        open.chain(now).filter(|date| *date <= today && is_kept(date)).collect()
    }

    fn strips(&mut self, id: i64, spans: &[Span], live: &BTreeSet<i64>) -> Result<Strips, Trouble> {
        let today = self.now.div_euclid(DAY);
        let hour = self.now.div_euclid(HOUR.into()) - i64::from(DAY_CELLS - 1);
        let hour = hour.saturating_mul(HOUR.into());
        let first = today - i64::from(YEAR_CELLS - 1);
        let mut year = self.kept(&DAYS, id, first, YEAR_CELLS)?;
        for date in live.iter().copied().filter(|date| *date >= first) {
            let slot = usize::try_from(date - first).ok().and_then(|slot| year.get_mut(slot));
            let cell = cells(spans, date.saturating_mul(DAY), WHOLE_DAY, 1);
            if let Some((slot, cell)) = slot.zip(cell.into_iter().next()) {
                *slot = cell;
            }
        }
        let month = year.get(usize::from(YEAR_CELLS - MONTH_CELLS)..).unwrap_or_default().to_vec();
        let month_ago = today - i64::from(MONTH_CELLS - 1);
        let hours = cells(spans, hour, HOUR, DAY_CELLS.into());
        Ok(Strips {
            day: strip(hour, HOUR, hours),
            month: strip(month_ago.saturating_mul(DAY), WHOLE_DAY, month),
            year: strip(first.saturating_mul(DAY), WHOLE_DAY, year),
        })
    }

    /// The kept cells of `count` dates.
    fn kept(&mut self, kept: &Kept, id: i64, first: i64, count: u16) -> Result<Vec<Cell>, Trouble> {
        let last = first.saturating_add(i64::from(count) - 1);
        let mut all = Vec::new();
        let blocks = first.div_euclid(kept.dates)..=last.div_euclid(kept.dates);
        for block in blocks {
            let (cells, whole) = kept.read(self.connection, id, block)?;
            self.damaged += u64::from(!whole);
            all.extend(cells);
        }
        let before = usize::try_from(first.rem_euclid(kept.dates)).unwrap_or_default() * kept.cells;
        Ok(all.into_iter().skip(before).take(usize::from(count) * kept.cells).collect())
    }

    fn hours(&mut self, id: i64, date: i64) -> Result<Strip, Trouble> {
        let hours = if self.live_dates().contains(&date) {
            let (found, damaged) = checks(self.connection, &self.dates, id, (date - 1, date))?;
            self.damaged += damaged;
            cells(&spans(&found, self.now), date.saturating_mul(DAY), HOUR, DAY_CELLS.into())
        } else {
            self.kept(&HOURS, id, date, 1)?
        };
        Ok(strip(date.saturating_mul(DAY), HOUR, hours))
    }

    /// The last checks, and the very last one. `found` has those of the dates from
    /// `first` on.
    fn last(
        &mut self,
        id: i64,
        found: &[(Entry, i64)],
        first: i64,
    ) -> Result<(Vec<Check>, Option<Entry>), Trouble> {
        let mut entries: Vec<Entry> = found.iter().map(|(entry, _)| *entry).collect();
        if entries.len() < self.checks.max(1) {
            let mut rows = self.connection.prepare_cached(
                "SELECT date, packed FROM checks WHERE address = ?1 AND date < ?2
                 ORDER BY date DESC",
            )?;
            let mut rows = rows.query([id, first])?;
            while entries.len() < self.checks.max(1)
                && let Some(row) = rows.next()?
            {
                let (mut earlier, whole) = read(row.get(0)?, &row.get::<_, Vec<u8>>(1)?);
                self.damaged += u64::from(!whole);
                earlier.append(&mut entries);
                entries = earlier;
            }
        }
        entries.sort_by_key(|entry| entry.second);
        let last = entries.last().copied();
        let newest = entries.iter().rev().take(self.checks);
        let checks = newest.map(|entry| self.check(entry)).collect::<Result<_, _>>()?;
        Ok((checks, last))
    }

    fn check(&mut self, entry: &Entry) -> Result<Check, Trouble> {
        let outcome = &entry.outcome;
        Ok(Check {
            at: moment(entry.second),
            found: outcome.found,
            withheld: outcome.withheld,
            state: outcome.state,
            reason: self.reason(outcome.reason)?,
            versions: outcome.versions,
        })
    }

    fn reason(&mut self, id: u64) -> Result<String, Trouble> {
        if id == 0 {
            return Ok(String::new());
        }
        if let Some(text) = self.reasons.get(&id) {
            return Ok(text.clone());
        }
        let text: Option<String> = self
            .connection
            .prepare_cached("SELECT text FROM reasons WHERE id = ?1")?
            .query_row([id.cast_signed()], |row| row.get(0))
            .optional()?;
        self.damaged += u64::from(text.is_none());
        let text = text.unwrap_or_else(|| "(the reason is lost)".to_owned());
        self.reasons.insert(id, text.clone());
        Ok(text)
    }

    /// The changes of an address, the newest first.
    fn changes(&mut self, id: i64, address: IpAddr) -> Result<Vec<StateChange>, Trouble> {
        let mut rows = self.connection.prepare_cached(
            "SELECT id, second, was, became, reason FROM changes WHERE address = ?1
             ORDER BY id DESC",
        )?;
        let mut rows = rows.query([id])?;
        let mut changes = Vec::new();
        while let Some(row) = rows.next()? {
            let (id, second, reason) =
                (row.get(0)?, row.get(1)?, row.get::<_, i64>(4)?.cast_unsigned());
            let of = |code: u8| state(code).ok().flatten();
            let (was, is) = (of(row.get(2)?), of(row.get(3)?));
            match was.zip(is) {
                Some((was, is)) => {
                    let (at, reason) = (moment(second), self.reason(reason)?);
                    changes.push(StateChange { id, at, address, was, is, reason });
                }
                None => self.damaged += 1,
            }
        }
        Ok(changes)
    }
}

fn strip(from: i64, step: u32, cells: Vec<Cell>) -> Strip {
    Strip { from: moment(from), step, cells }
}

/// A second as a timestamp. Seconds come from timestamps.
fn moment(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or_default()
}
