//! Questions as people write them: a name, a type and a client.

use std::net::{IpAddr, Ipv4Addr};

use domain::base::iana::Rtype;
use ipnet::IpNet;

use cvdns_core::answer::diagnosed_name;
use cvdns_core::explain::{AddressSource, ClientAddress};
use cvdns_core::snapshot::Snapshot;
use cvdns_core::wire::lower::LowerName;
use cvdns_core::wire::name::Name;

/// The name of a question.
#[derive(Debug, Clone)]
pub(crate) struct AskedName {
    /// The name in the case in which it was written.
    pub written: Name,
    /// The name in lower case.
    pub lower: LowerName,
    /// What was written.
    text: String,
}

/// The client for names whose answer does not depend on the client.
pub(crate) const ANY_CLIENT: ClientAddress = ClientAddress {
    address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    prefix: Some(0),
    from: AddressSource::Given,
};

impl AskedName {
    /// Reads a name, which is one of the root unless it ends with a dot.
    ///
    /// # Errors
    /// When it is no domain name: the reason for people.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let written = Name::parse(text, &Name::root())
            .map_err(|error| format!("\"{text}\" is not a domain name: {error}"))?;
        let mut lower = LowerName::new();
        lower.set(written.to_lower().wire());
        Ok(Self { written, lower, text: text.to_owned() })
    }

    /// The name that this one explains, if it is a diagnostic name; its answers describe the
    /// running server to whoever asks, and are not explained themselves.
    pub(crate) fn explains(&self, snapshot: &Snapshot) -> Option<String> {
        let about = diagnosed_name(snapshot, &self.lower)?;
        Some(Name::from_wire(about.wire()).map(|name| name.to_string()).unwrap_or_default())
    }

    /// What was written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// What was written, if a terminal shows it as it is; otherwise the name in presentation
    /// format, whose octets anybody can copy.
    pub(crate) fn copyable(&self) -> String {
        if self.text.bytes().all(|octet| octet.is_ascii_graphic()) {
            self.text.clone()
        } else {
            self.written.to_string()
        }
    }

    /// Other names that may have been meant: the host of a URL, and names below these origins.
    pub(crate) fn likely<'n>(
        &'n self,
        origins: impl Iterator<Item = String> + 'n,
    ) -> impl Iterator<Item = String> + 'n {
        let host = self.text.split_once("://").map_or(&*self.text, |(_, rest)| rest);
        let host = host.split(['/', '?', '#']).next().unwrap_or_default();
        let host = host.split_once(':').map_or(host, |(host, _)| host).trim_end_matches('.');
        let whole = (host != self.text).then(|| host.to_owned());
        whole.into_iter().chain(origins.map(move |origin| format!("{host}.{origin}")))
    }
}

/// Reads a record type: `AAAA`, or `TYPE65280` (RFC 3597 section 5).
///
/// # Errors
/// When the text names no record type. The message says for people what was expected.
pub(crate) fn rtype(text: &str) -> Result<u16, String> {
    let parsed = text.to_ascii_uppercase().parse::<Rtype>();
    let expected = "expected a type such as A, AAAA, TXT or TYPE65280";
    parsed.map(Rtype::to_int).map_err(|_| format!("\"{text}\" is not a record type: {expected}"))
}

/// Reads an address, or a network as a client subnet has it: bits beyond the prefix are not sent
/// (RFC 7871 section 6).
///
/// # Errors
/// When it is neither, or locates nobody: the reason for people.
pub(crate) fn client(word: &str) -> Result<ClientAddress, String> {
    let from = AddressSource::Given;
    if let Ok(address) = word.parse::<IpAddr>() {
        return Ok(ClientAddress { address, prefix: None, from });
    }
    let net: IpNet = word.parse().map_err(|_| {
        format!("\"{word}\" is neither an address nor a network such as 192.0.2.0/24")
    })?;
    if net.prefix_len() == 0 {
        return Err(format!(
            "\"{word}\" does not locate a client: a server uses the sender's address instead"
        ));
    }
    Ok(ClientAddress { address: net.network(), prefix: Some(net.prefix_len()), from })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_may_have_been_meant() {
        let likely = |text: &str| -> Vec<String> {
            let name = AskedName::parse(text).unwrap();
            name.likely(["x.example".to_owned()].into_iter()).collect()
        };
        assert_eq!(likely("db.de"), ["db.de.x.example"]);
        for url in ["http://db.de.x.example/", "https://db.de.x.example:80/a?b", "db.de.x.example/"]
        {
            assert_eq!(likely(url), ["db.de.x.example", "db.de.x.example.x.example"], "{url}");
        }
    }

    #[test]
    fn a_name_can_be_copied_whatever_it_is_made_of() {
        for (text, copied) in [
            ("DB.de.X.example.", "DB.de.X.example."),
            ("\u{202e}db.example", "\\226\\128\\174db.example"),
            ("zürich.example", "z\\195\\188rich.example"),
        ] {
            let name = AskedName::parse(text).unwrap();
            assert_eq!(name.copyable(), copied);
            assert_eq!(AskedName::parse(copied).unwrap().lower.wire(), name.lower.wire(), "{text}");
        }
    }
}
