//! What is decided about a query before its name is looked up: whether its cookie is valid, and
//! whether its client has asked too much.

use std::net::IpAddr;
use std::sync::Arc;

use super::parsed_query::ParsedQuery;
use super::request::{Moment, Transport};
use crate::abuse::{CookieSecrets, RateLimiter, Verdict};
use crate::snapshot::inputs::Settings;
use crate::wire::query::Reject;

/// The rate limit and the cookies of one thread. Without either, every query is answered.
#[derive(Debug, Clone, Default)]
pub(super) struct Guard {
    pub limiter: Option<RateLimiter>,
    pub secrets: Option<Arc<CookieSecrets>>,
    pub moment: Moment,
}

impl Guard {
    /// Examines a query that was read.
    #[inline]
    pub(super) fn examine(
        &mut self,
        parsed: &mut ParsedQuery,
        settings: &Settings,
        source: IpAddr,
        transport: Transport,
    ) {
        self.look(parsed, settings, source, transport);
        self.judge(parsed, settings);
    }

    /// The first step: verifies the cookie, and finds the bucket of the client.
    #[inline]
    pub(super) fn look(
        &self,
        parsed: &mut ParsedQuery,
        settings: &Settings,
        source: IpAddr,
        transport: Transport,
    ) {
        match parsed.reject {
            None => {
                let cookie = parsed.query.edns.as_ref().and_then(|edns| edns.cookie.as_ref());
                if let (Some(cookie), Some(secrets)) = (cookie, &self.secrets) {
                    parsed.cookie = Some(cookie.check(secrets, source, self.moment.unix_time));
                    if parsed.has_valid_cookie() {
                        return;
                    }
                }
            }
            Some(Reject::Drop) => return,
            Some(_) => {}
        }
        if transport == Transport::Udp
            && let Some(limiter) = &self.limiter
        {
            parsed.bucket = limiter.find(&settings.rate_limit, source);
        }
    }

    /// The second step, which may be left out: has the processor fetch the bucket, while other
    /// queries are looked at.
    #[inline]
    pub(super) fn fetch(&self, parsed: &ParsedQuery) {
        if let (Some(limiter), Some(bucket)) = (&self.limiter, &parsed.bucket) {
            limiter.fetch(bucket);
        }
    }

    /// The last step: counts the query, and decides whether its client has asked too much.
    #[inline]
    pub(super) fn judge(&mut self, parsed: &mut ParsedQuery, settings: &Settings) {
        if let (Some(limiter), Some(bucket)) = (&mut self.limiter, &parsed.bucket) {
            let verdict = limiter.judge_by(&settings.rate_limit, self.moment.ticks, bucket);
            // What is malformed has no question that could be asked again over TCP.
            let is_lost = parsed.reject.is_some() && verdict == Verdict::Truncate;
            parsed.verdict = if is_lost { Verdict::Drop } else { verdict };
        }
    }
}
