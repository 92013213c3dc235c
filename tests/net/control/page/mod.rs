//! The pages of the admin listener: the state of the server, and who gets what.

mod access;
mod html;
mod many;
mod typed;
mod who;

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Controlled, files, openapi};
use crate::support::client::ALL;
use crate::support::daemon::Daemon;
use crate::support::fixture::{self, states};
use crate::support::packet::Query;
use crate::support::rr;
use html::{ageless, all, between, text};

impl Controlled {
    /// A page, which must have this status.
    #[track_caller]
    fn page(&self, target: &str, status: u16) -> String {
        let answer = self.over_tcp("GET", target, &[], "");
        assert_eq!(answer.status, status, "{target}: {}", text(&answer.body));
        assert_eq!(answer.field("content-type"), Some("text/html; charset=utf-8"), "{target}");
        answer.body
    }

    fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.over_tcp("GET", path, &[], "").body).expect("JSON")
    }
}

/// The parts of the status that the page shows in other places, and the line with the uptime.
const ELSEWHERE: [&str; 4] = ["ready", "mirrors", "queries", "not taken"];

/// The lines of `cvdns status` in the order in which it prints them, each with the label above.
fn status_lines(printed: &str) -> Vec<(String, String)> {
    let mut label = String::new();
    let mut lines = Vec::new();
    for line in printed.lines() {
        let (head, words) = line.split_at(10);
        if !head.trim().is_empty() {
            head.trim().clone_into(&mut label);
        }
        lines.push((label.clone(), ageless(words)));
    }
    lines
}

/// The page tells what `cvdns status` prints, word by word.
#[track_caller]
fn assert_tells_the_status(server: &Controlled) {
    let page = server.page("/", 200);
    let (_, printed, _) = server.cvdns(&["status"]);
    let shown = between(&page, "<dl class=\"parts\">", "</dl>");
    let mut found = Vec::new();
    for part in shown.split("<dt>").skip(1) {
        let (label, rest) = part.split_once("</dt>").expect("a label");
        found.extend(
            all(rest, "<dd>", "</dd>").iter().map(|line| (label.to_owned(), ageless(line))),
        );
    }
    let expected: Vec<_> = status_lines(&printed)
        .into_iter()
        .filter(|(label, _)| !ELSEWHERE.contains(&label.as_str()))
        .collect();
    assert!(expected.len() > 5, "{printed}");
    assert_eq!(found, expected);
}

/// The mirrors of the list, over all of its pages, each with its state and its reason.
fn listed(server: &Controlled, query: &str) -> Vec<(String, String, String)> {
    let mut rows = Vec::new();
    let mut target = format!("/?{query}");
    loop {
        let page = server.page(&target, 200);
        let list = between(&page, "id=\"mirrors\"", "</section>");
        for row in list.split("<tr><th scope=\"row\">").skip(1) {
            let host = text(row.split("<span").next().expect("a host"));
            let cell = row.split("</th>").next().expect("a cell");
            let why = cell.split_once("<span class=\"why\">").map(|(_, why)| text(why));
            let why = why.unwrap_or_default();
            let state = text(between(row, "</th><td>", "</td>"));
            rows.push((host, state, why));
        }
        let Some((_, next)) = list.split_once("rel=\"next\" href=\"./") else { return rows };
        target = format!("/{}", html::unescaped(next.split("#mirrors").next().expect("a query")));
    }
}

