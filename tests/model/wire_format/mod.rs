//! What is written is what is read: names, compression and whole answers, decoded by others.

mod hostile_octets;
mod small_zones;
mod writer;
