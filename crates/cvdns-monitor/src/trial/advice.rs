//! What to change in a web server that does not meet a requirement.

use serde::Serialize;

use cvdns_core::release::CORE_DATABASES;

use crate::failure::Failure;

/// The subject of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Advice {
    /// Nothing listens, or no connection gets through.
    Listen,
    /// The server answers too slowly or incompletely.
    Slow,
    /// What answers does not speak HTTP.
    Protocol,
    /// The wrong virtual host answers, or none.
    VirtualHost,
    /// The server redirects.
    Redirect,
    /// The server does not support ranges.
    Ranges,
    /// The virtual hosts are right, and a file is missing or may not be read.
    File,
    /// The virtual hosts are right, and a web page comes in place of a file.
    Page,
    /// The files are not fresh.
    Update,
    /// The fault is on the side of the checking host.
    Here,
}

/// The web servers for which there is advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Software {
    /// The Apache HTTP server.
    Apache,
    /// nginx.
    Nginx,
    /// lighttpd.
    Lighttpd,
}

impl Software {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Apache, Self::Nginx, Self::Lighttpd];

    /// The web server with this value of `Server`; `None` if it is another one.
    pub fn of(server: &str) -> Option<Self> {
        let server = server.to_ascii_lowercase();
        Self::ALL
            .into_iter()
            .find(|software| server.contains(&software.name().to_ascii_lowercase()))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Apache => "Apache",
            Self::Nginx => "nginx",
            Self::Lighttpd => "lighttpd",
        }
    }
}

impl Advice {
    /// The subject of a failure at a request. `is_served` is whether the virtual hosts have
    /// served another file of the network's: then they are the right ones.
    pub fn on(failure: &Failure, is_served: bool) -> Self {
        match failure {
            Failure::Status(_) if is_served => Self::File,
            Failure::Html if is_served => Self::Page,
            Failure::Refused | Failure::Unreachable | Failure::ConnectTimeout(_) => Self::Listen,
            Failure::AnswerTimeout(_)
            | Failure::BodyTimeout { .. }
            | Failure::NoAnswer
            | Failure::ClosedEarly { .. } => Self::Slow,
            Failure::NotHttp(_) => Self::Protocol,
            Failure::Redirect { .. } => Self::Redirect,
            Failure::Status(_) | Failure::Html | Failure::Endless(_) | Failure::TooLong(_) => {
                Self::VirtualHost
            }
            Failure::NoRange | Failure::WrongRange(_) | Failure::WrongLength { .. } => Self::Ranges,
            Failure::NotATimestamp(_) | Failure::FromTheFuture(_) | Failure::NotADatabase(_) => {
                Self::Update
            }
            Failure::Local(_) => Self::Here,
        }
    }

    /// The subject of the reason that an address has after a check; `None` if its admin has nothing
    /// to do. Reasons are kept as texts, in the words of [`Failure`] and of the rule.
    pub fn of_reason(reason: &str) -> Option<Self> {
        let reason = reason.strip_prefix("withheld: ").unwrap_or(reason);
        // The request comes first: `HOST/FILE: …`. A check asks for databases once both virtual
        // hosts have served the timestamp.
        let Some((request, failure)) =
            reason.split_once(": ").filter(|(request, _)| request.contains('/'))
        else {
            let is_late = reason.starts_with("its timestamp is ") || reason.contains(".cvd is ");
            return is_late.then_some(Self::Update);
        };
        // What a mirror wrote itself comes later in the text.
        let begins = |beginnings: &[&str]| beginnings.iter().any(|of| failure.starts_with(of));
        let is_served = is_database(request);
        let advice = if begins(LISTEN) {
            Self::Listen
        } else if begins(SLOW) {
            Self::Slow
        } else if begins(&["the answer is not HTTP "]) {
            Self::Protocol
        } else if begins(&["a redirect ("]) {
            Self::Redirect
        } else if begins(RANGES) {
            Self::Ranges
        } else if is_served && begins(STATUS) {
            Self::File
        } else if is_served && begins(PAGE) {
            Self::Page
        } else if begins(STATUS)
            || begins(PAGE)
            || begins(&["more than "])
            || failure.ends_with(" octets, far more than it may have")
        {
            Self::VirtualHost
        } else if begins(&["cannot be checked from here: "]) {
            Self::Here
        } else {
            Self::Update
        };
        Some(advice)
    }

