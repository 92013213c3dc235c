//! The database's file: its tables, how it is opened, and what is wrong with it.
//!
//! With a write-ahead log, others read while the coordinator writes, and a commit needs no flush to
//! the disk (`synchronous = NORMAL`). A process that is killed loses nothing that was committed. A
//! loss of power may lose the last commits, but never the whole: the log is flushed before the
//! database is touched, and pages of the log have checksums.

use std::ffi::OsStr;
use std::fmt::{self, Write as _};
use std::fs::metadata;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::{AccessFlags, access};
use rusqlite::{Connection, Error, ErrorCode, OpenFlags, ffi};

/// Days of checks in one row of `hours`.
pub(super) const HOURS_BLOCK: i64 = 32;
/// Days in one row of `days`.
pub(super) const DAYS_BLOCK: i64 = 512;
/// The progress of a step that is done for all addresses.
pub(super) const ALL: i64 = i64::MAX;

/// The name of the file in the state directory.
const NAME: &str = "history.db";

/// Marks a database as ours (`PRAGMA application_id`): "cvdh".
const APPLICATION: i32 = 0x6376_6468;
/// The only format (`PRAGMA user_version`).
const FORMAT: i32 = 1;

/// What a database that cannot be used is named, after the name of the database.
const ASIDE: &str = ".broken";
/// The most databases that are put aside. With more of them, the disk would be full of them.
const MOST_ASIDE: usize = 8;

/// How long a connection waits for another one.
const PATIENCE: Duration = Duration::from_secs(10);

/// Dates are days since 1970. `number` counts the dates on which something was recorded, in the
/// order of recording; in the other tables it is the number of the last such date. `folded` and
/// `dropped` are the highest number of an address for which that is done. `STRICT` refuses values
/// of other types.
const TABLES: &str = "
CREATE TABLE progress (
    only INTEGER PRIMARY KEY CHECK (only = 1), revision INTEGER NOT NULL, latest INTEGER NOT NULL,
    swept INTEGER NOT NULL) STRICT;
INSERT INTO progress VALUES (1, 0, -1000000000, 0);
CREATE TABLE dates (
    date INTEGER PRIMARY KEY, number INTEGER NOT NULL, hold INTEGER NOT NULL,
    folded INTEGER NOT NULL DEFAULT 0, dropped INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE hosts (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE addresses (
    id INTEGER PRIMARY KEY AUTOINCREMENT, host INTEGER NOT NULL, address TEXT NOT NULL,
    number INTEGER NOT NULL, revision INTEGER NOT NULL, UNIQUE (host, address)) STRICT;
CREATE TABLE reasons (
    id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL UNIQUE, number INTEGER NOT NULL) STRICT;
CREATE INDEX reasons_of ON reasons (number);
CREATE TABLE checks (
    address INTEGER NOT NULL, date INTEGER NOT NULL, packed BLOB NOT NULL,
    PRIMARY KEY (address, date)) STRICT, WITHOUT ROWID;
CREATE TABLE hours (
    address INTEGER NOT NULL, block INTEGER NOT NULL, packed BLOB NOT NULL,
    PRIMARY KEY (address, block)) STRICT, WITHOUT ROWID;
CREATE TABLE days (
    address INTEGER NOT NULL, block INTEGER NOT NULL, packed BLOB NOT NULL,
    PRIMARY KEY (address, block)) STRICT, WITHOUT ROWID;
CREATE TABLE changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, address INTEGER NOT NULL, second INTEGER NOT NULL,
    was INTEGER NOT NULL, became INTEGER NOT NULL, reason INTEGER NOT NULL,
    number INTEGER NOT NULL) STRICT;
CREATE INDEX changes_of ON changes (address, id);
";

/// Which file is in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// The file that is there now; `None` if there is none.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let metadata = metadata(path).ok()?;
        Some(Self { device: metadata.dev(), inode: metadata.ino() })
    }
}

