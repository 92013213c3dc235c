//! The way of a client: from its country to the pools that it is answered from.

use std::fmt::Write as _;

use cvdns_core::geo::country::{Continent, Country};

use super::{Mark, begin, lands, shapes};
use crate::pool::Pool;
use crate::text;

/// The way from a client to the mirrors that it is answered.
#[derive(Debug, Clone)]
pub struct Way {
    /// The client's country; `None` if it is not known.
    pub client: Option<Country>,
    /// The pools in the order in which they are asked.
    pub stops: Vec<Stop>,
}

/// A pool on the way.
#[derive(Debug, Clone)]
pub struct Stop {
    /// The pool.
    pub pool: Pool,
    /// Whether addresses are answered from it.
    pub answers: bool,
}

type Point = (i32, i32);

/// A stop with its places in the picture.
struct Placed<'a> {
    number: usize,
    stop: &'a Stop,
    /// Where the pool is.
    at: Point,
    /// Where its number is: beside the place, if another number is there.
    shown: Point,
}

/// Sizes in the units of the map, which depend on how much of it is shown.
#[derive(Clone, Copy)]
struct Scale {
    radius: i32,
}

impl Way {
    /// Whether the map shows where the client is.
    pub(crate) fn shows_client(&self) -> bool {
        self.client.and_then(shapes::point).is_some()
    }

    /// The numbers of the pools that have no place on a map with these marks.
    pub(crate) fn without_place(&self, marks: &[Mark]) -> Vec<String> {
        let numbered = self.stops.iter().zip(1..);
        let missing = numbered.filter(|(stop, _)| point(&stop.pool, marks).is_none());
        missing.map(|(stop, number): (&Stop, usize)| format!("{number} ({})", stop.pool)).collect()
    }

    /// Whether anything of it has a place on a map with these marks.
    pub(crate) fn is_on_map(&self, marks: &[Mark]) -> bool {
        self.stops.iter().any(|stop| point(&stop.pool, marks).is_some())
    }
}

/// The legend of a map with the way of a client as a list for a page.
pub fn way_legend() -> String {
    let sample = |drawn: &str, words: &str| {
        format!(
            "<li><svg class=\"map\" width=\"24\" height=\"16\" viewBox=\"0 0 24 16\" \
             aria-hidden=\"true\">{drawn}</svg> {words}</li>\n"
        )
    };
    let circle = "<circle cx=\"12\" cy=\"8\" r=\"6\"/>";
    let client = sample("<circle class=\"client\" cx=\"12\" cy=\"8\" r=\"5\"/>", "the client");
    let answers = sample(&format!("<g class=\"stop answers\">{circle}</g>"), "a pool that answers");
    let asked = sample(&format!("<g class=\"stop\">{circle}</g>"), "a pool that does not answer");
    format!("<ul class=\"legend\">\n{client}{answers}{asked}{}</ul>\n", super::legend_items())
}

/// The map with the way of a client: a ring at its country, and a number at each pool in the order
/// in which they are asked, filled where addresses are answered from it. Only the part of the map
/// is shown in which they are. The world and pools that the fleet names have no place on the map.
/// The page says the same in a list.
pub fn with_path(marks: &[Mark], way: &Way) -> String {
    let client = way.client.and_then(shapes::point);
    let stops: Vec<(usize, &Stop, Point)> = way
        .stops
        .iter()
        .zip(1..)
        .filter_map(|(stop, number)| Some((number, stop, point(&stop.pool, marks)?)))
        .collect();
    let view = view(client.into_iter().chain(stops.iter().map(|(_, _, at)| *at)));
    let scale = Scale { radius: (view.2 / 55).max(5) };
    let placed = place(&stops, client, scale);
    let mut out = String::with_capacity(96 * 1024);
    begin(&mut out, view);
    lands(&mut out, marks);
    draw(&mut out, client, &placed, scale);
    out.push_str("</svg>\n");
    out
}

