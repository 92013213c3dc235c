//! The list of mirrors: all, or those of a state, a country or with a part of a host.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::fields::Fields;
use cvdns_core::answer::AnswerStats;
use cvdns_core::explain::fleet::{MirrorInfo, mirrors};
use cvdns_core::geo::country::Country;
use cvdns_core::health::MirrorCondition;
use cvdns_core::snapshot::Snapshot;
use cvdns_pages::operator::{ListedMirror, MirrorFilter, MirrorList};
use cvdns_pages::parts::Field;

/// Mirrors of a page of the list.
const ROWS: usize = 50;

/// The mirrors that the fields ask for. Each host is listed once, as in the first fleet that has
/// it; those that are left out come first.
pub(super) fn list(snapshot: &Snapshot, answered: &AnswerStats, fields: &Fields) -> MirrorList {
    let states = MirrorCondition::ALL.map(MirrorCondition::label).to_vec();
    let (filter, wanted) = Wanted::read(fields, &states);
    let mut conditions: HashMap<&str, MirrorCondition> = snapshot.mirror_conditions().collect();
    let plans = 0..snapshot.static_data.plans.len() as u32;
    // A host in several fleets is in the first: its condition is taken out then.
    let all = plans.flat_map(|plan| mirrors(snapshot, plan));
    let each = all.filter_map(|info| Some((conditions.remove(info.host.as_str())?, info)));
    let mut found: Vec<(MirrorCondition, MirrorInfo)> =
        each.filter(|(condition, info)| wanted.fits(*condition, info)).collect();
    found.sort_by_cached_key(|(condition, info)| {
        (condition.is_answered(), Reverse(*condition), info.host.clone())
    });
    let total = found.len();
    let is_disabled = |(condition, _): &&_| *condition == MirrorCondition::Disabled;
    let disabled = found.iter().filter(is_disabled).count();
    let pages = total.div_ceil(ROWS).max(1);
    // What is no number was noted; what is beyond the last page is the last page.
    let page = number(&filter.page.value).unwrap_or(1).clamp(1, pages);
    let led: f64 = answered.mirrors.values().map(|share| share.answers()).sum();
    let share = |host: &str| {
        let answers = answered.mirrors.get(host).map_or(0.0, |share| share.answers());
        (led > 0.0).then(|| answers / led)
    };
    let shown = found.into_iter().skip((page - 1) * ROWS).take(ROWS);
    let rows = shown.filter_map(|(condition, info)| row(condition, &info, share(&info.host)));
    MirrorList { filter, states, rows: rows.collect(), total, disabled, page, pages }
}

/// The number of a page: from 1; `None` if it is none.
fn number(text: &str) -> Option<usize> {
    let is_number = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    let number = is_number.then(|| text.parse().unwrap_or(usize::MAX));
    number.filter(|number| *number > 0)
}

fn row(condition: MirrorCondition, info: &MirrorInfo, share: Option<f64>) -> Option<ListedMirror> {
    let why = match &info.left_out {
        Some(why) => &info.with_note(why),
        None => &info.standing,
    };
    let state = condition.label();
    let since = info.since.map(|since| format!("{state} since {since}"));
    let is_said = why == state || since.as_ref() == Some(why);
    Some(ListedMirror {
        host: info.host.clone(),
        country: Country::parse(info.country).ok()?,
        state,
        why: if is_said { String::new() } else { why.clone() },
        addresses: info.differing().map(|of| (of.address, of.state)).collect(),
        since: info.since,
        capacity: info.capacity,
        share,
    })
}

/// What is asked for; nothing of it applies to all.
struct Wanted {
    state: Option<String>,
    country: Option<Country>,
    host: String,
    /// Whether what is asked for makes no sense, and so no mirror fits.
    is_wrong: bool,
}

impl Wanted {
    fn read(fields: &Fields, states: &[&'static str]) -> (MirrorFilter, Self) {
        let [
            (state, state_error),
            (country, country_error),
            (host, host_error),
            (page, page_error),
        ] = ["state", "country", "host", "page"].map(|name| fields.checked(name));
        let state = state.to_ascii_lowercase();
        let state_error = state_error.or_else(|| {
            (!state.is_empty() && !states.contains(&state.as_str()))
                .then(|| format!("\"{state}\" is no state: expected one of {}", states.join(", ")))
        });
        let page_error = page_error.or_else(|| {
            (!page.is_empty() && number(&page).is_none())
                .then(|| format!("\"{page}\" is no page: expected a number from 1"))
        });
        let read = Some(&country).filter(|country| !country.is_empty());
        let read = read.map(|country| Country::parse(&country.to_ascii_uppercase()));
        let country_error = country_error.or_else(|| {
            matches!(read, Some(Err(_))).then(|| {
                format!("\"{country}\" is no country: expected an ISO 3166 code such as DE")
            })
        });
        let mut wanted = Self {
            is_wrong: false,
            state: Some(state.clone()).filter(|state| !state.is_empty()),
            country: read.and_then(Result::ok),
            host: host.to_lowercase(),
        };
        let filter = MirrorFilter {
            state: Field { value: state, error: state_error },
            country: Field { value: country, error: country_error },
            host: Field { value: host, error: host_error },
            page: Field { value: page, error: page_error },
        };
        wanted.is_wrong = filter.is_wrong();
        (filter, wanted)
    }

    fn fits(&self, condition: MirrorCondition, info: &MirrorInfo) -> bool {
        !self.is_wrong
            && self.state.as_deref().is_none_or(|state| condition.label() == state)
            && self.country.is_none_or(|country| info.serves(country))
            && info.host.to_lowercase().contains(&self.host)
    }
}
