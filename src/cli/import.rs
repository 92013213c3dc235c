//! `cvdns import`: converts a CSV list of mirrors into a fleet file.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::output::Failure;
use super::problems::print_all;
use cvdns_core::fleet::{Fleet, Mirror};
use cvdns_core::problem::{Problems, plural};
use cvdns_io::{create, read_list, replace};

/// Arguments of `cvdns import`.
#[derive(Args, Clone, Debug)]
pub struct ImportArgs {
    /// Lines of `host,address,country[,capacity]`. Several lines with the same host give it several
    /// addresses. `#` begins a comment; a first line that names the columns is skipped.
    #[arg(value_name = "FILE.csv")]
    pub file: PathBuf,
    /// Write the fleet to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace the file if it exists.
    #[arg(long, requires = "out")]
    pub force: bool,
}

/// Writes the fleet file. Exit status 1 if any line is bad; nothing is written then.
pub fn run(args: &ImportArgs) -> ExitCode {
    match import(args) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

fn import(args: &ImportArgs) -> Result<ExitCode, Failure> {
    let (fleet, text) = fleet_of_list(&args.file)?;
    let Some(out) = &args.out else {
        std::io::stdout().lock().write_all(text.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    };
    write(out, text.as_bytes(), args.force)?;
    let addresses = fleet.mirrors.iter().flat_map(Mirror::addresses).count();
    writeln!(
        std::io::stdout().lock(),
        "{}: {} with {}",
        out.display(),
        plural(fleet.mirrors.len(), "mirror", "mirrors"),
        plural(addresses, "address", "addresses")
    )?;
    Ok(ExitCode::SUCCESS)
}

/// The fleet of a list, and the text of its fleet file. All problems of the list are printed.
pub(in crate::cli) fn fleet_of_list(file: &Path) -> Result<(Fleet, String), Failure> {
    let name = file.display().to_string();
    let list = read_list(file).map_err(Failure::new)?;
    let mut problems = Problems::default();
    let fleet = Fleet::of_list(&name, &list, &mut problems);
    print_all(&problems);
    if problems.has_errors() {
        return Err(Failure::new(format!(
            "{name}: nothing is written until all lines are correct"
        )));
    }
    let text = fleet.to_text();
    // A file that serve refuses or reads differently must not be written.
    let mut refused = Problems::default();
    let read_back = Fleet::parse("mirrors.toml", &text, &mut refused);
    if refused.has_errors() || !fleet.is_like(&read_back) {
        print_all(&refused);
        return Err(Failure::new(
            "the new fleet file does not read back as it was written: please report this",
        ));
    }
    Ok((fleet, text))
}

fn write(out: &Path, bytes: &[u8], force: bool) -> Result<(), Failure> {
    let written = if force { replace(out, bytes) } else { create(out, bytes) };
    written.map_err(|error| {
        let name = out.display();
        match error.kind() {
            std::io::ErrorKind::AlreadyExists => Failure::new(format!(
                "{name} exists already: name another file, or replace it with --force"
            )),
            _ => Failure::new(format!("{name}: {error}")),
        }
    })
}
