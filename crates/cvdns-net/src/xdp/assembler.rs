//! Programs for the kernel's virtual machine (eBPF, RFC 9669), made instruction by instruction.
//!
//! Values that do not change while a program is in force, such as addresses and ports, stand in its
//! instructions. So there is no object file, no compiler for it and no loader.

/// Makes a program. Jumps go forward only, to labels that are placed later.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    code: Vec<Instruction>,
    /// Which jumps lead to which label.
    jumps: Vec<(usize, Label)>,
    /// Where each label is, once it is placed.
    labels: Vec<Option<usize>>,
}

/// An instruction as the kernel reads it (`struct bpf_insn` in linux/bpf.h).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    code: u8,
    registers: u8,
    offset: i16,
    immediate: i32,
}

/// A register. `R1` holds the context when the program starts, `R0` the result when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Register {
    R0 = 0,
    R1 = 1,
    R2 = 2,
    R3 = 3,
    R4 = 4,
    R5 = 5,
    R6 = 6,
    R7 = 7,
}

/// A place in the program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label(usize);

/// The width of what is loaded from memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    U8 = 0x10,
    U16 = 0x08,
    U32 = 0x00,
    U64 = 0x18,
}

/// A calculation, by its code (RFC 9669 section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Add = 0x00,
    Or = 0x40,
    And = 0x50,
    ShiftLeft = 0x60,
    Move = 0xb0,
}

/// A comparison of unsigned values, by its code (RFC 9669 section 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal = 0x10,
    Greater = 0x20,
    AtLeast = 0x30,
    NotEqual = 0x50,
}

/// Instruction classes: loads, jumps and calculations with 64 bits (RFC 9669 section 3.1).
const LOAD_IMMEDIATE: u8 = 0x18;
const LOAD: u8 = 0x61;
const JUMP: u8 = 0x05;
const CALCULATE: u8 = 0x07;
/// The second operand is a register.
const FROM_REGISTER: u8 = 0x08;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;

/// What a 64-bit immediate means when the source register has this number: the map with this
/// descriptor, or a place in its value (RFC 9669 section 5.4).
const MAP: u8 = 1;
const MAP_VALUE: u8 = 2;

