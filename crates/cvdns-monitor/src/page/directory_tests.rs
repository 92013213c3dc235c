use super::*;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

fn open(root: &Path) -> Directory {
    Directory::open(root).unwrap()
}

fn claim(directory: &mut Directory, names: &[&str]) {
    directory.claim(names.iter().map(|name| (*name).to_owned())).unwrap();
}

fn kept(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// All files below the directory, with their contents.
fn files(root: &Path) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(path) = open.pop() {
        for entry in fs::read_dir(&path).unwrap() {
            let path = entry.unwrap().path();
            if path.symlink_metadata().unwrap().is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                out.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    out.sort();
    out
}

fn named(files: &[(String, String)]) -> Vec<&str> {
    files.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn only_what_changed_is_written_and_only_our_own_files_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("a/pages");
    let mut directory = open(&root);
    claim(&mut directory, &["index.html", "mirrors/a/index.html", "mirrors/b/index.html"]);
    let inode = |name: &str| root.join(name).metadata().unwrap().ino();
    for name in ["mirrors/a/index.html", "mirrors/b/index.html", "index.html"] {
        directory.put(name, b"one").unwrap();
    }
    assert_eq!(directory.written, 3);
    assert_eq!(root.metadata().unwrap().permissions().mode() & 0o700, 0o700);
    let before = (inode("index.html"), inode("mirrors/a/index.html"));
    directory.put("index.html", b"one").unwrap();
    directory.put("mirrors/a/index.html", b"two").unwrap();
    assert_eq!(directory.written, 4);
    assert_eq!(inode("index.html"), before.0);
    assert_ne!(inode("mirrors/a/index.html"), before.1);

    // Another's file stays, with its directory.
    fs::write(root.join("mirrors/b/note"), "another's").unwrap();
    let mut directory = open(&root);
    claim(&mut directory, &["index.html"]);
    directory.keep(&kept(&["index.html"])).unwrap();
    assert_eq!(named(&files(&root)), [MANIFEST, "index.html", "mirrors/b/note"]);
    assert!(!root.join("mirrors/a").exists());
    // A file that nobody claimed is not written.
    assert!(directory.put("mirrors/b/note", b"ours").is_err());
}

#[test]
fn a_directory_of_somebody_else_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("index.html"), "another's").unwrap();
    let refused = Directory::open(dir.path()).unwrap_err();
    assert!(refused.contains("has a file that is not of the pages, index.html"), "{refused}");
    fs::write(dir.path().join(MANIFEST), "another list\n").unwrap();
    let refused = Directory::open(dir.path()).unwrap_err();
    assert!(refused.contains("is no list of pages"), "{refused}");
    let file = dir.path().join("index.html");
    let refused = Directory::open(&file).unwrap_err();
    assert!(refused.contains("is a file, and was to be a directory"), "{refused}");
    assert_eq!(fs::read_to_string(file).unwrap(), "another's");
}

#[test]
fn a_manifest_names_no_file_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("pages");
    let outside = dir.path().join("outside");
    fs::create_dir(&root).unwrap();
    fs::write(&outside, "another's").unwrap();
    let lines = [
        "../outside",
        "/etc/hosts",
        "mirrors/../../outside",
        "",
        ".hidden",
        "a/b/c/d",
        "a//b",
        "index.html",
    ];
    fs::write(root.join(MANIFEST), format!("{FIRST_LINE}\n{}\n", lines.join("\n"))).unwrap();
    let mut directory = open(&root);
    assert_eq!(directory.ours, kept(&["index.html"]));
    directory.keep(&BTreeSet::new()).unwrap();
    assert!(outside.exists());
}

#[test]
fn links_are_replaced_and_never_followed() {
    let dir = tempfile::tempdir().unwrap();
    let (root, other) = (dir.path().join("pages"), dir.path().join("other"));
    fs::create_dir(&other).unwrap();
    fs::write(other.join("index.html"), "another's").unwrap();
    fs::create_dir(&root).unwrap();
    let mut directory = open(&root);
    claim(&mut directory, &["index.html", "mirrors/a/index.html"]);
    // The same content behind a link is no page: it could change.
    symlink(other.join("index.html"), root.join("index.html")).unwrap();
    directory.put("index.html", b"another's").unwrap();
    assert!(!root.join("index.html").is_symlink());
    fs::create_dir(root.join("mirrors")).unwrap();
    symlink(&other, root.join("mirrors/a")).unwrap();
    let refused = directory.put("mirrors/a/index.html", b"ours").unwrap_err();
    assert!(refused.what.contains("is a link, and was to be a directory"), "{}", refused.what);
    assert!(!refused.is_of_one);
    directory.keep(&BTreeSet::new()).unwrap();
    assert_eq!(fs::read_to_string(other.join("index.html")).unwrap(), "another's");
    // The directory of the pages itself may be a link.
    let link = dir.path().join("link");
    symlink(&root, &link).unwrap();
    open(&link);
}

#[test]
fn what_is_in_the_place_of_a_file_is_said_and_others_are_written() {
    let dir = tempfile::tempdir().unwrap();
    let mut directory = open(dir.path());
    claim(&mut directory, &["index.html", "style.css"]);
    fs::create_dir_all(dir.path().join("index.html/full")).unwrap();
    let refused = directory.put("index.html", b"one").unwrap_err();
    assert!(refused.is_of_one && refused.what.contains("index.html: "), "{}", refused.what);
    directory.put("style.css", b"one").unwrap();
    assert_eq!(named(&files(dir.path())), [MANIFEST, "style.css"]);
}

#[test]
fn what_a_killed_program_left_is_swept_away() {
    let dir = tempfile::tempdir().unwrap();
    let mut directory = open(dir.path());
    claim(&mut directory, &["index.html", "mirrors/a/index.html"]);
    directory.put("mirrors/a/index.html", b"one").unwrap();
    for name in [
        ".index.html.Abc.tmp",
        ".other.html.Abc.tmp",
        "mirrors/a/.index.html.Abc.tmp",
        "mirrors/a/.badge.svg.Abc.tmp",
    ] {
        fs::write(dir.path().join(name), "half").unwrap();
    }
    let manifest = format!(".{MANIFEST}.Abc.tmp");
    fs::write(dir.path().join(&manifest), "half").unwrap();
    open(dir.path());
    let left =
        [MANIFEST, ".other.html.Abc.tmp", "mirrors/a/.badge.svg.Abc.tmp", "mirrors/a/index.html"];
    assert_eq!(named(&files(dir.path())), left);
    // It may have been killed before there was a manifest.
    let empty = tempfile::tempdir().unwrap();
    fs::write(empty.path().join(manifest), "half").unwrap();
    open(empty.path());
}
