//! Settings that options or environment variables state instead of the configuration, so that
//! several servers can share one.

use std::net::SocketAddr;

use clap::Args;

use cvdns_core::config::CommandLine;

/// Settings that beat those of the configuration. A reload keeps them.
#[derive(Args, Clone, Debug, Default)]
pub struct StatedSettings {
    /// Listen on this address and port instead of those of the configuration. May be repeated, and
    /// may have several addresses separated by commas or spaces.
    #[arg(
        long,
        value_name = "ADDR:PORT",
        env = "CVDNS_LISTEN",
        hide_env_values = true,
        value_parser = addresses
    )]
    pub listen: Vec<Addresses>,
    /// The name server identifier (RFC 5001) instead of that of the configuration.
    #[arg(long, value_name = "TEXT", env = "CVDNS_NSID", hide_env_values = true)]
    pub nsid: Option<String>,
}

/// The addresses of one option or variable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses(Vec<SocketAddr>);

impl StatedSettings {
    /// The settings without the empty ones: an empty variable counts as none.
    pub(super) fn command_line(&self) -> CommandLine {
        CommandLine {
            listen: self.listen.iter().flat_map(|Addresses(listed)| listed).copied().collect(),
            nsid: self.nsid.clone().filter(|nsid| !nsid.is_empty()),
        }
    }
}

fn addresses(text: &str) -> Result<Addresses, String> {
    let words = text.split(|letter: char| letter == ',' || letter.is_whitespace());
    let address = |word: &str| {
        let expected =
            "expected an address and a port such as 192.0.2.1:53, [2001:db8::1]:53 or 0.0.0.0:53";
        word.parse().map_err(|_| format!("\"{word}\": {expected}"))
    };
    words.filter(|word| !word.is_empty()).map(address).collect::<Result<_, _>>().map(Addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_separated_by_commas_and_spaces() {
        let read = |text: &str| addresses(text).map(|Addresses(listed)| listed);
        let both = vec!["127.0.0.1:53".parse().unwrap(), "[::1]:53".parse().unwrap()];
        for text in ["127.0.0.1:53,[::1]:53", " 127.0.0.1:53 [::1]:53\n", "127.0.0.1:53, [::1]:53,"]
        {
            assert_eq!(read(text), Ok(both.clone()), "{text:?}");
        }
        assert_eq!(read(""), Ok(Vec::new()));
        let error = read("127.0.0.1:53,::1").unwrap_err();
        assert!(error.starts_with("\"::1\": expected an address and a port such as"), "{error}");
    }
}