impl Assembler {
    /// A label that is to be placed.
    pub(super) fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len().saturating_sub(1))
    }

    /// Puts a label before the next instruction.
    pub(super) fn place(&mut self, label: Label) {
        let here = self.code.len();
        if let Some(place) = self.labels.get_mut(label.0) {
            *place = Some(here);
        }
    }

    /// Loads from memory at `from` plus `offset`.
    pub(super) fn load(&mut self, width: Width, to: Register, from: Register, offset: i16) {
        self.push(LOAD | width as u8, registers(to, from as u8), offset, 0);
    }

    /// Loads a value of 64 bits.
    pub(super) fn set(&mut self, to: Register, value: u64) {
        self.push_wide(to, 0, value as u32, (value >> 32) as u32);
    }

    /// Loads the map with this descriptor.
    pub(super) fn set_map(&mut self, to: Register, descriptor: i32) {
        self.push_wide(to, MAP, descriptor.cast_unsigned(), 0);
    }

    /// Loads the address of the first value of the map with this descriptor.
    pub(super) fn set_map_value(&mut self, to: Register, descriptor: i32) {
        self.push_wide(to, MAP_VALUE, descriptor.cast_unsigned(), 0);
    }

    /// Calculates with a constant, which is extended with its sign to 64 bits.
    pub(super) fn with(&mut self, operation: Operation, to: Register, constant: i32) {
        self.push(CALCULATE | operation as u8, registers(to, 0), 0, constant);
    }

    /// Calculates with a register.
    pub(super) fn with_register(&mut self, operation: Operation, to: Register, from: Register) {
        let code = CALCULATE | FROM_REGISTER | operation as u8;
        self.push(code, registers(to, from as u8), 0, 0);
    }

    /// Jumps if the comparison with a constant holds. A constant is extended with its sign to 64
    /// bits: compare with those only that have no sign bit.
    pub(super) fn jump_if(
        &mut self,
        register: Register,
        comparison: Comparison,
        constant: i32,
        to: Label,
    ) {
        self.jumps.push((self.code.len(), to));
        self.push(JUMP | comparison as u8, registers(register, 0), 0, constant);
    }

    /// Jumps if the comparison with a register holds.
    pub(super) fn jump_if_register(
        &mut self,
        register: Register,
        comparison: Comparison,
        other: Register,
        to: Label,
    ) {
        self.jumps.push((self.code.len(), to));
        let code = JUMP | FROM_REGISTER | comparison as u8;
        self.push(code, registers(register, other as u8), 0, 0);
    }

    /// Jumps.
    pub(super) fn jump(&mut self, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.push(JUMP, 0, 0, 0);
    }

    /// Calls the function of the kernel with this number. Its arguments are `R1` to `R5`, which it
    /// destroys, its result is `R0`.
    pub(super) fn call(&mut self, function: i32) {
        self.push(CALL, 0, 0, function);
    }

    /// Ends the program.
    pub(super) fn exit(&mut self) {
        self.push(EXIT, 0, 0, 0);
    }

    /// The program. `None` if a jump leads nowhere, backward or too far, which is a defect in its
    /// making.
    pub(super) fn finish(mut self) -> Option<Vec<Instruction>> {
        for (at, label) in &self.jumps {
            let target = (*self.labels.get(label.0)?)?;
            let distance = target.checked_sub(at.checked_add(1)?)?;
            self.code.get_mut(*at)?.offset = i16::try_from(distance).ok()?;
        }
        Some(self.code)
    }

    fn push(&mut self, code: u8, registers: u8, offset: i16, immediate: i32) {
        self.code.push(Instruction { code, registers, offset, immediate });
    }

    /// An instruction with an immediate of 64 bits takes the place of two.
    fn push_wide(&mut self, to: Register, meaning: u8, low: u32, high: u32) {
        self.push(LOAD_IMMEDIATE, registers(to, meaning), 0, low.cast_signed());
        self.push(0, 0, 0, high.cast_signed());
    }
}

/// Destination and source are bit fields, whose order is that of the octets.
fn registers(destination: Register, source: u8) -> u8 {
    let destination = destination as u8;
    if cfg!(target_endian = "big") { destination << 4 | source } else { source << 4 | destination }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_those_of_the_standard() {
        let mut assembler = Assembler::default();
        let end = assembler.label();
        assembler.load(Width::U16, Register::R5, Register::R2, 12);
        assembler.jump_if(Register::R5, Comparison::NotEqual, 8, end);
        assembler.set(Register::R1, 0x0102_0304_0506_0708);
        assembler.place(end);
        assembler.with(Operation::Move, Register::R0, 2);
        assembler.exit();
        let codes: Vec<_> = assembler.finish().unwrap();
        let instruction =
            |code, registers, offset, immediate| Instruction { code, registers, offset, immediate };
        assert_eq!(
            codes,
            [
                instruction(0x69, registers(Register::R5, 2), 12, 0),
                instruction(0x55, registers(Register::R5, 0), 2, 8),
                instruction(0x18, registers(Register::R1, 0), 0, 0x0506_0708),
                instruction(0, 0, 0, 0x0102_0304),
                instruction(0xb7, registers(Register::R0, 0), 0, 2),
                instruction(0x95, 0, 0, 0),
            ]
        );
    }

    #[test]
    fn a_jump_that_leads_nowhere_is_noticed() {
        let mut assembler = Assembler::default();
        let label = assembler.label();
        assembler.jump(label);
        assert_eq!(assembler.finish(), None);
        let mut assembler = Assembler::default();
        let label = assembler.label();
        assembler.place(label);
        assembler.jump(label);
        assert_eq!(assembler.finish(), None);
    }
}
