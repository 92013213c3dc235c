//! `cvdns export bind`: writes zone files and named.conf fragments.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use tracing::{info, warn};

use crate::cli::long_running::{run_with_signals, start_log};
use crate::cli::offline::Offline;
use crate::cli::output::{Failure, eprint_line, print_line};
use crate::cli::problems::print;
use crate::daemon::{FollowedState, Follower, StartError, follow_without_serving};
use crate::explaining::moment::moment;
use crate::export::{
    AclKind, CommandTemplate, Directory, ExportInput, ExportSigner, ExportThread, Exporter,
    ReloadCommands, ecs_warning, left_out, undistinguished_warning,
};
use crate::load::{FeedSource, Loaded, load};
use crate::logging::{LogQueue, check_variable};
use cvdns_core::problem::Problems;
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::signatures::SignatureStore;
use cvdns_io::signals::Signals;

/// Arguments of `cvdns export bind`.
#[derive(Args, Clone, Debug)]
pub struct BindArgs {
    /// The directory to write: new, empty or made by an earlier export. Include
    /// DIR/current/named.conf in named.conf.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Write a view for each set of clients with the same path, so that BIND can answer names that
    /// depend on the client.
    #[arg(long)]
    pub views: bool,
    /// How BIND matches clients to views: by its own country database, or by lists of all networks.
    #[arg(long, value_enum, default_value_t = AclArg::Geoip, requires = "views")]
    pub acl: AclArg,
    /// Sign zones that have `[dnssec]`. Without this, records of their keys are left out, for a
    /// server that signs by itself.
    #[arg(long)]
    pub signed: bool,
    /// Keep running and export again whenever feed, clock or files change an answer. SIGHUP rereads
    /// the files. Feeds are accepted by the same rules as by serve.
    #[arg(long)]
    pub watch: bool,
    /// With --watch: the command that reloads a zone. It may contain {zone} and, with --views,
    /// {view}; '' runs none. No shell is used. Default: rndc reload {zone}, or rndc reload {zone}
    /// IN {view}.
    #[arg(long, value_name = "COMMAND", requires = "watch")]
    pub reload: Option<String>,
    /// With --watch: the command that makes the server read named.conf again after zones, views or
    /// their clients changed; '' runs none.
    #[arg(long, value_name = "COMMAND", requires = "watch", default_value = "rndc reconfig")]
    pub reconfigure: String,
    /// With --watch: kill a command that takes longer than this.
    #[arg(long, value_name = "DURATION", requires = "watch", default_value = "10s")]
    pub reload_timeout: SignedDuration,
    /// The feed, a file or an http or https URL. Default: the configured one.
    #[arg(long, value_name = "FILE|URL")]
    pub feed: Option<String>,
    /// Export the answers of this time. Default: now.
    #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with = "watch")]
    pub at: Option<Timestamp>,
}

/// The values of `--acl`; see [`AclKind`].
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum AclArg {
    /// By country, as in `geoip country DE;`.
    Geoip,
    /// By lists of all networks.
    Prefixes,
}

impl BindArgs {
    fn acl(&self) -> Option<AclKind> {
        self.views.then_some(match self.acl {
            AclArg::Geoip => AclKind::Geoip,
            AclArg::Prefixes => AclKind::Prefixes,
        })
    }

    fn commands(&self) -> Result<ReloadCommands, Failure> {
        let (default, placeholders): (_, &[&str]) = if self.views {
            ("rndc reload {zone} IN {view}", &["zone", "view"])
        } else {
            ("rndc reload {zone}", &["zone"])
        };
        let parse =
            |line: &str, known: &[&str]| CommandTemplate::parse(line, known).map_err(Failure::new);
        let reload = parse(self.reload.as_deref().unwrap_or(default), placeholders)?;
        let reconfigure = parse(&self.reconfigure, &[])?;
        let limit = Duration::try_from(self.reload_timeout).ok().filter(|limit| !limit.is_zero());
        let limit =
            limit.ok_or_else(|| Failure::new("--reload-timeout: expected a time such as 10s"))?;
        Ok(ReloadCommands::new(reload, reconfigure, limit))
    }

    fn source(&self) -> Result<Option<FeedSource>, Failure> {
        self.feed.as_deref().map(FeedSource::of_argument).transpose().map_err(Failure::new)
    }
}

/// Exports once, or with `--watch` whenever something changes.
pub(super) fn run(args: &BindArgs, config: &Path) -> Result<ExitCode, Failure> {
    if !args.watch {
        return once(args, config);
    }
    Ok(run_with_signals(0, |log, signals| {
        watch(args, config, log, signals).unwrap_or_else(Failure::report)
    }))
}

