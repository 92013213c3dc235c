//! The pages that people look at: the network's page, a page for each country and mirror, badges
//! and Atom feeds.
//!
//! Plain values come in, and text comes out: nothing here opens a file, asks a clock or knows where
//! the values are from. The pages need no script, have no inline style, and name no resource of
//! another host. [`place`] says where each file belongs in the directory of the pages.

#![forbid(unsafe_code)]

pub mod atom;
pub mod badge;
pub mod country;
pub mod counts;
pub mod format;
pub mod layout;
pub mod map;
pub mod mirror;
pub mod mirrors;
pub mod network;
pub mod operator;
pub mod parts;
pub mod place;
pub mod pool;
mod show;
pub mod strip;
pub mod style;
pub mod text;
pub mod who;

pub use atom::{AtomFeed, Change};
pub use badge::Badge;
pub use country::{CountryPage, CountryRow, MirrorRow};
pub use counts::StateCounts;
pub use layout::{Notice, Site};
pub use mirror::{AddressRow, CheckRow, Downtime, MirrorPage, Out, OutBy, Verdict, VersionRow};
pub use mirrors::MirrorsPage;
pub use network::{DatabaseRow, Feed, Frozen, NetworkChange, NetworkPage, Record, Release};
pub use operator::OperatorPage;
pub use pool::Pool;
pub use strip::{Cell, History, Measured, Strip};
pub use who::WhoPage;
