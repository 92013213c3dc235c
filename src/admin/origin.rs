//! Which requests come from where they seem to come from.
//!
//! A web page can make a browser send requests to any address. The browser says which page that was
//! (`Origin`), and by which name it reached the address (`Host`): with DNS rebinding, a foreign
//! name leads to this address, and the page and the server have the same origin. A name that is
//! not this machine's is therefore refused, and so is every origin but the server's own.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Uri};

/// The names that a request may call the server by, beside addresses and `localhost`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names<'n> {
    /// The name of this machine; may be empty.
    pub machine: &'n str,
    /// Those of `hosts` in `[admin]`.
    pub configured: &'n [String],
}

/// Checks a request. The error says for people why it is refused.
pub(super) fn check(target: &Uri, headers: &HeaderMap, names: Names<'_>) -> Result<(), String> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().map(authority).transpose()?;
    if hosts.next().is_some() {
        return Err("there is more than one Host".to_owned());
    }
    // A target with a host takes precedence over the field (RFC 9112 section 3.2.2). HTTP/1.0
    // knows no Host, and is no browser's.
    for named in target.authority().into_iter().chain(&host) {
        if !is_ours(named.host(), names) {
            return Err(format!(
                "{:?} is no address and no name of this machine: use an address, or localhost, or \
                 add the name to `hosts` in [admin]",
                named.host()
            ));
        }
    }
    for origin in headers.get_all(ORIGIN) {
        let same = host.as_ref().is_some_and(|host| {
            let own = format!("http://{host}");
            origin.as_bytes().eq_ignore_ascii_case(own.as_bytes())
        });
        if !same {
            return Err("requests of web pages are refused (Origin)".to_owned());
        }
    }
    Ok(())
}

fn authority(value: &HeaderValue) -> Result<Authority, String> {
    let authority = Authority::try_from(value.as_bytes()).ok();
    authority
        .filter(|authority| !authority.as_str().contains('@'))
        .ok_or_else(|| "the Host is malformed".to_owned())
}

/// Whether nobody else's name server decides where this host is: it is an address, `localhost`, or
/// a name of this machine.
fn is_ours(host: &str, names: Names<'_>) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let ipv6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    ipv6.is_some_and(|host| host.parse::<Ipv6Addr>().is_ok())
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_ipv4())
        || host.eq_ignore_ascii_case("localhost")
        || (!names.machine.is_empty() && host.eq_ignore_ascii_case(names.machine))
        || names.configured.iter().any(|name| host.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_allowed(target: &str, fields: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let configured = ["ns1.example.net".to_owned()];
        let names = Names { machine: "ns1", configured: &configured };
        check(&target.parse().unwrap(), &headers, names).is_ok()
    }

    #[test]
    fn hosts_are_addresses_or_this_machine() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:8053",
            "192.0.2.1:8053",
            "[::1]",
            "[::1]:8053",
            "[2001:db8::1]:8053",
            "localhost",
            "LocalHost:8053",
            "localhost.:1",
            "ns1:8053",
            "NS1",
            "ns1.example.net:8053",
            "NS1.Example.NET.",
        ] {
            assert!(is_allowed("/metrics", &[("host", host)]), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8053",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "127.1",
            "0x7f000001",
            "2130706433",
            "[evil]",
            "::1",
            "[127.0.0.1]",
            "evil.example@127.0.0.1",
            "127.0.0.1@evil.example",
            "ns1.evil.example",
            "ns1.example.net.evil.example",
            "x.ns1.example.net",
            "",
            "127.0.0.1, evil.example",
        ] {
            assert!(!is_allowed("/metrics", &[("host", host)]), "{host}");
        }
        assert!(is_allowed("/metrics", &[]));
        assert!(!is_allowed("/metrics", &[("host", "localhost"), ("host", "localhost")]));
        assert!(!is_allowed("http://evil.example/metrics", &[("host", "localhost")]));
        assert!(is_allowed("http://localhost/metrics", &[("host", "localhost")]));
    }

    #[test]
    fn origins_are_the_servers_own() {
        let host = ("host", "127.0.0.1:8053");
        assert!(is_allowed("/", &[host, ("origin", "http://127.0.0.1:8053")]));
        for origin in [
            "http://evil.example",
            "http://127.0.0.1",
            "http://127.0.0.1:8054",
            "https://127.0.0.1:8053",
            "http://localhost:8053",
            "null",
            "",
        ] {
            assert!(!is_allowed("/", &[host, ("origin", origin)]), "{origin}");
        }
        assert!(!is_allowed("/", &[("origin", "http://127.0.0.1:8053")]));
    }
}
