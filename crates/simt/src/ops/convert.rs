//! `cvt` (9.7.9.21) between integers and floating-point types of every size, with rounding and saturation.

use std::marker::PhantomData;

use cuferry_ptx::{Rounding, Type, Word};

use super::float::{NAN32, flush32};
use super::half::{bf16_to, f16_to, odd};
use crate::code::{Op, Width};
use crate::decode::{Decoder, Form, Refused, fields};
use crate::lanes::{Lane, Map1, One, Two, Work, pick};
use crate::warp::Warp;

/// What a conversion does, as its operation carries it in `imm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct How {
    from: Kind,
    to: Kind,
    /// To a value: `RN`, `RZ`, `RM`, `RP`, or `RNA`: ties away from zero.
    rounding: u8,
    /// To an integral value first.
    integral: bool,
    ftz: bool,
    sat: bool,
    relu: bool,
    /// Out of range becomes the largest finite value.
    finite: bool,
}

const RN: u8 = 0;
const RZ: u8 = 1;
const RM: u8 = 2;
const RP: u8 = 3;
const RNA: u8 = 4;

/// The types, numbered for `imm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    U8,
    S8,
    U16,
    S16,
    U32,
    S32,
    U64,
    S64,
    F16,
    Bf16,
    F32,
    F64,
    Tf32,
    E4m3,
    E5m2,
}

const KINDS: [Kind; 15] = [
    Kind::U8,
    Kind::S8,
    Kind::U16,
    Kind::S16,
    Kind::U32,
    Kind::S32,
    Kind::U64,
    Kind::S64,
    Kind::F16,
    Kind::Bf16,
    Kind::F32,
    Kind::F64,
    Kind::Tf32,
    Kind::E4m3,
    Kind::E5m2,
];

impl Kind {
    fn of(ty: Type) -> Option<Kind> {
        Some(match ty {
            Type::U8 | Type::B8 => Kind::U8,
            Type::S8 => Kind::S8,
            Type::U16 | Type::B16 => Kind::U16,
            Type::S16 => Kind::S16,
            Type::U32 | Type::B32 => Kind::U32,
            Type::S32 => Kind::S32,
            Type::U64 | Type::B64 => Kind::U64,
            Type::S64 => Kind::S64,
            Type::F16 => Kind::F16,
            Type::Bf16 => Kind::Bf16,
            Type::F32 => Kind::F32,
            Type::F64 => Kind::F64,
            Type::Tf32 => Kind::Tf32,
            _ => return None,
        })
    }

    fn is_float(self) -> bool {
        self as u8 >= Kind::F16 as u8
    }

    /// Least and greatest value of an integer type.
    #[inline(always)]
    fn bounds(self) -> (i128, i128) {
        match self {
            Kind::U8 => (0, u8::MAX.into()),
            Kind::S8 => (i8::MIN.into(), i8::MAX.into()),
            Kind::U16 => (0, u16::MAX.into()),
            Kind::S16 => (i16::MIN.into(), i16::MAX.into()),
            Kind::U32 => (0, u32::MAX.into()),
            Kind::S32 => (i32::MIN.into(), i32::MAX.into()),
            Kind::U64 => (0, u64::MAX.into()),
            _ => (i64::MIN.into(), i64::MAX.into()),
        }
    }
}

impl How {
    fn pack(self) -> u64 {
        u64::from(self.from as u8)
            | u64::from(self.to as u8) << 8
            | u64::from(self.rounding) << 16
            | u64::from(self.integral) << 24
            | u64::from(self.ftz) << 25
            | u64::from(self.sat) << 26
            | u64::from(self.relu) << 27
            | u64::from(self.finite) << 28
    }

    fn unpack(bits: u64) -> How {
        let flag = |bit: u32| (bits >> bit) & 1 == 1;
        How {
            from: KINDS[(bits & 0xff) as usize % KINDS.len()],
            to: KINDS[((bits >> 8) & 0xff) as usize % KINDS.len()],
            rounding: ((bits >> 16) & 0xff) as u8,
            integral: flag(24),
            ftz: flag(25),
            sat: flag(26),
            relu: flag(27),
            finite: flag(28),
        }
    }
}

/// A floating-point format: exponent bits, mantissa bits, and whether its top exponent holds infinity and NaNs.
#[derive(Clone, Copy, Debug)]
struct Format {
    exponent: u32,
    mantissa: u32,
    ieee: bool,
}

const fn format(kind: Kind) -> Format {
    match kind {
        Kind::F16 => Format { exponent: 5, mantissa: 10, ieee: true },
        Kind::Bf16 => Format { exponent: 8, mantissa: 7, ieee: true },
        Kind::F32 => Format { exponent: 8, mantissa: 23, ieee: true },
        Kind::Tf32 => Format { exponent: 8, mantissa: 10, ieee: true },
        // The largest exponent of `e4m3` holds numbers, all ones but the sign is its NaN.
        Kind::E4m3 => Format { exponent: 4, mantissa: 3, ieee: false },
        Kind::E5m2 => Format { exponent: 5, mantissa: 2, ieee: true },
        _ => Format { exponent: 11, mantissa: 52, ieee: true },
    }
}

