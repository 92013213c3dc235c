//! Checks that the account that serve runs as exists and has the permissions that it needs.
//!
//! The server reads files as root when it starts and as the account when it reloads them. Owners,
//! groups and modes are checked; access control lists and security modules are not.

mod log_file;

use std::collections::{HashMap, HashSet};
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User, getegid, geteuid};

use crate::load::{Loaded, is_in_bundle, signature_path};
use cvdns_core::problem::{Location, Problems};
use cvdns_core::zone::file::RecordsSource;
use cvdns_io::beside;
use cvdns_net::privileges;

/// Unreadable files that are reported at most: most have one cause.
const MAX_REPORTED: usize = 20;

/// Permission bits of a mode, for one of owner, group and others.
const READ: u32 = 4;
const WRITE: u32 = 2;
const SEARCH: u32 = 1;

pub(super) fn check(config: &Path, loaded: &Loaded, problems: &mut Problems) {
    let server = &loaded.config.server;
    let account = match &server.user {
        None => Some(Account::own()),
        Some(name) => Account::named(name),
    };
    let Some(account) = account else {
        let name = server.user.as_deref().unwrap_or_default();
        let location = server.user_location.clone();
        problems.error(
            location.unwrap_or_else(|| Location::file(&config.display().to_string())),
            format!("this system has no user {name:?}, so serve would not start"),
            format!("create the user (`useradd --system {name}`), or remove `user`"),
        );
        return;
    };
    let mut access = Access { account, searched: HashMap::new() };
    check_files(config, loaded, &mut access, problems);
    check_state(loaded, &mut access, problems);
    check_log(config, loaded, &mut access, problems);
    check_sockets(config, loaded, &mut access, problems);
}

/// The user whose permissions count.
struct Account {
    name: String,
    uid: Uid,
    groups: Vec<u32>,
    /// Whether serve starts as root, creates `state` for the account and then switches to it.
    root_first: bool,
}

impl Account {
    /// The user of this process: without `user`, serve does not change the account.
    fn own() -> Self {
        let uid = geteuid();
        let name =
            User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name);
        let mut groups = vec![getegid().as_raw()];
        #[cfg(not(target_vendor = "apple"))]
        groups.extend(nix::unistd::getgroups().into_iter().flatten().map(nix::unistd::Gid::as_raw));
        Self { name, uid, groups, root_first: false }
    }

    fn named(name: &str) -> Option<Self> {
        let user = User::from_name(name).ok().flatten()?;
        let mut groups = vec![user.gid.as_raw()];
        #[cfg(not(target_vendor = "apple"))]
        if let Ok(name) = std::ffi::CString::new(name) {
            let of = nix::unistd::getgrouplist(&name, user.gid);
            groups.extend(of.into_iter().flatten().map(nix::unistd::Gid::as_raw));
        }
        Some(Self { name: name.to_owned(), uid: user.uid, groups, root_first: geteuid().is_root() })
    }

    /// Whether the account has these permission bits on the file or directory.
    fn may(&self, metadata: &Metadata, permissions: u32) -> bool {
        if self.uid.is_root() {
            return true;
        }
        let mode = metadata.mode();
        let bits = if metadata.uid() == self.uid.as_raw() {
            mode >> 6
        } else if self.groups.contains(&metadata.gid()) {
            mode >> 3
        } else {
            mode
        };
        bits & permissions == permissions
    }
}

/// Finds what an account cannot reach.
struct Access {
    account: Account,
    /// For each directory checked so far, the directory of its path that the account may not enter.
    searched: HashMap<PathBuf, Option<PathBuf>>,
}

impl Access {
    /// The first directory of this path that the account may not enter, or `None`.
    fn closed_directory(&mut self, directory: &Path) -> Option<PathBuf> {
        if let Some(known) = self.searched.get(directory) {
            return known.clone();
        }
        let real = fs::canonicalize(directory).ok().filter(|real| real != directory);
        let ways = [directory.parent().map(Path::to_owned), real];
        let above = ways.into_iter().flatten().find_map(|way| self.closed_directory(&way));
        let closed = above.or_else(|| {
            let metadata = fs::metadata(directory).ok()?;
            let is_open = self.account.may(&metadata, SEARCH);
            (metadata.is_dir() && !is_open).then(|| directory.to_owned())
        });
        self.searched.insert(directory.to_owned(), closed.clone());
        closed
    }

