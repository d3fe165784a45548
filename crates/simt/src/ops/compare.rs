//! Comparisons (9.7.6): `setp` and `set` in all types, combined with a predicate; and `testp`.

use std::marker::PhantomData;

use cuferry_ptx::{Compare, Mnemonic, Operand, Type, Word};

use super::float::flush32;
use super::half::{bf16_to, f16_to};
use crate::code::{Handler, Op, Width};
use crate::decode::{Decoder, Form, Refused, fields};
use crate::isa::Isa;
use crate::lanes::{Lane, Work, mask_where, pick};
use crate::warp::Warp;

/// A comparison; the others are its negation, or it with the operands swapped.
trait Relation {
    fn holds<T: PartialOrd>(a: T, b: T) -> bool;
}

struct Eq;
struct Lt;
struct Le;
/// Neither is a NaN.
struct Num;
impl Relation for Eq {
    #[inline(always)]
    fn holds<T: PartialOrd>(a: T, b: T) -> bool {
        a == b
    }
}
impl Relation for Lt {
    #[inline(always)]
    fn holds<T: PartialOrd>(a: T, b: T) -> bool {
        a < b
    }
}
impl Relation for Le {
    #[inline(always)]
    fn holds<T: PartialOrd>(a: T, b: T) -> bool {
        a <= b
    }
}
impl Relation for Num {
    #[inline(always)]
    fn holds<T: PartialOrd>(a: T, b: T) -> bool {
        a <= b || b <= a
    }
}

/// A comparison in terms of the four: the relation, whether operands are swapped, and whether it is negated.
fn terms(compare: Compare) -> (Base, bool, bool) {
    match compare {
        Compare::Eq => (Base::Eq, false, false),
        // Not equal, and ordered: `a != b` holds of NaNs too, so that floating-point types need both.
        Compare::Ne => (Base::Ne, false, false),
        Compare::Neu => (Base::Eq, false, true),
        Compare::Equ => (Base::Ne, false, true),
        Compare::Lt | Compare::Lo => (Base::Lt, false, false),
        Compare::Le | Compare::Ls => (Base::Le, false, false),
        Compare::Gt | Compare::Hi => (Base::Lt, true, false),
        Compare::Ge | Compare::Hs => (Base::Le, true, false),
        Compare::Ltu => (Base::Le, true, true),
        Compare::Leu => (Base::Lt, true, true),
        Compare::Gtu => (Base::Le, false, true),
        Compare::Geu => (Base::Lt, false, true),
        Compare::Num => (Base::Num, false, false),
        Compare::Nan => (Base::Num, false, true),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    Eq,
    Ne,
    Lt,
    Le,
    Num,
}

struct Ne;
impl Relation for Ne {
    #[inline(always)]
    fn holds<T: PartialOrd>(a: T, b: T) -> bool {
        a < b || b < a
    }
}

/// What is compared, as it lies in a register.
trait Compared: Lane {
    type As: PartialOrd;
    fn value(self) -> Self::As;
}
macro_rules! compared {
    ($($type:ty),*) => {$(
        impl Compared for $type {
            type As = $type;
            #[inline(always)]
            fn value(self) -> $type {
                self
            }
        }
    )*};
}
compared!(u16, u32, u64, i16, i32, i64, f32, f64);

macro_rules! compared_as {
    ($($name:ident: $type:ty as $other:ty, |$a:ident| $body:expr;)*) => {$(
        #[derive(Clone, Copy, Default)]
        #[repr(transparent)]
        struct $name($type);
        #[expect(unsafe_code, reason = "a wrapper of a lane")]
        // SAFETY: a transparent wrapper of a lane.
        unsafe impl Lane for $name {
            #[inline(always)]
            fn select(mask: u32, new: Self, old: Self) -> Self {
                Self(<$type>::select(mask, new.0, old.0))
            }
        }
        impl Compared for $name {
            type As = $other;
            #[inline(always)]
            fn value(self) -> $other {
                let $a = self.0;
                $body
            }
        }
    )*};
}
compared_as! {
    Flushed: f32 as f32, |a| flush32(a);
    Half: u16 as f32, |a| f16_to(a);
    HalfFlushed: u16 as f32, |a| f16_to(if a & 0x7c00 == 0 { a & 0x8000 } else { a });
    Brain: u16 as f32, |a| bf16_to(a);
}

/// `dst` the predicate, `imm` ones to negate it; `d` the predicate combined with, and `aux` how.
struct Setp<R, T>(PhantomData<(R, T)>);
impl<R: Relation, T: Compared> Work for Setp<R, T> {
    #[inline(always)]
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let (a, b) = (warp.get::<T>(op.a), warp.get::<T>(op.b));
        let mask = mask_where(|lane| R::holds(a[lane].value(), b[lane].value())) ^ op.imm as u32;
        if op.aux == 0 {
            warp.put_pred(op.dst, mask);
        } else {
            combine(warp, op, mask);
        }
        true
    }
}

