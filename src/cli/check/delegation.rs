//! `cvdns check --delegation`: asks the parent's name servers and every name server of the zones
//! whether resolvers find the servers, and whether these answer the same.

mod ds;
mod finding;
mod parent;
mod probe;
mod report;
mod resolver;
mod rules;
mod samples;
mod signed;
mod subject;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::cli::live::client::runtime;
use crate::cli::live::server::{PORT, literal};
use crate::cli::output::Failure;
use cvdns_core::wire::name::Name;

pub(super) use report::DelegationReport;

use parent::Parent;
use probe::{Depth, probe};
use resolver::Resolver;
use rules::Checked;
use samples::Samples;
use subject::{Subject, subjects};

/// Arguments of `cvdns check --delegation`.
#[derive(Args, Clone, Debug)]
pub struct DelegationArgs {
    /// Also ask the parent's name servers and every name server of the zones: delegation, glue,
    /// reachability, and whether all give the answers that this configuration gives.
    #[arg(long)]
    pub delegation: bool,
    /// The resolver that finds the parent's name servers. Default: those of /etc/resolv.conf.
    #[arg(long, value_name = "ADDR[:PORT]", requires = "delegation", value_parser = resolver)]
    pub resolver: Option<SocketAddr>,
    /// The port at which the name servers are asked, for a trial on another port.
    #[arg(long, value_name = "PORT", requires = "delegation", default_value_t = PORT)]
    pub port: u16,
}

impl Default for DelegationArgs {
    fn default() -> Self {
        Self { delegation: false, resolver: None, port: PORT }
    }
}

fn resolver(text: &str) -> Result<SocketAddr, String> {
    literal(text).ok_or_else(|| {
        "expected an address such as 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:53".to_owned()
    })
}

/// Servers that are asked at the same time.
const CONCURRENT: usize = 32;

/// Checks the delegation of all zones of a configuration that can be served.
pub(super) fn check(args: &DelegationArgs, config: &Path) -> Result<DelegationReport, Failure> {
    let time = Timestamp::now();
    let samples = Samples::of(config, time)?;
    let subjects = subjects(samples.inputs(), samples.transfer());
    let resolver = Resolver::of(args.resolver)?;
    runtime()?.block_on(async {
        let zones = ask_all(&subjects, &samples, resolver, args.port).await?;
        Ok(DelegationReport::of(&zones, &samples))
    })
}

/// Asks everything that is to be asked about each zone.
async fn ask_all(
    subjects: &[Subject],
    samples: &Samples,
    resolver: Resolver,
    port: u16,
) -> Result<Vec<Checked>, Failure> {
    let mut resolver = resolver;
    let mut questions = Vec::new();
    let mut parents = Vec::new();
    for subject in subjects {
        let parent = match subject.origin.parent() {
            Some(above) => Some(resolver.parent(&above, port).await?),
            None => None,
        };
        parents.push(parent);
    }
    for (subject, servers) in subjects.iter().zip(&parents) {
        let origin = subject.origin.clone();
        let servers = servers.clone().unwrap_or_default();
        questions.push(async move { Parent::ask(&origin, servers).await });
    }
    let answers = all(questions).await;
    let mut checked = Vec::new();
    for (subject, parent) in subjects.iter().zip(answers) {
        let parent = subject.origin.parent().is_some().then_some(parent);
        let addresses = addresses(subject, parent.as_ref(), &mut resolver).await?;
        checked.push(Checked { subject: subject.clone(), parent, addresses, probes: Vec::new() });
    }
    let mut probes = Vec::new();
    for (number, zone) in checked.iter().enumerate() {
        for (server, address) in zone.pairs() {
            let questions = samples.queries(&zone.subject);
            let origin = zone.subject.origin.clone();
            let depth =
                Depth { thorough: zone.subject.first_of_file, signed: zone.is_to_be_signed() };
            let to = SocketAddr::new(address, port);
            probes
                .push(async move { (number, server, probe(to, &origin, questions, depth).await) });
        }
    }
    for (number, server, probe) in all(probes).await {
        if let Some(zone) = checked.get_mut(number) {
            zone.probes.push((server, probe));
        }
    }
    Ok(checked)
}

/// The addresses of every name server that zone or parent name: those of the served zones, of a
/// resolver, and of the glue.
async fn addresses(
    subject: &Subject,
    parent: Option<&Parent>,
    resolver: &mut Resolver,
) -> Result<BTreeMap<String, (Name, Vec<IpAddr>)>, Failure> {
    let mut found = BTreeMap::new();
    let known = subject.servers.iter().map(|server| (&server.name, server.addresses.as_ref()));
    let at_parent = parent.into_iter().flat_map(Parent::names).map(|name| (name, None));
    for (name, own) in known.chain(at_parent) {
        let key = name.to_lower().to_string();
        if found.contains_key(&key) {
            continue;
        }
        let mut addresses = match own {
            Some(own) => own.clone(),
            None if name.is_within(&subject.origin) => Vec::new(),
            None => resolver.addresses(name).await?,
        };
        for glue in parent.into_iter().flat_map(|parent| parent.glue(name)) {
            if !addresses.contains(&glue) {
                addresses.push(glue);
            }
        }
        found.insert(key, (name.clone(), addresses));
    }
    Ok(found)
}

/// Awaits all of these, [`CONCURRENT`] at a time, and returns their results in order.
async fn all<T, F>(futures: Vec<F>) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let permits = Arc::new(Semaphore::new(CONCURRENT));
    let mut tasks = JoinSet::new();
    for (number, future) in futures.into_iter().enumerate() {
        let permits = permits.clone();
        tasks.spawn(async move {
            let _permit = permits.acquire_owned().await;
            (number, future.await)
        });
    }
    let mut results = Vec::new();
    while let Some(done) = tasks.join_next().await {
        results.extend(done.ok());
    }
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}
