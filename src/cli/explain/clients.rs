//! Reads clients from the command line and from files.

use std::io::Read as _;
use std::path::Path;

use crate::cli::output::{Failure, eprint_line};
use crate::explaining::question::client;
use cvdns_core::explain::ClientAddress;

/// Bad lines that are reported at most.
const MAX_REPORTED: usize = 20;

/// Reads the clients of the command line and then those of a file. Also returns whether the file
/// has bad lines, which are reported on standard error.
pub(super) fn read_clients(
    arguments: &[String],
    file: Option<&Path>,
) -> Result<(Vec<ClientAddress>, bool), Failure> {
    let askers = arguments.iter().map(|argument| client(argument)).collect::<Result<Vec<_>, _>>();
    let mut askers = askers.map_err(Failure::new)?;
    let Some(file) = file else { return Ok((askers, false)) };
    let text = read(file)?;
    let mut bad = 0;
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        match client(line) {
            Ok(asker) => askers.push(asker),
            Err(what) => {
                bad += 1;
                if bad <= MAX_REPORTED {
                    eprint_line!("cvdns: {}:{}: {what}", file.display(), number + 1);
                }
            }
        }
    }
    if bad > MAX_REPORTED {
        eprint_line!("cvdns: {}: {} more such lines", file.display(), bad - MAX_REPORTED);
    }
    if askers.is_empty() && bad == 0 {
        return Err(Failure::new(format!("{} names no client", file.display())));
    }
    Ok((askers, bad > 0))
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
