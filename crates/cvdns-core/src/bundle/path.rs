//! Names of files in a bundle.

/// Most octets of a name.
const LONGEST: usize = 255;

/// What the name of a file in a bundle is.
pub const FILE_NAME: &str = "a path such as \"zones/clamav.net.toml\": at most 255 octets, relative, without \".\", \"..\" \
     and empty parts, and without control characters and backslashes";

/// Whether a text can be the name of a file in a bundle.
pub fn is_file_name(text: &str) -> bool {
    let is_part = |part: &str| !matches!(part, "" | "." | "..");
    text.len() <= LONGEST
        && text.split('/').all(is_part)
        && !text.chars().any(|letter| letter.is_control() || letter == '\\')
}

/// The name of the file that the file `from` means by `path`, which is relative to the directory of
/// `from`. `None` if that lies outside of the bundle.
pub fn resolved(from: &str, path: &str) -> Option<String> {
    if path.starts_with('/') {
        return None;
    }
    let directory = from.rsplit_once('/').map_or("", |(directory, _)| directory);
    let mut parts: Vec<&str> = directory.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/")).filter(|name| is_file_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_the_bundle() {
        for name in ["a", "a.toml", "zones/a b.toml", "..a", "Zürich/x"] {
            assert!(is_file_name(name), "{name}");
        }
        let long = "a".repeat(256);
        for name in ["", "/a", "a/", "a//b", ".", "..", "a/../b", "a/.", "a\\b", "a\n", &long] {
            assert!(!is_file_name(name), "{name}");
        }
    }

    #[test]
    fn paths_are_relative_to_the_file_that_names_them() {
        let of = |from, path| resolved(from, path);
        assert_eq!(of("a.toml", "b").as_deref(), Some("b"));
        assert_eq!(of("zones/a.toml", "b").as_deref(), Some("zones/b"));
        assert_eq!(of("zones/a.toml", "./x/../../b").as_deref(), Some("b"));
        assert_eq!(of("zones/a.toml", "../../b"), None);
        assert_eq!(of("a.toml", "../b"), None);
        assert_eq!(of("a.toml", "/b"), None);
        assert_eq!(of("a.toml", ""), None);
        assert_eq!(of("a.toml", "."), None);
    }
}
