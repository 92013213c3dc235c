use super::*;
use crate::transfer::KeepsVersions;
use cvdns_core::wire::name::Name;
use cvdns_transfer::records::{RecordCollector, ZoneRecord};
use cvdns_transfer::version::Soa;
use cvdns_transfer::{Content, History};

const SOURCE: &str = "feed.json";

fn sources() -> FeedSources {
    FeedSource::File(SOURCE.into()).into()
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn document(serial: u64) -> Vec<u8> {
    format!("{{\"format\":1,\"serial\":{serial},\"generated\":\"2026-11-22T17:00:00Z\"}}")
        .into_bytes()
}

#[test]
fn a_feed_of_the_future_waits_for_the_clock() {
    let directory = tempfile::tempdir().unwrap();
    let open = || StateDirectory::new(Some(directory.path().to_owned()));
    open().keep_feed(SOURCE, &document(7), None);
    let mut kept = open();
    assert!(kept.feed(&sources(), None, at("2026-11-22T16:54:59Z")).is_none());
    assert!(kept.feed_in_time(None, at("2026-11-22T16:54:59Z")).is_none());
    // Nothing is put aside: a restart finds the same.
    assert!(open().feed(&sources(), None, at("1970-01-01T00:00:09Z")).is_none());
    assert!(!directory.path().join("feed.bad").exists());
    let feed = kept.feed_in_time(None, at("2026-11-22T16:55:00Z")).unwrap();
    assert_eq!((feed.feed.serial, feed.octets), (7, document(7)));
    assert!(kept.feed_in_time(None, at("2026-11-22T16:55:00Z")).is_none(), "once");
    // Another one came into force meanwhile.
    kept.feed(&sources(), None, at("2026-11-22T16:00:00Z"));
    kept.forget_early();
    assert!(kept.feed_in_time(None, at("2026-11-22T17:00:00Z")).is_none());
    assert_eq!(open().feed(&sources(), None, at("2026-11-22T17:00:00Z")).unwrap().feed.serial, 7);
}

#[test]
fn what_is_no_file_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FEED);
    let mut kept = StateDirectory::new(Some(directory.path().to_owned()));
    let now = at("2026-11-22T17:00:00Z");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::os::unix::fs::symlink("/dev/zero", directory.path().join(RECORD)).unwrap();
    assert!(kept.feed(&sources(), None, now).is_none() && kept.announced(now).is_none());
    assert!(last_feed(directory.path(), &sources(), None, now).is_none());
    assert!(last_announced(directory.path(), now).is_none());
    let copy = directory.path().join("copy");
    copy_state(directory.path(), &copy);
    assert!(!copy.exists());
    // What is kept next takes its place.
    kept.keep_feed(SOURCE, &document(8), None);
    assert_eq!(kept.feed(&sources(), None, now).unwrap().feed.serial, 8);
}

#[test]
fn what_was_removed_is_written_again() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("state");
    let mut kept = StateDirectory::new(Some(directory.clone()));
    let release = r#"{"software":"1.4.6","main":63,"daily":7,"bytecode":339,"flevel":90}"#;
    let announced = Announced::known(&serde_json::from_str(release).unwrap(), 1_795_000_000);
    kept.keep_announced(Some(&announced));
    let written = fs::read(directory.join(RECORD)).unwrap();
    assert!(kept.lacks_feed());
    fs::remove_dir_all(&directory).unwrap();
    kept.keep_announced(Some(&announced));
    assert_eq!(fs::read(directory.join(RECORD)).unwrap(), written);
    // What could not be written is tried again, too.
    fs::remove_dir_all(&directory).unwrap();
    fs::write(&directory, "a file").unwrap();
    let later = Announced { stamp: 1_795_001_800, ..announced };
    kept.keep_announced(Some(&later));
    fs::remove_file(&directory).unwrap();
    kept.keep_announced(Some(&later));
    assert_ne!(fs::read(directory.join(RECORD)).unwrap(), written);
}

/// The history of a zone that has had this many versions.
fn history(zone: &str, versions: u32) -> History {
    let content = |serial: u32| {
        let zone = Name::parse(zone, &Name::root()).unwrap();
        let mut records = RecordCollector::default();
        for number in 0..40u8 {
            let last = if number == 0 { 100 + serial as u8 } else { number };
            let rdata = [192, 0, 2, last];
            let record = ZoneRecord { owner: zone.wire(), rtype: 1, ttl: 60, rdata: &rdata };
            records.add(record).unwrap();
        }
        let soa = Soa::new(60, &[0; 22]).unwrap();
        Content {
            zone,
            soa,
            records: records.finish(),
            soa_signer: None,
            sum: serial,
            follows_sum: false,
        }
    };
    (2..=versions).fold(History::new(&content(1)), |history, serial| {
        history.followed_by(&content(serial)).unwrap()
    })
}

