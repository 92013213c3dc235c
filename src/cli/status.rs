//! `cvdns status`: prints the status of the running server.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::admin_client::AdminClient;
use super::output::{Failure, print_json};
use crate::admin::status::Status;
use crate::admin::status_text::{Section, sections};
use cvdns_core::problem::printable;

/// Arguments of `cvdns status`.
#[derive(Args, Clone, Debug)]
pub struct StatusArgs {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Prints the status. Exit status: 0 if the server is ready, 1 if it is not or cannot be reached.
pub fn run(args: &StatusArgs, config: &Path) -> ExitCode {
    show(args, config).unwrap_or_else(Failure::report)
}

fn show(args: &StatusArgs, config: &Path) -> Result<ExitCode, Failure> {
    let status: Status = AdminClient::of(config)?.get("/api/v1/status")?;
    if args.json {
        print_json(&status)?;
    } else {
        write!(std::io::stdout().lock(), "{}", page(&status))?;
    }
    Ok(if status.not_ready.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The text for people: lines, with the label of each section in front of its first.
fn page(status: &Status) -> String {
    let mut page = String::new();
    for Section { label, lines } in sections(status) {
        for (number, line) in lines.iter().enumerate() {
            let label = if number == 0 { label } else { "" };
            // Writing to a string cannot fail.
            let _ = writeln!(page, "{label:<10}{}", printable(line));
        }
    }
    page
}
