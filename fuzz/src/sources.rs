//! Sources of `cvdns geoip build`.
//!
//! With an odd first octet, unknown codes are left out. The rest is one or more sources, separated
//! by lines of `---`, which are merged.

use cvdns_core::geo::build::{Options, Source, build};
use cvdns_core::geo::database::CountryDatabase;

/// What is built can be read.
pub fn run(input: &[u8]) {
    let Some((first, rest)) = input.split_first() else { return };
    let options = Options { date: None, fallback_date: 0, leave_out_unknown: first % 2 == 1 };
    let Ok(text) = std::str::from_utf8(rest) else {
        let _ = Source::from_bytes("bytes", rest.to_vec());
        return;
    };
    let sources: Result<Vec<Source>, _> =
        text.split("\n---\n").map(|text| Source::from_bytes("source", text.into())).collect();
    let Ok(sources) = sources else { return };
    match build(&sources, &options, &mut |_, _| {}) {
        Ok(built) => {
            CountryDatabase::from_bytes(built.bytes, "built").expect("what is built can be read");
        }
        Err(problems) => drop(problems.to_string()),
    }
}
