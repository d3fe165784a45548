//! Roots, reciprocals and functions (9.7.3.13 on). Approximations are computed in `f64` and rounded once, with plain
//! operations, so that they are well within the manual's bounds and the same in every build.

use cuferry_ptx::{Mnemonic, Type, Word};

use super::float::{canonical32, flush_if, flush32, one_in_mode};
use super::half::{bf16_from, bf16_to, f16_from, f16_to};
use super::moves::{map1, map2};
use crate::decode::{Decoder, Form, Refused};
use crate::lanes::{Map1, One, Two, pick};

/// A function of `.f32`, in the type that keeps its error small.
trait Function {
    fn of(a: f64) -> f64;
}

struct Single<F, const FTZ: bool>(std::marker::PhantomData<F>);
impl<F: Function, const FTZ: bool> Map1 for Single<F, FTZ> {
    type A = f32;
    type R = f32;
    #[inline(always)]
    fn map(a: f32) -> f32 {
        canonical32(flush_if::<FTZ>(F::of(flush_if::<FTZ>(a).into()) as f32))
    }
}

macro_rules! functions {
    ($($name:ident |$a:ident| $body:expr;)*) => {$(
        struct $name;
        impl Function for $name {
            #[inline(always)]
            fn of($a: f64) -> f64 {
                $body
            }
        }
    )*};
}
functions! {
    Rsqrt |a| 1.0 / a.sqrt();
    Sine |a| sine(a, 0);
    Cosine |a| sine(a, 1);
    Log2 |a| log2(a);
    Exp2 |a| exp2(a);
    Tanh |a| tanh(a);
}

/// Two to a power: the integral part goes into the exponent, the rest by its series.
#[inline(always)]
pub(super) fn exp2(a: f64) -> f64 {
    // Beyond these the result is no f32 but zero or infinity; NaN stays.
    let x = if a > 200.0 { 200.0 } else { a };
    let x = if x < -200.0 { -200.0 } else { x };
    let whole = x.round_ties_even();
    let t = (x - whole) * std::f64::consts::LN_2;
    let series = 1.0
        + t * (1.0
            + t * (1.0 / 2.0
                + t * (1.0 / 6.0
                    + t * (1.0 / 24.0
                        + t * (1.0 / 120.0
                            + t * (1.0 / 720.0
                                + t * (1.0 / 5040.0 + t * (1.0 / 40320.0 + t / 362_880.0))))))));
    // Adding 1.5 * 2^52 puts an integer into the low bits; NaN gives any bits, and is kept by the product.
    let bits = (whole + 6_755_399_441_055_744.0).to_bits().wrapping_add(1023) << 52;
    let scale = f64::from_bits(bits);
    if a.is_nan() { a } else { series * scale }
}

/// The logarithm of base two: exponent, and the series of the inverse hyperbolic tangent of the rest.
#[inline(always)]
fn log2(a: f64) -> f64 {
    let bits = a.to_bits();
    // The mantissa between sqrt(1/2) and sqrt(2).
    let shifted = bits.wrapping_sub(0x3fe6_a09e_667f_3bcd);
    let exponent = (shifted.cast_signed() >> 52) as f64;
    let mantissa = f64::from_bits((shifted & 0x000f_ffff_ffff_ffff).wrapping_add(0x3fe6_a09e_667f_3bcd));
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let q = s * s;
    let series = s
        * (1.0
            + q * (1.0 / 3.0
                + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * (1.0 / 9.0 + q * (1.0 / 11.0 + q * (1.0 / 13.0)))))));
    let log = exponent + series * (2.0 * std::f64::consts::LOG2_E);
    if a > 0.0 && a < f64::INFINITY {
        log
    } else if a == 0.0 {
        f64::NEG_INFINITY
    } else if a > 0.0 {
        f64::INFINITY
    } else {
        f64::NAN
    }
}

