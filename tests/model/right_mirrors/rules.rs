//! The rules of FORMATS ("Home first", `not-for`, `[[demand]]`, the states of mirrors), written a
//! second time: plain lists and sums, and nothing of the library.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// Countries in which mirrors may be, and one without any, with their continents.
pub(super) const COUNTRIES: [(&str, &str); 9] = [
    ("NO", "EU"),
    ("SE", "EU"),
    ("DE", "EU"),
    ("AT", "EU"),
    ("JP", "AS"),
    ("KR", "AS"),
    ("US", "NA"),
    ("BR", "SA"),
    ("LI", "EU"),
];

/// A mirror of the fleet, with what the feed says of it.
#[derive(Debug, Clone)]
pub(super) struct Mirror {
    pub(super) host: String,
    pub(super) country: &'static str,
    pub(super) serves: Vec<&'static str>,
    pub(super) not_for: Vec<String>,
    /// In the feed.
    pub(super) not_for_too: Vec<String>,
    pub(super) capacity: u64,
    /// Hundredths of its capacity.
    pub(super) weight: u64,
    /// Each address, with its state.
    pub(super) addresses: Vec<(Ipv4Addr, &'static str)>,
}

/// A network and the settings of its zone.
#[derive(Debug, Clone)]
pub(super) struct Network {
    pub(super) mirrors: Vec<Mirror>,
    pub(super) neighbours: Vec<(&'static str, [&'static str; 2])>,
    pub(super) min: usize,
    pub(super) max: usize,
    /// Mbit/s.
    pub(super) demand: Vec<(&'static str, u64)>,
}

/// An address that is answered, with its share of the places of its group, of any sum.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) address: Ipv4Addr,
    pub(super) weight: f64,
}

/// What every answer is made of: from each group so many addresses, in the order of the groups.
#[derive(Debug, Clone, Default)]
pub(super) struct Expected {
    pub(super) groups: Vec<(Vec<Member>, usize)>,
}

fn continent(country: &str) -> &'static str {
    COUNTRIES.iter().find(|(code, _)| *code == country).unwrap().1
}

/// Whether a list of `not-for` names the country.
fn names(list: &[String], country: &str) -> bool {
    let wide = format!("continent:{}", continent(country));
    list.iter().any(|entry| entry == country || *entry == wide)
}

impl Mirror {
    fn is_for(&self, countries: &[&str]) -> bool {
        let barred =
            |country: &&str| names(&self.not_for, country) || names(&self.not_for_too, country);
        !countries.iter().any(barred)
    }

    fn in_pool(&self, pool: &str) -> bool {
        match pool.strip_prefix("continent:") {
            Some(code) => continent(self.country) == code,
            None => pool == "world" || self.country == pool || self.serves.contains(&pool),
        }
    }

    fn in_state(&self, state: &str) -> Vec<Member> {
        let wanted = self.addresses.iter().filter(|(_, is)| state == "any" || *is == state);
        let weight = (self.capacity * self.weight) as f64;
        wanted.map(|(address, _)| Member { address: *address, weight }).collect()
    }
}

impl Network {
    /// The pools of a name: `db.XX` and `db.local` have a country's, others begin with their own.
    pub(super) fn path(&self, first: &str) -> Vec<String> {
        let mut pools = vec![first.to_owned()];
        if COUNTRIES.iter().any(|(code, _)| *code == first) {
            let (_, next) = self.neighbours.iter().find(|(code, _)| *code == first).unwrap();
            pools.extend(next.iter().map(|code| (*code).to_owned()));
            pools.push(format!("continent:{}", continent(first)));
        }
        pools.push("world".to_owned());
        pools
    }

