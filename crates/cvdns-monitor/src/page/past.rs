//! The history of a mirror, as pages show it.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use crate::history::{Cell, CellKind, Check, Found, History, MirrorHistory, StateChange, Strip};
use cvdns_pages::{
    Cell as CellView, Change, CheckRow, History as Strips, Measured, Strip as StripView, Verdict,
};

/// The number of checks on a page.
const CHECKS: usize = 20;

/// The number of changes on a page and in an Atom feed.
pub(super) const CHANGES: usize = 50;

/// What is kept of a mirror's past.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// The strips of the mirror.
    pub(super) strips: Strips,
    /// The available part of the last 30 days of each address, from 0 to 1.
    pub(super) available: Vec<(IpAddr, Option<f64>)>,
    /// The last checks, the newest first.
    pub(super) checks: Vec<CheckRow>,
    /// The last changes of states, the newest first.
    pub(super) changes: Vec<Change>,
}

/// The past of all mirrors. It is to be opened for each round.
pub(super) struct Archive(History);

impl Archive {
    /// Opens the history in the coordinator's directory; `None` if there is none yet.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn open(state: &Path) -> Result<Option<Self>, String> {
        Ok(History::open(state)?.map(Self))
    }

    /// The hosts of which something was recorded since the last call with this `progress`.
    pub(super) fn changed(&self, progress: &mut Option<i64>) -> Result<BTreeSet<String>, String> {
        let revision = self.0.revision()?;
        let changed = match progress {
            // A database that was begun anew has a lower number.
            Some(seen) if *seen <= revision => self.0.changed_since(*seen)?,
            _ => self.0.hosts()?.into_iter().collect(),
        };
        *progress = Some(revision);
        Ok(changed)
    }

    /// Calls `take` for each of these hosts of which something is kept.
    pub(super) fn each(
        &self,
        hosts: &BTreeSet<String>,
        now: Timestamp,
        take: &mut dyn FnMut(&str, Past),
    ) -> Result<(), String> {
        self.0.each(Some(hosts), now, CHECKS, &mut |history| {
            let host = history.host.clone();
            take(&host, Past::of(history));
        })
    }
}

impl Past {
    fn of(history: MirrorHistory) -> Self {
        let MirrorHistory { strips, addresses, changes, .. } = history;
        let available = addresses.iter().map(|of| (of.address, of.strips.month.availability()));
        let available = available.collect();
        let checked = [
            checked(addresses.iter().map(|of| &of.strips.day)),
            checked(addresses.iter().map(|of| &of.strips.month)),
            checked(addresses.iter().map(|of| &of.strips.year)),
        ];
        let mut checks: Vec<CheckRow> = Vec::new();
        for of in addresses {
            checks.extend(of.checks.into_iter().map(|check| row(of.address, check)));
        }
        checks.sort_by(|a, b| b.at.cmp(&a.at).then(a.address.cmp(&b.address)));
        checks.truncate(CHECKS);
        let strips = Strips {
            day: strip(&strips.day, checked[0]),
            month: strip(&strips.month, checked[1]),
            year: strip(&strips.year, checked[2]),
        };
        let changes = changes.into_iter().take(CHANGES).map(change).collect();
        Self { strips, available, checks, changes }
    }
}

fn row(address: IpAddr, check: Check) -> CheckRow {
    let verdict = match check.found {
        Found::Serves => Verdict::Serving,
        Found::Faulty => Verdict::Faulty,
        Found::Dead => Verdict::Dead,
        Found::Unchecked => Verdict::Unchecked,
        Found::Away => Verdict::Away,
    };
    let Check { at, withheld, state, reason, .. } = check;
    CheckRow { at, address, verdict, withheld, reason, state }
}

fn change(change: StateChange) -> Change {
    let StateChange { at, address, was, is, reason, .. } = change;
    Change { at, address: Some(address), from: Some(was.into()), to: is.into(), reason }
}

/// The time of which checks say something: that of the address which was checked for longest.
fn checked<'s>(strips: impl Iterator<Item = &'s Strip>) -> SignedDuration {
    let known = strips.map(|strip| {
        let Cell { served, failed, .. } = strip.sum();
        i64::from(served).saturating_add(i64::from(failed))
    });
    SignedDuration::from_secs(known.max().unwrap_or(0))
}

/// The strip of a mirror that was checked for this time.
fn strip(strip: &Strip, checked: SignedDuration) -> StripView {
    let step = SignedDuration::from_secs(strip.step.into());
    let cell = |(number, cell): (i32, &Cell)| CellView {
        from: strip.from.saturating_add(step * number).unwrap_or(Timestamp::MAX),
        measured: measured(cell),
    };
    StripView {
        cells: (0..).zip(&strip.cells).map(cell).collect(),
        available: strip.availability(),
        checked,
    }
}

fn measured(cell: &Cell) -> Measured {
    match cell.kind() {
        CellKind::Unknown => Measured::Unchecked,
        CellKind::Away => Measured::Planned,
        CellKind::Late => Measured::Late,
        CellKind::Served | CellKind::Partly | CellKind::Failed => {
            cell.availability().map_or(Measured::Unchecked, Measured::Available)
        }
    }
}
