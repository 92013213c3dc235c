//! The metrics page, read by the parser that Prometheus publishes.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::http;

/// A sample's name and its labels by name.
pub type Key = (String, BTreeMap<String, String>);

/// Samples by name and labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page(pub BTreeMap<Key, f64>);

/// Its strict parser of `OpenMetrics`: it refuses what the format does not allow, such as a counter
/// without `_total`.
const READ: &str = r#"
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
page = sys.stdin.read()
samples = []
for family in text_string_to_metric_families(page):
    assert family.documentation and not family.documentation.endswith("."), family
    for sample in family.samples:
        samples.append([sample.name, family.type, sample.labels, sample.value])
print(json.dumps(samples))
"#;

impl Page {
    /// That of the server with this admin port.
    pub fn of(port: u16) -> Self {
        let (status, text) = http::get(port, "/metrics");
        assert_eq!(status, 200, "{text}");
        Self::parse(&text)
    }

    pub fn parse(text: &str) -> Self {
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/python");
        let wanted =
            "tests/run installs it (target/python/bin/pip install prometheus-client==0.23.1)";
        let mut command = Command::new(&python);
        let command = command.args(["-c", READ]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child =
            command.spawn().unwrap_or_else(|_| panic!("no {}: {wanted}", python.display()));
        child
            .stdin
            .take()
            .expect("its input")
            .write_all(text.as_bytes())
            .expect("the page written");
        let output = child.wait_with_output().expect("the parser ended");
        assert!(
            output.status.success(),
            "the page is refused, or there is no prometheus-client: {wanted}\n{text}"
        );
        let samples: Vec<(String, String, BTreeMap<String, String>, f64)> =
            serde_json::from_slice(&output.stdout).expect("samples");
        let mut page = Self::default();
        for (name, kind, labels, value) in samples {
            assert!(matches!(kind.as_str(), "counter" | "gauge"), "{name} is a {kind}");
            let is_known = ["cvdns_", "process_"].iter().any(|prefix| name.starts_with(prefix));
            assert!(is_known, "{name}");
            assert!(page.0.insert((name.clone(), labels), value).is_none(), "{name} twice");
        }
        page
    }

    /// The value of this sample, 0 where there is none.
    pub fn get(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.0.get(&key(name, labels)).copied().unwrap_or_default()
    }

    /// The sum of all samples of this name that have these labels.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |found: &BTreeMap<String, String>| {
            labels.iter().all(|(name, value)| found.get(*name).is_some_and(|found| found == value))
        };
        self.0
            .iter()
            .filter(|((of, found), _)| of == name && has(found))
            .map(|(_, value)| value)
            .sum()
    }

    /// What was added to each sample of this name since another page; without those that stayed.
    pub fn since(&self, before: &Self, name: &str) -> BTreeMap<BTreeMap<String, String>, f64> {
        let of_name = self.0.iter().filter(|((of, _), _)| of == name);
        let added = of_name.map(|((of, labels), value)| {
            let before = before.0.get(&(of.clone(), labels.clone())).copied().unwrap_or_default();
            assert!(*value >= before, "{name} goes back: {labels:?}");
            (labels.clone(), value - before)
        });
        added.filter(|(_, added)| *added > 0.0).collect()
    }
}

pub fn labels(of: &[(&str, &str)]) -> BTreeMap<String, String> {
    of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn key(name: &str, of: &[(&str, &str)]) -> Key {
    (name.to_owned(), labels(of))
}
