//! The certificate that encrypted transports show, which follows its files.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tracing::{info, warn};

use super::follower::{FollowedState, Follower};
use crate::load::{CertificateVersion, Loaded, LoadedTls, Validity};
use crate::logging::{LogOnce, warn_as};
use cvdns_core::problem::{Problems, Severity};

/// Follows the files of the certificate: a renewed one is in force for the next handshake, without
/// a reload. A certificate that cannot be used changes nothing.
#[derive(Debug, Default)]
pub struct CertificateFollower {
    /// `None` if the server was started without `[tls]`: it has no encrypted transports then.
    followed: Option<Followed>,
}

/// The certificate in force, as the TLS library asks for it at each handshake. Copies of it see the
/// same.
#[derive(Debug, Clone)]
pub struct CertificateInForce {
    certified: Arc<ArcSwap<CertifiedKey>>,
    /// When it expires, in Unix seconds.
    expiry: Arc<AtomicI64>,
}

#[derive(Debug)]
struct Followed {
    in_force: CertificateInForce,
    validity: Validity,
    /// What was read by the start or the last reload.
    loaded: CertificateVersion,
    /// What was looked at last, whether it could be used or not.
    seen: CertificateVersion,
    /// Why the files cannot be used.
    complaint: LogOnce,
    /// What is wrong with the dates of the certificate in force.
    overdue: LogOnce,
}

impl CertificateFollower {
    /// The certificate that was read at the start; `None` without encrypted transports. A start as
    /// root may have read files that cannot be read any more, which is logged.
    pub fn new(loaded: Option<&LoadedTls>) -> Self {
        if let Some(tls) = loaded {
            let mut problems = Problems::default();
            tls.read_again(Timestamp::now(), &mut problems);
            for problem in problems.iter().filter(|problem| problem.severity == Severity::Error) {
                let text = format!("a renewed certificate could not be taken over: {problem}");
                warn_as(problem, &text);
            }
        }
        Self { followed: loaded.map(Followed::new) }
    }

    /// The certificate in force, for listeners; `None` without encrypted transports.
    pub fn in_force(&self) -> Option<&CertificateInForce> {
        self.followed.as_ref().map(|followed| &followed.in_force)
    }
}

impl CertificateInForce {
    /// A certificate that is in force until another one is put in its place.
    fn new(tls: &LoadedTls) -> Self {
        Self {
            certified: Arc::new(ArcSwap::new(tls.certified.clone())),
            expiry: Arc::new(tls.not_after.as_second().into()),
        }
    }

    fn replace(&self, tls: &LoadedTls) {
        self.certified.store(tls.certified.clone());
        self.expiry.store(tls.not_after.as_second(), Relaxed);
    }

    /// When the certificate in force expires, in Unix seconds, now and later.
    pub fn expiry(&self) -> Arc<AtomicI64> {
        self.expiry.clone()
    }

    /// The certificate with its key.
    pub fn load(&self) -> Arc<CertifiedKey> {
        self.certified.load_full()
    }
}

impl ResolvesServerCert for CertificateInForce {
    /// The same for every client, whatever name it asks for: clients find a name server by its
    /// address.
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.load())
    }
}

impl Followed {
    fn new(tls: &LoadedTls) -> Self {
        let mut followed = Self {
            in_force: CertificateInForce::new(tls),
            validity: tls.validity,
            loaded: tls.version.clone(),
            seen: tls.version.clone(),
            complaint: LogOnce::default(),
            overdue: LogOnce::default(),
        };
        followed.note_logged(Timestamp::now());
        followed
    }

    /// Takes over what a reload has read, or else files that have changed since.
    fn follow(&mut self, tls: &LoadedTls, now: Timestamp) {
        if self.loaded != tls.version {
            self.loaded = tls.version.clone();
            self.seen = tls.version.clone();
            self.take(tls, now);
        }
        let version = tls.files.version();
        if self.seen != version {
            self.seen = version;
            self.read(tls, now);
        }
        let warning = self.validity.warning(now).map(|(what, help)| format!("{what} ({help})"));
        for text in self.overdue.update(warning).new {
            warn!("{text}");
        }
    }

    /// Reads the files. If they cannot be used, which is logged once, the certificate before goes
    /// on: certificate and key are replaced one after the other, so this may be only for a moment.
    fn read(&mut self, tls: &LoadedTls, now: Timestamp) {
        let mut problems = Problems::default();
        let read = tls.read_again(now, &mut problems);
        let error = problems.iter().find(|problem| problem.severity == Severity::Error);
        match (read, error) {
            (Some(tls), None) => {
                for problem in problems.iter() {
                    warn_as(problem, &problem.to_string());
                }
                self.take(&tls, now);
            }
            (_, Some(error)) => {
                let text = format!("the certificate is not taken, the one before goes on: {error}");
                if self.complaint.is_new(text.clone()) {
                    warn_as(error, &text);
                }
            }
            // Without a certificate, an error is noted.
            (None, None) => {}
        }
    }

