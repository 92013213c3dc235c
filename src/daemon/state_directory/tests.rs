use super::*;

const SOURCE: &str = "feed.json";

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
    assert!(kept.feed(SOURCE, None, at("2026-11-22T16:54:59Z")).is_none());
    assert!(kept.feed_in_time(None, at("2026-11-22T16:54:59Z")).is_none());
    // Nothing is put aside: a restart finds the same.
    assert!(open().feed(SOURCE, None, at("1970-01-01T00:00:09Z")).is_none());
    assert!(!directory.path().join("feed.bad").exists());
    let feed = kept.feed_in_time(None, at("2026-11-22T16:55:00Z")).unwrap();
    assert_eq!((feed.feed.serial, feed.octets), (7, document(7)));
    assert!(kept.feed_in_time(None, at("2026-11-22T16:55:00Z")).is_none(), "once");
    // Another one came into force meanwhile.
    kept.feed(SOURCE, None, at("2026-11-22T16:00:00Z"));
    kept.forget_early();
    assert!(kept.feed_in_time(None, at("2026-11-22T17:00:00Z")).is_none());
    assert_eq!(open().feed(SOURCE, None, at("2026-11-22T17:00:00Z")).unwrap().feed.serial, 7);
}

#[test]
fn what_is_no_file_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FEED);
    let mut kept = StateDirectory::new(Some(directory.path().to_owned()));
    let now = at("2026-11-22T17:00:00Z");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::os::unix::fs::symlink("/dev/zero", directory.path().join(RECORD)).unwrap();
    assert!(kept.feed(SOURCE, None, now).is_none() && kept.announced(now).is_none());
    assert!(last_feed(directory.path(), SOURCE, None, now).is_none());
    assert!(last_announced(directory.path(), now).is_none());
    let copy = directory.path().join("copy");
    copy_state(directory.path(), &copy);
    assert!(!copy.exists());
    // What is kept next takes its place.
    kept.keep_feed(SOURCE, &document(8), None);
    assert_eq!(kept.feed(SOURCE, None, now).unwrap().feed.serial, 8);
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
