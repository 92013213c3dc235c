//! Checks that a feed is signed as the configuration requires.

use crate::load::{FeedSource, signature_path};
use cvdns_core::health::{FeedError, Keys};
use cvdns_core::problem::{Location, Problems};

/// Checks the signature of a feed if `public-key` requires one, and adds what is wrong to
/// `problems`. Returns whether the feed may be used. `signature` is an error if the signature
/// exists and cannot be read.
pub(in crate::cli) fn check(
    source: &FeedSource,
    keys: Option<&Keys>,
    octets: &[u8],
    signature: &Result<Option<Vec<u8>>, String>,
    problems: &mut Problems,
) -> bool {
    let Some(keys) = keys else { return true };
    let (what, help) = match signature.as_ref().map(|found| keys.verify(octets, found.as_deref())) {
        Ok(Ok(())) => return true,
        Ok(Err(FeedError::WrongSignature(fault))) => {
            let help = fault.help();
            (FeedError::WrongSignature(fault).to_string(), help)
        }
        Ok(Err(_)) => (
            "the feed has no signature, but `public-key` requires one".to_owned(),
            "sign the feed with `minisign -S` and put the signature there, or remove `public-key` from [feed]",
        ),
        Err(error) => (
            format!("the signature cannot be read: {error}"),
            "put the output of `minisign -S` there, readable by the server's account (chmod, chown)",
        ),
    };
    problems.error(Location::file(&signature_name(source)), what, help);
    false
}

/// Where the signature of a feed is expected, for messages.
fn signature_name(source: &FeedSource) -> String {
    match source.file() {
        Some(path) => signature_path(path).display().to_string(),
        None => format!("the .minisig of {source}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::TrustedRoots;
    use cvdns_core::health::Keys;

    #[test]
    fn an_unreadable_signature_is_reported_as_such_and_never_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let source = FeedSource::File(dir.path().join("feed.json"));
        std::fs::write(dir.path().join("feed.json"), "{}").unwrap();
        let key = "RWSQJ3D0IPdz7PgxxkvgPuMpP6RV2zlh25IShVotmPE9Ng2RY38yu+J5".parse().unwrap();
        let keys = Keys::new(vec![key]).unwrap();
        let says = || {
            let (octets, signature) = source.read_signed(&TrustedRoots::System).unwrap();
            let mut problems = Problems::default();
            assert!(!check(&source, Some(&keys), &octets, &signature, &mut problems));
            problems.iter().map(ToString::to_string).collect::<String>()
        };
        assert!(says().contains("the feed has no signature"), "{}", says());
        let path = dir.path().join("feed.json.minisig");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let said = says();
        assert!(said.contains("the signature cannot be read") && said.contains("a pipe"), "{said}");
        assert!(!said.contains("has no signature"), "{said}");
    }
}
