//! The coordinator against real web servers and misbehaving ones, and the whole chain with the
//! server.

#![allow(unreachable_pub, missing_docs, reason = "a test crate has no users but itself")]

mod chain;
mod days;
mod doubt;
mod history;
mod mirrors;
mod network;
mod page;
mod several;
mod several_continents;
mod several_places;
mod several_reports;
mod trial;
mod web;
mod wicked;
