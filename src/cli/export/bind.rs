//! `cvdns export bind`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::Failure;

/// Arguments of `cvdns export bind`.
#[derive(Args, Clone, Debug)]
pub struct BindArgs {
    /// The directory: new, empty, or one that an earlier export made.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Exports.
pub(super) fn run(args: &BindArgs, _config: &Path) -> Result<ExitCode, Failure> {
    Err(Failure::new(format!("{}: nothing is exported yet", args.out.display())))
}