/// How a comparison is combined: bits 0 to 1: with and, or, xor (1 to 3) or nothing; bit 2: the other predicate is
/// negated; bit 3: `c` is a second destination.
#[inline(never)]
fn combine(warp: &mut Warp, op: &Op, mask: u32) {
    let alone = op.aux.is_multiple_of(4);
    let other = if alone { 0 } else { warp.pred(op.d) ^ 0_u32.wrapping_sub((op.aux >> 2) & 1) };
    let with = |mask: u32| match op.aux & 3 {
        0 => mask,
        1 => mask & other,
        2 => mask | other,
        _ => mask ^ other,
    };
    let (first, second) = (with(mask), with(!mask));
    warp.put_pred(op.dst, first);
    if op.aux & 8 != 0 {
        warp.put_pred(op.c, second);
    }
}

fn handler<T: Compared>(isa: Isa, base: Base) -> Handler {
    match base {
        Base::Eq => pick::<Setp<Eq, T>>(isa),
        Base::Ne => pick::<Setp<Ne, T>>(isa),
        Base::Lt => pick::<Setp<Lt, T>>(isa),
        Base::Le => pick::<Setp<Le, T>>(isa),
        Base::Num => pick::<Setp<Num, T>>(isa),
    }
}

/// The handler for integers: not equal is the negation of equal.
fn integers<T: Compared>(isa: Isa, base: Base) -> Handler {
    match base {
        Base::Lt => pick::<Setp<Lt, T>>(isa),
        Base::Le => pick::<Setp<Le, T>>(isa),
        _ => pick::<Setp<Eq, T>>(isa),
    }
}

/// A comparison's handler, whether its operands are swapped, and whether it is negated.
#[derive(Clone, Copy)]
pub(super) struct Comparison {
    run: Handler,
    swapped: bool,
    negated: bool,
}

impl Comparison {
    /// The operation that compares `a` with `b`.
    pub(super) fn op(self, a: u32, b: u32) -> Op {
        let (a, b) = if self.swapped { (b, a) } else { (a, b) };
        let imm = if self.negated { u64::from(u32::MAX) } else { 0 };
        Op { run: self.run, a, b, imm, ..fields() }
    }
}

/// The handler for a type. Integers know no unordered comparisons.
fn by_type(isa: Isa, compare: Compare, ty: Type, ftz: bool) -> Option<Comparison> {
    use Compare as C;
    let plain = matches!(compare, C::Eq | C::Ne | C::Lt | C::Le | C::Gt | C::Ge);
    let unsigned = matches!(compare, C::Lo | C::Ls | C::Hi | C::Hs);
    let equality = matches!(compare, C::Eq | C::Ne);
    let (base, swapped, mut negated) = terms(compare);
    let run = match ty {
        Type::B16 if equality => integers::<u16>(isa, base),
        Type::B32 if equality => integers::<u32>(isa, base),
        Type::B64 if equality => integers::<u64>(isa, base),
        Type::U16 if plain || unsigned => integers::<u16>(isa, base),
        Type::U32 if plain || unsigned => integers::<u32>(isa, base),
        Type::U64 if plain || unsigned => integers::<u64>(isa, base),
        Type::S16 if plain => integers::<i16>(isa, base),
        Type::S32 if plain => integers::<i32>(isa, base),
        Type::S64 if plain => integers::<i64>(isa, base),
        Type::F32 if !unsigned && ftz => handler::<Flushed>(isa, base),
        Type::F32 if !unsigned => handler::<f32>(isa, base),
        Type::F64 if !unsigned && !ftz => handler::<f64>(isa, base),
        Type::F16 if !unsigned && ftz => handler::<HalfFlushed>(isa, base),
        Type::F16 if !unsigned => handler::<Half>(isa, base),
        Type::Bf16 if !unsigned && !ftz => handler::<Brain>(isa, base),
        _ => return None,
    };
    if base == Base::Ne && !matches!(ty, Type::F32 | Type::F64 | Type::F16 | Type::Bf16) {
        negated = true;
    }
    Some(Comparison { run, swapped, negated })
}

/// `set`: a predicate as a number. `imm` the value of true.
struct Spread16;
impl Work for Spread16 {
    #[inline(always)]
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let lanes = crate::lanes::expand(warp.pred(op.a)).0;
        let mut r = [0_u16; 32];
        let mut lane = 0;
        while lane < 32 {
            r[lane] = lanes[lane] as u16 & op.imm as u16;
            lane += 1;
        }
        warp.put(op.dst, r);
        true
    }
}
struct Spread32;
impl Work for Spread32 {
    #[inline(always)]
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let mut r = crate::lanes::expand(warp.pred(op.a)).0;
        let mut lane = 0;
        while lane < 32 {
            r[lane] &= op.imm as u32;
            lane += 1;
        }
        warp.put(op.dst, r);
        true
    }
}

/// `testp`: `imm` which test.
struct Test32;
impl Work for Test32 {
    #[inline(always)]
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let a = warp.get::<f32>(op.a);
        let mask =
            mask_where(|lane| test(op.imm, a[lane].is_nan(), a[lane].is_infinite(), a[lane].classify()));
        warp.put_pred(op.dst, mask);
        true
    }
}
struct Test64;
impl Work for Test64 {
    #[inline(always)]
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let a = warp.get::<f64>(op.a);
        let mask =
            mask_where(|lane| test(op.imm, a[lane].is_nan(), a[lane].is_infinite(), a[lane].classify()));
        warp.put_pred(op.dst, mask);
        true
    }
}

