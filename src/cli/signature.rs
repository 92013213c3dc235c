//! Whether a feed is signed as the configuration asks.

use crate::load::{Source, signature_path};
use cvdns_core::health::{FeedError, Keys};
use cvdns_core::problem::{Location, Problems};

/// Notes what is wrong with the signature of a feed that was read, if one is asked for; true when nothing is. An error in place of
/// the signature says why it cannot be read.
pub(in crate::cli) fn check(
    source: &Source,
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
            "the feed has no signature, and `public-key` asks for one".to_owned(),
            "sign it with `minisign -S` and put the signature there, or take `public-key` out of [feed]",
        ),
        Err(error) => (
            format!("the signature cannot be read: {error}"),
            "put there what `minisign -S` wrote, and have the account of the server read it (chmod, chown)",
        ),
    };
    problems.error(Location::file(&place(source)), what, help);
    false
}

/// Where the signature belongs.
fn place(source: &Source) -> String {
    match source.file() {
        Some(path) => signature_path(path).display().to_string(),
        None => format!("{source}, its .minisig"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Roots;
    use cvdns_core::health::Keys;

    #[test]
    fn a_signature_that_cannot_be_read_is_not_taken_for_none_and_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let source = Source::File(dir.path().join("feed.json"));
        std::fs::write(dir.path().join("feed.json"), "{}").unwrap();
        let key = "RWSQJ3D0IPdz7PgxxkvgPuMpP6RV2zlh25IShVotmPE9Ng2RY38yu+J5".parse().unwrap();
        let keys = Keys::new(vec![key]).unwrap();
        let says = || {
            let (octets, signature) = source.read_signed(&Roots::System).unwrap();
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
