//! The Debian package, on a Debian of its own with its own systemd (tests/package): what it
//! installs, that upgrades lose no query, and that a purge leaves nothing. And the image, by what
//! its Containerfile says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::left_out::leave_out;
use crate::support::tools::tool_of;

#[test]
fn the_package_is_installed_upgraded_under_load_and_purged() {
    for (tool, package) in [
        ("debootstrap", "debootstrap"),
        ("lintian", "lintian"),
        ("strip", "binutils"),
        ("systemd-analyze", "systemd"),
        ("systemd-nspawn", "systemd-container"),
    ] {
        tool_of(tool, &format!("install {package}"));
    }
    if let Err(why) = may_contain() {
        let name = "the_package_is_installed_upgraded_under_load_and_purged";
        return leave_out(name, why, false);
    }
    let mut run = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/package/run"));
    run.arg(env!("CARGO_BIN_EXE_cvdns")).stdin(Stdio::null());
    let output = run.output().expect("the script is there");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(
        output.status.success() && text.contains("\nall passed\n"),
        "{}:\n{text}",
        output.status
    );
}

/// Whether a container can be had here, with another system's services in it.
fn may_contain() -> Result<(), &'static str> {
    if !nix::unistd::geteuid().is_root() {
        return Err("only root can start another system");
    }
    let namespaces = ["--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup", "--fork"];
    let tried = Command::new("unshare").args(namespaces).arg("true").output();
    if !tried.is_ok_and(|done| done.status.success()) {
        return Err("no namespaces can be created");
    }
    Ok(())
}

/// The instructions of the Containerfile for the image itself, each with its words.
fn instructions() -> Vec<(String, Vec<String>)> {
    let text = fs::read_to_string(repository("packaging/Containerfile")).expect("the file");
    let image = text.rsplit_once("\nFROM ").expect("two stages").1.replace("\\\n", " ");
    let lines = image.lines().skip(1).filter(|line| !line.starts_with('#'));
    let words = lines.filter_map(|line| {
        let (instruction, rest) = line.split_once(' ')?;
        let list = serde_json::from_str::<Vec<String>>(rest).ok();
        let words = list.unwrap_or_else(|| rest.split_whitespace().map(str::to_owned).collect());
        Some((instruction.to_owned(), words))
    });
    words.collect()
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Puts what the image copies below this directory, and its account into the system's lists.
fn lay_out(tree: &Path, account: &str) {
    for (_, words) in instructions().into_iter().filter(|(of, _)| of == "COPY") {
        let (target, sources) = words.split_last().expect("a target");
        let target = tree.join(target.trim_start_matches('/'));
        let is_built = sources[0] == "--from=build";
        let sources = if is_built {
            vec![PathBuf::from(env!("CARGO_BIN_EXE_cvdns"))]
        } else {
            sources.iter().map(|source| repository(source)).collect()
        };
        fs::create_dir_all(target.parent().expect("a directory")).expect("made");
        let mut copy = Command::new("cp");
        // As COPY does: the content of a directory, or a file under the name of the target.
        copy.args(["-r", "-T"]).args(&sources).arg(&target);
        if sources.len() > 1 {
            fs::create_dir_all(&target).expect("made");
            copy = Command::new("cp");
            copy.args(&sources).arg(&target);
        }
        let done = copy.status().expect("cp");
        assert!(done.success(), "{words:?}");
    }
    let (user, group) = account.split_once(':').expect("numbers of user and group");
    for (file, line) in [
        ("etc/passwd", format!("cvdns:x:{user}:{group}::/var/lib/cvdns:/usr/sbin/nologin\n")),
        ("etc/group", format!("cvdns:x:{group}:\n")),
    ] {
        let of_system = fs::read_to_string(Path::new("/").join(file)).expect("the list");
        fs::write(tree.join(file), of_system + &line).expect("written");
    }
    for volume in &word_of("VOLUME") {
        fs::create_dir_all(tree.join(volume.trim_start_matches('/'))).expect("made");
    }
}

fn word_of(instruction: &str) -> Vec<String> {
    let found = instructions().into_iter().find(|(of, _)| of == instruction);
    found.unwrap_or_else(|| panic!("no {instruction}")).1
}

/// What the image has and says makes a server that needs neither root nor a root that it can write.
#[test]
fn the_image_serves_without_root_on_a_root_that_is_read_only() {
    if let Err(why) = may_contain() {
        let name = "the_image_serves_without_root_on_a_root_that_is_read_only";
        return leave_out(name, why, false);
    }
    let dir = tempfile::tempdir().expect("a directory");
    let (tree, root) = (dir.path().join("tree"), dir.path().join("root"));
    fs::create_dir_all(&root).expect("made");
    let account = word_of("USER").concat();
    assert!(account.split(':').all(|number| number.parse::<u32>().is_ok_and(|id| id > 0)));
    lay_out(&tree, &account);
    let environment = word_of("ENV").concat();
    let listen = environment.strip_prefix("CVDNS_LISTEN=").expect("an address");
    let mut run = Command::new("unshare");
    run.args(["--mount", "--net"]).arg(repository("tests/package/image"));
    run.args([&tree, &root]).args([&account, listen]);
    run.args(word_of("ENTRYPOINT")).args(word_of("CMD")).stdin(Stdio::null());
    let output = run.output().expect("unshare");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{}:\n{text}", output.status);
    let user = account.split_once(':').expect("a user").0;
    for line in [
        "ready     yes".to_owned(),
        "listen    0.0.0.0:5300, ".to_owned(),
        format!("Uid:\t{user}\t{user}\t{user}\t{user}\n"),
        "CapEff:\t0000000000000000\n".to_owned(),
    ] {
        assert!(text.contains(&line), "no {line:?} in\n{text}");
    }
    assert_eq!(text.lines().filter(|line| *line == "2001:db8::10").count(), 2, "{text}");
    // The directory itself is left to the account that runs the test.
    assert_eq!(fs::read_dir(&root).expect("a directory").count(), 0);
}
