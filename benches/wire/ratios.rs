//! The committed ratios: `benches/wire/ratios.toml`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::workload::Workload;

/// Largest ratio of a measured value to the committed one.
pub const TOLERANCE: f64 = 1.2;

const HEAD: &str = "# CPU time per answer of cvdns as ratio to the reflector's: what `--check` compares with.\n\
                    # Written by `cargo bench --bench wire -- --commit`.\n";

/// CPU time per answer of cvdns relative to the reflector's, by workload.
#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ratios(BTreeMap<String, f64>);

impl Ratios {
    pub fn read() -> Self {
        let text = fs::read_to_string(path()).expect("the committed ratios");
        toml::from_str(&text).expect("ratios by workload")
    }

    pub fn get(&self, workload: Workload) -> f64 {
        let ratio = self.0.get(&workload.to_string());
        *ratio.unwrap_or_else(|| panic!("no committed ratio of {workload}: run with --commit"))
    }

    pub fn set(&mut self, workload: Workload, ratio: f64) {
        self.0.insert(workload.to_string(), (ratio * 1e3).round() / 1e3);
    }

    /// Replaces the committed ratios. Workloads that were not run keep theirs.
    pub fn write(self) {
        let mut all = if path().exists() { Self::read() } else { Self::default() };
        all.0.extend(self.0);
        fs::write(path(), HEAD.to_owned() + &toml::to_string(&all).expect("TOML"))
            .expect("the ratios written");
    }
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/wire/ratios.toml")
}
