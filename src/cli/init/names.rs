//! Names of the command line: the zone's and those of its name servers.

use std::net::IpAddr;

/// Most characters of a domain name without its last dot (RFC 1035 section 3.1).
const MAX_NAME: usize = 253;

/// Most characters of a label.
const MAX_LABEL: usize = 63;

/// The name of a zone in lower case, without its last dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin(String);

/// A name server of a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NameServer {
    /// Its whole name, without the last dot.
    pub(super) name: String,
    /// Its addresses, if it is inside the zone.
    pub(super) addresses: Vec<IpAddr>,
}

impl Origin {
    /// Reads the name of a zone. It also becomes the name of files.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let help = "write the name of your zone, such as clamav.example.org";
        if text == "." {
            return Err(format!("--zone .: this is the root zone; {help}"));
        }
        if text.contains(['{', '}']) {
            return Err(format!(
                "--zone {text}: this stands for many zones; write the name of one, and change \
                 `origin` in its file afterwards"
            ));
        }
        host_name(text).map(Self).map_err(|what| format!("--zone {text}: {what}; {help}"))
    }

    /// The name.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a name is that of the zone, or lies below it.
    fn has(&self, name: &str) -> bool {
        name.strip_suffix(self.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

impl NameServer {
    /// The example that a zone has if no name server is given. Its addresses are for documentation
    /// (RFC 5737, RFC 3849).
    pub(super) fn example(origin: &Origin) -> Self {
        let addresses = vec![[192, 0, 2, 1].into(), [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into()];
        Self { name: format!("ns1.{}", origin.as_str()), addresses }
    }

    /// Reads all `--ns` arguments.
    pub(super) fn parse_all(texts: &[String], origin: &Origin) -> Result<Vec<Self>, String> {
        let mut out: Vec<Self> = Vec::new();
        for text in texts {
            let server =
                Self::parse(text, origin).map_err(|what| format!("--ns {text}: {what}"))?;
            if out.iter().any(|other| other.name == server.name) {
                return Err(format!(
                    "--ns {text}: {} is named twice; write all of its addresses at once, separated \
                     by commas",
                    server.name
                ));
            }
            out.push(server);
        }
        Ok(out)
    }

    fn parse(text: &str, origin: &Origin) -> Result<Self, String> {
        let (name, listed) = match text.split_once('=') {
            Some((name, listed)) => (name, listed.split(',').collect()),
            None => (text, Vec::new()),
        };
        let mut name_of_host = host_name(name)?;
        if !name.contains('.') {
            name_of_host = format!("{name_of_host}.{}", origin.as_str());
        }
        let mut addresses: Vec<IpAddr> = Vec::new();
        for word in listed {
            let address = word.parse().map_err(|_| {
                format!("\"{word}\" is not an IP address; write NAME=192.0.2.1,2001:db8::1")
            })?;
            if addresses.contains(&address) {
                return Err(format!("{address} is named twice; keep one"));
            }
            addresses.push(address);
        }
        let (name, zone) = (name_of_host, origin.as_str());
        match (origin.has(&name), addresses.is_empty()) {
            (true, true) => Err(format!(
                "{name} is inside {zone}, which must have its addresses; write \
                 {name}=192.0.2.1,2001:db8::1 with them"
            )),
            (false, false) => Err(format!(
                "{name} is outside {zone}, so its addresses are in another zone; write {name} \
                 alone"
            )),
            _ => Ok(Self { name, addresses }),
        }
    }
}

/// Reads the name of a host (RFC 1123 section 2.1), in any case and with or without the last dot.
/// Zones whose names are no host names would have mirrors that no web client can ask for.
fn host_name(text: &str) -> Result<String, String> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    if name.is_empty() {
        return Err("the name is empty".to_owned());
    }
    if !name.is_ascii() {
        return Err("the name has letters beyond ASCII, which DNS writes as xn--… (RFC 5890; \
                    `idn2` converts them)"
            .to_owned());
    }
    if name.parse::<IpAddr>().is_ok() {
        return Err("this is an address, not a name".to_owned());
    }
    if name.len() > MAX_NAME {
        return Err(format!(
            "the name has {} characters, and at most {MAX_NAME} are possible",
            name.len()
        ));
    }
    for label in name.split('.') {
        let is_plain = label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
        if !is_plain || label.starts_with('-') || label.ends_with('-') {
            return Err(format!(
                "\"{label}\" must consist of letters, digits and hyphens, without a hyphen at \
                 either end (RFC 1123 section 2.1)"
            ));
        }
        if !(1..=MAX_LABEL).contains(&label.len()) {
            return Err(format!(
                "\"{label}\" has {} characters, and a label has 1 to {MAX_LABEL}",
                label.len()
            ));
        }
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin::parse("clam.example").unwrap()
    }

    #[test]
    fn zones_are_host_names_in_any_form() {
        for (text, name) in [
            ("clam.example", "clam.example"),
            ("CLAM.Example.", "clam.example"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("example", "example"),
            ("1and1.example", "1and1.example"),
        ] {
            assert_eq!(Origin::parse(text).unwrap().as_str(), name, "{text}");
        }
    }

    #[test]
    fn every_other_text_is_refused_with_what_is_wrong() {
        let (label, name) = ("a".repeat(64), ["a".repeat(63).as_str(); 4].join("."));
        let help = "write the name of your zone, such as clamav.example.org";
        let ldh = "must consist of letters, digits and hyphens, without a hyphen at either end (RFC \
                   1123 section 2.1)";
        for (text, what) in [
            (".", "this is the root zone".to_owned()),
            ("", "the name is empty".to_owned()),
            ("..", "\"\" has 0 characters, and a label has 1 to 63".to_owned()),
            ("a..b", "\"\" has 0 characters, and a label has 1 to 63".to_owned()),
            ("../x", "\"\" has 0 characters, and a label has 1 to 63".to_owned()),
            ("/etc/passwd", "\"/etc/passwd\" ".to_owned() + ldh),
            ("a/../../b.example", "\"a/\" ".to_owned() + ldh),
            ("a b.example", "\"a b\" ".to_owned() + ldh),
            ("a\\.b.example", "\"a\\\" ".to_owned() + ldh),
            ("_x.example", "\"_x\" ".to_owned() + ldh),
            ("-x.example", "\"-x\" ".to_owned() + ldh),
            ("x-.example", "\"x-\" ".to_owned() + ldh),
            ("*.example", "\"*\" ".to_owned() + ldh),
            (
                "b\u{fc}cher.example",
                "the name has letters beyond ASCII, which DNS writes as xn--… (RFC 5890; `idn2` \
                 converts them)"
                    .to_owned(),
            ),
            ("192.0.2.1", "this is an address, not a name".to_owned()),
            ("2001:db8::1", "this is an address, not a name".to_owned()),
            (&label, format!("\"{label}\" has 64 characters, and a label has 1 to 63")),
            (&name, "the name has 255 characters, and at most 253 are possible".to_owned()),
        ] {
            assert_eq!(Origin::parse(text), Err(format!("--zone {text}: {what}; {help}")));
        }
        let many = Origin::parse("db.{cc}.example").unwrap_err();
        assert!(many.starts_with("--zone db.{cc}.example: this stands for many zones; "), "{many}");
    }

    #[test]
    fn name_servers_have_addresses_exactly_if_they_are_inside_the_zone() {
        let parse = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            NameServer::parse_all(&texts, &origin())
        };
        let servers = parse(&[
            "NS1=192.0.2.1,2001:db8::1",
            "ns2.clam.example.=192.0.2.2",
            "ns.other.example",
        ])
        .unwrap();
        let names: Vec<(&str, usize)> =
            servers.iter().map(|of| (of.name.as_str(), of.addresses.len())).collect();
        assert_eq!(
            names,
            [("ns1.clam.example", 2), ("ns2.clam.example", 1), ("ns.other.example", 0)]
        );
        for (texts, what) in [
            (
                &["ns1"][..],
                "--ns ns1: ns1.clam.example is inside clam.example, which must have its addresses; \
                 write ns1.clam.example=192.0.2.1,2001:db8::1 with them",
            ),
            (
                &["notclam.example=192.0.2.1"],
                "--ns notclam.example=192.0.2.1: notclam.example is outside clam.example, so its \
                 addresses are in another zone; write notclam.example alone",
            ),
            (&["ns1="], "--ns ns1=: \"\" is not an IP address; write NAME=192.0.2.1,2001:db8::1"),
            (
                &["ns1=192.0.2.256"],
                "--ns ns1=192.0.2.256: \"192.0.2.256\" is not an IP address; write \
                 NAME=192.0.2.1,2001:db8::1",
            ),
            (
                &["ns1=192.0.2.1,192.0.2.1"],
                "--ns ns1=192.0.2.1,192.0.2.1: 192.0.2.1 is named twice; keep one",
            ),
            (
                &["ns1=192.0.2.1", "ns1.clam.example=192.0.2.2"],
                "--ns ns1.clam.example=192.0.2.2: ns1.clam.example is named twice; write all of its \
                 addresses at once, separated by commas",
            ),
            (&["=192.0.2.1"], "--ns =192.0.2.1: the name is empty"),
            (&["192.0.2.1"], "--ns 192.0.2.1: this is an address, not a name"),
        ] {
            assert_eq!(parse(texts).map(|_| ()), Err(what.to_owned()));
        }
    }
}
