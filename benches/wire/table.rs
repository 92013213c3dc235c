//! The format of tables.

use comfy_table::presets;
use comfy_table::{CellAlignment, Table};

/// A table that can be pasted into a page: text on the left, figures on the right.
pub fn new(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
