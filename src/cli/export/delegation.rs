//! `cvdns export delegation`: prints NS records, glue and DS records for parent zones.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use crate::cli::output::{Failure, eprint_line};
use crate::cli::problems::print;
use crate::export::{delegations, ecs_warning};
use crate::load::load;
use cvdns_core::problem::Problems;
use cvdns_core::wire::name::Name;

/// Arguments of `cvdns export delegation`.
#[derive(Args, Clone, Debug)]
pub struct DelegationArgs {
    /// Print only the delegations that belong in this zone, with names relative to it. Default: all
    /// delegations. The parent is another zone served here if one encloses the zone, or else the
    /// zone above; for an origin with `{cc}`, the zone above all of its zones.
    #[arg(long, value_name = "ZONE", value_parser = parse_zone)]
    pub parent: Option<Name>,
}

fn parse_zone(text: &str) -> Result<Name, String> {
    Name::parse(text, &Name::root())
        .map_err(|error| format!("{error}; expected a name such as example.net"))
}

/// Prints the delegations; prints none if one of them could not be followed.
pub(super) fn run(args: &DelegationArgs, config: &Path) -> Result<ExitCode, Failure> {
    let mut problems = Problems::default();
    let loaded = load(config, &mut problems).filter(|_| !problems.has_errors());
    let Some(loaded) = loaded else {
        print(&problems);
        return Err(Failure::new(format!("{} cannot be served", config.display())));
    };
    let mut problems = Problems::default();
    let found = delegations(&loaded.inputs, args.parent.as_ref(), &mut problems);
    if problems.has_errors() {
        print(&problems);
        return Err(Failure::new(
            "nothing is printed until resolvers could follow all delegations",
        ));
    }
    if found.is_empty() {
        return Err(Failure::new(match &args.parent {
            Some(parent) => {
                format!("no served zone is delegated from {parent}: name the parent zone")
            }
            None => "no served zone has a parent zone".to_owned(),
        }));
    }
    let ecs = loaded.config.server.ecs;
    for line in ecs_warning(ecs) {
        eprint_line!("cvdns: {line}");
    }
    std::io::stdout().lock().write_all(found.to_text(ecs).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
