//! When a connection was used last.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::connection_limiter::Permit;

/// The exchanges of a connection that are under way, and when the last one ended.
#[derive(Debug)]
pub(super) struct Activity {
    under_way: Mutex<Option<usize>>,
    since: Mutex<Instant>,
}

/// What a connection does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// There was no exchange yet.
    New,
    /// An exchange is under way.
    Busy,
    /// The last one ended at this moment.
    IdleSince(Instant),
}

/// An exchange that is under way.
pub(super) struct UnderWay<'a> {
    activity: &'a Activity,
    permit: &'a Permit,
}

impl Activity {
    /// Nothing was exchanged yet.
    pub(super) fn new() -> Self {
        Self { under_way: Mutex::default(), since: Mutex::new(Instant::now()) }
    }

    /// Begins an exchange, which ends when the result is dropped.
    pub(super) fn begin<'a>(&'a self, permit: &'a Permit) -> UnderWay<'a> {
        let mut under_way = lock(&self.under_way);
        *under_way = Some(under_way.unwrap_or_default().saturating_add(1));
        permit.set_busy();
        UnderWay { activity: self, permit }
    }

    /// When the last exchange ended, or the connection began.
    pub(super) fn since(&self) -> Instant {
        *lock(&self.since)
    }

    /// What the connection does now.
    pub(super) fn state(&self) -> State {
        match *lock(&self.under_way) {
            None => State::New,
            Some(0) => State::IdleSince(self.since()),
            Some(_) => State::Busy,
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut under_way = lock(&self.activity.under_way);
        let left = under_way.unwrap_or_default().saturating_sub(1);
        *under_way = Some(left);
        *lock(&self.activity.since) = Instant::now();
        if left == 0 {
            self.permit.set_idle();
        }
    }
}

/// Nothing can panic between two changes, so a poisoned value is consistent.
fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
