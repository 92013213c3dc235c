//! The badge of a mirror: a small picture for its admin's own pages.

use askama::Template;
use cvdns_core::health::State;

use crate::format;
use crate::layout::render;

/// The badge of a mirror.
#[derive(Debug, Clone, Copy)]
pub struct Badge {
    /// The mirror's state.
    pub state: State,
    /// The available part of the last 30 days, 0 to 1; `None` if nothing was checked.
    pub available: Option<f64>,
}

impl Badge {
    /// The badge as SVG.
    pub fn to_svg(&self) -> String {
        let value = match self.available {
            Some(part) => format!("{} {}", self.state, format::percent(part)),
            None => self.state.to_string(),
        };
        render(&BadgeTemplate { value })
    }
}

#[derive(Template)]
#[template(path = "badge.svg")]
struct BadgeTemplate {
    value: String,
}
