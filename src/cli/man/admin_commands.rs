//! What the pages of servers, and of commands that act on a running server, say beyond what clap
//! knows.

use super::details::{AUTHORITIES, Details, HERE, SYSTEM, USUAL};

/// The commands of section 8.
pub(super) static ALL: &[Details] = &[
    Details {
        command: "serve",
        section: 8,
        is_running: true,
        success: "A signal stopped the server, or another one has taken over from it.",
        failure: "The configuration cannot be served, the system refused something that the \
            server needs, such as an address that is in use, or with `--replace` the running \
            server goes on. Standard error says what.",
        environment: &[
            AUTHORITIES,
            (
                "NOTIFY_SOCKET, WATCHDOG_USEC, LISTEN_FDS",
                "Set by systemd: readiness, the watchdog, and sockets of units. See \
                 docs/reliability.md.",
            ),
        ],
        examples: &[
            (
                "Serve the configuration of the system:",
                "cvdns serve --config /etc/cvdns/cvdns.toml",
            ),
            (
                "Servers can share a configuration if each is told what is its own:",
                "cvdns serve --listen 192.0.2.1:53,[2001:db8::1]:53 --nsid ns1",
            ),
            ("Take over from the running server without losing a query:", "cvdns serve --replace"),
        ],
        see: &["cvdns-reload(8)", "cvdns-status(8)", "cvdns-check(1)", "cvdns.toml(5)"],
        ..USUAL
    },
    Details {
        command: "feed accept",
        success: "The feed is in force.",
        examples: &[
            ("Take the feed that is held back:", "cvdns feed accept"),
            (
                "Take it only if it is the one that was looked at:",
                "cvdns feed accept --serial 1763800600",
            ),
        ],
        see: &["cvdns-status(8)", "cvdns-feed(5)", "cvdns.toml(5)"],
        ..CONTROL
    },
    Details {
        command: "log-level",
        success: "The server logs by the new level.",
        examples: &[
            ("See more for a while:", "cvdns log-level debug"),
            ("See more of one part:", "cvdns log-level info,cvdns::daemon=debug"),
        ],
        ..CONTROL
    },
    Details {
        command: "monitor",
        section: 8,
        is_running: true,
        success: "A signal stopped the coordinator, the round of `--once` is done, or the mirror \
            of `--try` passed.",
        failure: "The configuration is bad, the feed cannot be written, another coordinator uses \
            the same `state`, or the mirror of `--try` failed. Standard error says why.",
        files: &[
            HERE,
            SYSTEM,
            (
                "feed.json, feed.json.minisig",
                "The feed and its signature, where `feed` in `[monitor]` says.",
            ),
        ],
        examples: &[
            ("Run as a service:", "cvdns monitor --config /etc/cvdns/cvdns.toml"),
            ("Check every mirror once and see the result, as from cron:", "cvdns monitor --once"),
            ("Check as one of several monitors:", "cvdns monitor --report"),
            ("Write the feed by the reports of several monitors:", "cvdns monitor --combine"),
            (
                "What must the admin of a new mirror change?",
                "cvdns monitor --try 192.0.2.10 --origin clamav.net",
            ),
        ],
        see: &[
            "cvdns-monitor-history(1)",
            "cvdns-feed-check(1)",
            "cvdns-feed(5)",
            "cvdns-fleet(5)",
            "cvdns.toml(5)",
        ],
        ..USUAL
    },
    Details {
        command: "override",
        section: 8,
        examples: &[(
            "Take a mirror out for two hours:",
            "cvdns override add mirror.example.de --state drained --reason 'disk swap' --for 2h",
        )],
        see: &["cvdns-overrides(5)"],
        ..USUAL
    },
    Details {
        command: "override add",
        section: 8,
        failure: "Nothing was written. Standard error says why.",
        files: OVERRIDES,
        examples: &[
            (
                "Take all mirrors of a provider out until a moment:",
                "cvdns override add '*.example.de' --state drained --reason 'network works' \
                 --until 2026-12-01T06:00:00Z",
            ),
            (
                "Take one address of a mirror out:",
                "cvdns override add mirror.example.de --address 2001:db8::10 --state down \
                 --reason 'no route'",
            ),
        ],
        see: &["cvdns-overrides(5)"],
        ..USUAL
    },
    Details {
        command: "override remove",
        section: 8,
        failure: "Nothing was written. Standard error says why.",
        files: OVERRIDES,
        examples: &[("Let the feed decide again:", "cvdns override remove mirror.example.de")],
        see: &["cvdns-overrides(5)"],
        ..USUAL
    },
    #[cfg(feature = "nats")]
    Details {
        command: "override restore",
        section: 8,
        failure: "Nothing was published. Standard error says why.",
        examples: &[(
            "Publish what a server still has after NATS has lost its store:",
            "cvdns override restore /var/lib/cvdns/overrides.json",
        )],
        see: &["cvdns-nats-set-up(1)", "cvdns-overrides(5)"],
        ..USUAL
    },
    Details {
        command: "override list",
        section: 8,
        files: OVERRIDES,
        examples: &[(
            "Which overrides are there, and which mirrors do they match?",
            "cvdns override list",
        )],
        see: &["cvdns-overrides(5)"],
        ..USUAL
    },
    Details {
        command: "reload",
        success: "What was read is in force.",
        failure: "Nothing changed because of an error, or the server cannot be reached.",
        examples: &[("Have the server take over a change:", "cvdns check\ncvdns reload")],
        see: &["cvdns-check(1)", "cvdns-serve(8)", "cvdns-status(8)", "cvdns.toml(5)"],
        ..CONTROL
    },
    Details {
        command: "status",
        success: "The server is ready.",
        failure: "The server is not ready, or cannot be reached.",
        examples: &[("Is the server ready, and what does it serve?", "cvdns status")],
        see: &["cvdns-serve(8)", "cvdns-reload(8)", "cvdns.toml(5)"],
        ..CONTROL
    },
];

/// Why a command to the running server failed.
const UNREACHED: &str =
    "Nothing was changed, or the server cannot be reached. Standard error says why.";

/// What acts on the running server.
const CONTROL: Details =
    Details { section: 8, failure: UNREACHED, see: &["cvdns-serve(8)", "cvdns.toml(5)"], ..USUAL };

const OVERRIDES: &[(&str, &str)] =
    &[HERE, SYSTEM, ("overrides.toml", "The overrides, where `overrides` in `[feed]` says.")];
