//! Where each file belongs in the directory of the pages, relative to it.
//!
//! ```text
//! index.html  mirrors.html  style.css  icon.svg  network.json
//! countries/DE.html
//! mirrors/HOST/index.html  badge.svg  changes.atom  mirror.json
//! ```
//!
//! Links between the files are relative: the directory may be served below any path.

use std::fmt::Write as _;

use cvdns_core::geo::country::Country;

/// The network's page.
pub const INDEX: &str = "index.html";
/// The list of all mirrors.
pub const MIRRORS: &str = "mirrors.html";
/// The style of all pages.
pub const STYLE: &str = "style.css";
/// The icon of all pages.
pub const ICON: &str = "icon.svg";
/// The network as JSON.
pub const NETWORK_JSON: &str = "network.json";
/// The name of a mirror's page in the directory of the mirror.
pub const MIRROR_PAGE: &str = "index.html";
/// The name of a mirror's badge in the directory of the mirror.
pub const MIRROR_BADGE: &str = "badge.svg";
/// The name of a mirror's Atom feed in the directory of the mirror.
pub const MIRROR_ATOM: &str = "changes.atom";
/// The name of a mirror's JSON in the directory of the mirror.
pub const MIRROR_JSON: &str = "mirror.json";

/// Most octets of a directory's name that are taken from a host. File systems take 255.
const LONGEST: usize = 200;

/// The page of a country.
pub fn country_page(country: Country) -> String {
    format!("countries/{}.html", country.code())
}

/// The directory of a mirror, without a slash at its end.
///
/// Two hosts never have the same directory, and none leads out of `mirrors`: other characters than
/// small letters, digits, `-`, `_` and dots are written as `=` with two hexadecimal digits for each
/// octet.
pub fn mirror_directory(host: &str) -> String {
    format!("mirrors/{}", directory_name(host))
}

/// A file of a mirror, such as [`MIRROR_PAGE`].
pub fn mirror_file(host: &str, file: &str) -> String {
    format!("mirrors/{}/{file}", directory_name(host))
}

/// The name of a mirror's directory.
pub(crate) fn directory_name(host: &str) -> String {
    let mut name = String::with_capacity(host.len());
    for (place, octet) in host.bytes().enumerate() {
        match octet {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(octet)),
            b'.' if place > 0 => name.push('.'),
            // Writing to a string does not fail.
            _ => drop(write!(name, "={octet:02x}")),
        }
    }
    if name.len() > LONGEST {
        name.truncate(LONGEST);
        // No name without a digest has a tilde.
        let _ = write!(name, "~{:016x}", digest(host));
    }
    name
}

/// FNV-1a with 64 bits: names of one fleet do not collide by chance.
fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |digest, octet| {
        (digest ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_directories_are_safe() {
        for (host, name) in [
            ("clamav.example.de", "clamav.example.de"),
            ("..", "=2e."),
            ("../../etc", "=2e.=2f..=2fetc"),
            ("a=2f", "a=3d2f"),
            ("a/", "a=2f"),
            ("zürich.example", "z=c3=bcrich.example"),
            ("", ""),
        ] {
            assert_eq!(directory_name(host), name);
        }
        let (one, two) = ("x".repeat(300), "x".repeat(301));
        assert_ne!(directory_name(&one), directory_name(&two));
        assert!(directory_name(&"/".repeat(10_000)).len() < 255);
    }
}
