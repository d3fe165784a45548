//! Logic and shifts (9.7.8).

use cuferry_ptx::{Mnemonic, Operand, Type, Word};

use super::moves::{map1, map2, map3};
use crate::code::{NOWHERE, Op, Width};
use crate::decode::{Decoder, Form, Refused, fields};
use crate::lanes::{One, Three, Two, Work, mask_where, pick};
use crate::warp::Warp;

map2!(And16, u16, u16 => u16, |a, b| a & b);
map2!(And32, u32, u32 => u32, |a, b| a & b);
map2!(And64, u64, u64 => u64, |a, b| a & b);
map2!(Or16, u16, u16 => u16, |a, b| a | b);
map2!(Or32, u32, u32 => u32, |a, b| a | b);
map2!(Or64, u64, u64 => u64, |a, b| a | b);
map2!(Xor16, u16, u16 => u16, |a, b| a ^ b);
map2!(Xor32, u32, u32 => u32, |a, b| a ^ b);
map2!(Xor64, u64, u64 => u64, |a, b| a ^ b);
map1!(Not16, u16 => u16, |a| !a);
map1!(Not32, u32 => u32, |a| !a);
map1!(Not64, u64 => u64, |a| !a);
map1!(Cnot16, u16 => u16, |a| u16::from(a == 0));
map1!(Cnot32, u32 => u32, |a| u32::from(a == 0));
map1!(Cnot64, u64 => u64, |a| u64::from(a == 0));

// Amounts are clamped to the width (9.7.8.7).
map2!(Shl16, u16, u32 => u16, |a, b| if b < 16 { a << b } else { 0 });
map2!(Shl32, u32, u32 => u32, |a, b| if b < 32 { a << b } else { 0 });
map2!(Shl64, u64, u32 => u64, |a, b| if b < 64 { a << b } else { 0 });
map2!(Shr16, u16, u32 => u16, |a, b| if b < 16 { a >> b } else { 0 });
map2!(Shr32, u32, u32 => u32, |a, b| if b < 32 { a >> b } else { 0 });
map2!(Shr64, u64, u32 => u64, |a, b| if b < 64 { a >> b } else { 0 });
map2!(Shr16S, i16, u32 => i16, |a, b| a >> b.min(15));
map2!(Shr32S, i32, u32 => i32, |a, b| a >> b.min(31));
map2!(Shr64S, i64, u32 => i64, |a, b| a >> b.min(63));

#[inline(always)]
fn both(a: u32, b: u32) -> u64 {
    u64::from(a) | u64::from(b) << 32
}
map3!(ShfLClamp, u32, u32, u32 => u32, |a, b, c| (both(a, b) << c.min(32) >> 32) as u32);
map3!(ShfLWrap, u32, u32, u32 => u32, |a, b, c| (both(a, b) << (c & 31) >> 32) as u32);
map3!(ShfRClamp, u32, u32, u32 => u32, |a, b, c| (both(a, b) >> c.min(32)) as u32);
map3!(ShfRWrap, u32, u32, u32 => u32, |a, b, c| (both(a, b) >> (c & 31)) as u32);

/// `lop3`: `d` is the table.
struct Lop3;
impl Work for Lop3 {
    #[inline(always)]
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let (a, b, c) = (warp.get::<u32>(op.a), warp.get::<u32>(op.b), warp.get::<u32>(op.c));
        // One mask a row of the table.
        let mut rows = [0_u32; 8];
        let mut row = 0;
        while row < 8 {
            rows[row] = 0_u32.wrapping_sub((op.d >> row) & 1);
            row += 1;
        }
        let mut r = [0; 32];
        let mut lane = 0;
        while lane < 32 {
            let (x, y, z) = (a[lane], b[lane], c[lane]);
            r[lane] = (rows[0] & !x & !y & !z)
                | (rows[1] & !x & !y & z)
                | (rows[2] & !x & y & !z)
                | (rows[3] & !x & y & z)
                | (rows[4] & x & !y & !z)
                | (rows[5] & x & !y & z)
                | (rows[6] & x & y & !z)
                | (rows[7] & x & y & z);
            lane += 1;
        }
        warp.put(op.dst, r);
        true
    }
}

