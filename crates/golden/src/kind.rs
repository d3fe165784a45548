//! What an operand is: its width in memory, its register, and the values that it is tried with.

use crate::random::Random;

/// What the bits of an operand mean, which decides the values that are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An 8-bit integer in a 16-bit register, whose upper half is noise.
    I8,
    /// 16-bit integer or bits.
    I16,
    /// 32-bit integer or bits.
    I32,
    /// 64-bit integer or bits.
    I64,
    /// Half precision.
    F16,
    /// bfloat16.
    Bf16,
    /// Single precision.
    F32,
    /// Double precision.
    F64,
    /// Single precision, of which half are where a conversion to a narrower type changes.
    NarrowedF32,
    /// Two halves.
    F16x2,
    /// Two bfloat16.
    Bf16x2,
    /// Two 8-bit floats (e4m3 or e5m2) in 16 bits.
    Fp8x2,
    /// Four bytes, or two 16-bit integers, in 32 bits.
    Packed,
    /// A shift count, a bit position or a length: mostly small, at times far beyond the width.
    Amount,
    /// The angle of `sin` and `cos`.
    Angle,
    /// Single precision in [-0.5, 1.5]: a coordinate of a normalised texture, or near it.
    Unit,
    /// Single precision in [-4, 20]: a coordinate in texels.
    Texel,
    /// A small signed integer, in [-4, 20].
    TexelIndex,
    /// A predicate, from a 32-bit word.
    Predicate,
    /// A lane number, now and then beyond 31.
    Lane,
    /// The control word of `shfl`: clamp in bits 0-4, segment mask in bits 8-12.
    ShflControl,
    /// One of few values, so that lanes meet equals.
    Few,
    /// The same within a warp: one of few values.
    WarpFew,
    /// Two small whole halves: sums of their products are exact.
    WholeF16x2,
    /// Two small whole bfloat16.
    WholeBf16x2,
    /// A small whole single.
    WholeF32,
    /// A small whole double.
    WholeF64,
    /// Four small whole e4m3 numbers.
    WholeE4m3,
    /// Four small whole e5m2 numbers.
    WholeE5m2,
    /// Two halves of moderate size.
    PlainF16x2,
    /// Two bfloat16 of moderate size.
    PlainBf16x2,
    /// A single of moderate size.
    PlainF32,
    /// A double of moderate size.
    PlainF64,
}

/// A register's width, and an element's width in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Width {
    /// 2 bytes.
    B16,
    /// 4 bytes.
    B32,
    /// 8 bytes.
    B64,
}

impl Width {
    /// In bytes.
    pub fn bytes(self) -> usize {
        match self {
            Self::B16 => 2,
            Self::B32 => 4,
            Self::B64 => 8,
        }
    }

    /// As PTX writes an untyped register of this width.
    pub fn ptx(self) -> &'static str {
        match self {
            Self::B16 => "b16",
            Self::B32 => "b32",
            Self::B64 => "b64",
        }
    }
}

impl Kind {
    /// The width of the register, and of an element of the input.
    pub fn width(self) -> Width {
        match self {
            Self::I8 | Self::I16 | Self::F16 | Self::Bf16 | Self::Fp8x2 => Width::B16,
            Self::I64 | Self::F64 | Self::WholeF64 | Self::PlainF64 => Width::B64,
            _ => Width::B32,
        }
    }

    /// Values at which something changes; none for kinds that have no such places.
    pub fn edges(self) -> Vec<u64> {
        match self {
            Self::I8 => [0, 1, 2, 0x7e, 0x7f, 0x80, 0x81, 0xfe, 0xff, 0xff00, 0xab7f, 0x1280].to_vec(),
            Self::I16 => integers(16),
            Self::I32 => integers(32),
            Self::I64 => integers(64),
            Self::F16 => floats(5, 10),
            Self::Bf16 => floats(8, 7),
            Self::F32 => floats(8, 23),
            Self::F64 => floats(11, 52),
            Self::Amount => [
                0,
                1,
                2,
                7,
                8,
                15,
                16,
                17,
                24,
                31,
                32,
                33,
                63,
                64,
                65,
                127,
                255,
                256,
                257,
                0x8000_0000,
                0xffff_ffff,
            ]
            .to_vec(),
            Self::F16x2 => pairs(&floats(5, 10)),
            Self::Bf16x2 => pairs(&floats(8, 7)),
            Self::Packed => [
                0,
                0x0101_0101,
                0x7f7f_7f7f,
                0x8080_8080,
                0xffff_ffff,
                0x807f_00ff,
                0x7fff_8000,
                0x8000_7fff,
                0x0001_ffff,
                0x0123_4567,
                0x89ab_cdef,
                0xff80_017f,
            ]
            .to_vec(),
            Self::Angle => angles(),
            Self::Unit => {
                [0.0f32, 1.0, 0.5, -0.5, 1.5, 0.0625, 0.125, 0.9375, 0.999_999_94, -0.0].map(single).to_vec()
            }
            Self::Texel => [0.0f32, 0.5, 1.0, 1.5, 15.5, 16.0, 16.5, -0.5, -1.0, 20.0].map(single).to_vec(),
            _ => Vec::new(),
        }
    }

