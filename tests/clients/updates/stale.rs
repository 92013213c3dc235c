//! What becomes of freshclam when the coordinator is silent.

use super::apart::apart;
use super::freshclam::Freshclam;
use super::network::{Feed, addresses, of, record, serve, serve_with};
use super::web::{Request, Web, database};

const TEST: [(&str, &str); 1] = [("test.cvd", "test-6.cvd")];
const FALLS_BACK: &str = "Invalid DNS reply. Falling back to HTTP mode";
const OLD: &str = "DNS record is older than 12 hours";

/// CLIENTS: "NXDOMAIN, REFUSED, SERVFAIL, NODATA or a stale stamp: freshclam falls back to one HTTP
/// range request per database per run".
#[test]
fn clients_freshclam_falls_back_to_http_when_the_record_is_too_old() {
    apart(|| {
        let (server, web) = (
            serve("DE", &Feed { hours_old: 4, ..Feed::default() }),
            Web::start(addresses(), &TEST),
        );
        assert_eq!(record(server.client()), None);
        let freshclam = Freshclam::new(&["test"]);
        let run = freshclam.update();
        assert!(run.status.success() && run.text.contains(FALLS_BACK), "{}", run.text);
        assert!(run.text.contains("test.cvd updated (version: 6"), "{}", run.text);
        assert!(
            freshclam.installed("test") == database("test-6.cvd"),
            "another file was installed"
        );

        let requests = web.requests();
        assert!(requests.iter().all(|request| of("DE").contains(&request.address)), "{requests:?}");
        let told = |request: &Request| (request.uri.clone(), request.status, request.range.clone());
        let told: Vec<_> = requests.iter().map(told).collect();
        let header = ("/test.cvd".to_owned(), 206, "bytes=0-511".to_owned());
        assert_eq!(told, [header, ("/test.cvd".to_owned(), 200, "-".to_owned())]);
    });
}

/// CLIENTS: "older than 3 h is rejected by 0.80 to 0.105 and the 0.103 LTS, older than 12 h since
/// 1.0".
#[test]
fn clients_freshclam_warns_of_an_old_record_that_is_served() {
    apart(|| {
        let _web = Web::start(addresses(), &TEST);
        // Stamps go on until the feed is `max-age` old, an hour: these are 13 and 10 hours old, or
        // up to half an hour more.
        for (hours_old, warns) in [(14, true), (11, false)] {
            let feed = Feed { hours_old, ..Feed::default() };
            let server = serve_with("DE", &feed, "[record]\non-stale = \"serve\"\n");
            assert!(record(server.client()).is_some(), "on-stale");
            let run = Freshclam::new(&["test"]).update();
            assert!(run.status.success(), "{}", run.text);
            for said in [OLD, "test database version obtained using HTTP GET: 6"] {
                assert_eq!(run.text.contains(said), warns, "{said}: {}", run.text);
            }
            assert!(run.text.contains("test.cvd updated (version: 6"), "{}", run.text);
        }
    });
}
