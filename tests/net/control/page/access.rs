//! Who may look, and what browsers may do with what they see.

use crate::support::http::{self, To};

use super::super::Controlled;

const TARGETS: [&str; 4] = ["/", "/who", "/style.css", "/icon.svg"];

/// The header fields that Chromium sends with a page that is opened by its address.
const BROWSER: [&str; 7] = [
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Sec-Fetch-Dest: document",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-User: ?1",
    "Upgrade-Insecure-Requests: 1",
];

#[test]
fn browsers_get_pages_that_no_other_page_can_use() {
    let server = Controlled::start("");
    for target in TARGETS {
        for site in ["none", "same-origin", "cross-site"] {
            let site = format!("Sec-Fetch-Site: {site}");
            let fields: Vec<&str> = BROWSER.into_iter().chain([site.as_str()]).collect();
            let answer = server.over_tcp("GET", target, &fields, "");
            // Whoever follows a link from another page sees this one; the other page does not.
            assert_eq!(answer.status, 200, "{target} {site}");
            let policy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                          frame-ancestors 'none'; base-uri 'none'";
            for (name, value) in [
                ("content-security-policy", policy),
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
                ("cache-control", "no-store"),
                ("cross-origin-resource-policy", "same-origin"),
                ("cross-origin-opener-policy", "same-origin"),
            ] {
                assert_eq!(answer.field(name), Some(value), "{target} {name}");
            }
            assert_eq!(answer.field("access-control-allow-origin"), None, "{target}");
            let inline = ["<script", "<style", " style=", " onclick=", "http:", "https:"];
            let is_html = ["/", "/who"].contains(&target);
            let found = inline.iter().find(|part| is_html && answer.body.contains(**part));
            assert_eq!(found, None, "{target}");
        }
        for field in ["Host: evil.example", "Origin: http://evil.example"] {
            assert_eq!(
                server.over_tcp("GET", target, &[field], "").status,
                403,
                "{target} {field}"
            );
        }
    }
}

#[test]
fn pages_are_read_over_the_socket_too_and_never_changed() {
    let server = Controlled::start("token-file = \"admin.token\"");
    let token = format!("Authorization: Bearer {}", http::TOKEN);
    for target in TARGETS {
        let whole = server.over_socket("GET", target, "");
        assert_eq!((whole.status, whole.body.is_empty()), (200, false), "{target}");
        let head = server.over_tcp("HEAD", target, &[], "");
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{target}");
        assert_eq!(head.field("content-type"), whole.field("content-type"), "{target}");
        assert!(head.field("content-length").is_some_and(|length| length != "0"), "{target}");
        for method in ["POST", "PUT", "DELETE"] {
            // With or without a token: nothing could be changed by it (RFC 9110 section 15.5.6).
            for fields in [&[][..], &[&*token]] {
                let answer = server.over_tcp(method, target, fields, "");
                assert_eq!(answer.status, 405, "{method} {target}");
                assert_eq!(answer.field("allow"), Some("GET,HEAD"), "{method} {target}");
                assert!(answer.body.contains("does not take the method"), "{answer:?}");
            }
            assert_eq!(server.over_socket(method, target, "").status, 405, "{method} {target}");
        }
    }
    for target in ["/who/", "//", "/index.html"] {
        let answer = server.over_tcp("GET", target, &[], "");
        assert_eq!(answer.status, 404, "{target}");
        assert!(answer.body.starts_with("there is no such path: / is the page"), "{answer:?}");
    }
    // Any name reaches a Unix socket: no web page does.
    let named = http::request(To::Socket(&server.socket()), "GET", "/", &["Host: x.example"], "");
    assert_eq!(named.expect("an answer").status, 200);
}

/// Nobody keeps the server from health checks by asking for pages.
#[test]
fn pages_wait_for_each_other_and_nothing_else_does() {
    let server = Controlled::start("");
    std::thread::scope(|scope| {
        for number in 0..20 {
            let server = &server;
            scope.spawn(move || {
                let at = if number % 2 == 0 { "2030-01-01T00:00:00Z" } else { "" };
                let target = format!("/who?name=db.de.clam.example&at={at}");
                assert_eq!(server.over_tcp("GET", &target, &[], "").status, 200);
            });
        }
        for _ in 0..20 {
            assert_eq!(server.over_tcp("GET", "/healthz", &[], "").status, 200);
        }
    });
}
