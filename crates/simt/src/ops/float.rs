//! Arithmetic of `.f32` and `.f64` (9.7.3).

use std::marker::PhantomData;

use cuferry_ptx::{Mnemonic, Rounding, Type, Word};

use super::moves::{map1, map2};
use crate::code::{Handler, Op};
use crate::decode::{Decoder, Form, Refused};
use crate::isa::Isa;
use crate::lanes::{Map2, Map3, One, Three, Two, Work, pick};
use crate::rounding::{RM, RN, RP, RZ, rounded};
use crate::warp::Warp;

/// The NaN that every operation on `.f32` gives.
pub(super) const NAN32: u32 = 0x7fff_ffff;

/// Subnormal numbers become zeros of their sign.
#[inline(always)]
pub(crate) fn flush32(a: f32) -> f32 {
    let bits = a.to_bits();
    if bits & 0x7f80_0000 == 0 { f32::from_bits(bits & 0x8000_0000) } else { a }
}

#[inline(always)]
pub(super) fn flush_if<const FTZ: bool>(a: f32) -> f32 {
    if FTZ { flush32(a) } else { a }
}

/// Into [0, 1]; NaN becomes 0.
#[inline(always)]
pub(super) fn saturate32(a: f32) -> f32 {
    let low = if a > 0.0 { a } else { 0.0 };
    if low > 1.0 { 1.0 } else { low }
}

/// Every NaN as the one that GPUs give. By its bits: to a compiler one NaN is as good as another, and it has left a choice
/// between `a` and a NaN out.
#[inline(always)]
pub(super) fn canonical32(a: f32) -> f32 {
    let bits = a.to_bits();
    f32::from_bits(if bits & 0x7fff_ffff > 0x7f80_0000 { NAN32 } else { bits })
}

/// What `.ftz` and `.sat` make of a result.
#[inline(always)]
pub(super) fn finish32<const FTZ: bool, const SAT: bool>(a: f32) -> f32 {
    if SAT { saturate32(flush_if::<FTZ>(a)) } else { canonical32(flush_if::<FTZ>(a)) }
}

/// NaNs of `.f64` keep their payload and sign, and become quiet.
#[inline(always)]
pub(super) fn quiet64(a: f64) -> f64 {
    f64::from_bits(a.to_bits() | 0x0008_0000_0000_0000)
}

/// A NaN of `.f64`, by its bits, which no compiler takes for those of another.
#[inline(always)]
fn is_nan64(a: f64) -> bool {
    a.to_bits() & i64::MAX.cast_unsigned() > 0x7ff0_0000_0000_0000
}

/// The result of an operation of two operands: of two NaNs the second is kept, as GPUs do; the CPU would keep the
/// first. A NaN of the operation's own making is the one GPUs make.
#[inline(always)]
pub(super) fn second_nan(a: f64, b: f64, result: f64) -> f64 {
    let (of_a, of_b) = (is_nan64(a), is_nan64(b));
    let nan = if of_b { b.to_bits() } else { a.to_bits() } | 0x0008_0000_0000_0000;
    let made = if is_nan64(result) { NAN64 } else { result.to_bits() };
    f64::from_bits(if of_a || of_b { nan } else { made })
}

/// The NaN that an operation on `.f64` makes of numbers.
const NAN64: u64 = 0xfff8_0000_0000_0000;

/// Addition and its like, of both types.
trait Arithmetic {
    fn f32(a: f32, b: f32) -> f32;
    fn f64(a: f64, b: f64) -> f64;
    /// Of two NaNs, whether the first is kept.
    const FIRST_NAN: bool;
}

macro_rules! arithmetic {
    ($($name:ident $first:literal |$a:ident, $b:ident| $body:expr;)*) => {$(
        struct $name;
        impl Arithmetic for $name {
            #[inline(always)]
            fn f32($a: f32, $b: f32) -> f32 {
                $body
            }
            #[inline(always)]
            fn f64($a: f64, $b: f64) -> f64 {
                $body
            }
            const FIRST_NAN: bool = $first;
        }
    )*};
}
arithmetic! {
    Add false |a, b| a + b;
    Sub false |a, b| a - b;
    Mul false |a, b| a * b;
    Div true |a, b| a / b;
}

