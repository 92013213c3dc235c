//! `cvdns export bind`: zone files and fragments of named.conf.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use tracing::warn;

use super::super::log_filter;
use super::super::offline::Offline;
use super::super::output::{print_line, say};
use super::super::problems::print;
use super::super::serve::{going_on, start_log};
use super::Failure;
use crate::daemon::{FollowedState, Follower, StartError, follow_without_serving};
use crate::export::{
    Acl, Commands, Directory, Exporter, Exporting, Subject, Template, left_out, trap,
};
use crate::load::{FeedSource, Loaded, load};
use crate::logging::LogQueue;
use cvdns_core::problem::Problems;
use cvdns_core::snapshot::Snapshot;
use cvdns_io::signals::Signals;

/// Arguments of `cvdns export bind`.
#[derive(Args, Clone, Debug)]
pub struct BindArgs {
    /// The directory: new, empty, or one that an earlier export made. DIR/current/named.conf is to be included.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// A view for all clients with the same path, so that BIND answers names that depend on the client.
    #[arg(long)]
    pub views: bool,
    /// How BIND tells who is in which view: by its own country database, or by all networks, which are written out.
    #[arg(long, value_enum, default_value_t = AclArg::Geoip, requires = "views")]
    pub acl: AclArg,
    /// Go on: export whenever feed, clock or files change anything, SIGHUP included, by the rules by which feeds are served.
    #[arg(long)]
    pub watch: bool,
    /// With --watch: the command that has a zone loaded, with {zone} and, with --views, {view} in it; '' for none. No shell
    /// takes part. Default: rndc reload {zone}, or rndc reload {zone} IN {view}.
    #[arg(long, value_name = "COMMAND", requires = "watch")]
    pub reload: Option<String>,
    /// With --watch: the command that has named.conf read again when zones, views or their clients changed; '' for none.
    #[arg(long, value_name = "COMMAND", requires = "watch", default_value = "rndc reconfig")]
    pub reconfigure: String,
    /// With --watch: how long a command may take before it is killed.
    #[arg(long, value_name = "DURATION", requires = "watch", default_value = "10s")]
    pub reload_timeout: SignedDuration,
    /// The feed, a file or an http or https URL; by default the configuration's.
    #[arg(long, value_name = "FILE|URL")]
    pub feed: Option<String>,
    /// Export what is answered at this time; by default now.
    #[arg(long, value_name = "TIME", conflicts_with = "watch")]
    pub at: Option<Timestamp>,
}

/// See [`Acl`].
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum AclArg {
    /// `geoip country DE;`
    Geoip,
    /// Every network.
    Prefixes,
}

impl BindArgs {
    fn acl(&self) -> Option<Acl> {
        self.views.then_some(match self.acl {
            AclArg::Geoip => Acl::Geoip,
            AclArg::Prefixes => Acl::Prefixes,
        })
    }

    fn commands(&self) -> Result<Commands, Failure> {
        let (standard, placeholders): (_, &[&str]) = if self.views {
            ("rndc reload {zone} IN {view}", &["zone", "view"])
        } else {
            ("rndc reload {zone}", &["zone"])
        };
        let parse = |line: &str, known: &[&str]| Template::parse(line, known).map_err(Failure::new);
        let reload = parse(self.reload.as_deref().unwrap_or(standard), placeholders)?;
        let reconfigure = parse(&self.reconfigure, &[])?;
        let limit = Duration::try_from(self.reload_timeout).ok().filter(|limit| !limit.is_zero());
        let limit =
            limit.ok_or_else(|| Failure::new("--reload-timeout: write a time such as 10s"))?;
        Ok(Commands::new(reload, reconfigure, limit))
    }

    fn source(&self) -> Result<Option<FeedSource>, Failure> {
        self.feed.as_deref().map(FeedSource::of_argument).transpose().map_err(Failure::new)
    }
}

/// Exports once, or again and again.
pub(super) fn run(args: &BindArgs, config: &Path) -> Result<ExitCode, Failure> {
    if !args.watch {
        return once(args, config);
    }
    Ok(going_on(0, |log, signals| {
        watch(args, config, log, signals).unwrap_or_else(Failure::report)
    }))
}