/// `prmt`'s byte `index` of eight, or its sign spread over a byte.
#[inline(always)]
fn pick_byte(bytes: u64, control: u32) -> u32 {
    let byte = ((bytes >> (8 * (control & 7))) & 0xff) as u32;
    if control & 8 == 0 { byte } else { 0xff * (byte >> 7) }
}
map3!(Prmt, u32, u32, u32 => u32, |a, b, c| {
    let bytes = both(a, b);
    pick_byte(bytes, c) | pick_byte(bytes, c >> 4) << 8 | pick_byte(bytes, c >> 8) << 16 | pick_byte(bytes, c >> 12) << 24
});
/// The modes of `prmt`: four selectors made from the lowest two bits of the control.
#[inline(always)]
fn by_mode(a: u32, b: u32, selectors: [u32; 4]) -> u32 {
    let bytes = both(a, b);
    pick_byte(bytes, selectors[0])
        | pick_byte(bytes, selectors[1]) << 8
        | pick_byte(bytes, selectors[2]) << 16
        | pick_byte(bytes, selectors[3]) << 24
}
map3!(PrmtF4e, u32, u32, u32 => u32, |a, b, c| { let c = c & 3; by_mode(a, b, [c, c + 1, c + 2, c + 3]) });
map3!(PrmtB4e, u32, u32, u32 => u32, |a, b, c| { let c = c & 3; by_mode(a, b, [c, (c + 7) & 7, (c + 6) & 7, (c + 5) & 7]) });
map3!(PrmtRc8, u32, u32, u32 => u32, |a, b, c| by_mode(a, b, [c & 3; 4]));
map3!(PrmtEcl, u32, u32, u32 => u32, |a, b, c| { let c = c & 3; by_mode(a, b, [c, c.max(1), c.max(2), 3]) });
map3!(PrmtEcr, u32, u32, u32 => u32, |a, b, c| { let c = c & 3; by_mode(a, b, [0, c.min(1), c.min(2), c]) });
map3!(PrmtRc16, u32, u32, u32 => u32, |a, b, c| { let c = (c & 1) * 2; by_mode(a, b, [c, c + 1, c, c + 1]) });

/// Which lanes' words have a bit that is set.
struct NotZero;
impl Work for NotZero {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let a = warp.get::<u32>(op.a);
        warp.put_pred(op.dst, mask_where(|lane| a[lane] != 0));
        true
    }
}

/// Logic of predicates: `imm` 0 and, 1 or, 2 xor.
struct Predicates;
impl Work for Predicates {
    #[inline(always)]
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let (a, b) = (warp.pred(op.a), warp.pred(op.b));
        let r = match op.imm {
            0 => a & b,
            1 => a | b,
            _ => a ^ b,
        };
        warp.put_pred(op.dst, r);
        true
    }
}

