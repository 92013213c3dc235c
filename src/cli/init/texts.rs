//! The files of a new configuration, from the templates beside this file. Their comments say what
//! each key is for; docs/configuration.md has all keys.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use super::names::{NameServer, Origin};

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewFile {
    /// Its path, relative to the directory of the configuration.
    pub(super) path: String,
    /// Its content.
    pub(super) text: String,
}

/// What a configuration is made from.
pub(super) struct Plan<'p> {
    pub(super) origin: &'p Origin,
    /// The name servers; if there are none, an example is written.
    pub(super) name_servers: &'p [NameServer],
    /// The text of the fleet file; `None`: two examples.
    pub(super) fleet: Option<&'p str>,
    /// The path that the coordinator requests; `None`: the network is ClamAV's.
    pub(super) probe: Option<&'p str>,
    /// The country database.
    pub(super) database: Option<&'p str>,
    pub(super) now: Timestamp,
}

impl Plan<'_> {
    /// A name that is answered from the mirrors near the client.
    pub(super) fn first_name(&self) -> String {
        let origin = self.origin.as_str();
        if self.probe.is_some() { origin.to_owned() } else { format!("db.local.{origin}") }
    }

    /// What the operator should know of what was written, a paragraph each.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = vec![match self.database {
            Some(database) => format!("The country database is {database}."),
            None => format!(
                "There is no country database, so every client is answered by the path `unknown`: \
                 {} gives mirrors of the whole world. Make one by `cvdns geoip build` and name it \
                 as `database` in [geoip].",
                self.first_name()
            ),
        }];
        if self.fleet.is_none() {
            notes.push(
                "The two mirrors are examples with documentation addresses: write yours into \
                 zones/mirrors.toml, or make that file by `cvdns import`."
                    .to_owned(),
            );
        }
        if self.name_servers.is_empty() {
            notes.push(format!(
                "The name server ns1.{origin} is an example with documentation addresses: write \
                 yours into zones/{origin}.zone.",
                origin = self.origin.as_str()
            ));
        }
        if self.probe.is_none() {
            notes.push(
                "The versions in release.json and feed.json are examples: write those that your \
                 mirrors have into release.json, from which `cvdns monitor` makes the feed."
                    .to_owned(),
            );
        }
        notes
    }
}

/// All files of a configuration.
///
/// # Errors
/// When the path to probe is none.
pub(super) fn files(plan: &Plan<'_>) -> Result<Vec<NewFile>, String> {
    if let Some(path) = plan.probe.filter(|path| !path.starts_with('/')) {
        return Err(format!(
            "--probe {path}: write a path that begins with a slash, such as /status"
        ));
    }
    let origin = plan.origin.as_str();
    let mut files = vec![
        ("cvdns.toml".to_owned(), configuration(plan)),
        (format!("zones/{origin}.toml"), zone(plan)),
        (format!("zones/{origin}.zone"), records(plan)),
        ("zones/mirrors.toml".to_owned(), fleet(plan)),
        ("overrides.toml".to_owned(), include_str!("templates/overrides.toml").to_owned()),
        ("feed.json".to_owned(), feed(plan)),
    ];
    if plan.probe.is_none() {
        files.push(("release.json".to_owned(), format!("{:#}\n", release())));
    }
    Ok(files.into_iter().map(|(path, text)| NewFile { path, text }).collect())
}

/// A template in which each `%NAME%` is replaced.
fn filled(template: &str, values: &[(&str, &str)]) -> String {
    let value = |name| values.iter().find(|(known, _)| *known == name).map_or("", |(_, of)| *of);
    // Names are at the odd places between the signs.
    let parts = template.split('%').enumerate();
    parts.map(|(place, part)| if place % 2 == 1 { value(part) } else { part }).collect()
}