struct Single<A, const FTZ: bool, const SAT: bool>(PhantomData<A>);
impl<A: Arithmetic, const FTZ: bool, const SAT: bool> Map2 for Single<A, FTZ, SAT> {
    type A = f32;
    type B = f32;
    type R = f32;
    #[inline(always)]
    fn map(a: f32, b: f32) -> f32 {
        finish32::<FTZ, SAT>(A::f32(flush_if::<FTZ>(a), flush_if::<FTZ>(b)))
    }
}

/// What `.ftz` does beyond flushing: GPUs flush a result that is less than the least normal number *before* rounding, so that
/// nothing rounds up to it.
trait Early: Map2<A = f32, B = f32, R = f32> {
    /// Whether the exact result's magnitude is less than the least normal number, where the rounded one's is not.
    fn tiny(a: f32, b: f32) -> bool;
}
impl<const SAT: bool> Early for Single<Mul, true, SAT> {
    fn tiny(a: f32, b: f32) -> bool {
        (f64::from(a) * f64::from(b)).abs() < LEAST.into()
    }
}
impl<const SAT: bool> Early for Single<Div, true, SAT> {
    fn tiny(a: f32, b: f32) -> bool {
        f64::from(a.abs()) < f64::from(b.abs()) * f64::from(LEAST)
    }
}

/// The least normal number.
const LEAST: f32 = f32::MIN_POSITIVE;

/// Whether any result is the least normal number: few are, so that those can be looked at one by one.
#[inline(always)]
fn any_least(r: &[f32; 32]) -> bool {
    let mut any = false;
    let mut lane = 0;
    while lane < 32 {
        any |= r[lane].to_bits() & 0x7fff_ffff == LEAST.to_bits();
        lane += 1;
    }
    any
}

struct EarlyTwo<M>(PhantomData<M>);
impl<M: Early> Work for EarlyTwo<M> {
    #[inline(always)]
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let (a, b) = (warp.get::<f32>(op.a), warp.get::<f32>(op.b));
        let mut r = [0.0; 32];
        let mut lane = 0;
        while lane < 32 {
            r[lane] = M::map(a[lane], b[lane]);
            lane += 1;
        }
        if any_least(&r) {
            for (lane, r) in r.iter_mut().enumerate().filter(|(_, r)| r.abs() == LEAST) {
                if M::tiny(a[lane], b[lane]) {
                    *r = 0.0_f32.copysign(*r);
                }
            }
        }
        warp.put(op.dst, r);
        true
    }
}

struct EarlyFma<const SAT: bool>;
impl<const SAT: bool> Work for EarlyFma<SAT> {
    #[inline(always)]
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let (a, b, c) = (warp.get::<f32>(op.a), warp.get::<f32>(op.b), warp.get::<f32>(op.c));
        let mut r = [0.0; 32];
        let mut lane = 0;
        while lane < 32 {
            r[lane] = SingleFma::<true, SAT>::map(a[lane], b[lane], c[lane]);
            lane += 1;
        }
        if any_least(&r) {
            for (lane, r) in r.iter_mut().enumerate().filter(|(_, r)| r.abs() == LEAST) {
                // The product is exact, and so is the other difference wherever the sum is not itself a result.
                let [a, b, c] = [a[lane], b[lane], c[lane]].map(|value| f64::from(flush32(value)));
                let beyond = a * b + (c - f64::from(*r));
                if beyond != 0.0 && beyond.is_sign_negative() != r.is_sign_negative() {
                    *r = 0.0_f32.copysign(*r);
                }
            }
        }
        warp.put(op.dst, r);
        true
    }
}

struct Double<A>(PhantomData<A>);
impl<A: Arithmetic> Map2 for Double<A> {
    type A = f64;
    type B = f64;
    type R = f64;
    #[inline(always)]
    fn map(a: f64, b: f64) -> f64 {
        if A::FIRST_NAN { second_nan(b, a, A::f64(a, b)) } else { second_nan(a, b, A::f64(a, b)) }
    }
}

