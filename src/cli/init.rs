//! `cvdns init`: writes a whole configuration to start from.
//!
//! `names` reads what names the zone and its servers; `texts` makes the files; `country_database`
//! looks for a database; `writing` writes all files or none.

mod country_database;
mod names;
mod texts;
mod writing;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;

use super::import::fleet_of_list;
use super::output::Failure;
use super::problems::print;
use crate::load::load;
use cvdns_core::health::FeedRequirements;
use cvdns_core::problem::Problems;
use cvdns_core::snapshot::compile;

use names::{NameServer, Origin};
use texts::{Plan, files};

/// Arguments of `cvdns init`.
#[derive(Args, Clone, Debug)]
pub struct InitArgs {
    /// The directory, which is created if it does not exist. No file in it is overwritten.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Name of the zone, such as clamav.example.org.
    #[arg(long = "zone", value_name = "ORIGIN")]
    pub zone: String,
    /// The mirrors, as lines of `host,address,country[,capacity]` (see `cvdns import`). Without the
    /// option, the fleet has two example mirrors.
    #[arg(long, value_name = "LIST.csv")]
    pub from: Option<PathBuf>,
    /// A name server of the zone; may be repeated. A name inside the zone needs its addresses, one
    /// outside must have none. A name without dots is inside the zone. Without the option, the zone
    /// has the example ns1.
    #[arg(long = "ns", value_name = "NAME[=ADDR,…]")]
    pub name_servers: Vec<String>,
    /// For a network of other files than ClamAV's: it has no version record, and the coordinator
    /// requests this path from each mirror.
    #[arg(long, value_name = "PATH")]
    pub probe: Option<String>,
    /// The country database. Without the option, geoip/country.mmdb of the working directory is
    /// used, or the one that is installed with cvdns.
    #[arg(long, value_name = "FILE")]
    pub geoip: Option<PathBuf>,
}

/// Writes the configuration. Exit status 1 if an argument is wrong or a file exists already;
/// nothing is written then.
pub fn run(args: &InitArgs) -> ExitCode {
    match init(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn init(args: &InitArgs) -> Result<(), Failure> {
    let origin = Origin::parse(&args.zone).map_err(Failure::new)?;
    let name_servers = NameServer::parse_all(&args.name_servers, &origin).map_err(Failure::new)?;
    let fleet = args.from.as_deref().map(fleet_of_list).transpose()?.map(|(_, text)| text);
    let database = match &args.geoip {
        Some(named) => Some(country_database::named(named).map_err(Failure::new)?),
        None => country_database::installed(),
    };
    let plan = Plan {
        origin: &origin,
        name_servers: &name_servers,
        fleet: fleet.as_deref(),
        probe: args.probe.as_deref(),
        database: database.as_deref(),
        now: Timestamp::now(),
    };
    let files = files(&plan).map_err(Failure::new)?;
    writing::write_all(&args.dir, &files, || check(&args.dir))?;
    report(args, &plan, files.iter().map(|file| file.path.as_str()))
}

/// Checks that serve would take the files as they are written.
fn check(dir: &Path) -> Result<(), Failure> {
    let mut problems = Problems::default();
    if let Some(loaded) = load(&dir.join("cvdns.toml"), &mut problems) {
        let _ = compile(&loaded.inputs, &FeedRequirements::default(), &mut problems);
    }
    if !problems.has_errors() {
        return Ok(());
    }
    print(&problems);
    Err(Failure::new("nothing is written: change the arguments that lead to these errors"))
}

/// Prints what was written, what is only an example, and what to do next.
fn report<'f>(
    args: &InitArgs,
    plan: &Plan<'_>,
    files: impl Iterator<Item = &'f str>,
) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    for file in files {
        writeln!(out, "wrote {}", args.dir.join(file).display())?;
    }
    writeln!(out)?;
    for note in plan.notes() {
        writeln!(out, "{note}")?;
    }
    let dir = args.dir.display().to_string();
    let quoted = shlex::try_quote(&dir).map_or_else(|_| dir.clone(), Into::into);
    writeln!(out, "\nNext:")?;
    writeln!(out, "  cd {quoted} && cvdns serve")?;
    writeln!(out, "  dig @127.0.0.1 -p 5300 {}", plan.first_name())?;
    writeln!(out, "  cd {quoted} && cvdns monitor")?;
    Ok(())
}
