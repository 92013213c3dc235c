//! Countries: codes, names, continents and distances.
//!
//! The facts stand in `geoip/countries.csv` and `geoip/withdrawn.csv`, which are compiled in.

use std::fmt;
use std::sync::LazyLock;

/// A country or territory: an ISO 3166-1 code, or one of XK, EU and AP, which address data uses.
///
/// Ordered by code. `Debug` and `Display` print the code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country(u8);

impl Country {
    /// How many countries there are; [`Country::index`] is always below.
    pub fn count() -> usize {
        TABLE.rows.len()
    }

    /// All countries, ordered by code.
    pub fn all() -> impl ExactSizeIterator<Item = Country> + Clone {
        (0..TABLE.rows.len()).map(|index| Country(index as u8))
    }

    /// The country's place in the table, for arrays with one element per country.
    ///
    /// It changes when the table does: not for storing.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The inverse of [`Country::index`].
    pub fn from_index(index: usize) -> Option<Country> {
        (index < Self::count()).then_some(Country(index as u8))
    }

    /// Reads an ISO 3166-1 code or a ccTLD alias (`uk` is GB, `su` is RU) in any case.
    ///
    /// # Errors
    /// A code that is withdrawn comes back with its successors, any other string with a suggestion if there is one.
    pub fn parse(code: &str) -> Result<Country, UnknownCountry> {
        match cell(code).and_then(|cell| TABLE.cells.get(cell)) {
            Some(Cell::Country(country)) => Ok(*country),
            Some(Cell::Withdrawn(index)) => match TABLE.withdrawn.get(usize::from(*index)) {
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

    /// The code in lower case, as it stands in a domain name.
    pub fn label(self) -> &'static str {
        &self.row().label
    }

    /// Further ccTLDs in use, in lower case: `uk` of GB, `su` of RU, `ac` of SH.
    pub fn aliases(self) -> &'static [&'static str] {
        &self.row().aliases
    }

    /// The English short name.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The continent that address databases put it on (RU and CY are in Europe, TR and GE in Asia).
    pub fn continent(self) -> Continent {
        self.row().continent
    }

    /// The point that stands for the country when distances are taken.
    pub fn centroid(self) -> Centroid {
        self.row().centroid
    }

    /// Great-circle distance between the two centroids in kilometres.
    pub fn distance_km(self, other: Country) -> f64 {
        self.centroid().distance_km(other.centroid())
    }

    #[allow(
        clippy::indexing_slicing,
        reason = "the number is only made from a place in this very table"
    )]
    fn row(self) -> &'static Row {
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

/// A point on the globe in degrees, north and east positive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Centroid {
    /// Latitude, -90 to 90.
    pub lat: f64,
    /// Longitude, -180 to 180.
    pub lon: f64,
}

impl Centroid {
    /// Great-circle distance in kilometres (haversine, mean earth radius of 6371 km).
    pub fn distance_km(self, other: Centroid) -> f64 {
        let (lat1, lat2) = (self.lat.to_radians(), other.lat.to_radians());
        let half = |a: f64, b: f64| ((b - a) / 2.0).sin().powi(2);
        let h = half(lat1, lat2)
            + lat1.cos() * lat2.cos() * half(self.lon.to_radians(), other.lon.to_radians());
        // Rounding can lift antipodes above 1, where asin is NaN.
        2.0 * 6371.0 * h.sqrt().min(1.0).asin()
    }
}

/// A continent, as address databases divide the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Continent {
    /// Africa.
    AF,
    /// Antarctica.
    AN,
    /// Asia.
    AS,
    /// Europe.
    EU,
    /// North America.
    NA,
    /// Oceania.
    OC,
    /// South America.
    SA,
}

impl Continent {
    /// All seven, ordered by code.
    pub const ALL: [Continent; 7] = [
        Continent::AF,
        Continent::AN,
        Continent::AS,
        Continent::EU,
        Continent::NA,
        Continent::OC,
        Continent::SA,
    ];

    /// All seven, ordered by code.
    pub fn all() -> impl ExactSizeIterator<Item = Continent> + Clone {
        Self::ALL.into_iter()
    }

    /// Reads a two-letter code in any case.
    pub fn parse(code: &str) -> Option<Continent> {
        Self::all().find(|continent| continent.code().eq_ignore_ascii_case(code))
    }