#[inline(always)]
fn test(which: u64, nan: bool, infinite: bool, class: std::num::FpCategory) -> bool {
    use std::num::FpCategory;
    match which {
        0 => !nan && !infinite,
        1 => infinite,
        2 => !nan,
        3 => nan,
        // A zero counts as normal (9.7.3.1).
        4 => matches!(class, FpCategory::Normal | FpCategory::Zero),
        _ => class == FpCategory::Subnormal,
    }
}

const TESTS: [Word; 6] =
    [Word::Finite, Word::Infinite, Word::Number, Word::NotANumber, Word::Normal, Word::Subnormal];

pub(super) fn decode<'p>(
    decoder: &mut Decoder<'p>,
    mnemonic: Mnemonic,
    mut form: Form<'p>,
) -> Result<(), Refused> {
    if mnemonic == Mnemonic::Testp {
        let word = form.one_of(&TESTS).ok_or("it names no test")?;
        let imm = TESTS.iter().position(|&test| test == word).unwrap_or(0) as u64;
        let ty = form.ty()?;
        form.done(2)?;
        let dst = decoder.destination(&form.operands[0], Type::Pred)?.place;
        let a = decoder.source(&form.operands[1], ty)?;
        match ty {
            Type::F32 => decoder.work::<Test32>(Op { imm, dst, a, ..fields() }),
            Type::F64 => decoder.work::<Test64>(Op { imm, dst, a, ..fields() }),
            _ => return Err(format!("`.{ty}` is not supported here")),
        }
        return Ok(());
    }
    let compare = form.compare().ok_or("it names no comparison")?;
    let combined = match form.one_of(&[Word::And, Word::Or, Word::Xor]) {
        None => 0,
        Some(Word::And) => 1,
        Some(Word::Or) => 2,
        Some(_) => 3,
    };
    let ftz = form.has(Word::Ftz);
    let to = if mnemonic == Mnemonic::Set { Some(form.ty()?) } else { None };
    let ty = form.ty()?;
    form.done(if combined > 0 { 4 } else { 3 })?;
    if matches!(ty, Type::F16x2 | Type::Bf16x2) {
        return super::packed::compare(decoder, &form, compare, combined, ftz, to, ty);
    }
    let run = by_type(decoder.isa, compare, ty, ftz)
        .ok_or_else(|| format!("`.{compare}.{ty}` is not supported"))?;
    let (dst, mut c, mut aux);
    (c, aux) = (0, combined);
    match (&form.operands[0], to) {
        (_, Some(_)) => dst = decoder.temporary(Width::Pred),
        (Operand::Pair(pair), None) => {
            if matches!(pair.0, Operand::Sink) {
                dst = decoder.sink(Width::Pred);
            } else {
                dst = decoder.destination(&pair.0, Type::Pred)?.place;
            }
            if !matches!(pair.1, Operand::Sink) {
                c = decoder.destination(&pair.1, Type::Pred)?.place;
                aux |= 8;
            }
        }
        (one, None) => dst = decoder.destination(one, Type::Pred)?.place,
    }
    let a = decoder.source(&form.operands[1], ty)?;
    let b = decoder.source(&form.operands[2], ty)?;
    let mut d = 0;
    if combined > 0 {
        d = match &form.operands[3] {
            Operand::Not(name) => {
                aux |= 4;
                let (width, place) = decoder.register(name).ok_or("its predicate is not declared")?;
                if width != Width::Pred {
                    return Err("its last operand is no predicate".to_owned());
                }
                place
            }
            other => decoder.predicate(other)?,
        };
    }
    decoder.push(Op { dst, c, d, aux, ..run.op(a, b) });
    let Some(to) = to else { return Ok(()) };
    let target = decoder.destination(&form.operands[0], to)?;
    let value = Op { dst: target.place, a: dst, ..fields() };
    match to {
        Type::U32 | Type::S32 => decoder.work::<Spread32>(Op { imm: u64::from(u32::MAX), ..value }),
        Type::F32 => decoder.work::<Spread32>(Op { imm: 1_f32.to_bits().into(), ..value }),
        Type::U16 | Type::S16 => decoder.work::<Spread16>(Op { imm: 0xffff, ..value }),
        Type::F16 => decoder.work::<Spread16>(Op { imm: 0x3c00, ..value }),
        Type::Bf16 => decoder.work::<Spread16>(Op { imm: 0x3f80, ..value }),
        _ => return Err(format!("`.{to}` is not supported here")),
    }
    decoder.settle(target, to)
}

/// The build of a comparison for one type, for packed halves.
pub(super) fn half_handler(isa: Isa, compare: Compare, ty: Type, ftz: bool) -> Option<Comparison> {
    by_type(isa, compare, if ty == Type::F16x2 { Type::F16 } else { Type::Bf16 }, ftz)
}
