//! What a feed may be as a file: pipes, links, replaced directories, times ahead of the clock.

use super::*;

/// A named pipe without a writer does not block the server.
#[test]
fn a_feed_that_is_a_pipe_is_refused() {
    let daemon = Daemon::start(&files());
    let pipe = daemon.path().join("pipe");
    tools::output(std::process::Command::new("mkfifo").arg(&pipe));
    let logged = daemon.log().len();
    std::fs::rename(&pipe, daemon.path().join("feed.json")).expect("the pipe renamed");
    daemon.wait_for_log(logged, &["it is a pipe, not a regular file"]);
    let (good, text) = check(&daemon);
    assert!(good && text.contains("it is a pipe"), "{text}");
    let logged = daemon.log().len();
    daemon.sighup();
    daemon.wait_for_log(logged, &["reloaded"]);
    let news = states(&[("de1.example", "down")]);
    daemon.write_feed(&fixture::feed(1_001, &news));
    until(&daemon, "a feed after a pipe", || {
        answer(daemon.client(), "db.de") == pool_of("DE", &news)
    });
}

/// A feed from the future is said by `check` too.
#[test]
fn check_warns_of_a_feed_from_the_future() {
    let feed =
        fixture::feed(1_000, &States::new()).replace("\"generated\": \"20", "\"generated\": \"21");
    let daemon = Daemon::start(&files().with("feed.json", feed));
    let (good, text) = check(&daemon);
    assert!(good && text.contains("more than 5 minutes in the future"), "{text}");
}

/// Directories and links on the way to the feed may be replaced, as Kubernetes does; none of this
/// waits for `interval`.
#[test]
fn a_feed_behind_replaced_links_and_directories() {
    let files = fixture::files();
    let config =
        files.text("cvdns.toml").replace("\"feed.json\"", "\"mount/feed.json\"\ninterval = \"1h\"");
    let daemon = Daemon::start(&files.with("cvdns.toml", config));
    let down = |host: &str| states(&[(host, "down")]);
    let seen = |host: &str| {
        until(&daemon, host, || answer(daemon.client(), "db.de") == pool_of("DE", &down(host)));
    };
    let write = |path: &str, serial: u64, host: &str| {
        std::fs::create_dir_all(daemon.path().join(path)).expect("a directory");
        daemon.write_file(&format!("{path}/feed.json"), &fixture::feed(serial, &down(host)));
    };
    let rename = |from: &str, to: &str| {
        std::fs::rename(daemon.path().join(from), daemon.path().join(to)).expect("renamed");
    };
    let link = |target: &str, name: &str| {
        std::os::unix::fs::symlink(target, daemon.path().join(name)).expect("a link");
    };

    // The directory comes late.
    write("staged/..one", 1, "de1.example");
    link("..one", "staged/..data");
    link("..data/feed.json", "staged/feed.json");
    rename("staged", "mount");
    seen("de1.example");

    // The link in the middle is replaced.
    write("mount/..two", 2, "de2.example");
    link("..two", "mount/..new");
    rename("mount/..new", "mount/..data");
    seen("de2.example");

    // The directory is renamed away, and there is another.
    rename("mount", "gone");
    write("staged", 3, "de3.example");
    rename("staged", "mount");
    seen("de3.example");
    write("staged", 4, "de1.example");
    rename("staged/feed.json", "mount/feed.json");
    seen("de1.example");
}
