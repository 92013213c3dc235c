//! `cvdns log-level`: sets what the running server logs.

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Args, Command};
use serde_json::json;

use super::admin_client::AdminClient;
use super::output::{Failure, print_line};
use crate::logging::LevelInForce;

/// Arguments of `cvdns log-level`.
#[derive(Args, Clone, Debug)]
pub struct LogLevelArgs {
    /// `off`, `error`, `warn`, `info`, `debug` or `trace`, or levels of modules as well, such as
    /// `info,cvdns::daemon=debug`.
    #[arg(value_parser = LevelWord)]
    pub level: String,
}

/// Takes any text, which the server judges, and has completions offer the plain levels.
#[derive(Clone, Debug)]
struct LevelWord;

impl TypedValueParser for LevelWord {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let levels = ["off", "error", "warn", "info", "debug", "trace"];
        Some(Box::new(levels.into_iter().map(PossibleValue::new)))
    }
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
