//! The shapes of the countries, from `map/world.txt`.

use cvdns_core::geo::country::Country;

/// What is drawn of a country, in the units of the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// Where its mark is.
    pub(super) point: (i32, i32),
    /// Its outline as the data of an SVG path; empty if it is so small that it is a dot.
    pub(super) path: &'static str,
}

const WORLD: &str = include_str!("../../map/world.txt");

/// Width and height of the map.
pub(super) fn size() -> (i32, i32) {
    WORLD
        .lines()
        .find_map(|line| pair(line.strip_prefix("size ")?))
        .map_or((2000, 1000), |(width, height, _)| (width, height))
}

/// The shapes of all countries, by code.
pub(super) fn all() -> impl Iterator<Item = (Country, Shape)> {
    WORLD.lines().filter_map(|line| {
        let (code, rest) = line.split_once(' ')?;
        let country = Country::parse(code).ok()?;
        let (x, y, path) = pair(rest)?;
        Some((country, Shape { point: (x, y), path }))
    })
}

/// The point of a country; `None` if it has no place on the map.
pub(super) fn point(country: Country) -> Option<(i32, i32)> {
    all().find(|(each, _)| *each == country).map(|(_, shape)| shape.point)
}

/// Two numbers, and what follows them.
fn pair(text: &'static str) -> Option<(i32, i32, &'static str)> {
    let (first, rest) = text.split_once(' ')?;
    let (second, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    Some((first.parse().ok()?, second.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_has_a_place() {
        let (width, height) = size();
        let lines = WORLD.lines().filter(|line| line.len() > 3 && line.as_bytes()[2] == b' ');
        assert_eq!(lines.count(), all().count());
        let missing: Vec<&str> =
            Country::all().filter(|country| point(*country).is_none()).map(Country::code).collect();
        assert_eq!(missing, ["AP", "AQ", "EU"]);
        for (country, Shape { point: (x, y), path }) in all() {
            assert!((0..=width).contains(&x) && (0..=height).contains(&y), "{country} {x} {y}");
            assert!(
                path.chars().all(|c| c.is_ascii_digit() || "Mlz -".contains(c)),
                "{country} {path}"
            );
            assert!(path.is_empty() || (path.starts_with('M') && path.ends_with('z')), "{country}");
        }
    }

    /// Where countries lie to one another, which no mistake of the projection keeps.
    #[test]
    fn countries_lie_where_they_do() {
        let at = |code: &str| point(Country::parse(code).unwrap()).unwrap();
        for (west, east) in
            [("US", "PT"), ("PT", "ES"), ("FR", "DE"), ("DE", "PL"), ("IN", "JP"), ("AU", "NZ")]
        {
            assert!(at(west).0 < at(east).0, "{west} {east}");
        }
        for (north, south) in
            [("NO", "DE"), ("DE", "IT"), ("IT", "LY"), ("BR", "AR"), ("JP", "AU"), ("SG", "ID")]
        {
            assert!(at(north).1 < at(south).1, "{north} {south}");
        }
        let dots = ["SG", "MT", "HK", "LI", "BH", "MU", "TV", "GI"];
        for code in dots {
            let shape = all().find(|(country, _)| country.code() == code).unwrap().1;
            assert_eq!(shape.path, "", "{code}");
        }
        assert!(all().filter(|(_, shape)| !shape.path.is_empty()).count() > 150);
    }
}