#[test]
fn versions_are_kept_and_damaged_ones_put_aside_by_zone() {
    let directory = tempfile::tempdir().unwrap();
    let mut kept = StateDirectory::new(Some(directory.path().to_owned()));
    let zones = ["clamav.net", "clamav.bad", "clamav"];
    for (zone, versions) in zones.into_iter().zip(3..) {
        assert!(kept.lacks_versions(zone));
        kept.keep_versions(zone, &history(zone, versions));
        assert!(!kept.lacks_versions(zone));
    }
    let path = |name: &str| directory.path().join(name);
    for (zone, versions) in zones.into_iter().zip(3..) {
        let read = kept.read_versions(zone).unwrap();
        assert_eq!(read, history(zone, versions));
        assert_eq!(read.differences().len(), versions as usize - 1);
        let mut octets = fs::read(path(&format!("transfer-{zone}.versions"))).unwrap();
        let middle = octets.len() / 2;
        octets[middle] ^= 1;
        fs::write(path(&format!("transfer-{zone}.versions")), octets).unwrap();
    }
    for zone in zones {
        assert_eq!(kept.read_versions(zone), None);
        assert!(kept.lacks_versions(zone), "it is to be written again");
    }
    let mut left: Vec<String> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["transfer-clamav.bad", "transfer-clamav.bad.bad", "transfer-clamav.net.bad"]);
    // Half a file that a killed server left goes, and nothing else.
    fs::write(path(".transfer-clamav.net.versions.aB3dE5.tmp"), "half").unwrap();
    fs::write(path(".transfer-clamav.net.zone.aB3dE5.tmp"), "a copy's").unwrap();
    remove_leftovers(directory.path());
    assert!(!path(".transfer-clamav.net.versions.aB3dE5.tmp").exists());
    assert!(path(".transfer-clamav.net.zone.aB3dE5.tmp").exists());
}

#[test]
fn versions_that_could_not_be_written_are_lacking_until_they_are() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("state");
    let mut kept = StateDirectory::new(Some(directory.clone()));
    let (zone, other) = (history("a.example", 2), history("b.example", 3));
    kept.keep_versions("a.example", &zone);
    kept.keep_versions("b.example", &zone);
    // A file in the place of the directory: nobody can write there, not even root.
    fs::rename(&directory, parent.path().join("aside")).unwrap();
    fs::write(&directory, "a file").unwrap();
    for number in 1..=3 {
        kept.keep_versions("b.example", &other);
        assert_eq!(kept.write_errors(), number);
        assert!(kept.lacks_versions("b.example"));
    }
    fs::remove_file(&directory).unwrap();
    fs::rename(parent.path().join("aside"), &directory).unwrap();
    assert!(kept.lacks_versions("b.example"), "an older history is there");
    assert!(!kept.lacks_versions("a.example"));
    kept.keep_versions("b.example", &other);
    assert!(!kept.lacks_versions("b.example"));
    assert_eq!(kept.read_versions("b.example"), Some(other));
    // Removed by somebody.
    fs::remove_file(directory.join("transfer-a.example.versions")).unwrap();
    assert!(kept.lacks_versions("a.example") && !kept.lacks_versions("b.example"));
}

#[test]
fn versions_of_a_running_server_are_read_and_not_written() {
    let directory = tempfile::tempdir().unwrap();
    let open = StateDirectory::of_running_server;
    let mut kept = open(Some(directory.path().to_owned()));
    kept.keep_versions("a.example", &history("a.example", 2));
    assert!(!kept.makes_versions() && !kept.lacks_versions("a.example"));
    assert_eq!(kept.read_versions("a.example"), None);
    assert!(kept.begin_writing() && kept.makes_versions() && kept.lacks_versions("a.example"));
    // Without a directory there is nothing to keep and nobody to wait for.
    let mut nowhere = open(None);
    nowhere.keep_versions("a.example", &history("a.example", 2));
    assert!(nowhere.makes_versions() && !nowhere.lacks_versions("a.example"));
    assert_eq!(nowhere.write_errors(), 0);
}