/// `cvdns.toml`.
fn configuration(plan: &Plan<'_>) -> String {
    let origin = plan.origin.as_str();
    let example = NameServer::example(plan.origin);
    let server = plan.name_servers.first().unwrap_or(&example);
    let nsid = quoted(server.name.split('.').next().unwrap_or_default());
    let geoip = match plan.database {
        Some(database) => format!("[geoip]\ndatabase = {}", quoted(database)),
        None => "# [geoip]\n# database = \"/usr/share/cvdns/country.mmdb\"".to_owned(),
    };
    let monitor = match plan.probe {
        Some(path) => format!(
            "# The path that each mirror must answer with status 200, for the host {origin}.\n\
             probe = {}",
            quoted(path)
        ),
        None => "# The versions to announce: whoever publishes databases replaces this file.\n\
                 release = \"release.json\""
            .to_owned(),
    };
    let values = [("ORIGIN", origin), ("NSID", &*nsid), ("GEOIP", &*geoip), ("MONITOR", &*monitor)];
    filled(include_str!("templates/cvdns.toml"), &values)
}

/// The zone file.
fn zone(plan: &Plan<'_>) -> String {
    let names = match plan.probe {
        Some(_) => include_str!("templates/names-plain.toml"),
        None => include_str!("templates/names-clamav.toml"),
    };
    let origin = plan.origin.as_str();
    let names = filled(names, &[("ORIGIN", origin)]);
    filled(include_str!("templates/zone.toml"), &[("ORIGIN", origin), ("NAMES", &*names)])
}

/// The master file.
fn records(plan: &Plan<'_>) -> String {
    let origin = plan.origin.as_str();
    let example = [NameServer::example(plan.origin)];
    let (servers, remark) = if plan.name_servers.is_empty() {
        let remark = "\n; An example with addresses for documentation: write your name servers.";
        (&example[..], remark)
    } else {
        (plan.name_servers, "")
    };
    let primary = servers.first().map_or("", |server| &server.name);
    let serial = plan.now.to_zoned(TimeZone::UTC).strftime("%Y%m%d01").to_string();
    let mut out = format!(
        "; The static records of {origin} (RFC 1035 section 5). The parent zone delegates with the \
         same NS\n; records and addresses: `cvdns export delegation` prints them.\n\
         $ORIGIN {origin}.\n$TTL 1h\n\n\
         @ IN SOA {primary}. hostmaster.{origin}. (\n\
         \x20   {serial} ; serial: raise it with each change\n\
         \x20   1h ; refresh\n\
         \x20   15m ; retry\n\
         \x20   2w ; expire\n\
         \x20   5m ) ; minimum: how long resolvers keep a negative answer\n{remark}\n"
    );
    for server in servers {
        let _ = writeln!(out, "@ IN NS {}.", server.name);
    }
    for server in servers {
        for address in &server.addresses {
            let rtype = if address.is_ipv4() { "A" } else { "AAAA" };
            let _ = writeln!(out, "{}. 1d IN {rtype} {address}", server.name);
        }
    }
    out
}

/// The fleet file.
fn fleet(plan: &Plan<'_>) -> String {
    let head = format!("# The mirrors of {}.\n", plan.origin.as_str());
    match plan.fleet {
        Some(fleet) => format!("{head}\n{fleet}"),
        None => head + include_str!("templates/mirrors.toml"),
    }
}

/// The first feed. The coordinator continues from its serial.
fn feed(plan: &Plan<'_>) -> String {
    let seconds = plan.now.as_second();
    let generated = Timestamp::from_second(seconds).unwrap_or(plan.now);
    let mut feed = json!({
        "format": 1,
        "serial": seconds,
        "generated": generated,
        "mirrors": {},
    });
    if let (None, Some(fields)) = (plan.probe, feed.as_object_mut()) {
        fields.insert("release".to_owned(), release());
    }
    format!("{feed:#}\n")
}

/// Example versions of ClamAV's databases.
fn release() -> serde_json::Value {
    json!({ "software": "1.4.6", "main": 63, "daily": 28129, "bytecode": 339, "flevel": 90 })
}

/// A string in TOML: JSON escapes what TOML must have escaped, by escapes that TOML has too.
fn quoted(text: &str) -> String {
    json!(text).to_string()
}