#[test]
fn the_page_tells_what_status_and_mirrors_tell() {
    let server = Controlled::start("");
    let said =
        states(&[("de1.example", "down"), ("de2.example", "old"), ("us7.example", "drained")]);
    let before = server.daemon.log().len();
    server.daemon.write_feed(&fixture::feed(2_000, &said));
    server.daemon.wait_for_log(before, &["feed 2000 "]);
    for transport in ALL {
        server.daemon.client().ask(transport, &Query::new("db.fr.clam.example", rr::A));
    }
    assert_tells_the_status(&server);

    let (page, status) = (server.page("/", 200), server.json("/api/v1/status"));
    assert!(page.contains("<span class=\"state up\">ready</span>"));
    let tiles = between(&page, "<ul class=\"tiles\"", "</ul>");
    for (state, count) in status["mirrors"].as_object().expect("states") {
        let tile = format!("{count} {state}");
        let is_shown = count != 0 || ["up", "down"].contains(&state.as_str());
        assert_eq!(text(tiles).contains(&tile), is_shown, "{tile}");
    }
    // Each mirror once, with its state and reason, and the worst first.
    let rows = listed(&server, "");
    let mirrors = server.json("/api/v1/mirrors");
    let told: BTreeSet<(String, String, String)> = mirrors["fleets"][0]["mirrors"]
        .as_array()
        .expect("mirrors")
        .iter()
        .map(|mirror| {
            let why = mirror["left_out"].as_str().or(mirror["standing"].as_str());
            let word = |value: &Value| value.as_str().expect("a word").to_owned();
            let (host, state) = (word(&mirror["host"]), word(&mirror["state"]));
            // What two columns say is not said again.
            let why = why.filter(|why| *why != state).unwrap_or_default().to_owned();
            (host, state, why)
        })
        .collect();
    assert_eq!((rows.len(), rows.iter().cloned().collect::<BTreeSet<_>>()), (46, told));
    let first: Vec<&str> = rows.iter().map(|(_, state, _)| state.as_str()).take(4).collect();
    assert_eq!(first, ["down", "drained", "old", "up"]);
    assert_eq!(listed(&server, "state=drained").len(), 1);
    assert_eq!(listed(&server, "country=de").len(), 3);
    assert_eq!(listed(&server, "country=DE&state=up&host=DE3").len(), 1);
    assert_eq!(listed(&server, "host=nobody").len(), 0);
    // A row of a country leads to the mirrors that it counts: those that serve it too.
    let serving = fixture::mirrors().iter().filter(|mirror| mirror.serves.contains(&"IS")).count();
    assert_eq!((listed(&server, "country=IS").len(), serving), (1, 1));

    // The counts of that moment. FR leads all answers with mirrors, and its mirrors share them.
    let figures = between(&page, "<table class=\"figures\">", "</table>");
    let answered = &status["queries"]["answered"];
    assert!(answered.as_u64().is_some_and(|answered| answered >= ALL.len() as u64));
    let answers = format!("<th scope=\"row\">answers</th><td class=\"number\">{answered}</td>");
    assert!(figures.contains(&answers), "{}", text(figures));
    let countries = between(&page, "id=\"countries-1\"", "</table>");
    let rows = all(countries, "<tr", "</tr>");
    let row =
        |name: &str| rows.iter().find(|row| row.starts_with(name)).expect("a country").clone();
    assert!(row("France").contains("2 of 2"), "{rows:?}");
    assert!(row("France").contains("100 %"), "{rows:?}");
    assert!(row("Germany").contains("2 of 3"), "{rows:?}");
    assert!(
        row("Germany").ends_with(
            "0 % Germany, then France, then United States, then Europe, then the whole world"
        ),
        "{rows:?}"
    );
}

#[test]
fn what_needs_attention_comes_first_with_its_command() {
    let server = openapi::eventful();
    assert_tells_the_status(&server);
    let page = server.page("/", 200);
    let remarks = all(&page, "<div class=\"notice\">", "</div>");
    let held = &server.json("/api/v1/status")["feed"]["held"];
    let takes = held["takes_away"].as_str().expect("words");
    let expected = [
        format!("Feed 1001 is held back It takes away {takes}. Feed 1000 stays in force"),
        "The coordinator has frozen all states".to_owned(),
        "A version waits for mirrors".to_owned(),
        "AF_XDP does not serve none0".to_owned(),
        "No dnstap collector".to_owned(),
    ];
    assert_eq!(remarks.len(), expected.len(), "{remarks:#?}");
    for (remark, expected) in remarks.iter().zip(&expected) {
        assert!(remark.starts_with(expected), "{remark}\n{expected}");
    }
    assert!(remarks[0].ends_with("On the server: cvdns feed accept --serial 1001"), "{remarks:?}");
    assert!(remarks[1].contains("the network is gone"), "{remarks:?}");
    // The command does what the page says, and then nothing is held back; no mirror is up.
    let (code, _, error) = server.cvdns(&["feed", "accept", "--serial", "1001"]);
    assert_eq!(code, Some(0), "{error}");
    let page = server.page("/", 200);
    let notices = all(&page, "<div class=\"notice\">", "</div>");
    assert!(!notices.iter().any(|notice| notice.contains("held back")), "{notices:?}");
    let why = server.json("/api/v1/status")["not_ready"][0].as_str().expect("why").to_owned();
    assert_eq!(notices[0], format!("Why it is not ready {why}"));
    assert!(text(&page).contains("not ready The server is not ready, and answers all the same"));
}

