//! What the clock changes, with the time as an argument.

use std::net::Ipv4Addr;

use super::*;
use crate::load::OverridesLook;

const FEED: &str = include_str!("../../../../feed.json");

/// A second after the feed was generated.
fn at(second: i64) -> Timestamp {
    "2026-11-22T17:00:00Z"
        .parse::<Timestamp>()
        .unwrap()
        .checked_add(jiff::SignedDuration::from_secs(second))
        .unwrap()
}

/// The example's inputs, with feed, state and overrides in this directory.
fn read(directory: &Path) -> Loaded {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("cvdns.toml");
    let mut loaded = load(&config, &mut Problems::default()).unwrap();
    loaded.feeds = FeedSource::File(directory.join("feed.json")).into();
    loaded.state = Some(directory.join("state"));
    loaded.config.feed.settle = Duration::from_secs(30);
    loaded.overrides.path = Some(directory.join("overrides.toml"));
    loaded
}

/// The state of the example's server, with files in a directory. Its mirrors settle in 30 s.
struct Server {
    directory: tempfile::TempDir,
    state: ServerState,
    serial: u64,
}

impl Server {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("feed.json"), FEED).unwrap();
        let state =
            ServerState::new(read(directory.path()), at(0), &mut Problems::default()).unwrap();
        Self { directory, state, serial: 1_763_800_000 }
    }

    /// Starts another server with the files of the one before.
    fn restart(&mut self, second: i64) {
        self.state =
            ServerState::new(read(self.directory.path()), at(second), &mut Problems::default())
                .unwrap();
    }

    /// Writes a feed in which one of Germany's mirrors is in this state, and reads it.
    fn feed(&mut self, second: i64, word: &str) {
        self.serial += 1;
        let old = "\"mirror.de.example.org\": { \"state\": \"up\"";
        let feed = FEED
            .replace(old, &old.replace("up", word))
            .replace("1763800000", &self.serial.to_string());
        std::fs::write(self.directory.path().join("feed.json"), feed).unwrap();
        self.state.read(at(second));
    }

    fn overrides(&mut self, second: i64, text: &str) {
        std::fs::write(self.directory.path().join("overrides.toml"), text).unwrap();
        self.state.read_changed(at(second));
    }

    /// Lets the clock alone run, and asks for A at `db.de`: whether that mirror is answered, and
    /// the TTL.
    fn answer(&mut self, second: i64) -> (bool, u32) {
        self.state.tick(at(second));
        let query = b"\0\x01\x01\0\0\x01\0\0\0\0\0\0\x02db\x02de\x06clamav\x03net\0\0\x01\0\x01";
        let mut buffer = [0; 512];
        buffer[..query.len()].copy_from_slice(query);
        let mut answerer = Answerer::new(
            self.state.publisher.snapshots().clone(),
            Answering::new(0, Timestamp::now),
        );
        let client = "127.0.0.1:53".parse().unwrap();
        let length = answerer.respond(&mut buffer, query.len(), client, Transport::Udp).unwrap();
        let records = buffer[query.len()..length].as_chunks::<16>().0;
        let mirror = Ipv4Addr::new(192, 0, 2, 12).octets();
        let ttl = records[0].get(6..10).and_then(|ttl| ttl.first_chunk()).unwrap();
        (records.iter().any(|record| record[12..] == mirror), u32::from_be_bytes(*ttl))
    }

    fn next(&self) -> Timestamp {
        self.state.next_change()
    }
}

#[test]
fn changes_count_for_ten_minutes() {
    let mut server = Server::start();
    assert_eq!(server.answer(0), (true, 60));
    assert_eq!(server.next(), at(1800), "the half hour");
    server.feed(10, "down");
    assert_eq!(server.answer(10), (false, 30));
    assert_eq!(server.next(), at(610));
    assert_eq!((server.answer(609), server.answer(610)), ((false, 30), (false, 60)));

    // Four changes within ten minutes: the mirror is out until it was up for half a minute, and
    // then has half the TTL for the rest of the ten minutes.
    for (second, state) in [(620, "up"), (630, "down"), (640, "up"), (650, "down")] {
        server.feed(second, state);
    }
    server.feed(700, "up");
    assert_eq!((server.answer(700), server.next()), ((false, 30), at(730)));
    assert_eq!((server.answer(729), server.answer(730)), ((false, 30), (true, 30)));
    assert_eq!((server.answer(1299), server.next()), ((true, 30), at(1300)));
    assert_eq!((server.answer(1300), server.next()), ((true, 60), at(1800)));
}

