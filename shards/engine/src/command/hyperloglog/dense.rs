//! Owns the dense form: 6 bits a register, the lowest first, one after the other.

use super::REGISTERS;

const BITS: usize = 6;
const MASK: u16 = (1 << BITS) - 1;
/// Bytes of all registers.
pub(super) const BYTES: usize = REGISTERS * BITS / 8;

/// The number in a register.
pub(super) fn get(registers: &[u8], register: usize) -> u8 {
    let (byte, shift) = (register * BITS / 8, register * BITS % 8);
    let low = registers[byte];
    let high = registers.get(byte + 1).copied().unwrap_or(0);
    let value = u16::from_le_bytes([low, high]) >> shift & MASK;
    value.to_le_bytes()[0]
}

/// Raises a register to `number`; `false` when it is as high already.
pub(super) fn raise(registers: &mut [u8], register: usize, number: u8) -> bool {
    if get(registers, register) >= number {
        return false;
    }
    let (byte, shift) = (register * BITS / 8, register * BITS % 8);
    let low = registers[byte];
    let high = registers.get(byte + 1).copied().unwrap_or(0);
    let cleared = u16::from_le_bytes([low, high]) & !(MASK << shift);
    let [low, high] = (cleared | u16::from(number) << shift).to_le_bytes();
    registers[byte] = low;
    if let Some(byte) = registers.get_mut(byte + 1) {
        *byte = high;
    }
    true
}

/// All numbers, in order.
pub(super) fn numbers(registers: &[u8]) -> impl Iterator<Item = u8> {
    let (groups, _) = registers.as_chunks::<3>();
    groups.iter().flat_map(|&[first, second, third]| {
        let four = u32::from_le_bytes([first, second, third, 0]);
        [four, four >> 6, four >> 12, four >> 18].map(|number| number.to_le_bytes()[0] & 0x3f)
    })
}

/// The bytes that a register lies in.
pub(super) fn bytes_of(register: usize) -> (usize, usize) {
    (register * BITS / 8, ((register + 1) * BITS).div_ceil(8))
}
