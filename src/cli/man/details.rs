//! What the page of a command says beyond what clap knows.

/// What is to be said of one command.
#[derive(Debug, Clone, Copy)]
pub(super) struct Details {
    /// The words of the command after `cvdns`; empty for `cvdns` itself.
    pub command: &'static str,
    /// The section of the manual: 8 for servers and what acts on a running server, 1 for all
    /// others.
    pub section: u8,
    /// Whether it keeps running, with a log and signals.
    pub is_running: bool,
    /// When the exit status is 0.
    pub success: &'static str,
    /// When the exit status is 1.
    pub failure: &'static str,
    /// Variables of the environment beyond those that stand for options.
    pub environment: &'static [(&'static str, &'static str)],
    /// Files that it reads or writes.
    pub files: &'static [(&'static str, &'static str)],
    /// What is wanted, and the commands for it.
    pub examples: &'static [(&'static str, &'static str)],
    /// Other pages, such as `cvdns-zone(5)`, beside those of the commands above.
    pub see: &'static [&'static str],
}

/// What holds for commands that keep running.
pub(super) struct Running {
    /// Signals and what they do.
    pub signals: &'static [(&'static str, &'static str)],
    /// Variables and what they do.
    pub environment: &'static [(&'static str, &'static str)],
}

/// What holds for commands that keep running.
pub(super) const RUNNING: Running = Running {
    signals: &[
        (
            "SIGHUP",
            "Read everything again. If something is wrong, nothing changes, and the log says what.",
        ),
        ("SIGTERM, SIGINT", "Stop. The server first answers what it has received."),
        (
            "SIGUSR1",
            "Open the `file` of `[log]` again, after it was renamed. Without `file`, write a line \
             to the log, and do nothing else.",
        ),
        ("SIGUSR2", "Write a line to the log, and do nothing else."),
    ],
    environment: &[(
        "CVDNS_LOG",
        "What is logged, instead of `level` in `[log]`: `off`, `error`, `warn`, `info`, `debug`, \
         `trace`, or levels of modules as well, such as `info,cvdns::daemon=debug`.",
    )],
};

/// Variables that every command reads.
pub(super) const EVERY_COMMAND: &[(&str, &str)] =
    &[("NO_COLOR", "If it is set and not empty, nothing is coloured.")];

/// A variable of what may be fetched by https.
pub(super) const AUTHORITIES: (&str, &str) = (
    "SSL_CERT_FILE, SSL_CERT_DIR",
    "Certificates of the authorities that are trusted for https, instead of the system's.",
);

/// The configuration in the working directory.
pub(super) const HERE: (&str, &str) =
    ("cvdns.toml", "The configuration, in the working directory.");

/// The configuration of the system.
pub(super) const SYSTEM: (&str, &str) =
    ("/etc/cvdns/cvdns.toml", "The configuration, if the working directory has none.");

/// What holds unless a command says otherwise.
pub(super) const USUAL: Details = Details {
    command: "",
    section: 1,
    is_running: false,
    success: "The command did what it was asked to do.",
    failure: "The input is bad, or the system refused something. Standard error says what.",
    environment: &[],
    files: &[HERE, SYSTEM],
    examples: &[],
    see: &[],
};
