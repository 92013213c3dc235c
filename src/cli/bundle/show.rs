//! `cvdns bundle show`.

use std::io::{self, Write};
use std::path::Path;

use clap::Args;
use jiff::Timestamp;

use super::published::{PublishedBundle, name};
use crate::cli::output::{Failure, print_line};
use crate::cli::table::print_table;
use cvdns_core::bundle::Bundle;

/// Arguments of `cvdns bundle show`.
#[derive(Args, Clone, Debug)]
pub struct ShowArgs {
    /// The bundle's name.
    #[arg(value_parser = name)]
    pub name: String,
    /// Print this file of the bundle instead.
    #[arg(value_name = "FILE")]
    pub file: Option<String>,
}

pub(super) fn run(args: &ShowArgs, config: &Path) -> Result<(), Failure> {
    let PublishedBundle { source, keys, .. } = PublishedBundle::of(&args.name, config)?;
    let fetched = source.fetch(Some(&keys), Timestamp::now());
    let fetched = fetched.map_err(|error| Failure::new(error.what))?;
    let fetched = fetched.ok_or_else(|| {
        let publish = format!("`cvdns bundle publish {}` publishes one", args.name);
        Failure::new(format!("no bundle {source} is published yet: {publish}"))
    })?;
    match &args.file {
        None => print_bundle(&fetched.bundle),
        Some(file) => match fetched.bundle.files.get(file) {
            Some(text) => Ok(io::stdout().lock().write_all(text.as_bytes())?),
            None => Err(Failure::new(format!(
                "bundle {} has no file {file:?}: `cvdns bundle show {}` lists them",
                fetched.bundle.serial, args.name
            ))),
        },
    }
}

fn print_bundle(bundle: &Bundle) -> Result<(), Failure> {
    let Bundle { name, serial, generated, .. } = bundle;
    print_line(format_args!("bundle {name}, serial {serial} of {generated:.0}"))?;
    let row = |(file, text): (&String, &String)| {
        let is_zone = bundle.zones.contains(file);
        let what = if is_zone { "zone file" } else { "-" };
        vec![file.clone(), text.len().to_string(), what.to_owned()]
    };
    print_table(&["file", "octets", "what"], bundle.files.iter().map(row))
}