    /// Whether the advice is the same for networks with other files than ClamAV's.
    pub(crate) fn is_general(self) -> bool {
        matches!(self, Self::Listen | Self::Slow | Self::Protocol | Self::Here)
    }

    /// The advice as a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Listen => {
                "The web server must be reachable by everyone at this address and port: look at its listening \
                 addresses, IPv4 and IPv6 each, and at the firewall."
            }
            Self::Slow => {
                "The web server takes connections and does not answer to the end in time: look at its log, its limit of \
                 connections, and at what stands before it."
            }
            Self::Protocol => {
                "What answers at this address and port is no web server that speaks HTTP: look at what listens there, \
                 and whether it expects TLS."
            }
            Self::VirtualHost => {
                "One virtual host with the files must answer to both names, the second one with any label after \"db.\", \
                 and give a plain 404 for what is not there rather than a page."
            }
            Self::File => {
                "Both virtual hosts serve, but this file is not there or cannot be read: look at the update of the mirror, \
                 at the path and the rights of the file, and at the log of the web server."
            }
            Self::Page => {
                "Both virtual hosts serve, but this file is not there, and a page comes in its place: look at the update of \
                 the mirror and at the path of the file, and have the web server give a plain 404 for what is not there."
            }
            Self::Redirect => {
                "Old clients follow no redirect: these names must be answered by HTTP themselves."
            }
            Self::Ranges => {
                "Clients ask for the first 512 octets of a database by a range request (RFC 9110 section 14)."
            }
            Self::Update => {
                "The files are there, but not as the network uploads them: look at the update of the mirror, and whether it \
                 writes into the directory that is served."
            }
            Self::Here => {
                "The fault is on the side of this check: look at the network of the machine that it runs on."
            }
        }
    }
}

/// How the texts of failures begin, by the subject of the fault.
const LISTEN: &[&str] =
    &["the connection is refused", "there is no route to the host", "no connection within "];
const SLOW: &[&str] = &[
    "connected, but no answer within ",
    "the answer is not complete within ",
    "the connection is closed ",
];
const RANGES: &[&str] =
    &["the whole file in place of the range", "another range than ", "a wrong length: "];
const STATUS: &[&str] = &["status "];
const PAGE: &[&str] = &["a web page in place of the file"];

/// Whether a request `HOST/FILE` is for a database.
fn is_database(request: &str) -> bool {
    let file = request.split_once('/').map_or("", |(_, file)| file);
    file.strip_suffix(".cvd").is_some_and(|name| CORE_DATABASES.contains(&name))
}