pub(super) fn decode<'p>(
    decoder: &mut Decoder<'p>,
    mnemonic: Mnemonic,
    mut form: Form<'p>,
) -> Result<(), Refused> {
    use Mnemonic as M;
    let isa = decoder.isa;
    match mnemonic {
        M::And | M::Or | M::Xor => {
            let ty = form.ty()?;
            if ty == Type::Pred {
                form.done(3)?;
                let dst = decoder.destination(&form.operands[0], ty)?;
                let (a, b) = (decoder.predicate(&form.operands[1])?, decoder.predicate(&form.operands[2])?);
                let imm = match mnemonic {
                    M::And => 0,
                    M::Or => 1,
                    _ => 2,
                };
                decoder.work::<Predicates>(Op { dst: dst.place, a, b, imm, ..fields() });
                return Ok(());
            }
            let run = match (mnemonic, ty) {
                (M::And, Type::B16) => pick::<Two<And16>>(isa),
                (M::And, Type::B32) => pick::<Two<And32>>(isa),
                (M::And, Type::B64) => pick::<Two<And64>>(isa),
                (M::Or, Type::B16) => pick::<Two<Or16>>(isa),
                (M::Or, Type::B32) => pick::<Two<Or32>>(isa),
                (M::Or, Type::B64) => pick::<Two<Or64>>(isa),
                (M::Xor, Type::B16) => pick::<Two<Xor16>>(isa),
                (M::Xor, Type::B32) => pick::<Two<Xor32>>(isa),
                (M::Xor, Type::B64) => pick::<Two<Xor64>>(isa),
                _ => return Err(format!("`.{ty}` is not supported here")),
            };
            decoder.two(&form, run, ty, ty, ty)
        }
        M::Not | M::Cnot => {
            let ty = form.ty()?;
            let run = match (mnemonic, ty) {
                (M::Not, Type::Pred) => pick::<super::NotPredicate>(isa),
                (M::Not, Type::B16) => pick::<One<Not16>>(isa),
                (M::Not, Type::B32) => pick::<One<Not32>>(isa),
                (M::Not, Type::B64) => pick::<One<Not64>>(isa),
                (M::Cnot, Type::B16) => pick::<One<Cnot16>>(isa),
                (M::Cnot, Type::B32) => pick::<One<Cnot32>>(isa),
                (M::Cnot, Type::B64) => pick::<One<Cnot64>>(isa),
                _ => return Err(format!("`.{ty}` is not supported here")),
            };
            decoder.one(&form, run, ty, ty)
        }
        M::Shl | M::Shr => {
            let ty = form.ty()?;
            let run = match (mnemonic, ty) {
                (M::Shl, Type::B16) => pick::<Two<Shl16>>(isa),
                (M::Shl, Type::B32) => pick::<Two<Shl32>>(isa),
                (M::Shl, Type::B64) => pick::<Two<Shl64>>(isa),
                (M::Shr, Type::B16 | Type::U16) => pick::<Two<Shr16>>(isa),
                (M::Shr, Type::B32 | Type::U32) => pick::<Two<Shr32>>(isa),
                (M::Shr, Type::B64 | Type::U64) => pick::<Two<Shr64>>(isa),
                (M::Shr, Type::S16) => pick::<Two<Shr16S>>(isa),
                (M::Shr, Type::S32) => pick::<Two<Shr32S>>(isa),
                (M::Shr, Type::S64) => pick::<Two<Shr64S>>(isa),
                _ => return Err(format!("`.{ty}` is not supported here")),
            };
            decoder.two(&form, run, ty, ty, Type::U32)
        }
        M::Shf => {
            let left = if form.other("l") {
                true
            } else if form.other("r") || form.has(Word::R) {
                false
            } else {
                return Err("it needs `.l` or `.r`".to_owned());
            };
            let clamp =
                form.one_of(&[Word::Clamp, Word::Wrap]).ok_or("it needs `.clamp` or `.wrap`")? == Word::Clamp;
            let ty = form.ty()?;
            let run = match (left, clamp) {
                (true, true) => pick::<Three<ShfLClamp>>(isa),
                (true, false) => pick::<Three<ShfLWrap>>(isa),
                (false, true) => pick::<Three<ShfRClamp>>(isa),
                (false, false) => pick::<Three<ShfRWrap>>(isa),
            };
            decoder.three(&form, run, ty, [Type::B32, Type::B32, Type::U32])
        }
        M::Lop3 => {
            let also = form.one_of(&[Word::Or, Word::And]);
            form.ty()?;
            form.done(5 + usize::from(also.is_some()))?;
            let (dst, predicate) = super::warp::pair(decoder, &form.operands[0], Type::B32)?;
            let a = decoder.source(&form.operands[1], Type::B32)?;
            let b = decoder.source(&form.operands[2], Type::B32)?;
            let c = decoder.source(&form.operands[3], Type::B32)?;
            let Operand::Immediate(table) = &form.operands[4] else {
                return Err("its table is no number".to_owned());
            };
            let d = table.integer().unwrap_or(0) as u32 & 0xff;
            // The predicate of the result is combined with one that may be where it goes.
            let other = match also {
                Some(_) => decoder.predicate(&form.operands[5])?,
                None => NOWHERE,
            };
            decoder.work::<Lop3>(Op { dst: dst.place, a, b, c, d, ..fields() });
            if let Some(operation) = also
                && predicate != NOWHERE
            {
                let truth = decoder.temporary(Width::Pred);
                decoder.work::<NotZero>(Op { dst: truth, a: dst.place, ..fields() });
                let imm = u64::from(operation == Word::Or);
                decoder.work::<Predicates>(Op { dst: predicate, a: truth, b: other, imm, ..fields() });
            }
            decoder.settle(dst, Type::B32)
        }
        M::Prmt => {
            form.ty()?;
            let modes = [Word::F4e, Word::B4e, Word::Rc8, Word::Ecl, Word::Ecr, Word::Rc16];
            let run = match form.one_of(&modes) {
                None => pick::<Three<Prmt>>(isa),
                Some(Word::F4e) => pick::<Three<PrmtF4e>>(isa),
                Some(Word::B4e) => pick::<Three<PrmtB4e>>(isa),
                Some(Word::Rc8) => pick::<Three<PrmtRc8>>(isa),
                Some(Word::Ecl) => pick::<Three<PrmtEcl>>(isa),
                Some(Word::Ecr) => pick::<Three<PrmtEcr>>(isa),
                Some(_) => pick::<Three<PrmtRc16>>(isa),
            };
            decoder.three(&form, run, Type::B32, [Type::B32; 3])
        }
        _ => Err("not supported".to_owned()),
    }
}