/// A number on the way: sign, and `magnitude` times two to the `exponent`.
#[derive(Clone, Copy, Debug)]
enum Number {
    Nan,
    Infinite { negative: bool },
    Finite { negative: bool, magnitude: u64, exponent: i32 },
}

fn read(kind: Kind, bits: u64) -> Number {
    let value = match kind {
        Kind::U8 => return integer(false, bits & 0xff),
        Kind::U16 => return integer(false, bits & 0xffff),
        Kind::U32 => return integer(false, bits & 0xffff_ffff),
        Kind::U64 => return integer(false, bits),
        Kind::S8 => i64::from(bits as i8),
        Kind::S16 => i64::from(bits as i16),
        Kind::S32 => i64::from(bits as i32),
        Kind::S64 => bits.cast_signed(),
        _ => return read_float(format(kind), bits),
    };
    integer(value < 0, value.unsigned_abs())
}

fn integer(negative: bool, magnitude: u64) -> Number {
    Number::Finite { negative, magnitude, exponent: 0 }
}

fn read_float(format: Format, bits: u64) -> Number {
    let Format { exponent: wide, mantissa: long, ieee } = format;
    let negative = (bits >> (wide + long)) & 1 == 1;
    let top = (1 << wide) - 1;
    let exponent = (bits >> long) & top;
    let mantissa = bits & ((1 << long) - 1);
    let bias = (1_i32 << (wide - 1)) - 1;
    if exponent == top && (ieee || mantissa == (1 << long) - 1) {
        return if ieee && mantissa == 0 { Number::Infinite { negative } } else { Number::Nan };
    }
    let (magnitude, exponent) =
        if exponent == 0 { (mantissa, 1) } else { (mantissa | (1 << long), exponent as i32) };
    Number::Finite { negative, magnitude, exponent: exponent - bias - long as i32 }
}

/// Drops the lower `shift` bits of a magnitude, rounded.
fn shifted(magnitude: u64, shift: u32, negative: bool, rounding: u8) -> u64 {
    if shift == 0 || magnitude == 0 {
        return magnitude;
    }
    let (kept, rest, half) = match shift {
        65.. => (0, 1, 2),
        64 => (0, u128::from(magnitude), 1 << 63),
        _ => (magnitude >> shift, u128::from(magnitude & ((1 << shift) - 1)), 1 << (shift - 1)),
    };
    let up = match rounding {
        RN => rest > half || rest == half && kept & 1 == 1,
        RNA => rest >= half,
        RM => negative && rest > 0,
        RP => !negative && rest > 0,
        _ => false,
    };
    kept + u64::from(up)
}

fn write_float(number: Number, kind: Kind, rounding: u8, finite: bool) -> u64 {
    let Format { exponent: wide, mantissa: long, ieee } = format(kind);
    let top = (1_u64 << wide) - 1;
    let sign = |negative: bool| u64::from(negative) << (wide + long);
    let infinity = top << long;
    let largest = if ieee { infinity - 1 } else { (top << long) | ((1 << long) - 2) };
    match number {
        Number::Nan => match kind {
            Kind::F32 => NAN32.into(),
            Kind::F64 => 0x7fff_ffff_ffff_ffff,
            _ => (1 << (wide + long)) - 1,
        },
        Number::Infinite { negative } if finite || !ieee => {
            sign(negative) | if finite { largest } else { (1 << (wide + long)) - 1 }
        }
        Number::Infinite { negative } => sign(negative) | infinity,
        Number::Finite { negative, magnitude: 0, .. } => sign(negative),
        Number::Finite { negative, magnitude, exponent } => {
            let bias = (1_i32 << (wide - 1)) - 1;
            // The exponent of the highest bit, and the lowest that the format keeps.
            let highest = 63 - magnitude.leading_zeros() as i32 + exponent;
            let unit = (highest - long as i32).max(1 - bias - long as i32);
            let kept = if unit >= exponent {
                shifted(magnitude, (unit - exponent) as u32, negative, rounding)
            } else {
                magnitude << (exponent - unit)
            };
            // Carries run into the exponent by themselves.
            let biased = (unit + bias + long as i32) as u64;
            let bits = if kept >> long == 0 { kept } else { ((biased - 1) << long) + kept };
            if bits <= largest {
                return sign(negative) | bits;
            }
            let down = rounding == RZ || rounding == RM && !negative || rounding == RP && negative;
            let end = match (finite || down, ieee) {
                (true, _) => largest,
                (false, true) => infinity,
                (false, false) => (1 << (wide + long)) - 1,
            };
            sign(negative) | end
        }
    }
}

