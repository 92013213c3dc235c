//! Countries: codes, names, continents and distances.
//!
//! The data is in `geoip/countries.csv` and `geoip/withdrawn.csv`, which are compiled in.

mod continent;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::LazyLock;

pub use self::continent::Continent;

/// A country or territory with an ISO 3166-1 code, or one of XK, EU and AP, which address data
/// uses.
///
/// Countries are ordered by code. `Debug` and `Display` print the code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country(u8);

impl Country {
    /// Number of countries; [`Country::index`] is always less.
    pub fn count() -> usize {
        TABLE.rows.len()
    }

    /// All countries, ordered by code.
    pub fn all() -> impl ExactSizeIterator<Item = Country> + Clone {
        (0..TABLE.rows.len()).map(|index| Country(index as u8))
    }

    /// The index of the country, for arrays with one element per country.
    ///
    /// It changes with the table of countries, so it must not be stored.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The country with an index, as [`Country::index`] returns it; `None` if there is none.
    pub fn from_index(index: usize) -> Option<Country> {
        (index < Self::count()).then_some(Country(index as u8))
    }

    /// Parses an ISO 3166-1 code or a ccTLD alias (`uk` is GB, `su` is RU), upper or lower case.
    ///
    /// # Errors
    /// The error for a withdrawn code lists its successors. For any other string it may suggest a
    /// country.
    pub fn parse(code: &str) -> Result<Country, UnknownCountry> {
        match slot(code).and_then(|slot| TABLE.slots.get(slot)) {
            Some(CodeSlot::Country(country)) => Ok(*country),
            Some(CodeSlot::Withdrawn(index)) => match TABLE.withdrawn.get(usize::from(*index)) {
                Some(row) => Err(row.error()),
                None => Err(UnknownCountry::new(code)),
            },
            _ => Err(UnknownCountry::new(code)),
        }
    }

    /// The code in upper case.
    pub fn code(self) -> &'static str {
        self.row().code
    }

    /// The code in lower case, as a label of a domain name.
    pub fn label(self) -> &'static str {
        &self.row().label
    }

    /// Other ccTLDs of the country, in lower case: `uk` for GB, `su` for RU, `ac` for SH.
    pub fn aliases(self) -> &'static [&'static str] {
        &self.row().aliases
    }

    /// The English short name.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The continent as in address databases (RU and CY are in Europe, TR and GE in Asia).
    pub fn continent(self) -> Continent {
        self.row().continent
    }

    /// The point that represents the country when distances are computed.
    pub fn centroid(self) -> Centroid {
        self.row().centroid
    }

    /// Great-circle distance in kilometres between the centroids of two countries.
    pub fn distance_km(self, other: Country) -> f64 {
        self.centroid().distance_km(other.centroid())
    }

    #[allow(
        clippy::indexing_slicing,
        reason = "a `Country` is only made from an index into this table"
    )]
    fn row(self) -> &'static CountryRow {
        &TABLE.rows[self.index()]
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl std::str::FromStr for Country {
    type Err = UnknownCountry;

    fn from_str(code: &str) -> Result<Country, UnknownCountry> {
        Country::parse(code)
    }
}

/// A point on the globe, in degrees; north and east are positive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Centroid {
    /// Latitude, -90 to 90.
    pub lat: f64,
    /// Longitude, -180 to 180.
    pub lon: f64,
}

impl Centroid {
    /// Great-circle distance in kilometres (haversine formula, mean Earth radius of 6371 km).
    pub fn distance_km(self, other: Centroid) -> f64 {
        let (lat1, lat2) = (self.lat.to_radians(), other.lat.to_radians());
        let half = |a: f64, b: f64| ((b - a) / 2.0).sin().powi(2);
        let h = half(lat1, lat2)
            + lat1.cos() * lat2.cos() * half(self.lon.to_radians(), other.lon.to_radians());
        // For antipodes, rounding can raise the argument above 1, where asin is NaN.
        2.0 * 6371.0 * h.sqrt().min(1.0).asin()
    }
}

/// Why a string is not a country.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnknownCountry {
    /// The code of a country that was withdrawn from ISO 3166.
    Withdrawn {
        /// The code in upper case.
        code: &'static str,
        /// The English name of the country.
        name: &'static str,
        /// Year of the withdrawal.
        year: u16,
        /// The countries that replaced it. The label of the code leads to the first (see
        /// [`labels`]).
        successors: &'static [Country],
    },
    /// Neither a code nor a withdrawn code in the table.
    Unknown {
        /// The string that was parsed.
        code: String,
        /// The country that was probably meant.
        suggestion: Option<Country>,
    },
}

impl UnknownCountry {
    fn new(code: &str) -> UnknownCountry {
        UnknownCountry::Unknown { code: code.to_owned(), suggestion: suggest(code) }
    }
}

impl fmt::Display for UnknownCountry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnknownCountry::Withdrawn { code, name, year, successors } => {
                write!(f, "{code} ({name}) was withdrawn in {year}; write ")?;
                for (n, successor) in successors.iter().enumerate() {
                    let separator = match n {
                        0 => "",
                        n if n + 1 == successors.len() => " or ",
                        _ => ", ",
                    };
                    write!(f, "{separator}{successor}")?;
                }
                Ok(())
            }
            UnknownCountry::Unknown { code, suggestion: Some(country) } => {
                write!(f, "{code:?} is not a country code; write {country} for {}", country.name())
            }
            UnknownCountry::Unknown { code, suggestion: None } => {
                write!(
                    f,
                    "{code:?} is not a country code; write an ISO 3166-1 code of two letters, such as DE"
                )
            }
        }
    }
}

impl std::error::Error for UnknownCountry {}

