//! The monitors whose reports a coordinator combines (`[[monitor.member]]`).

use std::collections::BTreeSet;
use std::net::IpAddr;

use wildmatch::WildMatch;

use super::keys::monitor as monitor_keys;
use super::keys::monitor_member as keys;
use crate::geo::country::Country;
use crate::health::Keys;
use crate::problem::table::{Placed, Table};

/// What `source` is if the report comes through NATS, where it has the monitor's name.
pub const NATS_REPORT: &str = "nats://";

/// A monitor whose report is combined with those of others.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its name.
    pub name: Placed<String>,
    /// Path or URL of its report, or [`NATS_REPORT`].
    pub source: Placed<String>,
    /// The keys by one of which its reports are signed.
    pub public_key: Keys,
    /// Who runs it.
    pub operator: String,
    /// Where it is.
    pub country: Country,
    /// Where it checks from.
    pub addresses: Vec<IpAddr>,
    /// Hosts and patterns of hosts of the same operator, in lower case.
    pub own_mirrors: Vec<String>,
}

impl Member {
    fn read(mut table: Table<'_>) -> Option<Self> {
        let name = table.require(&keys::NAME);
        let source = table.require(&keys::SOURCE);
        let public_key = table.require_one_or_list(&keys::PUBLIC_KEY).unwrap_or_default();
        let operator = table.get(&keys::OPERATOR_KEY).map(|operator| operator.value);
        let country = table.require(&keys::COUNTRY);
        let addresses = table.list(&keys::ADDRESSES).unwrap_or_default();
        let own_mirrors = table.list(&keys::OWN_MIRRORS).unwrap_or_default();
        table.finish();
        let name = name?;
        Some(Self {
            source: source?,
            public_key: Keys::new(public_key.into_iter().map(|key| key.value).collect())?,
            operator: operator.unwrap_or_else(|| name.value.clone()),
            country: country?.value,
            addresses: addresses.into_iter().map(|of| of.value.to_canonical()).collect(),
            own_mirrors: own_mirrors.into_iter().map(|of| of.value).collect(),
            name,
        })
    }

    /// Whether a mirror is of the operator who runs the monitor.
    pub fn owns(&self, host: &str) -> bool {
        self.own_mirrors.iter().any(|pattern| WildMatch::new(pattern).matches(host))
    }

    /// Whether one key signs for both.
    fn has_key_of(&self, other: &Self) -> bool {
        self.public_key.iter().any(|own| other.public_key.iter().any(|key| key == own))
    }

    /// Whether it checks from the same /24 or /48.
    pub fn is_near(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|own| network(*own) == network(address.to_canonical()))
    }
}

/// The network of an address that counts as one place: its /24, or its /48.
fn network(address: IpAddr) -> (bool, u128) {
    match address {
        IpAddr::V4(address) => (true, u128::from(address.to_bits() >> 8)),
        IpAddr::V6(address) => (false, address.to_bits() >> 80),
    }
}