/// To an integral value; the integer itself, as far as 128 bits hold it.
fn to_integer(number: Number, rounding: u8) -> i128 {
    match number {
        Number::Nan => 0,
        Number::Infinite { negative: true } => i128::MIN,
        Number::Infinite { negative: false } => i128::MAX,
        Number::Finite { negative, magnitude, exponent } => {
            let whole = if exponent >= 0 {
                if exponent > 62 { i128::MAX } else { i128::from(magnitude) << exponent }
            } else {
                shifted(magnitude, exponent.unsigned_abs(), negative, rounding).into()
            };
            if negative { -whole } else { whole }
        }
    }
}

/// Any conversion, one value.
fn convert(how: How, bits: u64) -> u64 {
    let mut bits = bits;
    if how.ftz && how.from == Kind::F32 {
        bits = flush32(f32::from_bits(bits as u32)).to_bits().into();
    }
    let mut number = read(how.from, bits);
    if !how.to.is_float() {
        let (least, greatest) = how.to.bounds();
        if how.from.is_float() {
            if matches!(number, Number::Nan) {
                // GPUs give zero, but 64-bit results and those from `.f64` are the highest bit.
                return match (how.to, how.from) {
                    (Kind::S64 | Kind::U64, _) => 1 << 63,
                    (Kind::S32 | Kind::U32, Kind::F64) => 1 << 31,
                    (Kind::S16 | Kind::U16, Kind::F64) => 1 << 15,
                    (_, Kind::F64) => 1 << 7,
                    _ => 0,
                };
            }
            return to_integer(number, how.rounding).clamp(least, greatest) as u64;
        }
        let value = to_integer(number, RZ);
        return if how.sat { value.clamp(least, greatest) as u64 } else { value as u64 };
    }
    if how.integral
        && let Number::Finite { negative, magnitude, exponent } = number
        && exponent < 0
    {
        let magnitude = shifted(magnitude, exponent.unsigned_abs(), negative, how.rounding);
        number = Number::Finite { negative, magnitude, exponent: 0 };
    }
    if how.relu
        && matches!(number, Number::Infinite { negative: true } | Number::Finite { negative: true, .. })
    {
        number = integer(false, 0);
    }
    if how.sat {
        number = match number {
            Number::Nan | Number::Infinite { negative: true } | Number::Finite { negative: true, .. } => {
                integer(false, 0)
            }
            Number::Infinite { .. } => integer(false, 1),
            Number::Finite { magnitude, exponent, .. } => {
                let highest = 63 - magnitude.leading_zeros() as i32 + exponent;
                if magnitude > 0 && highest >= 0 { integer(false, 1) } else { number }
            }
        };
    }
    if how.to == Kind::Tf32 && how.rounding == RNA && matches!(number, Number::Nan) {
        return nan_away(bits, how.finite);
    }
    if how.to == Kind::Tf32 {
        // Thirteen bits below the mantissa are there, and zero.
        return write_float(number, Kind::Tf32, how.rounding, how.finite) << 13;
    }
    if matches!(number, Number::Nan) && how.to == Kind::F64 {
        return match how.from {
            Kind::F64 => super::float::quiet64(f64::from_bits(bits)).to_bits(),
            Kind::F32 => widened(f32::from_bits(bits as u32)).to_bits(),
            Kind::Bf16 => widened(bf16_to(bits as u16)).to_bits(),
            _ => widened(f16_to(bits as u16)).to_bits(),
        };
    }
    if matches!(number, Number::Nan) && how.to == Kind::F32 && !how.integral {
        match how.from {
            Kind::F64 => return nan32(f64::from_bits(bits)).to_bits().into(),
            Kind::Bf16 if !how.ftz => return bits << 16,
            _ => {}
        }
    }
    if matches!(number, Number::Nan) && how.from == Kind::F64 {
        match how.to {
            Kind::F16 => return nan16(bits, 0x7e00).into(),
            Kind::Bf16 => return nan16(bits, 0x7fc0).into(),
            _ => {}
        }
    }
    let result = write_float(number, how.to, how.rounding, how.finite);
    if how.ftz && how.to == Kind::F32 {
        flush32(f32::from_bits(result as u32)).to_bits().into()
    } else {
        result
    }
}

/// `.rna` to `.tf32` rounds a NaN as if it were a number, so that it may become an infinity; `.satfinite` takes a unit off.
fn nan_away(bits: u64, finite: bool) -> u64 {
    let bits = bits as u32;
    let rounded = ((bits & 0x7fff_ffff) + 0x1000) & 0xffff_e000;
    let result = (bits & 0x8000_0000) | if finite { rounded - 0x2000 } else { rounded };
    result.into()
}

