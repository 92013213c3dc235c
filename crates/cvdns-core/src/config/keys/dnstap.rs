//! The keys of `[dnstap]`.

use crate::config::dnstap_message::DnstapMessage;
use crate::schema::kind::SHARE;
use crate::schema::{Custom, FilePath, Key, List, OneOf, Optional, Preset, Section, Shape, read};

/// The section.
pub static SECTION: Section =
    Section { doc: "", keys: &[&SOCKET, &SAMPLE, &MESSAGES, &IDENTITY, &VERSION] };

/// `socket`.
pub static SOCKET: Key<FilePath, Optional> = Key {
    name: "socket",
    kind: FilePath,
    default: Optional("none"),
    expected: "the path of a Unix socket",
    example: "\"run/dnstap.sock\"",
    doc: "Path of the Unix socket that the collector (such as `fstrm_capture`) listens at. The \
        server's account must be allowed to write to it. Without the key, nothing is sent.",
};

/// `sample`.
pub static SAMPLE: Key<Custom<f64>, Preset<f64>> = Key {
    name: "sample",
    kind: SHARE,
    default: Preset(1.0),
    expected: "a share such as 0.01; 1 for all",
    example: "",
    doc: "Share of the queries that are sent, from 0 to 1, each with its answer.",
};

const BOTH: &[DnstapMessage] = &[DnstapMessage::AuthQuery, DnstapMessage::AuthResponse];

/// `messages`.
pub static MESSAGES: Key<List<OneOf<DnstapMessage>>, Preset<&'static [DnstapMessage]>> = Key {
    name: "messages",
    kind: List(OneOf(&[
        ("auth-query", DnstapMessage::AuthQuery),
        ("auth-response", DnstapMessage::AuthResponse),
    ])),
    default: Preset(BOTH),
    expected: "\"auth-query\", \"auth-response\" or both",
    example: "",
    doc: "What is sent of a query: \"auth-query\", the query as it was received, and \
        \"auth-response\", the answer, which has the question too.",
};

/// RFC 5001 has no limit for an identity; this one is that of `nsid`. An empty text is none.
const SHORT: Custom<String> = Custom {
    read: |value| {
        let text = read::string(value)?;
        match text.len() {
            // Readers of dnstap show it as text.
            _ if text.chars().any(char::is_control) => Err("it has control characters".to_owned()),
            0..=128 => Ok(text),
            length => Err(format!("{length} octets are too many")),
        }
    },
    shape: || Shape::Pattern("^[^\\u0000-\\u001f\\u007f-\\u009f]{0,128}$"),
    literal: |text| format!("{text:?}"),
};

/// `identity`.
pub static IDENTITY: Key<Custom<String>, Optional> = Key {
    name: "identity",
    kind: SHORT,
    default: Optional("`nsid`"),
    expected: "at most 128 characters",
    example: "\"ns1\"",
    doc: "Name of this server in each message; \"\" for none. Without the key, it is `nsid` in \
        `[server]`, or else the machine's host name.",
};

/// `version`.
pub static VERSION: Key<Custom<String>, Optional> = Key {
    name: "version",
    kind: SHORT,
    default: Optional("the program's"),
    expected: "at most 128 characters",
    example: "\"cvdns\"",
    doc: "Version of the server in each message; \"\" for none. Without the key, it is the \
        program's name and version.",
};
