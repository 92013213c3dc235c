//! Every kind of answer before delv, drill and unbound-host.

use std::fs;
use std::process::Stdio;

use super::{Keys, ORIGIN, Signed, files};
use crate::support::tools::{output, tool, tool_of};

/// Questions, and what delv says of the answers (RFC 4035 section 4.3): secure, or insecure where
/// the zone delegates without DS.
const QUESTIONS: [(&str, &str); 22] = [
    ("clam.example", "SOA"),
    ("clam.example", "NS"),
    ("clam.example", "DNSKEY"),
    ("clam.example", "CDS"),
    ("clam.example", "MX"),
    ("www.clam.example", "A"),
    ("www.clam.example", "AAAA"),
    ("db.de.clam.example", "A"),
    ("db.de.clam.example", "AAAA"),
    ("db.de.clam.example", "MX"),
    ("db.us.big.clam.example", "A"),
    ("db.local.clam.example", "A"),
    ("current.cvd.clam.example", "TXT"),
    ("cvd.clam.example", "TXT"),
    ("nothing.clam.example", "A"),
    ("a.b.nothing.clam.example", "AAAA"),
    ("x.wild.clam.example", "TXT"),
    ("x.wild.clam.example", "A"),
    ("alias.clam.example", "A"),
    ("mirror.clam.example", "A"),
    ("www.old.clam.example", "A"),
    ("far.clam.example", "A"),
];

/// delv validates against the anchor, and says so.
fn delv(signed: &Signed, name: &str, qtype: &str) -> String {
    let anchors = signed.daemon.path().join("anchors");
    fs::write(&anchors, signed.bind_anchor()).expect("the anchors");
    let mut delv = tool("delv");
    delv.args(["@127.0.0.1", "-p", &signed.port().to_string(), "-a"]).arg(&anchors);
    delv.args([format!("+root={ORIGIN}").as_str(), "+multiline", name, qtype]);
    // A negative answer is a failure for it.
    let done = delv.stdin(Stdio::null()).output().expect("delv");
    String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr)
}

fn secure_by_delv(keys: Keys) {
    let signed = Signed::start(keys, files());
    for (name, qtype) in QUESTIONS {
        let said = delv(&signed, name, qtype);
        assert!(said.contains("fully validated"), "{name} {qtype}: {said}");
        assert!(!said.contains("; unsigned answer"), "{name} {qtype}: {said}");
    }
}

#[test]
fn delv_validates_all_answers_of_a_single_key() {
    secure_by_delv(Keys::Single("ECDSAP256SHA256"));
}

#[test]
fn delv_validates_all_answers_of_split_keys() {
    secure_by_delv(Keys::Split("ED25519"));
}

/// drill takes the anchor for the key of all signatures, and unbound-host says whether an answer is
/// secure.
#[test]
fn drill_and_unbound_host_find_answers_secure() {
    let signed = Signed::start(Keys::Single("ECDSAP256SHA256"), files());
    let anchor = signed.daemon.path().join("anchor.key");
    fs::write(&anchor, signed.anchors.join("\n") + "\n").expect("the anchor");
    let port = signed.port().to_string();
    for (name, qtype) in [("db.de.clam.example", "A"), ("x.wild.clam.example", "TXT")] {
        let mut drill = tool_of("drill", "install ldnsutils");
        drill.args(["-p", &port, "-D", "-k"]).arg(&anchor).args(["@127.0.0.1", name, qtype]);
        let said = output(&mut drill);
        assert!(said.contains("; VALIDATED by id = "), "{said}");
    }
    let config = format!(
        "server:\n  do-not-query-localhost: no\n  trust-anchor-file: \"{}\"\n\
         stub-zone:\n  name: \"{ORIGIN}\"\n  stub-addr: 127.0.0.1@{port}\n",
        anchor.display()
    );
    let path = signed.daemon.path().join("host.conf");
    fs::write(&path, config).expect("the configuration");
    for (name, qtype) in QUESTIONS {
        let mut host = tool_of("unbound-host", "install unbound-host");
        host.arg("-C").arg(&path).args(["-v", "-t", qtype, name]);
        let said = output(&mut host);
        assert!(said.contains("(secure)") && !said.contains("BOGUS"), "{name} {qtype}: {said}");
    }
}

/// A delegation without DS is proven to be insecure, and one with DS is not (RFC 4035 section 5.2).
#[test]
fn referrals_have_ds_records_or_deny_them() {
    let signed = Signed::start(Keys::Single("ED25519"), files());
    let port = signed.port().to_string();
    let dig = |name: &str| {
        let mut dig = tool("dig");
        dig.args(["@127.0.0.1", "-p", &port, "+norec", "+dnssec", "+noall", "+authority"]);
        output(dig.args([name, "A"]))
    };
    let insecure = dig("x.sub.clam.example");
    assert!(insecure.contains("\tNSEC\t") && !insecure.contains("\tDS\t"), "{insecure}");
    let bitmap = insecure.lines().find(|line| line.contains("\tNSEC\t")).expect("an NSEC record");
    assert!(bitmap.ends_with(" NS RRSIG NSEC"), "{bitmap}");
    let secure = dig("x.safe.clam.example");
    assert!(secure.contains("\tDS\t12345 ") && !secure.contains("\tNSEC\t"), "{secure}");
    for text in [&insecure, &secure] {
        let signatures = text.lines().filter(|line| line.contains("\tRRSIG\t"));
        assert_eq!(signatures.count(), 1, "{text}");
    }
}

/// Whoever does not set DO gets what an unsigned zone answers (RFC 4035 section 3.1).
#[test]
fn without_do_nothing_is_signed() {
    let signed = Signed::start(Keys::Single("ECDSAP256SHA256"), files());
    let port = signed.port().to_string();
    for (name, qtype) in QUESTIONS.into_iter().filter(|(_, qtype)| *qtype != "DNSKEY") {
        let mut dig = tool("dig");
        dig.args(["@127.0.0.1", "-p", &port, "+norec", "+nodnssec", name, qtype]);
        let said = output(&mut dig);
        assert!(!said.contains("RRSIG") && !said.contains("\tNSEC\t"), "{name} {qtype}: {said}");
    }
}
