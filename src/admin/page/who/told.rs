//! An explanation as the values that a page shows.

use std::collections::HashMap;
use std::net::IpAddr;

use jiff::Timestamp;

use crate::explaining::explained::{Asked, Explained};
use crate::explaining::question::ANY_CLIENT;
use cvdns_core::explain::{Explanation, MemberInfo, PathInfo, PoolInfo};
use cvdns_core::geo::country::{Continent, Country};
use cvdns_pages::Pool;
use cvdns_pages::map::Mark;
use cvdns_pages::parts::Fact;
use cvdns_pages::who::{AnswerSection, AnsweredAddress, Told, Verdict, WalkedMirror, WalkedPool};

/// Mirrors of a pool that a page shows at most.
const MEMBERS: usize = 50;

/// The values of an explanation. `now` is given if the answer is of another moment.
pub(super) fn of(
    explained: Explained,
    asked: Asked<'_>,
    now: Option<Timestamp>,
    marks: Vec<Mark>,
) -> Told {
    let Explained { story, answer, meant } = explained;
    let pools = story.pools.as_ref();
    let window = pools.and_then(|pools| pools.window.as_ref());
    let country = story.location.as_ref().and_then(|location| location.country);
    Told {
        question: format!("{} {}", story.name, story.r#type),
        client: story.client.words(),
        moment: asked.time,
        foresight: now.map(|now| foresight(asked.time, now)).unwrap_or_default(),
        verdict: Verdict::of(&answer.rcode, &story.answer_words()),
        meant,
        addresses: pools.map(addresses).unwrap_or_default(),
        windows: window.map(|window| window.of),
        sections: sections(answer.records, answer.authority, answer.additional),
        extended_error: answer.extended_error,
        facts: facts(&story),
        pools: pools
            .map(|path| path.path.iter().map(|pool| walked(pool, path)).collect())
            .unwrap_or_default(),
        country: country.and_then(|code| Country::parse(code).ok()),
        marks,
        command: command(asked, now.is_some()),
    }
}

/// The sections of an answer that have records.
fn sections(
    answer: Vec<String>,
    authority: Vec<String>,
    additional: Vec<String>,
) -> Vec<AnswerSection> {
    let all = [("Answer", answer), ("Authority", authority), ("Additional", additional)];
    let some = all.into_iter().filter(|(_, records)| !records.is_empty());
    some.map(|(name, records)| AnswerSection { name, records }).collect()
}

/// What is to be known of an answer at another moment.
fn foresight(time: Timestamp, now: Timestamp) -> Vec<String> {
    let honest = if time < now {
        "The server does not remember what it answered. This is what it would have answered then \
         with the feed, the overrides and the files that are in force now."
    } else {
        "Downtimes, ends of overrides, settling mirrors and stamps are those of then. Feed, \
         overrides and files are those in force now: what they will be then, the server cannot \
         know."
    };
    vec![honest.to_owned()]
}

/// What led to the answer, beside pools.
fn facts(story: &Explanation) -> Vec<Fact> {
    let fact = |label: &str, lines: Vec<String>| Fact { label: label.to_owned(), lines };
    let location = story.location.iter().map(cvdns_core::explain::LocationInfo::words);
    let path = story.pools.iter().map(|path| {
        let names: Vec<&str> = path.path.iter().map(|pool| pool.pool.as_str()).collect();
        names.join(", ")
    });
    let notes = story.pools.iter().flat_map(PathInfo::notes);
    let record = story.record.as_ref();
    let announced = record.iter().flat_map(|record| record.gates.iter().map(|it| it.words.clone()));
    let suspect = record.and_then(|record| record.suspect.clone());
    let stamp = record.and_then(cvdns_core::explain::RecordInfo::stamp_words);
    let all = [
        fact("zone", vec![story.zone_words().to_owned()]),
        fact("alias", story.aliases.iter().map(cvdns_core::explain::AliasInfo::words).collect()),
        fact("country", location.collect()),
        fact("path", path.collect()),
        fact("note", notes.collect()),
        fact("announced", announced.collect()),
        fact("suspect", suspect.into_iter().collect()),
        fact("stamp", stamp.into_iter().collect()),
        fact("feed", story.feed.words()),
    ];
    all.into_iter().filter(|fact| !fact.lines.is_empty()).collect()
}

/// The addresses of the window, each with its mirror.
fn addresses(path: &PathInfo) -> Vec<AnsweredAddress> {
    let mut owners: HashMap<IpAddr, (&PoolInfo, &MemberInfo)> = HashMap::new();
    for pool in &path.path {
        for member in &pool.members {
            for address in &member.answered {
                owners.entry(*address).or_insert((pool, member));
            }
        }
    }
    let window = path.window.iter().flat_map(|window| &window.addresses);
    let shown = window.filter_map(|address| {
        let (of, member) = owners.get(address)?;
        Some(AnsweredAddress {
            address: address.to_string(),
            host: member.mirror.host.clone(),
            country: Country::parse(member.mirror.country).ok()?,
            pool: pool(&of.pool),
        })
    });
    shown.collect()
}

fn walked(of: &PoolInfo, path: &PathInfo) -> WalkedPool {
    let member = |member: &MemberInfo| WalkedMirror {
        host: member.mirror.host.clone(),
        answers: member.why_not.is_none(),
        words: member.words(),
    };
    WalkedPool {
        pool: pool(&of.pool),
        drawn: of.drawn,
        answers: of.addresses > 0,
        words: of.words(path),
        members: of.members.iter().take(MEMBERS).map(member).collect(),
        more: of.members.len().saturating_sub(MEMBERS),
    }
}

/// The pool that an explanation names.
fn pool(name: &str) -> Pool {
    let continent = name.strip_prefix("continent:").and_then(Continent::parse);
    let named = name.strip_prefix("pool:").map(|name| Pool::Named(name.to_owned()));
    let country = Country::parse(name).ok().map(Pool::Country);
    let known = continent.map(Pool::Continent).or(named).or(country);
    known.unwrap_or_else(|| match name {
        "world" => Pool::World,
        other => Pool::Named(other.to_owned()),
    })
}

/// The command that tells the same.
fn command(asked: Asked<'_>, is_other_moment: bool) -> String {
    let mut words = vec![
        "cvdns".to_owned(),
        "explain".to_owned(),
        asked.name.copyable(),
        cvdns_core::explain::rtype_text(asked.qtype),
    ];
    if asked.client != ANY_CLIENT {
        words.extend(["--client".to_owned(), asked.client.network()]);
    }
    if is_other_moment {
        words.extend(["--at".to_owned(), asked.time.to_string()]);
    }
    let quoted = shlex::try_join(words.iter().map(String::as_str));
    quoted.unwrap_or_default()
}
