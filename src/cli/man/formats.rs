//! What the pages of files say beyond their keys.

use cvdns_core::schema::FileFormat;
use cvdns_core::{config, fleet, health, zone};

/// The texts of one page.
#[derive(Debug)]
pub(super) struct FormatText {
    /// The format, which has the keys.
    pub format: &'static FileFormat,
    /// The name of the page.
    pub name: &'static str,
    /// What the file is, in some words.
    pub about: &'static str,
    /// Paragraphs.
    pub description: &'static [&'static str],
    /// What is between a key and its value in the file.
    pub sign: &'static str,
    /// What the example is.
    pub example_of: &'static str,
    /// The whole of a file.
    pub example: &'static str,
    /// Other pages.
    pub see_also: &'static str,
}

/// How files of TOML are written.
const TOML: &str = "The file is written in TOML (https://toml.io). An unknown key is an error. \
    Durations are strings such as `\"90s\"`, `\"1h 30m\"` or `\"2d\"`; rates are strings such as \
    `\"1Gbit/s\"`; a time is written as 2026-12-01T06:00:00Z.";

/// All file formats.
pub(super) static ALL: &[FormatText] = &[
    FormatText {
        format: &config::keys::FILE,
        name: "cvdns.toml",
        about: "configuration of the DNS server cvdns and of its coordinator",
        description: &[
            "This file says where `cvdns` listens, which zones it serves, where the state of the \
             mirrors comes from, and how the coordinator checks them. Every key has a default. \
             Without `--config` and `CVDNS_CONFIG`, cvdns.toml in the working directory is read, \
             or else /etc/cvdns/cvdns.toml.",
            TOML,
            "Paths are relative to the file that contains them. A section may be in several files, \
             which `include` names: their keys are joined, and the same key in two files is an \
             error.",
            "`cvdns-check`(1) finds everything that is wrong. The running server reads the file \
             again after `cvdns-reload`(8) or SIGHUP; if anything is wrong, nothing changes. Keys \
             of sockets, threads and the log wait for a restart, and a reload names those that \
             changed.",
        ],
        sign: " = ",
        example_of: "A server on two public addresses, with an account of its own and a feed from \
            a web server:",
        example: r#"[server]
listen = ["192.0.2.1:53", "[2001:db8::1]:53"]
nsid = "ns1"
user = "cvdns"

[[zone]]
file = "zones/clamav.example.org.toml"

[feed]
source = "https://monitor.example.org/feed.json"
state = "/var/lib/cvdns"
overrides = "overrides.toml"

[admin]
listen = "unix:/run/cvdns/admin.sock"
"#,
        see_also: "`cvdns-check`(1), `cvdns-init`(1), `cvdns-feed`(5), `cvdns-overrides`(5), \
            `cvdns-zone`(5), `cvdns-monitor`(8), `cvdns-serve`(8)",
    },
    FormatText {
        format: &zone::file::keys::FILE,
        name: "cvdns-zone",
        about: "a zone of the DNS server cvdns",
        description: &[
            "A zone file names the master file with the zone's static records, the file with its \
             mirrors, and the names that are answered from them. `file` in `[[zone]]` of \
             `cvdns.toml`(5) names it.",
            TOML,
            "The path of a client begins with the pool of its own country. The two nearest \
             countries with mirrors follow, or those of `[[neighbours]]`; then its continent; then \
             the world. Whole pools are taken in order until there are `min` addresses; of the \
             last pool, each answer has only as many addresses as are missing. An answer has at \
             most `max` addresses. Within a pool, mirrors come first in proportion to their \
             capacity. If nothing on a path is usable, all mirrors of the path are answered as if \
             they were up.",
            "A static zone needs only `format`, `origin` and `records`. The master file is read \
             as BIND reads it (RFC 1035), with `$INCLUDE`, `$GENERATE` and unknown types (RFC \
             3597).",
            "Instead of a path, `records` may be a table with a primary, from which the server \
             transfers these records (AXFR, IXFR, NOTIFY): `records = { primary = \
             \"192.0.2.7\", key = \"transfer\" }`. They are kept in `state` of `cvdns.toml`(5), and \
             `cvdns-status`(8) says how old they are.",
        ],
        sign: " = ",
        example_of: "The names of a mirror network:",
        example: r#"format = 1
origin = "clamav.example.org"
records = "clamav.example.org.zone"
mirrors = "mirrors.toml"

[[name]]
owner = "db.{cc}"
pool = "{cc}"

[[name]]
owner = "db.local"
pool = "client"

[[name]]
owner = "current.cvd"
txt = "record"

[[neighbours]]
country = "LI"
next = ["CH", "AT"]
"#,
        see_also: "`cvdns-explain`(1), `cvdns-geoip-countries`(1), `cvdns-simulate`(1), \
            `cvdns-fleet`(5), `cvdns.toml`(5)",
    },
    FormatText {
        format: &fleet::keys::FILE,
        name: "cvdns-fleet",
        about: "the mirrors of a zone of the DNS server cvdns",
        description: &[
            "A fleet file lists mirrors: host names, countries, addresses and capacities. \
             `mirrors` in a zone file (`cvdns-zone`(5)) names it. `cvdns-import`(1) makes one \
             from a list. The state of the mirrors is not here: it comes from the feed \
             (`cvdns-feed`(5)) and from overrides (`cvdns-overrides`(5)).",
            TOML,
            "Host names are compared without regard to case or a final dot. A mirror needs at \
             least one address.",
        ],
        sign: " = ",
        example_of: "Two mirrors, of which one is taken out for a night:",
        example: r#"[[mirror]]
host = "mirror.example.de"
country = "DE"
ipv4 = ["192.0.2.10"]
ipv6 = ["2001:db8::10"]
capacity = "1Gbit/s"
serves = ["LI"]

[[mirror]]
host = "mirror.example.jp"
country = "JP"
ipv4 = ["203.0.113.10"]

[[mirror.downtime]]
from = 2026-12-01T02:00:00Z
to = 2026-12-01T06:00:00Z
"#,
        see_also: "`cvdns-import`(1), `cvdns-feed`(5), `cvdns-overrides`(5), `cvdns-zone`(5)",
    },
    FormatText {
        format: &health::override_keys::FILE,
        name: "cvdns-overrides",
        about: "an operator's statements about mirrors for the DNS server cvdns",
        description: &[
            "Overrides set the state of mirrors, whatever the feed says. `overrides` in `[feed]` of \
             `cvdns.toml`(5) names the file, which may be missing, or a URL, whose overrides need \
             `serial`. The server reads the file as soon as it changes. A file that does not parse changes nothing; the log says what is \
             wrong.",
            TOML,
            "`cvdns-override-add`(8), `cvdns-override-remove`(8) and `cvdns-override-list`(8) edit \
             the file. If you edit it by hand, replace it by rename, or the server may see half of \
             it.",
            "An override takes precedence over feed, settling and downtimes. It does not enable a \
             mirror with `enabled = false`, and it does not bring back a mirror whose databases \
             are too old.",
        ],
        sign: " = ",
        example_of: "All mirrors of a provider are taken out, until a moment:",
        example: r#"[[override]]
host = "*.example.de"
state = "drained"
reason = "network works"
until = 2026-12-01T06:00:00Z
"#,
        see_also: "`cvdns-feed`(5), `cvdns-fleet`(5), `cvdns.toml`(5), `cvdns-override`(8)",
    },
    FormatText {
        format: &health::feed_keys::FILE,
        name: "cvdns-feed",
        about: "the state of the mirrors for the DNS server cvdns",
        description: &[
            "The coordinator writes the feed, such as `cvdns-monitor`(8), and servers follow it: \
             `source` in `[feed]` of `cvdns.toml`(5) names a file or a URL. It says which mirrors \
             are well and which database versions are released.",
            "The file is JSON of at most 16 MiB. An unknown key is an error. Times are those of \
             RFC 3339. The writer replaces the file by rename.",
            "A feed is taken whole or not at all. A server refuses one that does not parse, has a \
             lower serial than the one in force, has the same serial with other content, was \
             generated more than 5 minutes in the future, or lacks a required signature. It holds \
             one back that takes away too many mirrors at once (`max-loss`). The feed in force \
             then stays. A coordinator writes a feed with a new serial well within `max-age`, even \
             if nothing changed.",
            "If `public-key` is set, a signature by minisign must be beside the feed, under the \
             same name with .minisig behind it. Write the signature first, then the feed.",
        ],
        sign: ": ",
        example_of: "One mirror that is up and one that is down; all others are up:",
        example: r#"{
  "format": 1,
  "serial": 1763800000,
  "generated": "2026-11-22T17:00:00Z",
  "release": { "software": "1.4.6", "main": 63, "daily": 28129, "bytecode": 339, "flevel": 90 },
  "mirrors": {
    "mirror.example.de": { "state": "up", "main": 63, "daily": 28129, "bytecode": 339 },
    "mirror.example.jp": {
      "state": "down",
      "since": "2026-11-20T02:11:00Z",
      "note": "no answer on port 80"
    }
  }
}
"#,
        see_also: "`cvdns-feed-check`(1), `cvdns-feed-diff`(1), `cvdns-feed-show`(1), \
            `cvdns-overrides`(5), `cvdns.toml`(5), `cvdns-feed-accept`(8), `cvdns-monitor`(8)",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use cvdns_core::config::Config;
    use cvdns_core::fleet::Fleet;
    use cvdns_core::health::{Feed, Overrides};
    use cvdns_core::problem::Problems;
    use cvdns_core::zone::ZoneFile;

    #[test]
    fn the_examples_have_no_problems() {
        for text in ALL {
            let mut problems = Problems::default();
            match text.name {
                "cvdns.toml" => drop(Config::parse("c", text.example, &mut problems)),
                "cvdns-zone" => drop(ZoneFile::parse("z", text.example, &mut problems)),
                "cvdns-fleet" => drop(Fleet::parse("f", text.example, &mut problems)),
                "cvdns-overrides" => drop(Overrides::parse("o", text.example, &mut problems)),
                name => {
                    assert_eq!(name, "cvdns-feed");
                    Feed::parse(text.example.as_bytes()).unwrap();
                }
            }
            let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(said, Vec::<String>::new(), "{}", text.name);
        }
    }
}
