//! The cost of a query without sockets, of a start, and of a feed. docs/performance.md has the
//! figures.
//!
//! `cargo bench` runs all benchmarks, `cargo bench -- respond` some. Queries come in random order
//! from a large set: repeating one query would only measure the branch predictor.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion, criterion_group, criterion_main};
use cvdns::load::load;
use cvdns_core::answer::{Answering, Transport};
use cvdns_core::decision::{Client, Question, Trail, decide, find};
use cvdns_core::geo::client_table::ClientTable;
use cvdns_core::geo::country_map::CountryMap;
use cvdns_core::geo::database::CountryDatabase;
use cvdns_core::health::{Feed, State};
use cvdns_core::problem::Problems;
use cvdns_core::snapshot::{DynamicData, StaticData};
use cvdns_core::wire::edns::Honoured;
use cvdns_core::wire::lower::LowerName;
use cvdns_core::wire::query::Query;

use large::LARGE;
use queries::{A, Kind, Numbers, kinds, of_country, set_of, with_v4};
use shipped::{Shipped, compile_frame, now, project};
use worker::{BATCH, Worker};

#[path = "../tests/large/mod.rs"]
mod large;
mod queries;
mod shipped;
mod worker;

/// Iterates over a set in an endless cycle.
/// As in the default configuration.
const HONOURED: Honoured = Honoured { ecs: true, cookies: true };

fn round<'s, T>(set: &'s [T]) -> impl FnMut() -> &'s T {
    let mut turn = 0;
    move || {
        turn = if turn + 1 == set.len() { 0 } else { turn + 1 };
        set.get(turn).unwrap()
    }
}

#[allow(clippy::too_many_lines, reason = "a list of benchmarks")]
fn parts(c: &mut Criterion) {
    let shipped = Shipped::load();
    let snapshot = shipped.snapshot();
    let clients: &ClientTable =
        shipped.static_data.plans.first().unwrap().clients.as_deref().unwrap();
    let mut numbers = Numbers(2);
    let v4: Vec<u32> = (0..1 << 16).map(|_| numbers.v4()).collect();
    let v6: Vec<u128> = (0..1 << 16).map(|_| numbers.v6()).collect();
    let mut group = c.benchmark_group("lookup");
    let mut next = round(&v4);
    group.bench_function("IPv4", |b| {
        b.iter(|| clients.get(Ipv4Addr::from_bits(black_box(*next())).into()));
    });
    let mut next = round(&v6);
    group.bench_function("IPv6, any of 2000::/3", |b| {
        b.iter(|| clients.get(Ipv6Addr::from_bits(black_box(*next())).into()));
    });
    let known = addresses_of_database();
    let mut next = round(&known);
    group.bench_function("IPv6, of the database's networks", |b| {
        b.iter(|| clients.get(Ipv6Addr::from_bits(black_box(*next())).into()));
    });
    group.finish();

    let mut group = c.benchmark_group("parse");
    let (mut name, mut query) = (LowerName::new(), Query::default());
    for (label, set) in [("plain", set_of(of_country)), ("with ECS", set_of(with_v4))] {
        let mut next = round(&set);
        group.bench_function(label, |b| {
            b.iter(|| query.read(black_box(next()), &mut name, HONOURED).is_ok());
        });
    }
    group.finish();

    let mut group = c.benchmark_group("decide");
    for (label, set) in [("db.XY", set_of(of_country)), ("db.local", set_of(with_v4))] {
        let asked: Vec<(LowerName, Client)> = set
            .iter()
            .map(|bytes| {
                let mut name = LowerName::new();
                let mut query = Query::default();
                query.read(bytes, &mut name, HONOURED).unwrap();
                let address = query.subnet();
                (
                    name,
                    Client { address: address.unwrap_or(Ipv4Addr::LOCALHOST.into()), placed: None },
                )
            })
            .collect();
        let mut next = round(&asked);
        let mut trail = Trail::default();
        group.bench_function(label, |b| {
            b.iter(|| {
                let (name, client) = next();
                let question = Question {
                    name,
                    qtype: A,
                    found: find(
                        &snapshot.static_data,
                        name,
                        snapshot.static_data.names.probe(name),
                    ),
                };
                decide(&snapshot, question, client, &mut trail).zone
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
    let client = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 99));
    let kinds = kinds();
    let mut group = c.benchmark_group("respond");
    for Kind { label, set } in &kinds {
        let (mut answering, mut buffer, mut next) =
            (Answering::new(0, jiff::Timestamp::now), vec![0; 4096], round(set));
        group.bench_function(*label, |b| {
            b.iter(|| {
                let query = next();
                // The kernel makes this copy for a real worker.
                buffer.get_mut(..query.len()).unwrap().copy_from_slice(query);
                answering.respond(
                    &snapshot,
                    &mut buffer,
                    query.len(),
                    (client, 4711).into(),
                    Transport::Udp,
                )
            });
        });
    }
    group.finish();
    let mut group = c.benchmark_group("respond, in batches as workers do");
    let (records, mut slots) = (&kinds.first().unwrap().set, vec![vec![0; 4096 + 64]; BATCH]);
    let mut next = (0..BATCH).cycle().zip(records.iter().cycle());
    group.bench_function("the copy of a query, which is in all of these", |b| {
        b.iter(|| {
            let (slot, query) = next.next().unwrap();
            black_box(slots.get_mut(slot).unwrap())
                .get_mut(..query.len())
                .unwrap()
                .copy_from_slice(query);
        });
    });
    for Kind { label, set } in &kinds {
        let (mut worker, mut next) = (Worker::new(&snapshot), round(set));
        group.bench_function(*label, |b| {
            b.iter_custom(|iterations| {
                let batches = iterations.div_ceil(BATCH as u64);
                let start = Instant::now();
                for _ in 0..batches {
                    worker.batch(std::iter::repeat_with(|| next().as_slice()).take(BATCH));
                }
                // The share of the queries that is timed.
                start.elapsed().mul_f64(iterations as f64 / (batches * BATCH as u64) as f64)
            });
        });
    }
    group.finish();
}

fn compiling(c: &mut Criterion) {
    let shipped = Shipped::load();
    let mut group = c.benchmark_group("compile");
    group.sample_size(10);
    let mut news = shipped.feed.clone();
    news.mirrors.get_mut("ftp.de.example.com").unwrap().state = State::Up;
    dynamic_data(
        &mut group,
        "live",
        &shipped.static_data,
        &shipped.feed,
        &[("one mirror changed", news)],
    );
    group.bench_function("frame, at each reload", |b| {
        b.iter(|| compile_frame(&shipped.loaded, &shipped.feed));
    });
    large(&mut group);
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
            map.table(|area| area.country().map_or(0, |country| country.index() as u16 + 1))
                .octets()
        });
    });
    group.bench_function("load everything", |b| {
        b.iter(|| load(&project().join("cvdns.toml"), &mut Problems::default()).unwrap());
    });
    group.finish();
}