    /// The two-letter code in upper case.
    pub fn code(self) -> &'static str {
        match self {
            Continent::AF => "AF",
            Continent::AN => "AN",
            Continent::AS => "AS",
            Continent::EU => "EU",
            Continent::NA => "NA",
            Continent::OC => "OC",
            Continent::SA => "SA",
        }
    }

    /// The English name.
    pub fn name(self) -> &'static str {
        match self {
            Continent::AF => "Africa",
            Continent::AN => "Antarctica",
            Continent::AS => "Asia",
            Continent::EU => "Europe",
            Continent::NA => "North America",
            Continent::OC => "Oceania",
            Continent::SA => "South America",
        }
    }
}

impl fmt::Display for Continent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// Why a string is not a country.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnknownCountry {
    /// The code was a country's until it was withdrawn from ISO 3166.
    Withdrawn {
        /// The code in upper case.
        code: &'static str,
        /// What it stood for.
        name: &'static str,
        /// When it was withdrawn.
        year: u16,
        /// What took its place; the first is where the name lives on (see [`labels`]).
        successors: &'static [Country],
    },
    /// Never was a code, or nothing that this table knows.
    Unknown {
        /// The string as it was given.
        code: String,
        /// What may have been meant.
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

/// All labels under which `{cc}` names are asked: ISO codes, ccTLD aliases, and withdrawn codes with their first
/// successor, because hosts that were set up for `db.yu` are never upgraded.
///
/// Lower case, no label twice.
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

struct Row {
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

#[derive(Clone, Copy)]
enum Cell {
    Free,
    Country(Country),
    Withdrawn(u8),
}

/// Both files, and a table of 26 × 26 codes into them.
struct Table {
    rows: Vec<Row>,
    withdrawn: Vec<WithdrawnRow>,
    cells: [Cell; 26 * 26],
}

const COUNTRIES: &str = include_str!("../../../../geoip/countries.csv");
const WITHDRAWN: &str = include_str!("../../../../geoip/withdrawn.csv");

// A row that does not parse is left out rather than panicked over; the tests hold that there is none.
static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table {
        rows: lines(COUNTRIES).filter_map(country_row).collect(),
        withdrawn: Vec::new(),
        cells: [Cell::Free; 26 * 26],
    };
    for (index, row) in table.rows.iter().enumerate() {
        for code in std::iter::once(&row.code).chain(&row.aliases) {
            set(&mut table.cells, code, Cell::Country(Country(index as u8)));
        }
    }
    table.withdrawn =
        lines(WITHDRAWN).filter_map(|line| withdrawn_row(line, &table.cells)).collect();
    for (index, row) in table.withdrawn.iter().enumerate() {
        set(&mut table.cells, row.code, Cell::Withdrawn(index as u8));
    }
    table
});

fn set(cells: &mut [Cell], code: &str, value: Cell) {
    if let Some(cell) = cell(code).and_then(|cell| cells.get_mut(cell)) {
        *cell = value;
    }
}

/// Place of a two-letter code among the 26 × 26.
fn cell(code: &str) -> Option<usize> {
    let letter = |byte: u8| {
        byte.is_ascii_alphabetic()
            .then(|| usize::from(byte.to_ascii_lowercase().wrapping_sub(b'a')))
    };
    match code.as_bytes() {
        [first, second] => Some(letter(*first)? * 26 + letter(*second)?),
        _ => None,
    }
}

/// The rows of an embedded table: without comments, empty lines and the header.
fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).skip(1)
}

