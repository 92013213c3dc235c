//! Wrong changes of all kinds, and what is said of each.

/// Files beside those of the fixture.
pub(super) const FILES: [(&str, &str); 5] = [
    ("overrides.toml", ""),
    ("more.toml", "[server]\nworkers = 2\n"),
    ("nested.toml", "include = [\"more.toml\"]\n"),
    ("bad.secrets", "0123456789abcdef\n"),
    ("plain.txt", "no certificate\n"),
];

/// In the place of a new text: half of the old one.
pub(super) const CUT_IN_HALF: &str = "\0half";

/// In the place of a new text: a directory of the file's name.
pub(super) const DIRECTORY: &str = "\0directory";

/// A change of a file: what is replaced by what; all of the file if the first is empty.
pub(super) struct Wrong {
    pub file: &'static str,
    pub what: &'static str,
    pub by: &'static str,
    /// What a problem says, and where: `FILE:LINE:COLUMN: WORDS`; the file alone if there is no
    /// line.
    pub says: &'static str,
}

pub(super) const fn wrong(
    file: &'static str,
    what: &'static str,
    by: &'static str,
    says: &'static str,
) -> Wrong {
    Wrong { file, what, by, says }
}

/// All wrong changes.
pub(super) fn all() -> impl Iterator<Item = &'static Wrong> {
    super::in_configuration::WRONG.iter().chain(super::in_other_files::WRONG)
}
