//! Finds out whether the coordinator's pages, which are public, would lie among other files.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use cvdns_core::config::{Config, Monitor};
use cvdns_core::problem::Problems;
use cvdns_io::beside;

/// The coordinator's directory, if the configuration names none.
const DEFAULT_STATE: &str = "state/monitor";

/// Most links that are followed one after the other, as in Linux (`path_resolution(7)`).
const MAX_LINKS: u32 = 40;

/// The coordinator's directory.
pub fn state_directory(path: &Path, monitor: &Monitor) -> PathBuf {
    beside(path, monitor.state.as_ref().map_or(DEFAULT_STATE, |named| &named.value))
}

/// Reports a directory of pages in which, or below which, there is something else that a
/// configuration names, or one of `files`, which its zone files name: all that is in it is public,
/// and must be the pages' own.
pub fn check_page(
    path: &Path,
    config: &Config,
    files: &BTreeSet<PathBuf>,
    problems: &mut Problems,
) {
    let Some(named) = &config.monitor.page else { return };
    let page = real(&beside(path, &named.value));
    // A link in the directory is in it, wherever it leads, and so is that to which a link leads.
    let is_in_it = |other: &Path| {
        let place = other.parent().zip(other.file_name());
        real(other).starts_with(&page)
            || place.is_some_and(|(parent, name)| real(parent).join(name).starts_with(&page))
    };
    let state = state_directory(path, &config.monitor);
    let what = if is_in_it(&state) {
        format!("the coordinator's memory in {} would lie among the pages", state.display())
    } else if let Some(other) =
        others(path, config).iter().chain(files).find(|other| is_in_it(other))
    {
        format!("{} would lie among the pages", other.display())
    } else {
        return;
    };
    let help =
        "name a directory of its own, such as \"/srv/www/mirrors\": all that is in it is public";
    problems.error(named.location.clone(), what, help);
}

/// What a configuration names beside the pages and the coordinator's directory.
fn others(path: &Path, config: &Config) -> Vec<PathBuf> {
    let Config { feed, monitor, .. } = config;
    let named = [
        &feed.overrides,
        &feed.state,
        &feed.ca_file,
        &monitor.feed,
        &monitor.secret_key,
        &monitor.release,
        &monitor.report,
        &config.admin.token_file,
        &config.cookies.secret_file,
        &config.log.file,
        &config.record.file,
        &config.record.cvd_dir,
    ];
    let named = named
        .into_iter()
        .flatten()
        .chain(&feed.sources)
        .chain(&config.zones)
        .chain([&config.geoip.database]);
    let named = named.filter(|named| !named.value.contains("://"));
    let read = config.files.iter().map(PathBuf::from);
    let named = named.map(|named| beside(path, &named.value));
    [path.to_owned()].into_iter().chain(read).chain(named).collect()
}

/// The path without links, `.` and `..`, as it will be once what is missing is made.
fn real(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut links = MAX_LINKS;
    resolve(&absolute, &mut links)
}

fn resolve(path: &Path, links: &mut u32) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            part => {
                let link = out.join(part).read_link().ok().filter(|_| *links > 0);
                if let Some(target) = link {
                    *links -= 1;
                    out = resolve(&out.join(target), links);
                } else {
                    out.push(part);
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    /// What is said of a configuration with these lines, in a directory with zones/ and conf/.
    fn said(dir: &Path, feed: &str, monitor: &str, more: &str) -> String {
        let path = dir.join("cvdns.toml");
        let text = format!(
            "[[zone]]\nfile = \"conf/zones/a.zone.toml\"\n[feed]\n{feed}\n[monitor]\n{monitor}\n\
             {more}\n"
        );
        fs::write(&path, text).unwrap();
        let mut problems = Problems::default();
        let config = super::super::config(&path, &mut problems);
        assert!(!problems.has_errors(), "{problems:?}");
        let files = ["fleet/mirrors.toml", "conf/zones/a.zone"].map(|file| dir.join(file)).into();
        check_page(&path, &config.unwrap(), &files, &mut problems);
        let said: Vec<&str> = problems.iter().map(|problem| problem.what.as_str()).collect();
        said.join("\n").replace(&format!("{}/", dir.display()), "")
    }

    #[test]
    fn nothing_else_lies_in_or_below_the_pages() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        fs::create_dir_all(dir.join("conf/zones")).unwrap();
        fs::create_dir_all(dir.join("real")).unwrap();
        symlink("real", dir.join("link")).unwrap();
        symlink("missing", dir.join("dangling")).unwrap();
        let source = "source = \"feed.json\"";
        let page = "page = \"pages\"";
        for (feed, monitor, more, what) in [
            (source, "page = \"pages\"\nsecret-key = \"pages/keys/a.key\"", "", "pages/keys/a.key"),
            ("overrides = \"pages/o.toml\"", page, "", "pages/o.toml"),
            (source, page, "[log]\nfile = \"pages/log\"", "pages/log"),
            ("source = \"pages/feed.json\"", page, "", "pages/feed.json"),
            (source, "page = \"feed.json\"", "", "feed.json"),
            (source, "page = \"conf\"", "", "conf/zones/a.zone.toml"),
            (source, "page = \"./state/../conf/\"", "", "conf/zones/a.zone.toml"),
            (source, "page = \"fleet\"", "", "fleet/mirrors.toml"),
            (source, "page = \".\"", "", "the coordinator's memory in state/monitor"),
            (
                source,
                "page = \"pages\"\nstate = \"pages/state\"",
                "",
                "the coordinator's memory in pages/state",
            ),
            ("source = \"real/feed.json\"", "page = \"link\"", "", "real/feed.json"),
            ("source = \"link/feed.json\"", "page = \"real\"", "", "link/feed.json"),
            ("source = \"missing/feed.json\"", "page = \"dangling\"", "", "missing/feed.json"),
        ] {
            let expected = format!("{what} would lie among the pages");
            assert_eq!(said(dir, feed, monitor, more), expected, "{feed} {monitor} {more}");
        }
        for (feed, monitor) in [
            (source, page),
            (source, "page = \"state/monitor/pages\""),
            ("source = \"https://pages.example/feed.json\"", page),
            ("source = \"pages.json\"", page),
            ("source = \"pages/../feed.json\"", page),
        ] {
            assert_eq!(said(dir, feed, monitor, ""), "", "{feed} {monitor}");
        }
        // A link among the pages is public, wherever it leads.
        fs::create_dir(dir.join("pages")).unwrap();
        fs::write(dir.join("real/key"), "").unwrap();
        symlink("../real/key", dir.join("pages/key")).unwrap();
        let monitor = "page = \"pages\"\nsecret-key = \"pages/key\"";
        assert_eq!(said(dir, source, monitor, ""), "pages/key would lie among the pages");
    }
}
