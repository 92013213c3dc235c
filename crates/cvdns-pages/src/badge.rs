//! The badge of a mirror: a small picture for its admin's own pages.

use askama::Template;
use cvdns_core::health::MirrorCondition;

use crate::format;
use crate::layout::render;

/// The badge of a mirror.
#[derive(Debug, Clone, Copy)]
pub struct Badge {
    /// The mirror's state.
    pub state: MirrorCondition,
    /// The available part of the last 30 days, 0 to 1; `None` if nothing was checked.
    pub available: Option<f64>,
}

/// What stands at the left of each badge.
const LABEL: &str = "mirror";

impl Badge {
    /// Its colour: white text has a contrast of at least 4.5 to 1 on each (WCAG 2.2, 1.4.3).
    fn colour(self) -> &'static str {
        match self.state {
            MirrorCondition::Up if self.available.is_none_or(|part| part >= GREEN) => "#1a7f37",
            MirrorCondition::Up
            | MirrorCondition::Old
            | MirrorCondition::Lagging
            | MirrorCondition::Stuck
            | MirrorCondition::Settling => "#8a5a00",
            MirrorCondition::Down => "#c1212d",
            MirrorCondition::Drained => "#1f5fa8",
            MirrorCondition::Removed | MirrorCondition::Disabled => "#57606a",
        }
    }

    /// The badge as SVG.
    pub fn to_svg(&self) -> String {
        let value = match self.available {
            Some(part) => format!("{} {}", self.state, format::percent(part)),
            None => self.state.to_string(),
        };
        let title = match self.available {
            Some(part) => {
                format!("Mirror: {}, {} available in 30 days", self.state, format::percent(part))
            }
            None => format!("Mirror: {}", self.state),
        };
        let (left, right) = (text_width(LABEL), text_width(&value));
        render(&BadgeTemplate {
            title,
            value,
            colour: self.colour(),
            left,
            right,
            split: left + 12,
            width: left + right + 24,
        })
    }
}

#[derive(Template)]
#[template(path = "badge.svg")]
struct BadgeTemplate {
    title: String,
    value: String,
    colour: &'static str,
    left: usize,
    right: usize,
    split: usize,
    width: usize,
}

/// The available part below which the badge of a mirror that is up is not green.
const GREEN: f64 = 0.95;

/// The width of a text in pixels, in about the widths of a sans serif of 11 pixels. The picture
/// makes the text fit it, whatever the font is.
fn text_width(text: &str) -> usize {
    let tenths: usize = text
        .chars()
        .map(|character| match character {
            'm' | 'w' | '%' => 100,
            'i' | 'l' | 't' | 'f' | 'r' | 'j' | '.' | ' ' => 38,
            _ => 66,
        })
        .sum();
    tenths.div_ceil(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_badge_says_state_and_availability() {
        let badge = Badge { state: MirrorCondition::Up, available: Some(0.9998) }.to_svg();
        assert!(
            badge.contains(">mirror</text>") && badge.contains(">up 99.98 %</text>"),
            "{badge}"
        );
        assert!(
            badge.contains("<title>Mirror: up, 99.98 % available in 30 days</title>"),
            "{badge}"
        );
        let badge = Badge { state: MirrorCondition::Down, available: None }.to_svg();
        assert!(badge.contains(">down</text>") && badge.contains("#c1212d"), "{badge}");
        // Who was often out is not as green as who never was.
        for (available, colour) in
            [(None, "#1a7f37"), (Some(0.95), "#1a7f37"), (Some(0.5004), "#8a5a00")]
        {
            let badge = Badge { state: MirrorCondition::Up, available }.to_svg();
            assert!(badge.contains(colour), "{badge}");
        }
        // What is markup in the value is escaped.
        let badge = Badge { state: MirrorCondition::Up, available: Some(1e-9) }.to_svg();
        assert!(badge.contains(">up &#60;0.01 %</text>"), "{badge}");
    }
}
