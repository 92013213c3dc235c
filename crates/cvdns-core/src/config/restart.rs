//! Which keys hold until the server ends: what they say is done once, when it starts.

use super::Config;

/// A key that a reload does not apply.
struct Fixed {
    section: &'static str,
    key: &'static str,
    differs: fn(&Config, &Config) -> bool,
}

const fn fixed(
    section: &'static str,
    key: &'static str,
    differs: fn(&Config, &Config) -> bool,
) -> Fixed {
    Fixed { section, key, differs }
}

/// All of them. Every other key is applied by a reload.
const FIXED: &[Fixed] = &[
    fixed("server", "listen", |one, other| one.server.listen != other.server.listen),
    fixed("server", "workers", |one, other| one.server.workers != other.server.workers),
    fixed("server", "udp", |one, other| one.server.udp != other.server.udp),
    fixed("server", "affinity", |one, other| one.server.affinity != other.server.affinity),
    fixed("server", "user", |one, other| one.server.user != other.server.user),
    fixed("server", "tcp-max-connections", |one, other| {
        one.server.tcp_max_connections != other.server.tcp_max_connections
    }),
    fixed("server", "tcp-idle", |one, other| one.server.tcp_idle != other.server.tcp_idle),
    fixed("admin", "listen", |one, other| one.admin != other.admin),
    fixed("log", "level", |one, other| one.log.level != other.log.level),
    fixed("log", "format", |one, other| one.log.json != other.log.json),
    fixed("log", "query-sample", |one, other| {
        one.log.query_sample.to_bits() != other.log.query_sample.to_bits()
    }),
];

/// The keys that take effect at a restart and are not what the server was started with, each with its section, for people.
pub fn waiting_for_restart(started: &Config, now: &Config) -> Vec<String> {
    let changed = FIXED.iter().filter(|fixed| (fixed.differs)(started, now));
    changed.map(|Fixed { section, key, .. }| format!("`{key}` in [{section}]")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Problems;

    fn config(text: &str) -> (Option<Config>, Vec<String>) {
        let mut problems = Problems::default();
        let config =
            Config::parse("c", &format!("zone = [{{ file = \"z\" }}]\n{text}\n"), &mut problems);
        (config, problems.iter().map(|problem| problem.help.clone()).collect())
    }

    /// Another value than the default of each key of these sections, and whether a reload applies it.
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
        ("server", "tcp-max-connections", "7", false),
        ("server", "tcp-idle", "\"7s\"", false),
        ("admin", "listen", "\"127.0.0.1:8054\"", false),
        ("log", "level", "\"debug\"", false),
        ("log", "format", "\"json\"", false),
        ("log", "query-sample", "0.5", false),
    ];

    #[test]
    fn each_key_is_applied_at_a_reload_or_named() {
        let (before, _) = config("");
        let before = before.unwrap();
        for (section, key, value, is_applied) in KEYS {
            let after = config(&format!("[{section}]\n{key} = {value}")).0.unwrap();
            let named = waiting_for_restart(&before, &after);
            let expected: Vec<String> =
                (!is_applied).then(|| format!("`{key}` in [{section}]")).into_iter().collect();
            assert_eq!(named, expected, "{section} {key}");
        }
        assert_eq!(waiting_for_restart(&before, &before), Vec::<String>::new());
    }

    /// A key that is added has to be in the list above.
    #[test]
    fn no_key_is_forgotten() {
        for section in ["server", "admin", "log"] {
            let (_, help) = config(&format!("[{section}]\nxxxxxxxxxxxxxxxxxxxxxxxx = 1"));
            let known = help
                .iter()
                .find_map(|help| help.strip_prefix(&format!("[{section}] knows ")))
                .unwrap();
            let mut listed: Vec<&str> =
                KEYS.iter().filter(|(of, ..)| of == &section).map(|(_, key, ..)| *key).collect();
            listed.sort_unstable();
            assert_eq!(known, listed.join(", "), "[{section}]");
        }
    }
}
