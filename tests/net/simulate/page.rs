//! The examples of docs/simulate.md, run on the shipped configuration.

use super::*;

/// Each command of the page prints what the page shows.
#[test]
fn examples_print_what_the_page_shows() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(project.join("docs/simulate.md")).expect("the page");
    let demand = page.split_once("```toml\n").and_then(|(_, rest)| rest.split_once("```"));
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("demand.toml"), demand.expect("a demand").0).expect("the file");
    let config = project.join("cvdns.toml");
    let mut examples = 0;
    for block in page.split("```console\n$ cvdns simulate ").skip(1) {
        let block = block.split_once("```").expect("the end of a block").0;
        let (arguments, shown) = block.split_once('\n').expect("a command");
        let (code, out, _) =
            simulate(dir.path(), &format!("{arguments} --config {}", config.display()));
        assert_eq!(code, Some(0), "{arguments}");
        assert_eq!(out.trim_end(), shown.trim_end(), "{arguments}");
        examples += 1;
    }
    assert!(examples >= 2, "{examples}");
}

/// The example's largest country down: none of its mirrors is answered, and all clients still get
/// addresses.
#[test]
fn the_shipped_example_survives_germany() {
    let report = json_of(Path::new(env!("CARGO_MANIFEST_DIR")), "--all --down country:DE");
    let down: Vec<&str> =
        report["down"].as_array().unwrap().iter().filter_map(|one| one["host"].as_str()).collect();
    assert_eq!(down.len(), 4);
    let paths = zone(&report)["paths"].as_array().unwrap();
    assert!(paths.len() > 40);
    for path in paths {
        let after = shares(&path["after"]);
        assert!(after.as_object().unwrap().keys().all(|host| !down.contains(&host.as_str())));
        assert!(["near", "further"].contains(&path["after"]["reach"].as_str().unwrap()), "{path}");
        let whole: f64 = after.as_object().unwrap().values().filter_map(Value::as_f64).sum();
        assert!((whole - 1.0).abs() < 1e-9, "{path}");
    }
    assert_eq!(path(&report, "DE")["change"], "falls back");
}
