//! Keys that take effect only when the server starts.

use std::net::SocketAddr;

use super::keys::{admin, dnstap, log, server, tls, xdp};
use super::{Config, Tls};
use crate::schema::KeyInfo;

/// A key that a reload does not apply.
struct StartKey {
    section: &'static str,
    key: &'static dyn KeyInfo,
    differs: fn(&Config, &Config) -> bool,
}

const fn start_key(
    section: &'static str,
    key: &'static dyn KeyInfo,
    differs: fn(&Config, &Config) -> bool,
) -> StartKey {
    StartKey { section, key, differs }
}

/// All of them. A reload applies every other key.
static START_KEYS: &[StartKey] = &[
    start_key("server", &server::LISTEN, |a, b| a.server.listen != b.server.listen),
    start_key("server", &server::WORKERS, |a, b| a.server.workers != b.server.workers),
    start_key("server", &server::UDP, |a, b| a.server.udp != b.server.udp),
    start_key("server", &server::AFFINITY, |a, b| a.server.affinity != b.server.affinity),
    start_key("server", &server::USER, |a, b| a.server.user != b.server.user),
    start_key("server", &server::TCP_MAX_PER_CLIENT, |a, b| {
        a.server.tcp_max_per_client != b.server.tcp_max_per_client
    }),
    start_key("server", &server::TCP_MAX_CONNECTIONS, |a, b| {
        a.server.tcp_max_connections != b.server.tcp_max_connections
    }),
    start_key("server", &server::TCP_IDLE, |a, b| a.server.tcp_idle != b.server.tcp_idle),
    start_key("server", &server::TAKEOVER, |a, b| {
        let path = |config: &Config| config.server.takeover.as_ref().map(|path| path.value.clone());
        path(a) != path(b)
    }),
    start_key("server", &server::SANDBOX, |a, b| a.server.sandbox != b.server.sandbox),
    start_key("tls", &tls::DOT, |a, b| {
        addresses(a, |tls| &tls.dot) != addresses(b, |tls| &tls.dot)
    }),
    start_key("tls", &tls::DOQ, |a, b| {
        addresses(a, |tls| &tls.doq) != addresses(b, |tls| &tls.doq)
    }),
    start_key("tls", &tls::DOH, |a, b| {
        addresses(a, |tls| &tls.doh) != addresses(b, |tls| &tls.doh)
    }),
    start_key("tls", &tls::CONNECTIONS, |a, b| {
        let most = |config: &Config| {
            config.tls.as_ref().map_or_else(|| tls::CONNECTIONS.preset(), |tls| tls.connections)
        };
        most(a) != most(b)
    }),
    start_key("admin", &admin::LISTEN, |a, b| a.admin.listen != b.admin.listen),
    start_key("xdp", &xdp::INTERFACES, |a, b| {
        let names = |config: &Config| -> Vec<String> {
            config.xdp.interfaces.iter().map(|name| name.value.clone()).collect()
        };
        names(a) != names(b)
    }),
    start_key("xdp", &xdp::MODE, |a, b| a.xdp.mode != b.xdp.mode),
    start_key("log", &log::FORMAT, |a, b| a.log.json != b.log.json),
    start_key("log", &log::QUERY_SAMPLE, |a, b| {
        a.log.query_sample.to_bits() != b.log.query_sample.to_bits()
    }),
    start_key("dnstap", &dnstap::SOCKET, |a, b| {
        let path = |config: &Config| config.dnstap.socket.as_ref().map(|path| path.value.clone());
        path(a) != path(b)
    }),
    start_key("dnstap", &dnstap::SAMPLE, |a, b| {
        a.dnstap.sample.to_bits() != b.dnstap.sample.to_bits()
    }),
    start_key("dnstap", &dnstap::MESSAGES, |a, b| a.dnstap.messages != b.dnstap.messages),
    start_key("dnstap", &dnstap::IDENTITY, |a, b| a.dnstap.identity != b.dnstap.identity),
    start_key("dnstap", &dnstap::VERSION, |a, b| a.dnstap.version != b.dnstap.version),
    start_key("log", &log::FILE, |a, b| {
        let path = |config: &Config| config.log.file.as_ref().map(|path| path.value.clone());
        path(a) != path(b)
    }),
];

/// The addresses of an encrypted transport.
fn addresses(config: &Config, of: fn(&Tls) -> &[SocketAddr]) -> &[SocketAddr] {
    config.tls.as_ref().map_or(&[], of)
}