fn country_row(line: &'static str) -> Option<Row> {
    let (code, rest) = line.split_once(',')?;
    let (aliases, rest) = rest.split_once(',')?;
    // The name is the one column that may be quoted, for its commas.
    let (name, rest) = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split_once("\",")?,
        None => rest.split_once(',')?,
    };
    let mut columns = rest.split(',');
    Some(Row {
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

fn withdrawn_row(line: &'static str, cells: &[Cell]) -> Option<WithdrawnRow> {
    let mut columns = line.split(',');
    let code = columns.next()?;
    let name = columns.next()?;
    let year = columns.next()?.parse().ok()?;
    let successors = columns.next()?.split(' ').map(|code| match cells.get(cell(code)?) {
        Some(Cell::Country(country)) => Some(*country),
        _ => None,
    });
    let successors = successors.collect::<Option<Vec<_>>>()?;
    Some(WithdrawnRow { code, label: code.to_ascii_lowercase(), name, year, successors })
}

/// What was meant by a name, by the beginning of one, or by one of the usual mistakes.
fn suggest(text: &str) -> Option<Country> {
    // Languages and vehicle codes taken for countries; EL is what EU institutions write for Greece.
    const MISTAKEN: [(&str, &str); 6] =
        [("EN", "GB"), ("EL", "GR"), ("JA", "JP"), ("KO", "KR"), ("SP", "ES"), ("USA", "US")];
    if let Some((_, code)) = MISTAKEN.iter().find(|(wrong, _)| wrong.eq_ignore_ascii_case(text)) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn country(code: &str) -> Country {
        Country::parse(code).unwrap()
    }

    #[test]
    fn every_row_is_read() {
        assert_eq!(Country::count(), lines(COUNTRIES).count());
        assert_eq!(Country::count(), 249 + 3);
        assert_eq!(TABLE.withdrawn.len(), lines(WITHDRAWN).count());
        assert!(Country::count() < usize::from(u8::MAX));
        assert!(Country::all().map(Country::code).is_sorted());
    }

    #[test]
    fn codes_are_read_in_any_case_and_by_alias() {
        for country in Country::all() {
            assert_eq!(Country::parse(country.code()), Ok(country));
            assert_eq!(Country::parse(country.label()), Ok(country));
            assert_eq!(Country::from_index(country.index()), Some(country));
            assert_eq!(format!("{country} {country:?}"), format!("{0} {0}", country.code()));
            let Centroid { lat, lon } = country.centroid();
            assert!((-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon), "{country}");
        }
        for (alias, code) in [("uk", "GB"), ("Su", "RU"), ("AC", "SH"), ("eu", "EU"), ("xk", "XK")]
        {
            assert_eq!(country(alias).code(), code);
        }
        assert_eq!(Country::from_index(Country::count()), None);
    }

    #[test]
    fn labels_are_unique_lower_case_and_cover_old_hosts() {
        let all: Vec<_> = labels().collect();
        let distinct: HashSet<_> = all.iter().map(|(label, _)| *label).collect();
        assert_eq!(distinct.len(), all.len());
        assert!(
            distinct
                .iter()
                .all(|label| label.len() == 2 && label.bytes().all(|b| b.is_ascii_lowercase()))
        );
        for (label, code) in
            [("de", "DE"), ("uk", "GB"), ("yu", "RS"), ("tp", "TL"), ("an", "CW"), ("zr", "CD")]
        {
            assert!(all.contains(&(label, country(code))), "{label}");
        }
        assert!(!distinct.contains("zz"));
    }

    #[test]
    fn what_is_not_a_country_says_what_to_write() {
        let message = |code| Country::parse(code).unwrap_err().to_string();
        assert_eq!(
            message("cs"),
            "CS (Serbia and Montenegro) was withdrawn in 2006; write RS or ME"
        );
        assert_eq!(
            message("AN"),
            "AN (Netherlands Antilles) was withdrawn in 2010; write CW, SX or BQ"
        );
        assert_eq!(message("germany"), "\"germany\" is not a country code; write DE for Germany");
        assert_eq!(message("EN"), "\"EN\" is not a country code; write GB for United Kingdom");
        assert_eq!(message("Niger"), "\"Niger\" is not a country code; write NE for Niger");
        for code in ["", "ZZ", "??", "D", "Åland", "\u{e9}", "d\u{0}"] {
            assert!(message(code).contains("is not a country code"), "{code}");
        }
    }

    #[test]
    fn distances_are_those_of_the_globe() {
        let km = |a, b| country(a).distance_km(country(b));
        assert!(km("DE", "DE") < 0.001);
        assert!((km("DE", "AT") - km("AT", "DE")).abs() < 0.001);
        assert!((300.0..700.0).contains(&km("DE", "AT")));
        assert!((15_000.0..20_016.0).contains(&km("ES", "NZ")));
        // Across the date line.
        assert!(km("FJ", "WS") < 1500.0);
        // A quarter of the meridian.
        let pole = Centroid { lat: 90.0, lon: 0.0 };
        assert!((pole.distance_km(Centroid { lat: 0.0, lon: 77.0 }) - 10_007.5).abs() < 1.0);
        assert!(pole.distance_km(Centroid { lat: -90.0, lon: 0.0 }).is_finite());
    }

    #[test]
    fn continents() {
        assert_eq!(country("TR").continent(), Continent::AS);
        assert_eq!(country("RU").continent(), Continent::EU);
        assert_eq!(Continent::parse("oc"), Some(Continent::OC));
        assert_eq!(Continent::parse("XX"), None);
        assert!(Continent::all().all(|c| Country::all().any(|country| country.continent() == c)));
    }
}
