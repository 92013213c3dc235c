//! The style of all pages.

/// The content of `style.css`.
pub const STYLE: &str = include_str!("style.css");

/// The style of forms and of what only the operator's pages have.
const OPERATOR_STYLE: &str = include_str!("operator.css");

/// The content of `style.css` for the operator's pages.
pub fn operator() -> String {
    format!("{STYLE}{OPERATOR_STYLE}")
}

/// The content of `icon.svg`.
pub const ICON: &str = include_str!("icon.svg");

/// The policy that every page names in its head, for servers that send none. `frame-ancestors`
/// counts in a header only.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; \
     form-action 'none'; base-uri 'none'";

/// The policy of pages with forms.
pub const FORMS_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; \
     form-action 'self'; base-uri 'none'";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The colours of a scheme by name: the first `:root` is light, the second dark.
    fn colours(scheme: usize) -> BTreeMap<&'static str, [f64; 3]> {
        let block = STYLE.split(":root {").nth(scheme + 1).unwrap().split('}').next().unwrap();
        let lines =
            block.lines().filter_map(|line| line.trim().strip_prefix("--")?.split_once(": #"));
        lines
            .map(|(name, code)| {
                let part = |at: usize| {
                    f64::from(u8::from_str_radix(&code[at..at + 2], 16).unwrap()) / 255.0
                };
                (name, [part(0), part(2), part(4)])
            })
            .collect()
    }

    /// WCAG 2.2, "relative luminance" and "contrast ratio".
    fn contrast(one: [f64; 3], two: [f64; 3]) -> f64 {
        let luminance = |colour: [f64; 3]| {
            let [red, green, blue] = colour.map(|part| {
                if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
            });
            0.2126 * red + 0.7152 * green + 0.0722 * blue
        };
        let (one, two) = (luminance(one), luminance(two));
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// WCAG 2.2, 1.4.3 (text) and 1.4.11 (graphics), in both schemes.
    #[test]
    fn contrasts_suffice() {
        let text = [
            ("text", "back"),
            ("text", "raised"),
            ("text", "old-back"),
            ("muted", "back"),
            ("muted", "raised"),
            ("muted", "old-back"),
            ("link", "back"),
            ("link", "raised"),
            ("link", "old-back"),
            ("up", "back"),
            ("down", "back"),
            ("old", "back"),
            ("up", "up-back"),
            ("old", "old-back"),
            ("down", "down-back"),
            ("drained", "drained-back"),
            ("removed", "removed-back"),
            ("way", "back"),
        ];
        let graphics = [
            ("bar-full", "back"),
            ("bar-wrong", "back"),
            ("bar-wrong", "bar-rest"),
            ("bar-most", "back"),
            ("bar-most", "bar-rest"),
            ("bar-none", "back"),
            ("bar-none", "bar-rest"),
            ("bar-planned", "raised"),
            ("hatch", "back"),
            ("hatch", "hatch-back"),
            ("hatch", "land"),
            ("usable-3", "land"),
            ("usable-4", "land"),
        ];
        for scheme in 0..2 {
            let colours = colours(scheme);
            assert!(colours.len() >= 30, "{colours:?}");
            for (pairs, least) in [(&text[..], 4.5), (&graphics[..], 3.0)] {
                for (front, back) in pairs {
                    let found = contrast(colours[front], colours[back]);
                    assert!(found >= least, "scheme {scheme}: {front} on {back} has {found:.2}");
                }
            }
        }
    }

    /// Both schemes have all colours, and what is used is there.
    #[test]
    fn colours_are_complete() {
        let (light, dark) = (colours(0), colours(1));
        assert!(light.keys().eq(dark.keys()));
        for used in STYLE.split("var(--").skip(1) {
            let name = used.split(')').next().unwrap();
            assert!(name == "bar" || light.contains_key(name), "{name}");
        }
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    }
}