    /// Puts a certificate in force whose problems were logged.
    fn take(&mut self, tls: &LoadedTls, now: Timestamp) {
        if self.complaint.clear() {
            info!("the certificate can be used again");
        }
        self.validity = tls.validity;
        self.note_logged(now);
        if self.in_force.load().cert == tls.certified.cert {
            return;
        }
        self.in_force.replace(tls);
        let names = if tls.names.is_empty() { "no name".to_owned() } else { tls.names.join(", ") };
        info!("another certificate is in force, for {names}, until {:.0}", tls.not_after);
    }

    /// Notes that the warning of the dates was logged.
    fn note_logged(&mut self, now: Timestamp) {
        let warning = self.validity.warning(now).map(|(what, help)| format!("{what} ({help})"));
        self.overdue.update(warning);
    }
}

impl Follower for CertificateFollower {
    fn adjust(&self, _: &mut Loaded) {}

    fn see(&mut self, state: &FollowedState<'_>) {
        // Without [tls] in the configuration, what the server was started with waits for a restart.
        if let (Some(followed), Some(tls)) = (&mut self.followed, &state.loaded.tls) {
            followed.follow(tls, Timestamp::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::*;
    use cvdns_core::config::Config;

    fn make(dir: &Path, name: &str, days: &str) {
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
        let names = format!("subjectAltName=DNS:{name}");
        let output = Command::new("openssl")
            .current_dir(dir)
            .args(["req", "-x509", "-days", days, "-subj", "/CN=x", "-addext", &names])
            .args(key)
            .args(["-keyout", "k.pem", "-out", "c.pem"])
            .output()
            .expect("install openssl");
        assert!(output.status.success());
    }

    fn load(dir: &Path) -> LoadedTls {
        let text = "zone = [{ file = \"z\" }]\n[tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n\
                    dot = [\"192.0.2.1:853\"]\n";
        let mut problems = Problems::default();
        let config = Config::parse("c", text, &mut problems).unwrap();
        let path = dir.join("cvdns.toml");
        LoadedTls::of(&path, &config, Timestamp::now(), &mut problems).unwrap()
    }

    #[test]
    fn a_renewed_certificate_is_taken_and_a_bad_one_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        make(dir.path(), "one.example", "90");
        let first = load(dir.path());
        let mut followed = Followed::new(&first);
        let in_force = followed.in_force.clone();
        let now = Timestamp::now();
        let mut follow = |tls: &LoadedTls| {
            followed.follow(tls, now);
            (in_force.load(), followed.complaint.current().len())
        };
        assert!(Arc::ptr_eq(&follow(&first).0, &first.certified));
        let (certificate, key) = (dir.path().join("c.pem"), dir.path().join("k.pem"));
        let before = std::fs::read(&key).unwrap();
        make(dir.path(), "two.example", "90");
        let renewed = std::fs::read(&key).unwrap();
        // The certificate is replaced before its key.
        std::fs::write(&key, before).unwrap();
        let (shown, complaints) = follow(&first);
        assert_eq!((&shown.cert, complaints), (&first.certified.cert, 1));
        std::fs::write(&key, &renewed).unwrap();
        let (shown, complaints) = follow(&first);
        assert_eq!((&shown.cert, complaints), (&load(dir.path()).certified.cert, 0));
        std::fs::remove_file(&certificate).unwrap();
        let (shown_still, complaints) = follow(&first);
        assert_eq!((&shown_still.cert, complaints), (&shown.cert, 1));
        // What a reload has read is not read once more.
        make(dir.path(), "three.example", "90");
        let reloaded = load(dir.path());
        let (shown, complaints) = follow(&reloaded);
        assert!(Arc::ptr_eq(&shown, &reloaded.certified) && complaints == 0);
    }

    #[test]
    fn a_certificate_that_becomes_too_old_is_logged_once() {
        let dir = tempfile::tempdir().unwrap();
        make(dir.path(), "one.example", "90");
        let tls = load(dir.path());
        let mut followed = Followed::new(&tls);
        let mut overdue = |now| {
            followed.follow(&tls, now);
            followed.overdue.current().to_vec()
        };
        assert_eq!(overdue(Timestamp::now()), [""; 0]);
        let day = jiff::SignedDuration::from_hours(24);
        let soon = overdue(tls.not_after - day);
        assert!(soon.len() == 1 && soon[0].starts_with("the certificate expires at"), "{soon:?}");
        assert_eq!(overdue(tls.not_after - day / 2), soon);
        let late = overdue(tls.not_after + day);
        assert!(late.len() == 1 && late[0].starts_with("the certificate expired"), "{late:?}");
    }
}
