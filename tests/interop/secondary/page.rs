//! docs/secondary.md: its commands are run, one after the other, and print what it says.

use crate::bind_page::{Place, follow, steps};
use crate::support::ports;
use std::fs;
use std::path::Path;

/// The ports that the page names.
const PORTS: [&str; 2] = ["5300", "5301"];

#[test]
fn the_commands_of_the_page_do_what_it_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/secondary.md");
    let mut page = fs::read_to_string(path).expect("the page");
    // By way of what is no number: a port may contain another.
    for port in PORTS {
        assert!(page.contains(port), "{port}");
        page = page.replace(port, &format!("@{}@", port.replace('5', "V")));
    }
    for port in PORTS {
        page = page.replace(&format!("@{}@", port.replace('5', "V")), &ports::free().to_string());
    }
    let steps = steps(&page);
    let count = |of: &str| steps.iter().filter(|(commands, _)| commands.contains(of)).count();
    assert_eq!((count("named -c"), count("knotd -d"), count("dig ")), (1, 1, 3));
    follow(&Place::new(), steps);
}