    /// More of them, for forms with one source: where conversions saturate, and what lies halfway between results.
    pub fn limits(self) -> Vec<u64> {
        match self {
            Self::F16 => limits(5, 10),
            Self::Bf16 => limits(8, 7),
            Self::F32 => limits(8, 23),
            Self::F64 => limits(11, 52),
            Self::I16 => whole_limits(16),
            Self::I32 => whole_limits(32),
            Self::I64 => whole_limits(64),
            _ => Vec::new(),
        }
    }

    /// Any value, with a bias to where trouble lives.
    pub fn random(self, random: &mut Random) -> u64 {
        match self {
            Self::I8 | Self::Fp8x2 => random.below(1 << 16),
            Self::I16 => integer(16, random),
            Self::I32 => integer(32, random),
            Self::I64 => integer(64, random),
            Self::F16 => float(5, 10, random),
            Self::Bf16 => float(8, 7, random),
            Self::F32 => float(8, 23, random),
            Self::F64 => float(11, 52, random),
            Self::NarrowedF32 => {
                let known = limits(8, 23);
                if random.below(2) == 0 {
                    known[random.below(known.len() as u64) as usize]
                } else {
                    float(8, 23, random)
                }
            }
            Self::F16x2 => float(5, 10, random) | float(5, 10, random) << 16,
            Self::Bf16x2 => float(8, 7, random) | float(8, 7, random) << 16,
            Self::Packed => random.bits() & 0xffff_ffff,
            Self::Amount => match random.below(8) {
                0 => random.bits() & 0xffff_ffff,
                1 => random.below(256),
                _ => random.below(70),
            },
            Self::Angle => match random.below(4) {
                0 => single(random.unit() * 1000.0),
                _ => single(random.unit() * 6.3),
            },
            Self::Unit => single(random.unit() + 0.5),
            Self::Texel => single(random.unit() * 12.0 + 8.0),
            Self::TexelIndex => u64::from((random.below(25) as i32 - 4).cast_unsigned()),
            Self::Predicate => random.below(2),
            Self::Lane => {
                if random.below(8) == 0 {
                    random.below(80)
                } else {
                    random.below(32)
                }
            }
            Self::ShflControl => match random.below(4) {
                0 => 0x1f,
                1 => 0,
                2 => {
                    [0x101f, 0x181f, 0x1c1f, 0x1e1f, 0x1000, 0x1800, 0x1c00, 0x1e00][random.below(8) as usize]
                }
                _ => random.below(0x2000),
            },
            Self::Few => [0, 1, 2, 3, 0xffff_ffff, 0x8000_0000][random.below(6) as usize],
            Self::WarpFew => random.below(3),
            Self::WholeF16x2 => {
                let half = |random: &mut Random| narrow(5, 10, whole(random, 9));
                half(random) | half(random) << 16
            }
            Self::WholeBf16x2 => {
                let half = |random: &mut Random| narrow(8, 7, whole(random, 9));
                half(random) | half(random) << 16
            }
            Self::WholeF32 => single(whole(random, 17)),
            Self::WholeF64 => f64::from(whole(random, 17)).to_bits(),
            Self::WholeE4m3 => (0..4).fold(0, |word, _| word << 8 | narrow(4, 3, whole(random, 9))),
            Self::WholeE5m2 => (0..4).fold(0, |word, _| word << 8 | narrow(5, 2, whole(random, 5))),
            Self::PlainF16x2 => {
                let half = |random: &mut Random| narrow(5, 10, random.unit() * 4.0);
                half(random) | half(random) << 16
            }
            Self::PlainBf16x2 => {
                let half = |random: &mut Random| narrow(8, 7, random.unit() * 4.0);
                half(random) | half(random) << 16
            }
            Self::PlainF32 => single(random.unit() * 4.0),
            Self::PlainF64 => (f64::from(random.unit()) * 4.0 + f64::from(random.unit()) * 1e-9).to_bits(),
        }
    }
}

fn single(value: f32) -> u64 {
    u64::from(value.to_bits())
}

