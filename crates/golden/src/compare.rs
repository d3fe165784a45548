//! Another machine's results beside the GPU's.

use crate::form::{Accuracy, Bound, Float};
use crate::vectors::Answer;

/// How two sets of results compare.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Values compared: a result of two halves counts as two.
    pub values: usize,
    /// Of them, those that have other bits.
    pub unequal: usize,
    /// Those that are wrong: other bits where they must not be, or further away than the bound.
    pub wrong: Vec<Difference>,
    /// The greatest distance of a value that is not wrong, as a share of what the bound allows.
    pub worst: f64,
}

/// One value that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The case.
    pub case: usize,
    /// The output.
    pub output: usize,
    /// Which value of the case's, counted from 0.
    pub value: usize,
    /// The GPU's bits.
    pub expected: u64,
    /// The other bits.
    pub got: u64,
}

/// Compares all results (`got`, for each output every case) with the answer. `argument` is the first source's value of a case.
pub fn compare(
    accuracy: Accuracy,
    answer: &Answer,
    got: &[Vec<u8>],
    argument: &dyn Fn(usize) -> f64,
) -> Report {
    let mut report = Report::default();
    for (output, ((element, expected), got)) in answer.outputs.iter().zip(got).enumerate() {
        // Values of a word's width where nothing says otherwise.
        let size = match accuracy {
            Accuracy::Near(float, _) => float.bytes(),
            Accuracy::Exact => [8, 4, 2, 1].into_iter().find(|size| element % size == 0).unwrap_or(1),
        };
        let cases = expected.chunks(*element).zip(got.chunks(*element));
        for (case, (expected, got)) in cases.enumerate() {
            for (value, (expected, got)) in expected.chunks(size).zip(got.chunks(size)).enumerate() {
                report.values += 1;
                if expected == got {
                    continue;
                }
                report.unequal += 1;
                let (expected, got) = (word(expected), word(got));
                let distance = match accuracy {
                    Accuracy::Exact => f64::INFINITY,
                    Accuracy::Near(float, bound) => float.distance(expected, got, bound, argument(case)),
                };
                if distance <= 1.0 {
                    report.worst = report.worst.max(distance);
                } else {
                    report.wrong.push(Difference { case, output, value, expected, got });
                }
            }
        }
    }
    report
}

fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

impl Float {
    /// Bytes of one value.
    pub fn bytes(self) -> usize {
        match self {
            Self::F16 | Self::F16x2 | Self::Bf16 | Self::Bf16x2 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// A value, and the distance between the least numbers of its type.
    fn value(self, bits: u64) -> (f64, f64) {
        match self {
            Self::F16 | Self::F16x2 => (small(5, 10, bits), (-24.0f64).exp2()),
            Self::Bf16 | Self::Bf16x2 => (f64::from(f32::from_bits((bits as u32) << 16)), (-133.0f64).exp2()),
            Self::F32 => (f64::from(f32::from_bits(bits as u32)), (-149.0f64).exp2()),
            Self::F64 => (f64::from_bits(bits), f64::from_bits(1)),
        }
    }

    /// The first power of two that the type does not have: what an infinity stands for beside a finite number.
    fn limit(self) -> f64 {
        match self {
            Self::F16 | Self::F16x2 => 65536.0,
            Self::F64 => f64::MAX,
            Self::Bf16 | Self::Bf16x2 | Self::F32 => 128.0f64.exp2(),
        }
    }

    /// How far apart two values are, as a share of what the bound allows. NaNs are all alike.
    fn distance(self, expected: u64, got: u64, bound: Bound, argument: f64) -> f64 {
        let (a, least) = self.value(expected);
        let (b, _) = self.value(got);
        if a.is_nan() || b.is_nan() {
            return if a.is_nan() && b.is_nan() { 0.0 } else { f64::INFINITY };
        }
        // Near a zero of the function, which is not at 0 itself, either sign may come out.
        let crosses = bound.absolute > 0.0 && argument != 0.0;
        if a == 0.0 && b == 0.0 && a.is_sign_negative() != b.is_sign_negative() && !crosses {
            return f64::INFINITY;
        }
        let [a, b] =
            [a, b].map(|value| if value.is_infinite() { self.limit().copysign(value) } else { value });
        let allowed = (bound.relative * a.abs().max(b.abs())).max(bound.absolute).max(2.0 * least);
        (a - b).abs() / allowed
    }
}

fn small(exponent_bits: u32, mantissa_bits: u32, bits: u64) -> f64 {
    let sign = if bits >> (exponent_bits + mantissa_bits) & 1 == 1 { -1.0 } else { 1.0 };
    let exponent = (bits >> mantissa_bits & ((1 << exponent_bits) - 1)) as i32;
    let mantissa = (bits & ((1 << mantissa_bits) - 1)) as f64 / f64::from(1 << mantissa_bits);
    let middle = (1 << (exponent_bits - 1)) - 1;
    sign * match exponent {
        0 => mantissa * f64::from(1 - middle).exp2(),
        _ if exponent == (1 << exponent_bits) - 1 => {
            if mantissa == 0.0 {
                f64::INFINITY
            } else {
                f64::NAN
            }
        }
        _ => (1.0 + mantissa) * f64::from(exponent - middle).exp2(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accuracy: Accuracy, expected: &[u8], got: &[u8], wrong: usize) {
        let answer = Answer { inputs: 0, error: 0, outputs: vec![(expected.len(), expected.to_vec())] };
        assert_eq!(compare(accuracy, &answer, &[got.to_vec()], &|_| 1.0).wrong.len(), wrong);
    }

    #[test]
    fn bounds_are_kept_and_exact_is_exact() {
        let one = 1.0f32.to_le_bytes();
        let near = f32::from_bits(1.0f32.to_bits() + 3).to_le_bytes();
        check(Accuracy::Exact, &one, &one, 0);
        check(Accuracy::Exact, &one, &near, 1);
        check(Accuracy::Near(Float::F32, Bound::relative(-21.0)), &one, &near, 0);
        check(Accuracy::Near(Float::F32, Bound::relative(-22.0)), &one, &near, 1);
        let loose = Accuracy::Near(Float::F32, Bound::absolute(0.0));
        check(loose, &f32::NAN.to_le_bytes(), &one, 1);
        check(loose, &f32::NAN.to_le_bytes(), &(-f32::NAN).to_le_bytes(), 0);
        // A zero's sign counts, but not where a function crosses zero elsewhere than at 0.
        check(
            Accuracy::Near(Float::F32, Bound::relative(-22.0)),
            &0.0f32.to_le_bytes(),
            &(-0.0f32).to_le_bytes(),
            1,
        );
        check(loose, &0.0f32.to_le_bytes(), &(-0.0f32).to_le_bytes(), 0);
        check(loose, &f32::INFINITY.to_le_bytes(), &(-f32::INFINITY).to_le_bytes(), 1);
        check(
            Accuracy::Near(Float::F16x2, Bound::relative(-9.0)),
            &[0, 0x3c, 0, 0x3c],
            &[1, 0x3c, 0x40, 0x3c],
            1,
        );
    }
}
