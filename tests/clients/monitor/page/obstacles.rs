//! Where pages cannot be written, and a monitor that is killed while it writes them.

use super::super::network;
use super::{START, has_extension, metric, page_of, place, round, tree};
use crate::support::{ports, tools};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

/// What it is, how it is made, and what is said of it.
type Obstacle<'o> = (&'o str, Box<dyn Fn() + 'o>, &'o str);

/// Whatever is in the way, the feed is written, what is there stays whole, and it is said.
#[test]
fn the_feed_comes_wherever_the_pages_cannot_go() {
    let (dir, port) = (tempfile::tempdir().expect("a directory"), ports::free());
    let dir = dir.path();
    place(dir, port, "page = \"pages\"");
    let pages = dir.join("pages");
    let foreign = dir.join("foreign");
    fs::create_dir(&foreign).expect("a directory");
    fs::write(foreign.join("index.html"), "another's").expect("a file");
    let obstacles: [Obstacle<'_>; 4] = [
        ("a file", Box::new(|| fs::write(&pages, "a file").expect("it")), "is a file, and was"),
        (
            "another's directory",
            Box::new(|| symlink(&foreign, &pages).expect("it")),
            "has a file that is not of the pages, index.html",
        ),
        (
            "a link below",
            Box::new(|| {
                fs::create_dir(&pages).expect("it");
                fs::write(
                    pages.join(".cvdns-pages"),
                    "cvdns pages 1: the files below are written by cvdns monitor\n",
                )
                .expect("a list");
                symlink(&foreign, pages.join("mirrors")).expect("it");
            }),
            "mirrors is a link, and was to be a directory",
        ),
        (
            "no directory there",
            Box::new(|| symlink("/proc/none", &pages).expect("it")),
            "pages is a link that leads nowhere: make the directory there",
        ),
    ];
    let mut after = 0;
    for (what, make, said) in obstacles {
        make();
        for _ in 0..2 {
            after += 60;
            let output = round(dir, after);
            let log = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(
                log.contains("the pages are not all written") && log.contains(said),
                "{what}: {log}"
            );
            assert_eq!(network::feed(dir)["serial"].as_i64(), Some(START + after), "{what}");
            assert_eq!(metric(dir, "cvdns_monitor_pages_failing"), "1", "{what}");
        }
        let other = fs::read_to_string(foreign.join("index.html")).expect("another's file");
        assert_eq!((other.as_str(), fs::read_dir(&foreign).expect("it").count()), ("another's", 1));
        if pages.is_dir() && !pages.is_symlink() {
            fs::remove_dir_all(&pages).expect("it");
        } else {
            fs::remove_file(&pages).expect("it");
        }
    }
    // A directory in the place of one page hinders that page alone.
    fs::create_dir_all(page_of(dir, "good.example", "index.html").join("full")).expect("it");
    fs::write(
        pages.join(".cvdns-pages"),
        "cvdns pages 1: the files below are written by cvdns monitor\n",
    )
    .expect("a list");
    let output = round(dir, after + 60);
    assert!(String::from_utf8_lossy(&output.stderr).contains("remove what is in its place"));
    assert!(
        pages.join("index.html").exists() && page_of(dir, "off.example", "index.html").exists()
    );
    fs::remove_dir_all(page_of(dir, "good.example", "index.html")).expect("it");
    let output = round(dir, after + 120);
    assert!(!String::from_utf8_lossy(&output.stderr).contains("pages"));
    assert_eq!(metric(dir, "cvdns_monitor_pages_failing"), "0");
    assert!(page_of(dir, "good.example", "index.html").is_file());
}

/// On a file system that is full or read-only, the feed is written, and the pages stay whole.
#[test]
fn a_full_or_read_only_file_system_leaves_the_pages_whole() {
    let (dir, port) = (tempfile::tempdir().expect("a directory"), ports::free());
    let dir = dir.path();
    place(dir, port, "page = \"pages\"");
    fs::create_dir(dir.join("pages")).expect("the mount point");
    for (how, mount, said) in [
        ("full", "mount -t tmpfs -o size=9m none pages", "No space left on device"),
        ("ro", "mount -t tmpfs none pages", "Read-only file system"),
    ] {
        let later = match how {
            "full" => "head -c 10000000 /dev/zero >pages/filler 2>/dev/null",
            _ => "mount -o remount,ro pages",
        };
        let monitor = "\"$1\" monitor --once --json --config cvdns.toml --at";
        let script = format!(
            "set -e; {mount}; {monitor} 2026-11-23T17:00:00Z >/dev/null; {{ {later}; }} || true\n\
             {monitor} 2026-11-23T19:00:00Z >/dev/null 2>said.{how}\n\
             rm -rf kept.{how}; rm -f pages/filler || true; cp -r pages kept.{how}"
        );
        let status = tools::tool_of("unshare", "install util-linux: tests need it")
            .args(["-r", "-m", "sh", "-c", &script, "sh"])
            .arg(env!("CARGO_BIN_EXE_cvdns"))
            .current_dir(dir)
            .status()
            .expect("unshare runs");
        let log = fs::read_to_string(dir.join(format!("said.{how}"))).unwrap_or_default();
        assert!(status.success(), "{how}: {status}: {log}");
        assert!(
            log.contains(said) && log.contains("the pages are not all written"),
            "{how}: {log}"
        );
        assert_eq!(network::feed(dir)["generated"], "2026-11-23T19:00:00Z", "{how}");
        assert_eq!(metric(dir, "cvdns_monitor_pages_failing"), "1", "{how}");
        check_whole(&dir.join(format!("kept.{how}")));
    }
}