/// A whole number in `-(count / 2) ..= count / 2`.
fn whole(random: &mut Random, count: u64) -> f32 {
    random.below(count) as f32 - (count / 2) as f32
}

/// A single as a narrower float with the exponent and mantissa bits given, cut, not rounded; zero below its normal numbers.
fn narrow(exponent_bits: u32, mantissa_bits: u32, value: f32) -> u64 {
    let bits = value.to_bits();
    let sign = u64::from(bits >> 31) << (exponent_bits + mantissa_bits);
    let exponent = i64::from(bits >> 23 & 0xff) - 127 + (1 << (exponent_bits - 1)) - 1;
    if exponent <= 0 {
        return sign;
    }
    sign | exponent.cast_unsigned() << mantissa_bits | u64::from(bits & 0x7f_ffff) >> (23 - mantissa_bits)
}

fn mask(bits: u32) -> u64 {
    u64::MAX >> (64 - bits)
}

/// The ends of the signed and unsigned ranges, of the narrower types too, and patterns.
fn integers(bits: u32) -> Vec<u64> {
    let mut values = vec![0, 1, 2, 3, 7, 10, 0x7f, 0x80, 0xff];
    for narrower in [16, 24, 32, 64] {
        if narrower <= bits {
            let top = 1u64 << (narrower - 1);
            values.extend([top - 1, top, top + 1, mask(narrower)]);
        }
    }
    values.extend([0x5555_5555_5555_5555, 0x0123_4567_89ab_cdef, u64::MAX - 1, u64::MAX - 0x7f]);
    distinct(values, bits)
}

fn integer(bits: u32, random: &mut Random) -> u64 {
    let word = random.bits() & mask(bits);
    match random.below(4) {
        // Small ones of both signs, and sparse ones.
        0 => word >> random.below(u64::from(bits)),
        1 => !(word >> random.below(u64::from(bits))) & mask(bits),
        _ => word,
    }
}

/// Edges of a binary float, negative ones included.
fn floats(exponent_bits: u32, mantissa_bits: u32) -> Vec<u64> {
    let one = mask(exponent_bits - 1) << mantissa_bits;
    let infinity = mask(exponent_bits) << mantissa_bits;
    let unit = 1 << mantissa_bits;
    let quiet = unit >> 1;
    let positive = [
        0,
        1,          // the least denormal
        unit >> 1,  // a denormal in the middle
        unit - 1,   // the greatest denormal
        unit,       // the least normal
        one - unit, // one half
        one - 1,    // one, less an ulp
        one,
        one + 1,                // one, and an ulp
        one + (unit >> 1),      // one and a half: halfway to two
        one + unit,             // two
        one + unit + quiet / 2, // two and a half: halfway, to even
        infinity - 1,           // the greatest
        infinity,
        infinity | quiet,     // the quiet NaN
        infinity | 1,         // a signalling NaN
        infinity | quiet | 5, // a quiet NaN with a payload
    ];
    let sign = 1 << (exponent_bits + mantissa_bits);
    positive.iter().flat_map(|value| [*value, value | sign]).collect()
}

fn float(exponent_bits: u32, mantissa_bits: u32, random: &mut Random) -> u64 {
    let total = exponent_bits + mantissa_bits + 1;
    let bias = mask(exponent_bits - 1);
    let sign = random.below(2) << (total - 1);
    let mantissa = random.bits() & mask(mantissa_bits);
    let spread = 8.min(bias / 2);
    let near = (bias + random.below(2 * spread + 1) - spread) << mantissa_bits;
    match random.below(8) {
        // Any bits: exponents far apart, with denormals.
        0 => random.bits() & mask(total),
        1 => sign | mantissa,
        // Few mantissa bits set: sums and products fall halfway.
        2 | 3 => sign | near | (mantissa & (mask(4) << (mantissa_bits - 4))),
        _ => sign | near | mantissa,
    }
}

/// Two halves in a word: each edge beside each of a few others.
fn pairs(halves: &[u64]) -> Vec<u64> {
    halves
        .iter()
        .enumerate()
        .map(|(index, half)| half | halves[(index * 7 + 3) % halves.len()] << 16)
        .collect()
}

/// Multiples of a quarter turn and their neighbours, tiny ones, and ones that need a long reduction.
fn angles() -> Vec<u64> {
    let mut values = floats(8, 23);
    for turn in 0..=16u8 {
        let angle = std::f32::consts::FRAC_PI_4 * f32::from(turn);
        for bits in [angle.to_bits(), angle.to_bits() + 1, angle.to_bits().wrapping_sub(1)] {
            values.extend([u64::from(bits), u64::from(bits | 1 << 31)]);
        }
    }
    values
        .extend([1e-3f32, 1e-5, 100.0, 355.0, 103_993.0, 1e5, 1e6, 1e8, 1e10, 1e20, 1e30, -1e4].map(single));
    values.retain(|bits| *bits <= mask(32));
    distinct(values, 32)
}

