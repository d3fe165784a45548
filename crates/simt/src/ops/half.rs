//! Arithmetic of `.f16` and `.bf16`, single and in pairs (9.7.4): in `.f32`, which holds sums and products of theirs
//! exactly enough, and rounded once.

use cuferry_ptx::{Mnemonic, Rounding, Type, Word};

use crate::code::Handler;
use crate::decode::{Decoder, Form, Refused};
use crate::isa::Isa;
use crate::lanes::{Lane, Map1, Map2, Map3, One, Three, Two, pick, plain};

/// An `.f16`, exactly.
#[inline(always)]
pub(crate) fn f16_to(a: u16) -> f32 {
    let a = u32::from(a);
    let sign = (a & 0x8000) << 16;
    let rest = a & 0x7fff;
    // Subnormals: as a multiple of 2^-24. The rest: the exponent moved from bias 15 to 127, or to the top.
    let subnormal = (rest as f32 * f32::from_bits(0x3380_0000)).to_bits();
    let normal = (rest << 13) + 0x3800_0000;
    let special = (rest << 13) | 0x7f80_0000;
    let value = if rest < 0x400 {
        subnormal
    } else if rest < 0x7c00 {
        normal
    } else {
        special
    };
    f32::from_bits(sign | value)
}

/// To nearest, ties to even; NaN becomes 0x7fff.
#[inline(always)]
pub(crate) fn f16_from(a: f32) -> u16 {
    let bits = a.to_bits();
    let sign = (bits >> 16) & 0x8000;
    let rest = bits & 0x7fff_ffff;
    // Adding 0.5 rounds to multiples of 2^-24.
    let subnormal = (f32::from_bits(rest) + 0.5).to_bits().wrapping_sub(0x3f00_0000);
    let normal = rest.wrapping_add(0xc800_0fff).wrapping_add((rest >> 13) & 1) >> 13;
    let value = if rest > 0x7f80_0000 {
        return 0x7fff;
    } else if rest >= 0x477f_f000 {
        0x7c00
    } else if rest < 0x3880_0000 {
        subnormal
    } else {
        normal
    };
    (sign | value) as u16
}

#[inline(always)]
pub(super) fn bf16_to(a: u16) -> f32 {
    f32::from_bits(u32::from(a) << 16)
}

/// To nearest, ties to even; NaN becomes 0x7fff.
#[inline(always)]
pub(super) fn bf16_from(a: f32) -> u16 {
    let bits = a.to_bits();
    let rounded = (bits.wrapping_add(0x7fff).wrapping_add((bits >> 16) & 1) >> 16) as u16;
    if a.is_nan() { 0x7fff } else { rounded }
}

/// The nearest `f32` to an `f64`, but where that is not exact, an odd one: rounding it again to fewer bits then gives
/// what rounding the `f64` would.
#[inline(always)]
pub(super) fn odd(a: f64) -> f32 {
    let near = a as f32;
    let back = f64::from(near);
    if back == a || a.is_nan() || near.to_bits() & 1 == 1 {
        return near;
    }
    // The odd neighbour on the side of the exact value.
    let up = (back < a) == (near.to_bits() >> 31 == 0);
    if near == 0.0 {
        return f32::from_bits(((a.to_bits() >> 32) as u32 & 0x8000_0000) | 1);
    }
    f32::from_bits(if up { near.to_bits() + 1 } else { near.to_bits() - 1 })
}

/// A type of 16 bits.
trait Small {
    fn to(a: u16) -> f32;
    fn from(a: f32) -> u16;
    fn flush(a: u16) -> u16;
    /// The least normal number.
    const LEAST: f64;
}
struct F16;
impl Small for F16 {
    #[inline(always)]
    fn to(a: u16) -> f32 {
        f16_to(a)
    }
    #[inline(always)]
    fn from(a: f32) -> u16 {
        f16_from(a)
    }
    #[inline(always)]
    fn flush(a: u16) -> u16 {
        if a & 0x7c00 == 0 { a & 0x8000 } else { a }
    }
    const LEAST: f64 = 1.0 / 16384.0;
}
struct Bf16;
impl Small for Bf16 {
    #[inline(always)]
    fn to(a: u16) -> f32 {
        bf16_to(a)
    }
    #[inline(always)]
    fn from(a: f32) -> u16 {
        bf16_from(a)
    }
    #[inline(always)]
    fn flush(a: u16) -> u16 {
        if a & 0x7f80 == 0 { a & 0x8000 } else { a }
    }
    const LEAST: f64 = f32::MIN_POSITIVE as f64;
}

