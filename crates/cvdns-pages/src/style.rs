//! The style of all pages.

/// The content of `style.css`.
pub const STYLE: &str = include_str!("style.css");

/// The content of `icon.svg`.
pub const ICON: &str = include_str!("icon.svg");

/// The policy that every page names in its head, for servers that send none. `frame-ancestors`
/// counts in a header only.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; \
     form-action 'self'; base-uri 'none'";
