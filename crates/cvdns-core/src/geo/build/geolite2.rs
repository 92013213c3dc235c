//! GeoLite2 Country and GeoIP2 Country as CSV: `…-Blocks-IPv4.csv`, `…-Blocks-IPv6.csv` and
//! `…-Locations-en.csv`.
//!
//! A block has the `geoname_id` of the location where it is used, and that of the country where it
//! is registered. The locations map each id to a country or continent. The registration counts only
//! if nothing is known of the use. Columns are found by their names in the first line.

use std::collections::HashMap;

use super::csv::{fields_of, network};
use super::problem::{Problem, Problems, SourceLine};
use super::reader::{AddressRange, ParsedSource, SourceReader, UnknownCodes, check_last_line};

/// Locations by `geoname_id`.
pub type Locations = HashMap<u32, GeonameLocation>;

/// The location of a `geoname_id`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GeonameLocation {
    /// `country_iso_code`; empty for a continent.
    pub country: String,
    /// `continent_code`.
    pub continent: String,
}

/// Parses a file of locations.
///
/// # Errors
/// Invalid lines, missing columns, a last line without a line end, or no locations.
pub fn parse_locations(file: &str, text: &str) -> Result<Locations, Problems> {
    let mut problems = Problems::default();
    let mut locations = Locations::new();
    if let Some(problem) = check_last_line(file, text) {
        problems.push(problem);
    }
    let mut lines = SourceLine::all(file, text);
    let indices = match lines.next() {
        Some(header) => columns(&header, ["geoname_id", "continent_code", "country_iso_code"]),
        None => Err(Problem::of_file(file, "the file has no locations; fetch it again")),
    };
    match indices {
        Err(problem) => problems.push(problem),
        Ok(indices) => {
            for line in lines {
                let location = row(&line, indices).and_then(|[id, continent, country]| {
                    Ok((geoname(&line, &id)?, GeonameLocation { country, continent }))
                });
                match location {
                    Ok((Some(id), location)) => drop(locations.insert(id, location)),
                    Ok((None, _)) => {
                        problems.push(line.problem(line.text, "expected a geoname_id"));
                    }
                    Err(problem) => problems.push(problem),
                }
            }
        }
    }
    if problems.is_empty() { Ok(locations) } else { Err(problems) }
}

/// Parses a file of blocks.
///
/// # Errors
/// Invalid lines, ids without a location, missing columns, a last line without a line end, or no
/// networks.
pub fn parse_blocks(
    file: &str,
    text: &str,
    locations: &Locations,
    unknown_codes: UnknownCodes,
) -> Result<ParsedSource, Problems> {
    let mut reader = SourceReader::new(file, unknown_codes);
    reader.check_end(text);
    let mut lines = SourceLine::all(file, text);
    if let Some(header) = lines.next() {
        match columns(&header, ["network", "geoname_id", "registered_country_geoname_id"]) {
            Err(problem) => reader.problem(problem),
            Ok(indices) => {
                for line in lines {
                    if let Err(problem) = block(&mut reader, &line, indices, locations) {
                        reader.problem(problem);
                    }
                }
            }
        }
    }
    reader.finish(None, "GeoLite2 by MaxMind, https://www.maxmind.com".to_owned())
}

/// Whether a line is the header of a file of blocks.
pub(super) fn looks_like_blocks(line: &str) -> bool {
    line.starts_with("network,geoname_id,")
}

/// Whether a line is the header of a file of locations.
pub(super) fn looks_like_locations(line: &str) -> bool {
    line.starts_with("geoname_id,locale_code,")
}

fn block(
    reader: &mut SourceReader,
    line: &SourceLine<'_>,
    indices: [usize; 3],
    locations: &Locations,
) -> Result<(), Problem> {
    let [net, used, registered] = row(line, indices)?;
    let span = AddressRange::of(network(line, part(line, &net))?);
    let find = |id: Option<u32>| match id {
        None => Ok(None),
        Some(id) => locations.get(&id).map(Some).ok_or_else(|| {
            let message = format!(
                "the locations have no geoname_id {id}; name the Locations file of the same release"
            );
            line.problem(line.text, message)
        }),
    };
    let says_something = |location: &&GeonameLocation| {
        !location.country.is_empty() || !location.continent.is_empty()
    };
    let used = find(geoname(line, &used)?)?.filter(says_something);
    let location = match used {
        Some(used) => Some(used),
        None => find(geoname(line, &registered)?)?,
    };
    match location {
        None => reader.add_unlocated(),
        Some(GeonameLocation { country, continent }) if country.is_empty() => {
            reader.add_continent(line, span, continent);
        }
        Some(GeonameLocation { country, .. }) => reader.add(line, span, country),
    }
    Ok(())
}