/// What follows a result: nothing, `.sat` or `.relu`.
const PLAIN: u8 = 0;
const SAT: u8 = 1;
const RELU: u8 = 2;

#[inline(always)]
fn finish<S: Small, const FTZ: bool, const END: u8>(bits: u16) -> u16 {
    let bits = if FTZ { S::flush(bits) } else { bits };
    let value = S::to(bits);
    match END {
        SAT => {
            if value > 0.0 {
                if value > 1.0 { S::from(1.0) } else { bits }
            } else {
                0
            }
        }
        // A NaN stays one.
        RELU => {
            if value > 0.0 || value.is_nan() {
                bits
            } else {
                0
            }
        }
        _ => bits,
    }
}

/// What `.ftz` flushes: results less than the least normal number before they are rounded.
#[inline(always)]
fn early<S: Small, const FTZ: bool>(exact: f64) -> f64 {
    if FTZ && exact.abs() < S::LEAST { 0.0_f64.copysign(exact) } else { exact }
}

/// Fused, with one rounding: the product is exact in `f64`, and so is what the sum leaves out.
#[inline(always)]
fn fma<S: Small, const FTZ: bool>(a: u16, b: u16, c: u16) -> u16 {
    let (a, b, c) = (f64::from(S::to(a)), f64::from(S::to(b)), f64::from(S::to(c)));
    let product = a * b;
    let sum = product + c;
    // What rounding took away decides between neighbours that the sum alone can't tell apart.
    let back = sum - product;
    let lost = (product - (sum - back)) + (c - back);
    let nudged = if lost != 0.0 && sum.is_finite() && sum.to_bits() & 1 == 0 {
        let up = (lost > 0.0) == (sum > 0.0);
        f64::from_bits(if up { sum.to_bits() + 1 } else { sum.to_bits() - 1 })
    } else {
        sum
    };
    S::from(odd(early::<S, FTZ>(nudged)))
}

#[inline(always)]
fn binary<S: Small, const OP: u8, const FTZ: bool>(a: u16, b: u16) -> u16 {
    let (x, y) = (S::to(a), S::to(b));
    match OP {
        ADD => S::from(x + y),
        SUB => S::from(x - y),
        MUL => S::from(odd(early::<S, FTZ>(f64::from(x) * f64::from(y)))),
        _ => extreme::<S, OP>(a, b),
    }
}
const ADD: u8 = 0;
const SUB: u8 = 1;
const MUL: u8 = 2;
const MIN: u8 = 3;
const MAX: u8 = 4;
const MIN_NAN: u8 = 5;
const MAX_NAN: u8 = 6;

#[inline(always)]
fn extreme<S: Small, const OP: u8>(a: u16, b: u16) -> u16 {
    let max = OP == MAX || OP == MAX_NAN;
    let key = |a: u16| (a ^ (((a.cast_signed() >> 15).cast_unsigned()) >> 1)).cast_signed();
    let chosen = if (key(a) < key(b)) == max { b } else { a };
    let (x, y) = (S::to(a).is_nan(), S::to(b).is_nan());
    if (x && y) || ((x || y) && (OP == MIN_NAN || OP == MAX_NAN)) {
        0x7fff
    } else if x {
        b
    } else if y {
        a
    } else {
        chosen
    }
}

/// One or two values in a register.
trait Packed<S: Small>: Lane {
    fn map1(a: Self, f: impl Fn(u16) -> u16) -> Self;
    fn map2(a: Self, b: Self, f: impl Fn(u16, u16) -> u16) -> Self;
    fn map3(a: Self, b: Self, c: Self, f: impl Fn(u16, u16, u16) -> u16) -> Self;
}
impl<S: Small> Packed<S> for u16 {
    #[inline(always)]
    fn map1(a: Self, f: impl Fn(u16) -> u16) -> Self {
        f(a)
    }
    #[inline(always)]
    fn map2(a: Self, b: Self, f: impl Fn(u16, u16) -> u16) -> Self {
        f(a, b)
    }
    #[inline(always)]
    fn map3(a: Self, b: Self, c: Self, f: impl Fn(u16, u16, u16) -> u16) -> Self {
        f(a, b, c)
    }
}
impl<S: Small> Packed<S> for u32 {
    #[inline(always)]
    fn map1(a: Self, f: impl Fn(u16) -> u16) -> Self {
        u32::from(f(a as u16)) | u32::from(f((a >> 16) as u16)) << 16
    }
    #[inline(always)]
    fn map2(a: Self, b: Self, f: impl Fn(u16, u16) -> u16) -> Self {
        u32::from(f(a as u16, b as u16)) | u32::from(f((a >> 16) as u16, (b >> 16) as u16)) << 16
    }
    #[inline(always)]
    fn map3(a: Self, b: Self, c: Self, f: impl Fn(u16, u16, u16) -> u16) -> Self {
        u32::from(f(a as u16, b as u16, c as u16))
            | u32::from(f((a >> 16) as u16, (b >> 16) as u16, (c >> 16) as u16)) << 16
    }
}

