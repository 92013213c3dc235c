//! `cvdns log-level`: sets what the running server logs.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::admin_client::AdminClient;
use super::output::{Failure, print_line};
use crate::logging::LevelInForce;

/// Arguments of `cvdns log-level`.
#[derive(Args, Clone, Debug)]
pub struct LogLevelArgs {
    /// `off`, `error`, `warn`, `info`, `debug` or `trace`, or levels of modules as well, such as
    /// `info,cvdns::daemon=debug`.
    pub level: String,
}

/// Sets the level. Exit status: 0 on success, 1 if it is no level or the server cannot be reached.
pub fn run(args: &LogLevelArgs, config: &Path) -> ExitCode {
    set(args, config).unwrap_or_else(Failure::report)
}

fn set(args: &LogLevelArgs, config: &Path) -> Result<ExitCode, Failure> {
    let server = AdminClient::of(config)?;
    let body = json!({ "level": args.level }).to_string();
    let LevelInForce { level, .. } =
        server.decode(&server.put("/api/v1/log-level", &body)?.success()?)?;
    print_line(format_args!("the log level is {level} until the next reload or restart"))?;
    Ok(ExitCode::SUCCESS)
}
