use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use jiff::SignedDuration;

use super::*;

const P256: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
const NAMES: &[&str] =
    &["-addext", "subjectAltName=DNS:ns1.example.net,DNS:*.example.org,IP:192.0.2.1,IP:192.0.2.9"];

/// A directory with files of openssl.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// One with `c.pem`, which is valid for 90 days, and `k.pem`.
    fn with(key: &[&str]) -> Self {
        let place = Self::new();
        place.self_signed(key, "c.pem", "k.pem", NAMES);
        place
    }

    fn openssl(&self, args: &[&str]) {
        let output = Command::new("openssl").current_dir(&self.0).args(args).output();
        let output = output.expect("install openssl");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {args:?}: {error}");
    }

    fn self_signed(&self, key: &[&str], certificate: &str, private: &str, extra: &[&str]) {
        let subject = format!("/CN={certificate}");
        let made = ["req", "-x509", "-nodes", "-days", "90", "-subj", &subject];
        let files = ["-keyout", private, "-out", certificate];
        self.openssl(&[&made[..], key, &files[..], extra].concat());
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    /// Files of these names after one another.
    fn joined(&self, names: &[&str]) -> String {
        names.iter().map(|name| self.text(name)).collect()
    }

    /// What is read of certificate and key, and all problems without the path of the directory.
    fn read_of(
        &self,
        certificate: &str,
        key: &str,
        now: Timestamp,
    ) -> (Option<LoadedTls>, Vec<String>) {
        let text = format!(
            "zone = [{{ file = \"z\" }}]\n[tls]\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n\
             dot = [\"192.0.2.1:853\", \"192.0.2.2:853\"]\ndoq = [\"192.0.2.1:853\"]\n\
             connections = 7\n"
        );
        let mut problems = Problems::default();
        let config = Config::parse("c", &text, &mut problems).unwrap();
        let path = self.0.path().join("cvdns.toml");
        let loaded = LoadedTls::of(&path, &config, now, &mut problems);
        assert_eq!(loaded.is_none(), problems.has_errors());
        let prefix = format!("{}/", self.0.path().display());
        (loaded, problems.iter().map(|problem| problem.to_string().replace(&prefix, "")).collect())
    }

    fn read(&self) -> (Option<LoadedTls>, Vec<String>) {
        self.read_of("c.pem", "k.pem", Timestamp::now())
    }

    /// The only problem.
    fn problem(&self) -> String {
        let problems = self.read().1;
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems.concat()
    }
}

#[test]
fn certificate_and_key_are_read_with_names_and_dates() {
    let place = Place::with(P256);
    let (loaded, problems) = place.read();
    assert_eq!(problems, [""; 0]);
    let tls = loaded.unwrap();
    assert_eq!(tls.names, ["ns1.example.net", "*.example.org", "192.0.2.1"]);
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    assert_eq!(tls.dot, [address("192.0.2.1:853"), address("192.0.2.2:853")]);
    assert_eq!((tls.doq, tls.doh), (vec![address("192.0.2.1:853")], vec![]));
    assert_eq!((tls.connections, tls.certified.cert.len()), (7, 1));
    let Validity { not_before, not_after } = tls.validity;
    let days = SignedDuration::from_hours(90 * 24);
    assert_eq!((not_after.duration_since(not_before), tls.not_after), (days, not_after));
    let age = Timestamp::now().duration_since(not_before);
    assert!((SignedDuration::ZERO..SignedDuration::from_mins(5)).contains(&age), "{age}");
    assert_eq!(tls.files.paths(), ["c.pem", "k.pem"].map(|name| place.0.path().join(name)));
}

#[test]
fn keys_of_each_kind_and_form_are_read_and_none_is_shown() {
    let curve = |name: &'static str| ["-newkey", "ec", "-pkeyopt", name];
    for (key, form, shown) in [
        (P256, "ec", "ECDSA"),
        (&curve("ec_paramgen_curve:secp384r1"), "ec", "ECDSA"),
        (&["-newkey", "rsa:2048"], "rsa", "RSA"),
        (&["-newkey", "ed25519"], "", "ED25519"),
    ] {
        let place = Place::with(key);
        let (loaded, problems) = place.read();
        assert_eq!(problems, [""; 0], "{key:?}");
        let tls = loaded.unwrap();
        assert!(format!("{:?}", tls.certified.key).contains(shown), "{:?}", tls.certified.key);
        // SEC 1 or PKCS #1.
        if form == "ec" {
            place.openssl(&["ec", "-in", "k.pem", "-out", "k2.pem"]);
        } else if form == "rsa" {
            place.openssl(&["rsa", "-traditional", "-in", "k.pem", "-out", "k2.pem"]);
        } else {
            continue;
        }
        assert!(place.text("k2.pem").contains(&format!("BEGIN {} PRIV", form.to_uppercase())));
        let (loaded, problems) = place.read_of("c.pem", "k2.pem", Timestamp::now());
        assert_eq!((problems, loaded.unwrap().names.len()), (Vec::new(), 3));
    }
}

