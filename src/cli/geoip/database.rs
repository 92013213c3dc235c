//! Opens the country database of a `cvdns geoip` command.

use std::path::{Path, PathBuf};

use clap::Args;
use ipnet::IpNet;

use crate::cli::output::Failure;
use crate::cli::problems::print;
use crate::load;
use cvdns_core::geo::country::Country;
use cvdns_core::geo::database::CountryDatabase;
use cvdns_core::problem::Problems;

/// The database to read.
#[derive(Args, Clone, Debug)]
pub struct DatabaseArgs {
    /// The database, any MMDB file with countries. Default: the configured one with its overrides.
    #[arg(long, value_name = "FILE")]
    pub database: Option<PathBuf>,
}

impl DatabaseArgs {
    /// Opens the database; also returns the configured overrides.
    pub(super) fn open(
        &self,
        config: &Path,
    ) -> Result<(CountryDatabase, Vec<(IpNet, Country)>), Failure> {
        if let Some(path) = &self.database {
            return Ok((read_database(path)?, Vec::new()));
        }
        let mut problems = Problems::default();
        let Some((path, overrides)) = load::geoip_paths(config, &mut problems) else {
            print(&problems);
            return Err(Failure::new(
                "name a database with --database, or a configuration with --config".to_owned(),
            ));
        };
        Ok((read_database(&path)?, overrides))
    }
}

/// Reads a database from its file.
fn read_database(path: &Path) -> Result<CountryDatabase, Failure> {
    let name = path.display().to_string();
    let bytes = cvdns_io::read_bytes(path, load::MAX_DATABASE).map_err(|error| {
        Failure::new(format!(
            "{error}; name a database with --database, or make one with `cvdns geoip build`"
        ))
    })?;
    CountryDatabase::from_bytes(bytes, &name).map_err(|error| Failure::new(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_read() {
        let failure = format!("{:?}", read_database(Path::new("/dev/null")).err().unwrap());
        assert!(failure.contains("a device, not a regular file"), "{failure}");
    }
}