/// A single address may be in another state than its mirror, by the feed or by an override, and a
/// feed says why.
#[test]
fn notes_and_single_addresses_are_shown() {
    let (files, port) = files("");
    let feed = fixture::feed(1_000, &states(&[("de1.example", "down"), ("de2.example", "up")]));
    let mut feed: Value = serde_json::from_str(&feed).expect("JSON");
    feed["mirrors"]["de1.example"]["note"] = "no answer on port 80".into();
    let fleet = fixture::mirrors();
    let of = |host: &str| fleet.iter().find(|mirror| mirror.host == host).expect("a mirror");
    let v4 = of("de3.example").v4.clone();
    let v6 = of("de2.example").v6.clone().expect("an IPv6 address");
    feed["mirrors"]["de2.example"]["addresses"] = serde_json::json!({ (v6.as_str()): "down" });
    let overrides = format!(
        "[[override]]\nhost = \"de3.*\"\naddresses = [\"{v4}\"]\nstate = \"drained\"\n\
         reason = \"new disk\"\nuntil = 2099-12-02T00:00:00Z\n"
    );
    let files = files.with("feed.json", feed.to_string()).with("overrides.toml", overrides);
    let server = Controlled { daemon: Daemon::start(&files), port };
    let page = text(&server.page("/?country=DE", 200));
    for words in [
        "no answer on port 80",
        &format!("{v4} is drained"),
        &format!("{v6} is down"),
        &format!("de3.* {v4}: drained (new disk, until 2099-12-02T00:00:00Z)"),
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert_tells_the_status(&server);
    let (_, status, _) = server.cvdns(&["status"]);
    assert!(status.contains("left out: DE de1.example: down: no answer on port 80"), "{status}");
    let (_, told, _) = server.cvdns(&["explain", "db.de.clam.example"]);
    assert!(told.contains("de1.example: left out: down: no answer on port 80"), "{told}");
    // A name that no zone has, and the one that was meant.
    for typed in ["db.de", "http://db.de.clam.example/"] {
        let (_, told, _) = server.cvdns(&["explain", typed]);
        assert!(told.contains("did you mean db.de.clam.example?"), "{told}");
    }
    let page = text(&server.page("/who?name=db.de", 200));
    // The question mark stands behind the link.
    assert!(page.contains("Did you mean db.de.clam.example ?"), "{page}");
    // A client of nowhere has no place on the map, and no words about a ring.
    let page = server.page("/who?name=db.local.clam.example&client=2001:db8::1", 200);
    assert!(!text(&page).contains("The ring is"), "{}", text(&page));
}

/// Rates need two looks. The page asks for another one, and then says of which span they are.
#[test]
fn rates_are_of_the_time_since_an_earlier_look() {
    let server = Controlled::start("");
    let page = server.page("/", 200);
    assert!(text(&page).contains("Load the page again for the latest rates"));
    server.daemon.until("a span that is long enough for a rate", || {
        server.page("/", 200).contains("Per second, last ")
    });
}

/// What comes from other people is text, whatever it looks like.
#[test]
fn foreign_words_are_escaped_and_cut() {
    let markup = "<script>alert(1)</script>\u{202e}&amp;\"'";
    let (files, port) = files("");
    let long = "x".repeat(10_000);
    let frozen = serde_json::json!(format!("{markup}{long}"));
    let feed = fixture::feed(1_000, &states(&[("de1.example", "down")]));
    let mut feed: Value = serde_json::from_str(&feed).expect("JSON");
    feed["mirrors"]["de1.example"]["note"] = serde_json::json!(format!("{markup}{long}"));
    let feed =
        feed.to_string().replacen("\"serial\"", &format!("\"frozen\": {frozen}, \"serial\""), 1);
    let reason = serde_json::json!(markup.replace('\u{202e}', "")).to_string();
    let overrides =
        format!("[[override]]\nhost = \"de2.example\"\nstate = \"down\"\nreason = {reason}\n");
    let files = files.with("feed.json", feed).with("overrides.toml", overrides);
    let server = Controlled { daemon: Daemon::start(&files), port };
    for target in ["/", "/?host=de1", "/?host=de2", "/who?name=db.de.clam.example"] {
        let page = server.page(target, 200);
        assert!(!page.contains("<script"), "{target}");
        assert!(!page.contains('\u{202e}'), "{target}");
        assert!(!page.contains(&"x".repeat(1_000)), "{target}");
        assert!(text(&page).contains("<script>alert(1)</script>"), "{target}");
    }
    let told = server.json("/api/v1/mirrors").to_string();
    assert!(told.contains("\\\\u202e") && !told.contains('\u{202e}'), "{told}");
    assert!(!told.contains(&"x".repeat(200)), "a note is cut");
    let typed = "/who?name=%3Cscript%3E%E2%80%AE%22%20onfocus%3D%22x&client=%3Cb%3E&at=%3Ci%3E";
    let page = server.page(typed, 400);
    assert!(!page.contains("<script") && !page.contains("<b>") && !page.contains("<i>"));
    assert!(!page.contains("\" onfocus") && !page.contains('\u{202e}'));
}
