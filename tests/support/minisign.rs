//! Keys and signatures, by the program that coordinators use.

use super::tools;
use std::fs;
use std::path::Path;

const WANTED: &str = "install minisign";

/// Makes a key pair of this name in a directory; the public key.
pub fn key(dir: &Path, name: &str) -> String {
    let mut command = tools::tool_of("minisign", WANTED);
    let files = [format!("{name}.pub"), format!("{name}.key")];
    tools::output(command.args(["-G", "-W", "-p", &files[0], "-s", &files[1]]).current_dir(dir));
    let text = fs::read_to_string(dir.join(&files[0])).expect("a key");
    text.lines().last().expect("a key").to_owned()
}

/// The signature of a text by the key of this name.
pub fn sign(dir: &Path, key: &str, text: &str) -> String {
    fs::write(dir.join("text"), text).expect("a file");
    let mut command = tools::tool_of("minisign", WANTED);
    tools::output(command.args(["-S", "-s", &format!("{key}.key"), "-m", "text"]).current_dir(dir));
    fs::read_to_string(dir.join("text.minisig")).expect("a signature")
}
