use std::collections::HashSet;

use super::*;

fn country(code: &str) -> Country {
    Country::parse(code).unwrap()
}

#[test]
fn every_row_is_read() {
    assert_eq!(Country::count(), data_lines(COUNTRIES).count());
    assert_eq!(Country::count(), 249 + 3);
    assert_eq!(TABLE.withdrawn.len(), data_lines(WITHDRAWN).count());
    assert!(Country::count() < usize::from(u8::MAX));
    assert!(Country::all().map(Country::code).is_sorted());
}

#[test]
fn codes_are_read_in_any_case_and_by_alias() {
    for country in Country::all() {
        assert_eq!(Country::parse(country.code()), Ok(country));
        assert_eq!(Country::parse(country.label()), Ok(country));
        assert_eq!(Country::from_index(country.index()), Some(country));
        assert_eq!(format!("{country} {country:?}"), format!("{0} {0}", country.code()));
        let Centroid { lat, lon } = country.centroid();
        assert!((-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon), "{country}");
    }
    for (alias, code) in [("uk", "GB"), ("Su", "RU"), ("AC", "SH"), ("eu", "EU"), ("xk", "XK")] {
        assert_eq!(country(alias).code(), code);
    }
    assert_eq!(Country::from_index(Country::count()), None);
}

#[test]
fn labels_are_unique_lower_case_and_cover_old_hosts() {
    let all: Vec<_> = labels().collect();
    let distinct: HashSet<_> = all.iter().map(|(label, _)| *label).collect();
    assert_eq!(distinct.len(), all.len());
    assert!(
        distinct
            .iter()
            .all(|label| label.len() == 2 && label.bytes().all(|b| b.is_ascii_lowercase()))
    );
    for (label, code) in
        [("de", "DE"), ("uk", "GB"), ("yu", "RS"), ("tp", "TL"), ("an", "CW"), ("zr", "CD")]
    {
        assert!(all.contains(&(label, country(code))), "{label}");
    }
    assert!(!distinct.contains("zz"));
}

#[test]
fn what_is_not_a_country_says_what_to_write() {
    let message = |code| Country::parse(code).unwrap_err().to_string();
    assert_eq!(message("cs"), "CS (Serbia and Montenegro) was withdrawn in 2006; write RS or ME");
    assert_eq!(
        message("AN"),
        "AN (Netherlands Antilles) was withdrawn in 2010; write CW, SX or BQ"
    );
    assert_eq!(message("germany"), "\"germany\" is not a country code; write DE for Germany");
    assert_eq!(message("EN"), "\"EN\" is not a country code; write GB for United Kingdom");
    assert_eq!(message("Niger"), "\"Niger\" is not a country code; write NE for Niger");
    for code in ["", "ZZ", "??", "D", "Åland", "\u{e9}", "d\u{0}"] {
        assert!(message(code).contains("is not a country code"), "{code}");
    }
}

#[test]
fn distances_are_those_of_the_globe() {
    let km = |a, b| country(a).distance_km(country(b));
    assert!(km("DE", "DE") < 0.001);
    assert!((km("DE", "AT") - km("AT", "DE")).abs() < 0.001);
    assert!((300.0..700.0).contains(&km("DE", "AT")));
    assert!((15_000.0..20_016.0).contains(&km("ES", "NZ")));
    // Across the date line.
    assert!(km("FJ", "WS") < 1500.0);
    // A quarter of the meridian.
    let pole = Centroid { lat: 90.0, lon: 0.0 };
    assert!((pole.distance_km(Centroid { lat: 0.0, lon: 77.0 }) - 10_007.5).abs() < 1.0);
    assert!(pole.distance_km(Centroid { lat: -90.0, lon: 0.0 }).is_finite());
}

#[test]
fn continents() {
    assert_eq!(country("TR").continent(), Continent::AS);
    assert_eq!(country("RU").continent(), Continent::EU);
    assert_eq!(Continent::parse("oc"), Some(Continent::OC));
    assert_eq!(Continent::parse("XX"), None);
    assert!(Continent::all().all(|c| Country::all().any(|country| country.continent() == c)));
}