/// The indices of the columns with these names.
fn columns<const N: usize>(
    header: &SourceLine<'_>,
    names: [&str; N],
) -> Result<[usize; N], Problem> {
    let fields = fields_of(header)?;
    let mut indices = [0; N];
    for (index, name) in indices.iter_mut().zip(names) {
        *index = fields.iter().position(|field| field == name).ok_or_else(|| {
            header.problem(header.text, format!("expected a column {name:?} in the first line"))
        })?;
    }
    Ok(indices)
}

/// The fields of a line in these columns.
fn row<const N: usize>(line: &SourceLine<'_>, indices: [usize; N]) -> Result<[String; N], Problem> {
    let fields = fields_of(line)?;
    let mut values = [const { String::new() }; N];
    for (value, index) in values.iter_mut().zip(indices) {
        let field = fields.get(index).ok_or_else(|| {
            line.problem(
                line.text,
                format!("expected at least {} columns, as the first line has", index + 1),
            )
        })?;
        field.as_ref().clone_into(value);
    }
    Ok(values)
}

fn geoname(line: &SourceLine<'_>, field: &str) -> Result<Option<u32>, Problem> {
    if field.is_empty() {
        return Ok(None);
    }
    let message = "expected a geoname_id, which is a number, or nothing";
    field.parse().map(Some).map_err(|_| line.problem(part(line, field), message))
}

/// The slice of the line that has the text of a field; the whole line if there is none.
fn part<'a>(line: &SourceLine<'a>, field: &str) -> &'a str {
    let start = line.text.find(field).unwrap_or(0);
    line.text.get(start..start + field.len()).unwrap_or(line.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCATIONS: &str = "\
geoname_id,locale_code,continent_code,continent_name,country_iso_code,country_name,is_in_european_union
2921044,en,EU,Europe,DE,Germany,1
7626844,en,NA,\"North America\",BQ,\"Bonaire, Sint Eustatius, and Saba\",0
6255148,en,EU,Europe,,,0
8505033,en,EU,Europe,CS,\"Serbia and Montenegro\",0
";
    const HEADER: &str = "network,geoname_id,registered_country_geoname_id,represented_country_geoname_id,\
                          is_anonymous_proxy,is_satellite_provider\n";

    fn blocks(rows: &str) -> Result<ParsedSource, Problems> {
        let locations = parse_locations("Locations.csv", LOCATIONS)?;
        parse_blocks("Blocks.csv", &format!("{HEADER}{rows}"), &locations, UnknownCodes::Refuse)
    }

    #[test]
    fn blocks_are_joined_with_locations() {
        let parsed = blocks(
            "192.0.2.0/25,2921044,7626844,,0,0\n192.0.2.128/25,,7626844,,0,0\n2001:db8::/32,6255148,2921044,,0,0\n\
             198.51.100.0/24,,,,1,0\n203.0.113.0/25,6255148,7626844,,0,0\n203.0.113.128/25,,6255148,,0,0\n",
        )
        .unwrap();
        let all: Vec<_> =
            parsed.entries.iter().map(|entry| format!("{} {}", entry.span, entry.area)).collect();
        assert_eq!(
            all,
            [
                "192.0.2.0-192.0.2.127 DE",
                "192.0.2.128-192.0.2.255 BQ",
                "2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff continent:EU",
                "203.0.113.0-203.0.113.127 continent:EU",
                "203.0.113.128-203.0.113.255 continent:EU"
            ]
        );
        assert_eq!(parsed.unlocated, 1);
    }

    #[test]
    fn bad_blocks_are_all_listed() {
        let message = blocks(
            "192.0.2.0/25,1,2,,0,0\n192.0.2.0/25,x,,,0,0\n192.0.2.0\n192.0.2.1/8,2921044,,,0,0\n\
             192.0.2.0/24,8505033,,,0,0\n192.0.2.0/24,2921044,2921",
        );
        let message = message.unwrap_err().to_string();
        for part in [
            "Blocks.csv:2:1: the locations have no geoname_id 1;",
            "Blocks.csv:3:14: expected a geoname_id",
            "Blocks.csv:4:1: expected at least 2 columns",
            "Blocks.csv:5:1: the address has bits beyond its prefix length; expected 192.0.0.0/8",
            "Blocks.csv:6:1: CS (Serbia and Montenegro) was withdrawn",
            "Blocks.csv:7:26: the last line has no end",
        ] {
            assert!(message.contains(part), "{part} in {message}");
        }
    }

    #[test]
    fn locations_are_checked() {
        let message = |text: &str| parse_locations("L", text).unwrap_err().to_string();
        assert!(message("").contains("no locations"));
        assert!(
            message("geoname_id,locale_code\n").contains("expected a column \"continent_code\"")
        );
        assert!(message(LOCATIONS.trim_end()).contains(": the last line has no end"));
        assert!(
            message("geoname_id,locale_code,continent_code,country_iso_code\nx,en,EU,DE\n")
                .contains("L:2:1: expected a geoname_id")
        );
    }
}