/// The lines to add to the configuration of a web server; `None` if its configuration is not the
/// cause. `hosts` are the virtual hosts: the network's name, and one of `db.*`.
pub fn text(advice: Advice, software: Software, hosts: &[String]) -> Option<String> {
    use Advice::{Listen, Page, Ranges, Redirect, VirtualHost};
    use Software::{Apache, Lighttpd, Nginx};
    let (host, wildcard) = (hosts.first()?, hosts.last()?);
    let pattern =
        domain(wildcard).map_or_else(|| wildcard.clone(), |domain| format!("db.*.{domain}"));
    let regex = domain(wildcard)
        .map_or_else(|| escaped(wildcard), |domain| format!("db\\.[^.]+\\.{}", escaped(domain)));
    let lines = match (advice, software) {
        (Listen, Apache) => "Listen 80        # alone it is both 0.0.0.0:80 and [::]:80".to_owned(),
        (Listen, Nginx) => "listen 80;\nlisten [::]:80;".to_owned(),
        (Listen, Lighttpd) => "server.port = 80\n$SERVER[\"socket\"] == \"[::]:80\" { }".to_owned(),
        (VirtualHost, Apache) => format!(
            "<VirtualHost *:80>\n    ServerName {host}\n    ServerAlias {pattern}\n    DocumentRoot /srv/clamav\n</VirtualHost>\n\
             # and neither FallbackResource nor an ErrorDocument of another status in it"
        ),
        (VirtualHost, Nginx) => format!(
            "server {{\n    listen 80;\n    listen [::]:80;\n    server_name {host} ~^{regex}$;\n    root /srv/clamav;\n}}\n\
             # and no try_files that ends in a page"
        ),
        (VirtualHost, Lighttpd) => format!(
            "$HTTP[\"host\"] =~ \"^({}|{regex})(:80)?$\" {{\n    server.document-root = \"/srv/clamav\"\n}}\n\
             # and no url.rewrite-if-not-file that ends in a page",
            escaped(host)
        ),
        (Page, Apache) => {
            "# In this VirtualHost: neither FallbackResource nor an ErrorDocument of another status"
                .to_owned()
        }
        (Page, Nginx) => "# In this server: no try_files that ends in a page".to_owned(),
        (Page, Lighttpd) => {
            "# For these hosts: no url.rewrite-if-not-file that ends in a page".to_owned()
        }
        (Redirect, Apache) => {
            "# In this VirtualHost: no Redirect, and no RewriteRule with [R]".to_owned()
        }
        (Redirect, Nginx) => {
            "# In this server: no return 301, and no rewrite … redirect or permanent".to_owned()
        }
        (Redirect, Lighttpd) => "# For these hosts: no url.redirect".to_owned(),
        (Ranges, Apache) => {
            "MaxRanges default\nSetEnv no-gzip 1\n# and no RequestHeader unset Range".to_owned()
        }
        (Ranges, Nginx) => "gzip off;\n# and no max_ranges 0".to_owned(),
        (Ranges, Lighttpd) => {
            "server.range-requests = \"enable\"\n# and no mod_deflate for these files".to_owned()
        }
        _ => return None,
    };
    Some(lines)
}

/// The domain of a name `db.LABEL.DOMAIN`.
pub(super) fn domain(wildcard: &str) -> Option<&str> {
    wildcard.strip_prefix("db.")?.split_once('.').map(|(_, domain)| domain)
}

