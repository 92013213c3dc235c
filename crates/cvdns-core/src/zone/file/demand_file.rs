//! Reads a file that has nothing but `[[demand]]` tables.

use super::demand::{self, Demand};
use super::keys;
use crate::problem::Problems;
use crate::problem::table::Document;
use crate::schema::Section;

/// The top of the file.
static ROOT: Section = Section { doc: "", keys: &[&keys::DEMAND] };

impl Demand {
    /// Reads a file of `[[demand]]` tables as zone files have them, and reports everything wrong in
    /// it.
    pub fn parse_file(file: &str, text: &str, problems: &mut Problems) -> Vec<Self> {
        let read = Document::read(file, text, &ROOT, problems, |mut root| {
            let demand = demand::read(&mut root);
            root.finish();
            demand
        });
        read.unwrap_or_default()
    }
}
