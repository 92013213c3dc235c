//! Databases come from the mirrors that the server names.

use super::apart::apart;
use super::cvdupdate::Cvdupdate;
use super::freshclam::Freshclam;
use super::network::{self, Feed, addresses, answered, of, record, serve};
use super::web::{Request, Web, database};
use std::collections::BTreeSet;

const TEST: [(&str, &str); 1] = [("test.cvd", "test-6.cvd")];

fn asked(requests: &[Request]) -> BTreeSet<String> {
    requests.iter().map(|request| request.address.clone()).collect()
}

/// CLIENTS: "it prints `test.cvd version from DNS: 6` and `test.cvd updated (version: 6`", "wrong
/// country".
#[test]
fn clients_freshclam_installs_from_mirrors_of_its_country() {
    apart(|| {
        for country in ["DE", "JP"] {
            let (server, web) = (serve(country, &Feed::default()), Web::start(addresses(), &TEST));
            assert_eq!(answered(server.client(), "database.clamav.net"), of(country));
            let freshclam = Freshclam::new(&["test"]);
            let text = freshclam.update_quietly();
            assert!(text.contains("test.cvd version from DNS: 6"), "{text}");
            assert!(text.contains("test.cvd updated (version: 6"), "{text}");
            assert!(
                freshclam.installed("test") == database("test-6.cvd"),
                "another file was installed"
            );

            let requests = web.requests();
            assert!(asked(&requests).is_subset(&of(country)), "{requests:?}");
            let [one] = &requests[..] else { panic!("not one request: {requests:?}") };
            assert_eq!(
                (&*one.host, &*one.uri, one.status),
                ("database.clamav.net", "/test.cvd", 200)
            );
            assert!(one.agent.starts_with("ClamAV/"), "{one:?}");

            // Who has what the record says asks nobody.
            let text = freshclam.update_quietly();
            assert!(text.contains("test.cvd database is up-to-date (version: 6"), "{text}");
            assert_eq!(web.requests().len(), 1);
        }
    });
}

/// CLIENTS: "freshclam 0.102 and later (libcurl) tries the next address only when the connection
/// fails", "rotation works".
#[test]
fn clients_freshclam_goes_on_to_the_next_mirror_when_one_refuses() {
    apart(|| {
        let [(.., dead), (.., alive), ..] = network::MIRRORS;
        let server = serve("DE", &Feed::default());
        let web = Web::start(addresses().filter(|address| *address != dead), &TEST);
        assert_eq!(
            answered(server.client(), "database.clamav.net"),
            [dead, alive].map(str::to_owned).into()
        );
        let refused = |line: &str| {
            line.contains(&format!("connect to {dead} port 8080")) && line.contains("refused")
        };
        // Each answer has another order. Were it by chance, a million runs of this test would fail
        // once.
        for number in 1..=20 {
            let text = Freshclam::new(&["test"]).update_quietly();
            assert!(text.contains("test.cvd updated (version: 6"), "{text}");
            let requests = web.requests();
            assert_eq!(
                (requests.len(), asked(&requests)),
                (number, [alive.to_owned()].into()),
                "{requests:?}"
            );
            if text.lines().any(refused) {
                return;
            }
        }
        panic!("the mirror that refuses was never the first in an answer");
    });
}

/// CLIENTS: "cvdupdate: `config.json` with `"nameserver": "127.0.0.1"`", on which "cvdupdate gives
/// up entirely" without the record.
#[test]
fn clients_cvdupdate_follows_the_record_and_updates_from_mirrors_that_are_named() {
    apart(|| {
        let server = serve("JP", &Feed { daily: 6, held: 6, ..Feed::default() });
        let web = Web::start(
            addresses(),
            &[("daily.cvd", "test-6.cvd"), ("daily-6.cdiff", "test-6.cdiff")],
        );
        let cvdupdate = Cvdupdate::new("db.de.clamav.net");
        let before = record(server.client());
        let first = cvdupdate.update();
        assert!(first.status.success(), "{}", first.text);
        assert!(first.text.contains("daily.cvd version advertised by DNS: 6"), "{}", first.text);
        assert!(first.text.contains("Downloaded daily.cvd. Version: 6"), "{}", first.text);
        assert_eq!(cvdupdate.state()["local version"], 6);
        assert!(
            cvdupdate.read("db/daily.cvd") == database("test-6.cvd"),
            "another file was fetched"
        );
        // A half hour may have begun in between.
        let records = [before, record(server.client())];
        assert!(records.contains(&Some(cvdupdate.record())), "{records:?}: {}", cvdupdate.record());

        let requests = web.requests();
        assert!(asked(&requests).is_subset(&of("DE")), "{requests:?}");
        let mine = |request: &Request| {
            request.host == "db.de.clamav.net" && request.agent.starts_with("CVDUPDATE/1.2.0 ")
        };
        assert!(requests.iter().all(mine), "{requests:?}");
        let fetched = |request: &&Request| request.status == 200;
        let fetched: Vec<&str> =
            requests.iter().filter(fetched).map(|request| &*request.uri).collect();
        assert_eq!(fetched, ["/daily-6.cdiff", "/daily.cvd?version=6"]);

        let second = cvdupdate.update();
        assert!(second.status.success(), "{}", second.text);
        assert!(second.text.contains("daily.cvd is up-to-date. Version: 6"), "{}", second.text);
    });
}
