//! Leases: of several, one publishes.

use std::time::{Duration, Instant};

use cvdns_nats::{Lease, Plan, Possession, Settings, set_up};

use super::PATIENCE;
use super::server::Server;

fn lease(settings: &Settings, holder: &str) -> Lease {
    Lease::new(settings, "feed".parse().unwrap(), holder, PATIENCE).unwrap()
}

fn with_leases_of(length: Duration) -> Server {
    let server = Server::bare();
    let plan = Plan { lease: length, ..Plan::default() };
    set_up(&server.settings(), &plan, PATIENCE).unwrap();
    server
}

/// Waits until it is held.
fn acquired(lease: &mut Lease) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let possession = lease.acquire();
        if possession == Ok(Possession::Own) {
            return;
        }
        assert!(Instant::now() < deadline, "{possession:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn other(holder: &str) -> Possession {
    Possession::Other { holder: holder.to_owned() }
}

#[test]
fn a_lease_is_held_by_one_and_given_back() {
    let server = with_leases_of(Duration::from_secs(600));
    let (mut first, mut second) =
        (lease(&server.settings(), "a one"), lease(&server.settings(), "b"));
    assert!(!first.is_held());
    assert_eq!(first.acquire(), Ok(Possession::Own));
    assert!(first.is_held() && first.held_until().is_some());
    assert_eq!(second.acquire(), Ok(other("a one")));
    assert!(!second.is_held());
    assert_eq!(first.acquire(), Ok(Possession::Own));
    // A program of the same name that started again is another one.
    assert_eq!(lease(&server.settings(), "a one").acquire(), Ok(other("a one")));
    first.release().unwrap();
    assert!(!first.is_held());
    assert_eq!(second.acquire(), Ok(Possession::Own));
    assert_eq!(first.acquire(), Ok(other("b")));
    first.release().unwrap();
    assert!(second.is_held());
}

#[test]
fn a_lease_of_a_holder_that_died_is_taken_over() {
    let server = with_leases_of(Duration::from_secs(2));
    let mut dead = lease(&server.settings(), "dead");
    assert_eq!(dead.acquire(), Ok(Possession::Own));
    let mut heir = lease(&server.settings(), "heir");
    acquired(&mut heir);
    assert!(!dead.is_held(), "it stopped to believe in it before");
    assert_eq!(dead.acquire(), Ok(other("heir")));
}

#[test]
fn a_holder_that_cannot_renew_stops_believing() {
    let server = with_leases_of(Duration::from_secs(3));
    let mut holder =
        Lease::new(&server.settings(), "feed".parse().unwrap(), "a", Duration::from_millis(500))
            .unwrap();
    acquired(&mut holder);
    let until = holder.held_until().unwrap();
    server.freeze();
    assert!(holder.acquire().is_err());
    assert_eq!(holder.held_until(), Some(until));
    while Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!holder.is_held());
    server.thaw();
    acquired(&mut holder);
}

#[test]
fn of_many_that_try_at_once_one_gets_it() {
    let server = with_leases_of(Duration::from_secs(600));
    let settings = server.settings();
    let won: usize = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..8)
            .map(|number| {
                let settings = &settings;
                scope.spawn(move || lease(settings, &number.to_string()).acquire().unwrap())
            })
            .collect();
        tries.into_iter().map(|one| one.join().unwrap()).filter(|p| *p == Possession::Own).count()
    });
    assert_eq!(won, 1);
}
