//! Whether a feed is signed as the configuration asks.

use crate::health::{FeedError, Keys};
use crate::load::{Source, signature_of};
use crate::problem::{Problems, Spot};

/// Notes what is wrong with the signature of a feed that was read, if one is asked for; true when nothing is.
pub(in crate::cli) fn check(
    source: &Source,
    keys: Option<&Keys>,
    octets: &[u8],
    signature: Option<&[u8]>,
    problems: &mut Problems,
) -> bool {
    let Some(Err(error)) = keys.map(|keys| keys.verify(octets, signature)) else { return true };
    let (file, unreadable) = place(source);
    let (what, help) = match &error {
        FeedError::WrongSignature(fault) => (error.to_string(), fault.help().to_owned()),
        _ => match unreadable {
            Some(error) => (
                format!("the signature cannot be read: {error}"),
                "have the account of the server read it (chmod, chown)".to_owned(),
            ),
            None => (
                "the feed has no signature, and `public-key` asks for one".to_owned(),
                "sign it with `minisign -S` and put the signature there, or take `public-key` out of [feed]"
                    .to_owned(),
            ),
        },
    };
    problems.error(Spot::file(&file), what, help);
    false
}

/// Where the signature belongs, and why a file that is there cannot be read.
fn place(source: &Source) -> (String, Option<std::io::Error>) {
    match source.file() {
        Some(path) => {
            let path = signature_of(path);
            let error = std::fs::File::open(&path).err();
            let error = error.filter(|error| error.kind() != std::io::ErrorKind::NotFound);
            (path.display().to_string(), error)
        }
        None => (format!("{source}, its .minisig"), None),
    }
}
