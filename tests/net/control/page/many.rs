//! The pages of a server with 10,000 mirrors.

#[path = "../../../large/mod.rs"]
mod large;

use super::super::Controlled;
use super::html::{all, between, text};
use super::listed;
use crate::support::daemon::{Daemon, Files};
use crate::support::ports;

use large::LARGE;

#[test]
fn pages_of_a_large_network_are_short() {
    let port = ports::free();
    let mut files = Files::default();
    for (name, content) in LARGE.files("@PORT@") {
        files = files.with(name, content);
    }
    let admin = format!("{}\n[admin]\nlisten = \"127.0.0.1:{port}\"\n", files.text("cvdns.toml"));
    let feed = LARGE.feed_text(1, |number| if number < 120 { "down" } else { "up" });
    let files = files.with("cvdns.toml", admin).with("feed.json", feed);
    let server = Controlled { daemon: Daemon::start(&files), port };

    let page = server.page("/", 200);
    assert!(page.len() < 300_000, "{} octets", page.len());
    let list = between(&page, "id=\"mirrors\"", "</section>");
    let rows = list.matches("<tr><th scope=\"row\">").count();
    let caption = text(between(list, "<caption>", "</caption>"));
    assert_eq!(
        (rows, caption.as_str()),
        (
            50,
            "10000 mirrors, those first that are left out of answers. Page 1 of 200, with 50 of them."
        )
    );
    // Page by page, each once.
    let down = listed(&server, "state=down");
    assert_eq!(down.len(), 120);
    assert!(down.windows(2).all(|pair| pair[0].0 < pair[1].0), "in order, and none twice");

    // A name that is answered from all mirrors: some are shown, and how many are not.
    let told = server.page("/who?name=db.local.clamav.net&client=192.0.2.1", 200);
    assert!(told.len() < 300_000, "{} octets", told.len());
    let left = all(&told, "<li>", "</li>");
    assert!(left.iter().any(|item| item.contains(" more mirrors are not shown")), "{left:?}");
}