/// All labels that `{cc}` in a name stands for: ISO codes, ccTLD aliases, and withdrawn codes with
/// their first successor, because hosts that were set up for `db.yu` still ask for it.
///
/// Labels are in lower case and unique.
pub fn labels() -> impl Iterator<Item = (&'static str, Country)> {
    let current = Country::all().flat_map(|country| {
        std::iter::once((country.label(), country))
            .chain(country.aliases().iter().map(move |alias| (*alias, country)))
    });
    let withdrawn = TABLE
        .withdrawn
        .iter()
        .filter_map(|row| Some((&*row.label, row.successors.first().copied()?)));
    current.chain(withdrawn)
}

struct CountryRow {
    code: &'static str,
    label: String,
    aliases: Vec<&'static str>,
    name: &'static str,
    continent: Continent,
    centroid: Centroid,
}

struct WithdrawnRow {
    code: &'static str,
    label: String,
    name: &'static str,
    year: u16,
    successors: Vec<Country>,
}

impl WithdrawnRow {
    fn error(&'static self) -> UnknownCountry {
        UnknownCountry::Withdrawn {
            code: self.code,
            name: self.name,
            year: self.year,
            successors: &self.successors,
        }
    }
}

/// What a two-letter code means.
#[derive(Clone, Copy)]
enum CodeSlot {
    Free,
    Country(Country),
    /// Index into [`CountryTable::withdrawn`].
    Withdrawn(u8),
}

/// The contents of both files, indexed by all 26 × 26 codes.
struct CountryTable {
    rows: Vec<CountryRow>,
    withdrawn: Vec<WithdrawnRow>,
    slots: [CodeSlot; 26 * 26],
}

const COUNTRIES: &str = include_str!("../../../../geoip/countries.csv");
const WITHDRAWN: &str = include_str!("../../../../geoip/withdrawn.csv");

// A row that does not parse is left out instead of causing a panic; a test makes sure that all
// parse.
static TABLE: LazyLock<CountryTable> = LazyLock::new(|| {
    let mut table = CountryTable {
        rows: data_lines(COUNTRIES).filter_map(country_row).collect(),
        withdrawn: Vec::new(),
        slots: [CodeSlot::Free; 26 * 26],
    };
    for (index, row) in table.rows.iter().enumerate() {
        for code in std::iter::once(&row.code).chain(&row.aliases) {
            set_slot(&mut table.slots, code, CodeSlot::Country(Country(index as u8)));
        }
    }
    table.withdrawn =
        data_lines(WITHDRAWN).filter_map(|line| withdrawn_row(line, &table.slots)).collect();
    for (index, row) in table.withdrawn.iter().enumerate() {
        set_slot(&mut table.slots, row.code, CodeSlot::Withdrawn(index as u8));
    }
    table
});

fn set_slot(slots: &mut [CodeSlot], code: &str, value: CodeSlot) {
    if let Some(slot) = slot(code).and_then(|slot| slots.get_mut(slot)) {
        *slot = value;
    }
}

/// Index of a two-letter code in [`CountryTable::slots`].
fn slot(code: &str) -> Option<usize> {
    let letter = |byte: u8| {
        byte.is_ascii_alphabetic()
            .then(|| usize::from(byte.to_ascii_lowercase().wrapping_sub(b'a')))
    };
    match code.as_bytes() {
        [first, second] => Some(letter(*first)? * 26 + letter(*second)?),
        _ => None,
    }
}

/// The data lines of a compiled-in file, without comments, empty lines and the header.
fn data_lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).skip(1)
}

fn country_row(line: &'static str) -> Option<CountryRow> {
    let (code, rest) = line.split_once(',')?;
    let (aliases, rest) = rest.split_once(',')?;
    // Only the name may be quoted, as it may contain commas.
    let (name, rest) = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split_once("\",")?,
        None => rest.split_once(',')?,
    };
    let mut columns = rest.split(',');
    Some(CountryRow {
        code,
        label: code.to_ascii_lowercase(),
        aliases: aliases.split(' ').filter(|alias| !alias.is_empty()).collect(),
        name,
        continent: Continent::parse(columns.next()?)?,
        centroid: Centroid {
            lat: columns.next()?.parse().ok()?,
            lon: columns.next()?.parse().ok()?,
        },
    })
}

fn withdrawn_row(line: &'static str, slots: &[CodeSlot]) -> Option<WithdrawnRow> {
    let mut columns = line.split(',');
    let code = columns.next()?;
    let name = columns.next()?;
    let year = columns.next()?.parse().ok()?;
    let successors = columns.next()?.split(' ').map(|code| match slots.get(slot(code)?) {
        Some(CodeSlot::Country(country)) => Some(*country),
        _ => None,
    });
    let successors = successors.collect::<Option<Vec<_>>>()?;
    Some(WithdrawnRow { code, label: code.to_ascii_lowercase(), name, year, successors })
}

/// Suggests a country for its name, for the beginning of its name, or for a common mistake.
fn suggest(text: &str) -> Option<Country> {
    // Codes of languages and vehicles; EL is what EU institutions write for Greece.
    const MISTAKES: [(&str, &str); 6] =
        [("EN", "GB"), ("EL", "GR"), ("JA", "JP"), ("KO", "KR"), ("SP", "ES"), ("USA", "US")];
    if let Some((_, code)) = MISTAKES.iter().find(|(wrong, _)| wrong.eq_ignore_ascii_case(text)) {
        return Country::parse(code).ok();
    }
    if text.len() < 3 {
        return None;
    }
    let begins = |country: &Country| {
        country.name().get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text))
    };
    let mut found = Country::all().filter(begins);
    match (found.next(), found.next()) {
        (Some(country), None) => Some(country),
        (Some(first), Some(_)) if first.name().eq_ignore_ascii_case(text) => Some(first),
        _ => None,
    }
}