/// The NaN of 16 bits that one of `.f64` becomes: its sign is kept, and nothing else.
#[inline(always)]
fn nan16(sign: u64, quiet: u16) -> u16 {
    quiet | (sign >> 48) as u16 & 0x8000
}

/// A register's lanes as bits.
trait Bits: Lane {
    fn bits(self) -> u64;
    fn of(bits: u64) -> Self;
}
macro_rules! bits {
    ($($type:ty),*) => {$(
        impl Bits for $type {
            fn bits(self) -> u64 {
                self.into()
            }
            fn of(bits: u64) -> Self {
                bits as $type
            }
        }
    )*};
}
bits!(u16, u32, u64);

/// Any conversion, lane by lane: `imm` says which.
struct Any<A, R>(PhantomData<(A, R)>);
impl<A: Bits, R: Bits> Work for Any<A, R> {
    #[inline(always)]
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let how = How::unpack(op.imm);
        let a = warp.get::<A>(op.a);
        let mut r = [R::default(); 32];
        for lane in 0..32 {
            r[lane] = R::of(extended(how.to, convert(how, a[lane].bits())));
        }
        warp.put(op.dst, r);
        true
    }
}

/// A result of 8 bits fills its register of 16 as its type says.
fn extended(kind: Kind, bits: u64) -> u64 {
    match kind {
        Kind::U8 => bits & 0xff,
        Kind::S8 => i64::from(bits as i8).cast_unsigned(),
        _ => bits,
    }
}

macro_rules! casts {
    ($($name:ident: $a:ty => $r:ty, |$x:ident| $body:expr;)*) => {$(
        struct $name;
        impl Map1 for $name {
            type A = $a;
            type R = $r;
            #[inline(always)]
            fn map($x: $a) -> $r {
                $body
            }
        }
    )*};
}
casts! {
    U8U16: u16 => u16, |a| a & 0xff;
    S8S16: u16 => i16, |a| (a as i8).into();
    U8To32: u16 => u32, |a| (a & 0xff).into();
    S8To32: u16 => i32, |a| (a as i8).into();
    U16To32: u16 => u32, |a| a.into();
    S16To32: i16 => i32, |a| a.into();
    U16To64: u16 => u64, |a| a.into();
    S16To64: i16 => i64, |a| a.into();
    U32To64: u32 => u64, |a| a.into();
    S32To64: i32 => i64, |a| a.into();
    W32To16: u32 => u16, |a| a as u16;
    W64To16: u64 => u16, |a| a as u16;
    W64To32: u64 => u32, |a| a as u32;
    W32ToU8: u32 => u16, |a| a as u16 & 0xff;
    W32ToS8: u32 => i16, |a| (a as i8).into();
    S32F32: i32 => f32, |a| a as f32;
    U32F32: u32 => f32, |a| a as f32;
    S64F32: i64 => f32, |a| a as f32;
    U64F32: u64 => f32, |a| a as f32;
    S32F64: i32 => f64, |a| a as f64;
    U32F64: u32 => f64, |a| a as f64;
    S64F64: i64 => f64, |a| a as f64;
    U64F64: u64 => f64, |a| a as f64;
    U16F32: u16 => f32, |a| a as f32;
    S16F32: i16 => f32, |a| a as f32;
    U8F32: u16 => f32, |a| (a & 0xff) as f32;
    S8F32: u16 => f32, |a| (a as i8).into();
    F32S32Z: f32 => i32, |a| a as i32;
    F32U32Z: f32 => u32, |a| a as u32;
    F32S32N: f32 => i32, |a| a.round_ties_even() as i32;
    F32S32M: f32 => i32, |a| a.floor() as i32;
    F32S32P: f32 => i32, |a| a.ceil() as i32;
    F64S32Z: f64 => i32, |a| if a.is_nan() { i32::MIN } else { a as i32 };
    F64U32Z: f64 => u32, |a| if a.is_nan() { 1 << 31 } else { a as u32 };
    F64S32N: f64 => i32, |a| if a.is_nan() { i32::MIN } else { a.round_ties_even() as i32 };
    F64S64Z: f64 => i64, |a| if a.is_nan() { i64::MIN } else { a as i64 };
    F32S64Z: f32 => i64, |a| if a.is_nan() { i64::MIN } else { a as i64 };
    F32N: f32 => f32, |a| integral(a, a.round_ties_even());
    F32Z: f32 => f32, |a| integral(a, a.trunc());
    F32M: f32 => f32, |a| integral(a, a.floor());
    F32P: f32 => f32, |a| integral(a, a.ceil());
    F32Sat: f32 => f32, |a| super::float::saturate32(a);
    F32SatFtz: f32 => f32, |a| super::float::saturate32(flush32(a));
    F16F32: u16 => f32, |a| super::float::canonical32(f16_to(a));
    Bf16F32: u16 => f32, |a| bf16_to(a);
    F32F16: f32 => u16, |a| super::half::f16_from(a);
    F32Bf16: f32 => u16, |a| super::half::bf16_from(a);
    F64F16: f64 => u16, |a| if a.is_nan() { nan16(a.to_bits(), 0x7e00) } else { super::half::f16_from(odd(a)) };
    Same32: u32 => u32, |a| a;
    Same64: u64 => u64, |a| a;
    Flushed: f32 => f32, |a| super::float::canonical32(flush32(a));
    F32F64Ftz: f32 => f64, |a| widened(super::float::canonical32(flush32(a)));
    F32F64: f32 => f64, |a| widened(a);
    F64F32: f64 => f32, |a| if a.is_nan() { nan32(a) } else { a as f32 };
    Flush: f32 => f32, |a| flush32(a);
}