/// Sine of `a`, or of `a` and `quarters` right angles. As GPUs do it, the argument becomes turns first, in `.f32` towards
/// zero, of which the whole ones are dropped; so that large arguments give what they give there, to the manual's bound.
/// Subnormal numbers of `.f32` count as zeros of their sign.
#[inline(always)]
fn sine(a: f64, quarters: u64) -> f64 {
    let a = if a.abs() < f64::from(f32::MIN_POSITIVE) { 0.0_f64.copysign(a) } else { a };
    let turns = towards_zero(a * f64::from(f32::from_bits(0x3e22_f983)));
    let turns = turns - turns.trunc();
    let rights = (turns * 4.0).round_ties_even();
    let r = (turns - rights * 0.25) * std::f64::consts::TAU;
    let quadrant = (rights + 6_755_399_441_055_744.0).to_bits().wrapping_add(quarters);
    let q = r * r;
    let sin = r
        * (1.0
            + q * (-1.0 / 6.0
                + q * (1.0 / 120.0 + q * (-1.0 / 5040.0 + q * (1.0 / 362_880.0 - q / 39_916_800.0)))));
    let cos = 1.0
        + q * (-0.5
            + q * (1.0 / 24.0
                + q * (-1.0 / 720.0 + q * (1.0 / 40320.0 + q * (-1.0 / 3_628_800.0 + q / 479_001_600.0)))));
    let value = if quadrant & 1 == 0 { sin } else { cos };
    let value = if quadrant & 2 == 0 { value } else { -value };
    // Half a turn or none has no sine, and the argument's sign.
    let value = if value == 0.0 { 0.0_f64.copysign(a) } else { value };
    if a.is_finite() { value } else { f64::NAN }
}

/// Rounded to 24 bits towards zero: as an `.f32`, but for its range.
#[inline(always)]
fn towards_zero(a: f64) -> f64 {
    f64::from_bits(a.to_bits() & !0x1fff_ffff)
}

#[inline(always)]
fn tanh(a: f64) -> f64 {
    let e = exp2(a.abs() * (-2.0 * std::f64::consts::LOG2_E));
    let value = (1.0 - e) / (1.0 + e);
    let value = if a.abs() < 1e-3 { a - a * a * a / 3.0 } else { value };
    value.copysign(a)
}

struct Root<const FTZ: bool>;
impl<const FTZ: bool> Map1 for Root<FTZ> {
    type A = f32;
    type R = f32;
    #[inline(always)]
    fn map(a: f32) -> f32 {
        canonical32(flush_if::<FTZ>(flush_if::<FTZ>(a).sqrt()))
    }
}
struct Reciprocal<const FTZ: bool>;
impl<const FTZ: bool> Map1 for Reciprocal<FTZ> {
    type A = f32;
    type R = f32;
    #[inline(always)]
    fn map(a: f32) -> f32 {
        canonical32(flush_if::<FTZ>(1.0 / flush_if::<FTZ>(a)))
    }
}
map1!(Root64, f64 => f64, |a| a.sqrt());
map1!(Reciprocal64, f64 => f64, |a| 1.0 / a);
map1!(Rsqrt64, f64 => f64, |a| 1.0 / a.sqrt());

/// The approximations of `.f64` look at the upper word only, and give one (9.7.3.13): subnormals count as zeros.
#[inline(always)]
fn upper(a: f64) -> f64 {
    let bits = a.to_bits() & 0xffff_ffff_0000_0000;
    let bits = if bits & 0x7ff0_0000_0000_0000 == 0 { bits & 0x8000_0000_0000_0000 } else { bits };
    f64::from_bits(bits)
}
#[inline(always)]
fn upper_result(a: f64) -> f64 {
    if a.is_nan() { f64::from_bits(0x7fff_ffff_0000_0000) } else { upper(a) }
}
map1!(ReciprocalUpper, f64 => f64, |a| upper_result(1.0 / upper(a)));
map1!(RsqrtUpper, f64 => f64, |a| upper_result(1.0 / upper(a).sqrt()));

map2!(CopySign32, u32, u32 => u32, |a, b| (b & 0x7fff_ffff) | (a & 0x8000_0000));
map2!(CopySign64, u64, u64 => u64, |a, b| (b & 0x7fff_ffff_ffff_ffff) | (a & 0x8000_0000_0000_0000));

