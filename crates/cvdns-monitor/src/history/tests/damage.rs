//! Databases that cannot be used, and disks that are full.

use std::path::Path;
use std::time::Duration;

use super::super::database::{Trouble, open, path};
use super::super::{Found, History, Recorder, history_trouble};
use super::{HOLD, at, compact, database, ip, note, record};
use crate::history::write::write;

const SECOND: i64 = 20_000 * 86_400;
const LIMIT: Duration = Duration::from_secs(60);

fn recorder(dir: &Path) -> Recorder {
    Recorder::start(dir, Duration::from_secs(3600)).unwrap()
}

/// Records a check; whether it is there afterwards.
fn records(recorder: &Recorder, dir: &Path, second: i64) -> bool {
    recorder.note(note("a.example", ip(1), second, Found::Serves));
    let done = recorder.flush(LIMIT);
    let history = History::open(dir);
    let read =
        history.ok().flatten().and_then(|history| history.of("a.example", at(second), 1).ok());
    done && read.flatten().is_some_and(|of| of.addresses[0].checks[0].at == at(second))
}

/// A database with much in it.
fn fill(dir: &Path) {
    let mut database = database(dir);
    for day in 0..20 {
        let notes: Vec<_> = (0..200)
            .map(|number| note("a.example", ip(number), SECOND + day * 86_400, Found::Dead))
            .collect();
        record(&mut database, &notes);
    }
    compact(&mut database);
}

#[test]
fn whatever_is_in_its_place_is_put_aside() {
    type Kind<'k> = (&'k str, &'k dyn Fn(&Path));
    let kinds: [Kind<'_>; 8] = [
        ("text", &|path| std::fs::write(path, "no database ".repeat(1000)).unwrap()),
        ("cut short", &|path| {
            fill(path.parent().unwrap());
            let whole = std::fs::read(path).unwrap();
            std::fs::write(path, &whole[..whole.len() / 2]).unwrap();
        }),
        ("overwritten in the middle", &|path| {
            fill(path.parent().unwrap());
            let mut whole = std::fs::read(path).unwrap();
            let at = whole.len() / 3;
            whole[at..at * 2].fill(0xa5);
            std::fs::write(path, whole).unwrap();
        }),
        ("of another version", &|path| {
            fill(path.parent().unwrap());
            let connection = rusqlite::Connection::open(path).unwrap();
            connection.pragma_update(None, "user_version", 2).unwrap();
        }),
        ("of another program", &|path| {
            let connection = rusqlite::Connection::open(path).unwrap();
            connection.execute_batch("CREATE TABLE mine (x)").unwrap();
        }),
        ("without a table", &|path| {
            fill(path.parent().unwrap());
            let connection = rusqlite::Connection::open(path).unwrap();
            connection.execute_batch("DROP TABLE checks").unwrap();
        }),
        ("a directory", &|path| std::fs::create_dir(path).unwrap()),
        ("a pipe", &|path| nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap()),
    ];
    for (kind, make) in kinds {
        let dir = tempfile::tempdir().unwrap();
        make(&path(dir.path()));
        let recorder = recorder(dir.path());
        // Damage in the middle is found when somebody looks.
        recorder.suspect();
        assert!(records(&recorder, dir.path(), SECOND), "{kind}");
        let aside = path(dir.path()).with_extension("db.broken");
        assert!(aside.symlink_metadata().is_ok(), "{kind}");
        let status = recorder.status();
        assert!(status.writable && status.dropped == 0 && status.size > 0, "{kind}: {status:?}");
    }
}

/// The last that was put aside may be junk, and an earlier one the good history.
#[test]
fn what_was_put_aside_before_is_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let name = |number: u32| match number {
        1 => "history.db.broken".to_owned(),
        number => format!("history.db.broken-{number}"),
    };
    // One of them has left nothing but its log.
    std::fs::write(dir.path().join("history.db.broken-3-wal"), "log").unwrap();
    let junk = |number: u32| format!("no database {number} ").repeat(1000);
    let numbers = [1, 2, 4, 5, 6, 7, 8];
    for number in numbers {
        std::fs::write(path(dir.path()), junk(number)).unwrap();
        assert!(records(&recorder(dir.path()), dir.path(), SECOND), "{number}");
    }
    for number in numbers {
        let aside = dir.path().join(name(number));
        assert_eq!(std::fs::read_to_string(&aside).unwrap(), junk(number));
    }
    // With so many of them, nothing more is put aside until somebody has looked.
    std::fs::write(path(dir.path()), junk(9)).unwrap();
    let waiting = recorder(dir.path());
    assert!(!records(&waiting, dir.path(), SECOND) && !waiting.status().writable);
    assert_eq!(std::fs::read_to_string(path(dir.path())).unwrap(), junk(9));
    std::fs::remove_file(dir.path().join(name(4))).unwrap();
    assert!(records(&waiting, dir.path(), SECOND));
    assert_eq!(std::fs::read_to_string(dir.path().join(name(4))).unwrap(), junk(9));
}