#[test]
fn both_may_be_in_one_file() {
    let place = Place::with(P256);
    fs::write(place.0.path().join("k.pem"), place.joined(&["k.pem", "c.pem"])).unwrap();
    let (loaded, problems) = place.read_of("k.pem", "k.pem", Timestamp::now());
    assert_eq!((problems, loaded.unwrap().certified.cert.len()), (Vec::new(), 1));
}

#[test]
fn files_that_are_missing_are_all_named() {
    assert_eq!(
        Place::new().read().1,
        [
            "c:3:15: cannot read c.pem: No such file or directory (os error 2) (name the \
             certificate of the server in `certificate` of [tls], readable by the server's account \
             (docs/encrypted.md))",
            "c:4:7: cannot read k.pem: No such file or directory (os error 2) (name the private \
             key of the certificate in `key` of [tls], readable by the server's account alone \
             (docs/encrypted.md))",
        ]
    );
}

#[test]
fn a_file_without_a_certificate_says_what_it_is() {
    let place = Place::with(P256);
    place.write("c.pem", place.text("k.pem"));
    assert_eq!(
        place.problem(),
        "c.pem: there is no certificate in the file: no line is -----BEGIN CERTIFICATE----- (name \
         the file of the certificate in `certificate` of [tls], and that of its private key in \
         `key`)"
    );
    for text in ["", "certificate\n", "0\u{82}\u{1}"] {
        place.write("c.pem", text);
        assert_eq!(
            place.problem(),
            "c.pem: the file is not PEM: no line is -----BEGIN CERTIFICATE----- (if it is DER, \
             convert it: openssl x509 -inform DER -in FILE -out fullchain.pem)"
        );
    }
}

#[test]
fn a_damaged_certificate_is_named_by_its_number() {
    let place = Place::with(P256);
    let good = place.text("c.pem");
    let other = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    let cut = good.replace("-----END CERTIFICATE-----\n", "");
    for (text, what) in [
        (format!("{good}{other}"), "certificate 2 in the file cannot be read: BadDer"),
        (cut, "certificate 1 in the file cannot be read: it is not PEM to its end"),
        (
            good.replacen("MII", "M*I", 1),
            "certificate 1 in the file cannot be read: it is not PEM to its end",
        ),
    ] {
        place.write("c.pem", text);
        let help = "copy the file once more, or have the certificate issued again";
        assert_eq!(place.problem(), format!("c.pem: {what} ({help})"));
    }
}

#[test]
fn a_file_without_a_usable_key_says_why() {
    let place = Place::with(P256);
    let good = place.text("k.pem");
    place.openssl(&["pkey", "-in", "k.pem", "-aes256", "-passout", "pass:x", "-out", "new.pem"]);
    place.openssl(&["ec", "-in", "k.pem", "-aes256", "-passout", "pass:x", "-out", "old.pem"]);
    let encrypted = "k.pem: the private key has a password, and nobody is there to enter it (take \
                     it off: openssl pkey -in FILE -out NEW, which only the server's account may \
                     read)";
    assert!(place.text("new.pem").contains("BEGIN ENCRYPTED"));
    assert!(place.text("old.pem").contains("Proc-Type"));
    for (text, expected) in [
        (&*place.text("new.pem"), encrypted),
        (&*place.text("old.pem"), encrypted),
        (
            &*place.text("c.pem"),
            "k.pem: there is no private key in the file: no line is -----BEGIN PRIVATE KEY----- \
             (name the file of the private key in `key` of [tls], and that of the certificate in \
             `certificate`)",
        ),
        (
            "no key",
            "k.pem: the file is not PEM: no line is -----BEGIN PRIVATE KEY----- (if it is DER, \
             convert it: openssl pkey -inform DER -in FILE -out key.pem)",
        ),
        (
            good.trim_end_matches("-----END PRIVATE KEY-----\n"),
            "k.pem: the private key is damaged: it is not PEM to its end (copy the file once more)",
        ),
    ] {
        place.write("k.pem", text);
        assert_eq!(place.problem(), expected);
    }
}

#[test]
fn keys_of_other_kinds_are_refused() {
    for key in [
        &["-newkey", "ed448"][..],
        &["-newkey", "rsa:1024"],
        &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp521r1"],
    ] {
        assert_eq!(
            Place::with(key).problem(),
            "k.pem: the private key is of no supported kind, or is damaged (make an ECDSA key \
             (P-256 or P-384), an Ed25519 key or an RSA key of 2048 to 4096 bits, and have the \
             certificate issued for it)"
        );
    }
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let place = Place::with(P256);
    for key in [P256, &["-newkey", "rsa:2048"], &["-newkey", "ed25519"]] {
        place.self_signed(key, "other.pem", "k.pem", &[]);
        assert_eq!(
            place.problem(),
            "k.pem: the private key does not belong to the certificate in c.pem (name the key that \
             the certificate was requested with; both are replaced together)"
        );
    }
}