map1!(Exp2F16, u16 => u16, |a| f16_from(exp2(f16_to(a).into()) as f32));
map1!(Exp2Bf16, u16 => u16, |a| bf16_from(flush32(exp2(flush32(bf16_to(a)).into()) as f32)));
map1!(TanhF16, u16 => u16, |a| f16_from(tanh(f16_to(a).into()) as f32));
map1!(TanhBf16, u16 => u16, |a| bf16_from(tanh(bf16_to(a).into()) as f32));

#[inline(always)]
fn halves(a: u32, f: impl Fn(u16) -> u16) -> u32 {
    u32::from(f(a as u16)) | u32::from(f((a >> 16) as u16)) << 16
}
map1!(Exp2F16x2, u32 => u32, |a| halves(a, Exp2F16::map));
map1!(Exp2Bf16x2, u32 => u32, |a| halves(a, Exp2Bf16::map));
map1!(TanhF16x2, u32 => u32, |a| halves(a, TanhF16::map));
map1!(TanhBf16x2, u32 => u32, |a| halves(a, TanhBf16::map));

pub(super) fn decode<'p>(
    decoder: &mut Decoder<'p>,
    mnemonic: Mnemonic,
    mut form: Form<'p>,
) -> Result<(), Refused> {
    use Mnemonic as M;
    use Type as T;
    let isa = decoder.isa;
    let approx = form.has(Word::Approx);
    let ftz = form.has(Word::Ftz);
    let rounding = form.rounding();
    let mode = super::float::mode(rounding).ok_or("this rounding is not supported here")?;
    let ty = form.ty()?;
    macro_rules! function {
        ($name:ty) => {
            if ftz { pick::<One<Single<$name, true>>>(isa) } else { pick::<One<Single<$name, false>>>(isa) }
        };
    }
    if !matches!(mnemonic, M::Rcp | M::Sqrt) && rounding.is_some() {
        return Err("this rounding is not supported here".to_owned());
    }
    let run = match (mnemonic, ty) {
        (M::Copysign, T::F32) => return decoder.two(&form, pick::<Two<CopySign32>>(isa), ty, ty, ty),
        (M::Copysign, T::F64) => return decoder.two(&form, pick::<Two<CopySign64>>(isa), ty, ty, ty),
        (M::Rcp, T::F32) if ftz => one_in_mode::<Reciprocal<true>>(isa, mode),
        (M::Rcp, T::F32) => one_in_mode::<Reciprocal<false>>(isa, mode),
        (M::Rcp, T::F64) if approx => pick::<One<ReciprocalUpper>>(isa),
        (M::Rcp, T::F64) => one_in_mode::<Reciprocal64>(isa, mode),
        (M::Sqrt, T::F32) if ftz => one_in_mode::<Root<true>>(isa, mode),
        (M::Sqrt, T::F32) => one_in_mode::<Root<false>>(isa, mode),
        (M::Sqrt, T::F64) => one_in_mode::<Root64>(isa, mode),
        (M::Rsqrt, T::F32) => function!(Rsqrt),
        (M::Rsqrt, T::F64) if ftz => pick::<One<RsqrtUpper>>(isa),
        (M::Rsqrt, T::F64) => pick::<One<Rsqrt64>>(isa),
        (M::Sin, T::F32) => function!(Sine),
        (M::Cos, T::F32) => function!(Cosine),
        (M::Lg2, T::F32) => function!(Log2),
        (M::Ex2, T::F32) => function!(Exp2),
        (M::Tanh, T::F32) => function!(Tanh),
        (M::Ex2, T::F16) => pick::<One<Exp2F16>>(isa),
        (M::Ex2, T::F16x2) => pick::<One<Exp2F16x2>>(isa),
        (M::Ex2, T::Bf16) => pick::<One<Exp2Bf16>>(isa),
        (M::Ex2, T::Bf16x2) => pick::<One<Exp2Bf16x2>>(isa),
        (M::Tanh, T::F16) => pick::<One<TanhF16>>(isa),
        (M::Tanh, T::F16x2) => pick::<One<TanhF16x2>>(isa),
        (M::Tanh, T::Bf16) => pick::<One<TanhBf16>>(isa),
        (M::Tanh, T::Bf16x2) => pick::<One<TanhBf16x2>>(isa),
        _ => return Err(format!("`.{ty}` is not supported here")),
    };
    decoder.one_with(&form, run, ty, ty, u64::from(mode))
}
