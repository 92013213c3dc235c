//! Clients as they are given on the command line and in files.

use std::io::Read as _;
use std::net::IpAddr;
use std::path::Path;

use ipnet::IpNet;

use crate::cli::output::{Failure, say};
use cvdns_core::explain::{AddressSource, ClientAddress};

/// Reads clients.
pub(super) struct Given;

/// How many bad lines are named.
const NAMED: usize = 20;

impl Given {
    /// Those of the command line and of a file, in order, and whether any line of the file is none: which is said.
    pub(super) fn read(
        words: &[String],
        file: Option<&Path>,
    ) -> Result<(Vec<ClientAddress>, bool), Failure> {
        let mut askers =
            words.iter().map(|word| parse_client(word)).collect::<Result<Vec<_>, _>>()?;
        let Some(file) = file else { return Ok((askers, false)) };
        let text = read(file)?;
        let mut bad = 0;
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            match parse_client(line) {
                Ok(asker) => askers.push(asker),
                Err(Failure::Input(what)) => {
                    bad += 1;
                    if bad <= NAMED {
                        say!("cvdns: {}:{}: {what}", file.display(), number + 1);
                    }
                }
                Err(failure) => return Err(failure),
            }
        }
        if bad > NAMED {
            say!("cvdns: {}: {} more such lines", file.display(), bad - NAMED);
        }
        if askers.is_empty() && bad == 0 {
            return Err(Failure::new(format!("{} names no client", file.display())));
        }
        Ok((askers, bad > 0))
    }
}

fn read(file: &Path) -> Result<String, Failure> {
    let text = if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    text.map_err(|error| Failure::new(format!("cannot read {}: {error}", file.display())))
}

/// An address, or a network as a client subnet tells it: bits beyond its prefix are not sent (RFC 7871 section 6).
pub(super) fn parse_client(word: &str) -> Result<ClientAddress, Failure> {
    let from = AddressSource::Given;
    if let Ok(address) = word.parse::<IpAddr>() {
        return Ok(ClientAddress { address, prefix: None, from });
    }
    let net: IpNet = word.parse().map_err(|_| {
        Failure::new(format!("\"{word}\" is neither an address nor a network such as 192.0.2.0/24"))
    })?;
    if net.prefix_len() == 0 {
        let means = "a server looks up the address that such a query comes from";
        return Err(Failure::new(format!("\"{word}\" says of no client where it is: {means}")));
    }
    Ok(ClientAddress { address: net.network(), prefix: Some(net.prefix_len()), from })
}
