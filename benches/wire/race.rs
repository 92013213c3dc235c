//! Runs all servers in turn with the same queries and compares their cost.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::fleet::Fleet;
use crate::load::Load;
use crate::outcome::{Outcome, median};
use crate::query_set::QuerySet;
use crate::reflector::Reflector;
use crate::server::Server;
use crate::workload::{Networks, Workload};

/// Seconds of load before the measurement.
const WARM: f64 = 0.3;

/// The reflector, which is the lower bound, comes first in every round.
pub const FLOOR: usize = 0;

/// Rounds of one workload over the same servers.
pub struct Race {
    pub workload: Workload,
    /// The reflector, cvdns, then the others.
    pub names: Vec<&'static str>,
    /// One outcome for each server in each round.
    pub rounds: Vec<Vec<Outcome>>,
}

/// How long and how often.
#[derive(Clone, Copy)]
pub struct Effort {
    pub seconds: f64,
    pub rounds: usize,
}

impl Race {
    /// Runs the rounds. The reflector's answers are as long as those of `cvdns`.
    pub fn run(
        workload: Workload,
        track: &Track,
        cvdns: &Server,
        others: &[&Server],
        effort: Effort,
    ) -> Self {
        let queries = track.queries(workload);
        let reflector = queries.reflector(cvdns).pinned();
        let mut servers = vec![&reflector, cvdns];
        servers.extend(others);
        for server in &servers {
            Load::of(server, &queries.path, WARM).measure();
        }
        let round = |_| {
            servers
                .iter()
                .map(|server| Load::of(server, &queries.path, effort.seconds).measure())
                .collect()
        };
        let rounds = (0..effort.rounds).map(round).collect();
        Self { workload, names: servers.iter().map(|server| server.name).collect(), rounds }
    }

    /// Median of a figure of one server.
    pub fn median(&self, server: usize, figure: impl Fn(&Outcome) -> f64) -> f64 {
        median(self.rounds.iter().map(|round| figure(&round[server])))
    }

    /// CPU time per answer relative to the reflector in the same round; the median of all rounds.
    pub fn ratio(&self, server: usize) -> f64 {
        median(self.rounds.iter().map(|round| round[server].cost() / round[FLOOR].cost()))
    }

    /// A server's counts, all rounds together: answered share, lost and wrong.
    pub fn counts(&self, server: usize) -> (f64, u64, u64) {
        let sum = |count: fn(&Outcome) -> u64| {
            self.rounds.iter().map(|round| count(&round[server])).sum::<u64>()
        };
        let answered =
            sum(|outcome| outcome.answered) as f64 / sum(|outcome| outcome.sent).max(1) as f64;
        (answered, sum(Outcome::lost), sum(|outcome| outcome.wrong))
    }
}

/// The queries for load processes, and the data that they are made from.
pub struct Track {
    dir: TempDir,
    pub fleet: Fleet,
    networks: Networks,
}

/// Queries on disk.
pub struct Queries {
    pub path: PathBuf,
    mean_octets: f64,
}

impl Track {
    pub fn new(fleet: Fleet) -> Self {
        Self {
            dir: tempfile::tempdir().expect("a temporary directory"),
            fleet,
            networks: Networks::read(),
        }
    }

    /// Writes the queries of a workload.
    pub fn queries(&self, workload: Workload) -> Queries {
        self.write(workload, &workload.queries(&self.fleet, &self.networks))
    }

    /// The same from clients that understand DNSSEC.
    pub fn queries_with_do(&self, workload: Workload) -> Queries {
        let mut queries = workload.queries(&self.fleet, &self.networks);
        queries.set_dnssec_ok();
        self.write(workload, &queries)
    }

    fn write(&self, workload: Workload, queries: &QuerySet) -> Queries {
        let path = self.dir.path().join(format!("{workload}.queries"));
        queries.write(&path).expect("the queries written");
        Queries { path, mean_octets: queries.mean_octets() }
    }
}

impl Queries {
    /// A reflector whose answers have the mean length of those of `server`.
    #[allow(clippy::cast_sign_loss, reason = "it is made positive")]
    pub fn reflector(&self, server: &Server) -> Server {
        let octets = Load::of(server, &self.path, WARM).measure().octets;
        Reflector::start((octets - self.mean_octets).round().max(0.0) as usize)
    }
}
