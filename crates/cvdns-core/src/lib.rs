//! The pure part of cvdns, an authoritative DNS server for mirror networks: what the inputs mean,
//! which answer is chosen, and the octets of that answer.
//!
//! The crate opens no files and no sockets, reads no clock by itself, and has no unsafe code.
//! Inputs come in as texts, octets and times. The server reads and watches the files, and owns the
//! sockets.
//!
//! # The modules, in the order of reading
//!
//! Each module uses only modules above it.
//!
//! - [`wire`]: names, queries, EDNS and the message writer: octets only.
//! - [`schema`]: the keys of input files: names, types, defaults and descriptions.
//! - [`problem`]: what is wrong with an input, and where: [`Problems`](problem::Problems).
//! - [`geo`]: countries, the country database, and tables from addresses to places.
//! - [`fleet`]: the mirrors of a fleet file: [`Fleet`](fleet::Fleet).
//! - [`release`]: database versions, the TXT record that is made of them, and the gate that holds
//!   versions back: [`Announced`](release::Announced).
//! - [`zone`]: zone files and master files: [`ZoneFile`](zone::ZoneFile),
//!   [`Records`](zone::Records).
//! - [`dnssec`]: keys, signatures and denial: [`ZoneSigning`](dnssec::ZoneSigning).
//! - [`health`]: feeds, overrides, and the state of each mirror that follows from them:
//!   [`Feed`](health::Feed), [`Health`](health::Health).
//! - [`bundle`]: zone files for all servers of a network: [`Bundle`](bundle::Bundle).
//! - [`report`]: what one of several monitors found: [`Report`](report::Report).
//! - [`abuse`]: rate limits and DNS cookies: [`RateLimiter`](abuse::RateLimiter),
//!   [`CookieSecrets`](abuse::CookieSecrets).
//! - [`config`]: the configuration of a server: [`Config`](config::Config).
//! - [`snapshot`]: everything that answers are made from, compiled:
//!   [`Snapshot`](snapshot::Snapshot).
//! - [`decision`]: the choice of an answer: [`decide`](decision::decide).
//! - [`replay`]: what a name answers to the clients of all countries:
//!   [`AnswerReader`](replay::AnswerReader).
//! - [`explain`]: why an answer is what it is: [`Explanation`](explain::Explanation).
//! - [`answer`]: from the octets of a query to those of its answer:
//!   [`Answering`](answer::Answering).
//!
//! # Where an answer is chosen
//!
//! [`decision::decide`] is the only place. It takes a [`Snapshot`](snapshot::Snapshot), a question
//! and a client, and returns a [`Decision`](decision::Decision) whose
//! [`Outcome`](decision::Outcome) refers to records in the snapshot. It has no other input, so the
//! server, the explanations and the exported zone files cannot differ.
//!
//! A snapshot has two parts. [`StaticData`](snapshot::StaticData) is compiled from the files when
//! they are read; [`DynamicData`](snapshot::DynamicData) from feed, overrides and time whenever one
//! of them changes. A snapshot never changes afterwards, apart from its counters.
//! [`SnapshotReclaimer`](answer::SnapshotReclaimer) puts a new one in force while others are still
//! answering from the old one.
//!
//! # Embedding the decision
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use cvdns_core::answer::{Answering, Transport};
//! use cvdns_core::problem::Problems;
//! use cvdns_core::snapshot::{Now, Snapshot, compile, inputs::Inputs};
//! use jiff::Timestamp;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let zone = "format = 1\norigin = 'example.net'\nrecords = 'zone'\nmirrors = 'fleet'\n\
//!             [[name]]\nowner = 'db'\npool = 'world'\n";
//! let records = "$TTL 300\n@ SOA ns hostmaster 1 3600 900 1209600 300\n\
//!                @ NS ns\nns A 192.0.2.53\n";
//! let fleet = "[[mirror]]\nhost = 'm1.example.org'\ncountry = 'DE'\nipv4 = ['192.0.2.1']\n";
//!
//! let mut problems = Problems::default();
//! let inputs = Inputs::of_zone(zone, records, fleet, &mut problems).ok_or("zone file")?;
//! let static_data = compile(&inputs, &Default::default(), &mut problems).ok_or("inputs")?;
//! let now = Now::new(None, Timestamp::now(), Duration::from_secs(3600));
//! let snapshot = Snapshot::new(Arc::new(static_data), &now);
//!
//! let query = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x02db\x07example\x03net\0\0\x01\0\x01";
//! let mut buffer = [0; 512];
//! buffer[..query.len()].copy_from_slice(query);
//! let client = "198.51.100.7:5300".parse()?;
//! let length = Answering::new(0, Timestamp::now)
//!     .respond(&snapshot, &mut buffer, query.len(), client, Transport::Udp)
//!     .ok_or("no answer")?;
//! assert_eq!(buffer[..length].last_chunk(), Some(&[192, 0, 2, 1]));
//! # assert!(problems.is_empty(), "{problems:?}");
//! # Ok(())
//! # }
//! ```
//!
//! The decision alone, without the query's octets, is
//! [`decide_by_name`](decision::decide_by_name):
//!
//! ```
//! # use std::{sync::Arc, time::Duration};
//! # use cvdns_core::problem::Problems;
//! # use cvdns_core::snapshot::{Now, Snapshot, compile, inputs::Inputs};
//! use cvdns_core::decision::{Outcome, Trail, decide_by_name};
//! use cvdns_core::wire::{lower::LowerName, rtype};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let zone = "format = 1\norigin = 'example.net'\nrecords = 'zone'\nmirrors = 'fleet'\n\
//! #             [[name]]\nowner = 'db'\npool = 'world'\n";
//! # let records = "$TTL 300\n@ SOA ns hostmaster 1 3600 900 1209600 300\n\
//! #                @ NS ns\nns A 192.0.2.53\n";
//! # let fleet = "[[mirror]]\nhost = 'm1.example.org'\ncountry = 'DE'\nipv4 = ['192.0.2.1']\n";
//! # let mut problems = Problems::default();
//! # let inputs = Inputs::of_zone(zone, records, fleet, &mut problems).ok_or("zone file")?;
//! # let static_data = compile(&inputs, &Default::default(), &mut problems).ok_or("inputs")?;
//! # let now = Now::new(None, jiff::Timestamp::now(), Duration::from_secs(3600));
//! # let snapshot = Snapshot::new(Arc::new(static_data), &now);
//! let (mut name, mut trail) = (LowerName::new(), Trail::default());
//! name.set(b"\x02db\x07example\x03net\0");
//! let client = "198.51.100.7".parse()?;
//! let decision = decide_by_name(&snapshot, &name, rtype::A, client, &mut trail);
//! assert!(matches!(decision.outcome, Outcome::Pool { .. }));
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

pub mod abuse;
pub mod answer;
pub mod bundle;
pub mod config;
pub mod decision;
pub mod dnssec;

pub mod explain;
pub mod fleet;
pub mod geo;
pub mod health;
pub mod problem;
pub mod release;
pub mod replay;
pub mod report;
pub mod schema;
pub mod snapshot;
pub mod wire;
pub mod zone;