type Marker<T> = std::marker::PhantomData<T>;
struct Binary<S, P, const OP: u8, const FTZ: bool, const END: u8>(Marker<(S, P)>);
impl<S: Small, P: Packed<S>, const OP: u8, const FTZ: bool, const END: u8> Map2
    for Binary<S, P, OP, FTZ, END>
{
    type A = P;
    type B = P;
    type R = P;
    #[inline(always)]
    fn map(a: P, b: P) -> P {
        P::map2(a, b, |a, b| {
            let (a, b) = if FTZ { (S::flush(a), S::flush(b)) } else { (a, b) };
            finish::<S, FTZ, END>(binary::<S, OP, FTZ>(a, b))
        })
    }
}
struct Fma<S, P, const FTZ: bool, const END: u8>(Marker<(S, P)>);
impl<S: Small, P: Packed<S>, const FTZ: bool, const END: u8> Map3 for Fma<S, P, FTZ, END> {
    type A = P;
    type B = P;
    type C = P;
    type R = P;
    #[inline(always)]
    fn map(a: P, b: P, c: P) -> P {
        P::map3(a, b, c, |a, b, c| {
            let (a, b, c) = if FTZ { (S::flush(a), S::flush(b), S::flush(c)) } else { (a, b, c) };
            finish::<S, FTZ, END>(fma::<S, FTZ>(a, b, c))
        })
    }
}
struct Sign<S, P, const ABS: bool, const FTZ: bool>(Marker<(S, P)>);
impl<S: Small, P: Packed<S>, const ABS: bool, const FTZ: bool> Map1 for Sign<S, P, ABS, FTZ> {
    type A = P;
    type R = P;
    #[inline(always)]
    fn map(a: P) -> P {
        P::map1(a, |a| {
            let a = if FTZ { S::flush(a) } else { a };
            if S::to(a).is_nan() {
                0x7fff
            } else if ABS {
                a & 0x7fff
            } else {
                a ^ 0x8000
            }
        })
    }
}
/// `.xorsign.abs`: the smaller or larger magnitude, with the signs' product.
struct Xor<S, P, const OP: u8, const FTZ: bool>(Marker<(S, P)>);
impl<S: Small, P: Packed<S>, const OP: u8, const FTZ: bool> Map2 for Xor<S, P, OP, FTZ> {
    type A = P;
    type B = P;
    type R = P;
    #[inline(always)]
    fn map(a: P, b: P) -> P {
        P::map2(a, b, |a, b| {
            let (a, b) = if FTZ { (S::flush(a), S::flush(b)) } else { (a, b) };
            let chosen = extreme::<S, OP>(a & 0x7fff, b & 0x7fff);
            if S::to(chosen).is_nan() { chosen } else { chosen | ((a ^ b) & 0x8000) }
        })
    }
}

fn ends<S: Small, P: Packed<S>, const OP: u8>(isa: Isa, ftz: bool, end: u8) -> Handler {
    match (ftz, end) {
        (false, SAT) => plain::<Two<Binary<S, P, OP, false, SAT>>>(),
        (false, _) => pick::<Two<Binary<S, P, OP, false, PLAIN>>>(isa),
        (true, SAT) => plain::<Two<Binary<S, P, OP, true, SAT>>>(),
        (true, _) => plain::<Two<Binary<S, P, OP, true, PLAIN>>>(),
    }
}

fn xor_ends<S: Small, P: Packed<S>, const OP: u8>(ftz: bool) -> Handler {
    if ftz { plain::<Two<Xor<S, P, OP, true>>>() } else { plain::<Two<Xor<S, P, OP, false>>>() }
}

