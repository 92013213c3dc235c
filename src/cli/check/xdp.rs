//! `cvdns check --xdp`: whether interfaces can be served by `AF_XDP`, and why not. It changes
//! nothing at them.

use std::net::SocketAddr;

use clap::Args;
use serde::Serialize;

use crate::cli::output::{Failure, eprint_line, print_line};
use cvdns_core::config::{Config, XdpMode};
use cvdns_net::xdp::examine;

/// Arguments of `cvdns check --xdp`.
#[derive(Args, Clone, Debug, Default)]
pub struct XdpArgs {
    /// Also say whether the interfaces of `[xdp]`, or those named here, can be served by `AF_XDP`,
    /// and why not. Root, or the server's capabilities, are needed to try it.
    #[arg(
        long,
        value_name = "INTERFACE",
        num_args = 0..,
        require_equals = true,
        value_delimiter = ','
    )]
    pub xdp: Option<Vec<String>>,
}

/// What was found at the interfaces.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct XdpReport(Vec<InterfaceReport>);

/// An interface.
#[derive(Debug, Serialize)]
struct InterfaceReport {
    interface: String,
    mode: &'static str,
    /// Properties of the interface, for people.
    facts: Vec<String>,
    /// Why it cannot be served, and what to do; `None` if it can.
    why_not: Option<String>,
}

/// Looks at the interfaces, if that was asked for.
pub(super) fn check(args: &XdpArgs, config: &Config) -> Option<XdpReport> {
    let named = args.xdp.as_ref()?;
    let configured = || config.xdp.interfaces.iter().map(|name| name.value.clone()).collect();
    let interfaces: Vec<String> = if named.is_empty() { configured() } else { named.clone() };
    let report = |interface| InterfaceReport::of(interface, config.xdp.mode, &config.server.listen);
    Some(XdpReport(interfaces.into_iter().map(report).collect()))
}

impl XdpReport {
    /// Whether something cannot be served, or there is nothing to serve.
    pub(super) fn has_errors(&self) -> bool {
        self.0.is_empty() || self.0.iter().any(|interface| interface.why_not.is_some())
    }

    /// Prints what can be served on standard output, and what cannot on standard error.
    pub(super) fn print(&self) -> Result<(), Failure> {
        if self.0.is_empty() {
            eprint_line!(
                "`interfaces` in [xdp] names no interface: write `cvdns check --xdp=eth0` for eth0"
            );
        }
        for InterfaceReport { interface, mode, facts, why_not } in &self.0 {
            if let Some(why) = why_not {
                eprint_line!("{interface} cannot be served by AF_XDP ({mode}): {why}");
                continue;
            }
            print_line(format_args!("{interface} can be served by AF_XDP ({mode})"))?;
            for fact in facts {
                print_line(format_args!("  {fact}"))?;
            }
        }
        Ok(())
    }
}

impl InterfaceReport {
    fn of(interface: String, mode: XdpMode, listen: &[SocketAddr]) -> Self {
        let (facts, why_not) = match examine(&interface, mode, listen) {
            Ok(facts) => (facts, None),
            Err(why) => (Vec::new(), Some(why)),
        };
        Self { interface, mode: mode.name(), facts, why_not }
    }
}
