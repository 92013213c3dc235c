//! Who connects, as a file says it.

use std::path::Path;

use async_nats::ConnectOptions;
use cvdns_io::read_text_up_to;

use super::error::{Error, ErrorKind};

/// Most octets of such a file. One with NATS credentials has about 1,000.
const MAX_FILE: u64 = 64 << 10;

/// Options with what the file says of who connects.
pub(crate) fn options(file: Option<&Path>) -> Result<ConnectOptions, Error> {
    let Some(file) = file else { return Ok(ConnectOptions::new()) };
    let wrong = |what: String| Error::new(ErrorKind::Settings, what);
    let text = read_text_up_to(file, MAX_FILE).map_err(|error| {
        wrong(format!("cannot read the credentials {}: {error}", file.display()))
    })?;
    of(&text).ok_or_else(|| {
        wrong(format!(
            "{} has no credentials: NATS credentials (.creds), the seed of a user's nkey (SU…), or \
             a line user:password are expected",
            file.display()
        ))
    })
}

fn of(text: &str) -> Option<ConnectOptions> {
    let line = text.trim();
    if line.contains("-BEGIN ") {
        return ConnectOptions::with_credentials(text).ok();
    }
    if line.contains(['\n', '\r']) {
        return None;
    }
    // A seed has 58 characters, and those of users begin with SU.
    if line.len() == 58 && line.starts_with("SU") && !line.contains(':') {
        return Some(ConnectOptions::with_nkey(line.to_owned()));
    }
    let (user, password) = line.split_once(':')?;
    let has_both = !user.is_empty() && !password.is_empty();
    has_both.then(|| ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_forms_are_read_and_nothing_else() {
        let seed = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
        let credentials = format!(
            "-----BEGIN NATS USER JWT-----\nabc\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        );
        for good in ["user:password\n", "user:pass:word", seed, &credentials] {
            assert!(of(good).is_some(), "{good}");
        }
        for bad in ["", "user", ":password", "user:", "a:b\nc:d", "-----BEGIN NATS USER JWT-----"] {
            assert!(of(bad).is_none(), "{bad}");
        }
    }
}
