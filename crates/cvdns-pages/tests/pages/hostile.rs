//! Whatever text comes in, the pages stay whole: no markup of others, no control characters,
//! bounded lengths, and documents that parsers take without an error.

use cvdns_pages::{
    AtomFeed, Badge, Change, CountryPage, Frozen, MirrorPage, MirrorRow, MirrorsPage, NetworkPage,
    Notice, Pool, Site, place,
};
use proptest::prelude::*;

use crate::invented::{self, Network};
use crate::parsed::{html, xml};

/// Texts that a page would rather not have.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[<>&'\"=/a-z!\\-\\]\\[ ]{0,60}",
        "[\u{0}-\u{20}\u{7f}-\u{a0}\u{200b}-\u{202e}\u{2066}-\u{2069}\u{feff}\u{fffe}a]{0,40}",
        Just("</title><script>alert(1)</script><!--".to_owned()),
        Just("\"><img src=x onerror=alert(1)>".to_owned()),
        Just("]]>&#0;&lt;{{ 7*7 }}%{raw}".to_owned()),
        Just("\u{202e}txet desrever\u{2066}".to_owned()),
        Just("\u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{645}\u{631}\u{622}\u{629}".to_owned()),
        Just("x".repeat(10_000)),
        Just("<".repeat(10_000)),
        Just("a\u{301}".repeat(5_000)),
        Just("../".repeat(3_000)),
    ]
}

fn site(text: &str) -> Site {
    // A configuration takes no such URL, and none that is longer.
    let url = Some(text.chars().take(1000).collect());
    Site { network: text.to_owned(), generator: text.to_owned(), url }
}

fn change(change: &mut Change, text: &str) {
    text.clone_into(&mut change.reason);
}

fn row(row: &mut MirrorRow, text: &str) {
    text.clone_into(&mut row.host);
    text.clone_into(&mut row.reason);
}

fn network_page(text: &str) -> NetworkPage {
    let mut page = Network::of(4).page();
    page.site = site(text);
    text.clone_into(&mut page.share_note);
    page.feed.frozen = Some(Frozen { since: None, reason: text.to_owned() });
    page.notices = vec![Notice {
        title: text.to_owned(),
        text: text.to_owned(),
        since: Some(invented::now()),
    }];
    for record in &mut page.records {
        text.clone_into(&mut record.owner);
        text.clone_into(&mut record.text);
    }
    if let Some(release) = &mut page.release {
        text.clone_into(&mut release.software);
        for database in &mut release.databases {
            text.clone_into(&mut database.name);
        }
    }
    for country in &mut page.countries {
        country.fallback = vec![Pool::Named(text.to_owned())];
        country.answered_from = vec![Pool::Named(text.to_owned()), Pool::World];
    }
    page.out = Network::of(4).mirrors_page().mirrors;
    page.out.iter_mut().for_each(|each| row(each, text));
    for item in &mut page.changes {
        text.clone_into(&mut item.host);
        change(&mut item.change, text);
    }
    // A few of the 252 countries are enough, with and without mirrors.
    let mut without = 0;
    page.countries.retain(|country| {
        without += usize::from(country.mirrors.total() == 0);
        country.mirrors.total() > 0 || without < 4
    });
    page
}

fn mirror_page(text: &str) -> MirrorPage {
    // The fourth mirror of the invented network is out.
    let mut page = Network::of(30).mirror_page(28);
    page.site = site(text);
    text.clone_into(&mut page.host);
    if let Some(out) = &mut page.out {
        text.clone_into(&mut out.reason);
    }
    page.advice = vec![text.to_owned(); 2];
    page.addresses.iter_mut().for_each(|each| text.clone_into(&mut each.reason));
    page.versions.iter_mut().for_each(|each| text.clone_into(&mut each.database));
    page.pools = vec![Pool::Named(text.to_owned())];
    page.not_for = vec![text.to_owned()];
    page.checks.truncate(2);
    page.checks.iter_mut().for_each(|each| text.clone_into(&mut each.reason));
    page.changes.iter_mut().for_each(|each| change(each, text));
    page
}

fn country_page(text: &str) -> CountryPage {
    let network = Network::of(60);
    let mut page = network.country_page("DE".parse().unwrap());
    page.site = site(text);
    page.row.fallback = vec![Pool::Named(text.to_owned())];
    page.row.answered_from = vec![Pool::Named(text.to_owned())];
    page.mirrors.iter_mut().for_each(|each| row(each, text));
    page
}

fn mirrors_page(text: &str) -> MirrorsPage {
    let mut page = Network::of(4).mirrors_page();
    page.site = site(text);
    page.mirrors.iter_mut().for_each(|each| row(each, text));
    page
}

fn atom(text: &str) -> AtomFeed {
    let mut feed = Network::of(4).atom(1);
    feed.site = site(text);
    text.clone_into(&mut feed.host);
    feed.changes.iter_mut().for_each(|each| change(each, text));
    feed
}

/// All pages in which a text stands everywhere.
fn pages(text: &str) -> [(&'static str, String); 4] {
    [
        ("network", network_page(text).to_html()),
        ("country", country_page(text).to_html()),
        ("mirror", mirror_page(text).to_html()),
        ("mirrors", mirrors_page(text).to_html()),
    ]
}

/// Characters that may not stand in a page.
fn control(page: &str) -> Option<char> {
    page.chars().find(|character| {
        character.is_control() && *character != '\n'
            || matches!(
                character,
                '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// A text changes nothing of the structure: with any text there are the same elements with the
    /// same attributes as with a harmless one.
    #[test]
    fn no_text_becomes_markup(text in hostile()) {
        // What is blank is left out on purpose, and is another page.
        prop_assume!(!text.trim().is_empty());
        for ((name, page), (_, harmless)) in pages(&text).into_iter().zip(pages("harmless")) {
            let (found, expected) = (html(&page), html(&harmless));
            prop_assert_eq!(&found.errors, &Vec::<String>::new(), "{}: {:?}", name, &text);
            prop_assert_eq!(&found.elements, &expected.elements, "{}: {:?}", name, &text);
            prop_assert_eq!(control(&page), None, "{}: {:?}", name, &text);
            // Escaped, a character has at most 7 octets, and each text stands in few places.
            prop_assert!(page.len() < harmless.len() + 400 * 1024, "{} {}", name, page.len());
        }
    }

    #[test]
    fn atom_and_badge_are_xml(text in hostile(), part in proptest::option::of(any::<f64>())) {
        let feed = atom(&text).to_xml();
        let document = xml(&feed);
        prop_assert!(document.is_ok(), "{:?} {:?}", document, text);
        prop_assert_eq!(document, xml(&atom("harmless").to_xml()));
        prop_assert_eq!(control(&feed), None);
        for state in Network::of(60).mirrors_page().mirrors.iter().map(|row| row.state) {
            let badge = Badge { state, available: part }.to_svg();
            prop_assert!(xml(&badge).is_ok(), "{badge}");
        }
    }

    /// Two hosts never share a directory, and no host leads out of `mirrors`.
    #[test]
    fn directories_are_safe(one in hostile(), two in hostile()) {
        let (first, second) = (place::mirror_directory(&one), place::mirror_directory(&two));
        prop_assert_eq!(first == second, one == two);
        let name = first.strip_prefix("mirrors/").unwrap();
        prop_assert!(name.len() < 255 && !name.starts_with('.'), "{}", name);
        let safe = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || b"-_.=~".contains(&octet);
        prop_assert!(name.bytes().all(safe), "{}", name);
    }
}
