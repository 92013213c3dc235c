//! What a query costs without sockets, and what a start and a feed cost: docs/performance.md has the figures.
//!
//! `cargo bench` runs all; `cargo bench -- respond` some. Queries come in a shuffled order from a set of many: one query over and over
//! would only measure the branch predictor.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use cvdns::answer::decide::Client;
use cvdns::answer::{Answering, Transport, decide};
use cvdns::geo::client_table::ClientTable;
use cvdns::geo::country_map::CountryMap;
use cvdns::geo::database::CountryDatabase;
use cvdns::load::load;
use cvdns::problem::Problems;
use cvdns::snapshot::Live;
use cvdns::wire::query::{LowerName, Query};

use queries::{A, Kind, Numbers, kinds, of_country, set_of, with_v4};
use shipped::{Shipped, compile_frame, now, project};

mod queries;
mod shipped;

/// Goes round a set for ever.
fn round<'s, T>(set: &'s [T]) -> impl FnMut() -> &'s T {
    let mut turn = 0;
    move || {
        turn = (turn + 1) % set.len();
        set.get(turn).unwrap()
    }
}

fn parts(c: &mut Criterion) {
    let shipped = Shipped::load();
    let snapshot = shipped.snapshot();
    let clients: &ClientTable = shipped.frame.plans.first().unwrap().clients.as_deref().unwrap();
    let mut numbers = Numbers(2);
    let v4: Vec<u32> = (0..1 << 16).map(|_| numbers.v4()).collect();
    let v6: Vec<u128> = (0..1 << 16).map(|_| numbers.v6()).collect();
    let mut group = c.benchmark_group("lookup");
    let mut next = round(&v4);
    group.bench_function("IPv4", |b| b.iter(|| clients.get_v4(black_box(*next()))));
    let mut next = round(&v6);
    group.bench_function("IPv6, any of 2000::/3", |b| b.iter(|| clients.get_v6(black_box(*next()))));
    let known = addresses_of_database();
    let mut next = round(&known);
    group.bench_function("IPv6, of the database's networks", |b| {
        b.iter(|| clients.get_v6(black_box(*next())));
    });
    group.finish();

    let mut group = c.benchmark_group("parse");
    let mut name = LowerName::new();
    for (label, set) in [("plain", set_of(of_country)), ("with ECS", set_of(with_v4))] {
        let mut next = round(&set);
        group.bench_function(label, |b| b.iter(|| Query::parse(black_box(next()), &mut name, true).is_ok()));
    }
    group.finish();

    let mut group = c.benchmark_group("decide");
    for (label, set) in [("db.XY", set_of(of_country)), ("db.local", set_of(with_v4))] {
        let asked: Vec<(LowerName, Client)> = set
            .iter()
            .map(|bytes| {
                let mut name = LowerName::new();
                let query = Query::parse(bytes, &mut name, true).unwrap();
                let address = query.edns.and_then(|edns| edns.ecs).and_then(|ecs| ecs.address());
                (name, Client { address: address.unwrap_or(Ipv4Addr::LOCALHOST.into()) })
            })
            .collect();
        let mut next = round(&asked);
        group.bench_function(label, |b| {
            b.iter(|| {
                let (asked, client) = next();
                name.clone_from(asked);
                decide(&snapshot, &mut name, A, *client).zone
            });
        });
    }
    group.finish();
}

/// Addresses within networks that the shipped database knows.
fn addresses_of_database() -> Vec<u128> {
    let database = CountryDatabase::from_bytes(database_bytes(), "country.mmdb").unwrap();
    let mut numbers = Numbers(3);
    let ranges = database.ranges_v6();
    (0..1 << 16)
        .map(|_| {
            let (first, last, _) = ranges.get(numbers.next() as usize % ranges.len()).unwrap();
            first + u128::from(numbers.next()) % (last - first + 1)
        })
        .collect()
}

fn database_bytes() -> Vec<u8> {
    std::fs::read(project().join("geoip/country.mmdb")).unwrap()
}

fn respond(c: &mut Criterion) {
    let shipped = Shipped::load();
    let snapshot = shipped.snapshot();
    let mut answering = Answering::new(0);
    let mut buffer = vec![0; 4096];
    let mut group = c.benchmark_group("respond");
    let client = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 99));
    for Kind { label, set } in kinds() {
        let mut next = round(&set);
        group.bench_function(label, |b| {
            b.iter(|| {
                let query = next();
                // The copy stands for what the kernel does.
                buffer.get_mut(..query.len()).unwrap().copy_from_slice(query);
                answering.respond(&snapshot, &mut buffer, query.len(), client, Transport::Udp)
            });
        });
    }
    group.finish();
}

fn compiling(c: &mut Criterion) {
    let shipped = Shipped::load();
    let mut group = c.benchmark_group("compile");
    group.sample_size(10);
    group.bench_function("live, at each feed", |b| {
        b.iter(|| Live::compile(&shipped.frame, &now(&shipped.feed)));
    });
    group.bench_function("frame, at each reload", |b| {
        b.iter(|| compile_frame(&shipped.loaded, &shipped.feed));
    });
    let bytes = database_bytes();
    group.bench_function("load and check the country database", |b| {
        b.iter_batched(
            || bytes.clone(),
            |bytes| CountryDatabase::from_bytes(bytes, "country.mmdb").unwrap(),
            BatchSize::PerIteration,
        );
    });
    let database = CountryDatabase::from_bytes(bytes, "country.mmdb").unwrap();
    group.bench_function("flatten the country database", |b| {
        b.iter(|| {
            let map = CountryMap::new(&database, &[]);
            map.table(|country| country.map_or(0, |country| country.index() as u16 + 1)).sizes()
        });
    });
    group.bench_function("load everything", |b| {
        b.iter(|| load(&project().join("cvdns.toml"), &mut Problems::default()).unwrap());
    });
    group.finish();
}

criterion_group!(benches, parts, respond, compiling);
criterion_main!(benches);
