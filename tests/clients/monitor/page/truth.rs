//! The pages say what servers do, and what is missing of them: overrides of single addresses, a
//! network of which nothing can be used, a history or overrides that cannot be read.

use super::super::network::Running;
use super::{HOSTS, START, json, metric, page_of, place, round, serve};
use crate::support::{ports, tools};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Who is kept up by the operator, against checks or a downtime, gets clients, and no page, badge
/// or document denies it.
#[test]
fn an_address_that_the_operator_keeps_up_makes_its_mirror_usable() {
    let (dir, port) = (tempfile::tempdir().expect("a directory"), ports::free());
    let dir = dir.path();
    place(dir, port, "page = \"pages\"");
    let up = |host: &str, address: &str| {
        format!(
            "[[override]]\nhost = \"{host}\"\naddresses = [\"{address}\"]\nstate = \"up\"\n\
             reason = \"it works\"\n"
        )
    };
    // An override that agrees with the checks begins nothing.
    let agreed = up("good.example", "127.0.9.1").replace("addresses = [\"127.0.9.1\"]\n", "");
    let overrides = up("off.example", "127.0.9.2") + &up("away.example", "127.0.9.5") + &agreed;
    fs::write(dir.join("overrides.toml"), overrides).expect("overrides");
    let _web = serve(dir, port);
    round(dir, 0);
    for host in ["off.example", "away.example"] {
        let document = json(&page_of(dir, host, "mirror.json"));
        assert_eq!(document["state"], "up", "{document}");
        assert_eq!(document["out"], serde_json::Value::Null, "{document}");
        assert!(document["share"].as_f64().expect("a share") > 0.0, "{document}");
        let page = read(&page_of(dir, host, "index.html"));
        assert!(page.contains("Clients are sent to it."), "{page}");
        assert!(!page.contains("clients are not sent"), "{page}");
        assert!(read(&page_of(dir, host, "badge.svg")).contains(">up"), "{host}");
    }
    let good = json(&page_of(dir, "good.example", "mirror.json"));
    assert_eq!(good["since"], "2026-11-23T17:00:00Z", "{good}");
    let off = json(&page_of(dir, "off.example", "mirror.json"));
    let reason = off["addresses"][0]["reason"].as_str().expect("a reason").to_owned();
    assert!(reason.contains("refused; the operator keeps it up: it works"), "{reason}");
    let network = json(&dir.join("pages/network.json"));
    // The drained one is up without its override.
    assert_eq!((&network["states"]["up"], &network["states"]["down"]), (&4.into(), &1.into()));
    let country = read(&dir.join("pages/countries/DE.html"));
    assert!(country.contains("3 of 4 mirrors can be used."), "{country}");
    assert!(!read(&dir.join("pages/index.html")).contains(", all mirrors are out."));
}

/// Where nothing can be used, servers answer everything, and every page says so.
#[test]
fn what_is_answered_all_the_same_is_told_on_every_page() {
    let (dir, port) = (tempfile::tempdir().expect("a directory"), ports::free());
    let dir = dir.path();
    place(dir, port, "page = \"pages\"");
    let _web = serve(dir, port);
    round(dir, 0);
    let good = || read(&page_of(dir, "good.example", "index.html"));
    let off = || read(&page_of(dir, "off.example", "index.html"));
    assert!(off().contains("clients are not sent to it"), "{}", off());
    let all = "[[override]]\nhost = \"*\"\nstate = \"drained\"\nreason = \"all out\"\n";
    fs::write(dir.join("overrides.toml"), all).expect("overrides");
    round(dir, 60);
    for host in HOSTS {
        let page = read(&page_of(dir, host, "index.html"));
        assert!(page.contains("No mirror can be used"), "{page}");
        assert!(page.contains("clients are sent to it all the same"), "{page}");
        assert!(!page.contains("clients are not sent"), "{page}");
        let document = json(&page_of(dir, host, "mirror.json"));
        assert_eq!(document["notices"][0]["title"], "No mirror can be used", "{document}");
    }
    for page in ["countries/DE.html", "countries/JP.html", "index.html"] {
        let page = read(&dir.join("pages").join(page));
        assert!(page.contains("Name servers answer all mirrors all the same"), "{page}");
    }
    // It is over for all, also for those of which nothing else changed.
    fs::write(dir.join("overrides.toml"), "").expect("overrides");
    round(dir, 120);
    assert!(!good().contains("No mirror can be used"), "{}", good());
    assert!(!off().contains("No mirror can be used"), "{}", off());
    assert!(!read(&dir.join("pages/countries/DE.html")).contains("No mirror can be used"));
}