/// It is no fault of the database that somebody else owns it, or that its link leads nowhere.
#[test]
fn what_the_system_refuses_is_not_put_aside() {
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/nonexistent/history", path(dir.path())).unwrap();
    let Err(Trouble::Refused(what)) = open(&path(dir.path()), true) else { panic!("refused") };
    assert_eq!(what, "it is a link to /nonexistent/history, where no file can be made");
    // Whoever reads is told the same, rather than that nothing was recorded.
    let refused = History::open(dir.path()).err().unwrap();
    assert!(refused.ends_with(&what), "{refused}");
    let recorder = recorder(dir.path());
    assert!(!records(&recorder, dir.path(), SECOND));
    // At the end of a run, what is not recorded is lost.
    assert_eq!(recorder.status().dropped, 0);
    assert_eq!(recorder.conclude(std::time::Duration::from_secs(10)).dropped, 1);
    drop(recorder);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing but the link");
}

/// On a full disk the file may be there before its tables are.
#[test]
fn a_database_with_nothing_in_it_is_none_yet() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(path(dir.path()), "").unwrap();
    assert!(History::open(dir.path()).unwrap().is_none());
    let connection = rusqlite::Connection::open(path(dir.path())).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    drop(connection);
    assert!(std::fs::metadata(path(dir.path())).unwrap().len() > 0);
    assert!(History::open(dir.path()).unwrap().is_none());
    assert_eq!(history_trouble(dir.path()), None);
    assert!(records(&recorder(dir.path()), dir.path(), SECOND));
}

#[test]
fn what_is_wrong_is_told_beforehand_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(history_trouble(dir.path()), None);
    fill(dir.path());
    assert_eq!(history_trouble(dir.path()), None);
    let connection = rusqlite::Connection::open(path(dir.path())).unwrap();
    connection.execute_batch("DROP TABLE dates").unwrap();
    let history = History::open(dir.path()).unwrap().unwrap();
    let error = history.of("a.example", at(SECOND), 1).unwrap_err();
    assert!(error.contains("no such table: dates") && !error.contains('\n'), "{error:?}");
    connection.pragma_update(None, "user_version", 2).unwrap();
    let what = history_trouble(dir.path()).unwrap();
    assert!(what.contains("format 2 is not known"), "{what}");
    // A link may lead to a place where a file can be made, and to none.
    let dir = tempfile::tempdir().unwrap();
    for (target, is_wrong) in [("other.db", false), ("missing/other.db", true)] {
        std::os::unix::fs::symlink(target, path(dir.path())).unwrap();
        let what = format!("it is a link to {target}, where no file can be made");
        let told = history_trouble(dir.path());
        assert_eq!(told.is_some_and(|told| told.ends_with(&what)), is_wrong, "{target}");
        std::fs::remove_file(path(dir.path())).unwrap();
    }
    // An index without the entries that it must have.
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path());
    let connection = rusqlite::Connection::open(path(dir.path())).unwrap();
    connection
        .execute_batch(
            "PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET rootpage = (SELECT max(rootpage) FROM sqlite_schema)
             WHERE name = 'hosts';",
        )
        .unwrap();
    drop(connection);
    let Err(Trouble::Damaged(what)) = open(&path(dir.path()), true) else { panic!("damaged") };
    assert!(!what.contains('\n') && !what.contains("***"), "{what:?}");
    std::fs::remove_file(path(dir.path())).unwrap();
    std::fs::create_dir(path(dir.path())).unwrap();
    let what = history_trouble(dir.path()).unwrap();
    assert!(what.ends_with("begin anew") && what.contains("no regular file"), "{what}");
}

#[test]
fn a_database_that_is_removed_or_broken_meanwhile_begins_anew() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = recorder(dir.path());
    assert!(records(&recorder, dir.path(), SECOND));
    let revision = History::open(dir.path()).unwrap().unwrap().revision().unwrap();
    for name in ["history.db", "history.db-wal", "history.db-shm"] {
        std::fs::remove_file(dir.path().join(name)).unwrap();
    }
    assert!(records(&recorder, dir.path(), SECOND + 60));
    // Another file takes its place, by a copy.
    std::fs::remove_file(path(dir.path())).unwrap();
    std::fs::write(path(dir.path()), "no database ".repeat(1000)).unwrap();
    assert!(records(&recorder, dir.path(), SECOND + 120));
    // Whoever remembers a revision misses nothing.
    let history = History::open(dir.path()).unwrap().unwrap();
    assert!(history.revision().unwrap() >= revision);
    assert_eq!(history.changed_since(revision - 1).unwrap().len(), 1);
    assert!(history.changed_since(history.revision().unwrap()).unwrap().is_empty());
}