    /// What keeps the account from reading this file: a directory of its path, or the file itself.
    /// `None` if nothing does or the file does not exist.
    fn obstacle(&mut self, path: &Path) -> Option<PathBuf> {
        let path = std::path::absolute(path).ok()?;
        let is_link = fs::symlink_metadata(&path).ok()?.is_symlink();
        let real = if is_link { fs::canonicalize(&path).ok() } else { None };
        let directories = [path.parent(), real.as_deref().and_then(Path::parent)];
        let closed =
            directories.into_iter().flatten().find_map(|above| self.closed_directory(above));
        if closed.is_some() {
            return closed;
        }
        let metadata = fs::metadata(&path).ok()?;
        (!self.account.may(&metadata, READ)).then_some(path)
    }
}

/// The zone files on the disk, and the files that they name.
fn zone_files(config: &Path, loaded: &Loaded) -> Vec<(PathBuf, Location)> {
    let whole = || Location::file(&config.display().to_string());
    let mut out = Vec::new();
    let named =
        loaded.config.zones.iter().map(|named| (beside(config, &named.value), &named.location));
    let named: HashMap<PathBuf, &Location> = named.collect();
    for zone in &loaded.inputs.zones {
        let file = PathBuf::from(zone.file.whole.file_name());
        if is_in_bundle(&file) {
            continue;
        }
        let records = match &zone.file.records {
            RecordsSource::File(path) => Some(path),
            RecordsSource::Primary(_) => None,
        };
        let parts = [records, zone.file.mirrors.as_ref()];
        out.extend(
            parts
                .into_iter()
                .flatten()
                .map(|part| (beside(&file, &part.value), part.location.clone())),
        );
        let location = named.get(&file).map_or_else(whole, |location| (*location).clone());
        out.push((file, location));
    }
    out
}

/// Every file that the running server reads again, with the location that names it.
fn files(config: &Path, loaded: &Loaded) -> Vec<(PathBuf, Location)> {
    let whole = || Location::file(&config.display().to_string());
    let mut out = vec![(config.to_owned(), whole())];
    let included = loaded.config.files.iter().skip(1);
    out.extend(included.map(|name| (PathBuf::from(name), Location::file(name))));
    out.extend(zone_files(config, loaded));
    for zone in &loaded.signed {
        out.extend(zone.files.iter().map(|file| (file.clone(), zone.location.clone())));
    }
    let (feed, record) = (&loaded.config.feed, &loaded.config.record);
    if loaded.countries.size.is_some() {
        let database = &loaded.config.geoip.database;
        out.push((beside(config, &database.value), database.location.clone()));
    }
    for named in feed.sources.iter().filter(|named| !named.value.contains("://")) {
        let path = beside(config, &named.value);
        out.extend(
            feed.public_key.as_ref().map(|_| (signature_path(&path), named.location.clone())),
        );
        out.push((path, named.location.clone()));
    }
    let secrets = &loaded.config.cookies.secret_file;
    let token = &loaded.config.admin.token_file;
    let overrides = if loaded.overrides.path.is_none() { &None } else { &feed.overrides };
    let parts = [&feed.ca_file, overrides, &record.file, secrets, token];
    let nats = loaded.config.nats.iter().flat_map(|nats| [&nats.credentials, &nats.ca_file]);
    let parts = parts.into_iter().chain(nats);
    let tls = loaded.config.tls.iter().flat_map(|tls| [&tls.certificate, &tls.key]);
    for named in parts.flatten().chain(tls) {
        out.push((beside(config, &named.value), named.location.clone()));
    }
    if let Some(named) = &record.cvd_dir {
        let databases = loaded
            .supply
            .watched()
            .into_iter()
            .filter(|path| loaded.supply.line.as_ref() != Some(path));
        out.extend(databases.map(|path| (path, named.location.clone())));
    }
    out.extend(kept_files(loaded));
    out
}

