//! What keeps strangers from using the server against others, or up: rate limits of answers over
//! UDP, and DNS cookies (RFC 7873, RFC 9018).

pub mod cookie;
mod limited_prefixes;
mod networks;
mod rate_limiter;
pub mod secrets;
mod sketch;
mod ticks;
mod universal_hash;

pub use limited_prefixes::{LimitedPrefixes, Prefix};
pub use networks::Networks;
pub use rate_limiter::{Bucket, LimitMode, RateLimit, RateLimiter, Verdict};
pub use secrets::CookieSecrets;
pub use ticks::Ticks;