/// As `.f64`; a NaN keeps sign and payload, and is quiet.
#[inline(always)]
fn widened(a: f32) -> f64 {
    let bits = u64::from(a.to_bits());
    let nan = (bits & 0x8000_0000) << 32 | 0x7ff8_0000_0000_0000 | (bits & 0x007f_ffff) << 29;
    if a.is_nan() { f64::from_bits(nan) } else { a.into() }
}

/// The `.f32` that a NaN of `.f64` becomes: its sign is kept.
#[inline(always)]
fn nan32(a: f64) -> f32 {
    f32::from_bits(0x7fc0_0000 | ((a.to_bits() >> 32) as u32 & 0x8000_0000))
}

/// Rounded to an integral value; a NaN is the one NaN.
#[inline(always)]
fn integral(a: f32, rounded: f32) -> f32 {
    if a.is_nan() { f32::from_bits(NAN32) } else { rounded }
}

/// A conversion that is worth its own loop.
fn special(decoder: &Decoder<'_>, how: How) -> Option<crate::code::Handler> {
    use Kind as K;
    let isa = decoder.isa;
    let How { from, to, rounding, integral, ftz, sat, relu, finite } = how;
    if relu || finite {
        return None;
    }
    if !from.is_float() && !to.is_float() {
        if sat {
            return None;
        }
        return Some(match (from, to) {
            (K::U8, K::U16 | K::S16 | K::U8) => pick::<One<U8U16>>(isa),
            (K::S8, K::U16 | K::S16 | K::S8) => pick::<One<S8S16>>(isa),
            (K::U8, K::U32 | K::S32) => pick::<One<U8To32>>(isa),
            (K::S8, K::U32 | K::S32) => pick::<One<S8To32>>(isa),
            (K::U16, K::U32 | K::S32) => pick::<One<U16To32>>(isa),
            (K::S16, K::U32 | K::S32) => pick::<One<S16To32>>(isa),
            (K::U16, K::U64 | K::S64) => pick::<One<U16To64>>(isa),
            (K::S16, K::U64 | K::S64) => pick::<One<S16To64>>(isa),
            (K::U32, K::U64 | K::S64) => pick::<One<U32To64>>(isa),
            (K::S32, K::U64 | K::S64) => pick::<One<S32To64>>(isa),
            (K::U32 | K::S32, K::U16 | K::S16) => pick::<One<W32To16>>(isa),
            (K::U64 | K::S64, K::U16 | K::S16) => pick::<One<W64To16>>(isa),
            (K::U64 | K::S64, K::U32 | K::S32) => pick::<One<W64To32>>(isa),
            (K::U32 | K::S32, K::U8) => pick::<One<W32ToU8>>(isa),
            (K::U32 | K::S32, K::S8) => pick::<One<W32ToS8>>(isa),
            (K::U16 | K::S16, K::U8) => pick::<One<U8U16>>(isa),
            (K::U16 | K::S16, K::S8) => pick::<One<S8S16>>(isa),
            _ => return None,
        });
    }
    if ftz && from == K::F32 && to == K::F32 && !sat && !integral {
        return Some(pick::<One<Flushed>>(isa));
    }
    if ftz && from == K::F32 && to == K::F64 && !sat {
        return Some(pick::<One<F32F64Ftz>>(isa));
    }
    if ftz && !(from == K::F32 && to == K::F32 && sat && !integral) {
        return None;
    }
    if sat && !(from == K::F32 && to == K::F32) && to.is_float() {
        return None;
    }
    Some(match (from, to, rounding, integral) {
        (K::S32, K::F32, RN, _) => pick::<One<S32F32>>(isa),
        (K::U32, K::F32, RN, _) => pick::<One<U32F32>>(isa),
        (K::S64, K::F32, RN, _) => pick::<One<S64F32>>(isa),
        (K::U64, K::F32, RN, _) => pick::<One<U64F32>>(isa),
        (K::S32, K::F64, ..) => pick::<One<S32F64>>(isa),
        (K::U32, K::F64, ..) => pick::<One<U32F64>>(isa),
        (K::S64, K::F64, RN, _) => pick::<One<S64F64>>(isa),
        (K::U64, K::F64, RN, _) => pick::<One<U64F64>>(isa),
        (K::U16, K::F32, ..) => pick::<One<U16F32>>(isa),
        (K::S16, K::F32, ..) => pick::<One<S16F32>>(isa),
        (K::U8, K::F32, ..) => pick::<One<U8F32>>(isa),
        (K::S8, K::F32, ..) => pick::<One<S8F32>>(isa),
        (K::F32, K::S32, RZ, _) => pick::<One<F32S32Z>>(isa),
        (K::F32, K::U32, RZ, _) => pick::<One<F32U32Z>>(isa),
        (K::F32, K::S32, RN, _) => pick::<One<F32S32N>>(isa),
        (K::F32, K::S32, RM, _) => pick::<One<F32S32M>>(isa),
        (K::F32, K::S32, RP, _) => pick::<One<F32S32P>>(isa),
        (K::F64, K::S32, RZ, _) => pick::<One<F64S32Z>>(isa),
        (K::F64, K::U32, RZ, _) => pick::<One<F64U32Z>>(isa),
        (K::F64, K::S32, RN, _) => pick::<One<F64S32N>>(isa),
        (K::F64, K::S64, RZ, _) => pick::<One<F64S64Z>>(isa),
        (K::F32, K::S64, RZ, _) => pick::<One<F32S64Z>>(isa),
        (K::F32, K::F32, RN, true) if !sat => pick::<One<F32N>>(isa),
        (K::F32, K::F32, RZ, true) if !sat => pick::<One<F32Z>>(isa),
        (K::F32, K::F32, RM, true) if !sat => pick::<One<F32M>>(isa),
        (K::F32, K::F32, RP, true) if !sat => pick::<One<F32P>>(isa),
        // Nothing is asked for: a copy, of NaNs too.
        (K::F32, K::F32, _, false) if !sat => pick::<One<Same32>>(isa),
        (K::F64, K::F64, _, false) if !sat => pick::<One<Same64>>(isa),
        (K::F32, K::F32, _, false) if sat && ftz => pick::<One<F32SatFtz>>(isa),
        (K::F32, K::F32, _, false) if sat => pick::<One<F32Sat>>(isa),
        (K::F16, K::F32, ..) if !sat => pick::<One<F16F32>>(isa),
        (K::Bf16, K::F32, ..) if !sat => pick::<One<Bf16F32>>(isa),
        (K::F32, K::F16, RN, _) => pick::<One<F32F16>>(isa),
        (K::F32, K::Bf16, RN, _) => pick::<One<F32Bf16>>(isa),
        (K::F64, K::F16, RN, _) => pick::<One<F64F16>>(isa),
        (K::F32, K::F64, _, false) => pick::<One<F32F64>>(isa),
        (K::F64, K::F32, RN, false) => pick::<One<F64F32>>(isa),
        _ => return None,
    })
}