#[test]
fn a_key_that_others_can_read_is_warned_of() {
    let place = Place::with(P256);
    let chmod = |mode| {
        let path = place.0.path().join("k.pem");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    chmod(0o644);
    assert_eq!(
        place.problem(),
        "k.pem: every account of this machine can read or change the private key of the \
         certificate (whoever has it can pass for this server: chmod o= the file)"
    );
    chmod(0o640);
    assert_eq!(place.read().1, [""; 0]);
}

/// An authority `ca.pem`, one that it certifies, `sub.pem`, and a server's `c.pem` of that one.
fn with_authorities() -> Place {
    let place = Place::new();
    let authority = ["-addext", "keyUsage=critical,keyCertSign"];
    place.self_signed(P256, "ca.pem", "ca.key", &authority);
    let by = |certificate, key| ["-CA", certificate, "-CAkey", key];
    place.self_signed(
        P256,
        "sub.pem",
        "sub.key",
        &[by("ca.pem", "ca.key"), [authority[0], authority[1], "-set_serial", "2"]].concat(),
    );
    place.self_signed(P256, "leaf.pem", "k.pem", &by("sub.pem", "sub.key"));
    place
}

#[test]
fn certificates_in_another_order_are_put_in_order() {
    let place = with_authorities();
    let read = |names: &[&str]| {
        place.write("c.pem", place.joined(names));
        let (loaded, problems) = place.read();
        (loaded.unwrap().certified.cert.clone(), problems)
    };
    let (chain, problems) = read(&["leaf.pem", "sub.pem", "ca.pem"]);
    assert_eq!((chain.len(), problems), (3, Vec::new()));
    assert_eq!(read(&["leaf.pem"]), (chain[..1].to_vec(), Vec::new()));
    let help = "(clients may not find the way to the authority: write the certificate of the \
                server first, and after each that of its issuer)";
    for (order, what) in [
        (
            ["sub.pem", "leaf.pem", "ca.pem"],
            "the certificate of the server is number 2 in the file, and belongs first",
        ),
        (
            ["ca.pem", "sub.pem", "leaf.pem"],
            "the certificate of the server is number 3 in the file, and belongs first",
        ),
        (
            ["leaf.pem", "ca.pem", "sub.pem"],
            "certificate 1 in the file is not followed by that of its issuer",
        ),
    ] {
        assert_eq!(read(&order), (chain.clone(), vec![format!("c.pem: {what} {help}")]));
    }
    let (others, problems) = read(&["leaf.pem", "ca.pem"]);
    assert_eq!(others, [chain[0].clone(), chain[2].clone()]);
    let what = "certificate 1 in the file is not followed by that of its issuer";
    assert_eq!(problems, [format!("c.pem: {what} {help}")]);
}

#[test]
fn dates_are_warned_of_and_not_refused() {
    let place = Place::with(P256);
    let Validity { not_before, not_after } = place.read().0.unwrap().validity;
    let at = |now: Timestamp| {
        let (loaded, problems) = place.read_of("c.pem", "k.pem", now);
        assert!(loaded.is_some());
        problems
    };
    let second = SignedDuration::from_secs(1);
    let day = SignedDuration::from_hours(24);
    assert_eq!(at(not_before), [""; 0]);
    assert_eq!(at(not_after - day * 7), [""; 0]);
    let early = format!(
        "c.pem: the certificate expires at {not_after}, and is not renewed yet (renew it, or find \
         out why what renews it did not)"
    );
    assert_eq!(at(not_after - day * 7 + second), [&*early]);
    assert_eq!(at(not_after), [early]);
    assert_eq!(
        at(not_after + second),
        [format!(
            "c.pem: the certificate expired at {not_after} (renew it: clients that \
             authenticate the server refuse it, and only those of RFC 9539 do not look)"
        )]
    );
    assert_eq!(
        at(not_before - second),
        [format!(
            "c.pem: the certificate is not valid before {not_before} (look at the clock of this \
             machine: clients that authenticate the server refuse it until then, and only those \
             of RFC 9539 do not look)"
        )]
    );
}

/// Authorities issue certificates for some days, which are not to be warned of all the time.
#[test]
fn a_short_certificate_is_warned_of_later() {
    let place = Place::with(&[P256, &["-days", "6"]].concat());
    let (loaded, problems) = place.read();
    assert_eq!(problems, [""; 0]);
    let not_after = loaded.unwrap().not_after;
    let left = |hours| {
        let now = not_after - SignedDuration::from_hours(hours);
        place.read_of("c.pem", "k.pem", now).1.len()
    };
    assert_eq!((left(48), left(47)), (0, 1));
}

#[test]
fn files_are_read_again() {
    let place = Place::with(P256);
    let before = place.read().0.unwrap();
    assert_eq!(before.files.version(), before.version);
    place.self_signed(P256, "c.pem", "k.pem", &["-addext", "subjectAltName=DNS:ns2.example.net"]);
    assert_ne!(before.files.version(), before.version);
    let mut problems = Problems::default();
    let after = before.read_again(Timestamp::now(), &mut problems).unwrap();
    assert_eq!((after.names, after.dot), (vec!["ns2.example.net".to_owned()], before.dot.clone()));
    assert!(problems.iter().next().is_none() && after.version == before.files.version());
    place.write("k.pem", "");
    assert!(before.read_again(Timestamp::now(), &mut problems).is_none() && problems.has_errors());
}
