//! Wrong changes of all kinds, and what is said of each.

/// Files beside those of the fixture.
pub(super) const FILES: [(&str, &str); 5] = [
    ("overrides.toml", ""),
    ("more.toml", "[server]\nworkers = 2\n"),
    ("nested.toml", "include = [\"more.toml\"]\n"),
    ("bad.secrets", "0123456789abcdef\n"),
    ("plain.txt", "no certificate\n"),
];

/// In the place of a new text: half of the old one.
pub(super) const CUT_IN_HALF: &str = "\0half";

/// In the place of a new text: a directory of the file's name.
pub(super) const DIRECTORY: &str = "\0directory";

/// A change of a file: what is replaced by what; all of the file if the first is empty.
pub(super) struct Wrong {
    pub file: &'static str,
    pub what: &'static str,
    pub by: &'static str,
    /// What a problem says, and where: `FILE:LINE:COLUMN: WORDS`; the file alone if there is no
    /// line.
    pub says: &'static str,
}

const fn wrong(
    file: &'static str,
    what: &'static str,
    by: &'static str,
    says: &'static str,
) -> Wrong {
    Wrong { file, what, by, says }
}

pub(super) const WRONG: &[Wrong] = &[
    // The configuration.
    wrong("cvdns.toml", "[server]", "[server", "cvdns.toml:2:"),
    wrong("cvdns.toml", "[server]", "[sever]", "cvdns.toml:2:2: unknown key `sever`"),
    wrong(
        "cvdns.toml",
        "workers = 1",
        "workers = -1",
        "cvdns.toml:4:11: `workers`: -1 is not within",
    ),
    wrong("cvdns.toml", "workers = 1", "workers = \"1\"", "cvdns.toml:4:11: `workers` is a string"),
    wrong("cvdns.toml", "workers = 1", "worker = 1", "cvdns.toml:4:1: unknown key `worker`"),
    wrong("cvdns.toml", "nsid = \"ns1\"", "nsid = \"\"", "cvdns.toml:5:8: `nsid`: it is empty"),
    wrong("cvdns.toml", "nsid = \"ns1\"", "nsid = 1\nnsid = 2", "cvdns.toml:?: "),
    wrong(
        "cvdns.toml",
        "tcp-idle = \"2s\"",
        "tcp-idle = \"2 parsecs\"",
        "cvdns.toml:6:12: `tcp-idle`: \"2 parsecs\" is not a duration",
    ),
    wrong("cvdns.toml", "tcp-idle = \"2s\"", "ecs = \"yes\"", "cvdns.toml:6:7: `ecs` is a string"),
    wrong(
        "cvdns.toml",
        "tcp-idle = \"2s\"",
        "explain = \"all\"",
        "cvdns.toml:6:11: `explain`: \"all\" is not known",
    ),
    wrong("cvdns.toml", "file = \"short.toml\"", "file = \"none.toml\"", "cvdns.toml:12:8: "),
    wrong(
        "cvdns.toml",
        "file = \"short.toml\"",
        "file = \"clam.toml\"",
        "cvdns.toml:12:8: the zone file clam.toml is named twice",
    ),
    wrong("cvdns.toml", "country = \"US\"", "country = \"ZZ\"", "cvdns.toml:?: `country`: "),
    wrong("cvdns.toml", "net = \"::1/128\"", "net = \"::1/129\"", "cvdns.toml:?: `net`: "),
    wrong("cvdns.toml", "country.mmdb", "none.mmdb", "cvdns.toml:15:12: cannot read "),
    wrong(
        "cvdns.toml",
        "\"unix:run/admin.sock\"",
        "\"unix:\"",
        "cvdns.toml:?: `listen`: \"unix:\": there is no path",
    ),
    wrong(
        "cvdns.toml",
        "overrides = ",
        "max-loss = 2\noverrides = ",
        "cvdns.toml:?: `max-loss`: 2 is not within",
    ),
    // A zone.
    wrong("clam.toml", "format = 1", "format = 9", "clam.toml:?: "),
    wrong("short.toml", "origin = \"short.example\"", "origin = \"a..b\"", "short.toml:2:10: "),
    wrong("short.toml", "records = \"short.zone\"", "records = \"none.zone\"", "short.toml:3:11: "),
    wrong("short.toml", "", "format = 1\n", "short.toml"),
    // Records.
    wrong("short.zone", "", "$ORIGIN short.example.\n@ IN NS ns\n", "short.zone"),
    wrong("clam.zone", "$TTL 900\n", "$TTL 900\nbad IN A 192.0.2.300\n", "clam.zone:3:10: "),
    wrong("clam.zone", "$TTL 900\n", "$TTL 900\nbad IN NOSUCHTYPE x\n", "clam.zone:3:8: "),
    wrong("clam.zone", "$TTL 900\n", "$TTL 900\nbad IN TXT \"open\n", "clam.zone:?: "),
    wrong("clam.zone", "$TTL 900\n", "$TTL 900\n$INCLUDE none.zone\n", "clam.zone:3:"),
    // The fleet.
    wrong("mirrors.toml", "host = \"de2.example\"", "host = \"de1.example\"", "mirrors.toml:?: "),
    wrong("mirrors.toml", "country = \"DE\"", "country = \"XX\"", "mirrors.toml:3:11: `country`: "),
    wrong("mirrors.toml", "192.0.2.11", "192.0.2", "mirrors.toml:?: `ipv4`: \"192.0.2\": "),
    wrong(
        "mirrors.toml",
        "host = \"de1.example\"",
        "hots = \"de1.example\"",
        "mirrors.toml:2:1: unknown key `hots`",
    ),
    // The country database, the overrides, the token.
    wrong("country.mmdb", "", "no database", "country.mmdb"),
    wrong(
        "overrides.toml",
        "",
        "[[override]]\nhost = \"de1.example\"\nstate = \"dwon\"\nreason = \"r\"\n",
        "overrides.toml:3:9: `state`: \"dwon\"",
    ),
    wrong(
        "overrides.toml",
        "",
        "[[override]]\nhost = \"de1.example\"\nstate = \"down\"\n",
        "overrides.toml:1:1: [[override]] has no `reason`",
    ),
    wrong("admin.token", "", "short\n", "admin.token: "),
    wrong("cvdns.toml", "[server]", "include = [\"more.toml\"]\n[server]", "TODO"),
    wrong("cvdns.toml", "[server]", "include = [\"none.toml\"]\n[server]", "TODO"),
    wrong("cvdns.toml", "[server]", "include = [\"nested.toml\"]\n[server]", "TODO"),
    wrong("cvdns.toml", "[server]", "include = \"more.toml\"\n[server]", "TODO"),
    wrong("cvdns.toml", "nsid = \"ns1\"", "nsid = \"a\\u0007b\"", "TODO"),
    wrong(
        "cvdns.toml",
        "nsid = \"ns1\"",
        "nsid = \"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\"",
        "TODO",
    ),
    wrong("cvdns.toml", "file = \"short.toml\"", "file = \".\"", "TODO"),
    wrong("cvdns.toml", "file = \"short.toml\"", "file = \"\"", "TODO"),
    wrong("cvdns.toml", "file = \"short.toml\"", "origin = \"short.example\"", "TODO"),
    wrong("cvdns.toml", "file = \"short.toml\"", "file = \"short.zone\"", "TODO"),
    wrong("cvdns.toml", "[geoip]", "[cookies]\nsecret-file = \"bad.secrets\"\n[geoip]", "TODO"),
    wrong("cvdns.toml", "[geoip]", "[cookies]\nsecret-file = \"none.secrets\"\n[geoip]", "TODO"),
    wrong("cvdns.toml", "[geoip]", "[rate-limit]\nexempt = [\"192.0.2.0\"]\n[geoip]", "TODO"),
    wrong("cvdns.toml", "[geoip]", "[rate-limit]\nslip = 1001\n[geoip]", "TODO"),
    wrong("cvdns.toml", "[geoip]", "[log]\nlevel = \"loud\"\n[geoip]", "TODO"),
    wrong("cvdns.toml", "[geoip]", "[log]\nquery-sample = 2\n[geoip]", "TODO"),
    wrong("cvdns.toml", "[geoip]", "[record]\nttl = \"1800\"\n[geoip]", "TODO"),
    wrong("cvdns.toml", "[geoip]", "[record]\nquorum = 1.5\n[geoip]", "TODO"),
    wrong("cvdns.toml", "[geoip]", "[monitor]\ninterval = \"0s\"\n[geoip]", "TODO"),
    wrong("cvdns.toml", "net = \"127.0.0.0/8\"", "net = \"127.0.0.1/8\"", "TODO"),
    wrong("cvdns.toml", "\"127.0.0.0/8\"", "\"::1/128\"", "TODO"),
    wrong(
        "cvdns.toml",
        "source = \"feed.json\"",
        "source = \"ftp://feed.example/feed.json\"",
        "TODO",
    ),
    wrong(
        "cvdns.toml",
        "source = \"feed.json\"",
        "source = \"https://me:secret@feed.example/feed.json\"",
        "TODO",
    ),
    wrong(
        "cvdns.toml",
        "source = \"feed.json\"",
        "source = \"feed.json\"\npublic-key = \"RWnokey\"",
        "TODO",
    ),
    wrong(
        "cvdns.toml",
        "source = \"feed.json\"",
        "source = \"https://feed.example/feed.json\"\nca-file = \"plain.txt\"",
        "TODO",
    ),
    wrong(
        "cvdns.toml",
        "source = \"feed.json\"",
        "source = \"feed.json\"\ninterval = \"0s\"",
        "TODO",
    ),
    wrong(
        "cvdns.toml",
        "source = \"feed.json\"",
        "source = \"feed.json\"\nmax-age = \"-1h\"",
        "TODO",
    ),
    wrong("cvdns.toml", "token-file = \"admin.token\"", "token-file = \"none.token\"", "TODO"),
    wrong("cvdns.toml", "token-file = \"admin.token\"", "hosts = [\"ns1:8053\"]", "TODO"),
    wrong("cvdns.toml", "\"unix:run/admin.sock\"", "\"127.0.0.1\"", "TODO"),
    wrong("clam.toml", "origin = \"clam.example\"", "origin = \"short.example\"", "TODO"),
    wrong("clam.toml", "owner = \"db.local\"", "owner = \"database\"", "TODO"),
    wrong("clam.toml", "pool = \"client\"", "pool = \"clients\"", "TODO"),
    wrong("clam.toml", "pool = \"client\"", "txt = \"record\"\npool = \"client\"", "TODO"),
    wrong("clam.toml", "pool = \"client\"", "ttl = 60", "TODO"),
    wrong("clam.toml", "owner = \"db.local\"", "owner = \"db.{xx}\"", "TODO"),
    wrong("clam.toml", "pool = \"continent:EU\"", "pool = \"continent:XX\"", "TODO"),
    wrong("clam.toml", "pool = \"continent:EU\"", "pool = \"pool:none\"", "TODO"),
    wrong("clam.toml", "unknown = \"world\"", "unknown = \"nowhere\"", "TODO"),
    wrong("clam.toml", "max = 8", "max = 4001", "TODO"),
    wrong("clam.toml", "max = 8", "max = 8\nmax = 9", "TODO"),
    wrong("clam.toml", "mirrors = \"mirrors.toml\"", "mirrors = \"none.toml\"", "TODO"),
    wrong("clam.toml", "next = [\"FR\", \"US\"]", "next = [\"FR\", \"FR\"]", "TODO"),
    wrong("clam.toml", "next = [\"FR\", \"US\"]", "next = []", "TODO"),
    wrong(
        "clam.toml",
        "[answer]",
        "[[demand]]\ncountry = \"DE\"\nrate = \"fast\"\n[answer]",
        "TODO",
    ),
    wrong("clam.zone", "$TTL 900\n", "$TTL 900\nwww IN CNAME text\n", "TODO"),
    wrong("clam.zone", "$TTL 900\n", "$TTL 900\n$INCLUDE clam.zone\n", "TODO"),
    wrong("clam.zone", "$TTL 900\n", "$TTL 900\nhigh 2147483648 IN A 192.0.2.9\n", "TODO"),
    wrong("clam.zone", "$TTL 900\n", "$TTL 900\nwww.other.example. IN A 192.0.2.9\n", "TODO"),
    wrong("clam.zone", "$TTL 900\n", "$TTL 900\ndb.de IN A 192.0.2.9\n", "TODO"),
    wrong("clam.zone", "$TTL 900\n", "$TTL 900\nbad IN MX mail\n", "TODO"),
    wrong("clam.zone", "$TTL 900\n", "$TTL 900\nbad CH A 192.0.2.9\n", "TODO"),
    wrong("clam.zone", "$TTL 900\n", "$TTL 900\n@ IN SOA ns1 hostmaster 1 1 1 1 1\n", "TODO"),
    wrong("clam.zone", "$TTL 900\n", "$TTL 900\n$GENERATE 1-70000 h$ A 192.0.2.9\n", "TODO"),
    wrong("short.zone", "", DIRECTORY, "TODO"),
    wrong("mirrors.toml", "host = \"de1.example\"", "host = \"\"", "TODO"),
    wrong("mirrors.toml", "192.0.2.11", "0.0.0.0", "TODO"),
    wrong("mirrors.toml", "country = \"DE\"", "country = \"YU\"", "TODO"),
    wrong(
        "mirrors.toml",
        "country = \"DE\"",
        "country = \"DE\"\nnot-for = [\"continent:XX\"]",
        "TODO",
    ),
    wrong("mirrors.toml", "country = \"DE\"", "country = \"DE\"\ncapacity = \"fast\"", "TODO"),
    wrong(
        "mirrors.toml",
        "country = \"DE\"",
        "country = \"DE\"\ndowntime = [{ from = 2026-12-02T00:00:00Z, to = 2026-12-01T00:00:00Z }]",
        "TODO",
    ),
    wrong(
        "mirrors.toml",
        "country = \"DE\"",
        "country = \"DE\"\ndowntime = [{ from = 2026-12-02T00:00:00, to = 2026-12-03T00:00:00Z }]",
        "TODO",
    ),
    wrong("mirrors.toml", "192.0.2.12", "192.0.2.11", "TODO"),
    wrong("mirrors.toml", "", DIRECTORY, "TODO"),
    wrong("country.mmdb", "", CUT_IN_HALF, "TODO"),
    wrong("country.mmdb", "", DIRECTORY, "TODO"),
    wrong(
        "overrides.toml",
        "",
        "[[override]]\nhost = \"de1.example\"\nstate = \"down\"\nreason = \"r\"\nuntil = 2026-12-01\n",
        "TODO",
    ),
    wrong(
        "overrides.toml",
        "",
        "[[override]]\nhost = \"de1.example\"\nstate = \"down\"\nreason = \"r\"\nuntil = 9999-12-31T23:59:59Z\n",
        "TODO",
    ),
    wrong(
        "overrides.toml",
        "",
        "[[override]]\nhost = \"de1.example\"\nstate = \"down\"\nreason = \"a\\nb\"\n",
        "TODO",
    ),
    wrong(
        "overrides.toml",
        "",
        "[[override]]\nhost = \"de1.example\"\naddresses = [\"192.0.2\"]\nstate = \"down\"\nreason = \"r\"\n",
        "TODO",
    ),
    wrong("overrides.toml", "", "[[override]\n", "TODO"),
    wrong("overrides.toml", "", DIRECTORY, "TODO"),
    wrong("admin.token", "", DIRECTORY, "TODO"),
];
