//! The pages of a whole network: links lead somewhere, nothing is inline or foreign, and what a
//! person looks for is there.

use std::collections::{BTreeMap, BTreeSet};

use cvdns_core::geo::country::Country;
use cvdns_core::health::State;
use cvdns_pages::format::{number, percent};
use cvdns_pages::network::MOST_OUT;
use cvdns_pages::{Pool, place, style, text};

use crate::invented::Network;
use crate::parsed::{Html, html, xml};

/// All files of a network, by place.
fn files(network: &Network, mirrors: usize) -> BTreeMap<String, String> {
    let mut files = BTreeMap::from([
        (place::INDEX.to_owned(), network.page().to_html()),
        (place::MIRRORS.to_owned(), network.mirrors_page().to_html()),
        (place::STYLE.to_owned(), style::STYLE.to_owned()),
        (place::ICON.to_owned(), style::ICON.to_owned()),
        (place::NETWORK_JSON.to_owned(), String::new()),
    ]);
    for country in Country::all() {
        files.insert(place::country_page(country), network.country_page(country).to_html());
    }
    for index in 0..mirrors {
        let page = network.mirror_page(index);
        let file = |file| place::mirror_file(&page.host, file);
        files.insert(file(place::MIRROR_PAGE), page.to_html());
        files.insert(file(place::MIRROR_ATOM), network.atom(index).to_xml());
        files.insert(file(place::MIRROR_BADGE), String::new());
        files.insert(file(place::MIRROR_JSON), String::new());
    }
    files
}

/// Where a link on a page leads; `None` if it leads out of the directory.
fn target(page: &str, link: &str) -> Option<String> {
    if link.starts_with('/') || link.contains("://") || link.contains(':') {
        return None;
    }
    let mut steps: Vec<&str> = page.split('/').collect();
    steps.pop();
    for step in link.split('/') {
        match step {
            ".." => drop(steps.pop()?),
            step => steps.push(step),
        }
    }
    Some(steps.join("/"))
}

fn ids(page: &Html) -> BTreeSet<&str> {
    let ids = page.attributes.iter().filter(|(name, _)| name == "id");
    ids.map(|(_, id)| id.as_str()).collect()
}

#[test]
fn every_link_leads_to_a_file() {
    let files = files(&Network::of(82), 82);
    let pages: BTreeMap<&str, Html> = files
        .iter()
        .filter(|(place, _)| place.ends_with(".html"))
        .map(|(place, text)| (place.as_str(), html(text)))
        .collect();
    let mut links = 0;
    for (place, page) in &pages {
        assert_eq!(page.errors, Vec::<String>::new(), "{place}");
        let all = page.attributes.iter().filter(|(name, _)| name == "id").count();
        assert_eq!(ids(page).len(), all, "ids of {place} stand once");
        for (_, link) in page.attributes.iter().filter(|(name, _)| name != "id") {
            let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
            let leads =
                if path.is_empty() { (*place).to_owned() } else { target(place, path).unwrap() };
            assert!(files.contains_key(&leads), "{place}: {link} leads to {leads}");
            assert!(
                fragment.is_empty() || ids(&pages[leads.as_str()]).contains(fragment),
                "{place}: {link}"
            );
            links += 1;
        }
    }
    assert!(links > 2000, "{links}");
}

/// The policy of the pages forbids both.
#[test]
fn nothing_is_inline() {
    for (place, text) in files(&Network::of(30), 30) {
        if !place.ends_with(".html") {
            continue;
        }
        for element in html(&text).elements {
            let (name, attributes) = element.split_once(' ').unwrap();
            assert!(!["script", "style", "iframe", "object", "comment"].contains(&name), "{place}");
            for attribute in attributes.split(' ') {
                assert!(attribute != "style" && !attribute.starts_with("on"), "{place}: {element}");
            }
        }
        assert_eq!(text.matches("<h1>").count(), 1, "{place}");
        assert_eq!(text.matches("<main ").count(), 1, "{place}");
    }
}

