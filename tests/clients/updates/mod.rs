//! freshclam and cvdupdate, as their users have them, update from mirrors that the real server
//! names (CLIENTS: "Running the real clients against a local server"). Each test has a network of
//! its own: clients ask port 53 only.

mod apart;
mod coordinated;
mod cvdupdate;
mod freshclam;
mod installing;
mod network;
mod process;
mod resolver;
mod stale;
mod stranger;
mod versions;
mod web;