/// `div.approx`: a product with the divisor's reciprocal, which GPUs flush: by more than 2^126 they divide to zero.
struct Approximate<const FTZ: bool>;
impl<const FTZ: bool> Map2 for Approximate<FTZ> {
    type A = f32;
    type B = f32;
    type R = f32;
    #[inline(always)]
    fn map(a: f32, b: f32) -> f32 {
        let (a, b) = (flush_if::<FTZ>(a), flush_if::<FTZ>(b));
        let large = f32::from_bits(0x7e80_0000);
        let quotient = if b.abs() > large { a * 0.0_f32.copysign(b) } else { a / b };
        finish32::<FTZ, false>(quotient)
    }
}

struct SingleFma<const FTZ: bool, const SAT: bool>;
impl<const FTZ: bool, const SAT: bool> Map3 for SingleFma<FTZ, SAT> {
    type A = f32;
    type B = f32;
    type C = f32;
    type R = f32;
    #[inline(always)]
    fn map(a: f32, b: f32, c: f32) -> f32 {
        finish32::<FTZ, SAT>(flush_if::<FTZ>(a).mul_add(flush_if::<FTZ>(b), flush_if::<FTZ>(c)))
    }
}

struct DoubleFma;
impl Map3 for DoubleFma {
    type A = f64;
    type B = f64;
    type C = f64;
    type R = f64;
    #[inline(always)]
    fn map(a: f64, b: f64, c: f64) -> f64 {
        // Of several NaNs `b` counts first, then `c`.
        second_nan(second_nan(a, c, 0.0), b, a.mul_add(b, c))
    }
}

/// Work done in the rounding mode that `imm` says.
pub(super) struct Rounded<W>(PhantomData<W>);
impl<W: Work> Work for Rounded<W> {
    #[inline(always)]
    fn work(warp: &mut Warp, op: &Op) -> bool {
        rounded(op.imm as u32, || W::work(warp, op))
    }
}

/// A rounding to nearest is what the CPU does anyway; the others are numbered for `imm`.
pub(super) fn mode(rounding: Option<Rounding>) -> Option<u32> {
    Some(match rounding {
        None | Some(Rounding::Rn) => RN,
        Some(Rounding::Rz) => RZ,
        Some(Rounding::Rm) => RM,
        Some(Rounding::Rp) => RP,
        _ => return None,
    })
}

/// The build of some work for a rounding mode.
fn in_mode<W: Work>(isa: Isa, mode: u32) -> Handler {
    if mode == RN { pick::<W>(isa) } else { pick::<Rounded<W>>(isa) }
}

fn single<A: Arithmetic>(isa: Isa, mode: u32, ftz: bool, sat: bool) -> Handler {
    match (ftz, sat) {
        (false, false) => in_mode::<Two<Single<A, false, false>>>(isa, mode),
        (false, true) => in_mode::<Two<Single<A, false, true>>>(isa, mode),
        (true, false) => in_mode::<Two<Single<A, true, false>>>(isa, mode),
        (true, true) => in_mode::<Two<Single<A, true, true>>>(isa, mode),
    }
}

/// [`single`] of products and quotients.
fn early<A: Arithmetic>(isa: Isa, mode: u32, ftz: bool, sat: bool) -> Handler
where
    Single<A, true, false>: Early,
    Single<A, true, true>: Early,
{
    match (ftz, sat) {
        (true, false) => in_mode::<EarlyTwo<Single<A, true, false>>>(isa, mode),
        (true, true) => in_mode::<EarlyTwo<Single<A, true, true>>>(isa, mode),
        _ => single::<A>(isa, mode, ftz, sat),
    }
}

fn single_fma(isa: Isa, mode: u32, ftz: bool, sat: bool) -> Handler {
    match (ftz, sat) {
        (false, false) => in_mode::<Three<SingleFma<false, false>>>(isa, mode),
        (false, true) => in_mode::<Three<SingleFma<false, true>>>(isa, mode),
        (true, false) => in_mode::<EarlyFma<false>>(isa, mode),
        (true, true) => in_mode::<EarlyFma<true>>(isa, mode),
    }
}