/// A network of 10,000 mirrors in 200 countries.
fn large(group: &mut BenchmarkGroup<'_, WallTime>) {
    let directory = tempfile::tempdir().unwrap();
    let loaded = load(&LARGE.write(directory.path()), &mut Problems::default()).unwrap();
    let some = |number| if number % 20 == 0 { "down" } else { "up" };
    let feed = LARGE.feed(1, some);
    let static_data = compile_frame(&loaded, &feed);
    let one = LARGE.feed(2, |number| if number == 777 { "down" } else { some(number) });
    // Every fallback ends at the one country that is up.
    let few = LARGE.feed(3, |number| if number % 200 == 7 { "up" } else { "down" });
    let none = LARGE.feed(4, |_| "down");
    let cases = [("one mirror changed", one), ("one country left", few), ("no mirror left", none)];
    dynamic_data(group, "live of 10,000 mirrors", &static_data, &feed, &cases);
    group.bench_function("frame of 10,000 mirrors", |b| b.iter(|| compile_frame(&loaded, &feed)));
    let text = LARGE.feed_text(1, some);
    group.bench_function("parse a feed of 10,000 mirrors", |b| {
        b.iter(|| Feed::parse(text.as_bytes()));
    });
}

/// Builds the dynamic data: the first time, and when a feed replaces another.
fn dynamic_data(
    group: &mut BenchmarkGroup<'_, WallTime>,
    label: &str,
    static_data: &StaticData,
    feed: &Feed,
    next: &[(&str, Feed)],
) {
    group.bench_function(format!("{label}, all of it"), |b| {
        b.iter(|| DynamicData::compile(static_data, &now(feed)));
    });
    let before = DynamicData::compile(static_data, &now(feed));
    for (change, next) in next {
        group.bench_function(format!("{label}, {change}"), |b| {
            b.iter(|| DynamicData::after(&before, static_data, &now(next)));
        });
    }
}

criterion_group!(benches, parts, respond, compiling);
criterion_main!(benches);