#[test]
fn a_place_that_cannot_be_written_holds_nobody_up() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    std::fs::write(&state, "a file in the place of the directory").unwrap();
    let recorder = recorder(&state);
    assert!(!records(&recorder, &state, SECOND));
    for _ in 0..30_000 {
        recorder.note(note("a.example", ip(1), SECOND, Found::Serves));
    }
    assert!(!recorder.flush(LIMIT));
    let status = recorder.status();
    assert_eq!((status.writable, status.dropped), (false, 10_001));
    // As soon as there is a place, what waited is recorded.
    std::fs::remove_file(&state).unwrap();
    std::fs::create_dir(&state).unwrap();
    assert!(records_later(&recorder, &state));
    assert!(recorder.status().writable);
}

fn records_later(recorder: &Recorder, state: &Path) -> bool {
    let done = recorder.flush(LIMIT);
    let history = History::open(state).unwrap().unwrap();
    let read = history.of("a.example", at(SECOND + 60), 50_000).unwrap().unwrap();
    done && read.addresses[0].checks.len() == 20_000
}

#[test]
fn a_full_disk_is_no_damage_and_nothing_is_torn() {
    let dir = tempfile::tempdir().unwrap();
    let mut database = database(dir.path());
    let full: i64 = database.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    database.pragma_update(None, "max_page_count", full + 4).unwrap();
    let mut written = 0;
    let trouble = loop {
        let notes: Vec<_> = (0..50)
            .map(|number| note("a.example", ip(number), SECOND + written * 60, Found::Dead))
            .collect();
        match write(&mut database, &notes, HOLD) {
            Ok(_) => written += 1,
            Err(trouble) => break trouble,
        }
    };
    assert!(matches!(&trouble, Trouble::Refused(what) if what.contains("full")), "{trouble:?}");
    let history = History::open(dir.path()).unwrap().unwrap();
    let read = history.of("a.example", at(SECOND + 86_399), 100_000).unwrap().unwrap();
    let counts: Vec<usize> = read.addresses.iter().map(|of| of.checks.len()).collect();
    assert!(written > 0 && counts == vec![written as usize; 50], "{written}: {counts:?}");
    database.pragma_update(None, "max_page_count", 100_000).unwrap();
    record(&mut database, &[note("a.example", ip(1), SECOND + 80_000, Found::Serves)]);
}

/// `SQLite` has no checksums of its own: a row may have any octets.
#[test]
fn rows_that_are_damaged_cost_themselves_alone() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path());
    let mut database = open(&path(dir.path()), true).unwrap();
    for table in ["checks", "days", "hours"] {
        database
            .execute(&format!("UPDATE {table} SET packed = x'0f0f0f' WHERE address = 7"), [])
            .unwrap();
    }
    let history = History::open(dir.path()).unwrap().unwrap();
    let now = at(SECOND + 20 * 86_400);
    let read = history.of("a.example", now, 5).unwrap().unwrap();
    assert!(read.damaged > 0);
    let empty = read.addresses.iter().filter(|of| of.checks.is_empty()).count();
    assert_eq!((empty, read.addresses.len()), (1, 200));
    // It goes on, and says how much is left out.
    let notes = [note("a.example", ip(6), SECOND + 19 * 86_400 + 60, Found::Serves)];
    let written = write(&mut database, &notes, HOLD).unwrap();
    assert_eq!((written.too_old, written.damaged), (0, 1));
    let read = history.of("a.example", now, 5).unwrap().unwrap();
    assert!(read.addresses.iter().all(|of| !of.checks.is_empty()));
}

/// A monitor that was stopped has no log beside the database, and others may not write there.
#[test]
fn whoever_may_only_read_can_read() {
    let dir = tempfile::tempdir().unwrap();
    assert!(records(&recorder(dir.path()), dir.path(), SECOND));
    assert!(!dir.path().join("history.db-wal").exists(), "it was closed");
    let elsewhere = tempfile::Builder::new().prefix("a b%20#?é").tempdir().unwrap();
    std::fs::copy(path(dir.path()), path(elsewhere.path())).unwrap();
    let mut mode = std::fs::metadata(elsewhere.path()).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o555);
    std::fs::set_permissions(elsewhere.path(), mode).unwrap();
    let history = History::open(elsewhere.path()).unwrap().unwrap();
    assert_eq!(history.hosts().unwrap(), ["a.example"]);
    assert!(History::open(&dir.path().join("nowhere")).unwrap().is_none());
}