fn fma_ends<S: Small, P: Packed<S>>(isa: Isa, ftz: bool, end: u8) -> Handler {
    match (ftz, end) {
        (false, PLAIN) => pick::<Three<Fma<S, P, false, PLAIN>>>(isa),
        (false, SAT) => plain::<Three<Fma<S, P, false, SAT>>>(),
        (false, _) => pick::<Three<Fma<S, P, false, RELU>>>(isa),
        (true, PLAIN) => plain::<Three<Fma<S, P, true, PLAIN>>>(),
        (true, SAT) => plain::<Three<Fma<S, P, true, SAT>>>(),
        (true, _) => plain::<Three<Fma<S, P, true, RELU>>>(),
    }
}

/// The words of an instruction that matter here.
#[derive(Clone, Copy, Debug)]
struct Kind {
    ftz: bool,
    end: u8,
    nan: bool,
    xor: bool,
}

fn handler<S: Small, P: Packed<S>>(isa: Isa, mnemonic: Mnemonic, kind: Kind) -> Option<Handler> {
    use Mnemonic as M;
    let Kind { ftz, end, nan, xor } = kind;
    Some(match mnemonic {
        M::Add if end != RELU => ends::<S, P, ADD>(isa, ftz, end),
        M::Sub if end != RELU => ends::<S, P, SUB>(isa, ftz, end),
        M::Mul if end != RELU => ends::<S, P, MUL>(isa, ftz, end),
        M::Fma => fma_ends::<S, P>(isa, ftz, end),
        M::Min | M::Max if xor => match (mnemonic, nan) {
            (M::Min, false) => xor_ends::<S, P, MIN>(ftz),
            (M::Min, true) => xor_ends::<S, P, MIN_NAN>(ftz),
            (_, false) => xor_ends::<S, P, MAX>(ftz),
            (_, true) => xor_ends::<S, P, MAX_NAN>(ftz),
        },
        M::Min if nan => ends::<S, P, MIN_NAN>(isa, ftz, PLAIN),
        M::Min => ends::<S, P, MIN>(isa, ftz, PLAIN),
        M::Max if nan => ends::<S, P, MAX_NAN>(isa, ftz, PLAIN),
        M::Max => ends::<S, P, MAX>(isa, ftz, PLAIN),
        M::Abs if ftz => pick::<One<Sign<S, P, true, true>>>(isa),
        M::Abs => pick::<One<Sign<S, P, true, false>>>(isa),
        M::Neg if ftz => pick::<One<Sign<S, P, false, true>>>(isa),
        M::Neg => pick::<One<Sign<S, P, false, false>>>(isa),
        _ => return None,
    })
}

pub(super) fn decode<'p>(
    decoder: &mut Decoder<'p>,
    mnemonic: Mnemonic,
    mut form: Form<'p>,
) -> Result<(), Refused> {
    let isa = decoder.isa;
    if !matches!(form.rounding(), None | Some(Rounding::Rn)) {
        return Err("only `.rn` is supported here".to_owned());
    }
    let ftz = form.has(Word::Ftz);
    let sat = form.has(Word::Sat);
    let relu = form.has(Word::Relu);
    let nan = form.has(Word::NaN);
    if form.has(Word::Oob) {
        return Err("which number stands for one outside a tensor is written nowhere".to_owned());
    }
    let xor = form.has(Word::Xorsign);
    if xor {
        form.has(Word::Abs);
    }
    let ty = form.ty()?;
    let end = match (sat, relu) {
        (false, false) => PLAIN,
        (true, false) => SAT,
        (false, true) => RELU,
        _ => return Err("`.sat` and `.relu` exclude one another".to_owned()),
    };
    let kind = Kind { ftz, end, nan, xor };
    let run = match ty {
        Type::F16 => handler::<F16, u16>(isa, mnemonic, kind),
        Type::F16x2 => handler::<F16, u32>(isa, mnemonic, kind),
        Type::Bf16 => handler::<Bf16, u16>(isa, mnemonic, kind),
        Type::Bf16x2 => handler::<Bf16, u32>(isa, mnemonic, kind),
        _ => None,
    };
    let run = run.ok_or_else(|| format!("`.{ty}` with these words is not supported"))?;
    match mnemonic {
        Mnemonic::Fma => decoder.three(&form, run, ty, [ty; 3]),
        Mnemonic::Abs | Mnemonic::Neg => decoder.one(&form, run, ty, ty),
        _ => decoder.two(&form, run, ty, ty, ty),
    }
}
