//! The list of all mirrors.

use askama::Template;

use crate::country::MirrorRow;
use crate::layout::{Frame, Site, render};
use crate::show::{ShowKnown as _, ShowState as _, ShowText as _};

/// The list of all mirrors.
#[derive(Debug, Clone)]
pub struct MirrorsPage {
    /// The network.
    pub site: Site,
    /// All mirrors, by host.
    pub mirrors: Vec<MirrorRow>,
}

impl MirrorsPage {
    /// The page as HTML.
    pub fn to_html(&self) -> String {
        render(&MirrorsTemplate { frame: Frame { site: &self.site, root: "" }, page: self })
    }
}

#[derive(Template)]
#[template(path = "mirrors.html")]
struct MirrorsTemplate<'a> {
    frame: Frame<'a>,
    page: &'a MirrorsPage,
}