#[test]
fn the_front_page_is_small() {
    use std::io::Write as _;
    let page = Network::of(10_000).page();
    let more = (page.out.len() - MOST_OUT) as u64;
    assert!(page.to_html().contains(&format!("<p>{} more are on", number(more))), "{more}");
    assert!(page.countries.iter().filter(|row| row.mirrors.total() > 0).count() > 200);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(page.to_html().as_bytes()).unwrap();
    let size = gzip.finish().unwrap().len();
    assert!(size < 100_000, "{size}");
}

#[test]
fn a_mirror_finds_its_state() {
    let network = Network::of(82);
    let mut seen = BTreeSet::new();
    for index in 0..82 {
        let page = network.mirror_page(index);
        let text = page.to_html();
        let host = &page.host;
        assert!(text.contains(&format!("<h1><bdi>{host}</bdi></h1>")), "{host}");
        assert!(text.contains(&format!(
            "<p class=\"lead\"><span class=\"state {0}\">{0}</span>",
            page.state
        )));
        match &page.out {
            None => assert!(!text.contains("Why it is"), "{host}"),
            Some(out) => {
                let title = format!("Why it is {}</h2>", page.state);
                assert!(text.contains(&title) && text.contains(&out.reason), "{host}");
            }
        }
        for advice in &page.advice {
            assert!(text.contains(advice.as_str()), "{host}: {advice}");
        }
        for row in &page.addresses {
            assert!(text.contains(&row.address.to_string()), "{host}");
        }
        assert_eq!(text.matches("<svg class=\"strip\"").count(), 3);
        seen.insert(page.state.to_string());
    }
    assert_eq!(seen.len(), 5, "all states are shown: {seen:?}");
}

#[test]
fn the_front_page_counts_mirrors() {
    let network = Network::of(82);
    let page = network.page();
    let text = page.to_html();
    let rows = network.mirrors_page().mirrors;
    for state in [State::Up, State::Old, State::Down, State::Drained, State::Removed] {
        let count = rows.iter().filter(|row| row.state == state.into()).count();
        assert!(text.contains(&format!("<b>{count}</b> <span>{state}</span>")), "{count} {state}");
    }
    let usable = rows.iter().filter(|row| row.state.is_answered()).count();
    assert!(text.contains(&format!("{usable} of 82 mirrors can be used.")));
    for row in &page.countries {
        let count = rows.iter().filter(|each| each.country == row.country).count();
        let (usable, code) = (row.mirrors.usable(), row.country.code());
        let line = text.lines().find(|line| line.contains(&format!(" id=\"{code}\""))).unwrap();
        if count > 0 {
            assert!(
                line.contains(&format!("<td class=\"number\">{usable} of {count}</td>")),
                "{line}"
            );
        } else {
            assert!(line.starts_with("<li"), "{line}");
        }
    }
    assert!(text.contains("<code>1.4.6:63:28129:1796038200:1:90:49192:339</code>"));
}

/// A country without mirrors has its path on its page, as the documents have it.
#[test]
fn the_page_of_a_country_has_its_path() {
    let network = Network::of(4);
    for country in ["DE", "NZ"] {
        let mut page = network.country_page(country.parse().unwrap());
        page.row.fallback = vec![Pool::Named("path-of-it".to_owned()), Pool::World];
        let text = page.to_html();
        assert!(text.contains("<dd>pool path-of-it, the whole world</dd>"), "{country}: {text}");
    }
}

#[test]
fn the_list_of_mirrors_says_how_they_fare() {
    let page = Network::of(60).mirrors_page();
    let text = page.to_html();
    for row in &page.mirrors {
        let page = format!("\"mirrors/{}/index.html\"", row.host);
        let line = text.lines().find(|line| line.contains(&page)).unwrap();
        for part in [row.available, row.share].into_iter().flatten() {
            assert!(
                line.contains(&format!("{}</td>", percent(part).replace('<', "&lt;"))),
                "{line}"
            );
        }
        assert!(line.contains(&text::escaped(&row.reason)), "{line}");
    }
}

