//! The buckets.

use cvdns_nats::{BucketState, ErrorKind, Plan, set_up};

use super::raw::Raw;
use super::server::Server;
use super::{PATIENCE, ports};

#[test]
fn buckets_are_made_once_and_what_does_not_fit_is_said() {
    let server = Server::bare();
    let states = |plan: &Plan| {
        set_up(&server.settings(), plan, PATIENCE).unwrap().map(|report| report.state)
    };
    let plan = Plan::default();
    assert_eq!(states(&plan), [BucketState::Created, BucketState::Created]);
    assert_eq!(states(&plan), [BucketState::Fits, BucketState::Fits]);
    let raw = Raw::new(server.port);
    raw.say("$JS.API.STREAM.DELETE.KV_cvdns", &[], b"");
    let plain = br#"{"name":"KV_cvdns","subjects":["$KV.cvdns.>"],"max_msgs_per_subject":3}"#;
    let made = raw.say("$JS.API.STREAM.CREATE.KV_cvdns", &[], plain);
    assert!(made.contains("\"did_create\":true"), "{made}");
    let [BucketState::Differs(found), BucketState::Fits] = states(&plan) else { panic!() };
    assert_eq!(
        found,
        [
            "max_msgs_per_subject is 3, not 1",
            "allow_direct is false, not true",
            "republish is null, not {\"dest\":\"live.cvdns.>\",\"src\":\"$KV.cvdns.>\"}",
        ]
    );
}

#[test]
fn without_jetstream_no_bucket_is_made() {
    let port = ports::free();
    let server = Server::configured(port, |_| format!("listen: \"127.0.0.1:{port}\"\n"));
    let short = std::time::Duration::from_secs(2);
    let error = set_up(&server.settings(), &Plan::default(), short).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoJetStream, "{error}");
}
