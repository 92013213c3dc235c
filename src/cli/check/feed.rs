//! The feed: whether it is good, and which one serve would start from.

use jiff::Timestamp;

use crate::cli::signature;
use crate::daemon;
use crate::load::{Loaded, Source};
use cvdns_core::health::{Feed, HealthInputs, unknown_mirrors};
use cvdns_core::problem::{Location, Problems};
use cvdns_core::release::{DatedRelease, ReleaseSources};
use cvdns_core::snapshot::inputs::Databases;
use cvdns_core::snapshot::{Loss, Now, StaticData};

/// What there is to start from.
pub(super) struct Found {
    /// The source's feed, if it is good.
    read: Option<Feed>,
    /// The feed that was in force when the server last ran (`state`).
    kept: Option<Feed>,
}

/// What serve would start from.
pub(super) enum Start {
    /// No feed is configured: all mirrors are up.
    Unfed,
    /// No feed is good: all mirrors are up until one comes.
    Without,
    /// The source's, with its serial.
    Read(u64),
    /// The one that was kept, with its serial; why not the source's, where that is another.
    Kept(u64, Option<String>),
}

/// Reads the feed and what is kept. A bad feed keeps no server from starting; one that is not signed as asked is an error, as whoever
/// asks for a signature wants to know.
pub(super) fn read(loaded: &Loaded, now: Timestamp, problems: &mut Problems) -> Found {
    let Some(source) = &loaded.feed else { return Found { read: None, kept: None } };
    let keys = loaded.config.feed.public_key.as_ref();
    let state = loaded.state.as_deref();
    let kept = state.and_then(|state| daemon::feed_before(state, &source.to_string(), keys, now));
    let read = read_source(loaded, source, kept.as_ref(), now, problems);
    if let Some(feed) = &read {
        check_feed(loaded, source, feed, now, problems);
    }
    Found { read, kept }
}

/// The source's feed, if serve would take it from there at all.
fn read_source(
    loaded: &Loaded,
    source: &Source,
    kept: Option<&Feed>,
    now: Timestamp,
    problems: &mut Problems,
) -> Option<Feed> {
    let keys = loaded.config.feed.public_key.as_ref();
    let location = || Location::file(&source.to_string());
    let start = match kept {
        Some(kept) => {
            format!("serve would start from feed {}, which is kept in `state`", kept.serial)
        }
        None => "serve would start with all mirrors up and without a record".to_owned(),
    };
    let read = match keys {
        Some(_) => source.read_signed(&loaded.roots),
        None => source.read(&loaded.roots).map(|octets| (octets, Ok(None))),
    };
    let (octets, found) = match read {
        Ok(read) => read,
        Err(error) => {
            problems.warning(location(), error, start);
            return None;
        }
    };
    let is_signed = signature::check(source, keys, &octets, &found, problems);
    match Feed::parse(&octets).and_then(|feed| feed.timely(now).map(|()| feed)) {
        Ok(feed) => is_signed.then_some(feed),
        Err(error) => {
            let help = format!("`cvdns feed check` says all that is wrong with it; {start}");
            problems.warning(location(), format!("the feed is not usable: {error}"), help);
            None
        }
    }
}

fn check_feed(
    loaded: &Loaded,
    source: &Source,
    feed: &Feed,
    now: Timestamp,
    problems: &mut Problems,
) {
    let location = Location::file(&source.to_string());
    for note in unknown_mirrors(feed, loaded.inputs.zones.iter().map(|zone| &*zone.fleet)) {
        problems.warning(
            location.clone(),
            note,
            "correct the host in the feed or in the fleet file",
        );
    }
    let max_age = loaded.config.feed.max_age;
    if feed.generated.checked_add(max_age).is_ok_and(|moment| moment <= now) {
        let what = format!("the feed is of {}, older than max-age", feed.generated);
        problems.warning(
            location,
            what,
            "its coordinator no longer renews it: stamps of the record stand still",
        );
    }
}

impl Found {
    /// The names of the extra databases of the newest feed, for the compile.
    pub(super) fn databases(&self) -> Databases {
        self.read.as_ref().or(self.kept.as_ref()).map(Feed::extra_databases).unwrap_or_default()
    }

    /// What serve would start from, by its own rules.
    pub(super) fn judge(
        self,
        loaded: &Loaded,
        static_data: &StaticData,
        now: Timestamp,
        problems: &mut Problems,
    ) -> Start {
        let Some(source) = &loaded.feed else { return Start::Unfed };
        let (read, kept) = match self {
            Self { read: Some(read), kept: Some(kept) } => (read, kept),
            Self { read: Some(read), kept: None } => return Start::Read(read.serial),
            Self { read: None, kept: Some(kept) } => return Start::Kept(kept.serial, None),
            Self { read: None, kept: None } => return Start::Without,
        };
        let location = Location::file(&source.to_string());
        let help = "it is what was in force when the server last ran; another `state` forgets it";
        let why = match read.follows(&kept) {
            Ok(false) => return Start::Kept(kept.serial, None),
            Ok(true) => match lost(loaded, static_data, &kept, &read, now) {
                None => return Start::Read(read.serial),
                Some(loss) => {
                    format!(
                        "feed {} would be held back: it takes away {loss} (`max-loss`)",
                        read.serial
                    )
                }
            },
            Err(error) => format!("the feed would be refused: {error}"),
        };
        problems.warning(
            location,
            format!("{why}; serve would start from feed {}", kept.serial),
            help,
        );
        Start::Kept(kept.serial, Some(why))
    }
}

/// What a feed takes away, when it would be held back for that.
fn lost(
    loaded: &Loaded,
    static_data: &StaticData,
    kept: &Feed,
    read: &Feed,
    now: Timestamp,
) -> Option<Loss> {
    let supply = loaded.supply.read(&ReleaseSources::default(), now, &mut Vec::new());
    let announced = loaded.state.as_deref().and_then(|state| daemon::announced_before(state, now));
    let overrides = Some(&loaded.overrides.overrides);
    let [kept_release, read_release] =
        [kept, read].map(|feed| supply.release(feed.dated_release()));
    let moment = |feed, release| Now {
        inputs: HealthInputs { feed: Some(feed), overrides, settling: None },
        release,
        time: now,
        max_age: loaded.config.feed.max_age,
    };
    let before = moment(kept, kept_release.as_ref().map(DatedRelease::of));
    let after = moment(read, read_release.as_ref().map(DatedRelease::of));
    Loss::between(static_data, announced.as_ref(), &before, &after, loaded.config.feed.max_loss)
}
