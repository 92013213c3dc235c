#![allow(warnings, clippy::all)]
mod support {
    #[path = "/tmp/wt/valid/tests/support/name.rs"]
    pub mod name;
    #[path = "/tmp/wt/valid/tests/support/numbers.rs"]
    pub mod numbers;
    #[path = "/tmp/wt/valid/tests/support/packet.rs"]
    pub mod packet;
    #[path = "/tmp/wt/valid/tests/support/reply.rs"]
    pub mod reply;
    #[path = "/tmp/wt/valid/tests/support/rr.rs"]
    pub mod rr;
}
mod asking {
    pub use crate::support::numbers::Numbers;
}
mod dnssec {
    #[path = "/tmp/wt/valid/tests/model/dnssec/checked.rs"]
    mod checked;
    #[path = "/tmp/wt/valid/tests/model/dnssec/judge.rs"]
    mod judge;
    #[path = "/tmp/wt/valid/tests/model/dnssec/keys.rs"]
    mod keys;
    #[path = "/tmp/wt/valid/tests/model/dnssec/kinds.rs"]
    mod kinds;
    #[path = "/tmp/wt/valid/tests/model/dnssec/names.rs"]
    mod names;
    #[path = "/tmp/wt/valid/tests/model/dnssec/proofs.rs"]
    mod proofs;
    #[path = "/tmp/wt/valid/tests/model/dnssec/python.rs"]
    mod python;
    #[path = "/tmp/wt/valid/tests/model/dnssec/rrsets.rs"]
    mod rrsets;
    #[path = "/tmp/wt/valid/tests/model/dnssec/small_zones.rs"]
    mod small_zones;
    #[path = "/tmp/wt/valid/tests/model/dnssec/states.rs"]
    mod states;
    #[path = "/tmp/wt/valid/tests/model/dnssec/time.rs"]
    mod time;
    #[path = "/tmp/wt/valid/tests/model/dnssec/verified.rs"]
    mod verified;
}