/// The register that a type is held in.
fn width(kind: Kind) -> Width {
    match kind {
        Kind::U8 | Kind::S8 | Kind::U16 | Kind::S16 | Kind::F16 | Kind::Bf16 | Kind::E4m3 | Kind::E5m2 => {
            Width::W16
        }
        Kind::U32 | Kind::S32 | Kind::F32 | Kind::Tf32 => Width::W32,
        Kind::U64 | Kind::S64 | Kind::F64 => Width::W64,
    }
}

impl Decoder<'_> {
    /// Pushes a conversion from one place to another.
    fn convert(&mut self, how: How, a: u32, dst: u32) {
        let isa = self.isa;
        let (mut how, mut a) = (how, a);
        // Flushing first leaves a conversion that may have its own loop. Results of `.f32` may be subnormal only if
        // they come from a wider type.
        // A plain copy or widening looks at NaNs as well.
        let plain = !how.sat && !how.integral && matches!(how.to, Kind::F32 | Kind::F64);
        let directed = how.to == Kind::F16 && matches!(how.rounding, RM | RP);
        if how.ftz && how.from == Kind::F32 && directed {
            // GPUs round subnormals away from zero here, `.ftz` or not.
            how.ftz = false;
        } else if how.ftz && how.from == Kind::F32 && !plain && !(how.to == Kind::F32 && how.sat) {
            let flushed = self.temporary(Width::W32);
            self.work::<One<Flush>>(Op { dst: flushed, a, ..fields() });
            (how.ftz, a) = (false, flushed);
        } else if how.ftz && !matches!(how.from, Kind::F64 | Kind::F32 | Kind::Bf16) {
            how.ftz = false;
        }
        let run = match special(self, how) {
            Some(run) => run,
            None => match (width(how.from), width(how.to)) {
                (Width::W16, Width::W16) => pick::<Any<u16, u16>>(isa),
                (Width::W16, Width::W32) => pick::<Any<u16, u32>>(isa),
                (Width::W16, _) => pick::<Any<u16, u64>>(isa),
                (Width::W32, Width::W16) => pick::<Any<u32, u16>>(isa),
                (Width::W32, Width::W32) => pick::<Any<u32, u32>>(isa),
                (Width::W32, _) => pick::<Any<u32, u64>>(isa),
                (_, Width::W16) => pick::<Any<u64, u16>>(isa),
                (_, Width::W32) => pick::<Any<u64, u32>>(isa),
                _ => pick::<Any<u64, u64>>(isa),
            },
        };
        self.push(Op { run, dst, a, imm: how.pack(), ..fields() });
    }
}