/// Without a history the pages are current and whole, and say what they lack; and what an earlier
/// run has written, a later one that fails does not forget.
#[test]
fn a_history_that_cannot_be_read_is_no_failure_of_the_pages() {
    let (dir, port) = (tempfile::tempdir().expect("a directory"), ports::free());
    let dir = dir.path();
    place(dir, port, "page = \"pages\"");
    let _web = serve(dir, port);
    round(dir, 0);
    let state = dir.join("state/monitor");
    let written = || metric(dir, "cvdns_monitor_pages_written_seconds");
    fs::rename(state.join("history.db"), dir.join("kept.db")).expect("the history");
    std::os::unix::fs::symlink("/nonexistent/history", state.join("history.db")).expect("a link");
    let output = round(dir, 60);
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(log.contains("the pages are written without availability: "), "{log}");
    assert!(!log.contains("the pages are not all written"), "{log}");
    assert_eq!(metric(dir, "cvdns_monitor_pages_failing"), "0");
    assert_eq!(written(), (START + 60).to_string());
    assert_eq!(metric(dir, "cvdns_monitor_history_dropped_total"), HOSTS.len().to_string());
    for page in ["index.html", "mirrors/good.example/index.html"] {
        let page = read(&dir.join("pages").join(page));
        assert!(page.contains("Availability is not known"), "{page}");
    }
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cvdns"));
    let told = command.args(["monitor", "history", "good.example"]).current_dir(dir);
    let told = told.output().expect("cvdns runs");
    let error = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(error.contains("it is a link to /nonexistent/history"), "{error}");
    fs::remove_file(state.join("history.db")).expect("the link");
    fs::rename(dir.join("kept.db"), state.join("history.db")).expect("the history");
    round(dir, 120);
    assert!(!read(&dir.join("pages/index.html")).contains("Availability is not known"));
    fs::remove_dir_all(dir.join("pages")).expect("the pages");
    fs::write(dir.join("pages"), "in the way").expect("a file");
    round(dir, 180);
    assert_eq!(metric(dir, "cvdns_monitor_pages_failing"), "1");
    assert_eq!(written(), (START + 120).to_string());
}

/// At SIGHUP the log says at once what is wrong with the overrides, long before the next pages.
#[test]
fn a_reload_tells_what_is_wrong_with_the_overrides() {
    let (dir, port) = (tempfile::tempdir().expect("a directory"), ports::free());
    let dir = dir.path();
    place(dir, port, "page = \"pages\"\npublish-every = \"1h\"\ninterval = \"1h\"");
    let _web = serve(dir, port);
    let monitor = Running::start(dir);
    let log = || read(&dir.join("monitor.log"));
    let until = |what: &str, holds: &dyn Fn() -> bool| {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !holds() {
            assert!(Instant::now() < deadline, "not in time: {what}\n{}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    until("pages", &|| dir.join("pages/index.html").exists());
    fs::write(dir.join("overrides.toml"), "[[override]]\nhost = \"cut").expect("overrides");
    tools::signal(monitor.0.id(), "HUP");
    until("a warning", &|| {
        let log = log();
        log.contains("the overrides cannot be used: ") && log.contains("overrides.toml:2:")
    });
}
