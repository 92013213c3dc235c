//! Files and TCP ports out of reach (Landlock, landlock(7)).

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, NetPort, PathBeneath, PathFd,
    RestrictionStatus, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError,
    RulesetStatus, Scope,
};

use super::allowed::Allowed;

/// The version whose rights are restricted, as far as the kernel has them. Later ones also
/// restrict Unix sockets by path, which the system's resolver and service managers need.
const VERSION: ABI = ABI::V7;

/// What kernels restrict from which version on, and the release of Linux with it.
const RESTRICTED_SINCE: [(ABI, &str, &str); 3] = [
    (ABI::V3, "shortening files", "6.2"),
    (ABI::V4, "TCP ports", "6.7"),
    (ABI::V6, "signals to other processes", "6.12"),
];

/// How far a thread is restricted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Restriction {
    /// To what is allowed.
    Full,
    /// Except for this, for people.
    Partial(String),
    /// Not at all, for this reason, for people.
    None(String),
}

/// Restricts the calling thread, and all that it starts from now on, to what is allowed.
pub(super) fn restrict(allowed: &Allowed) -> Restriction {
    match restricted_to(allowed) {
        Err(error) => Restriction::None(format!("Landlock fails: {error}")),
        Ok(RestrictionStatus { ruleset: RulesetStatus::NotEnforced, .. }) => Restriction::None(
            "the kernel has no Landlock, or a container hides it (it takes Linux 5.13 with \
             CONFIG_SECURITY_LANDLOCK, and `landlock` among the modules of `lsm=`)"
                .to_owned(),
        ),
        Ok(RestrictionStatus { landlock, .. }) => match landlock {
            LandlockStatus::Available { effective_abi, .. } => {
                unrestricted(effective_abi).map_or(Restriction::Full, Restriction::Partial)
            }
            _ => Restriction::Full,
        },
    }
}

/// What a version of Landlock does not restrict.
fn unrestricted(version: ABI) -> Option<String> {
    let lacks: Vec<_> = RESTRICTED_SINCE
        .iter()
        .filter(|(since, ..)| version < *since)
        .map(|(_, what, release)| format!("{what} (Linux {release})"))
        .collect();
    (!lacks.is_empty()).then(|| format!("the kernel does not restrict {}", lacks.join(", ")))
}

fn restricted_to(allowed: &Allowed) -> Result<RestrictionStatus, RulesetError> {
    let mut scope = Scope::from_all(VERSION);
    if allowed.abstract_sockets {
        scope.remove(Scope::AbstractUnixSocket);
    }
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(VERSION))?
        .handle_access(AccessNet::from_all(VERSION))?
        .scope(scope)?
        .create()?;
    for path in &allowed.reads {
        rules = beneath(rules, path, AccessFs::ReadFile | AccessFs::ReadDir)?;
    }
    for path in &allowed.writes {
        rules = beneath(rules, path, writing())?;
    }
    for port in &allowed.connects {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    rules.restrict_self()
}

/// What replacing a file by rename takes, and removing one or a socket.
fn writing() -> BitFlags<AccessFs> {
    AccessFs::ReadFile
        | AccessFs::ReadDir
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeSock
        | AccessFs::RemoveFile
}

/// Allows access to a directory and everything beneath it, or to a file. A path that leads nowhere,
/// or cannot be reached, is left out: nothing can be read there either.
fn beneath(
    rules: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    let Ok(opened) = PathFd::new(path) else { return Ok(rules) };
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(VERSION) };
    rules.add_rule(PathBeneath::new(opened, access))
}