fn draw(out: &mut String, client: Option<Point>, placed: &[Placed<'_>], scale: Scale) {
    let radius = scale.radius;
    // Writing to a string does not fail.
    for Placed { stop, at, shown, .. } in placed {
        if let Some(from) = client.filter(|from| from != at) {
            let class = if stop.answers { "way answers" } else { "way" };
            let _ = writeln!(out, "<path class=\"{class}\" d=\"{}\"/>", arc(from, *shown));
        } else if at != shown {
            let ((x, y), (to_x, to_y)) = (at, shown);
            let _ = writeln!(out, "<path class=\"lead-line\" d=\"M{x} {y}L{to_x} {to_y}\"/>");
        }
    }
    if let Some((x, y)) = client {
        let _ = writeln!(out, "<circle class=\"client\" cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>");
    }
    for Placed { number, stop, shown: (x, y), .. } in placed {
        let class = if stop.answers { "stop answers" } else { "stop" };
        let base = y.saturating_add(radius * 2 / 5);
        let _ = writeln!(
            out,
            "<g class=\"{class}\"><title>{number}. {}</title>\
             <circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>\
             <text x=\"{x}\" y=\"{base}\" font-size=\"{}\" text-anchor=\"middle\">{number}</text></g>",
            text::escaped(&stop.pool.to_string()),
            radius * 6 / 5,
        );
    }
}

/// Gives each number a place that no earlier one has, beside its pool if need be.
fn place<'a>(
    stops: &[(usize, &'a Stop, Point)],
    client: Option<Point>,
    scale: Scale,
) -> Vec<Placed<'a>> {
    let apart = scale.radius * 5 / 2;
    let mut taken: Vec<Point> = client.into_iter().collect();
    let mut placed = Vec::with_capacity(stops.len());
    for (number, stop, at) in stops {
        let sides = [(0, 0), (1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, 1), (-1, -1), (1, -1)];
        let rings = (1..4).flat_map(|ring| sides.map(|(x, y)| (x * ring, y * ring)));
        let mut places = rings.map(|(x, y)| (at.0 + x * apart, at.1 + y * apart));
        let is_free = |(x, y): &Point| {
            taken.iter().all(|(other_x, other_y)| {
                (x - other_x).abs() >= apart || (y - other_y).abs() >= apart
            })
        };
        let shown = places.find(is_free).unwrap_or(*at);
        taken.push(shown);
        placed.push(Placed { number: *number, stop, at: *at, shown });
    }
    placed
}

/// The part of the map in which the points are, with room around them and the form of the whole
/// map.
fn view(points: impl Iterator<Item = Point>) -> (i32, i32, i32, i32) {
    let (width, height) = shapes::size();
    let Some((left, top, right, bottom)) = points.fold(None, |bounds, (x, y)| {
        let (left, top, right, bottom) = bounds.unwrap_or((x, y, x, y));
        Some((x.min(left), y.min(top), x.max(right), y.max(bottom)))
    }) else {
        return (0, 0, width, height);
    };
    let wanted = (right - left).max((bottom - top) * width / height) * 3 / 2;
    // At least a third of the map: less would not be recognised.
    let wide = wanted.clamp(width / 3, width);
    let high = wide * height / width;
    let x = (i32::midpoint(left, right) - wide / 2).clamp(0, width - wide);
    let y = (i32::midpoint(top, bottom) - high / 2).clamp(0, height - high);
    (x, y, wide, high)
}

/// Where a pool is: a continent is in the middle of its countries with mirrors.
fn point(pool: &Pool, marks: &[Mark]) -> Option<Point> {
    match pool {
        Pool::Country(country) => shapes::point(*country),
        Pool::Continent(continent) => middle(*continent, marks),
        Pool::World | Pool::Named(_) => None,
    }
}

fn middle(continent: Continent, marks: &[Mark]) -> Option<Point> {
    let points: Vec<Point> = marks
        .iter()
        .filter(|mark| mark.country.continent() == continent && mark.mirrors.total() > 0)
        .filter_map(|mark| shapes::point(mark.country))
        .collect();
    let count = i32::try_from(points.len()).ok().filter(|count| *count > 0)?;
    let sum = points.iter().fold((0, 0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
    Some((sum.0 / count, sum.1 / count))
}

/// An arc between two points that rises towards the north.
fn arc(from: Point, to: Point) -> String {
    let rise = (to.0 - from.0).abs() / 5;
    let x = i32::midpoint(from.0, to.0);
    let y = i32::midpoint(from.1, to.1).saturating_sub(rise).max(4);
    format!("M{} {}Q{x} {y} {} {}", from.0, from.1, to.0, to.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::StateCounts;

    fn country(code: &str) -> Pool {
        Pool::Country(code.parse().unwrap())
    }

    fn stops(pools: Vec<Pool>) -> Vec<Stop> {
        pools.into_iter().map(|pool| Stop { pool, answers: true }).collect()
    }

    #[test]
    fn each_place_has_its_number() {
        let mark = |code: &str| Mark {
            country: code.parse().unwrap(),
            mirrors: StateCounts { up: 1, ..StateCounts::default() },
            usable_capacity: 1,
            link: None,
        };
        let marks = ["CH", "AT", "DE", "JP"].map(mark);
        let pools = vec![
            country("LI"),
            country("CH"),
            country("AT"),
            Pool::Named("<other>".to_owned()),
            Pool::Continent(Continent::EU),
            Pool::World,
        ];
        let way = Way { client: "LI".parse().ok(), stops: stops(pools) };
        let map = with_path(&marks, &way);
        for number in [1, 2, 3, 5] {
            assert!(map.contains(&format!(">{number}</text>")), "{number}");
        }
        for number in [4, 6] {
            assert!(!map.contains(&format!(">{number}</text>")), "{number}");
        }
        assert!(!map.contains("<other>"));
        let places: std::collections::BTreeSet<&str> = map
            .lines()
            .filter_map(|line| {
                line.split_once("</title><circle ")?.1.split_once(" r=").map(|at| at.0)
            })
            .collect();
        assert_eq!(places.len(), 4, "{places:?}");
        assert_eq!(way.without_place(&marks), ["4 (pool <other>)", "6 (the whole world)"]);
        assert!(way.shows_client() && way.is_on_map(&marks));
        let nowhere = Way { client: None, stops: stops(vec![Pool::World]) };
        assert!(!nowhere.shows_client() && !nowhere.is_on_map(&marks));
        // A class that a map draws and the legend does not explain would be a riddle.
        for class in ["client", "stop answers", "stop\"", "partly", "usable-1", "without"] {
            assert!(way_legend().contains(&format!("class=\"{class}")), "{class}");
        }
    }

    #[test]
    fn all_of_the_way_is_in_view() {
        let (width, height) = shapes::size();
        assert_eq!(view(std::iter::empty()), (0, 0, width, height));
        let all: Vec<Point> = shapes::all().map(|(_, shape)| shape.point).collect();
        for from in &all {
            for to in &all {
                let (left, top, wide, high) = view([*from, *to].into_iter());
                for (x, y) in [from, to] {
                    assert!((left..=left + wide).contains(x) && (top..=top + high).contains(y));
                }
                assert!(left >= 0 && top >= 0 && left + wide <= width && top + high <= height);
            }
        }
    }
}
