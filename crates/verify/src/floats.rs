//! Arrays of floats as programs write them to files: little-endian, one behind the other.

use std::io::Read;
use std::str::FromStr;

use crate::compare::{Comparison, note};
use crate::difference::{Difference, ReadError, Side, Spot};
use crate::lane::Lane;
use crate::tolerance::{Deviation, Tolerance};

/// How wide an element is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloatFormat {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
}

impl FloatFormat {
    /// In bytes.
    const fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// `bytes` are as many as an element has.
    fn value(self, bytes: &[u8]) -> f64 {
        let narrow = || <[u8; 4]>::try_from(bytes).map(f32::from_le_bytes);
        let wide = || <[u8; 8]>::try_from(bytes).map(f64::from_le_bytes);
        match self {
            Self::F32 => narrow().map(f64::from),
            Self::F64 => wide(),
        }
        .expect("the caller gives as many bytes as an element has")
    }
}

impl FromStr for FloatFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "f32" => Ok(Self::F32),
            "f64" => Ok(Self::F64),
            _ => Err(format!("`{text}` is neither `f32` nor `f64`")),
        }
    }
}

pub(crate) fn compare<A: Read, B: Read>(
    rebuilt: &mut Lane<A>,
    original: &mut Lane<B>,
    format: FloatFormat,
    tolerance: Option<Tolerance>,
    found: &mut Comparison,
) -> Result<(), ReadError> {
    let size = format.size();
    loop {
        let (left, right) = (rebuilt.next(size)?, original.next(size)?);
        let elements = left.len().min(right.len()) / size;
        if elements == 0 {
            found.difference = end(left, right, found.numbers);
            return Ok(());
        }
        let mut same = 0;
        for (left, right) in left.chunks_exact(size).zip(right.chunks_exact(size)) {
            let (value, other) = (format.value(left), format.value(right));
            let index = found.numbers;
            let deviation = Deviation::of(value, other);
            if !tolerance.map_or(left == right, |tolerance| tolerance.allows(value, other)) {
                let none = Deviation { rebuilt: value, original: other, absolute: 0.0, relative: 0.0 };
                found.difference = Some(Difference::Element { index, values: deviation.unwrap_or(none) });
                break;
            }
            same += size;
            found.numbers += 1;
            if let (Some(tolerance), Some(deviation)) = (tolerance, deviation) {
                note(found, tolerance, deviation, Spot::Element(index));
            }
        }
        rebuilt.consume(same);
        original.consume(same);
        if found.difference.is_some() {
            return Ok(());
        }
    }
}

/// What is left of both, of which one has less than an element.
fn end(left: &[u8], right: &[u8], elements: u64) -> Option<Difference> {
    if left == right {
        return None;
    }
    let longer = match left.len().cmp(&right.len()) {
        std::cmp::Ordering::Less => Some(Side::Original),
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => Some(Side::Rebuilt),
    };
    Some(Difference::Length { elements, longer })
}
