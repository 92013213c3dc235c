//! Edits the text of a file of overrides. What is not touched stays as it is written, comments
//! included.

use std::net::IpAddr;

use jiff::Timestamp;
use toml_edit::{
    Array, ArrayOfTables, Datetime, DocumentMut, InlineTable, Item, Table, TableLike, Value, value,
};

use super::{Override, Overrides};

/// The key of the list.
const LIST: &str = "override";

/// The key of the serial.
const SERIAL: &str = "serial";

/// The text with an override added, so that it applies to those of `hosts` that it matches.
///
/// An override of the same host and the same addresses is replaced. An override that has not ended
/// and would apply to one of these hosts instead comes after the new one. `overrides` are those of
/// `text`, which has no errors.
///
/// # Errors
/// When the text cannot be edited, for people.
pub fn with_override(
    text: &str,
    overrides: &Overrides,
    new: &Override,
    hosts: &[&str],
    now: Timestamp,
) -> Result<String, String> {
    let mut list = List::read(text)?;
    let entries: Vec<&Override> = overrides.iter().collect();
    let same = entries.iter().position(|entry| entry.concerns_same(new));
    let before = entries.iter().position(|entry| {
        !entry.concerns_same(new) && entry.is_in_force(now) && overlap(entry, new, hosts)
    });
    match (same, before) {
        (Some(same), before) if before.is_none_or(|before| before > same) => {
            list.set(same, new)?;
        }
        (Some(same), Some(before)) => {
            list.remove(same);
            list.insert(before, new)?;
        }
        (_, Some(before)) => list.insert(before, new)?,
        (_, None) => list.push(new)?,
    }
    list.raise_serial(text);
    Ok(list.into_text())
}

/// The text without the overrides that `is_meant` selects. `overrides` are those of `text`, which
/// has no errors.
///
/// # Errors
/// When the text cannot be edited, for people.
pub fn without_overrides(
    text: &str,
    overrides: &Overrides,
    is_meant: impl Fn(&Override) -> bool,
) -> Result<String, String> {
    let mut list = List::read(text)?;
    let meant = overrides.iter().enumerate().filter(|(_, entry)| is_meant(entry));
    let indexes: Vec<usize> = meant.map(|(index, _)| index).collect();
    indexes.into_iter().rev().for_each(|index| list.remove(index));
    list.raise_serial(text);
    Ok(list.into_text())
}

/// Whether both apply to an address of one of these hosts, unless one of them has ended.
pub fn overlap(one: &Override, other: &Override, hosts: &[&str]) -> bool {
    let all = one.addresses.is_empty() || other.addresses.is_empty();
    let shared = || one.addresses.iter().any(|address| other.addresses.contains(address));
    (all || shared()) && hosts.iter().any(|host| one.matches(host) && other.matches(host))
}

/// The list of overrides in its document.
struct List {
    document: DocumentMut,
}

impl List {
    fn read(text: &str) -> Result<Self, String> {
        let document = text.parse::<DocumentMut>().map_err(|error| error.to_string())?;
        Ok(Self { document })
    }

    /// Raises the serial, if there is one and the text is another than before.
    fn raise_serial(&mut self, before: &str) {
        if self.document.to_string() == before {
            return;
        }
        if let Some(serial) = self.document.get_mut(SERIAL).and_then(Item::as_value_mut)
            && let Some(next) = serial.as_integer().and_then(|serial| serial.checked_add(1))
        {
            let decor = serial.decor().clone();
            *serial = Value::from(next);
            *serial.decor_mut() = decor;
        }
    }

    fn into_text(self) -> String {
        self.document.to_string()
    }

