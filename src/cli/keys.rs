//! `cvdns keys`: makes and shows the keys by which zones are signed.

mod ds;
mod generate;
mod key_moment;
mod life;
mod list;
mod zone;

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;
use jiff::Timestamp;

use super::output::Failure;

pub use ds::DsArgs;
pub use generate::GenerateArgs;
pub use list::ListArgs;
pub use zone::ZoneArgs;

/// The subcommands of `cvdns keys`.
#[derive(Clone, Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key of a zone.
    ///
    /// Writes two files as `dnssec-keygen` does, `KZONE+ALGORITHM+TAG.key` and `.private`, and
    /// prints what they are called. Only its owner can read a private key. No file is replaced. A
    /// running server takes the key over at a reload.
    ///
    /// A zone-signing key in a zone that other keys of its algorithm sign already begins to sign
    /// when all resolvers know it: the TTL of the keys and an hour from now. Standard error says
    /// when.
    Generate(GenerateArgs),
    /// List the keys of a zone: what each of them signs, and when that changes.
    ///
    /// The files are read as `serve` would read them. What is wrong with them is printed on
    /// standard error.
    List(ListArgs),
    /// Print the DS records of a zone, for its parent.
    ///
    /// There is one for each key that signs the set of keys and is in the zone.
    Ds(DsArgs),
}

/// Runs a subcommand. Exit status: 0 on success, 1 on bad input, or if there are no such keys.
pub fn run(command: &KeysCommand, config: &Path) -> ExitCode {
    let now = Timestamp::now();
    let done = match command {
        KeysCommand::Generate(args) => generate::run(args, config, now),
        KeysCommand::List(args) => list::run(args, config, now),
        KeysCommand::Ds(args) => ds::run(args, config, now),
    };
    done.unwrap_or_else(Failure::report)
}
