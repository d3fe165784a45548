//! Literals (4.5) to values.

use crate::operand::Immediate;

/// The value of a literal; `None` if it is none, or too large.
pub(crate) fn parse(text: &str) -> Option<Immediate> {
    let bytes = text.as_bytes();
    if let [b'0', letter, ..] = *bytes {
        match letter {
            b'f' | b'F' => return Some(Immediate::F32(u32::try_from(bits(&bytes[2..], 8)?).ok()?)),
            b'd' | b'D' => return Some(Immediate::F64(bits(&bytes[2..], 16)?)),
            _ => {}
        }
    }
    if let Some(value) = small(bytes) {
        return Some(Immediate::Signed(value));
    }
    let hexadecimal = bytes.starts_with(b"0x") || bytes.starts_with(b"0X");
    if !hexadecimal && bytes.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
        return float(text);
    }
    integer(bytes)
}

/// A short decimal number, which nearly all are.
fn small(bytes: &[u8]) -> Option<i64> {
    if bytes.len() > 9 || (bytes[0] == b'0' && bytes.len() > 1) {
        return None;
    }
    let mut value = 0i64;
    for byte in bytes {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(value)
}

fn bits(digits: &[u8], length: usize) -> Option<u64> {
    (digits.len() == length).then(|| accumulate(digits, 16))?
}

fn accumulate(digits: &[u8], radix: u32) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |value, byte| {
        let digit = char::from(*byte).to_digit(radix)?;
        value.checked_mul(radix.into())?.checked_add(digit.into())
    })
}

fn integer(bytes: &[u8]) -> Option<Immediate> {
    let (digits, unsigned) = match bytes {
        [digits @ .., b'U'] => (digits, true),
        digits => (digits, false),
    };
    let value = match digits {
        [b'0', b'x' | b'X', digits @ ..] => accumulate(digits, 16),
        [b'0', b'b' | b'B', digits @ ..] => accumulate(digits, 2),
        [b'0', digits @ ..] if !digits.is_empty() => accumulate(digits, 8),
        digits => accumulate(digits, 10),
    }?;
    Some(match i64::try_from(value) {
        Ok(value) if !unsigned => Immediate::Signed(value),
        _ => Immediate::Unsigned(value),
    })
}

fn float(text: &str) -> Option<Immediate> {
    let plain =
        text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    plain.then(|| text.parse::<f64>().ok()).flatten().map(|value| Immediate::F64(value.to_bits()))
}
