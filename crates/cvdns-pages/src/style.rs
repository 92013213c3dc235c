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
     form-action 'self'; base-uri 'none'";
