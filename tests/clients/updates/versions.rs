//! What freshclam reads of the record.

use super::apart::apart;
use super::freshclam::Freshclam;
use super::network::{Feed, addresses, serve};
use super::web::{Web, database};

/// CLIENTS: "Other lines to look for: `Software version from DNS:`, `daily.cvd version from DNS:
/// N`".
#[test]
fn clients_freshclam_reads_every_version_from_the_record() {
    apart(|| {
        let (_server, web) = (serve("DE", &Feed::default()), Web::start(addresses(), &[]));
        let freshclam = Freshclam::new(&["main", "daily", "bytecode"]);
        let versions = [("main", 63), ("daily", 28_129), ("bytecode", 339)];
        for (database, version) in versions {
            freshclam.hold(database, version);
        }
        let text = freshclam.update_quietly();
        assert!(text.contains("Software version from DNS: 1.4.6\n"), "{text}");
        for (database, version) in versions {
            assert!(
                text.contains(&format!("{database}.cvd version from DNS: {version}\n")),
                "{text}"
            );
            let current = format!("{database}.cvd database is up-to-date (version: {version},");
            assert!(text.contains(&current), "{text}");
        }
        assert!(web.requests().is_empty(), "the record says it all");
    });
}

/// CLIENTS: "flag `0` silences "OUTDATED" warnings".
#[test]
fn clients_freshclam_warns_of_its_own_age_when_the_flag_says_so() {
    apart(|| {
        let _web = Web::start(addresses(), &[("test.cvd", "test-6.cvd")]);
        for warn in [true, false] {
            let _server = serve("DE", &Feed { software: "99.1.0", warn, ..Feed::default() });
            let text = Freshclam::new(&["test"]).update().text;
            assert!(text.contains("Software version from DNS: 99.1.0\n"), "{text}");
            assert_eq!(text.contains("OUTDATED"), warn, "{text}");
            assert_eq!(text.contains("Recommended version: 99.1.0"), warn, "{text}");
        }
    });
}

/// CLIENTS: "announce a version only once the mirrors that answer can serve it".
#[test]
fn clients_freshclam_is_told_the_version_that_mirrors_hold() {
    apart(|| {
        let feed = Feed { daily: 6, held: 5, ..Feed::default() };
        let (server, web) =
            (serve("DE", &feed), Web::start(addresses(), &[("daily.cvd", "test-5.cvd")]));
        let freshclam = Freshclam::new(&["daily"]);
        let updates = |version: u32| {
            let text = freshclam.update_quietly();
            assert!(text.contains(&format!("daily.cvd version from DNS: {version}\n")), "{text}");
            assert!(text.contains(&format!("daily.cvd updated (version: {version},")), "{text}");
            assert!(
                freshclam.installed("daily") == database(&format!("test-{version}.cvd")),
                "another file"
            );
        };
        updates(5);

        // The mirrors have it: so does the record, and then the client.
        web.publish("daily.cvd", "test-6.cvd");
        let before = server.log().len();
        server.write_feed(&Feed { serial: 1_001, held: 6, ..feed.clone() }.text());
        server.wait_for_log(before, &["feed 1001 "]);
        updates(6);
    });
}
