//! The pages of the network and of a server's operator, in Chromium (tests/pages): whether they
//! look right at every width, are valid, safe and usable by everyone, and tell what they must.

use std::process::{Command, Stdio};

use crate::support::tools::tool_of;

#[test]
fn pages_are_opened_read_and_used_in_a_browser() {
    for (tool, package) in [
        ("chromium", "chromium"),
        ("java", "default-jre-headless"),
        ("node", "nodejs"),
        ("npm", "npm"),
    ] {
        tool_of(tool, &format!("install {package}"));
    }
    let mut run = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pages/run"));
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