/// Reads the members. One that is named twice, or signs as two, would have two votes.
pub(super) fn members(table: &mut Table<'_>) -> Vec<Member> {
    let tables = table.tables(&monitor_keys::MEMBER);
    let members: Vec<Member> = tables.into_iter().filter_map(Member::read).collect();
    let (mut names, mut sources) = (BTreeSet::new(), BTreeSet::new());
    for Member { name, source, .. } in &members {
        if !names.insert(name.value.to_ascii_lowercase()) {
            let what = format!("the member {} is named twice", name.value);
            table.error(name.location.clone(), what, "keep one: each monitor has its own name");
        }
        if source.value != NATS_REPORT && !sources.insert(&source.value) {
            let what = format!("two members have the report {}", source.value);
            table.error(source.location.clone(), what, "each monitor writes a report of its own");
        }
    }
    for (number, member) in members.iter().enumerate() {
        let mut before = members.iter().take(number);
        if let Some(other) = before.find(|other| other.has_key_of(member)) {
            let what = format!("{} has a `public-key` of {}", member.name.value, other.name.value);
            let help = "each monitor signs by a key of its own: whoever had one of two monitors \
                        could write the reports of both";
            table.error(member.name.location.clone(), what, help);
        }
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::problem::Problems;

    const KEY: &str = "RWSQJ3D0IPdz7PgxxkvgPuMpP6RV2zlh25IShVotmPE9Ng2RY38yu+J5";

    /// A key that differs with the name.
    fn key_of(name: &str) -> String {
        let digit = char::from(b'A' + name.bytes().fold(0, u8::wrapping_add) % 26);
        KEY.replace("gPuM", &format!("gPu{digit}"))
    }

    fn read(sections: &str) -> (Vec<Member>, Vec<String>) {
        let text = format!("zone = [{{ file = \"z\" }}]\n{sections}\n");
        let mut problems = Problems::default();
        let config = Config::parse("c", &text, &mut problems).unwrap();
        (config.monitor.members, problems.iter().map(ToString::to_string).collect())
    }

    fn member(name: &str, more: &str) -> String {
        format!(
            "[[monitor.member]]\nname = \"{name}\"\nsource = \"{name}.json\"\n\
             public-key = \"{}\"\ncountry = \"de\"\n{more}\n",
            key_of(name)
        )
    }

    #[test]
    fn members_are_read_with_what_they_have_no_vote_on() {
        let more = "operator = \" Uni \"\naddresses = [\"192.0.2.7\", \"2001:db8:1:2::3\"]\n\
                    own-mirrors = [\"*.Uni.example\", \"one.example.\"]";
        let (members, problems) = read(&(member("fra1", more) + &member("ams1", "")));
        assert_eq!(problems, [""; 0]);
        let [fra, ams] = members.as_slice() else { panic!("{members:?}") };
        assert_eq!((fra.operator.as_str(), ams.operator.as_str()), ("Uni", "ams1"));
        assert_eq!(fra.country.code(), "DE");
        assert!(fra.owns("a.uni.example") && fra.owns("one.example"));
        assert!(!fra.owns("uni.example") && !ams.owns("a.uni.example"));
        let near = |address: &str| fra.is_near(address.parse().unwrap());
        assert!(near("192.0.2.255") && near("::ffff:192.0.2.1") && near("2001:db8:1:ffff::"));
        assert!(!near("192.0.3.7") && !near("2001:db8:2::") && !ams.is_near(fra.addresses[0]));
    }

    #[test]
    fn problems_are_reported_with_their_location() {
        let twice = member("fra1", "") + &member("FRA1", "");
        for (sections, words) in [
            (twice.as_str(), "c:9:8: the member FRA1 is named twice"),
            (&member("fra 1", ""), "c:3:8: `name`: \"fra 1\" is not 1 to 63 letters"),
            (&member("a", "operator = \" \""), "c:7:12: `operator`: it is blank"),
            (&member("a", "own-mirrors = [\"a b\"]"), "c:7:16: `own-mirrors`: it has blanks"),
            ("[[monitor.member]]\nname = \"a\"", "c:2:1: [[member]] has no `source`"),
            ("[[monitor.member]]\nname = \"a\"", "c:2:1: [[member]] has no `public-key`"),
            ("[[monitor.member]]\nname = \"a\"", "c:2:1: [[member]] has no `country`"),
            (&member("a", "public-keys = 1"), "did you mean `public-key`?"),
            ("[monitor]\nreport = \"r\"", "c:3:1: `report` has no effect without `name`"),
        ] {
            let (_, problems) = read(sections);
            assert!(problems.iter().any(|of| of.contains(words)), "{words}: {problems:?}");
        }
        let same = (member("a", "") + &member("b", "")).replace("b.json", "a.json");
        assert!(read(&same).1[0].contains("two members have the report a.json"));
        let second = member("b", "").replace(&key_of("b"), &key_of("a"));
        let (_, problems) = read(&(member("a", "") + &second));
        assert!(problems[0].contains("c:9:8: b has a `public-key` of a"), "{problems:?}");
        let list = format!("[\"{}\", \"{}\"]", key_of("c"), key_of("a"));
        let second = member("b", "").replace(&format!("\"{}\"", key_of("b")), &list);
        let (_, problems) = read(&(member("a", "") + &second));
        assert!(problems[0].contains("b has a `public-key` of a"), "{problems:?}");
    }
}
