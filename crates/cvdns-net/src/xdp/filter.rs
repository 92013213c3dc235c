//! The program in the kernel that decides which frames are for this server.
//!
//! It takes what is certain to be a query for one of the listen addresses: an untagged frame to the
//! interface's own address, with a UDP datagram to a listen address and port of this interface,
//! right behind an IPv4 header without options or an IPv6 header. Fragments, options, extension
//! headers, VLAN tags, other addresses, other ports and other protocols go to the kernel.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};

use super::assembler::{Assembler, Comparison, Instruction, Label, Operation, Register, Width};
use Comparison::{AtLeast, Equal, Greater, NotEqual};
use Register::{R0, R1, R2, R3, R4, R5, R6, R7};

/// What the program is made for.
pub(super) struct Filter<'f> {
    /// The MAC address of the interface.
    pub mac: [u8; 6],
    /// Addresses and ports of this server that belong to the interface.
    pub endpoints: &'f [SocketAddr],
    /// The map of AF_XDP sockets.
    pub sockets: BorrowedFd<'f>,
    /// The map whose first value says which of them are in use: 0 for none, or the first one's
    /// place in `sockets` plus one.
    pub control: BorrowedFd<'f>,
    /// Queues of the interface that have a place in `sockets`.
    pub queues: u32,
    /// What becomes of a query whose queue has no socket.
    pub without_socket: Action,
}

/// What becomes of a frame (`enum xdp_action` in linux/bpf.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// It is dropped.
    #[cfg_attr(not(test), expect(dead_code, reason = "the tests tell queries by it"))]
    Drop = 1,
    /// It goes to the kernel.
    Pass = 2,
}

/// Most endpoints of an interface. Each takes up to eight instructions for every frame; queries to
/// further ones are answered by the ordinary sockets.
pub(super) const MAX_ENDPOINTS: usize = 64;

/// The types of frames and the protocol, as the octets stand in the frame (IEEE 802, RFC 768).
const IPV4: [u8; 2] = [0x08, 0x00];
const IPV6: [u8; 2] = [0x86, 0xdd];
const UDP: i32 = 17;

/// Octets up to the end of the UDP header: Ethernet 14, IPv4 20 or IPv6 40, UDP 8.
const IPV4_HEADERS: i32 = 42;
const IPV6_HEADERS: i32 = 62;

/// Version 4 and five words of header, which is one without options (RFC 791 section 3.1).
const IPV4_PLAIN: i32 = 0x45;
/// The flag for more fragments and the fragment's offset.
const FRAGMENT: [u8; 2] = [0x3f, 0xff];

/// Offsets in the context of an XDP program (`struct xdp_md`).
const DATA: i16 = 0;
const DATA_END: i16 = 4;
const QUEUE: i16 = 16;

/// `bpf_redirect_map`: the map, the place in it, and the action if nothing is there.
const REDIRECT_MAP: i32 = 51;

