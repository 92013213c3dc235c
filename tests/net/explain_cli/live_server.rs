//! `cvdns explain --server`: the answer of a live server beside the expected one.

use super::*;

#[test]
fn a_server_that_answers_the_same_is_no_difference() {
    let server = Daemon::start(&fixture::files().with("feed.json", fixture::feed(1_000, &some())));
    let at = format!("--server 127.0.0.1:{}", server.port());
    for asked in [
        "db.de.clam.example",
        "db.us.big.clam.example",
        "db.us.clam.example AAAA",
        "current.cvd.clam.example",
        "alias.clam.example",
        "mirror.clam.example",
        "nope.clam.example",
        "a.sub.clam.example",
        "other.test",
        "db.local.clam.example --client 198.51.100.9/24",
        "database.clam.example --client 2001:db8:e000::1",
    ] {
        for _ in 0..3 {
            let (code, out, error) = explain(server.path(), &format!("{asked} {at}"));
            assert_eq!((code, error.as_str()), (Some(0), ""), "{asked}: {out}");
            assert!(
                out.ends_with(&format!(
                    "  server       127.0.0.1:{} answers the same\n",
                    server.port()
                )),
                "{out}"
            );
        }
    }
    let told =
        json_of(server.path(), &format!("nope.clam.example --server [::1]:{}", server.port()));
    assert_eq!(
        (&told["server"]["differences"], &told["server"]["answer"]),
        (&json!([]), &told["answer"])
    );
}

/// What the server has otherwise than the files here.
#[test]
fn a_server_that_answers_otherwise_is_one() {
    let files = fixture::files().with("feed.json", fixture::feed(1_000, &some()));
    let here = directory(&files);
    let differs = |server: &Daemon, asked: &str, words: &[&str]| {
        let (code, out, error) =
            explain(here.path(), &format!("{asked} --server 127.0.0.1:{}", server.port()));
        assert_eq!((code, error.as_str()), (Some(1), ""), "{out}");
        let told = out.split_once("answers differently\n").expect("a difference").1;
        assert!(words.iter().all(|inputs| told.contains(inputs)), "{told}");
        assert_eq!(told.lines().count(), words.len(), "{told}");
    };
    let other = Daemon::start(&files.clone().with(
        "feed.json",
        fixture::feed(1_001, &states(&[("de3.example", "down")])).replace("28129", "28130"),
    ));
    differs(&other, "db.de.clam.example", &["records: "]);
    differs(
        &other,
        "current.cvd.clam.example",
        &["records: current.cvd.clam.example. 1800 IN TXT \"1.4.6:63:28130:"],
    );
    let config = files.text("cvdns.toml").replace("[server]\n", "[server]\necs = false\n");
    let without = Daemon::start(&files.clone().with("cvdns.toml", config));
    differs(
        &without,
        "db.local.clam.example --client 198.51.100.9",
        &["scope: none, expected /25", "records: "],
    );
    let zone = files
        .text("clam.zone")
        .replace("2026112201", "2026112202")
        .replace("192.0.2.3", "192.0.2.4");
    let zones =
        Daemon::start(&files.clone().with("clam.zone", format!("{zone}\nnew IN A 192.0.2.99\n")));
    differs(
        &zones,
        "www.clam.example",
        &[
            "records: www.clam.example. 120 IN A 192.0.2.4, expected www.clam.example. 120 IN A 192.0.2.3",
        ],
    );
    differs(
        &zones,
        "new.clam.example",
        &[
            "RCODE: NOERROR, expected NXDOMAIN",
            "TTL: 900 s, expected none",
            "records: ",
            "authority: none, expected clam.example. ",
        ],
    );
    differs(
        &zones,
        "nope.clam.example",
        &[
            "authority: clam.example. 300 IN SOA ns1.clam.example. hostmaster.clam.example. 2026112202 ",
        ],
    );
    let (code, out, _) = explain(
        here.path(),
        &format!(
            "db.local.clam.example --client 198.51.100.9 --client 127.0.0.1 --server 127.0.0.1:{}",
            without.port()
        ),
    );
    let words: Vec<&str> = out.lines().filter_map(|line| line.split_whitespace().last()).collect();
    assert_eq!((code, words), (Some(1), vec!["SERVER", "differs", "differs"]));

    let port = without.port();
    assert!(without.terminate().success());
    refused(
        here.path(),
        &format!("db.de.clam.example --server 127.0.0.1:{port}"),
        &format!("cannot query 127.0.0.1:{port} (127.0.0.1:{port}): Connection refused"),
    );
    refused(
        here.path(),
        "db.de.clam.example --server 127.0.0.1:x",
        "\"x\" is not a port: expected HOST or HOST:PORT",
    );
    refused(
        here.path(),
        "db.de.clam.example --server mirror.invalid",
        "cannot find the server mirror.invalid",
    );
}
