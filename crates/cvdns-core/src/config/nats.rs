//! The `[nats]` section.

use super::keys::nats as keys;
use crate::problem::Location;
use crate::problem::table::{Placed, Table};

/// The servers of NATS that carry feed and overrides (`[nats]`).
#[derive(Debug, Clone)]
pub struct Nats {
    /// Addresses of servers, as written; none twice.
    pub servers: Vec<Placed<String>>,
    /// File that says who connects; `None`: nobody in particular.
    pub credentials: Option<Placed<String>>,
    /// File of certificates, one of which must have issued those of the servers; `None`: the
    /// system's authorities.
    pub ca_file: Option<Placed<String>>,
    /// The bucket that has the documents.
    pub bucket: Placed<String>,
    /// The place of the section.
    pub location: Location,
}

impl Nats {
    /// Reads the section. `None` without it, and if no server is named.
    pub(super) fn read(mut table: Table<'_>) -> Option<Self> {
        if !table.is_given() {
            return None;
        }
        let errors_before = table.error_count();
        let mut servers: Vec<Placed<String>> = Vec::new();
        for server in table.list(&keys::SERVERS).unwrap_or_default() {
            if servers.iter().any(|known| known.value == server.value) {
                let what = format!("the server {} is named twice", server.value);
                table.error(server.location, what, "keep one");
            } else {
                servers.push(server);
            }
        }
        if servers.is_empty() && table.error_count() == errors_before {
            let help = format!("add servers = {}, or take the section out", keys::SERVERS.example);
            table.error(table.location(), "[nats] names no server", help);
        }
        let location = table.location();
        let bucket = table.get(&keys::BUCKET);
        let nats = Self {
            servers,
            credentials: table.get(&keys::CREDENTIALS),
            ca_file: table.get(&keys::CA_FILE),
            bucket: bucket.unwrap_or_else(|| Placed {
                value: keys::DEFAULT_BUCKET.to_owned(),
                location: location.clone(),
            }),
            location,
        };
        table.finish();
        (!nats.servers.is_empty()).then_some(nats)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::problem::Problems;

    const KEY: &str = "public-key = \"RWSQJ3D0IPdz7PgxxkvgPuMpP6RV2zlh25IShVotmPE9Ng2RY38yu+J5\"";

    fn read(feed: &str, section: &str) -> (Option<Nats>, Vec<String>) {
        let text = format!("zone = [{{ file = \"z\" }}]\n[feed]\n{feed}\n{section}\n");
        let mut problems = Problems::default();
        let config = Config::parse("c", &text, &mut problems).unwrap();
        (config.nats, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_section_names_servers_and_a_bucket() {
        let (nats, problems) = read(KEY, "[nats]\nservers = [\"tls://a.example\"]");
        let nats = nats.unwrap();
        assert_eq!((nats.bucket.value.as_str(), problems), ("cvdns", Vec::new()));
        assert_eq!(nats.servers[0].value, "tls://a.example");
        assert!(read(KEY, "").0.is_none());
    }

    #[test]
    fn what_is_missing_or_double_is_an_error() {
        for (feed, section, expected) in [
            (KEY, "[nats]", "names no server"),
            (KEY, "[nats]\nservers = []", "names no server"),
            (KEY, "[nats]\nservers = [\"nats://a\", \"nats://a\"]", "named twice"),
            (KEY, "[nats]\nservers = [7]", "expected"),
        ] {
            let (_, problems) = read(feed, section);
            assert!(
                problems.len() == 1 && problems[0].contains(expected),
                "{section}: {problems:?}"
            );
        }
    }
}
