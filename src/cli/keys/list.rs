//! `cvdns keys list`: what the keys of a zone do.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::zone::ZoneArgs;
use crate::cli::output::{Failure, print_json};
use crate::cli::problems::print;
use crate::cli::table::{or_dash, print_table};
use crate::load::{KeyPlace, PlacedKeys};
use cvdns_core::dnssec::{Dnskey, ZoneSigning};
use cvdns_core::problem::{Location, Problems};
use cvdns_dnssec::{KeyDuty, SigningInputs, ZoneKey, zone_signing};

/// Arguments of `cvdns keys list`.
#[derive(Args, Clone, Debug)]
pub struct ListArgs {
    /// The zone.
    #[command(flatten)]
    pub zone: ZoneArgs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// A key in the JSON output.
#[derive(Serialize)]
#[allow(clippy::struct_excessive_bools, reason = "a key does some of these things")]
struct KeyInfo {
    tag: u16,
    algorithm: &'static str,
    algorithm_number: u8,
    flags: u16,
    role: String,
    /// Whether its DNSKEY record is in the zone.
    published: bool,
    /// Whether it signs the sets of keys.
    signs_keys: bool,
    /// Whether it signs all other sets.
    signs_zone: bool,
    /// Whether CDS and CDNSKEY records tell the parent of it.
    synced: bool,
    /// Whether its private key is here.
    private_key: bool,
    /// The moments that its file has, by their names in lower case.
    timing: BTreeMap<String, Timestamp>,
    /// The next moment at which something of this changes.
    next_change: Option<Timestamp>,
    file: String,
}

pub(super) fn run(args: &ListArgs, config: &Path, now: Timestamp) -> Result<ExitCode, Failure> {
    let (place, keys) = args.zone.keys(config, now)?;
    let signing = signing(&place, &keys, now);
    let duties = keys.keys.at(now);
    let infos: Vec<KeyInfo> = (keys.keys.keys.iter().zip(duties))
        .map(|(key, duty)| KeyInfo::of(key, duty, &keys, signing.as_ref(), now))
        .collect();
    if args.json {
        print_json(&infos)?;
    } else if infos.is_empty() {
        let (zone, directory) = (&keys.keys.zone, place.directory.display());
        return Err(Failure::new(format!(
            "there are no keys of {zone} in {directory}: cvdns keys generate {zone}"
        )));
    } else {
        let header = ["Tag", "Algorithm", "Role", "State", "Until", "File"];
        print_table(&header, infos.iter().map(KeyInfo::row))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What signs the zone, with what is to be said of it.
pub(super) fn signing(place: &KeyPlace, keys: &PlacedKeys, now: Timestamp) -> Option<ZoneSigning> {
    let mut problems = Problems::default();
    let location = Location::file(&place.directory.display().to_string());
    let inputs = SigningInputs {
        keys: &keys.keys,
        signed: keys.signed.as_ref(),
        // No signature is made.
        validity: Duration::ZERO,
        location: &location,
    };
    let signing = (!keys.keys.keys.is_empty()).then(|| zone_signing(&inputs, now, &mut problems));
    print(&problems);
    signing.flatten()
}

impl KeyInfo {
    fn of(
        key: &ZoneKey,
        duty: KeyDuty,
        all: &PlacedKeys,
        signing: Option<&ZoneSigning>,
        now: Timestamp,
    ) -> Self {
        let dnskey = &key.dnskey;
        let signs = |keys: fn(&ZoneSigning) -> Vec<&Dnskey>| {
            signing.is_some_and(|signing| keys(signing).contains(&dnskey))
        };
        let is_elsewhere = all.signed.as_ref();
        let moments = key.timing.named().into_iter();
        Self {
            tag: dnskey.tag(),
            algorithm: dnskey.algorithm.mnemonic(),
            algorithm_number: dnskey.algorithm.number(),
            flags: dnskey.flags,
            role: duty.role.to_string(),
            published: match is_elsewhere {
                Some(signed) => signed.keys().contains(dnskey),
                None => duty.is_published,
            },
            signs_keys: signs(|of| of.key_set_keys.iter().map(|key| &key.dnskey).collect()),
            signs_zone: signs(|of| of.zone_keys.iter().map(|key| &key.dnskey).collect()),
            synced: is_elsewhere.is_none() && duty.is_synced,
            private_key: key.private.is_some(),
            timing: moments
                .filter_map(|(name, moment)| Some((name.to_lowercase(), moment?)))
                .collect(),
            next_change: key.timing.next_change(now),
            file: key.location.file_name().to_owned(),
        }
    }

    fn row(&self) -> Vec<String> {
        vec![
            self.tag.to_string(),
            self.algorithm.to_owned(),
            self.role.clone(),
            self.state().to_owned(),
            or_dash(self.next_change),
            self.file.clone(),
        ]
    }

    fn state(&self) -> &'static str {
        match (self.signs_zone, self.signs_keys, self.published) {
            (true, true, true) => "signs everything",
            (true, false, true) => "signs the zone",
            (false, true, true) => "signs the keys",
            (true, ..) | (_, true, _) => "signs, not published",
            (false, false, true) => "published",
            (false, false, false) => "not published",
        }
    }
}
