//! The map of the world: countries by usable capacity, and the way of a client.

mod shapes;
mod way;

use std::fmt::Write as _;

use cvdns_core::geo::country::Country;

pub use self::way::{Stop, Way, way_legend, with_path};
use crate::counts::StateCounts;
use crate::format;

/// A country on the map.
#[derive(Debug, Clone)]
pub struct Mark {
    /// The country.
    pub country: Country,
    /// The mirrors of its pool by state.
    pub mirrors: StateCounts,
    /// The capacity of its usable mirrors in kbit/s.
    pub usable_capacity: u64,
    /// Where a click leads; `None` for nowhere.
    pub link: Option<Link>,
}

/// Where a click on a country leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// The row of the country on the same page, whose id is the country's code.
    Row,
    /// The page of the country.
    Page,
}

/// How a country is drawn. The order is that of the legend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It has no mirror.
    Without,
    /// It has mirrors, and all of them are out.
    Out,
    /// The usable capacity is in the class, 1 to 4.
    Usable(u8),
}

impl Level {
    /// All levels, with what they mean.
    pub const LEGEND: [(Self, &'static str); 6] = [
        (Self::Usable(4), "100 Gbit/s or more"),
        (Self::Usable(3), "10 to 100 Gbit/s"),
        (Self::Usable(2), "1 to 10 Gbit/s"),
        (Self::Usable(1), "less than 1 Gbit/s"),
        (Self::Out, "all mirrors are out"),
        (Self::Without, "no mirror"),
    ];

    /// The level of a country.
    pub fn of(mirrors: &StateCounts, usable_capacity: u64) -> Self {
        if mirrors.total() == 0 {
            Self::Without
        } else if mirrors.usable() == 0 {
            Self::Out
        } else {
            // kbit/s
            Self::Usable(match usable_capacity {
                0..1_000_000 => 1,
                1_000_000..10_000_000 => 2,
                10_000_000..100_000_000 => 3,
                _ => 4,
            })
        }
    }

    /// The class in the style.
    pub fn class(self) -> &'static str {
        match self {
            Self::Without => "without",
            Self::Out => "out",
            Self::Usable(1) => "usable-1",
            Self::Usable(2) => "usable-2",
            Self::Usable(3) => "usable-3",
            Self::Usable(_) => "usable-4",
        }
    }

    /// A picture of the level for the legend.
    fn sample(self) -> String {
        let class = self.class();
        let fill = fill(self);
        format!(
            "<svg class=\"map\" width=\"24\" height=\"16\" viewBox=\"0 0 24 16\" \
             aria-hidden=\"true\"><path class=\"{class}\"{fill} d=\"M1 1h22v14h-22z\"/></svg>"
        )
    }
}

/// The legend of the map as a list for a page.
pub fn legend() -> String {
    format!("<ul class=\"legend\">\n{}</ul>\n", legend_items())
}

/// The items of the legend that every map has.
fn legend_items() -> String {
    let mut out = String::new();
    for (level, words) in Level::LEGEND {
        // Writing to a string does not fail.
        let _ = writeln!(out, "<li>{} {words}</li>", level.sample());
    }
    out.push_str(
        "<li><svg class=\"map\" width=\"24\" height=\"16\" viewBox=\"0 0 24 16\" \
         aria-hidden=\"true\"><circle class=\"partly\" cx=\"12\" cy=\"8\" r=\"6\"/></svg> \
         some mirrors are out</li>\n",
    );
    out
}

/// The map as an SVG element for a page. The page says the same in a table: for screen readers and
/// the keyboard the map is not there.
pub fn world(marks: &[Mark]) -> String {
    let mut out = String::with_capacity(96 * 1024);
    let (width, height) = shapes::size();
    begin(&mut out, (0, 0, width, height));
    lands(&mut out, marks);
    out.push_str("</svg>\n");
    out
}

/// Begins the element, with what it shows of the map: left, top, width, height.
fn begin(out: &mut String, view: (i32, i32, i32, i32)) {
    let (left, top, width, height) = view;
    // Writing to a string does not fail.
    let _ = write!(
        out,
        "<svg class=\"map\" viewBox=\"{left} {top} {width} {height}\" aria-hidden=\"true\">\n\
         <defs><pattern id=\"hatch\" width=\"9\" height=\"9\" patternUnits=\"userSpaceOnUse\" \
         patternTransform=\"rotate(45)\"><path class=\"hatch-back\" d=\"M0 0h9v9h-9z\"/>\
         <path class=\"hatch-line\" d=\"M2 0v9\"/></pattern></defs>\n"
    );
}

/// Draws all countries: small ones as dots, above the others.
fn lands(out: &mut String, marks: &[Mark]) {
    let mut dots = String::new();
    for (country, shape) in shapes::all() {
        let mark = marks.iter().find(|mark| mark.country == country);
        let level =
            mark.map_or(Level::Without, |mark| Level::of(&mark.mirrors, mark.usable_capacity));
        let class = level.class();
        let fill = fill(level);
        let title = mark.map_or_else(|| country.name().to_owned(), title);
        if shape.path.is_empty() {
            let (x, y) = shape.point;
            let radius = if level == Level::Without { 3 } else { 7 };
            let drawn = format!(
                "<circle class=\"dot {class}\"{fill} cx=\"{x}\" cy=\"{y}\" r=\"{radius}\">\
                 <title>{title}</title></circle>"
            );
            linked(&mut dots, mark, &drawn);
        } else {
            let drawn = format!(
                "<path class=\"{class}\"{fill} d=\"{}\"><title>{title}</title></path>",
                shape.path
            );
            linked(out, mark, &drawn);
        }
        if let Some(mark) = mark.filter(|mark| is_partly_out(mark)) {
            let (x, y) = shape.point;
            let _ = writeln!(
                dots,
                "<circle class=\"partly\" cx=\"{x}\" cy=\"{y}\" r=\"6\"><title>{}</title></circle>",
                self::title(mark)
            );
        }
    }
    out.push_str(&dots);
}

/// Whether some of the mirrors are out and some are not.
fn is_partly_out(mark: &Mark) -> bool {
    (1..mark.mirrors.total()).contains(&mark.mirrors.usable())
}

/// Appends what is drawn within a link. The keyboard has the links of the table.
fn linked(out: &mut String, mark: Option<&Mark>, drawn: &str) {
    let Some((mark, link)) = mark.and_then(|mark| Some((mark, mark.link?))) else {
        out.push_str(drawn);
        out.push('\n');
        return;
    };
    let code = mark.country.code();
    let to = match link {
        Link::Row => format!("#{code}"),
        Link::Page => crate::place::country_page(mark.country),
    };
    let _ = writeln!(out, "<a href=\"{to}\" tabindex=\"-1\">{drawn}</a>");
}

/// What is said about a country when it is pointed at. Names of countries have no markup.
fn title(mark: &Mark) -> String {
    let name = mark.country.name();
    let total = mark.mirrors.total();
    if total == 0 {
        return format!("{name}: no mirror");
    }
    let mut text = format!("{name}: {} of {total} usable", mark.mirrors.usable());
    for (state, count) in mark.mirrors.each() {
        if count > 0 {
            let _ = write!(text, ", {count} {state}");
        }
    }
    let _ = write!(text, "; {}", format::rate(mark.usable_capacity));
    text
}

/// The hatch of countries that are out. A style sheet cannot name a pattern of the page.
fn fill(level: Level) -> &'static str {
    if level == Level::Out { " fill=\"url(#hatch)\"" } else { "" }
}