map1!(Abs32, f32 => f32, |a| canonical32(a.abs()));
map1!(Abs32Ftz, f32 => f32, |a| canonical32(flush32(a).abs()));
map1!(Neg32, f32 => f32, |a| canonical32(-a));
map1!(Neg32Ftz, f32 => f32, |a| canonical32(-flush32(a)));
map1!(Abs64, f64 => f64, |a| if a.is_nan() { quiet64(a) } else { a.abs() });
map1!(Neg64, f64 => f64, |a| if a.is_nan() { quiet64(a) } else { -a });

/// The order of `min` and `max`: as numbers, and -0 below +0.
#[inline(always)]
fn key32(a: f32) -> i32 {
    let bits = a.to_bits().cast_signed();
    bits ^ ((bits >> 31).cast_unsigned() >> 1).cast_signed()
}
#[inline(always)]
fn key64(a: f64) -> i64 {
    let bits = a.to_bits().cast_signed();
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

/// `min` (9.7.3.11): of a number and a NaN the number, unless `.NaN`.
#[inline(always)]
pub(super) fn pick32<const MAX: bool, const NAN: bool>(a: f32, b: f32) -> f32 {
    let first = (key32(a) < key32(b)) != MAX;
    let chosen = if first { a } else { b };
    let chosen = if a.is_nan() {
        b
    } else if b.is_nan() {
        a
    } else {
        chosen
    };
    if NAN && (a.is_nan() || b.is_nan()) { f32::from_bits(NAN32) } else { canonical32(chosen) }
}

struct Extreme32<const MAX: bool, const FTZ: bool, const NAN: bool, const XOR: bool>;
impl<const MAX: bool, const FTZ: bool, const NAN: bool, const XOR: bool> Map2
    for Extreme32<MAX, FTZ, NAN, XOR>
{
    type A = f32;
    type B = f32;
    type R = f32;
    #[inline(always)]
    fn map(a: f32, b: f32) -> f32 {
        let (a, b) = (flush_if::<FTZ>(a), flush_if::<FTZ>(b));
        if !XOR {
            return pick32::<MAX, NAN>(a, b);
        }
        let sign = (a.to_bits() ^ b.to_bits()) & 0x8000_0000;
        let chosen = pick32::<MAX, NAN>(a.abs(), b.abs());
        if chosen.is_nan() { chosen } else { f32::from_bits(chosen.to_bits() | sign) }
    }
}

#[inline(always)]
fn pick64<const MAX: bool>(a: f64, b: f64) -> f64 {
    let first = (key64(a) < key64(b)) != MAX;
    let chosen = if first { a } else { b };
    match (is_nan64(a), is_nan64(b)) {
        (true, true) => quiet64(b),
        (true, false) => b,
        (false, true) => a,
        (false, false) => chosen,
    }
}
map2!(Min64, f64, f64 => f64, |a, b| pick64::<false>(a, b));
map2!(Max64, f64, f64 => f64, |a, b| pick64::<true>(a, b));

fn extreme<const MAX: bool>(isa: Isa, ftz: bool, nan: bool, xor: bool) -> Handler {
    match (ftz, nan, xor) {
        (false, false, false) => pick::<Two<Extreme32<MAX, false, false, false>>>(isa),
        (false, false, true) => pick::<Two<Extreme32<MAX, false, false, true>>>(isa),
        (false, true, false) => pick::<Two<Extreme32<MAX, false, true, false>>>(isa),
        (false, true, true) => pick::<Two<Extreme32<MAX, false, true, true>>>(isa),
        (true, false, false) => pick::<Two<Extreme32<MAX, true, false, false>>>(isa),
        (true, false, true) => pick::<Two<Extreme32<MAX, true, false, true>>>(isa),
        (true, true, false) => pick::<Two<Extreme32<MAX, true, true, false>>>(isa),
        (true, true, true) => pick::<Two<Extreme32<MAX, true, true, true>>>(isa),
    }
}

/// Subnormal operands and results of `.ftz`, and the words that only some operations take.
pub(super) fn decode<'p>(
    decoder: &mut Decoder<'p>,
    mnemonic: Mnemonic,
    mut form: Form<'p>,
) -> Result<(), Refused> {
    use Mnemonic as M;
    let isa = decoder.isa;
    let ftz = form.has(Word::Ftz);
    let sat = form.has(Word::Sat);
    let mode = mode(form.rounding()).ok_or("this rounding is not supported here")?;
    let imm = u64::from(mode);
    match mnemonic {
        M::Add | M::Sub | M::Mul => {
            let ty = form.ty()?;
            let mixed = form.maybe_type();
            if mixed.is_some() {
                return Err("mixed types are not supported".to_owned());
            }
            let run = match (ty, mnemonic) {
                (Type::F32, M::Add) => single::<Add>(isa, mode, ftz, sat),
                (Type::F32, M::Sub) => single::<Sub>(isa, mode, ftz, sat),
                (Type::F32, _) => early::<Mul>(isa, mode, ftz, sat),
                (_, M::Add) if !ftz && !sat => in_mode::<Two<Double<Add>>>(isa, mode),
                (_, M::Sub) if !ftz && !sat => in_mode::<Two<Double<Sub>>>(isa, mode),
                _ if !ftz && !sat => in_mode::<Two<Double<Mul>>>(isa, mode),
                _ => return Err("`.ftz` and `.sat` are for `.f32`".to_owned()),
            };
            decoder.two_with(&form, run, ty, [ty; 2], imm)
        }
        M::Fma | M::Mad => {
            let ty = form.ty()?;
            if form.maybe_type().is_some() {
                return Err("mixed types are not supported".to_owned());
            }
            let run = match ty {
                Type::F32 => single_fma(isa, mode, ftz, sat),
                _ if !ftz && !sat => in_mode::<Three<DoubleFma>>(isa, mode),
                _ => return Err("`.ftz` and `.sat` are for `.f32`".to_owned()),
            };
            decoder.three_with(&form, run, ty, [ty; 3], imm)
        }
        M::Div => {
            // `.approx` and `.full` may be off by two units; the quotient rounded to nearest never is.
            let how = form.one_of(&[Word::Approx, Word::Full]);
            let ty = form.ty()?;
            let run = match (ty, how) {
                (Type::F32, Some(Word::Approx)) if ftz => pick::<Two<Approximate<true>>>(isa),
                (Type::F32, Some(Word::Approx)) => pick::<Two<Approximate<false>>>(isa),
                (Type::F32, _) => early::<Div>(isa, mode, ftz, sat),
                _ => in_mode::<Two<Double<Div>>>(isa, mode),
            };
            decoder.two_with(&form, run, ty, [ty; 2], imm)
        }
        M::Abs | M::Neg => {
            let ty = form.ty()?;
            let run = match (mnemonic, ty, ftz) {
                (M::Abs, Type::F32, false) => pick::<One<Abs32>>(isa),
                (M::Abs, Type::F32, true) => pick::<One<Abs32Ftz>>(isa),
                (M::Neg, Type::F32, false) => pick::<One<Neg32>>(isa),
                (M::Neg, Type::F32, true) => pick::<One<Neg32Ftz>>(isa),
                (M::Abs, _, _) => pick::<One<Abs64>>(isa),
                _ => pick::<One<Neg64>>(isa),
            };
            decoder.one(&form, run, ty, ty)
        }
        M::Min | M::Max => {
            let nan = form.has(Word::NaN);
            let xor = form.has(Word::Xorsign);
            if xor {
                form.has(Word::Abs);
            }
            let ty = form.ty()?;
            let run = match (mnemonic, ty) {
                (M::Min, Type::F32) => extreme::<false>(isa, ftz, nan, xor),
                (M::Max, Type::F32) => extreme::<true>(isa, ftz, nan, xor),
                _ if nan || xor || ftz => return Err("`.f64` takes no words here".to_owned()),
                (M::Min, _) => pick::<Two<Min64>>(isa),
                _ => pick::<Two<Max64>>(isa),
            };
            decoder.two(&form, run, ty, ty, ty)
        }
        _ => Err("not supported".to_owned()),
    }
}

/// A function of one lane, in a rounding mode.
pub(super) fn one_in_mode<M: crate::lanes::Map1>(isa: Isa, mode: u32) -> Handler {
    in_mode::<One<M>>(isa, mode)
}
