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
    let mut troubles = Vec::new();
    directory.keep(&kept(&["index.html"]), &mut troubles).unwrap();
    assert_eq!(troubles, Vec::<String>::new());
    assert_eq!(named(&files(&root)), [MANIFEST, "index.html", "mirrors/b/note"]);
    assert!(!root.join("mirrors/a").exists());
    // A file that nobody claimed is not written.
    assert!(directory.put("mirrors/b/note", b"ours").is_err());
}

#[test]
fn every_web_server_can_read_what_is_made() {
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o7777;
    let dir = tempfile::tempdir().unwrap();
    // A directory that is there is its owner's, and so is its mode.
    fs::set_permissions(dir.path(), Permissions::from_mode(0o2750)).unwrap();
    let root = dir.path().join("a/pages");
    let before = nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
    let mut directory = open(&root);
    claim(&mut directory, &["mirrors/a/index.html"]);
    directory.put("mirrors/a/index.html", b"one").unwrap();
    nix::sys::stat::umask(before);
    assert_eq!(mode(dir.path()), 0o2750);
    for path in [dir.path().join("a"), root.clone(), root.join("mirrors"), root.join("mirrors/a")] {
        assert_eq!(mode(&path), 0o2755, "{}", path.display());
    }
    for name in ["mirrors/a/index.html", MANIFEST] {
        assert_eq!(mode(&root.join(name)), 0o644, "{name}");
    }
}

#[test]
fn what_is_in_the_way_is_said_beforehand_and_hinders_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let (root, other) = (dir.path().join("pages"), dir.path().join("other"));
    fs::create_dir(&other).unwrap();
    let names = ["countries/DE.html", "mirrors/a/index.html", "mirrors/b/index.html", "style.css"];
    let mut directory = open(&root);
    claim(&mut directory, &names);
    assert_eq!(page_trouble(&root), None);
    for name in names {
        directory.put(name, b"one").unwrap();
    }
    assert_eq!(page_trouble(&root), None);
    fs::remove_dir_all(root.join("mirrors/a")).unwrap();
    fs::write(root.join("mirrors/a"), "another's").unwrap();
    let file = "mirrors/a is a file, and was to be a directory: remove it";
    assert_eq!(page_trouble(&root), Some(format!("{}/{file}", root.display())));
    fs::remove_dir_all(root.join("mirrors/b")).unwrap();
    symlink(&other, root.join("mirrors/b")).unwrap();
    fs::remove_file(root.join("countries/DE.html")).unwrap();
    fs::create_dir(root.join("countries/DE.html")).unwrap();
    assert_eq!(page_trouble(&root), Some(format!("{}/{file}, and 2 more", root.display())));
    let refused = names.map(|name| directory.put(name, b"two").err());
    assert!(refused.iter().flatten().all(|refused| refused.is_of_one));
    assert_eq!(refused.iter().flatten().count(), 3);
    assert_eq!(fs::read_to_string(root.join("style.css")).unwrap(), "two");
    // What is in their place is not ours, when they are to be removed.
    let mut troubles = Vec::new();
    directory.keep(&BTreeSet::new(), &mut troubles).unwrap();
    assert_eq!((troubles, directory.ours.len()), (Vec::new(), 0));
    assert!(root.join("mirrors/a").is_file() && root.join("countries/DE.html").is_dir());
    // Neither is a list that was cut or damaged.
    fs::write(root.join(MANIFEST), "half").unwrap();
    assert!(page_trouble(&root).unwrap().contains("is no list of pages"));
}

#[test]
fn a_full_disk_is_a_trouble_of_all_files_and_each_time_the_same() {
    let path = Path::new("pages/index.html");
    for (code, is_of_one) in [
        (nix::errno::Errno::ENOSPC, false),
        (nix::errno::Errno::EDQUOT, false),
        (nix::errno::Errno::EROFS, false),
        (nix::errno::Errno::EACCES, true),
        (nix::errno::Errno::EISDIR, true),
    ] {
        assert_eq!(write_error(path, &Error::from(code)).is_of_one, is_of_one, "{code}");
    }
    let named = Error::other("No space left on device (os error 28) at path \"/a/.index.AbC.tmp\"");
    let said = write_error(path, &named).what;
    assert_eq!(said, "cannot write pages/index.html: No space left on device (os error 28)");
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
    directory.keep(&BTreeSet::new(), &mut Vec::new()).unwrap();
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
    assert!(refused.is_of_one);
    directory.keep(&BTreeSet::new(), &mut Vec::new()).unwrap();
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
