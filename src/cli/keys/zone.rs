//! The zone of a command, and where its keys are.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;

use crate::cli::output::Failure;
use crate::cli::problems::print;
use crate::load::{KeyPlace, PlacedKeys, key_places, origins_of};
use cvdns_core::problem::Problems;
use cvdns_core::wire::name::Name;

/// The zone of a command.
#[derive(Args, Clone, Debug)]
pub struct ZoneArgs {
    /// The name of the zone, such as `clamav.net`.
    #[arg(value_name = "ZONE")]
    pub zone: String,
    /// The directory of the keys. Default: that of `keys` in `[dnssec]` of the zone file.
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
}

impl ZoneArgs {
    /// The place of the keys, and the zones that are meant: several if the origin of a zone file
    /// with `{cc}` is given.
    pub(super) fn place(&self, config: &Path) -> Result<(KeyPlace, Vec<Name>), Failure> {
        let zones = origins_of(&self.zone).map_err(Failure::new)?;
        let zones: Vec<Name> = zones.into_iter().map(|(zone, _)| zone).collect();
        if let Some(directory) = &self.directory {
            let place = KeyPlace {
                pattern: self.zone.clone(),
                zones: zones.clone(),
                directory: directory.clone(),
                key_set: None,
            };
            return Ok((place, zones));
        }
        let mut problems = Problems::default();
        let places = key_places(config, &mut problems).unwrap_or_default();
        let has_all = |place: &KeyPlace| zones.iter().all(|zone| place.zones.contains(zone));
        if let Some(place) = places.into_iter().find(has_all) {
            return Ok((place, zones));
        }
        print(&problems);
        Err(Failure::new(format!(
            "{} has no zone {} that is signed: write `[dnssec]` with `keys = \"keys\"` into its \
             zone file, or name the directory of its keys with --directory",
            config.display(),
            self.zone
        )))
    }

    /// The place of the keys of a single zone, and the zone.
    pub(super) fn single(&self, config: &Path) -> Result<(KeyPlace, Name), Failure> {
        let (place, zones) = self.place(config)?;
        match <[Name; 1]>::try_from(zones) {
            Ok([zone]) => Ok((place, zone)),
            Err(_) => Err(Failure::new(format!(
                "{} is several zones: name one of them, such as {}",
                self.zone,
                self.zone.replace("{cc}", "de")
            ))),
        }
    }

    /// The keys of a single zone. What is wrong with them is printed, and is a failure if it is an
    /// error.
    pub(super) fn keys(
        &self,
        config: &Path,
        now: Timestamp,
    ) -> Result<(KeyPlace, PlacedKeys), Failure> {
        let (place, zone) = self.single(config)?;
        let mut problems = Problems::default();
        let read = place.keys(&zone, now, &mut problems);
        print(&problems);
        let keys = read.map_err(Failure::new)?;
        if problems.has_errors() {
            return Err(Failure::new(format!("the keys of {zone} cannot be used")));
        }
        Ok((place, keys))
    }
}
