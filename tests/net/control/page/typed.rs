//! What is typed wrongly is said in plain words beside its field, and stays there.

use super::super::Controlled;
use super::html::{all, between, text, unescaped};

#[test]
fn each_mistake_is_said_beside_its_field() {
    let server = Controlled::start("");
    let label = "a".repeat(64);
    let long = "a".repeat(5_000);
    let good = "name=db.local.clam.example&client=198.51.100.9";
    for (target, field, value, words) in [
        ("name=", "name", "", "Type a name of this server"),
        ("client=192.0.2.1", "name", "", "Type a name of this server"),
        ("name=a..b", "name", "a..b", "\"a..b\" is not a domain name: "),
        (
            &format!("name={label}.x"),
            "name",
            &format!("{label}.x"),
            "a label is over 63 octets long",
        ),
        (
            &format!("name={long}"),
            "name",
            "aaaa",
            "5000 octets are too long: expected at most 1100",
        ),
        ("name=_explain.db.de.clam.example", "name", "_explain.", "ask for db.de.clam.example, or"),
        ("name=db.local.clam.example", "client", "", "The answer depends on the client: type"),
        (
            "name=db.local.clam.example&client=192.0.2",
            "client",
            "192.0.2",
            "\"192.0.2\" is neither an address nor a network such as 192.0.2.0/24",
        ),
        ("name=db.local.clam.example&client=::/0", "client", "::/0", "does not locate a client"),
        (
            &format!("{good}&type=FOO"),
            "type",
            "FOO",
            "\"FOO\" is not a record type: expected a type",
        ),
        (&format!("{good}&at=soon"), "at", "soon", "\"soon\" is no time: write a time such as"),
        (&format!("{good}&at=-1"), "at", "-1", "is no time"),
    ] {
        let page = server.page(&format!("/who?{target}"), 400);
        let said = all(&page, &format!("id=\"{field}-error\""), "</strong>");
        assert!(said.len() == 1 && said[0].contains(words), "{target}: {said:?}");
        // The same above the form, as a link to the field, where readers of screens are led.
        let alert = between(&page, "role=\"alert\"", "</div>");
        assert!(alert.contains(&format!("<a href=\"#{field}\">")), "{target}");
        assert!(text(alert).contains(&said[0]), "{target}");
        let input = between(&page, &format!("<input id=\"{field}\""), ">");
        let described = format!("aria-describedby=\"{field}-hint {field}-error\"");
        assert!(input.contains(&described) && input.contains("aria-invalid=\"true\""), "{input}");
        let kept = unescaped(between(input, " value=\"", "\""));
        assert!(kept.starts_with(value) && kept.chars().count() <= 401, "{target}: {kept}");
        assert!(!page.contains("id=\"answer\""), "{target}");
        assert!(page.contains("<title>Error: "), "{target}");
    }
    // All that is wrong at once; octets that are no text.
    let page = server.page("/who?name=%ff..&type=%00&client=x&at=y", 400);
    assert_eq!(page.matches("-error\">").count(), 4, "{}", text(&page));
    // Nothing typed is no mistake.
    let page = server.page("/who", 200);
    assert!(!page.contains("aria-invalid") && !page.contains("role=\"alert\""));
    for id in ["name", "type", "client", "at"] {
        assert!(page.contains(&format!("<label for=\"{id}\">")), "{id}");
    }
    assert!(page.contains("<option value=\"db.local.clam.example\">"), "names are offered");
}

#[test]
fn a_filter_that_fits_nothing_by_mistake_says_so() {
    let server = Controlled::start("");
    for (query, field, words) in [
        ("state=sleeping", "state", "\"sleeping\" is no state: expected one of up, old, lagging"),
        ("country=XX", "country", "\"XX\" is no country: expected an ISO 3166 code such as DE"),
        ("country=%3Cb%3E", "country", "\"<b>\" is no country"),
    ] {
        let page = server.page(&format!("/?{query}"), 400);
        let said = all(&page, &format!("id=\"{field}-error\""), "</strong>");
        assert!(said.len() == 1 && said[0].starts_with(words), "{said:?}");
        assert!(page.contains("<title>Error: ") && page.contains("No mirror matches"));
    }
    for page in ["1", "99999999999999999999", ""] {
        server.page(&format!("/?page={page}"), 200);
    }
    for (query, field, words) in [
        ("page=0", "page", "\"0\" is no page: expected a number from 1"),
        ("page=-1", "page", "\"-1\" is no page"),
        ("page=abc", "page", "\"abc\" is no page"),
        ("page=1&page=2", "page", "It was sent more than once"),
        ("state=up&state=down", "state", "It was sent more than once"),
    ] {
        let said = all(
            &server.page(&format!("/?{query}"), 400),
            &format!("id=\"{field}-error\""),
            "</strong>",
        );
        assert!(said.len() == 1 && said[0].starts_with(words), "{query}: {said:?}");
    }
    server.page("/?state=DOWN&country=de", 200);
}
