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

/// The map with the way of a client: a ring at its country, and a number at each pool in the order
/// in which they are asked, filled where addresses are answered from it. The world and pools that
/// the fleet names have no place on the map. The page says the same in a list.
pub fn with_path(marks: &[Mark], way: &Way) -> String {
    let mut out = String::with_capacity(96 * 1024);
    begin(&mut out);
    lands(&mut out, marks);
    let client = way.client.and_then(shapes::point);
    let mut stops = String::new();
    for (place, stop) in way.stops.iter().enumerate() {
        let Some((x, y)) = point(&stop.pool, marks) else { continue };
        let class = if stop.answers { "stop answers" } else { "stop" };
        if let Some(from) = client.filter(|from| *from != (x, y)) {
            let line = if stop.answers { "way answers" } else { "way" };
            let _ = writeln!(out, "<path class=\"{line}\" d=\"{}\"/>", arc(from, (x, y)));
        }
        // Numbers of one place would cover one another: the first one stands for all.
        let _ = write!(
            stops,
            "<g class=\"{class}\"><circle cx=\"{x}\" cy=\"{y}\" r=\"16\"/>\
             <text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{}</text>\
             <title>{}: {}</title></g>\n",
            y.saturating_add(7),
            place.saturating_add(1),
            place.saturating_add(1),
            text::escaped(&stop.pool.to_string())
        );
    }
    if let Some((x, y)) = client {
        let _ = writeln!(out, "<circle class=\"client\" cx=\"{x}\" cy=\"{y}\" r=\"24\"/>");
    }
    out.push_str(&stops);
    out.push_str("</svg>\n");
    out
}

/// Where a pool is: a continent is in the middle of its countries with mirrors.
fn point(pool: &Pool, marks: &[Mark]) -> Option<(i32, i32)> {
    match pool {
        Pool::Country(country) => shapes::point(*country),
        Pool::Continent(continent) => middle(*continent, marks),
        Pool::World | Pool::Named(_) => None,
    }
}

fn middle(continent: Continent, marks: &[Mark]) -> Option<(i32, i32)> {
    let points: Vec<(i32, i32)> = marks
        .iter()
        .filter(|mark| mark.country.continent() == continent && mark.mirrors.total() > 0)
        .filter_map(|mark| shapes::point(mark.country))
        .collect();
    let count = i32::try_from(points.len()).ok().filter(|count| *count > 0)?;
    let sum = points.iter().fold((0, 0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
    Some((sum.0 / count, sum.1 / count))
}

/// An arc between two points that rises towards the north.
fn arc(from: (i32, i32), to: (i32, i32)) -> String {
    let rise = (to.0 - from.0).abs() / 5;
    let middle =
        (i32::midpoint(from.0, to.0), i32::midpoint(from.1, to.1).saturating_sub(rise).max(4));
    format!("M{} {}Q{} {} {} {}", from.0, from.1, middle.0, middle.1, to.0, to.1)
}
