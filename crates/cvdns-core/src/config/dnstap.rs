//! The `[dnstap]` section.

use super::dnstap_message::DnstapMessage;
use super::keys::dnstap as keys;
use crate::problem::table::{Placed, Table};
use crate::schema::KeyInfo;

/// Which queries and answers are sent to a dnstap collector (`[dnstap]`).
#[derive(Debug, Clone)]
pub struct Dnstap {
    /// Path of the collector's socket; `None`: nothing is sent.
    pub socket: Option<Placed<String>>,
    /// The share of the queries that are sent, each with its answer.
    pub sample: f64,
    /// What is sent of a query; each message occurs once.
    pub messages: Vec<DnstapMessage>,
    /// Name of the server in each message; empty for none. `None`: NSID or host name.
    pub identity: Option<String>,
    /// Version of the server in each message; empty for none. `None`: the program's.
    pub version: Option<String>,
}

impl Dnstap {
    pub(super) fn read(mut table: Table<'_>) -> Self {
        let others: [&dyn KeyInfo; 4] =
            [&keys::SAMPLE, &keys::MESSAGES, &keys::IDENTITY, &keys::VERSION];
        let has_others = others.into_iter().any(|key| table.has(key));
        let dnstap = Self {
            socket: table.get(&keys::SOCKET),
            sample: table.value(&keys::SAMPLE),
            messages: messages(&mut table),
            identity: table.get(&keys::IDENTITY).map(|identity| identity.value),
            version: table.get(&keys::VERSION).map(|version| version.value),
        };
        if dnstap.socket.is_none() && has_others {
            table.warning(
                table.location(),
                "[dnstap] has no effect without `socket`",
                "add socket = \"PATH\", where the collector listens, or take the section out",
            );
        }
        if dnstap.socket.is_some() && dnstap.sample <= 0.0 {
            let what = "nothing is sent to the collector: `sample` is 0";
            let help = "raise it, or take `socket` out";
            table.warning(table.key_location(&keys::SAMPLE), what, help);
        }
        table.finish();
        dnstap
    }

    /// The path of the collector's socket as it is written, if anything is sent to it.
    pub fn destination(&self) -> Option<&str> {
        let socket = self.socket.as_ref().filter(|_| self.sample > 0.0);
        socket.map(|socket| socket.value.as_str())
    }

    /// Whether messages of this type are sent.
    pub fn sends(&self, message: DnstapMessage) -> bool {
        self.messages.contains(&message)
    }
}

fn messages(table: &mut Table<'_>) -> Vec<DnstapMessage> {
    let location = table.key_location(&keys::MESSAGES);
    let errors_before = table.error_count();
    let Some(listed) = table.list(&keys::MESSAGES) else { return keys::MESSAGES.preset() };
    let mut messages = Vec::new();
    for Placed { value, location } in listed {
        if messages.contains(&value) {
            table.error(location, "this message is named twice", "keep one");
            continue;
        }
        messages.push(value);
    }
    if messages.is_empty() && table.error_count() == errors_before {
        let help = format!("write a list of {}", keys::MESSAGES.expected());
        table.error(location, "`messages` names no message", help);
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::problem::Problems;

    fn read(section: &str) -> (Dnstap, Vec<String>) {
        let text = format!("zone = [{{ file = \"z\" }}]\n{section}\n");
        let mut problems = Problems::default();
        let config = Config::parse("c", &text, &mut problems).unwrap();
        (config.dnstap, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn nothing_is_sent_without_a_socket_and_all_with_one() {
        let (dnstap, problems) = read("");
        assert_eq!((dnstap.destination(), problems.len()), (None, 0));
        let (dnstap, problems) = read("[dnstap]\nsocket = \"s\"");
        assert_eq!((dnstap.destination(), problems.len()), (Some("s"), 0));
        assert!((dnstap.sample - 1.0).abs() < f64::EPSILON);
        let both = [DnstapMessage::AuthQuery, DnstapMessage::AuthResponse];
        assert!(both.into_iter().all(|message| dnstap.sends(message)));
        let (dnstap, problems) =
            read("[dnstap]\nsocket = \"s\"\nsample = 0\nmessages = [\"auth-response\"]");
        assert_eq!(dnstap.destination(), None);
        assert!(problems[0].starts_with("c:4:1: nothing is sent"), "{problems:?}");
        assert!(!dnstap.sends(DnstapMessage::AuthQuery));
    }

    #[test]
    fn wrong_values_are_reported_with_their_places() {
        let long = format!("identity = \"{}\"", "x".repeat(129));
        for (section, expected) in [
            ("sample = 0.5", "c:2:1: [dnstap] has no effect without `socket`"),
            ("socket = \"\"", "c:3:10: `socket`: "),
            ("socket = \"s\"\nsample = 2", "c:4:10: `sample`: 2 is not within 0 to 1"),
            ("socket = \"s\"\nmessages = []", "c:4:1: `messages` names no message"),
            (
                "socket = \"s\"\nmessages = [\"auth-query\", \"auth-query\"]",
                "c:4:27: this message is named twice",
            ),
            (
                "socket = \"s\"\nmessages = [\"client-query\"]",
                "c:4:13: `messages`: \"client-query\" is not known",
            ),
            ("socket = \"s\"\nidentity = \"a\\nb\"", "c:4:12: `identity`: it has control"),
            (&format!("socket = \"s\"\n{long}"), "c:4:12: `identity`: 129 octets are too many"),
        ] {
            let (_, problems) = read(&format!("[dnstap]\n{section}"));
            let found = problems.iter().any(|problem| problem.starts_with(expected));
            assert!(found, "{expected}\n{problems:?}");
        }
    }
}
