//! Which requests come from where they seem to come from.
//!
//! A web page can make a browser send requests to any address. The browser says which page that was
//! (`Origin`), and by which name it reached the address (`Host`): with DNS rebinding, a foreign
//! name leads to this address, and the page and the server have the same origin. A name that is
//! not this machine's is therefore refused, and so is every origin but the server's own.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, Version};
use axum::response::{IntoResponse, Response};

/// The names that a request may call the server by, beside addresses and `localhost`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names<'n> {
    /// The name of this machine; may be empty.
    pub machine: &'n str,
    /// Those of `hosts` in `[admin]`.
    pub configured: &'n [String],
}

/// Why a request is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is no good request: 400 (RFC 9112 section 3.2).
    Malformed(&'static str),
    /// It calls the server by a foreign name, or a web page sent it.
    Foreign(String),
}

/// Checks that a request has the Host that its version needs (RFC 9112 section 3.2).
pub(super) fn check_host(version: Version, headers: &HeaderMap) -> Result<(), Refusal> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if version == Version::HTTP_11 => Err(Refusal::Malformed("there is no Host")),
        (_, Some(_)) => Err(Refusal::Malformed("there is more than one Host")),
        _ => Ok(()),
    }
}

/// Checks where a request comes from.
pub(super) fn check(target: &Uri, headers: &HeaderMap, names: Names<'_>) -> Result<(), Refusal> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().map(authority).transpose()?;
    // A target with a host takes precedence over the field (RFC 9112 section 3.2.2). HTTP/1.0
    // knows no Host, and is no browser's.
    for named in target.authority().into_iter().chain(&host) {
        if !is_ours(named.host(), names) {
            return Err(Refusal::Foreign(format!(
                "{:?} is no address and no name of this machine: use an address, or localhost, or \
                 add the name to `hosts` in [admin]",
                named.host()
            )));
        }
    }
    for origin in headers.get_all(ORIGIN) {
        let same = host.as_ref().is_some_and(|host| {
            let own = format!("http://{host}");
            origin.as_bytes().eq_ignore_ascii_case(own.as_bytes())
        });
        if !same {
            let why = "requests of web pages are refused (Origin)";
            return Err(Refusal::Foreign(why.to_owned()));
        }
    }
    Ok(())
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, why) = match self {
            Self::Malformed(why) => (StatusCode::BAD_REQUEST, why.to_owned()),
            Self::Foreign(why) => (StatusCode::FORBIDDEN, why),
        };
        (status, why + "\n").into_response()
    }
}

fn authority(value: &HeaderValue) -> Result<Authority, Refusal> {
    let authority = Authority::try_from(value.as_bytes()).ok();
    authority
        .filter(|authority| !authority.as_str().contains('@'))
        .ok_or(Refusal::Malformed("the Host is malformed"))
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
        check_host(Version::HTTP_10, &headers).is_ok()
            && check(&target.parse().unwrap(), &headers, names).is_ok()
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

    /// RFC 9112 section 3.2.
    #[test]
    fn a_request_has_one_host_as_its_version_needs() {
        for (version, hosts, is_good) in [
            (Version::HTTP_11, &["localhost"][..], true),
            (Version::HTTP_11, &[], false),
            (Version::HTTP_11, &["localhost", "localhost"], false),
            (Version::HTTP_10, &[], true),
            (Version::HTTP_10, &["localhost"], true),
            (Version::HTTP_10, &["localhost", "localhost"], false),
        ] {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(HOST, HeaderValue::from_static(host));
            }
            assert_eq!(check_host(version, &headers).is_ok(), is_good, "{version:?} {hosts:?}");
        }
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
