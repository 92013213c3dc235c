//! Signed answers, verified by others (RFC 4033 to 4035): hickory-proto and dnspython verify every
//! signature, and rules written here from the RFCs judge whether what a response has proves what it
//! says.
//!
//! Nothing here uses what signs, orders names or chooses NSEC records.

mod carried;
mod checked;
mod judge;
mod keys;
mod kinds;
mod names;
mod proofs;
mod python;
mod rrsets;
mod sizes;
mod small_zones;
mod states;
mod time;
mod verified;
mod windows;