/// Each page is whole, and every page to which the network's page links is there.
fn check_whole(pages: &Path) {
    let tree = tree(pages);
    for (name, (_, content)) in &tree {
        let text = String::from_utf8_lossy(content);
        let end = match Path::new(name).extension().and_then(|of| of.to_str()) {
            Some("html") => "</html>",
            Some("svg") => "</svg>",
            Some("atom") => "</feed>",
            Some("json") => {
                let _: Value = serde_json::from_slice(content).expect(name);
                "}"
            }
            _ => continue,
        };
        assert!(text.trim_end().ends_with(end), "{name}: {text}");
    }
    let index = tree.get("index.html").map(|(_, content)| String::from_utf8_lossy(content));
    for link in index.iter().flat_map(|index| index.split("href=\"").skip(1)) {
        let link = link.split('"').next().unwrap_or_default();
        if !link.contains(':') && !link.starts_with('#') && !link.is_empty() {
            let path = link.split('#').next().unwrap_or_default();
            assert!(tree.contains_key(path), "{link} leads nowhere");
        }
    }
}

/// Killed at any point, the pages are whole, the next run is not hindered, and it mends what is
/// missing.
#[test]
fn killed_at_a_hundred_points_the_pages_are_whole() {
    let (dir, port) = (tempfile::tempdir().expect("a directory"), ports::free());
    let dir = dir.path();
    place(dir, port, "page = \"pages\"");
    let (mut begun, mut whole) = (0, 0);
    for point in 0..100_u64 {
        if point % 20 == 0 {
            let _ = fs::remove_dir_all(dir.join("pages"));
        }
        // Each round has another hour, so that many pages change.
        let time =
            jiff::Timestamp::from_second(START + 3600 * i64::try_from(point).expect("small"));
        let time = time.expect("a moment").to_string();
        let mut command = network::command(dir, &["--once", "--json", "--at", &time]);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let mut child = command.spawn().expect("the monitor started");
        std::thread::sleep(Duration::from_millis(20 + point * 7 % 400));
        whole += u32::from(child.try_wait().expect("its state").is_some());
        let _ = child.kill();
        let _ = child.wait();
        if dir.join("pages").exists() {
            begun += 1;
            check_whole(&dir.join("pages"));
        }
        if dir.join("feed.json").exists() {
            network::feed(dir);
        }
    }
    assert!(begun > 10 && whole < 100, "{begun} had begun, {whole} had ended");
    round(dir, 3600 * 200);
    let pages = tree(&dir.join("pages"));
    assert!(pages.keys().all(|name| !has_extension(name, "tmp")), "{:?}", pages.keys());
    let fresh = dir.join("fresh");
    fs::rename(dir.join("pages"), &fresh).expect("another name");
    round(dir, 3600 * 200);
    let again = tree(&dir.join("pages"));
    assert_eq!(pages.keys().collect::<Vec<_>>(), again.keys().collect::<Vec<_>>());
}

/// Pages are public: they do not go where private files are.
#[test]
fn pages_do_not_go_among_other_files() {
    let (dir, port) = (tempfile::tempdir().expect("a directory"), ports::free());
    let dir = dir.path();
    for (page, said) in
        [(".", "would lie among the pages"), ("state/monitor", "the coordinator's memory in")]
    {
        place(dir, port, &format!("page = {page:?}"));
        fs::create_dir_all(dir.join(page)).expect("the directory");
        let output = network::run(dir, &["--once"]);
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{page}: {log}");
        assert!(log.contains(said) && log.contains("name a directory of its own"), "{page}: {log}");
        assert!(check(dir).contains(said), "{page}");
    }
    place(dir, port, "page = \"pages\"");
    assert!(!check(dir).contains("page"));
    fs::create_dir(dir.join("pages")).expect("a directory");
    assert!(!check(dir).contains("page"));
    fs::write(dir.join("pages/index.html"), "another's").expect("a file");
    assert!(check(dir).contains("has a file that is not of the pages, index.html"));
    fs::remove_dir_all(dir.join("pages")).expect("it");
    fs::write(dir.join("pages"), "").expect("a file");
    assert!(check(dir).contains("is no directory: no pages can be written there"));
}

fn check(dir: &Path) -> String {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cvdns"));
    let output = command.arg("check").current_dir(dir).output().expect("cvdns runs");
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}
