//! The address of a NATS server.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// The port of NATS, by its own convention.
const DEFAULT_PORT: u16 = 4222;

/// A server of NATS: `nats://host:port`, or `tls://host:port` for one whose certificate is checked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerUrl {
    is_tls: bool,
    host: String,
    port: u16,
}

/// Why a text is no address of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerUrlError {
    /// It begins with neither `nats://` nor `tls://`.
    Scheme,
    /// It has a user or a password.
    User,
    /// It has a path, a query or a fragment.
    Path,
    /// What stands before the port is neither a name nor an address.
    Host,
    /// The port is no number from 1 to 65535.
    Port,
}

impl ServerUrl {
    /// The host's name or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the connection is encrypted and the server's certificate is checked.
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }
}

impl FromStr for ServerUrl {
    type Err = ServerUrlError;

    fn from_str(text: &str) -> Result<Self, ServerUrlError> {
        let (is_tls, rest) = match text.strip_prefix("tls://") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("nats://").ok_or(ServerUrlError::Scheme)?),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains('@') {
            return Err(ServerUrlError::User);
        }
        if rest.contains(['/', '?', '#']) {
            return Err(ServerUrlError::Path);
        }
        let (host, port) = host_and_port(rest)?;
        let port = match port {
            None => DEFAULT_PORT,
            // A sign is no part of a port, though `parse` takes it.
            Some(digits) if digits.starts_with('+') => return Err(ServerUrlError::Port),
            Some(digits) => match digits.parse() {
                Ok(port) if port != 0 => port,
                _ => return Err(ServerUrlError::Port),
            },
        };
        Ok(Self { is_tls, host: host.to_owned(), port })
    }
}

fn host_and_port(text: &str) -> Result<(&str, Option<&str>), ServerUrlError> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or(ServerUrlError::Host)?;
        host.parse::<Ipv6Addr>().map_err(|_| ServerUrlError::Host)?;
        return match rest.strip_prefix(':') {
            None if rest.is_empty() => Ok((host, None)),
            None => Err(ServerUrlError::Port),
            port => Ok((host, port)),
        };
    }
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(&octet))
    };
    let is_name =
        host.len() <= 253 && host.strip_suffix('.').unwrap_or(host).split('.').all(is_label);
    if is_name { Ok((host, port)) } else { Err(ServerUrlError::Host) }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "tls" } else { "nats" };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for ServerUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "a server's address begins with nats:// or tls://",
            Self::User => {
                "the address has a user or a password: put them into the file `credentials`"
            }
            Self::Path => "nothing may stand behind the port",
            Self::Host => "a host name or an address is expected before the port",
            Self::Port => "the port must be a number from 1 to 65535",
        })
    }
}

impl std::error::Error for ServerUrlError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_and_without_a_port() {
        for (text, shown) in [
            ("nats://a.example", "nats://a.example:4222"),
            ("tls://a.example:443/", "tls://a.example:443"),
            ("nats://192.0.2.1:1", "nats://192.0.2.1:1"),
            ("nats://[2001:db8::1]", "nats://[2001:db8::1]:4222"),
            ("tls://[2001:db8::1]:65535", "tls://[2001:db8::1]:65535"),
        ] {
            let url: ServerUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(shown.parse::<ServerUrl>().unwrap(), url);
        }
    }

    #[test]
    fn other_addresses_are_refused_for_what_is_wrong() {
        use ServerUrlError::{Host, Path, Port, Scheme, User};
        for (text, wrong) in [
            ("a.example", Scheme),
            ("wss://a.example", Scheme),
            ("nats://user:secret@a.example", User),
            ("nats://token@a.example", User),
            ("nats://a.example/x", Path),
            ("nats://a.example?x", Path),
            ("nats://", Host),
            ("nats://a..example", Host),
            ("nats://a b", Host),
            ("nats://[a]", Host),
            ("nats://[::1", Host),
            ("nats://[::1]4222", Port),
            ("nats://a.example:", Port),
            ("nats://a.example:0", Port),
            ("nats://a.example:+1", Port),
            ("nats://a.example:65536", Port),
            ("nats://::1", Host),
        ] {
            assert_eq!(text.parse::<ServerUrl>(), Err(wrong), "{text}");
        }
    }
}