fn once(args: &BindArgs, config: &Path) -> Result<ExitCode, Failure> {
    let offline = Offline::load(config, args.at.unwrap_or_else(Timestamp::now))?.remembering();
    offline.print_errors();
    let feed = match &args.feed {
        Some(_) => offline.feed(args.feed.as_deref())?,
        None => offline.signed_feed()?,
    };
    let mut problems = offline.warnings.clone();
    let parsed = feed.as_ref().map(|sourced| &sourced.feed);
    let snapshot = Arc::new(offline.snapshot_with_problems(parsed, None, &mut problems)?);
    print(&problems);
    for name in left_out(&snapshot) {
        eprint_line!(
            "cvdns: the TXT record of {name} is left out: no release is known, or its stamp is \
             too old"
        );
    }
    if let Some(warning) = undistinguished_warning(&snapshot).filter(|_| !args.views) {
        eprint_line!("cvdns: {warning}");
    }
    let directory = open(&args.out)?;
    let input = ExportInput {
        snapshot,
        feed: feed.map(|sourced| sourced.feed.serial),
        countries: offline.loaded.inputs.countries.clone(),
        signer: args.signed.then(|| ExportSigner {
            store: Arc::default(),
            now: args.at.unwrap_or_else(Timestamp::now).as_second(),
        }),
    };
    let exporter = Exporter::new(directory, args.acl(), args.commands()?);
    let changes = exporter.export(&input).map_err(|error| Failure::new(error.to_string()))?;
    print_ecs_warning(&offline.loaded);
    let (files, written) = (changes.files, changes.written);
    print_line(format_args!("{}: {files} files, {written} changed", args.out.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn open(path: &Path) -> Result<Directory, Failure> {
    Directory::open(path).map_err(|error| Failure::new(error.to_string()))
}

fn print_ecs_warning(loaded: &Loaded) {
    for line in ecs_warning(loaded.config.server.ecs) {
        eprint_line!("cvdns: {line}");
    }
}

fn watch(
    args: &BindArgs,
    config: &Path,
    log: &LogQueue,
    signals: Signals,
) -> Result<ExitCode, Failure> {
    check_variable().map_err(Failure::new)?;
    let mut problems = Problems::default();
    let Some(loaded) = load(config, &mut problems) else {
        print(&problems);
        return Ok(ExitCode::FAILURE);
    };
    let level = start_log(&loaded.config.log, log);
    log.go_on_in_file(&loaded.config.log, config).map_err(Failure::new)?;
    let (commands, feed) = (args.commands()?, args.source()?);
    let directory = open(&args.out)?;
    print_ecs_warning(&loaded);
    let (state, keeps_export) = (directory.state(), directory.current().exists());
    if let Some(kept) = &loaded.state {
        crate::daemon::copy_state(kept, &state);
    }
    let exporting = Exporter::new(directory, args.acl(), commands).start();
    let exporting =
        exporting.map_err(|error| Failure::new(format!("cannot start a thread: {error}")))?;
    let mut follower = ExportFollower {
        feed,
        state,
        exporting,
        views: args.views,
        signatures: args.signed.then(Arc::default),
        last: None,
        keeps_export,
        warned: false,
        left_out: None,
    };
    let done = follow_without_serving(config, (loaded, problems), signals, &level, &mut follower);
    follower.exporting.stop();
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

/// Passes each new snapshot to the export thread.
struct ExportFollower {
    /// The feed of the command line.
    feed: Option<FeedSource>,
    /// The state directory of this export.
    state: PathBuf,
    exporting: ExportThread,
    /// Whether clients are told apart by views.
    views: bool,
    /// The signatures that were made, if the export has any.
    signatures: Option<Arc<SignatureStore>>,
    /// The snapshot that was exported last.
    last: Option<Arc<Snapshot>>,
    /// Whether the export of an earlier run stays in place because no feed has arrived since.
    keeps_export: bool,
    /// Whether `keeps_export` was logged.
    warned: bool,
    /// The warning of mirrors that are left out for all clients, as it was logged last.
    left_out: Option<String>,
}

impl Follower for ExportFollower {
    fn adjust(&self, loaded: &mut Loaded) {
        // The configured directory belongs to a server with the same configuration.
        loaded.state = Some(self.state.clone());
        if let Some(feed) = &self.feed {
            loaded.feeds = feed.clone().into();
        }
    }

    fn see(&mut self, state: &FollowedState<'_>) {
        let FollowedState { snapshot, feed, loaded } = state;
        if self.last.as_ref().is_some_and(|last| Arc::ptr_eq(last, snapshot)) {
            return;
        }
        // Without a feed nothing is known of the mirrors, so an earlier export is the better
        // answer.
        self.keeps_export &= feed.is_none();
        if self.keeps_export && !loaded.feeds.is_empty() {
            if !self.warned {
                warn!("the last export stays in place until there is a feed");
            }
            self.warned = true;
            return;
        }
        let left_out = undistinguished_warning(snapshot).filter(|_| !self.views);
        if left_out != self.left_out {
            if let Some(warning) = &left_out {
                warn!("{warning}");
            } else {
                info!("no mirror is left out for all clients any more");
            }
            self.left_out = left_out;
        }
        self.last = Some(snapshot.clone());
        let countries = loaded.inputs.countries.clone();
        let signer = self
            .signatures
            .as_ref()
            .map(|store| ExportSigner { store: store.clone(), now: Timestamp::now().as_second() });
        self.exporting.give(ExportInput {
            snapshot: snapshot.clone(),
            feed: *feed,
            countries,
            signer,
        });
    }
}
