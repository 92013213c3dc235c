//! The overrides of all servers, which come through NATS.

use std::path::Path;

use jiff::Timestamp;

use super::arguments::RestoreArgs;
use crate::cli::nats::{self, missing};
use crate::cli::output::{Failure, print_line};
use crate::daemon;
use crate::load::{NatsDocument, NatsPlace, NatsPublishing};
use crate::publishing::{Outcome, publish};
use cvdns_core::health::Keys;
use cvdns_io::read_bytes;
use cvdns_monitor::Signer;

/// Most octets of a file in which a server keeps overrides: JSON may write an octet as six.
const MAX_FILE: u64 = 8 << 20;

/// The overrides of all servers.
pub(super) struct FleetOverrides {
    place: NatsPlace,
    keys: Keys,
    /// Signs what is written; an error if there is no key, which only whoever writes needs.
    signer: Result<Signer, String>,
    /// Whether it is no error that there are none.
    may_be_none: bool,
}

impl FleetOverrides {
    /// Those of the place that a configuration names.
    pub(super) fn of(config: &Path, may_be_none: bool) -> Result<Self, Failure> {
        let NatsPublishing { place, keys, secret_key, .. } = nats::publishing(config)?;
        let place = place.ok_or_else(|| missing(config))?;
        let keys = keys.ok_or_else(|| {
            Failure::new("servers would refuse the overrides: write `public-key` in [feed]")
        })?;
        let signer = match secret_key {
            Some(path) => Signer::load(&path),
            None => Err("the overrides of all servers have to be signed: write `secret-key` in \
                         [monitor]"
                .to_owned()),
        };
        Ok(Self { place, keys, signer, may_be_none })
    }

    /// What they are called.
    pub(super) fn name(&self) -> String {
        format!("the overrides of all servers in {}", self.place)
    }

    /// The text that is published; where there is none yet, one without overrides. Its serial is
    /// the Unix time, so that it is above any that a lost store had.
    pub(super) fn read(&self) -> Result<String, Failure> {
        let Some((octets, signature)) =
            self.place.read(&NatsDocument::Overrides).map_err(Failure::new)?
        else {
            if !self.may_be_none {
                return Err(Failure::new(format!(
                    "nothing is changed: none are published in {}. If there never were any, add \
                     --first. If the store was lost, servers still have the last ones: publish these \
                     again by `cvdns override restore FILE`, with overrides.json of a server's `state`",
                    self.place
                )));
            }
            return Ok(format!("serial = {}\n", Timestamp::now().as_second()));
        };
        self.keys.verify(&octets, signature.as_deref()).map_err(|error| {
            Failure::new(format!("{} are not to be trusted: {error}", self.name()))
        })?;
        String::from_utf8(octets)
            .map_err(|_| Failure::new(format!("{} are no UTF-8 text", self.name())))
    }

    /// Signs and publishes a text, unless another one was published meanwhile.
    pub(super) fn write(&self, text: &str) -> Result<(), Failure> {
        let signer = self.signer.as_ref().map_err(Failure::new)?;
        let comment = format!("timestamp:{}", Timestamp::now().as_second());
        let signature = signer.sign(text.as_bytes(), &comment).map_err(Failure::new)?;
        let (octets, signature) = (text.as_bytes().to_vec(), Some(signature.into_bytes()));
        let outcome = publish(&self.place, &self.keys, NatsDocument::Overrides, octets, signature);
        match outcome.map_err(Failure::new)? {
            Outcome::Published | Outcome::Same => Ok(()),
            Outcome::Refused(why) => Err(Failure::new(format!(
                "nothing is changed: {why}; somebody else has just changed them, so look at them \
                 (`cvdns override list --fleet`) and try again"
            ))),
        }
    }
}

/// Publishes the overrides that a server has kept.
pub(super) fn restore(args: &RestoreArgs, config: &Path) -> Result<(), Failure> {
    let FleetOverrides { place, keys, .. } = FleetOverrides::of(config, true)?;
    let shown = args.file.display();
    let octets = read_bytes(&args.file, MAX_FILE).map_err(Failure::new)?;
    let (text, signature) = daemon::stored_overrides(&octets).ok_or_else(|| {
        Failure::new(format!(
            "{shown} is not what a server keeps: name overrides.json in its `state` directory"
        ))
    })?;
    let signature = signature.map(String::into_bytes);
    let outcome = publish(&place, &keys, NatsDocument::Overrides, text.into_bytes(), signature);
    match outcome.map_err(Failure::new)? {
        Outcome::Published => {
            print_line(format_args!("the overrides of {shown} are published in {place}"))
        }
        Outcome::Same => {
            print_line(format_args!("the overrides of {shown} were published in {place} before"))
        }
        Outcome::Refused(why) => Err(Failure::new(format!("nothing is published: {why}"))),
    }
}

impl std::fmt::Debug for FleetOverrides {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name())
    }
}