fn mode(rounding: Option<Rounding>) -> Result<(u8, bool), Refused> {
    Ok(match rounding {
        None | Some(Rounding::Rn) => (RN, false),
        Some(Rounding::Rz) => (RZ, false),
        Some(Rounding::Rm) => (RM, false),
        Some(Rounding::Rp) => (RP, false),
        Some(Rounding::Rna) => (RNA, false),
        Some(Rounding::Rni) => (RN, true),
        Some(Rounding::Rzi) => (RZ, true),
        Some(Rounding::Rmi) => (RM, true),
        Some(Rounding::Rpi) => (RP, true),
        Some(Rounding::Rs) => return Err("stochastic rounding is not supported".to_owned()),
    })
}

/// `cvt.pack`: `a` and `b` within the range of so many bits, `a` above `b`, and `c` above both; `imm` the bits, and in bit 6
/// whether they have a sign.
struct PackIntegers;
impl Work for PackIntegers {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let (a, b, c) = (warp.get::<i32>(op.a), warp.get::<i32>(op.b), warp.get::<u32>(op.c));
        let (bits, signed) = (op.imm & 63, op.imm & 64 != 0);
        let top = (1_i32 << (bits - u64::from(signed))) - 1;
        let least = if signed { -top - 1 } else { 0 };
        let within = |value: i32| u64::from(value.clamp(least, top).cast_unsigned()) & ((1 << bits) - 1);
        let r = std::array::from_fn(|lane| {
            (u64::from(c[lane]) << (2 * bits) | within(a[lane]) << bits | within(b[lane])) as u32
        });
        warp.put::<u32>(op.dst, r);
        true
    }
}

fn pack_integers<'p>(decoder: &mut Decoder<'p>, mut form: Form<'p>) -> Result<(), Refused> {
    form.has(Word::Sat);
    let (to, from) = (form.ty()?, form.ty()?);
    let third = form.maybe_type();
    form.done(3 + usize::from(third.is_some()))?;
    let bits =
        to.bits().filter(|&bits| bits <= 16).ok_or_else(|| format!("`.{to}` is not supported here"))?;
    if from != Type::S32 || (bits == 16) != third.is_none() {
        return Err(format!("`.{to}.{from}` is not supported"));
    }
    let dst = decoder.destination(&form.operands[0], Type::B32)?;
    let (a, b) = (decoder.source(&form.operands[1], from)?, decoder.source(&form.operands[2], from)?);
    let c = match form.operands.get(3) {
        Some(c) => decoder.source(c, Type::B32)?,
        None => decoder.constant(Width::W32, 0),
    };
    let imm = u64::from(bits) | u64::from(to.is_signed()) << 6;
    decoder.work::<PackIntegers>(Op { dst: dst.place, a, b, c, imm, ..fields() });
    decoder.settle(dst, Type::B32)
}

pub(super) fn decode<'p>(decoder: &mut Decoder<'p>, mut form: Form<'p>) -> Result<(), Refused> {
    if form.has(Word::Pack) {
        return pack_integers(decoder, form);
    }
    let (rounding, integral) = mode(form.rounding())?;
    let ftz = form.has(Word::Ftz);
    let sat = form.has(Word::Sat);
    let relu = form.has(Word::Relu);
    let finite = form.has(Word::Satfinite);
    let (to, from) = (form.ty()?, form.ty()?);
    let how = |from: Kind, to: Kind| How { from, to, rounding, integral, ftz, sat, relu, finite };
    match to {
        Type::F16x2 | Type::Bf16x2 | Type::E4m3x2 | Type::E5m2x2 if from == Type::F32 => {
            return pair(decoder, &form, to, how);
        }
        Type::F16x2 if matches!(from, Type::E4m3x2 | Type::E5m2x2) => {
            return from_pair(decoder, &form, from, how);
        }
        Type::E4m3x2 | Type::E5m2x2 if from == Type::F16x2 => return repack(decoder, &form, to, how),
        _ => {}
    }
    let (Some(source), Some(target)) = (Kind::of(from), Kind::of(to)) else {
        return Err(format!("`.{to}.{from}` is not supported"));
    };
    form.done(2)?;
    if target == Kind::Tf32 && source != Kind::F32 || source == Kind::Tf32 {
        return Err(format!("`.{to}.{from}` is not supported"));
    }
    let register = if target == Kind::Tf32 { Type::B32 } else { to };
    let a = decoder.source(&form.operands[1], from)?;
    let dst = decoder.destination(&form.operands[0], register)?;
    decoder.convert(how(source, target), a, dst.place);
    decoder.settle(dst, register)
}

