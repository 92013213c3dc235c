//! What the pages of commands for everybody say beyond what clap knows.

use super::details::{AUTHORITIES, Details, HERE, SYSTEM, USUAL};

/// The commands of section 1.
pub(super) static ALL: &[Details] = &[
    Details {
        command: "",
        failure: "The answer is \"no\", the input is bad, or the system refused something. \
            Standard error says what.",
        examples: &[(
            "Write a configuration to start from, check it, and serve it on 127.0.0.1:5300:",
            "cvdns init clam --zone clamav.example.org\ncd clam\ncvdns check\ncvdns serve",
        )],
        see: &[
            "cvdns-feed(5)",
            "cvdns-fleet(5)",
            "cvdns-overrides(5)",
            "cvdns-zone(5)",
            "cvdns-serve(8)",
        ],
        ..USUAL
    },
    Details {
        command: "check",
        success: "The configuration can be served.",
        failure: "It cannot, or with `--delegation` the delegation has errors.",
        environment: &[AUTHORITIES],
        examples: &[
            ("Check a configuration before the server reads it:", "cvdns check"),
            (
                "Check what parents and all name servers answer, by another resolver:",
                "cvdns check --delegation --resolver 192.0.2.53",
            ),
        ],
        see: &["cvdns-reload(8)", "cvdns.toml(5)", "cvdns-zone(5)", "cvdns-fleet(5)"],
        ..USUAL
    },
    Details {
        command: "explain",
        failure: "A client or other input is bad, or the server of `--server` answered otherwise.",
        environment: &[AUTHORITIES],
        examples: &[
            (
                "Why do clients of this network get these mirrors?",
                "cvdns explain db.local.clamav.net --client 133.1.1.0/24",
            ),
            (
                "What will the answer be during a downtime?",
                "cvdns explain db.de.clamav.net AAAA --at 2026-12-01T03:00:00Z",
            ),
            (
                "Does a server answer the same?",
                "cvdns explain db.local.clamav.net --client 133.1.1.0/24 --server ns1.clamav.net",
            ),
        ],
        see: &["cvdns-simulate(1)", "cvdns-feed-diff(1)", "cvdns-zone(5)"],
        ..USUAL
    },
    Details {
        command: "cvd",
        failure: "A file is no valid database, or there is no record.",
        examples: &[
            ("Show versions and dates of databases:", "cvdns cvd /var/lib/clamav/*.c[vl]d"),
            (
                "Write the record of these databases as the file that `record-file` names:",
                "cvdns cvd --record /srv/clamav/*.cvd >dns.txt.new\nmv dns.txt.new dns.txt",
            ),
        ],
        see: &["cvdns-feed(5)", "cvdns.toml(5)"],
        ..USUAL
    },
    Details {
        command: "export",
        examples: &[
            (
                "Write zone files for BIND, Knot or NSD:",
                "cvdns export bind --out /var/lib/cvdns/export",
            ),
            ("Show what the parent zones need:", "cvdns export delegation"),
        ],
        ..USUAL
    },
    Details {
        command: "export bind",
        is_running: true,
        failure: "The input is bad, or nothing was exported. Standard error says why.",
        environment: &[AUTHORITIES],
        files: &[
            HERE,
            SYSTEM,
            ("DIR/current/named.conf", "What named.conf is to include."),
            ("DIR/current/zones/NAME.zone", "The zone files."),
            ("DIR/state", "With `--watch`, the last good feed."),
        ],
        examples: &[
            ("Export the answers of now:", "cvdns export bind --out export"),
            (
                "Keep BIND up to date, with a view for each path of clients:",
                "cvdns export bind --out export --views --acl prefixes --watch",
            ),
        ],
        see: &["cvdns-export-delegation(1)", "cvdns-zone(5)", "named.conf(5)", "rndc(8)"],
        ..USUAL
    },
    Details {
        command: "export delegation",
        examples: &[
            (
                "Print NS records, glue and DS records for all parent zones:",
                "cvdns export delegation",
            ),
            ("Print them for one of several parents:", "cvdns export delegation --parent net"),
        ],
        see: &["cvdns-check(1)", "cvdns-zone(5)"],
        ..USUAL
    },
    Details {
        command: "keys",
        failure: "The input is bad, or there are no such keys. Standard error says what.",
        examples: &[(
            "Make the key of a zone whose zone file has `[dnssec]`, and print what its parent needs:",
            "cvdns keys generate clamav.net\ncvdns reload\ncvdns keys ds clamav.net",
        )],
        see: &["cvdns-zone(5)"],
        ..USUAL
    },
    Details {
        command: "keys generate",
        success: "The files are written.",
        files: &[
            HERE,
            SYSTEM,
            ("KZONE+ALGORITHM+TAG.key", "The public key: a DNSKEY record."),
            ("KZONE+ALGORITHM+TAG.private", "The private key, which only its owner can read."),
        ],
        examples: &[
            ("Make a key that signs everything:", "cvdns keys generate clamav.net"),
            (
                "Make a zone-signing key that takes over from another one on a day:",
                "cvdns keys generate --zsk --activate 2026-12-10 clamav.net",
            ),
            (
                "Make a key for each zone of a zone file with `{cc}` that has none:",
                "cvdns keys generate 'db.{cc}.clamav.net'",
            ),
        ],
        see: &["cvdns-reload(8)", "cvdns-zone(5)", "dnssec-settime(1)"],
        ..USUAL
    },
    Details {
        command: "keys list",
        failure: "There are no keys, or one of them cannot be used. Standard error says why.",
        examples: &[
            ("Which keys sign, and until when?", "cvdns keys list clamav.net"),
            (
                "Look at the keys in another directory:",
                "cvdns keys list --directory new-keys clamav.net",
            ),
        ],
        see: &["cvdns-zone(5)"],
        ..USUAL
    },
    Details {
        command: "keys ds",
        failure: "No key signs the keys of the zone, or one of them cannot be used.",
        examples: &[
            ("Print what the parent needs:", "cvdns keys ds clamav.net"),
            ("Print it for a key that does not sign yet:", "cvdns keys ds --tag 12345 clamav.net"),
        ],
        see: &["cvdns-check(1)", "cvdns-export-delegation(1)"],
        ..USUAL
    },
    Details {
        command: "feed",
        examples: &[
            ("Is the configured feed one that a server takes?", "cvdns feed check"),
            ("What would a new feed change?", "cvdns feed diff feed.json new.json"),
        ],
        see: &["cvdns-monitor(8)", "cvdns-feed(5)"],
        ..USUAL
    },
    Details {
        command: "feed check",
        success: "A server would take the feed.",
        failure: "A server would refuse the feed, or it cannot be read.",
        environment: &[AUTHORITIES],
        examples: &[
            ("Check a feed before it is published:", "cvdns feed check new.json"),
            (
                "Check what the web server gives to name servers:",
                "cvdns feed check https://example.org/feed.json",
            ),
        ],
        see: &["cvdns-feed(5)"],
        ..USUAL
    },
    Details {
        command: "feed show",
        environment: &[AUTHORITIES],
        examples: &[("Count the mirrors of the configured feed:", "cvdns feed show")],
        see: &["cvdns-status(8)", "cvdns-feed(5)"],
        ..USUAL
    },
    Details {
        command: "feed diff",
        environment: &[AUTHORITIES],
        examples: &[(
            "What would the coordinator's feed change for clients?",
            "cvdns feed diff state/feed.json https://example.org/feed.json",
        )],
        see: &["cvdns-explain(1)", "cvdns-simulate(1)", "cvdns-feed(5)"],
        ..USUAL
    },
    #[cfg(feature = "nats")]
    Details {
        command: "feed publish",
        success: "The feed is published, or was before; with `--follow`, a signal stopped it.",
        failure: "A feed that is as new or newer is published, servers would refuse this one, or \
            NATS cannot be used. Standard error says which.",
        examples: &[
            (
                "Publish what another coordinator has made:",
                "minisign -S -s feed.key -m feed.json\ncvdns feed publish feed.json",
            ),
            (
                "Publish what the coordinator beside it writes, as a service:",
                "cvdns feed publish --follow --config /etc/cvdns/cvdns.toml",
            ),
        ],
        see: &["cvdns-nats-set-up(1)", "cvdns-monitor(8)", "cvdns-feed(5)"],
        ..USUAL
    },
    #[cfg(feature = "nats")]
    Details {
        command: "bundle",
        examples: &[("Which zone files do servers get?", "cvdns bundle show main")],
        see: &["cvdns-nats-set-up(1)", "cvdns.toml(5)", "cvdns-zone(5)"],
        ..USUAL
    },
    #[cfg(feature = "nats")]
    Details {
        command: "bundle publish",
        success: "The bundle is published, or the one that is published has the same files.",
        failure: "A file has an error, somebody else has just published another bundle, or NATS \
            cannot be used. Standard error says which.",
        examples: &[("Give all servers the zones of this machine:", "cvdns bundle publish main")],
        see: &["cvdns-nats-set-up(1)", "cvdns-check(1)", "cvdns-zone(5)", "cvdns-fleet(5)"],
        ..USUAL
    },
    #[cfg(feature = "nats")]
    Details {
        command: "bundle show",
        success: "There is a bundle, and the file in it.",
        failure: "There is none, its signature is not good, or NATS cannot be used. Standard error \
            says which.",
        examples: &[("Print the mirrors that servers get:", "cvdns bundle show main mirrors.toml")],
        see: &["cvdns-bundle-publish(1)"],
        ..USUAL
    },
    #[cfg(feature = "nats")]
    Details {
        command: "nats",
        examples: &[("Make the buckets of a single NATS server:", "cvdns nats set-up")],
        see: &["cvdns-feed-publish(1)", "cvdns.toml(5)"],
        ..USUAL
    },
    #[cfg(feature = "nats")]
    Details {
        command: "nats set-up",
        success: "The buckets are as they must be.",
        failure: "A bucket that is there differs, which standard output says, or NATS cannot be \
            used.",
        examples: &[(
            "Make the buckets on three servers, as a user who may:",
            "cvdns nats set-up --replicas 3 --credentials admin.creds",
        )],
        see: &["cvdns-feed-publish(1)", "cvdns.toml(5)"],
        ..USUAL
    },
    Details {
        command: "geoip",
        examples: &[("Where is this client?", "cvdns geoip lookup 192.0.2.1")],
        see: &["cvdns.toml(5)"],
        ..USUAL
    },
    Details {
        command: "geoip build",
        failure: "A source is bad, or the system refused something. No database is written then.",
        files: &[(
            "/usr/share/tor/geoip, /usr/share/tor/geoip6",
            "Lists of networks, from Debian's package tor-geoipdb.",
        )],
        examples: &[(
            "Build a database from the lists of a Debian package:",
            "cvdns geoip build --out country.mmdb /usr/share/tor/geoip /usr/share/tor/geoip6",
        )],
        see: &["cvdns.toml(5)"],
        ..USUAL
    },
    Details {
        command: "geoip lookup",
        failure: "An argument is no address, or the database cannot be read.",
        examples: &[
            (
                "Where does the server think that these clients are?",
                "cvdns geoip lookup 192.0.2.1 2001:db8::1",
            ),
            (
                "What would another database and an override say?",
                "cvdns geoip lookup --database new.mmdb --override 192.0.2.0/24=DE 192.0.2.1",
            ),
        ],
        see: &["cvdns-explain(1)", "cvdns.toml(5)"],
        ..USUAL
    },
    Details {
        command: "geoip info",
        failure: "The database is damaged, or cannot be read.",
        examples: &[(
            "Check a new database before it is used:",
            "cvdns geoip info --database new.mmdb",
        )],
        see: &["cvdns.toml(5)"],
        ..USUAL
    },
    Details {
        command: "geoip countries",
        files: &[],
        examples: &[("Which labels may stand for {cc}?", "cvdns geoip countries")],
        see: &["cvdns-zone(5)"],
        ..USUAL
    },
    Details {
        command: "import",
        failure: "A line of the list is bad, or the file exists. Nothing is written then.",
        files: &[],
        examples: &[(
            "Make a fleet file from a list of mirrors:",
            "cvdns import mirrors.csv --out zones/mirrors.toml",
        )],
        see: &["cvdns-init(1)", "cvdns-fleet(5)"],
        ..USUAL
    },
    Details {
        command: "init",
        failure: "An argument is wrong, or a file exists already. Nothing is written then.",
        files: &[
            ("DIR/cvdns.toml", "The configuration of server and coordinator."),
            ("DIR/zones/ORIGIN.toml, DIR/zones/ORIGIN.zone", "The zone and its static records."),
            ("DIR/zones/mirrors.toml", "The fleet."),
            ("DIR/feed.json, DIR/overrides.toml", "A first feed, and the file of overrides."),
        ],
        examples: &[
            ("Begin with example mirrors:", "cvdns init clam --zone clamav.example.org"),
            (
                "Begin with the mirrors of a list and a name server inside the zone:",
                "cvdns init clam --zone clamav.example.org --from mirrors.csv \
                 --ns ns1=192.0.2.1,2001:db8::1",
            ),
        ],
        see: &["cvdns-check(1)", "cvdns-serve(8)", "cvdns-monitor(8)", "cvdns.toml(5)"],
        ..USUAL
    },
    Details {
        command: "monitor history",
        failure: "Nothing is known of the host, or the history cannot be read. Standard error says \
            why.",
        files: &[
            HERE,
            SYSTEM,
            ("history.db", "The history, in the directory that `state` in `[monitor]` names."),
        ],
        examples: &[
            ("How does a mirror fare?", "cvdns monitor history mirror.example.de"),
            ("And on one day?", "cvdns monitor history mirror.example.de --day 2026-12-24"),
        ],
        see: &["cvdns-monitor(8)"],
        ..USUAL
    },
    Details {
        command: "simulate",
        environment: &[AUTHORITIES],
        examples: &[
            (
                "What if these mirrors fail?",
                "cvdns simulate --down mirror.example.de --down '*.example.jp'",
            ),
            ("What if a country's mirrors fail at once?", "cvdns simulate --down country:DE --all"),
        ],
        see: &["cvdns-explain(1)", "cvdns-feed-diff(1)", "cvdns-zone(5)"],
        ..USUAL
    },
    Details {
        command: "completions",
        files: &[],
        examples: &[
            (
                "Let bash complete for you, and others on this machine:",
                "cvdns completions bash >/usr/share/bash-completion/completions/cvdns",
            ),
            (
                "zsh and fish:",
                "cvdns completions zsh >/usr/share/zsh/vendor-completions/_cvdns\ncvdns completions fish >/usr/share/fish/vendor_completions.d/cvdns.fish",
            ),
        ],
        ..USUAL
    },
    Details {
        command: "man",
        failure: "A file cannot be written. Each file is either the old or the new one.",
        files: &[],
        examples: &[(
            "Write all pages and look at one:",
            "cvdns man pages\nman -l pages/cvdns-serve.8",
        )],
        see: &["man(1)"],
        ..USUAL
    },
];
