//! The set-up check of a mirror (CLIENTS: "Mirror states"), for its admin: checks every requirement
//! once and says what to change.

mod advice;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

pub use self::advice::{Advice, Software, text};
use super::check::{self, Client, Request, TIMESTAMP};
use super::failure::{Failure, Severity};
use super::rule;
use super::target::Requirements;
use cvdns_core::release::CORE_DATABASES;

/// The name of the fault of an old timestamp, for programs.
const OLD: &str = "old";

/// Octets of the timed transfer.
const SPEED: u64 = 1 << 20;

/// The settings of a trial.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The HTTP client.
    pub client: Client,
    /// What the mirror must serve.
    pub requirements: Requirements,
    /// The port.
    pub port: u16,
    /// The age at which a timestamp is old.
    pub old_after: Duration,
    /// The released versions of main, daily and bytecode; `None` if they are not known.
    pub release: Option<[u32; 3]>,
    /// The number of versions by which a database may be behind the release.
    pub lag: u32,
    /// The present time.
    pub now: Timestamp,
}

/// The findings at one address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The address.
    pub address: IpAddr,
    /// The value of `Server`.
    pub server: Option<String>,
    /// The requests, in order.
    pub steps: Vec<Step>,
}

/// One requirement and its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The request: `HOST/FILE`, or the timed transfer.
    pub what: String,
    /// Whether the requirement is met.
    pub good: bool,
    /// The finding.
    pub found: String,
    /// The name of the failure, for programs; `None` if the requirement is met.
    pub failure: Option<&'static str>,
    /// What to change; `None` if nothing has to be changed.
    pub advice: Option<Advice>,
}

impl Step {
    fn good(what: String, found: String) -> Self {
        Self { what, good: true, found, failure: None, advice: None }
    }

    /// `is_served`: see [`Advice::on`].
    fn bad(what: String, failure: &Failure, is_served: bool) -> Self {
        let advice = Some(Advice::on(failure, is_served));
        Self {
            what,
            good: false,
            found: failure.to_string(),
            failure: Some(failure.name()),
            advice,
        }
    }
}

impl Report {
    /// Whether all requirements are met.
    pub fn is_good(&self) -> bool {
        self.steps.iter().all(|step| step.good)
    }
}

impl Trial {
    /// Tries an address. If nothing answers, no further request is made.
    pub fn at(&self, address: IpAddr) -> Report {
        let mut report = Report { address, server: None, steps: Vec::new() };
        let hosts = match &self.requirements {
            Requirements::Databases(hosts) => hosts,
            Requirements::Path { path, hosts } => {
                for host in hosts {
                    let step = self.path(host, path, &mut report);
                    report.steps.push(step);
                }
                return report;
            }
        };
        let mut is_served = true;
        for host in labels(hosts) {
            let (step, dead) = self.timestamp(&host, &mut report);
            is_served &= step.good || step.failure == Some(OLD);
            report.steps.push(step);
            if dead {
                return report;
            }
        }
        for (number, database) in CORE_DATABASES.into_iter().enumerate() {
            let released = self.release.and_then(|release| release.get(number).copied());
            let request = (hosts, format!("/{database}.cvd"));
            let step = self
                .database(request, released, address)
                .unwrap_or_else(|(what, failure)| Step::bad(what, &failure, is_served));
            report.steps.push(step);
        }
        let speed = self.speed(hosts, address);
        report
            .steps
            .push(speed.unwrap_or_else(|(what, failure)| Step::bad(what, &failure, is_served)));
        report
    }

    fn request<'r>(&self, host: &'r str, path: &'r str, address: IpAddr) -> Request<'r> {
        Request { address: SocketAddr::new(address, self.port), host, path, range: None, limit: 0 }
    }

    fn timestamp(&self, host: &str, report: &mut Report) -> (Step, bool) {
        let what = format!("{host}{TIMESTAMP}");
        let request = self.request(host, TIMESTAMP, report.address);
        match check::timestamp(&self.client, request, self.now) {
            Ok((timestamp, answer)) => {
                report.server = report.server.take().or(answer.server);
                let age = self.now.duration_since(timestamp);
                let found = match rule::age(timestamp, self.now) {
                    ahead if age.is_negative() => format!("{timestamp}, {ahead}"),
                    old => format!("{timestamp}, {old} old"),
                };
                if Duration::try_from(age).unwrap_or_default() < self.old_after {
                    return (Step::good(what, found), false);
                }
                let advice = Some(Advice::Update);
                (Step { what, good: false, found, failure: Some(OLD), advice }, false)
            }
            Err(failure) => {
                (Step::bad(what, &failure, false), failure.severity() != Severity::Faulty)
            }
        }
    }

    /// Tries a path of any content.
    fn path(&self, host: &str, path: &str, report: &mut Report) -> Step {
        let what = format!("{host}{path}");
        match check::probe(&self.client, self.request(host, path, report.address)) {
            Ok(answer) => {
                report.server = report.server.take().or(answer.server);
                Step::good(what, format!("status {}", answer.status))
            }
            // The other advice is for ClamAV's files.
            Err(failure) => {
                let mut step = Step::bad(what, &failure, false);
                step.advice = step.advice.filter(|advice| advice.is_general());
                step
            }
        }
    }

    fn database(
        &self,
        ([host, _], path): (&[String; 2], String),
        released: Option<u32>,
        address: IpAddr,
    ) -> Result<Step, (String, Failure)> {
        let what = format!("{host}{path}");
        match check::database(&self.client, self.request(host, &path, address), self.now) {
            Ok(database) if database.ranged => {
                let header = database.header;
                let found = format!("version {}, built {}", header.version, header.time);
                let behind = released.map_or(0, |of| of.saturating_sub(header.version));
                let (Some(released), 1..) = (released, behind) else {
                    return Ok(Step::good(what, found));
                };
                let versions = if behind == 1 { "version" } else { "versions" };
                let found = format!("{found}; {behind} {versions} behind the release, {released}");
                if behind <= self.lag {
                    return Ok(Step::good(what, found));
                }
                let advice = Some(Advice::Update);
                Ok(Step { what, good: false, found, failure: Some("behind"), advice })
            }
            Ok(_) => Err((what, Failure::NoRange)),
            Err(failure) => Err((what, failure)),
        }
    }

    /// Times the transfer of the first megabyte of the largest database, connection included.
    fn speed(&self, [host, _]: &[String; 2], address: IpAddr) -> Result<Step, (String, Failure)> {
        let path = "/main.cvd";
        let what = format!("{host}{path}, transfer");
        let request =
            Request { range: Some(SPEED), limit: SPEED, ..self.request(host, path, address) };
        match self.client.get(&request) {
            Ok(answer) => {
                let seconds = answer.elapsed.as_secs_f64().max(1e-6);
                let octets = answer.body.len();
                let rate = octets as f64 * 8.0 / seconds / 1e6;
                let found = format!("{octets} octets in {seconds:.3} s: {rate:.1} Mbit/s");
                Ok(Step::good(what, found))
            }
            Err(failure) => Err((what, failure)),
        }
    }
}

/// The virtual hosts, and one more of `db.*`: a web server that is configured for single names
/// would pass with two.
fn labels([host, wildcard]: &[String; 2]) -> Vec<String> {
    let other = advice::domain(wildcard).map(|domain| format!("db.any-label.{domain}"));
    [host, wildcard].into_iter().cloned().chain(other).collect()
}
