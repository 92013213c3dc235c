//! `cvdns keys ds`: DS records for the parent.

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::list::signing;
use super::zone::ZoneArgs;
use crate::cli::output::{Failure, print_line};
use crate::export::presentation::{data, name};
use cvdns_core::dnssec::Dnskey;
use cvdns_core::wire::rtype;
use cvdns_dnssec::{DigestType, SignedKeySet, ds, trusted_keys};

/// Arguments of `cvdns keys ds`.
#[derive(Args, Clone, Debug)]
pub struct DsArgs {
    /// The zone.
    #[command(flatten)]
    pub zone: ZoneArgs,
    /// How the keys are digested.
    #[arg(long, value_name = "DIGEST", value_enum, default_value_t = Digest::Sha256)]
    pub digest: Digest,
    /// Only this key, whether it signs or not.
    #[arg(long, value_name = "TAG")]
    pub tag: Option<u16>,
}

/// How a key is digested.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Digest {
    /// SHA-256, which all parents take.
    Sha256,
    /// SHA-384.
    Sha384,
}

impl From<Digest> for DigestType {
    fn from(digest: Digest) -> Self {
        match digest {
            Digest::Sha256 => Self::Sha256,
            Digest::Sha384 => Self::Sha384,
        }
    }
}

pub(super) fn run(args: &DsArgs, config: &Path, now: Timestamp) -> Result<ExitCode, Failure> {
    let (place, keys) = args.zone.keys(config, now)?;
    let zone = &keys.keys.zone;
    let chosen: Vec<Dnskey> = match args.tag {
        None => {
            signing(&place, &keys, now).map(|signing| trusted_keys(&signing)).unwrap_or_default()
        }
        Some(tag) => {
            let here = keys.keys.keys.iter().map(|key| &key.dnskey);
            let elsewhere = keys.signed.iter().flat_map(SignedKeySet::keys);
            let of_tag: Vec<Dnskey> =
                here.chain(elsewhere).filter(|key| key.tag() == tag).cloned().collect();
            of_tag.into_iter().take(1).collect()
        }
    };
    if chosen.is_empty() {
        let which = args.tag.map_or_else(
            || "that is in the zone and signs its keys".to_owned(),
            |tag| format!("with the tag {tag}"),
        );
        let directory = place.directory.display();
        return Err(Failure::new(format!(
            "{zone} has no key {which} in {directory}: `cvdns keys list {zone}` shows its keys"
        )));
    }
    for key in &chosen {
        let (mnemonic, text) = data(rtype::DS, &ds(zone, key, args.digest.into()));
        print_line(format_args!("{} IN {mnemonic} {text}", name(zone.wire())))?;
    }
    Ok(ExitCode::SUCCESS)
}
