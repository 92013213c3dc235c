//! `cvdns keys generate`: makes a key.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;

use super::key_moment::key_moment;
use super::life::{Wish, life};
use super::zone::ZoneArgs;
use crate::cli::output::{Failure, eprint_line, print_line};
use crate::load::KeyDirectory;
use cvdns_core::dnssec::{Algorithm, Dnskey};
use cvdns_core::problem::Problems;
use cvdns_core::wire::name::Name;
use cvdns_dnssec::{KeySet, NewKey};

/// Arguments of `cvdns keys generate`.
#[derive(Args, Clone, Debug)]
pub struct GenerateArgs {
    /// The zone. With the origin of a zone file that has `{cc}`, a key is made for each zone that
    /// has none.
    #[command(flatten)]
    pub zone: ZoneArgs,
    /// The algorithm: `ecdsap256sha256` (13) or `ed25519` (15).
    #[arg(long, value_name = "ALGORITHM", default_value = "ecdsap256sha256", value_parser = algorithm)]
    pub algorithm: Algorithm,
    /// Make a key-signing key.
    #[arg(long, group = "kind")]
    pub ksk: bool,
    /// Make a zone-signing key.
    #[arg(long, group = "kind")]
    pub zsk: bool,
    /// Make a key that signs everything, which is the default. It has the flags of a key-signing
    /// key.
    #[arg(long, group = "kind")]
    pub csk: bool,
    /// From when the key is in the zone: `2026-12-10T00:00:00Z`, `2026-12-10`, `20261210000000` (in
    /// UTC), `now`, or from now on such as `+90mi`, `+12h` or `+2d`. Default: at once.
    #[arg(long, value_name = "TIME", value_parser = key_moment)]
    pub publish: Option<Timestamp>,
    /// From when the key signs. Default: at once; a zone-signing key in a zone that other keys of
    /// its algorithm sign already begins when all resolvers know it.
    #[arg(long, value_name = "TIME", value_parser = key_moment)]
    pub activate: Option<Timestamp>,
}

/// Tries of making a key whose tag no other key of the zone has. Each finds one at once, but for
/// one in a thousand.
const TRIES: usize = 100;

/// Revoke flag, which a key may get later (RFC 5011 section 2.1).
const REVOKE: u16 = 0x0080;

fn algorithm(text: &str) -> Result<Algorithm, String> {
    let number = text.parse().ok();
    let is_meant =
        |of: &Algorithm| of.mnemonic().eq_ignore_ascii_case(text) || Some(of.number()) == number;
    let found = Algorithm::ALL.into_iter().find(is_meant);
    found.ok_or_else(|| "write ecdsap256sha256 or ed25519".to_owned())
}

pub(super) fn run(args: &GenerateArgs, config: &Path, now: Timestamp) -> Result<ExitCode, Failure> {
    let (place, zones) = args.zone.place(config)?;
    let path = &place.directory;
    make(path)?;
    let directory = KeyDirectory::open(path).map_err(Failure::new)?;
    let is_set = zones.len() > 1;
    let mut made = 0;
    for zone in zones.iter().filter(|zone| !is_set || !directory.has(zone)) {
        let name = generate(args, zone, &directory, now)?;
        made += 1;
        print_line(name.display())?;
    }
    if made == 0 {
        eprint_line!("cvdns: all zones of {} have keys: name one of them", args.zone.zone);
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes the directory if it does not exist, for its owner alone.
fn make(path: &Path) -> Result<(), Failure> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(Failure::new(format!("cannot make {}: {error}", path.display()))),
    }
}

/// Makes a key of a zone. Returns the path of its files without an extension.
fn generate(
    args: &GenerateArgs,
    zone: &Name,
    directory: &KeyDirectory,
    now: Timestamp,
) -> Result<PathBuf, Failure> {
    let flags = if args.zsk { Dnskey::ZONE_SIGNING } else { Dnskey::KEY_SIGNING };
    let wish = Wish {
        algorithm: args.algorithm,
        zsk: args.zsk,
        publish: args.publish,
        activate: args.activate,
    };
    let (timing, note) = life(&wish, &keys(zone, directory), now)?;
    let taken = directory.tags(zone);
    for _ in 0..TRIES {
        let key = NewKey::generate(zone, args.algorithm, flags, &timing);
        let key = key.map_err(|error| Failure::new(error.to_string()))?;
        if is_free(&key.dnskey, &taken) {
            let path = write(&key, directory.path())?;
            if let Some(note) = note {
                eprint_line!("cvdns: key {}: {note}", key.dnskey.tag());
            }
            return Ok(path);
        }
    }
    Err(Failure::new(format!("{zone} has too many keys in {}", directory.path().display())))
}

/// The keys of a zone that are there already. What is wrong with them is said when they are used.
fn keys(zone: &Name, directory: &KeyDirectory) -> KeySet {
    let keys = directory.keys(zone, &mut BTreeSet::new(), &mut Problems::default());
    KeySet { zone: zone.clone(), keys }
}

/// Whether no other key has this tag, or the tag that the key has once it is revoked: resolvers
/// would have to try several keys.
fn is_free(key: &Dnskey, taken: &BTreeSet<u16>) -> bool {
    let revoked = Dnskey { flags: key.flags | REVOKE, ..key.clone() };
    !taken.contains(&key.tag()) && !taken.contains(&revoked.tag())
}

/// Writes both files, the private key first: a server that reads them meanwhile reports a private
/// key without a public one, and goes on.
fn write(key: &NewKey, directory: &Path) -> Result<PathBuf, Failure> {
    let file = |extension: &str| directory.join(format!("{}.{extension}", key.name));
    let (private, public) = (file("private"), file("key"));
    let failed = |path: &Path, error: &std::io::Error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::new(format!("{} exists already", path.display())),
        _ => Failure::new(cvdns_io::cannot_write(path, error)),
    };
    cvdns_io::create_secret(&private, key.private_text.as_bytes())
        .map_err(|error| failed(&private, &error))?;
    cvdns_io::create_published(&public, key.public_text.as_bytes()).map_err(|error| {
        let _ = fs::remove_file(&private);
        failed(&public, &error)
    })?;
    Ok(directory.join(key.name.to_string()))
}
