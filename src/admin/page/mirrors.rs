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
    let pages = total.div_ceil(ROWS).max(1);
    let page = fields.value("page").parse::<usize>().unwrap_or(1).clamp(1, pages);
    let led: f64 = answered.mirrors.values().map(|share| share.answers()).sum();
    let share = |host: &str| {
        let answers = answered.mirrors.get(host).map_or(0.0, |share| share.answers());
        (led > 0.0).then(|| answers / led)
    };
    let shown = found.into_iter().skip((page - 1) * ROWS).take(ROWS);
    let rows = shown.filter_map(|(condition, info)| row(condition, &info, share(&info.host)));
    MirrorList { filter, states, rows: rows.collect(), total, page, pages }
}

fn row(condition: MirrorCondition, info: &MirrorInfo, share: Option<f64>) -> Option<ListedMirror> {
    let why = info.left_out.as_ref().unwrap_or(&info.standing);
    let state = condition.label();
    let since = info.since.map(|since| format!("{state} since {since}"));
    let is_said = why == state || since.as_ref() == Some(why);
    Some(ListedMirror {
        host: info.host.clone(),
        country: Country::parse(info.country).ok()?,
        state,
        why: if is_said { String::new() } else { why.clone() },
        since: info.since,
        capacity: info.capacity,
        share,
    })
}

/// What is asked for; nothing of it applies to all.
struct Wanted {
    state: Option<String>,
    country: Option<&'static str>,
    host: String,
    /// Whether what is asked for makes no sense, and so no mirror fits.
    is_wrong: bool,
}

impl Wanted {
    fn read(fields: &Fields, states: &[&'static str]) -> (MirrorFilter, Self) {
        let [state, country, host] = ["state", "country", "host"].map(|name| fields.value(name));
        let state_error = (!state.is_empty() && !states.contains(&state.as_str()))
            .then(|| format!("\"{state}\" is no state: expected one of {}", states.join(", ")));
        let read = Some(&country).filter(|country| !country.is_empty());
        let read = read.map(|country| Country::parse(&country.to_ascii_uppercase()));
        let country_error = match &read {
            Some(Err(_)) => {
                Some(format!("\"{country}\" is no country: expected an ISO 3166 code such as DE"))
            }
            _ => None,
        };
        let wanted = Self {
            is_wrong: state_error.is_some() || country_error.is_some(),
            state: Some(state.clone()).filter(|state| !state.is_empty()),
            country: read.and_then(Result::ok).map(Country::code),
            host: host.to_lowercase(),
        };
        let filter = MirrorFilter {
            state: Field { value: state, error: state_error },
            country: Field { value: country, error: country_error },
            host: Field { value: host, error: None },
        };
        (filter, wanted)
    }

    fn fits(&self, condition: MirrorCondition, info: &MirrorInfo) -> bool {
        !self.is_wrong
            && self.state.as_deref().is_none_or(|state| condition.label() == state)
            && self.country.is_none_or(|country| info.country == country)
            && info.host.to_lowercase().contains(&self.host)
    }
}
