//! The two programs of the load: one makes queries, one takes answers. They are written
//! instruction by instruction (eBPF, RFC 9669).

#![allow(clippy::cast_possible_wrap, reason = "frames and counts are far below the limits")]

use super::bpf::Map;

/// Instructions as the kernel reads them.
#[derive(Default)]
struct Code {
    instructions: Vec<[u8; 8]>,
    /// Jumps to the last two instructions, which end the program.
    to_end: Vec<usize>,
}

/// Widths of loads and stores.
const OCTET: u8 = 0x10;
const TWO: u8 = 0x08;
const FOUR: u8 = 0x00;
const EIGHT: u8 = 0x18;

/// Conditions of jumps.
const EQUAL: u8 = 0x10;
const GREATER: u8 = 0x20;
const NOT_EQUAL: u8 = 0x50;

/// The register of the stack's end.
const STACK: u8 = 10;

/// `XDP_DROP` and `XDP_PASS` (linux/bpf.h).
const DROP: i32 = 1;
const PASS: i32 = 2;

/// Functions of the kernel: `bpf_map_lookup_elem`, `bpf_redirect`.
const LOOKUP: i32 = 1;
const REDIRECT: i32 = 23;

impl Code {
    fn push(&mut self, code: u8, [to, from]: [u8; 2], offset: i16, immediate: i32) {
        let registers = if cfg!(target_endian = "big") { to << 4 | from } else { from << 4 | to };
        let mut instruction = [code, registers, 0, 0, 0, 0, 0, 0];
        instruction[2..4].copy_from_slice(&offset.to_ne_bytes());
        instruction[4..].copy_from_slice(&immediate.to_ne_bytes());
        self.instructions.push(instruction);
    }

    fn load(&mut self, width: u8, to: u8, from: u8, offset: i16) {
        self.push(0x61 | width, [to, from], offset, 0);
    }

    fn store(&mut self, width: u8, to: u8, offset: i16, from: u8) {
        self.push(0x63 | width, [to, from], offset, 0);
    }

    fn set(&mut self, to: u8, constant: i32) {
        self.push(0xb7, [to, 0], 0, constant);
    }

    fn copy(&mut self, to: u8, from: u8) {
        self.push(0xbf, [to, from], 0, 0);
    }

    fn add(&mut self, to: u8, constant: i32) {
        self.push(0x07, [to, 0], 0, constant);
    }

    fn and(&mut self, to: u8, constant: i32) {
        self.push(0x57, [to, 0], 0, constant);
    }

    fn map(&mut self, to: u8, map: &Map) {
        self.push(0x18, [to, 1], 0, map.descriptor());
        self.push(0, [0, 0], 0, 0);
    }

    /// The value of a map at the index in register 1, in register 0; the program ends without it.
    fn value(&mut self, map: &Map) {
        self.store(FOUR, STACK, -4, 1);
        self.map(1, map);
        self.copy(2, STACK);
        self.add(2, -4);
        self.push(0x85, [0, 0], 0, LOOKUP);
        self.end_if(0, EQUAL, 0);
    }

    /// Adds register 1 to the number of 64 bits at this place of register 0, as one operation.
    fn count(&mut self, offset: i16) {
        self.push(0xdb, [0, 1], offset, 0);
    }

    fn end_if(&mut self, register: u8, condition: u8, constant: i32) {
        self.to_end.push(self.instructions.len());
        self.push(0x05 | condition, [register, 0], 0, constant);
    }

    /// Skips as many instructions.
    fn skip_if(&mut self, register: u8, condition: u8, constant: i32, instructions: i16) {
        self.push(0x05 | condition, [register, 0], instructions, constant);
    }

    /// Puts the beginning of the frame into register 6; ends if it has fewer octets.
    fn frame(&mut self, octets: usize) {
        self.load(FOUR, 6, 1, 0);
        self.load(FOUR, 7, 1, 4);
        self.copy(4, 6);
        self.add(4, octets as i32);
        self.to_end.push(self.instructions.len());
        self.push(0x0d | GREATER, [4, 7], 0, 0);
    }

