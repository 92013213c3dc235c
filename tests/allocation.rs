//! The query path does not allocate (docs/design.md): counted, over every kind of answer.
//!
//! A binary of its own: the allocator of a process is one for all that it runs, and this one
//! counts.
#![allow(clippy::too_many_lines, reason = "a test tells one story, or has a table of cases")]
#![allow(missing_docs, unsafe_code, clippy::unwrap_used)]

mod asking;
mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use asking::{A, AAAA, TXT, loaded, project, query, snapshot, static_data};
use cvdns_core::abuse::{CookieSecrets, RateLimiter, Ticks};
use cvdns_core::answer::{Answering, Moment, Transport};
use cvdns_core::health::Feed;
use support::packet::Query;
use support::rr::COOKIE;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; counting touches a thread-local cell
// without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `GlobalAlloc`, which is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above; the memory came from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn no_answer_allocates() {
    let loaded = loaded(&project().join("cvdns.toml"));
    let feed = Feed::parse(&std::fs::read(project().join("feed.json")).unwrap()).unwrap();
    let static_data = static_data(&loaded, Some(&feed));
    let snapshot = snapshot(&static_data, Some(&feed), "2026-11-22T18:00:00Z");
    let client: IpAddr = "127.0.0.1".parse().unwrap();
    let subnet = |text: &str, bits| Some((text.parse().unwrap(), bits));
    let cookie = |octets: &[u8]| Query::new("db.de.clamav.net.", A).option(COOKIE, octets).build();
    let queries = [
        cookie(&[1; 8]),
        cookie(&[1; 24]),
        query("current.cvd.clamav.net.", TXT, None),
        query("db.de.clamav.net.", A, None),
        query("db.us.big.clamav.net.", A, None),
        query("db.local.clamav.net.", A, subnet("133.1.1.0", 24)),
        query("db.local.clamav.net.", AAAA, subnet("2001:200::", 32)),
        query("www.clamav.net.", A, None),
        query("daily.25580.105.1.0.C000020A.ping.clamav.net.", A, None),
        query("daily.25580.105.0.0.192.0.2.10.ping.clamav.net.", A, None),
        query("malformed.ping.clamav.net.", A, None),
        query("nothing.here.clamav.net.", A, None),
        query("de.clamav.net.", A, None),
        query("clamav.net.", 255, None),
        query("elsewhere.test.", A, None),
    ];
    let from = SocketAddr::new(client, 4711);
    let limiter = RateLimiter::new([1, 2], 1, Arc::default());
    let mut answering = Answering::new(1, jiff::Timestamp::now).limited_by(limiter);
    let secrets = Arc::new(CookieSecrets::random([7; 16]));
    let mut second = 0;
    let mut begin = |answering: &mut Answering| {
        second += 1;
        let ticks = Ticks::after(Duration::from_secs(second));
        answering.begin(Moment { ticks, unix_time: 1_800_000_000 }, &secrets);
    };
    begin(&mut answering);
    let mut buffer = vec![0; 65_535];
    let all = || queries.iter().map(|query| Some((query.as_slice(), client)));
    // The first batch takes its room.
    answering.read_batch(&snapshot, all());
    let before = ALLOCATIONS.with(Cell::get);
    for _ in 0..100 {
        begin(&mut answering);
        answering.read_batch(&snapshot, all());
        for (number, query) in queries.iter().enumerate() {
            buffer[..query.len()].copy_from_slice(query);
            answering
                .respond_in_batch(number, &snapshot, &mut buffer, from, Transport::Udp)
                .unwrap();
        }
    }
    assert_eq!(ALLOCATIONS.with(Cell::get), before, "in batches");
    for query in &queries {
        for transport in [Transport::Udp, Transport::Tcp] {
            begin(&mut answering);
            let before = ALLOCATIONS.with(Cell::get);
            for _ in 0..100 {
                buffer[..query.len()].copy_from_slice(query);
                answering.respond(&snapshot, &mut buffer, query.len(), from, transport).unwrap();
            }
            assert_eq!(ALLOCATIONS.with(Cell::get), before, "{query:?}");
        }
    }
    // Of so many at once most are over the limit.
    let before = ALLOCATIONS.with(Cell::get);
    let mut limited = 0;
    for _ in 0..500 {
        answering.read_batch(&snapshot, all());
        for (number, query) in queries.iter().enumerate() {
            buffer[..query.len()].copy_from_slice(query);
            answering
                .respond_in_batch(number, &snapshot, &mut buffer, from, Transport::Udp)
                .unwrap();
            limited += u32::from(buffer[2] & 0x02 != 0);
        }
    }
    assert_eq!(ALLOCATIONS.with(Cell::get), before, "over the limit");
    assert!(limited > 1000, "{limited}");
    drop(vec![0u8; 8]);
    assert!(ALLOCATIONS.with(Cell::get) > 0, "the counter counts");
}