#[test]
fn an_override_ends_at_its_moment() {
    let mut server = Server::start();
    let said = "[[override]]\nhost = \"mirror.de.*\"\nstate = \"removed\"\nreason = \"moves\"\nuntil = 2026-11-22T17:20:00Z\n";
    server.overrides(5, said);
    let in_force = |server: &Server| server.state.condition.load().overrides.len();
    assert_eq!((server.answer(5), in_force(&server), server.next()), ((false, 60), 1, at(1200)));
    let plan =
        server.state.publisher.newest().dynamic_data.health(0).unwrap().mirrors[1].to_string();
    assert_eq!(plan, "removed (override: moves, until 2026-11-22T17:20:00Z)");
    // What the feed says of the mirror meanwhile changes nothing.
    server.feed(900, "down");
    server.feed(1000, "up");
    assert_eq!((server.answer(1199), in_force(&server)), ((false, 60), 1));
    // When the feed counts again, so does the mirror's last change in it.
    assert_eq!((server.answer(1200), in_force(&server)), ((true, 30), 0));
    assert_eq!(server.next(), at(1600));

    // A clock that is set back has it in force again, as if nothing had been.
    assert_eq!((server.answer(1100), in_force(&server)), ((false, 60), 1));
}

/// A difference between the feed before a start and the one after it is no change: nobody knows
/// when it happened.
#[test]
fn the_feed_of_a_start_is_not_compared_with_the_one_that_was_kept() {
    let mut server = Server::start();
    server.feed(10, "down");
    let feed = std::fs::read_to_string(server.directory.path().join("feed.json")).unwrap();
    assert_eq!(server.answer(10), (false, 30));
    std::fs::remove_file(server.directory.path().join("feed.json")).unwrap();
    server.restart(1000);
    assert_eq!(server.answer(1000), (false, 60), "the one that was kept goes on");
    // The next feed that is read changes a mirror, as there is one in force by now.
    server.feed(1010, "up");
    assert_eq!(server.answer(1010), (true, 30));

    // Here a file is read at the start.
    server.serial += 1;
    let feed = feed.replace("1763800001", &server.serial.to_string());
    std::fs::write(server.directory.path().join("feed.json"), feed).unwrap();
    server.restart(2000);
    assert_eq!(server.answer(2000), (false, 60));
    server.feed(2010, "up");
    assert_eq!(server.answer(2010), (true, 30));
}

/// Overrides that come with the same reload count when a feed's loss is measured.
#[test]
fn overrides_of_a_reload_hold_when_losses_are_measured() {
    let mut server = Server::start();
    let up = "[[override]]\nhost = \"*\"\nstate = \"up\"\nreason = \"the coordinator is ill\"\n";
    std::fs::write(server.directory.path().join("overrides.toml"), up).unwrap();
    let mut loaded = read(server.directory.path());
    let hosts = loaded.inputs.zones[0].fleet.mirrors.iter().map(|mirror| mirror.host.as_str());
    let down: Vec<String> =
        hosts.map(|host| format!("\"{host}\": {{ \"state\": \"down\" }}")).collect();
    let all_down = format!(
        "{{ \"format\": 1, \"serial\": 1763800001, \"generated\": \"2026-11-22T17:00:00Z\", \"mirrors\": {{ {} }} }}",
        down.join(", ")
    );
    std::fs::write(server.directory.path().join("feed.json"), all_down).unwrap();
    let OverridesLook::News(file, _) = loaded.overrides.look(&[]) else { panic!("no overrides") };
    loaded.overrides = file;
    assert!(server.state.reload(loaded, at(10), &mut Problems::default()));
    let serial =
        |server: &Server| server.state.condition.load().feed.as_ref().map(|feed| feed.serial);
    assert_eq!((serial(&server), server.answer(10).0), (Some(1_763_800_001), true));
}
