//! The keys of `[cookies]`.

use crate::schema::{FilePath, Flag, Key, Optional, Preset, Section};

/// The section.
pub static SECTION: Section = Section {
    doc: "A cookie shows that a client receives what is sent to its address. Then it has no rate \
        limit, and long answers over UDP.",
    keys: &[&ENABLED, &SECRET_FILE],
};

/// `enabled`.
pub static ENABLED: Key<Flag, Preset<bool>> = Key {
    name: "enabled",
    kind: Flag,
    default: Preset(true),
    expected: "",
    example: "",
    doc: "Whether queries with a cookie (RFC 7873) get one in the answer.",
};

/// `secret-file`.
pub static SECRET_FILE: Key<FilePath, Optional> = Key {
    name: "secret-file",
    kind: FilePath,
    default: Optional("a random secret at each start"),
    expected: "the path of a file with a secret of 32 hex digits on each line",
    example: "\"cookie.secrets\"",
    doc: "Path of a file with a secret of 32 hex digits on each line, at most 4: the first makes \
        cookies, all verify them (RFC 9018). Servers that share an address need the same file; \
        BIND (`cookie-algorithm siphash24`) and Knot (`cookie-secret`) can share it too. A changed \
        file is read at once. Only the server's account should be able to read it.",
};