    /// The list if it is written as `[[override]]`, made if there is none.
    fn tables(&mut self) -> Option<&mut ArrayOfTables> {
        let list = self.document.entry(LIST);
        list.or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new())).as_array_of_tables_mut()
    }

    /// The list if it is written as `override = [ {…} ]`.
    fn inline(&mut self) -> Option<&mut Array> {
        self.document.get_mut(LIST)?.as_array_mut()
    }

    fn push(&mut self, new: &Override) -> Result<(), String> {
        if let Some(list) = self.inline() {
            list.push(inline_table(new)?);
            return Ok(());
        }
        let mut table = table(new)?;
        // What is written behind the last table, or in a file without any, stays above the new one.
        let above = self.document.trailing().as_str().unwrap_or_default().to_owned();
        let has_serial = self.document.contains_key(SERIAL);
        let is_first = self.tables().is_none_or(|list| list.is_empty()) && !has_serial;
        let gap = if is_first && above.trim().is_empty() { "" } else { "\n" };
        let above = if above.trim().is_empty() { "" } else { above.trim_end() };
        let line_end = if above.is_empty() { "" } else { "\n" };
        table.decor_mut().set_prefix(format!("{above}{line_end}{gap}"));
        self.document.set_trailing("");
        if let Some(list) = self.tables() {
            list.push(table);
            renumber(list);
        }
        Ok(())
    }

    fn insert(&mut self, index: usize, new: &Override) -> Result<(), String> {
        if let Some(list) = self.inline() {
            list.insert(index, inline_table(new)?);
            return Ok(());
        }
        let mut table = table(new)?;
        if let Some(list) = self.tables() {
            if let Some(next) = list.get_mut(index) {
                let (above, own) = split(&prefix(next));
                next.decor_mut().set_prefix(format!("\n{own}"));
                table.decor_mut().set_prefix(above);
            }
            list.insert(index.min(list.len()), table);
            renumber(list);
        }
        Ok(())
    }

    fn set(&mut self, index: usize, new: &Override) -> Result<(), String> {
        let is_inline = self.inline().is_some();
        let entry: Option<&mut dyn TableLike> = if is_inline {
            let entry = self.inline().and_then(|list| list.get_mut(index));
            entry.and_then(Value::as_inline_table_mut).map(|table| table as &mut dyn TableLike)
        } else {
            let entry = self.tables().and_then(|list| list.get_mut(index));
            entry.map(|table| table as &mut dyn TableLike)
        };
        entry.map_or(Ok(()), |entry| fill(entry, new))
    }

    /// Removes an entry with the comment directly above it. A comment that begins the file stays.
    fn remove(&mut self, index: usize) {
        if let Some(list) = self.inline() {
            if index < list.len() {
                list.remove(index);
            }
            return;
        }
        let Some(list) = self.tables().filter(|list| index < list.len()) else { return };
        let removed = list.remove(index);
        let (mut above, own) = split(&prefix(&removed));
        if index == 0 && above.is_empty() {
            above = own;
        }
        if above.trim().is_empty() {
            above.clear();
        }
        if let Some(next) = list.get_mut(index) {
            let rest = prefix(next);
            let rest =
                if index == 0 && above.is_empty() { rest.trim_start_matches('\n') } else { &rest };
            next.decor_mut().set_prefix(format!("{above}{rest}"));
        } else if !above.is_empty() {
            let rest = self.document.trailing().as_str().unwrap_or_default().to_owned();
            self.document.set_trailing(format!("{above}{rest}"));
        }
    }
}

/// The text above the header of a table.
fn prefix(table: &Table) -> String {
    table.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default().to_owned()
}

/// Divides the text above a header: what ends with an empty line, and the comment directly above
/// the header, which belongs to the table.
fn split(prefix: &str) -> (String, String) {
    let lines: Vec<&str> = prefix.split_inclusive('\n').collect();
    let own = lines.iter().rev().take_while(|line| line.trim_start().starts_with('#')).count();
    let (above, own) = lines.split_at(lines.len().saturating_sub(own));
    (above.concat(), own.concat())
}

/// Tables are printed in the order of their positions.
fn renumber(list: &mut ArrayOfTables) {
    for (table, position) in list.iter_mut().zip(1..) {
        table.set_position(Some(position));
    }
}

fn table(new: &Override) -> Result<Table, String> {
    let mut table = Table::new();
    fill(&mut table, new)?;
    Ok(table)
}

fn inline_table(new: &Override) -> Result<InlineTable, String> {
    let mut table = InlineTable::new();
    fill(&mut table, new)?;
    Ok(table)
}

/// Writes the keys of an override into its table. Those that are there keep their places and the
/// comments behind them.
fn fill(table: &mut dyn TableLike, new: &Override) -> Result<(), String> {
    put(table, "host", new.host.as_str().into());
    if new.addresses.is_empty() {
        table.remove("addresses");
    } else {
        let addresses: Array = new.addresses.iter().map(IpAddr::to_string).collect();
        put(table, "addresses", addresses.into());
    }
    put(table, "state", new.state.to_string().into());
    put(table, "reason", (&*new.reason).into());
    match new.until {
        None => {
            table.remove("until");
        }
        Some(until) => {
            let until: Datetime = until
                .to_string()
                .parse()
                .map_err(|error| format!("{until} cannot be written in TOML: {error}"))?;
            put(table, "until", until.into());
        }
    }
    Ok(())
}

fn put(table: &mut dyn TableLike, key: &str, mut new: Value) {
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(old) => {
            *new.decor_mut() = old.decor().clone();
            *old = new;
        }
        None => {
            table.insert(key, value(new));
        }
    }
}

#[cfg(test)]
mod tests;