fn once(args: &BindArgs, config: &Path) -> Result<ExitCode, Failure> {
    let offline = Offline::load(config, args.at.unwrap_or_else(Timestamp::now))?.remembering();
    offline.say_errors();
    let feed = match &args.feed {
        Some(_) => offline.feed(args.feed.as_deref())?,
        None => offline.signed_feed()?,
    };
    let mut problems = offline.warnings.clone();
    let named = feed.as_ref().map(|named| &named.feed);
    let snapshot = Arc::new(offline.snapshot_noting(named, None, &mut problems)?);
    print(&problems);
    for name in left_out(&snapshot) {
        say!(
            "cvdns: the record {name} TXT is left out: no release is known, or its stamp is too old"
        );
    }
    let directory = open(&args.out)?;
    let subject = Subject {
        snapshot,
        feed: feed.map(|named| named.feed.serial),
        countries: offline.loaded.inputs.countries.clone(),
    };
    let exporter = Exporter::new(directory, args.acl(), args.commands()?);
    let changes = exporter.export(&subject).map_err(|error| Failure::new(error.to_string()))?;
    say_trap(&offline.loaded);
    let (files, written) = (changes.files, changes.written);
    print_line(format_args!("{}: {files} files, {written} of them changed", args.out.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn open(path: &Path) -> Result<Directory, Failure> {
    Directory::open(path).map_err(|error| Failure::new(error.to_string()))
}

fn say_trap(loaded: &Loaded) {
    for line in trap(loaded.config.server.ecs) {
        say!("cvdns: {line}");
    }
}

fn watch(
    args: &BindArgs,
    config: &Path,
    log: &LogQueue,
    signals: Signals,
) -> Result<ExitCode, Failure> {
    log_filter::check().map_err(Failure::new)?;
    let mut problems = Problems::default();
    let Some(loaded) = load(config, &mut problems) else {
        print(&problems);
        return Ok(ExitCode::FAILURE);
    };
    start_log(&loaded.config.log, log);
    let (commands, feed) = (args.commands()?, args.source()?);
    let directory = open(&args.out)?;
    say_trap(&loaded);
    let (state, keeps) = (directory.state(), directory.current().exists());
    if let Some(kept) = &loaded.state {
        crate::daemon::copy_state(kept, &state);
    }
    let exporting = Exporter::new(directory, args.acl(), commands).start();
    let exporting =
        exporting.map_err(|error| Failure::new(format!("no thread to export with: {error}")))?;
    let mut shown = Shown { feed, state, exporting, last: None, keeps, said: false };
    let done = follow_without_serving(config, loaded, problems, signals, &mut shown);
    shown.exporting.stop();
    log.flush();
    match done {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(StartError::Inputs(problems)) => {
            print(&problems);
            Err(Failure::new(format!("{} cannot be exported", config.display())))
        }
        Err(StartError::System(reasons)) => Err(Failure::new(reasons.join("; "))),
    }
}

/// Hands what comes into force to the exporter.
struct Shown {
    /// The feed of the command line.
    feed: Option<FeedSource>,
    state: PathBuf,
    exporting: Exporting,
    /// What was handed over last.
    last: Option<Arc<Snapshot>>,
    /// Whether an earlier run's export stands, and no feed came since.
    keeps: bool,
    /// Whether that was said.
    said: bool,
}

impl Follower for Shown {
    fn adjust(&self, loaded: &mut Loaded) {
        // A server with this configuration keeps what is in force in its own directory.
        loaded.state = Some(self.state.clone());
        if let Some(feed) = &self.feed {
            loaded.feed = Some(feed.clone());
        }
    }

    fn see(&mut self, standing: &FollowedState<'_>) {
        let FollowedState { snapshot, feed, loaded } = standing;
        if self.last.as_ref().is_some_and(|last| Arc::ptr_eq(last, snapshot)) {
            return;
        }
        // A feed that never came says nothing of mirrors: what was exported before is the better answer, if there is one.
        self.keeps &= feed.is_none();
        if self.keeps && loaded.feed.is_some() {
            if !self.said {
                warn!("the last export stands until there is a feed");
            }
            self.said = true;
            return;
        }
        self.last = Some(snapshot.clone());
        let countries = loaded.inputs.countries.clone();
        self.exporting.give(Subject { snapshot: snapshot.clone(), feed: *feed, countries });
    }
}