impl Filter<'_> {
    /// The program. `None` if it became too long, which it cannot with [`MAX_ENDPOINTS`].
    pub(super) fn program(&self) -> Option<Vec<Instruction>> {
        let mut a = Assembler::default();
        let (ipv6, ours, pass) = (a.label(), a.label(), a.label());
        a.load(Width::U32, R2, R1, DATA);
        a.load(Width::U32, R3, R1, DATA_END);
        pass_unless_longer(&mut a, IPV4_HEADERS, pass);
        self.own_mac(&mut a, pass);
        a.load(Width::U16, R5, R2, 12);
        a.jump_if(R5, Equal, in_frame(IPV6), ipv6);
        a.jump_if(R5, NotEqual, in_frame(IPV4), pass);
        self.ipv4(&mut a, ours, pass);
        a.place(ipv6);
        self.ipv6(&mut a, ours, pass);
        a.place(ours);
        self.redirect(&mut a, pass);
        a.place(pass);
        a.with(Operation::Move, R0, Action::Pass as i32);
        a.exit();
        a.finish()
    }

    /// The address in two parts, as some processors load no word from an odd place.
    fn own_mac(&self, a: &mut Assembler, pass: Label) {
        let [first, second, rest @ ..] = self.mac;
        let value = u64::from(u16::from_ne_bytes([first, second]))
            | u64::from(u32::from_ne_bytes(rest)) << 16;
        a.load(Width::U16, R4, R2, 0);
        a.load(Width::U32, R5, R2, 2);
        a.with(Operation::ShiftLeft, R5, 16);
        a.with_register(Operation::Or, R5, R4);
        a.set(R7, value);
        a.jump_if_register(R5, NotEqual, R7, pass);
    }

    /// Destination and port are compared as one value.
    fn ipv4(&self, a: &mut Assembler, ours: Label, pass: Label) {
        a.load(Width::U8, R5, R2, 14);
        a.jump_if(R5, NotEqual, IPV4_PLAIN, pass);
        a.load(Width::U16, R5, R2, 20);
        a.with(Operation::And, R5, in_frame(FRAGMENT));
        a.jump_if(R5, NotEqual, 0, pass);
        a.load(Width::U8, R5, R2, 23);
        a.jump_if(R5, NotEqual, UDP, pass);
        a.load(Width::U32, R5, R2, 30);
        a.load(Width::U16, R4, R2, 36);
        a.with(Operation::ShiftLeft, R4, 32);
        a.with_register(Operation::Or, R5, R4);
        for endpoint in self.endpoints {
            let IpAddr::V4(address) = endpoint.ip() else { continue };
            let address = u64::from(u32::from_ne_bytes(address.octets()));
            let port = u64::from(u16::from_ne_bytes(endpoint.port().to_be_bytes()));
            a.set(R7, port << 32 | address);
            a.jump_if_register(R5, Equal, R7, ours);
        }
        a.jump(pass);
    }

    fn ipv6(&self, a: &mut Assembler, ours: Label, pass: Label) {
        pass_unless_longer(a, IPV6_HEADERS, pass);
        a.load(Width::U8, R5, R2, 14);
        a.with(Operation::And, R5, 0xf0);
        a.jump_if(R5, NotEqual, 0x60, pass);
        a.load(Width::U8, R5, R2, 20);
        a.jump_if(R5, NotEqual, UDP, pass);
        a.load(Width::U64, R5, R2, 38);
        a.load(Width::U64, R6, R2, 46);
        a.load(Width::U16, R4, R2, 56);
        for endpoint in self.endpoints {
            let IpAddr::V6(address) = endpoint.ip() else { continue };
            let next = a.label();
            let halves = address.to_bits().to_be_bytes();
            let (halves, _) = halves.as_chunks::<8>();
            for (register, half) in [R5, R6].into_iter().zip(halves) {
                a.set(R7, u64::from_ne_bytes(*half));
                a.jump_if_register(register, NotEqual, R7, next);
            }
            a.jump_if(R4, Equal, in_frame(endpoint.port().to_be_bytes()), ours);
            a.place(next);
        }
        a.jump(pass);
    }

    fn redirect(&self, a: &mut Assembler, pass: Label) {
        a.set_map_value(R4, self.control.as_raw_fd());
        a.load(Width::U32, R4, R4, 0);
        a.jump_if(R4, Equal, 0, pass);
        a.load(Width::U32, R2, R1, QUEUE);
        a.jump_if(R2, AtLeast, self.queues.cast_signed(), pass);
        a.with_register(Operation::Add, R2, R4);
        a.with(Operation::Add, R2, -1);
        a.set_map(R1, self.sockets.as_raw_fd());
        a.with(Operation::Move, R3, self.without_socket as i32);
        a.call(REDIRECT_MAP);
        a.exit();
    }
}

/// Passes frames that are shorter than `octets`: the kernel takes no program that may read beyond
/// the frame's end.
fn pass_unless_longer(a: &mut Assembler, octets: i32, pass: Label) {
    a.with_register(Operation::Move, R4, R2);
    a.with(Operation::Add, R4, octets);
    a.jump_if_register(R4, Greater, R3, pass);
}

/// Two octets of a frame as they are when they are loaded.
fn in_frame(octets: [u8; 2]) -> i32 {
    u16::from_ne_bytes(octets).into()
}

#[cfg(test)]
mod tests;