/// Why the database cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It is no database of ours, or not whole: another one must take its place.
    Damaged(String),
    /// The system refuses, as it does when the disk is full. It may not do so later.
    Refused(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(what) | Self::Refused(what) => f.write_str(what),
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        let mut text = in_one_line(&error.to_string());
        // The file beside the database that is mapped into memory is the first to need room.
        if error
            .sqlite_error()
            .is_some_and(|error| error.extended_code == ffi::SQLITE_IOERR_SHMSIZE)
        {
            text.push_str(
                ": the file beside it, with -shm in its name, cannot grow: the disk is full",
            );
        }
        match error.sqlite_error_code() {
            // Of the unknown ones: a table is missing, or has other columns or values than ours.
            Some(
                ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::Unknown
                | ErrorCode::TypeMismatch,
            )
            | None => Self::Damaged(text),
            Some(_) => Self::Refused(text),
        }
    }
}

/// The path of the database in a state directory.
pub(super) fn path(state: &Path) -> PathBuf {
    state.join(NAME)
}

/// Opens the database to write it, and makes it if there is none. It is looked through if
/// `thorough`, or if it was not closed the last time.
pub(super) fn open(path: &Path, thorough: bool) -> Result<Connection, Trouble> {
    is_usable(path)?;
    let was_open = beside(path, "-wal").exists();
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|error| without_target(path).unwrap_or_else(|| error.into()))?;
    settle(&connection)?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
    connection.pragma_update(None, "journal_size_limit", 16 << 20)?;
    if is_empty(&connection)? {
        let create = format!(
            "BEGIN IMMEDIATE; {TABLES} PRAGMA application_id = {APPLICATION}; \
             PRAGMA user_version = {FORMAT}; COMMIT;"
        );
        connection.execute_batch(&create)?;
    } else {
        is_ours(&connection)?;
        if thorough || was_open {
            examine(&connection)?;
        }
    }
    Ok(connection)
}

/// Opens the database to read it. `None` if there is none, or one without anything in it yet, as
/// it is until its tables are made.
pub(super) fn open_to_read(path: &Path) -> Result<Option<Connection>, Trouble> {
    match metadata(path) {
        // A link may lead to no place for a file.
        Err(error) if error.kind() == ErrorKind::NotFound => return is_usable(path).map(|()| None),
        Err(error) => return Err(Trouble::Refused(error.to_string())),
        Ok(metadata) if !metadata.is_file() => {
            return Err(Trouble::Damaged("it is no regular file".to_owned()));
        }
        Ok(_) => {}
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags).and_then(ready_to_read);
    let connection = match opened {
        // Whoever may not write the directory cannot make the files that go with the log. Without
        // a log, nobody writes.
        Err(_) if !beside(path, "-wal").exists() => {
            let flags = flags | OpenFlags::SQLITE_OPEN_URI;
            Connection::open_with_flags(unchanging(path), flags).and_then(ready_to_read)?
        }
        opened => opened?,
    };
    if is_empty(&connection)? {
        return Ok(None);
    }
    is_ours(&connection)?;
    Ok(Some(connection))
}

/// Looks through the whole database.
pub(super) fn examine(connection: &Connection) -> Result<(), Trouble> {
    let found: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(Trouble::from)?;
    // Before what it found, SQLite has a line about the database in which it did.
    let found: Vec<&str> = found.lines().filter(|line| !line.starts_with("***")).collect();
    let found = in_one_line(&found.join(" "));
    if found == "ok" { Ok(()) } else { Err(Trouble::Damaged(found)) }
}

/// Puts a database that cannot be used aside, with its log. What was put aside before stays.
/// Returns a message about that, or why it cannot be.
pub(super) fn make_room(path: &Path) -> Result<String, Trouble> {
    let is_free =
        |path: &Path| [path, &beside(path, "-wal")].iter().all(|of| of.symlink_metadata().is_err());
    let names = (1..=MOST_ASIDE).map(|number| match number {
        1 => beside(path, ASIDE),
        number => beside(path, format!("{ASIDE}-{number}")),
    });
    let aside = names.into_iter().find(|aside| is_free(aside)).ok_or_else(|| {
        Trouble::Refused(format!(
            "{MOST_ASIDE} others were put aside before it: look at the disk, and remove \
             {NAME}{ASIDE} and those with a number"
        ))
    })?;
    std::fs::rename(path, &aside)
        .map_err(|error| Trouble::Refused(format!("it cannot be put aside: {error}")))?;
    // With the log under this name, the database that was put aside can still be opened.
    let _ = std::fs::rename(beside(path, "-wal"), beside(&aside, "-wal"));
    let _ = std::fs::remove_file(beside(path, "-shm"));
    Ok(format!("it is put aside as {}", aside.display()))
}

