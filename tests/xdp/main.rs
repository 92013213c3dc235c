//! AF_XDP (`[xdp]`): the real server at one end of a pair of virtual cards, ordinary clients at the
//! other (tests/README.md). It takes root; without, the tests say that they are left out.

#![cfg(target_os = "linux")]
#![allow(clippy::too_many_lines, reason = "a test tells one story, or has a table of cases")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

mod changes;
mod fallbacks;
mod frames;
mod kinds;
mod life;
mod paths;
mod shown;

/// Every whole-packet case of the answers over loopback, by AF_XDP: two queues in the driver.
#[path = "../net/answers/cases.rs"]
mod auto;