    /// Every answer of a path, for clients of these countries: those of the client and of the path.
    pub(super) fn expected(&self, first: &str, countries: &[&str]) -> Expected {
        let fit: Vec<&Mirror> = self.mirrors.iter().filter(|m| m.is_for(countries)).collect();
        let works = |mirror: &&Mirror| {
            !mirror.in_state("up").is_empty() || !mirror.in_state("old").is_empty()
        };
        let states: &[&str] = if fit.iter().any(works) { &["up", "old"] } else { &["any"] };
        let demand = self.demand.iter().find(|(country, _)| *country == first);
        self.walk(first, &fit, states, demand.map(|(_, rate)| rate * 1000))
    }

    fn walk(&self, first: &str, fit: &[&Mirror], states: &[&str], demand: Option<u64>) -> Expected {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        // Each pool's addresses, and the capacity of the mirrors that they belong to.
        let mut pools: Vec<(Vec<Member>, f64)> = Vec::new();
        let (mut found, mut capacity) = (0, 0.0);
        for pool in self.path(first) {
            let here: Vec<&&Mirror> = fit
                .iter()
                .filter(|mirror| mirror.in_pool(&pool) && !seen.contains(mirror.host.as_str()))
                .collect();
            let (mut members, mut used) = (Vec::new(), BTreeSet::new());
            for state in states {
                if *state == "old" && found + members.len() >= self.min {
                    break;
                }
                for mirror in &here {
                    let more = mirror.in_state(state);
                    if !more.is_empty() {
                        used.insert(mirror.host.as_str());
                    }
                    members.extend(more);
                }
            }
            let of = |m: &&&&Mirror| used.contains(m.host.as_str());
            let power: f64 =
                here.iter().filter(of).map(|m| (m.capacity * m.weight) as f64 / 100.0).sum();
            seen.extend(here.iter().map(|mirror| mirror.host.as_str()));
            if members.is_empty() {
                continue;
            }
            found += members.len();
            capacity += power;
            pools.push((members, power));
            let met = demand.is_none_or(|rate| capacity >= rate as f64);
            if found >= self.min && met {
                break;
            }
        }
        self.arrange(&pools, demand)
    }

    /// Which pools are joined by a demand, and how many addresses each group has in an answer.
    fn arrange(&self, pools: &[(Vec<Member>, f64)], demand: Option<u64>) -> Expected {
        let mut groups: Vec<Vec<Member>> = Vec::new();
        let mut rest = demand.map_or(0.0, |rate| rate as f64);
        let mut taking = 0;
        let mut shares = Vec::new();
        for (number, (_, power)) in pools.iter().enumerate() {
            if rest <= 0.0 {
                break;
            }
            let is_last = number + 1 == pools.len();
            let takes = if is_last { rest } else { rest.min(*power) };
            shares.push(takes);
            rest -= takes;
            taking += 1;
        }
        if taking > 1 {
            let mut joined = Vec::new();
            for ((members, _), share) in pools.iter().zip(&shares) {
                let whole: f64 = members.iter().map(|member| member.weight).sum();
                joined.extend(
                    members
                        .iter()
                        .map(|member| Member { weight: share * member.weight / whole, ..*member }),
                );
            }
            groups.push(joined);
        } else {
            taking = 0;
        }
        groups.extend(pools.iter().skip(taking).map(|(members, _)| members.clone()));
        self.takes(groups)
    }

    fn takes(&self, groups: Vec<Vec<Member>>) -> Expected {
        let most = if self.max == 0 { usize::MAX } else { self.max };
        let (mut had, mut expected) = (0, Expected::default());
        let count = groups.len();
        for (number, group) in groups.into_iter().enumerate() {
            let wanted = if count == 1 {
                // One pool alone: windows over it, as long as `max`.
                group.len()
            } else if number + 1 == count && had + group.len() >= self.min {
                self.min.saturating_sub(had)
            } else {
                group.len()
            };
            let takes = wanted.min(group.len()).min(most.saturating_sub(had));
            had += wanted.min(group.len());
            if takes > 0 {
                expected.groups.push((group, takes));
            }
        }
        expected
    }
}
