//! The fields that a browser sends of a form: the query of the target.

use axum::http::Uri;

/// The fields of a form.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(Vec<(String, String)>);

/// Most octets of a value that are read. No good value is as long: a name in presentation format
/// has at most 1,004, all of its octets written as `\DDD`.
const LONGEST: usize = 1100;

impl Fields {
    /// Reads the fields of a request's target. Octets that are no UTF-8 become U+FFFD.
    pub(super) fn of(target: &Uri) -> Self {
        let query = target.query().unwrap_or_default();
        let pairs = form_urlencoded::parse(query.as_bytes());
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// Whether nothing was sent.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a field without blanks around it; empty if it was not sent.
    pub(super) fn value(&self, name: &str) -> String {
        let sent = self.0.iter().find(|(sent, _)| sent == name);
        sent.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    }

    /// Why a field cannot be read, for people: it was sent more than once, with other values.
    pub(super) fn repeated(&self, name: &str) -> Option<String> {
        let value = self.value(name);
        let differs = self.0.iter().any(|(sent, other)| sent == name && other.trim() != value);
        differs.then(|| "It was sent more than once, with different values".to_owned())
    }

    /// The value of a field, and why it cannot be read, for people; `None` if it can.
    pub(super) fn checked(&self, name: &str) -> (String, Option<String>) {
        let value = self.value(name);
        let too_long = (value.len() > LONGEST)
            .then(|| format!("{} octets are too long: expected at most {LONGEST}", value.len()));
        (value, too_long.or_else(|| self.repeated(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded_and_trimmed() {
        let target: Uri =
            "/who?name=%20db.x%2Ey+&client=2001%3Adb8%3A%3A1&x&name=other&bad=%ff".parse().unwrap();
        let fields = Fields::of(&target);
        assert_eq!(fields.value("name"), "db.x.y");
        assert_eq!(fields.value("client"), "2001:db8::1");
        assert_eq!((fields.value("x"), fields.value("none")), (String::new(), String::new()));
        assert_eq!(fields.value("bad"), "\u{fffd}");
        assert!(!fields.is_empty() && Fields::of(&"/who".parse().unwrap()).is_empty());
        let long: Uri = format!("/who?name={}", "x".repeat(LONGEST + 1)).parse().unwrap();
        assert!(Fields::of(&long).checked("name").1.is_some());
        assert!(fields.checked("client").1.is_none());
        assert!(fields.checked("name").1.unwrap().contains("more than once"));
        let twice = Fields::of(&"/?state=down&state=+down".parse().unwrap());
        assert_eq!(twice.repeated("state"), None, "the same twice is no doubt");
    }
}
