//! `cvdns bundle publish`.

use std::path::Path;

use clap::Args;
use jiff::Timestamp;

use super::published::{PublishedBundle, name};
use crate::cli::output::{Failure, print_line};
use crate::cli::problems::print;
use crate::load::{self, DocumentError, SignedBundle};
use crate::publishing::{Outcome, publish};
use cvdns_core::bundle::Bundle;
use cvdns_core::health::FeedRequirements;
use cvdns_core::problem::{Problems, plural};
use cvdns_core::snapshot::compile;
use cvdns_monitor::Signer;

/// Arguments of `cvdns bundle publish`.
#[derive(Args, Clone, Debug)]
pub struct PublishArgs {
    /// The bundle's name, which servers have as `bundle` in `[[zone]]`.
    #[arg(value_parser = name)]
    pub name: String,
}

pub(super) fn run(args: &PublishArgs, config: &Path) -> Result<(), Failure> {
    let PublishedBundle { source, keys, publishing } = PublishedBundle::of(&args.name, config)?;
    let signer = match publishing.secret_key {
        Some(path) => Signer::load(&path),
        None => Err("a bundle has to be signed: write `secret-key` in [monitor]".to_owned()),
    };
    let signer = signer.map_err(Failure::new)?;
    let mut problems = Problems::default();
    let Some(draft) = load::bundle_draft(config, &mut problems) else {
        print(&problems);
        return Err(Failure::new("nothing is published: correct this first"));
    };
    let now = Timestamp::now();
    let last = last(source.fetch(Some(&keys), now))?;
    let bundle = draft.bundle(&args.name, next_serial(last.as_ref(), now), now);
    check(config, &bundle)?;
    if let Some(last) = last.filter(|last| last.bundle.has_files_of(&bundle)) {
        let serial = last.bundle.serial;
        return print_line(format_args!(
            "bundle {source}: serial {serial} has these files already"
        ));
    }
    let octets = bundle.to_text().map_err(Failure::new)?;
    let comment = format!("serial:{}", bundle.serial);
    let signature = signer.sign(&octets, &comment).map_err(Failure::new)?;
    let outcome =
        publish(&source.place, &keys, source.document(), octets, Some(signature.into_bytes()));
    match outcome.map_err(Failure::new)? {
        Outcome::Published | Outcome::Same => {}
        Outcome::Refused(why) => {
            return Err(Failure::new(format!("nothing is published: {why}; try again")));
        }
    }
    let files = plural(bundle.files.len(), "file", "files");
    let (serial, root) = (bundle.serial, draft.root.display());
    print_line(format_args!(
        "bundle {source}: serial {serial} is published, with {files} of {root}"
    ))
}

/// The bundle that is published. What no server would take is no reason not to publish.
fn last(
    fetched: Result<Option<SignedBundle>, DocumentError>,
) -> Result<Option<SignedBundle>, Failure> {
    match fetched {
        Ok(last) => Ok(last),
        Err(error) if error.is_unread => Err(Failure::new(error.what)),
        Err(_) => Ok(None),
    }
}

/// The Unix time, so that it is above any serial that a lost store had; or one more than the last
/// serial.
fn next_serial(last: Option<&SignedBundle>, now: Timestamp) -> u64 {
    let last = last.map_or(0, |last| last.bundle.serial);
    now.as_second().unsigned_abs().max(last.saturating_add(1))
}

/// Refuses a bundle that servers could not serve.
fn check(config: &Path, bundle: &Bundle) -> Result<(), Failure> {
    let mut problems = Problems::default();
    let inputs = load::bundle_inputs(config, bundle, &mut problems);
    let compiled =
        inputs.and_then(|inputs| compile(&inputs, &FeedRequirements::default(), &mut problems));
    print(&problems);
    if compiled.is_none() || problems.has_errors() {
        return Err(Failure::new("nothing is published: servers could not serve this bundle"));
    }
    Ok(())
}