/// The octets that the database and its log take on the disk.
pub(super) fn size(path: &Path) -> u64 {
    let of = |path: &Path| metadata(path).map_or(0, |metadata| metadata.len());
    of(path).saturating_add(of(&beside(path, "-wal")))
}

/// A file beside a database, with a longer name.
fn beside(path: &Path, suffix: impl AsRef<OsStr>) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The name by which `SQLite` opens a file that nobody changes meanwhile.
fn unchanging(path: &Path) -> String {
    let mut name = "file:".to_owned();
    for octet in path.as_os_str().as_bytes() {
        match octet {
            b'/' | b'.' | b'-' | b'_' => name.push(char::from(*octet)),
            octet if octet.is_ascii_alphanumeric() => name.push(char::from(*octet)),
            octet => {
                let _ = write!(name, "%{octet:02x}");
            }
        }
    }
    name + "?immutable=1"
}

/// Whether there is a file that can be written, or none.
pub(super) fn is_usable(path: &Path) -> Result<(), Trouble> {
    match metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            Err(Trouble::Damaged("it is no regular file".to_owned()))
        }
        // A file that is opened and closed beside SQLite would lose SQLite's locks.
        Ok(_) => access(path, AccessFlags::R_OK | AccessFlags::W_OK).map_err(|error| {
            Trouble::Refused(match error {
                nix::errno::Errno::EACCES => "its mode or owner forbids its use: give it to the \
                                              account of `cvdns monitor`"
                    .to_owned(),
                error => error.to_string(),
            })
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let place = |target: PathBuf| path.parent().map(|of| of.join(target));
            let target = std::fs::read_link(path).ok().and_then(place);
            let has_place = target.is_none_or(|target| target.parent().is_some_and(Path::is_dir));
            if has_place { Ok(()) } else { without_target(path).map_or(Ok(()), Err) }
        }
        Err(error) => Err(Trouble::Refused(error.to_string())),
    }
}

/// What is wrong with a link that leads to no file, and to no place for one.
fn without_target(path: &Path) -> Option<Trouble> {
    let target = std::fs::read_link(path).ok().filter(|_| !path.exists())?;
    let what = format!("it is a link to {}, where no file can be made", target.display());
    Some(Trouble::Refused(what))
}

/// Whether there is nothing in a database yet.
fn is_empty(connection: &Connection) -> Result<bool, Trouble> {
    Ok(pragma(connection, "schema_version")? == 0 && pragma(connection, "application_id")? == 0)
}

fn pragma(connection: &Connection, name: &str) -> Result<i32, Trouble> {
    Ok(connection.pragma_query_value(None, name, |row| row.get(0))?)
}

/// Messages of `SQLite` have several lines, and what it was told to do.
fn in_one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Settings of every connection. `cell_size_check` finds damage early; without a memory map, a
/// file that is cut short is an error and no SIGBUS.
fn settle(connection: &Connection) -> Result<(), Error> {
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(32);
    connection.execute_batch(
        "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;
         PRAGMA cache_size = -4096; PRAGMA temp_store = MEMORY;",
    )
}

/// Settles a connection, and reads a first page.
fn ready_to_read(connection: Connection) -> Result<Connection, Error> {
    settle(&connection)?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

fn is_ours(connection: &Connection) -> Result<(), Trouble> {
    if pragma(connection, "application_id")? != APPLICATION {
        return Err(Trouble::Damaged("it is the database of another program".to_owned()));
    }
    match pragma(connection, "user_version")? {
        FORMAT => Ok(()),
        format => Err(Trouble::Damaged(format!(
            "format {format} is not known; this version reads format {FORMAT}"
        ))),
    }
}
