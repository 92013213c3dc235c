//! Checks the feed, and finds which feed serve would start from.

use jiff::Timestamp;

use crate::cli::signature;
use crate::daemon;
use crate::load::{FeedSource, Loaded};
use cvdns_core::health::{Feed, FeedRequirements, HealthInputs, unknown_mirrors};
use cvdns_core::problem::{Location, Problems};
use cvdns_core::release::{DatedRelease, ReleaseSources};
use cvdns_core::snapshot::{Loss, LossLimit, LossWindow, Now, StaticData};

/// The feeds that serve could start from.
pub(super) struct CheckedFeeds {
    /// The newest usable feed of a source, and that source.
    read: Option<(FeedSource, Feed)>,
    /// The feed that was in force when the server last ran, from `state`.
    kept: Option<Feed>,
}

/// The feed that serve would start from.
pub(super) enum StartingFeed {
    /// No feed is configured: all mirrors count as up.
    NotConfigured,
    /// No feed is usable: all mirrors count as up until one is.
    NoneUsable,
    /// The feed of this source, with this serial.
    FeedSource(u64, FeedSource),
    /// The feed kept in `state`, with this serial, and why the source's is not used if that is
    /// another.
    Kept(u64, Option<String>),
}

/// Reads the feeds of the sources and the kept one. A bad feed is a warning, as the server starts
/// without it; a wrong signature is an error, as the operator requires one.
pub(super) fn read(loaded: &Loaded, now: Timestamp, problems: &mut Problems) -> CheckedFeeds {
    let keys = loaded.config.feed.public_key.as_ref();
    let state = loaded.state.as_deref();
    let kept = state.and_then(|state| daemon::last_feed(state, &loaded.feeds, keys, now));
    let kept = kept.map(|(_, feed)| feed);
    let mut read: Option<(FeedSource, Feed)> = None;
    for source in &loaded.feeds {
        let Some(feed) = read_source(loaded, source, kept.as_ref(), now, problems) else {
            continue;
        };
        check_feed(loaded, source, &feed, now, problems);
        if read.as_ref().is_none_or(|(_, newest)| feed.serial > newest.serial) {
            read = Some((source.clone(), feed));
        }
    }
    CheckedFeeds { read, kept }
}

/// Reads the feed of the source; `None` if serve would refuse it.
fn read_source(
    loaded: &Loaded,
    source: &FeedSource,
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
        None if loaded.feeds.iter().len() > 1 => {
            "the other sources are followed all the same".to_owned()
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
            let help = format!("`cvdns feed check` prints all problems; {start}");
            problems.warning(location(), format!("the feed is not usable: {error}"), help);
            None
        }
    }
}

fn check_feed(
    loaded: &Loaded,
    source: &FeedSource,
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
            "its coordinator has stopped renewing it, so the record's stamp no longer advances",
        );
    }
}

impl CheckedFeeds {
    /// What the newest feed requires of static data.
    pub(super) fn requirements(&self) -> FeedRequirements {
        let read = self.read.as_ref().map(|(_, feed)| feed);
        read.or(self.kept.as_ref()).map(Feed::requirements).unwrap_or_default()
    }

    /// Chooses the feed by the rules that serve starts by.
    pub(super) fn choose(
        self,
        loaded: &Loaded,
        static_data: &StaticData,
        now: Timestamp,
        problems: &mut Problems,
    ) -> StartingFeed {
        if loaded.feeds.is_empty() {
            return StartingFeed::NotConfigured;
        }
        let ((source, read), kept) = match self {
            Self { read: Some(read), kept: Some(kept) } => (read, kept),
            Self { read: Some((source, read)), kept: None } => {
                return StartingFeed::FeedSource(read.serial, source);
            }
            Self { read: None, kept: Some(kept) } => return StartingFeed::Kept(kept.serial, None),
            Self { read: None, kept: None } => return StartingFeed::NoneUsable,
        };
        let location = Location::file(&source.to_string());
        let help = "that feed was in force when the server last ran; a new `state` forgets it";
        let why = match read.follows(&kept) {
            Ok(false) => return StartingFeed::Kept(kept.serial, None),
            Ok(true) => match excessive_loss(loaded, static_data, &kept, &read, now) {
                None => return StartingFeed::FeedSource(read.serial, source),
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
        StartingFeed::Kept(kept.serial, Some(why))
    }
}

/// The capacity that a feed takes away, if that exceeds `max-loss`.
fn excessive_loss(
    loaded: &Loaded,
    static_data: &StaticData,
    kept: &Feed,
    read: &Feed,
    now: Timestamp,
) -> Option<Loss> {
    let supply = loaded.supply.read(&ReleaseSources::default(), now, &mut Vec::new());
    let announced = loaded.state.as_deref().and_then(|state| daemon::last_announced(state, now));
    let overrides = Some(&loaded.overrides.overrides);
    let [kept_release, read_release] =
        [kept, read].map(|feed| supply.release(feed.dated_release()));
    let moment = |feed, release| Now {
        inputs: HealthInputs { feed: Some(feed), overrides, settling: None },
        release,
        history: None,
        time: now,
        max_age: loaded.config.feed.max_age,
    };
    let before = moment(kept, kept_release.as_ref().map(DatedRelease::of));
    let after = moment(read, read_release.as_ref().map(DatedRelease::of));
    // The server's window starts with the kept feed.
    let limit = LossLimit { most: loaded.config.feed.max_loss, window: &LossWindow::default() };
    Loss::between(static_data, announced.as_ref(), &before, &after, limit)
}