/// Those of the files that nobody but the account should read.
fn secrets(config: &Path, loaded: &Loaded) -> HashSet<PathBuf> {
    let named = [&loaded.config.cookies.secret_file, &loaded.config.admin.token_file];
    let named = named.into_iter().flatten().chain(loaded.config.tls.iter().map(|tls| &tls.key));
    let keys = loaded.signed.iter().flat_map(|zone| zone.files.iter().cloned());
    named.map(|named| beside(config, &named.value)).chain(keys).collect()
}

/// The files that are kept in the state directory and read at the start.
fn kept_files(loaded: &Loaded) -> Vec<(PathBuf, Location)> {
    let Some((state, named)) = loaded.state.as_ref().zip(loaded.config.feed.state.as_ref()) else {
        return Vec::new();
    };
    let files = ["feed.json", "record.json", "overrides.json", "signed.json"];
    files.map(|name| (state.join(name), named.location.clone())).into()
}

fn check_files(config: &Path, loaded: &Loaded, access: &mut Access, problems: &mut Problems) {
    if access.account.uid.is_root() {
        return;
    }
    let secrets = secrets(config, loaded);
    let mut reported: HashSet<PathBuf> = HashSet::new();
    for (path, location) in files(config, loaded) {
        let Some(obstacle) = access.obstacle(&path) else { continue };
        if !reported.insert(obstacle.clone()) || reported.len() > MAX_REPORTED {
            continue;
        }
        let is_secret = secrets.contains(&path) && !obstacle.is_dir();
        let (name, path, what) = (&access.account.name, path.display(), obstacle.display());
        let (why, bits) = if obstacle.is_dir() {
            (format!("{name} may not enter {what}, which contains {path}"), "x")
        } else {
            (format!("{name} may not read {path}"), "r")
        };
        let help = if is_secret {
            format!(
                "serve reads it again at a reload: give it to {name}'s group and `chmod 640 \
                 {what}`, as others must not read it"
            )
        } else {
            format!(
                "serve reads it again at a reload, and a feed whenever it changes: `chmod o+{bits} \
                 {what}`, or give it to {name}'s group"
            )
        };
        problems.error(location, why, help);
    }
    if let Some(more @ 1..) = reported.len().checked_sub(MAX_REPORTED) {
        let what =
            format!("{} may not read {more} more files and directories", access.account.name);
        problems.error(
            Location::file(&config.display().to_string()),
            what,
            "correct those above first",
        );
    }
}

/// Checks that the account can write to the state directory.
fn check_state(loaded: &Loaded, access: &mut Access, problems: &mut Problems) {
    let (Some(state), Some(named)) = (&loaded.state, &loaded.config.feed.state) else { return };
    let written = Written {
        directory: state,
        location: &named.location,
        key: "`state` in [feed]",
        lost: "after a restart the server would not know what was in force",
    };
    check_written(&written, access, problems);
}

/// Checks that the file of the log is its alone, and that the account can make it.
fn check_log(config: &Path, loaded: &Loaded, access: &mut Access, problems: &mut Problems) {
    let Some(named) = &loaded.config.log.file else { return };
    let file = beside(config, &named.value);
    let read: Vec<_> = files(config, loaded).into_iter().map(|(path, _)| path).collect();
    let refused = log_file::refused(&file, &named.value, &read, &made(config, loaded));
    if let Some((what, help)) = refused.or_else(|| not_writable(&file, access)) {
        problems.error(named.location.clone(), what, help);
        return;
    }
    let Some(directory) = file.parent().filter(|above| !above.as_os_str().is_empty()) else {
        return;
    };
    let written = Written {
        directory,
        location: &named.location,
        key: "`file` in [log]",
        lost: "the server could not open its log there",
    };
    check_written(&written, access, problems);
}