/// What a volunteer copies is HTML itself, once the page's address is put in. With the URL of the
/// pages nothing is left to do.
#[test]
fn the_badge_can_be_copied() {
    let shown = |page: &str| -> String {
        let code = page.split("<code>").nth(1).unwrap().split_once("</code>").unwrap().0;
        let marks = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#38;", "&")];
        marks.iter().fold(code.to_owned(), |code, (mark, of)| code.replace(mark, of))
    };
    let badge = |url: &str| {
        format!(
            "<a href=\"{url}/\"><img src=\"{url}/badge.svg\" alt=\"State of this mirror\" \
             height=\"20\"></a>"
        )
    };
    let network = Network::of(30);
    let page = network.mirror_page(28).to_html();
    assert_eq!(shown(&page), badge("PAGE"));
    assert!(page.contains("<code>/mirrors/clamav28.za.example</code>"));
    let mut page = network.mirror_page(28);
    page.site.url = Some("https://status.example/a&b/".to_owned());
    let page = page.to_html();
    // What is copied is HTML, in which an ampersand is escaped.
    let url = "https://status.example/a&#38;b/mirrors/clamav28.za.example";
    assert_eq!(shown(&page), badge(url));
    assert!(!page.contains("PAGE"));
}

/// Nobody reads for long that all is well after the coordinator has died.
#[test]
fn every_page_leads_to_the_time_until_which_it_is_true() {
    let network = Network::of(30);
    assert!(network.page().to_html().contains("<div id=\"fresh\"><dt>Fresh until</dt>"));
    for (page, root) in [
        (network.mirrors_page().to_html(), ""),
        (network.country_page("DE".parse().unwrap()).to_html(), "../"),
        (network.mirror_page(28).to_html(), "../../"),
    ] {
        assert!(page.contains(&format!("<a href=\"{root}index.html#fresh\">")), "{page}");
        assert!(page.contains("form-action &#39;none&#39;"), "{page}");
    }
}

/// RFC 4287, sections 4.1.1 and 4.1.2; RFC 4151 for the ids.
#[test]
fn an_atom_feed_has_what_it_must() {
    let text = Network::of(30).atom(28).to_xml();
    let elements = xml(&text).unwrap();
    let count =
        |name: &str| elements.iter().filter(|each| each.split(' ').next() == Some(name)).count();
    let entries = count("entry");
    assert_eq!(entries, 4);
    for name in ["id", "title", "updated"] {
        assert_eq!(count(name), entries + 1, "{name}");
    }
    assert_eq!((count("author"), count("name")), (1, 1));
    let ids: BTreeSet<&str> =
        text.split("<id>").skip(1).map(|rest| rest.split_once("</id>").unwrap().0).collect();
    assert_eq!(ids.len(), entries + 1, "ids differ");
    assert!(
        ids.iter().all(|id| id.starts_with("tag:clamav.example,2026:mirrors/clamav28.za.example"))
    );
    // Links are those of the files beside, or whole where the URL is known.
    let links = |text: &str| -> BTreeSet<String> {
        let links = text.split(" href=\"").skip(1);
        links.map(|rest| rest.split_once('"').unwrap().0.to_owned()).collect()
    };
    assert_eq!(links(&text), ["changes.atom", "index.html"].map(str::to_owned).into());
    let mut feed = Network::of(30).atom(28);
    feed.site.url = Some("https://status.example/net/".to_owned());
    let whole = feed.to_xml();
    let of = |file: &str| format!("https://status.example/net/mirrors/clamav28.za.example/{file}");
    assert_eq!(links(&whole), ["changes.atom", "index.html"].map(of).into());
    assert_eq!(xml(&whole).unwrap(), elements);
    // The same changes make the same feed, whenever it is written.
    assert_eq!(text, Network::of(30).atom(28).to_xml());
}
