//! Database files, as far as anything but freshclam reads them: the header alone.

/// A CVD of this version.
pub fn cvd(version: &str) -> String {
    cvd_of(version, "1765927102")
}

/// The same, with its last field (CLIENTS: "CVD file header").
pub fn cvd_of(version: &str, time: &str) -> String {
    let md5 = "9c353a6b32555186a45a61c6441f38c0";
    let header = format!(
        "ClamAV-VDB:16 Dec 2025 23-18 +0000:{version}:3287027:90:{md5}:gI9w:tomjudge:{time}"
    );
    format!("{header:512}signatures")
}