struct Join;
impl crate::lanes::Map2 for Join {
    type A = u16;
    type B = u16;
    type R = u32;
    #[inline(always)]
    fn map(a: u16, b: u16) -> u32 {
        u32::from(b) | u32::from(a) << 16
    }
}
struct JoinBytes;
impl crate::lanes::Map2 for JoinBytes {
    type A = u16;
    type B = u16;
    type R = u16;
    #[inline(always)]
    fn map(a: u16, b: u16) -> u16 {
        (b & 0xff) | a << 8
    }
}
casts! {
    LowByte: u16 => u16, |a| a & 0xff;
    HighByte: u16 => u16, |a| a >> 8;
    LowHalf: u32 => u16, |a| a as u16;
    HighHalf: u32 => u16, |a| (a >> 16) as u16;
}

fn small(ty: Type) -> Kind {
    match ty {
        Type::F16x2 => Kind::F16,
        Type::Bf16x2 => Kind::Bf16,
        Type::E4m3x2 => Kind::E4m3,
        _ => Kind::E5m2,
    }
}

/// `cvt.rn.f16x2.f32 d, a, b`: `a` becomes the upper half.
fn pair<'p>(
    decoder: &mut Decoder<'p>,
    form: &Form<'p>,
    to: Type,
    how: impl Fn(Kind, Kind) -> How,
) -> Result<(), Refused> {
    form.done(3)?;
    let how = how(Kind::F32, small(to));
    let mut halves = [0; 2];
    for (half, operand) in halves.iter_mut().zip(&form.operands[1..]) {
        let a = decoder.source(operand, Type::F32)?;
        *half = decoder.temporary(Width::W16);
        decoder.convert(how, a, *half);
    }
    let packed = if matches!(to, Type::F16x2 | Type::Bf16x2) { Type::B32 } else { Type::B16 };
    let dst = decoder.destination(&form.operands[0], packed)?;
    let fields = Op { dst: dst.place, a: halves[0], b: halves[1], ..fields() };
    if packed == Type::B32 {
        decoder.work::<Two<Join>>(fields);
    } else {
        decoder.work::<Two<JoinBytes>>(fields);
    }
    decoder.settle(dst, packed)
}

/// `cvt.rn.f16x2.e4m3x2 d, a`.
fn from_pair<'p>(
    decoder: &mut Decoder<'p>,
    form: &Form<'p>,
    from: Type,
    how: impl Fn(Kind, Kind) -> How,
) -> Result<(), Refused> {
    form.done(2)?;
    let how = how(small(from), Kind::F16);
    let a = decoder.source(&form.operands[1], Type::B16)?;
    let mut halves = [0; 2];
    for (index, half) in halves.iter_mut().enumerate() {
        let byte = decoder.temporary(Width::W16);
        let fields = Op { dst: byte, a, ..fields() };
        if index == 0 {
            decoder.work::<One<HighByte>>(fields);
        } else {
            decoder.work::<One<LowByte>>(fields);
        }
        *half = decoder.temporary(Width::W16);
        decoder.convert(how, byte, *half);
    }
    let dst = decoder.destination(&form.operands[0], Type::B32)?;
    decoder.work::<Two<Join>>(Op { dst: dst.place, a: halves[0], b: halves[1], ..fields() });
    decoder.settle(dst, Type::B32)
}

/// `cvt.rn.satfinite.e4m3x2.f16x2 d, a`.
fn repack<'p>(
    decoder: &mut Decoder<'p>,
    form: &Form<'p>,
    to: Type,
    how: impl Fn(Kind, Kind) -> How,
) -> Result<(), Refused> {
    form.done(2)?;
    let how = how(Kind::F16, small(to));
    let a = decoder.source(&form.operands[1], Type::B32)?;
    let mut halves = [0; 2];
    for (index, half) in halves.iter_mut().enumerate() {
        let value = decoder.temporary(Width::W16);
        let fields = Op { dst: value, a, ..fields() };
        if index == 0 {
            decoder.work::<One<HighHalf>>(fields);
        } else {
            decoder.work::<One<LowHalf>>(fields);
        }
        *half = decoder.temporary(Width::W16);
        decoder.convert(how, value, *half);
    }
    let dst = decoder.destination(&form.operands[0], Type::B16)?;
    decoder.work::<Two<JoinBytes>>(Op { dst: dst.place, a: halves[0], b: halves[1], ..fields() });
    decoder.settle(dst, Type::B16)
}
