//! What to change in a web server that does not meet a requirement.

use serde::Serialize;

use crate::failure::Failure;

/// The subject of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Advice {
    /// Nothing listens, or no connection gets through.
    Listen,
    /// The server answers too slowly or incompletely.
    Slow,
    /// The wrong virtual host answers, or none.
    VirtualHost,
    /// The server redirects.
    Redirect,
    /// The server does not support ranges.
    Ranges,
    /// The files are missing or not fresh.
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
    /// The subject of a failure.
    pub fn on(failure: &Failure) -> Self {
        match failure {
            Failure::Refused | Failure::Unreachable | Failure::ConnectTimeout(_) => Self::Listen,
            Failure::AnswerTimeout(_)
            | Failure::BodyTimeout { .. }
            | Failure::NoAnswer
            | Failure::ClosedEarly { .. }
            | Failure::NotHttp(_) => Self::Slow,
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

    /// Whether the advice is the same for networks with other files than ClamAV's.
    pub(super) fn is_general(self) -> bool {
        matches!(self, Self::Listen | Self::Slow | Self::Here)
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
            Self::VirtualHost => {
                "One virtual host with the files must answer to both names, the second one with any label after \"db.\", \
                 and give a plain 404 for what is not there rather than a page."
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

/// The lines to add to the configuration of a web server; `None` if its configuration is not the
/// cause. `hosts` are the virtual hosts: the network's name, and one of `db.*`.
pub fn text(advice: Advice, software: Software, hosts: &[String]) -> Option<String> {
    use Advice::{Listen, Ranges, Redirect, VirtualHost};
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
    fn web_servers_are_known_by_what_they_call_themselves() {
        assert_eq!(Software::of("nginx/1.22.1"), Some(Software::Nginx));
        assert_eq!(Software::of("Apache/2.4.62 (Debian)"), Some(Software::Apache));
        assert_eq!(Software::of("lighttpd"), Some(Software::Lighttpd));
        assert_eq!(Software::of("Caddy"), None);
    }
}