fn escaped(name: &str) -> String {
    name.replace('.', "\\.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::FailedRequest;
    use crate::rule::{NEW, behind};
    use cvdns_core::release::cvd::HeaderError;
    use jiff::Timestamp;
    use std::time::Duration;

    #[test]
    fn advice_has_the_networks_names() {
        let hosts = ["database.clam.example".to_owned(), "db.test.clam.example".to_owned()];
        let of = |advice, software| text(advice, software, &hosts).unwrap();
        let nginx = of(Advice::VirtualHost, Software::Nginx);
        assert!(
            nginx.contains("server_name database.clam.example ~^db\\.[^.]+\\.clam\\.example$;"),
            "{nginx}"
        );
        let apache = of(Advice::VirtualHost, Software::Apache);
        assert!(apache.contains("ServerAlias db.*.clam.example\n"), "{apache}");
        let lighttpd = of(Advice::VirtualHost, Software::Lighttpd);
        assert!(
            lighttpd.contains("^(database\\.clam\\.example|db\\.[^.]+\\.clam\\.example)(:80)?$"),
            "{lighttpd}"
        );
        assert_eq!(text(Advice::Update, Software::Nginx, &hosts), None);
        let plain = ["a.example".to_owned(), "b.example".to_owned()];
        assert!(
            text(Advice::VirtualHost, Software::Apache, &plain)
                .unwrap()
                .contains("ServerAlias b.example\n")
        );
    }

    #[test]
    fn the_reason_of_a_check_has_the_advice_of_its_failure() {
        let second = Duration::from_secs(1);
        let text = || "status 404".to_owned();
        for failure in [
            Failure::Refused,
            Failure::Unreachable,
            Failure::ConnectTimeout(second),
            Failure::AnswerTimeout(second),
            Failure::BodyTimeout { received: 7, within: second },
            Failure::NoAnswer,
            Failure::ClosedEarly { received: 1, announced: Some(2) },
            Failure::ClosedEarly { received: 1, announced: None },
            Failure::NotHttp(text()),
            Failure::Redirect { status: 301, location: text() },
            Failure::Status(404),
            Failure::Html,
            Failure::Endless(4096),
            Failure::TooLong(1 << 30),
            Failure::NotATimestamp(text()),
            Failure::FromTheFuture(Timestamp::UNIX_EPOCH),
            Failure::NoRange,
            Failure::WrongRange(text()),
            Failure::WrongLength { length: 1, asked: 2 },
            Failure::NotADatabase(HeaderError::CutOff(1)),
            Failure::NotADatabase(HeaderError::NotCvd),
            Failure::NotADatabase(HeaderError::Missing("version")),
            Failure::Local(text()),
        ] {
            // Databases are asked for once both virtual hosts have served the timestamp.
            for (path, is_served) in [("/timestamp", false), ("/main.cvd", true)] {
                let (host, path) = ("database.clam.example".to_owned(), path.to_owned());
                let expected = Some(Advice::on(&failure, is_served));
                let reason = FailedRequest { host, path, failure: failure.clone() }.to_string();
                assert_eq!(Advice::of_reason(&reason), expected, "{reason}");
                assert_eq!(Advice::of_reason(&format!("withheld: {reason}")), expected, "{reason}");
            }
        }
        let behind = behind([63, 7, 1], [63, 5, 1]).unwrap();
        for (reason, advice) in [
            ("", None),
            (NEW, None),
            ("never checked", None),
            ("well again: 1 of 2 good checks", None),
            ("its timestamp is 1d 2h old (2026-11-24T00:00:00Z)", Some(Advice::Update)),
            (&format!("{behind} since 2026-11-24T00:00:00Z"), Some(Advice::Update)),
        ] {
            assert_eq!(Advice::of_reason(reason), advice, "{reason}");
        }
    }

    /// Where the virtual hosts serve other files, they are not what is wrong.
    #[test]
    fn a_single_missing_file_is_no_fault_of_the_virtual_hosts() {
        for (reason, advice) in [
            ("database.clam.example/timestamp: status 404", Advice::VirtualHost),
            ("db.test.clam.example/timestamp: status 404", Advice::VirtualHost),
            (
                "db.test.clam.example/timestamp: a web page in place of the file",
                Advice::VirtualHost,
            ),
            ("database.clam.example/daily.cvd: status 404", Advice::File),
            ("database.clam.example/daily.cvd: status 403", Advice::File),
            ("database.clam.example/daily.cvd: a web page in place of the file", Advice::Page),
            ("clam.example/status: status 404", Advice::VirtualHost),
        ] {
            assert_eq!(Advice::of_reason(reason), Some(advice), "{reason}");
        }
        let hosts = ["a.example".to_owned(), "b.example".to_owned()];
        for software in Software::ALL {
            assert_eq!(text(Advice::File, software, &hosts), None);
            assert!(text(Advice::Page, software, &hosts).unwrap().starts_with("# "));
        }
        assert!(!Advice::File.sentence().contains("must answer to both names"));
        // Who answers is not too slow.
        let reason = "database.clam.example/timestamp: the answer is not HTTP (\"SSH-2.0\")";
        assert_eq!(Advice::of_reason(reason), Some(Advice::Protocol));
    }

    #[test]
    fn web_servers_are_known_by_what_they_call_themselves() {
        assert_eq!(Software::of("nginx/1.22.1"), Some(Software::Nginx));
        assert_eq!(Software::of("Apache/2.4.62 (Debian)"), Some(Software::Apache));
        assert_eq!(Software::of("lighttpd"), Some(Software::Lighttpd));
        assert_eq!(Software::of("Caddy"), None);
    }
}