/// The keys that wait for a restart, each with its section: they differ from those with which the
/// server was started.
pub fn waiting_for_restart(started: &Config, now: &Config) -> Vec<String> {
    let changed = START_KEYS.iter().filter(|key| (key.differs)(started, now));
    changed
        .map(|StartKey { section, key, .. }| format!("`{}` in [{section}]", key.name()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::{cookies, rate_limit, transfer};
    use crate::problem::Problems;

    fn config(text: &str) -> Config {
        let text = format!("zone = [{{ file = \"z\" }}]\n{text}\n");
        Config::parse("c", &text, &mut Problems::default()).unwrap()
    }

    /// A value other than the default for each key, and whether a reload applies it.
    const KEYS: &[(&str, &str, &str, bool)] = &[
        ("server", "listen", "[\"127.0.0.1:5301\"]", false),
        ("server", "workers", "3", false),
        ("server", "nsid", "\"ns9\"", true),
        ("server", "user", "\"nobody\"", false),
        ("server", "edns-udp-size", "1400", true),
        ("server", "ecs", "false", true),
        ("server", "explain", "\"off\"", true),
        ("server", "udp", "\"portable\"", false),
        ("server", "affinity", "true", false),
        ("server", "tcp-max-per-client", "7", false),
        ("server", "tcp-max-connections", "7", false),
        ("server", "tcp-idle", "\"7s\"", false),
        ("server", "takeover", "\"t.sock\"", false),
        ("server", "sandbox", "false", false),
        ("tls", "certificate", "\"c\"", true),
        ("tls", "key", "\"k\"", true),
        ("tls", "dot", "[\"192.0.2.1:853\"]", false),
        ("tls", "doq", "[\"192.0.2.1:853\"]", false),
        ("tls", "doh", "[\"192.0.2.1:443\"]", false),
        ("tls", "connections", "7", false),
        ("admin", "listen", "\"127.0.0.1:8054\"", false),
        ("admin", "token-file", "\"t\"", true),
        ("admin", "hosts", "[\"ns1\"]", true),
        ("rate-limit", "mode", "\"off\"", true),
        ("rate-limit", "responses-per-second", "7", true),
        ("rate-limit", "slip", "7", true),
        ("rate-limit", "exempt", "[\"192.0.2.0/24\"]", true),
        ("cookies", "enabled", "false", true),
        ("cookies", "secret-file", "\"s\"", true),
        ("xdp", "interfaces", "[\"eth0\"]", false),
        ("xdp", "mode", "\"generic\"", false),
        ("transfer", "keys", "[\"k\"]", true),
        ("transfer", "catalog", "\"c\"", true),
        ("transfer", "client-names", "\"unknown\"", true),
        ("transfer", "signed", "true", true),
        ("transfer", "secondary", "[{ address = \"::1\", key = \"k\" }]", true),
        ("log", "level", "\"debug\"", true),
        ("log", "format", "\"json\"", false),
        ("log", "query-sample", "0.5", false),
        ("dnstap", "socket", "\"s\"", false),
        ("dnstap", "sample", "0.5", false),
        ("dnstap", "messages", "[\"auth-query\"]", false),
        ("dnstap", "identity", "\"ns9\"", false),
        ("dnstap", "version", "\"9\"", false),
        ("log", "file", "\"l\"", false),
    ];

    /// Keys without which their section is none.
    const REQUIRED: &[(&str, &str, &str)] =
        &[("tls", "certificate", "\"c\""), ("tls", "key", "\"k\"")];

    #[test]
    fn each_key_is_applied_at_a_reload_or_named() {
        let before = config("");
        for (section, key, value, is_applied) in KEYS {
            let required = REQUIRED.iter().filter(|(of, name, _)| of == section && name != key);
            let others = required.map(|(_, name, value)| format!("{name} = {value}"));
            let others: Vec<String> = others.collect();
            let after = config(&format!("[{section}]\n{}\n{key} = {value}", others.join("\n")));
            let named = waiting_for_restart(&before, &after);
            let expected: Vec<String> =
                (!is_applied).then(|| format!("`{key}` in [{section}]")).into_iter().collect();
            assert_eq!(named, expected, "{section} {key}");
        }
        assert_eq!(waiting_for_restart(&before, &before), Vec::<String>::new());
    }

    /// A new key must be added to the list above.
    #[test]
    fn no_key_is_forgotten() {
        let sections = [
            ("server", &server::SECTION),
            ("tls", &tls::SECTION),
            ("admin", &admin::SECTION),
            ("rate-limit", &rate_limit::SECTION),
            ("cookies", &cookies::SECTION),
            ("xdp", &xdp::SECTION),
            ("transfer", &transfer::SECTION),
            ("log", &log::SECTION),
            ("dnstap", &dnstap::SECTION),
        ];
        for (name, section) in sections {
            let listed = KEYS.iter().filter(|(of, ..)| *of == name).map(|(_, key, ..)| *key);
            assert!(section.names().eq(listed), "[{name}]");
        }
    }
}
