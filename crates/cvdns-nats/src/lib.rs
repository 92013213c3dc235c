//! Documents that are followed and published through NATS: a feed, overrides, bundles, reports.
//!
//! What a document says is none of this crate's concern. A document is octets and a signature, in
//! one message, which so are never torn apart; whoever gets it checks the signature and compares
//! serials. NATS carries documents and is trusted with nothing else.
//!
//! In order of reading: [`ServerUrl`], [`Bucket`] and [`KeyName`] are how servers and documents are
//! called, [`Settings`] how they are reached; [`Document`] is what a message holds, [`Refusal`] why
//! one is refused, and [`Error`] why NATS cannot be used. [`Follower`] brings every new document,
//! and [`follow()`] runs one on a thread of its own; [`read()`] gets a document once. [`Writer`]
//! publishes by compare-and-set, [`Lease`] lets one of several publish, and [`set_up()`] makes the
//! buckets. The API of JetStream is spoken over plain requests (`exchange`); `connection` is one
//! connection to one server.
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

mod backoff;
mod blocking;
mod connection;
mod credentials;
mod document;
mod error;
mod exchange;
mod follow;
mod followed;
mod follower;
mod lease;
mod names;
mod read;
mod refusal;
mod server_url;
mod session;
mod set_up;
mod settings;
mod stored;
mod update;
mod writer;

pub use document::{Document, Packed, SIGNATURE_HEADER};
pub use error::{Error, ErrorKind};
pub use follow::{Following, follow};
pub use follower::{Follower, Refetch};
pub use lease::{Lease, Possession};
pub use names::{Bucket, Key, KeyName, NameError};
pub use read::read;
pub use refusal::Refusal;
pub use server_url::{ServerUrl, ServerUrlError};
pub use set_up::{BucketReport, BucketState, Plan, set_up};
pub use settings::Settings;
pub use update::Update;
pub use writer::{Last, Published, Verdict, Writer};
