//! What all pages share: the frame around their content.

use askama::Template;
use jiff::Timestamp;

use crate::style::{CONTENT_SECURITY_POLICY, FORMS_POLICY};

/// The network that the pages are about.
#[derive(Debug, Clone, Default)]
pub struct Site {
    /// The network's name, such as the origin `clamav.net`.
    pub network: String,
    /// The program that writes the pages, with its version.
    pub generator: String,
    /// The URL of the directory of all pages, with a slash at its end; `None`: it is not known, or
    /// there is none.
    pub url: Option<String>,
}

impl Site {
    /// The URL of a place in the directory of all pages; `None`: it is not known. All characters of
    /// a place stand for themselves in a URL (RFC 3986 section 3.3).
    pub fn url_of(&self, place: &str) -> Option<String> {
        self.url.as_ref().map(|url| format!("{url}{place}"))
    }
}

/// Something that readers of a page must know first.
#[derive(Debug, Clone)]
pub struct Notice {
    /// What it is, in a few words.
    pub title: String,
    /// What it means and what to do.
    pub text: String,
    /// The time since which it is so.
    pub since: Option<Timestamp>,
}

/// The frame of a page: what `base.html` shows besides its blocks.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// The network.
    pub site: &'a Site,
    /// What leads from the page to the directory of all pages: empty, or `../` once or more.
    pub root: &'static str,
}

impl Frame<'_> {
    /// The policy for browsers.
    pub fn policy(&self) -> &'static str {
        CONTENT_SECURITY_POLICY
    }

    /// The policy for browsers of a page with forms.
    pub fn forms_policy(&self) -> &'static str {
        FORMS_POLICY
    }
}

/// Renders a template.
///
/// Only the values of a template can make it fail, and none of the values here do.
pub fn render(template: &impl Template) -> String {
    template.render().unwrap_or_else(|error| format!("This page cannot be shown: {error}."))
}
