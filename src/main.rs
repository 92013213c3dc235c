//! The `cvdns` command.
fn main() {}
