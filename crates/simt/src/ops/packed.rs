//! Pairs in one register: integers of 16 bits (9.7.1), `.f32x2`, and comparisons of packed halves.

use cuferry_ptx::{Compare, Mnemonic, Operand, Type};

use super::moves::map2;
use crate::code::{Op, Width};
use crate::decode::{Decoder, Form, Refused, fields};
use crate::lanes::{Map1, One, Two, Work, pick};
use crate::warp::Warp;

#[inline(always)]
fn pairs(a: u32, b: u32, f: impl Fn(u16, u16) -> u16) -> u32 {
    u32::from(f(a as u16, b as u16)) | u32::from(f((a >> 16) as u16, (b >> 16) as u16)) << 16
}
#[inline(always)]
fn signed(f: impl Fn(i16, i16) -> i16) -> impl Fn(u16, u16) -> u16 {
    move |a, b| f(a.cast_signed(), b.cast_signed()).cast_unsigned()
}
map2!(Add, u32, u32 => u32, |a, b| pairs(a, b, u16::wrapping_add));
map2!(Sub, u32, u32 => u32, |a, b| pairs(a, b, u16::wrapping_sub));
map2!(Min, u32, u32 => u32, |a, b| pairs(a, b, Ord::min));
map2!(Max, u32, u32 => u32, |a, b| pairs(a, b, Ord::max));
map2!(MinS, u32, u32 => u32, |a, b| pairs(a, b, signed(Ord::min)));
map2!(MaxS, u32, u32 => u32, |a, b| pairs(a, b, signed(Ord::max)));
map2!(MinRelu, u32, u32 => u32, |a, b| pairs(a, b, signed(|a, b| a.min(b).max(0))));
map2!(MaxRelu, u32, u32 => u32, |a, b| pairs(a, b, signed(|a, b| a.max(b).max(0))));

struct Low;
impl Map1 for Low {
    type A = u32;
    type R = u16;
    #[inline(always)]
    fn map(a: u32) -> u16 {
        a as u16
    }
}
struct High;
impl Map1 for High {
    type A = u32;
    type R = u16;
    #[inline(always)]
    fn map(a: u32) -> u16 {
        (a >> 16) as u16
    }
}

pub(super) fn decode<'p>(
    decoder: &mut Decoder<'p>,
    mnemonic: Mnemonic,
    mut form: Form<'p>,
) -> Result<(), Refused> {
    use Mnemonic as M;
    let isa = decoder.isa;
    let relu = form.has(cuferry_ptx::Word::Relu);
    let ty = form.ty()?;
    let run = match (mnemonic, ty, relu) {
        (M::Add, Type::U16x2 | Type::S16x2, false) => pick::<Two<Add>>(isa),
        (M::Sub, Type::U16x2 | Type::S16x2, false) => pick::<Two<Sub>>(isa),
        (M::Min, Type::U16x2, false) => pick::<Two<Min>>(isa),
        (M::Max, Type::U16x2, false) => pick::<Two<Max>>(isa),
        (M::Min, Type::S16x2, false) => pick::<Two<MinS>>(isa),
        (M::Max, Type::S16x2, false) => pick::<Two<MaxS>>(isa),
        (M::Min, Type::S16x2, true) => pick::<Two<MinRelu>>(isa),
        (M::Max, Type::S16x2, true) => pick::<Two<MaxRelu>>(isa),
        _ => return Err(format!("`.{ty}` is not supported here")),
    };
    decoder.two(&form, run, ty, ty, ty)
}

/// Two predicates as the halves of a word: `imm` the value of true, in the low half.
struct SpreadPair;
impl Work for SpreadPair {
    #[inline(always)]
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let low = crate::lanes::expand(warp.pred(op.a)).0;
        let high = crate::lanes::expand(warp.pred(op.b)).0;
        let value = op.imm as u32;
        let mut r = [0; 32];
        for lane in 0..32 {
            r[lane] = (low[lane] & value) | (high[lane] & (value << 16));
        }
        warp.put(op.dst, r);
        true
    }
}

/// `setp.f16x2` and `set.f16x2`: each half is compared.
pub(super) fn compare<'p>(
    decoder: &mut Decoder<'p>,
    form: &Form<'p>,
    compare: Compare,
    combined: u32,
    ftz: bool,
    to: Option<Type>,
    ty: Type,
) -> Result<(), Refused> {
    let run = super::compare::half_handler(decoder.isa, compare, ty, ftz)
        .ok_or_else(|| format!("`.{compare}.{ty}` is not supported"))?;
    let a = decoder.source(&form.operands[1], ty)?;
    let b = decoder.source(&form.operands[2], ty)?;
    let (mut d, mut aux) = (0, combined);
    if combined > 0 {
        d = match &form.operands[3] {
            Operand::Not(name) => {
                aux |= 4;
                decoder
                    .register(name)
                    .filter(|found| found.0 == Width::Pred)
                    .ok_or("its predicate is not declared")?
                    .1
            }
            other => decoder.predicate(other)?,
        };
    }
    let mut halves = [0; 2];
    for (index, half) in halves.iter_mut().enumerate() {
        let (x, y) = (decoder.temporary(Width::W16), decoder.temporary(Width::W16));
        for (dst, a) in [(x, a), (y, b)] {
            if index == 0 {
                decoder.work::<One<Low>>(Op { dst, a, ..fields() });
            } else {
                decoder.work::<One<High>>(Op { dst, a, ..fields() });
            }
        }
        let dst = decoder.temporary(Width::Pred);
        decoder.push(Op { dst, d, aux, ..run.op(x, y) });
        *half = dst;
    }
    match (to, &form.operands[0]) {
        (None, Operand::Pair(pair)) => {
            for (operand, half) in [(&pair.0, halves[0]), (&pair.1, halves[1])] {
                if !matches!(operand, Operand::Sink) {
                    let dst = decoder.destination(operand, Type::Pred)?.place;
                    decoder.work::<super::CopyPredicate>(Op { dst, a: half, ..fields() });
                }
            }
            Ok(())
        }
        (Some(to), operand) => {
            let imm = match to {
                Type::F16x2 => 0x3c00,
                Type::Bf16x2 => 0x3f80,
                Type::U32 | Type::S32 | Type::U16x2 | Type::S16x2 => 0xffff,
                _ => return Err(format!("`.{to}` is not supported here")),
            };
            let dst = decoder.destination(operand, to)?;
            decoder.work::<SpreadPair>(Op { dst: dst.place, a: halves[0], b: halves[1], imm, ..fields() });
            decoder.settle(dst, to)
        }
        _ => Err("it needs two destinations".to_owned()),
    }
}