fn distinct(values: Vec<u64>, bits: u32) -> Vec<u64> {
    let mut seen = std::collections::BTreeSet::new();
    values.into_iter().map(|value| value & mask(bits)).filter(|value| seen.insert(*value)).collect()
}

/// Where conversions of a float change: the ends of integer and of narrower float types, halves of ulps of the latter.
fn limits(exponent_bits: u32, mantissa_bits: u32) -> Vec<u64> {
    let mut values = Vec::new();
    for whole in [0.5, 1.5, 2.5, 3.5, 126.5, 127.0, 127.5, 128.0, 128.5, 254.5, 255.0, 255.5, 256.0] {
        values.push(whole);
    }
    for power in [15, 16, 31, 32, 63, 64, 24, 53] {
        let limit = f64::from(power).exp2();
        values.extend([limit - 1.0, limit - 0.5, limit, limit + 0.5, limit * 1.5]);
    }
    // The greatest numbers of half, e4m3, e5m2, bfloat16 and single, and what rounds up from them; then the least ones.
    values.extend([
        65504.0, 65519.0, 65520.0, 65536.0, 448.0, 463.0, 464.0, 465.0, 480.0, 57344.0, 61439.0, 61440.0,
    ]);
    values.extend([f64::from(f32::MAX), 3.402_823_56e38, 3.389_531_389_251_535_5e38, 3.396e38]);
    for power in [-6, -7, -9, -10, -14, -15, -16, -17, -24, -25, -126, -127, -133, -134, -149, -150] {
        let least = f64::from(power).exp2();
        values.extend([least, least * 1.5, least * 0.75, least * 1.25]);
    }
    let total = exponent_bits + mantissa_bits;
    let mut all = Vec::new();
    for value in values {
        let bits = cut(exponent_bits, mantissa_bits, value);
        for bits in [bits, bits + 1, bits.saturating_sub(1)] {
            all.extend([bits, bits | 1 << total]);
        }
    }
    // Halfway between two numbers with fewer bits of mantissa, and just beside it.
    for kept in [2, 3, 7, 10, 23] {
        if kept < mantissa_bits {
            let half = 1u64 << (mantissa_bits - kept - 1);
            for (index, upper) in [0, 1, 2, 3].into_iter().enumerate() {
                let exponent = (mask(exponent_bits - 1) + index as u64 * 2 - 3) << mantissa_bits;
                let bits = exponent | upper << (mantissa_bits - kept) | half;
                all.extend([bits, bits + 1, bits - 1, bits | 1 << total]);
            }
        }
    }
    distinct(all, total + 1)
}

/// A double as a narrower float, cut: infinity where it is too large, zero where it is too small for a normal number.
fn cut(exponent_bits: u32, mantissa_bits: u32, value: f64) -> u64 {
    let bits = value.to_bits();
    let middle = mask(exponent_bits - 1).cast_signed();
    let exponent = (bits >> 52 & 0x7ff).cast_signed() - 1023 + middle;
    let mantissa = bits & mask(52);
    if exponent > 2 * middle {
        return mask(exponent_bits) << mantissa_bits;
    }
    if exponent <= 0 {
        let shift = 52 - i64::from(mantissa_bits) + 1 - exponent;
        return if shift > 53 { 0 } else { (mantissa | 1 << 52) >> shift };
    }
    exponent.cast_unsigned() << mantissa_bits | mantissa >> (52 - mantissa_bits)
}

/// Integers halfway between two floats, or at the end of a float's range.
fn whole_limits(bits: u32) -> Vec<u64> {
    let mut values = vec![65503, 65504, 65519, 65520, 65521];
    for kept in [8, 11, 24, 53] {
        if kept < bits {
            let start = 1u64 << kept;
            for odd in [1, 3, 5] {
                values.extend([start + odd, start.wrapping_add(odd).wrapping_neg()]);
                if kept + 8 < bits {
                    // The same halves higher up, and just beside them.
                    let high = (start + odd) << 7;
                    values.extend([high, high + 1, high - 1, high.wrapping_neg()]);
                }
            }
        }
    }
    values.extend([
        (1u64 << 63).wrapping_sub(512),
        (1 << 63) - 513,
        u64::MAX - 1023,
        u64::MAX - 1024,
        1 << 31,
    ]);
    distinct(values, bits)
}