/// Sockets and files that the server makes and does not read at a reload.
fn made(config: &Path, loaded: &Loaded) -> Vec<PathBuf> {
    let sockets = loaded.config.admin.unix().map(|socket| beside(config, socket));
    let versions = loaded.state.iter().map(|state| state.join("versions.json"));
    sockets.chain(loaded.takeover.clone()).chain(versions).collect()
}

/// Whether the file is there and the account may not write it, and what to do.
fn not_writable(file: &Path, access: &Access) -> Option<(String, String)> {
    let metadata = file.metadata().ok()?;
    let (shown, name) = (file.display(), &access.account.name);
    (!access.account.may(&metadata, WRITE))
        .then(|| (format!("{name} may not write {shown}"), format!("chown {name} {shown}")))
}

/// Checks that the account can make the files of sockets.
fn check_sockets(config: &Path, loaded: &Loaded, access: &mut Access, problems: &mut Problems) {
    let whole = Location::file(&config.display().to_string());
    let (admin, takeover) = (&loaded.config.admin, &loaded.config.server.takeover);
    let admin = admin.unix().map(|path| (path, &whole, "`listen` in [admin]"));
    let takeover = takeover.as_ref().map(|named| (named.value.as_str(), &named.location));
    let takeover = takeover.map(|(path, location)| (path, location, "`takeover` in [server]"));
    for (path, location, key) in admin.chain(takeover) {
        let socket = beside(config, path);
        let Some(directory) = socket.parent().filter(|above| !above.as_os_str().is_empty()) else {
            continue;
        };
        let lost = "the server could not make its socket there";
        check_written(&Written { directory, location, key, lost }, access, problems);
    }
}

/// A directory in which the server makes files.
struct Written<'w> {
    directory: &'w Path,
    /// Where the configuration names it.
    location: &'w Location,
    /// The key that does, for messages.
    key: &'w str,
    /// What fails if it cannot be written.
    lost: &'w str,
}

fn check_written(written: &Written<'_>, access: &mut Access, problems: &mut Problems) {
    let Written { directory, location, key, lost } = *written;
    let (shown, name) = (directory.display(), access.account.name.clone());
    let mut wrong = |what: String, help: String| problems.error(location.clone(), what, help);
    match fs::metadata(directory) {
        Ok(metadata) if !metadata.is_dir() => {
            wrong(format!("{shown} is not a directory"), format!("name another directory ({key})"));
        }
        Ok(metadata) => {
            let writable = access.account.may(&metadata, WRITE | SEARCH);
            let absolute = std::path::absolute(directory).ok();
            let closed =
                absolute.and_then(|directory| access.closed_directory(directory.parent()?));
            if !writable || closed.is_some() {
                let at = closed
                    .map(|closed| format!(" (it may not enter {})", closed.display()))
                    .unwrap_or_default();
                wrong(
                    format!("{name} may not write in {shown}{at}: {lost}"),
                    format!("chown {name} {shown}"),
                );
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let Some(above) = existing(directory) else { return };
            let cannot = match fs::metadata(&above) {
                Ok(metadata) if !metadata.is_dir() => {
                    Some(format!("{} is not a directory", above.display()))
                }
                Ok(metadata)
                    if !makes_as_root(&access.account, directory)
                        && !access.account.may(&metadata, WRITE | SEARCH) =>
                {
                    Some(format!("{name} may not write in {}", above.display()))
                }
                _ => None,
            };
            if let Some(why) = cannot {
                let what = format!("{shown} does not exist and cannot be created: {why}; {lost}");
                wrong(what, format!("create it: install -d -o {name} {shown}"));
            }
        }
        Err(error) => {
            wrong(
                format!("cannot read the metadata of {shown}: {error}"),
                format!("make it a directory that {name} owns"),
            );
        }
    }
}

/// Whether serve creates the directory as root before it switches to the account.
fn makes_as_root(account: &Account, directory: &Path) -> bool {
    account.root_first && privileges::root_may_make(directory)
}

/// The nearest ancestor of a path that exists.
fn existing(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    path.ancestors().skip(1).find(|above| above.exists()).map(Path::to_owned)
}