    /// The whole program, which does `otherwise` where it ends early.
    fn finish(mut self, otherwise: i32) -> Vec<[u8; 8]> {
        let end = self.instructions.len();
        self.set(0, otherwise);
        self.push(0x95, [0, 0], 0, 0);
        for at in self.to_end {
            let distance = i16::try_from(end - at - 1).expect("a near end");
            self.instructions[at][2..4].copy_from_slice(&distance.to_ne_bytes());
        }
        self.instructions
    }
}

/// Makes each frame the next one of `frames`, of which there are a power of two, and sends it out
/// of an interface. `sent` counts them.
pub fn queries(
    frames: &Map,
    count: usize,
    octets: usize,
    sent: &Map,
    interface: u32,
) -> Vec<[u8; 8]> {
    let mut code = Code::default();
    code.frame(octets);
    code.set(1, 0);
    code.value(sent);
    code.load(EIGHT, 8, 0, 0);
    code.set(1, 1);
    code.count(0);
    code.copy(1, 8);
    code.and(1, count as i32 - 1);
    code.value(frames);
    let mut at = 0;
    while at < octets {
        let (width, step) = match octets - at {
            8.. => (EIGHT, 8),
            4.. => (FOUR, 4),
            2.. => (TWO, 2),
            _ => (OCTET, 1),
        };
        code.load(width, 1, 0, at as i16);
        code.store(width, 6, at as i16, 1);
        at += step;
    }
    code.set(1, interface.cast_signed());
    code.set(2, 0);
    code.push(0x85, [0, 0], 0, REDIRECT);
    code.push(0x95, [0, 0], 0, 0);
    code.finish(DROP)
}

/// Where answers are counted: those with QR, without an error and with records; other datagrams
/// with QR; octets of all.
pub const RIGHT: usize = 0;
pub const OTHER: usize = 8;
pub const OCTETS: usize = 16;

/// Takes datagrams from port 53 off the interface, and counts them in the first value of `counts`.
pub fn answers(counts: &Map) -> Vec<[u8; 8]> {
    /// Ethernet, IPv4 and UDP.
    const HEADERS: i16 = 42;
    let mut code = Code::default();
    code.frame(54);
    code.load(TWO, 5, 6, 12);
    code.end_if(5, NOT_EQUAL, u16::from_ne_bytes([0x08, 0x00]).into());
    code.load(OCTET, 5, 6, 23);
    code.end_if(5, NOT_EQUAL, 17);
    code.load(TWO, 5, 6, 34);
    code.end_if(5, NOT_EQUAL, u16::from_ne_bytes(53_u16.to_be_bytes()).into());
    code.load(OCTET, 5, 6, HEADERS + 2);
    code.and(5, 0x80);
    code.end_if(5, EQUAL, 0);
    // 8: 0 for a right answer. RCODE and the number of records decide.
    code.load(OCTET, 8, 6, HEADERS + 3);
    code.and(8, 0x0f);
    code.load(TWO, 5, 6, HEADERS + 6);
    code.skip_if(5, NOT_EQUAL, 0, 1);
    code.set(8, 1);
    code.load(TWO, 9, 6, 38);
    code.push(0xdc, [9, 0], 0, 16);
    code.add(9, -8);
    code.set(1, 0);
    code.value(counts);
    code.copy(1, 9);
    code.count(OCTETS as i16);
    code.set(1, 1);
    code.skip_if(8, NOT_EQUAL, 0, 3);
    code.count(RIGHT as i16);
    code.set(0, DROP);
    code.push(0x95, [0, 0], 0, 0);
    code.count(OTHER as i16);
    code.set(0, DROP);
    code.push(0x95, [0, 0], 0, 0);
    code.finish(PASS)
}
