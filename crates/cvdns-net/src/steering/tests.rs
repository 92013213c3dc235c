use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::cores;
use super::super::listen::{self, Bound};
use super::*;

/// The result of the program for a datagram that `core` handles. Panics where the kernel would
/// refuse the program.
fn interpret(program: &[sock_filter], core: u32, random: u32) -> u32 {
    const CPU: u32 = 0xffff_f000 + 36;
    const RANDOM: u32 = 0xffff_f000 + 56;
    let (mut at, mut loaded) = (0, None);
    loop {
        let sock_filter { code, jt, jf, k } = program[at];
        let (jt, jf) = (usize::from(jt), usize::from(jf));
        at += 1;
        // The numbers are those of the kernel's linux/bpf_common.h and linux/filter.h.
        match (code, k) {
            (0x20, CPU) => loaded = Some(core),
            (0x20, RANDOM) => loaded = Some(random),
            (0x14, _) => loaded = loaded.map(|value: u32| value.wrapping_sub(k)),
            (0x94, 1..) => loaded = loaded.map(|value| value % k),
            (0x25, _) => at += if loaded.unwrap() > k { jt } else { jf },
            (0x35, _) => at += if loaded.unwrap() >= k { jt } else { jf },
            (0x16, 0) => return loaded.unwrap(),
            _ => panic!("{code:#x} {k:#x}"),
        }
    }
}

fn check(cores: &BTreeSet<usize>, workers: usize, random: u32) {
    let steering = Steering::new(cores.iter().copied().collect(), workers).unwrap();
    assert_eq!(steering.workers(), workers.min(cores.len()));
    let program = steering.program();
    assert!(program.len() <= libc::BPF_MAXINSNS as usize, "{}", program.len());
    for core in 0..1_100 {
        let worker = interpret(&program, core, random);
        let core = core as usize;
        match cores.iter().take(workers).position(|own| *own == core) {
            Some(own) => {
                assert_eq!((worker as usize, steering.core(own)), (own, Some(core)), "{cores:?}");
            }
            None => assert_eq!(
                worker as usize,
                random as usize % steering.workers(),
                "{core} of {cores:?}"
            ),
        }
    }
}

/// A few ranges of cores, as on real machines; and many ranges.
fn masks() -> impl Strategy<Value = BTreeSet<usize>> {
    let rows = prop::collection::vec((0_usize..1_000, 1_usize..24), 1..6);
    let rows = rows
        .prop_map(|rows| rows.into_iter().flat_map(|(first, many)| first..first + many).collect());
    prop_oneof![rows, prop::collection::btree_set(0_usize..1_024, 1..600)]
}

proptest! {
    #[test]
    fn any_mask_is_steered_to_its_workers(cores in masks(), workers in 1_usize..1_100, random: u32) {
        check(&cores, workers, random);
    }
}

#[test]
fn the_longest_programs_are_within_what_the_kernel_takes() {
    check(&(0..1_024).collect(), 1_024, 7);
    check(&(0..1_024).step_by(2).collect(), 1_024, u32::MAX);
}

#[test]
fn without_cores_there_is_no_steering() {
    assert_eq!(Steering::new(Vec::new(), 4), None);
    assert_eq!(Steering::new(vec![0], 0), None);
}

/// A group of sockets with the program attached.
fn group(address: &str, steering: &Steering) -> Bound {
    let bound = listen::bind(address.parse().unwrap(), steering.workers()).unwrap();
    bound.steer(steering).unwrap();
    for socket in &bound.udp {
        socket.set_nonblocking(true).unwrap();
    }
    bound
}

/// How many of a hundred datagrams each socket receives, sent from `core` by a hundred clients.
fn received(bound: &Bound, core: usize) -> Vec<usize> {
    let address = bound.address;
    let send = move || {
        cores::pin(core).unwrap();
        for _ in 0..100 {
            let client = UdpSocket::bind((address.ip(), 0)).unwrap();
            client.send_to(b"query", address).unwrap();
        }
    };
    // Over loopback, the core of the sender handles a datagram, later if the machine is busy.
    thread::spawn(send).join().unwrap();
    let mut counts = vec![0; bound.udp.len()];
    let end = Instant::now() + Duration::from_secs(20);
    while counts.iter().sum::<usize>() < 100 && Instant::now() < end {
        for (count, socket) in counts.iter_mut().zip(&bound.udp) {
            *count += std::iter::from_fn(|| socket.recv(&mut [0; 9]).ok()).count();
        }
    }
    counts
}

fn two_cores() -> [usize; 2] {
    let cores = cores::allowed().unwrap();
    assert!(
        cores.len() > 1,
        "this test needs two cores, and the process may run on {cores:?} only"
    );
    [cores[0], cores[1]]
}

#[test]
fn the_kernel_steers_by_the_core() {
    let [one, other] = two_cores();
    let steering = Steering::new(vec![one, other], 2).unwrap();
    for address in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0"] {
        let mut bound = group(address, &steering);
        if bound.address.ip().is_unspecified() {
            bound.address.set_ip([127, 0, 0, 1].into());
        }
        assert_eq!(received(&bound, one), [100, 0], "{address}");
        assert_eq!(received(&bound, other), [0, 100], "{address}");
    }
}

/// The sender's core is a range of its own, before cores that handle no datagrams.
#[test]
fn the_kernel_heeds_gaps() {
    let [_, last] = two_cores();
    let far = last + 100;
    let bound = group("127.0.0.1:0", &Steering::new(vec![last, far, far + 5], 3).unwrap());
    assert_eq!(received(&bound, last), [100, 0, 0]);
}

#[test]
fn the_kernel_spreads_what_other_cores_handle() {
    let [one, other] = two_cores();
    let bound = group("127.0.0.1:0", &Steering::new(vec![1_000, 1_002], 2).unwrap());
    for core in [one, other] {
        let counts = received(&bound, core);
        assert!(counts.iter().sum::<usize>() == 100 && !counts.contains(&0), "{counts:?}");
    }
}

#[test]
fn the_kernel_takes_the_longest_program_of_neighbours() {
    let steering = Steering::new((0..1_024).collect(), 1_024).unwrap();
    let bound = listen::bind("127.0.0.1:0".parse().unwrap(), 1).unwrap();
    bound.steer(&steering).unwrap();
}
