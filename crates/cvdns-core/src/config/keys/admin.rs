//! The keys of `[admin]`.

use toml::de::DeValue;

use crate::config::admin_address::AdminAddress;
use crate::fleet::host_key;
use crate::schema::{
    Custom, FilePath, Key, Kind, List, OneOrList, Optional, Parsed, Scalar, Section, Shape, read,
};

/// The section.
pub static SECTION: Section = Section { doc: "", keys: &[&LISTEN, &TOKEN_FILE, &HOSTS] };

/// The name of a host (RFC 1123 section 2.1), without a port.
const HOST_KIND: Custom<String> = Custom {
    read: |value| {
        let text = read::string(value)?;
        let host = host_key(&text);
        let is_name =
            host.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-._".contains(&octet));
        if host.is_empty() || !is_name {
            return Err(format!("\"{text}\" is not a host"));
        }
        Ok(host)
    },
    shape: || Shape::Pattern("^[0-9A-Za-z._-]+$"),
    literal: |host| format!("{host:?}"),
};

/// An address of the listener. The path of a Unix socket is relative to the file that has it.
#[derive(Debug)]
pub struct Listen;

const LISTEN_KIND: Parsed<AdminAddress> = Parsed::new("^(unix:.+|[0-9A-Fa-f.:%\\[\\]]+:[0-9]+)$");

impl Kind for Listen {
    type Value = AdminAddress;

    fn shape(&self) -> Shape {
        LISTEN_KIND.shape()
    }
}

impl Scalar for Listen {
    fn read(&self, value: &DeValue<'_>) -> Result<AdminAddress, String> {
        LISTEN_KIND.read(value)
    }

    fn resolve(&self, value: AdminAddress, directory: &str) -> AdminAddress {
        match value {
            AdminAddress::Unix(path) => AdminAddress::Unix(FilePath.resolve(path, directory)),
            AdminAddress::Tcp(_) => value,
        }
    }
}

/// `listen`.
pub static LISTEN: Key<OneOrList<Listen>, Optional> = Key {
    name: "listen",
    kind: OneOrList(Listen),
    default: Optional("none"),
    expected: "\"unix:PATH\", or an address and a port, such as \"127.0.0.1:8053\"",
    example: "[\"unix:run/admin.sock\", \"127.0.0.1:8053\"]",
    doc: "Where metrics, health, state and commands are served over HTTP (docs/api.md): an address \
        and a port, `unix:` with the path of a socket, or a list of these. Owner and group of the \
        socket may change things over it. Over TCP, everybody who reaches the address can read, so \
        an address other than loopback causes a warning. Without the key there is no listener.",
};

/// `token-file`.
pub static TOKEN_FILE: Key<FilePath, Optional> = Key {
    name: "token-file",
    kind: FilePath,
    default: Optional("none"),
    expected: "the path of a file with a token in its first line",
    example: "\"admin.token\"",
    doc: "File whose first line is a token, of at least 16 characters. Requests over TCP that \
        change something must come from this machine and have it (`Authorization: Bearer TOKEN`). \
        Without the key, nothing can be changed over TCP. The file is read at each such request.",
};

/// `hosts`.
pub static HOSTS: Key<List<Custom<String>>, Optional> = Key {
    name: "hosts",
    kind: List(HOST_KIND),
    default: Optional("none"),
    expected: "names of this server without a port, such as \"ns1.example.net\"",
    example: "[\"ns1.example.net\"]",
    doc: "Names by which requests over TCP may reach the server (`Host`), such as that in the \
        configuration of Prometheus. Addresses, `localhost` and this machine's host name are \
        always allowed.",
};
