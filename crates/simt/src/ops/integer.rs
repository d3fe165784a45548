//! Integer arithmetic (9.7.1) and what counts, finds and moves bits by fields.

use cuferry_ptx::{Mnemonic, Type, Word};

use super::moves::{map1, map2, map3};
use crate::code::{Handler, Op};
use crate::decode::{Decoder, Form, Refused, fields};
use crate::isa::Isa;
use crate::lanes::{One, Three, Two, pick, plain};

map2!(Add16, u16, u16 => u16, |a, b| a.wrapping_add(b));
map2!(Add32, u32, u32 => u32, |a, b| a.wrapping_add(b));
map2!(Add64, u64, u64 => u64, |a, b| a.wrapping_add(b));
map2!(AddSat32, i32, i32 => i32, |a, b| a.saturating_add(b));
map2!(Sub16, u16, u16 => u16, |a, b| a.wrapping_sub(b));
map2!(Sub32, u32, u32 => u32, |a, b| a.wrapping_sub(b));
map2!(Sub64, u64, u64 => u64, |a, b| a.wrapping_sub(b));
map2!(SubSat32, i32, i32 => i32, |a, b| a.saturating_sub(b));
map2!(MulLo16, u16, u16 => u16, |a, b| a.wrapping_mul(b));
map2!(MulLo32, u32, u32 => u32, |a, b| a.wrapping_mul(b));
map2!(MulLo64, u64, u64 => u64, |a, b| a.wrapping_mul(b));
map2!(MulHi16, u16, u16 => u16, |a, b| ((u32::from(a) * u32::from(b)) >> 16) as u16);
map2!(MulHi32, u32, u32 => u32, |a, b| ((u64::from(a) * u64::from(b)) >> 32) as u32);
map2!(MulHi64, u64, u64 => u64, |a, b| ((u128::from(a) * u128::from(b)) >> 64) as u64);
map2!(MulHi16S, i16, i16 => i16, |a, b| ((i32::from(a) * i32::from(b)) >> 16) as i16);
map2!(MulHi32S, i32, i32 => i32, |a, b| ((i64::from(a) * i64::from(b)) >> 32) as i32);
map2!(MulHi64S, i64, i64 => i64, |a, b| ((i128::from(a) * i128::from(b)) >> 64) as i64);
map2!(MulWide16, u16, u16 => u32, |a, b| u32::from(a) * u32::from(b));
map2!(MulWide32, u32, u32 => u64, |a, b| u64::from(a) * u64::from(b));
map2!(MulWide16S, i16, i16 => i32, |a, b| i32::from(a) * i32::from(b));
map2!(MulWide32S, i32, i32 => i64, |a, b| i64::from(a) * i64::from(b));
map2!(MulWide64, u64, u64 => u128, |a, b| u128::from(a) * u128::from(b));
map3!(MadLo16, u16, u16, u16 => u16, |a, b, c| a.wrapping_mul(b).wrapping_add(c));
map3!(MadLo32, u32, u32, u32 => u32, |a, b, c| a.wrapping_mul(b).wrapping_add(c));
map3!(MadLo64, u64, u64, u64 => u64, |a, b, c| a.wrapping_mul(b).wrapping_add(c));
map3!(MadHi16, u16, u16, u16 => u16, |a, b, c| (((u32::from(a) * u32::from(b)) >> 16) as u16).wrapping_add(c));
map3!(MadHi32, u32, u32, u32 => u32, |a, b, c| (((u64::from(a) * u64::from(b)) >> 32) as u32).wrapping_add(c));
map3!(MadHi64, u64, u64, u64 => u64, |a, b, c| (((u128::from(a) * u128::from(b)) >> 64) as u64).wrapping_add(c));
map3!(MadHi16S, i16, i16, i16 => i16, |a, b, c| (((i32::from(a) * i32::from(b)) >> 16) as i16).wrapping_add(c));
map3!(MadHi32S, i32, i32, i32 => i32, |a, b, c| (((i64::from(a) * i64::from(b)) >> 32) as i32).wrapping_add(c));
map3!(MadHi64S, i64, i64, i64 => i64, |a, b, c| (((i128::from(a) * i128::from(b)) >> 64) as i64).wrapping_add(c));
map3!(MadHiSat32, i32, i32, i32 => i32, |a, b, c| (((i64::from(a) * i64::from(b)) >> 32) as i32).saturating_add(c));
map3!(MadWide16, u16, u16, u32 => u32, |a, b, c| (u32::from(a) * u32::from(b)).wrapping_add(c));
map3!(MadWide32, u32, u32, u64 => u64, |a, b, c| (u64::from(a) * u64::from(b)).wrapping_add(c));
map3!(MadWide16S, i16, i16, i32 => i32, |a, b, c| (i32::from(a) * i32::from(b)).wrapping_add(c));
map3!(MadWide32S, i32, i32, i64 => i64, |a, b, c| (i64::from(a) * i64::from(b)).wrapping_add(c));

// Division by zero has no defined result (9.7.1.8); GPUs give all ones, as quotient and as remainder.
map2!(Div16, u16, u16 => u16, |a, b| a.checked_div(b).unwrap_or(u16::MAX));
map2!(Div32, u32, u32 => u32, |a, b| a.checked_div(b).unwrap_or(u32::MAX));
map2!(Div64, u64, u64 => u64, |a, b| a.checked_div(b).unwrap_or(u64::MAX));
map2!(Div16S, i16, i16 => i16, |a, b| if b == 0 { -1 } else { a.wrapping_div(b) });
map2!(Div32S, i32, i32 => i32, |a, b| if b == 0 { -1 } else { a.wrapping_div(b) });
map2!(Div64S, i64, i64 => i64, |a, b| if b == 0 { -1 } else { a.wrapping_div(b) });
map2!(Rem16, u16, u16 => u16, |a, b| a.checked_rem(b).unwrap_or(!0));
map2!(Rem32, u32, u32 => u32, |a, b| a.checked_rem(b).unwrap_or(!0));
map2!(Rem64, u64, u64 => u64, |a, b| a.checked_rem(b).unwrap_or(!0));
map2!(Rem16S, i16, i16 => i16, |a, b| if b == 0 { -1 } else { a.wrapping_rem(b) });
map2!(Rem32S, i32, i32 => i32, |a, b| if b == 0 { -1 } else { a.wrapping_rem(b) });
map2!(Rem64S, i64, i64 => i64, |a, b| if b == 0 { -1 } else { a.wrapping_rem(b) });

map1!(Abs16, i16 => i16, |a| a.wrapping_abs());
map1!(Abs32, i32 => i32, |a| a.wrapping_abs());
map1!(Abs64, i64 => i64, |a| a.wrapping_abs());
map1!(Neg16, i16 => i16, |a| a.wrapping_neg());
map1!(Neg32, i32 => i32, |a| a.wrapping_neg());
map1!(Neg64, i64 => i64, |a| a.wrapping_neg());

map2!(Min16, u16, u16 => u16, |a, b| a.min(b));
map2!(Min32, u32, u32 => u32, |a, b| a.min(b));
map2!(Min64, u64, u64 => u64, |a, b| a.min(b));
map2!(Min16S, i16, i16 => i16, |a, b| a.min(b));
map2!(Min32S, i32, i32 => i32, |a, b| a.min(b));
map2!(Min64S, i64, i64 => i64, |a, b| a.min(b));
map2!(Max16, u16, u16 => u16, |a, b| a.max(b));
map2!(Max32, u32, u32 => u32, |a, b| a.max(b));
map2!(Max64, u64, u64 => u64, |a, b| a.max(b));
map2!(Max16S, i16, i16 => i16, |a, b| a.max(b));
map2!(Max32S, i32, i32 => i32, |a, b| a.max(b));
map2!(Max64S, i64, i64 => i64, |a, b| a.max(b));
map1!(Relu32, i32 => i32, |a| a.max(0));

map3!(Sad16, u16, u16, u16 => u16, |a, b, c| a.abs_diff(b).wrapping_add(c));
map3!(Sad32, u32, u32, u32 => u32, |a, b, c| a.abs_diff(b).wrapping_add(c));
map3!(Sad64, u64, u64, u64 => u64, |a, b, c| a.abs_diff(b).wrapping_add(c));
map3!(Sad16S, i16, i16, u16 => u16, |a, b, c| a.abs_diff(b).wrapping_add(c));
map3!(Sad32S, i32, i32, u32 => u32, |a, b, c| a.abs_diff(b).wrapping_add(c));
map3!(Sad64S, i64, i64, u64 => u64, |a, b, c| a.abs_diff(b).wrapping_add(c));

/// The lower 24 bits, with their sign.
#[inline(always)]
fn low24(a: i32) -> i64 {
    ((a << 8) >> 8).into()
}
map2!(Mul24Lo, u32, u32 => u32, |a, b| (a & 0xff_ffff).wrapping_mul(b & 0xff_ffff));
map2!(Mul24LoS, i32, i32 => i32, |a, b| (low24(a) * low24(b)) as i32);
map2!(Mul24Hi, u32, u32 => u32, |a, b| ((u64::from(a & 0xff_ffff) * u64::from(b & 0xff_ffff)) >> 16) as u32);
map2!(Mul24HiS, i32, i32 => i32, |a, b| ((low24(a) * low24(b)) >> 16) as i32);
map3!(Mad24Lo, u32, u32, u32 => u32, |a, b, c| (a & 0xff_ffff).wrapping_mul(b & 0xff_ffff).wrapping_add(c));
map3!(Mad24LoS, i32, i32, i32 => i32, |a, b, c| ((low24(a) * low24(b)) as i32).wrapping_add(c));
map3!(Mad24Hi, u32, u32, u32 => u32, |a, b, c| (((u64::from(a & 0xff_ffff) * u64::from(b & 0xff_ffff)) >> 16) as u32).wrapping_add(c));
map3!(Mad24HiS, i32, i32, i32 => i32, |a, b, c| (((low24(a) * low24(b)) >> 16) as i32).wrapping_add(c));
map3!(Mad24HiSat, i32, i32, i32 => i32, |a, b, c| (((low24(a) * low24(b)) >> 16) as i32).saturating_add(c));

map1!(Popc32, u32 => u32, |a| a.count_ones());
map1!(Popc64, u64 => u32, |a| a.count_ones());
map1!(Clz32, u32 => u32, |a| a.leading_zeros());
map1!(Clz64, u64 => u32, |a| a.leading_zeros());
map1!(Brev32, u32 => u32, |a| a.reverse_bits());
map1!(Brev64, u64 => u64, |a| a.reverse_bits());

/// The highest bit that is set, or all ones.
#[inline(always)]
fn find(a: u64, bits: u32, distance: bool) -> u32 {
    if a == 0 {
        return u32::MAX;
    }
    let at = a.ilog2();
    if distance { bits - 1 - at } else { at }
}
map1!(Bfind32, u32 => u32, |a| find(a.into(), 32, false));
map1!(Bfind64, u64 => u32, |a| find(a, 64, false));
map1!(Bfind32S, i32 => u32, |a| find(u64::from((a ^ (a >> 31)).cast_unsigned()), 32, false));
map1!(Bfind64S, i64 => u32, |a| find((a ^ (a >> 63)).cast_unsigned(), 64, false));
map1!(Bfind32A, u32 => u32, |a| find(a.into(), 32, true));
map1!(Bfind64A, u64 => u32, |a| find(a, 64, true));
map1!(Bfind32SA, i32 => u32, |a| find(u64::from((a ^ (a >> 31)).cast_unsigned()), 32, true));
map1!(Bfind64SA, i64 => u32, |a| find((a ^ (a >> 63)).cast_unsigned(), 64, true));

/// The position or length of a field: of 32-bit words the manual's 8 bits count, of 64-bit ones all.
#[inline(always)]
fn field(value: u32, bits: u32) -> u32 {
    if bits == 32 { value & 0xff } else { value }
}

/// `bfe` (9.7.1.19): `length` bits from `start`; signed ones are extended by the field's highest bit within the word.
#[inline(always)]
fn extract(a: u64, start: u32, length: u32, bits: u32, signed: bool) -> u64 {
    let (start, length) = (field(start, bits), field(length, bits));
    let top = start.saturating_add(length).saturating_sub(1).min(bits - 1);
    let sign = signed && length > 0 && (a >> top) & 1 == 1;
    let field = if start < 64 { a >> start } else { 0 };
    // Above the field, and above the word, stands the sign.
    let width = length.min(bits.saturating_sub(start));
    let mask = if width >= 64 { u64::MAX } else { (1 << width) - 1 };
    (field & mask) | if sign { !mask } else { 0 }
}
map3!(Bfe32, u32, u32, u32 => u32, |a, b, c| extract(a.into(), b, c, 32, false) as u32);
map3!(Bfe64, u64, u32, u32 => u64, |a, b, c| extract(a, b, c, 64, false));
map3!(Bfe32S, u32, u32, u32 => u32, |a, b, c| extract(a.into(), b, c, 32, true) as u32);
map3!(Bfe64S, u64, u32, u32 => u64, |a, b, c| extract(a, b, c, 64, true));

/// `bmsk` (9.7.1.23): ones in a range of bits.
#[inline(always)]
fn mask(start: u32, length: u32, clamp: bool) -> u32 {
    let (start, length) = if clamp { (start, length) } else { (start & 31, length & 31) };
    if start >= 32 || length == 0 {
        return 0;
    }
    let ones = if length >= 32 { u32::MAX } else { (1 << length) - 1 };
    ones << start
}
map2!(BmskClamp, u32, u32 => u32, |a, b| mask(a, b, true));
map2!(BmskWrap, u32, u32 => u32, |a, b| mask(a, b, false));

/// `szext` (9.7.1.22): the value of the lower `n` bits.
#[inline(always)]
fn extend(a: u32, n: u32, clamp: bool, signed: bool) -> u32 {
    let n = if clamp { n } else { n & 31 };
    if n >= 32 {
        return a;
    }
    if n == 0 {
        return 0;
    }
    let up = 32 - n;
    if signed { (((a << up).cast_signed()) >> up).cast_unsigned() } else { (a << up) >> up }
}
map2!(SzextClamp, u32, u32 => u32, |a, b| extend(a, b, true, false));
map2!(SzextWrap, u32, u32 => u32, |a, b| extend(a, b, false, false));
map2!(SzextClampS, u32, u32 => u32, |a, b| extend(a, b, true, true));
map2!(SzextWrapS, u32, u32 => u32, |a, b| extend(a, b, false, true));

/// `fns` (9.7.1.17): the place of the n-th bit that is set, from a base, up or down.
#[inline(always)]
fn nth(mask: u32, base: u32, offset: i32) -> u32 {
    if base > 31 {
        return u32::MAX;
    }
    if offset == 0 {
        return if (mask >> base) & 1 == 1 { base } else { u32::MAX };
    }
    let step = offset.signum();
    let (mut left, mut at) = (offset.abs(), base.cast_signed());
    while (0..32).contains(&at) {
        if (mask >> at) & 1 == 1 {
            left -= 1;
            if left == 0 {
                return at.cast_unsigned();
            }
        }
        at += step;
    }
    u32::MAX
}
map3!(Fns, u32, u32, i32 => u32, |a, b, c| nth(a, b, c));

#[inline(always)]
fn byte(a: u32, index: u32, signed: bool) -> i32 {
    let byte = (a >> (8 * index)) as u8;
    if signed { i32::from(byte.cast_signed()) } else { byte.into() }
}
#[inline(always)]
fn half(a: u32, index: u32, signed: bool) -> i32 {
    let half = (a >> (16 * index)) as u16;
    if signed { i32::from(half.cast_signed()) } else { half.into() }
}
#[inline(always)]
fn dot4(a: u32, b: u32, c: u32, a_signed: bool, b_signed: bool) -> u32 {
    let mut sum = c;
    let mut index = 0;
    while index < 4 {
        sum = sum.wrapping_add((byte(a, index, a_signed) * byte(b, index, b_signed)).cast_unsigned());
        index += 1;
    }
    sum
}
#[inline(always)]
fn dot2(a: u32, b: u32, c: u32, a_signed: bool, b_signed: bool, high: u32) -> u32 {
    let mut sum = c;
    let mut index = 0;
    while index < 2 {
        let product = half(a, index, a_signed).wrapping_mul(byte(b, index + 2 * high, b_signed));
        sum = sum.wrapping_add(product.cast_unsigned());
        index += 1;
    }
    sum
}
map3!(Dp4aUU, u32, u32, u32 => u32, |a, b, c| dot4(a, b, c, false, false));
map3!(Dp4aUS, u32, u32, u32 => u32, |a, b, c| dot4(a, b, c, false, true));
map3!(Dp4aSU, u32, u32, u32 => u32, |a, b, c| dot4(a, b, c, true, false));
map3!(Dp4aSS, u32, u32, u32 => u32, |a, b, c| dot4(a, b, c, true, true));
map3!(Dp2aUULo, u32, u32, u32 => u32, |a, b, c| dot2(a, b, c, false, false, 0));
map3!(Dp2aUSLo, u32, u32, u32 => u32, |a, b, c| dot2(a, b, c, false, true, 0));
map3!(Dp2aSULo, u32, u32, u32 => u32, |a, b, c| dot2(a, b, c, true, false, 0));
map3!(Dp2aSSLo, u32, u32, u32 => u32, |a, b, c| dot2(a, b, c, true, true, 0));
map3!(Dp2aUUHi, u32, u32, u32 => u32, |a, b, c| dot2(a, b, c, false, false, 1));
map3!(Dp2aUSHi, u32, u32, u32 => u32, |a, b, c| dot2(a, b, c, false, true, 1));
map3!(Dp2aSUHi, u32, u32, u32 => u32, |a, b, c| dot2(a, b, c, true, false, 1));
map3!(Dp2aSSHi, u32, u32, u32 => u32, |a, b, c| dot2(a, b, c, true, true, 1));

/// `bfi` (9.7.1.20): `length` bits of `a` put into `b` from `start`.
#[inline(always)]
fn insert(a: u64, b: u64, start: u32, length: u32, bits: u32) -> u64 {
    let (start, length) = (field(start, bits), field(length, bits));
    if start >= bits || length == 0 {
        return b;
    }
    let width = length.min(bits - start);
    let ones = if width >= 64 { u64::MAX } else { (1 << width) - 1 };
    let mask = ones << start;
    (b & !mask) | ((a << start) & mask)
}

macro_rules! insert_work {
    ($name:ident, $type:ty, $bits:literal) => {
        struct $name;
        impl crate::lanes::Work for $name {
            #[inline(always)]
            fn work(warp: &mut crate::warp::Warp, op: &Op) -> bool {
                let (a, b) = (warp.get::<$type>(op.a), warp.get::<$type>(op.b));
                let (c, d) = (warp.get::<u32>(op.c), warp.get::<u32>(op.d));
                let mut r = b;
                let mut lane = 0;
                while lane < 32 {
                    r[lane] = insert(a[lane].into(), b[lane].into(), c[lane], d[lane], $bits) as $type;
                    lane += 1;
                }
                warp.put(op.dst, r);
                true
            }
        }
    };
}
insert_work!(Bfi32, u32, 32);
insert_work!(Bfi64, u64, 64);

/// Operation, type and words: the handler.
fn binary(isa: Isa, mnemonic: Mnemonic, ty: Type, sat: bool) -> Option<Handler> {
    use Mnemonic as M;
    use Type as T;
    Some(match (mnemonic, ty, sat) {
        (M::Add, T::S32, true) => pick::<Two<AddSat32>>(isa),
        (M::Sub, T::S32, true) => pick::<Two<SubSat32>>(isa),
        (_, _, true) => return None,
        (M::Add, T::U16 | T::S16, _) => pick::<Two<Add16>>(isa),
        (M::Add, T::U32 | T::S32, _) => pick::<Two<Add32>>(isa),
        (M::Add, T::U64 | T::S64, _) => pick::<Two<Add64>>(isa),
        (M::Sub, T::U16 | T::S16, _) => pick::<Two<Sub16>>(isa),
        (M::Sub, T::U32 | T::S32, _) => pick::<Two<Sub32>>(isa),
        (M::Sub, T::U64 | T::S64, _) => pick::<Two<Sub64>>(isa),
        (M::Div, T::U16, _) => plain::<Two<Div16>>(),
        (M::Div, T::U32, _) => pick::<Two<Div32>>(isa),
        (M::Div, T::U64, _) => pick::<Two<Div64>>(isa),
        (M::Div, T::S16, _) => plain::<Two<Div16S>>(),
        (M::Div, T::S32, _) => pick::<Two<Div32S>>(isa),
        (M::Div, T::S64, _) => pick::<Two<Div64S>>(isa),
        (M::Rem, T::U16, _) => plain::<Two<Rem16>>(),
        (M::Rem, T::U32, _) => pick::<Two<Rem32>>(isa),
        (M::Rem, T::U64, _) => pick::<Two<Rem64>>(isa),
        (M::Rem, T::S16, _) => plain::<Two<Rem16S>>(),
        (M::Rem, T::S32, _) => pick::<Two<Rem32S>>(isa),
        (M::Rem, T::S64, _) => pick::<Two<Rem64S>>(isa),
        (M::Min, T::U16, _) => pick::<Two<Min16>>(isa),
        (M::Min, T::U32, _) => pick::<Two<Min32>>(isa),
        (M::Min, T::U64, _) => pick::<Two<Min64>>(isa),
        (M::Min, T::S16, _) => pick::<Two<Min16S>>(isa),
        (M::Min, T::S32, _) => pick::<Two<Min32S>>(isa),
        (M::Min, T::S64, _) => pick::<Two<Min64S>>(isa),
        (M::Max, T::U16, _) => pick::<Two<Max16>>(isa),
        (M::Max, T::U32, _) => pick::<Two<Max32>>(isa),
        (M::Max, T::U64, _) => pick::<Two<Max64>>(isa),
        (M::Max, T::S16, _) => pick::<Two<Max16S>>(isa),
        (M::Max, T::S32, _) => pick::<Two<Max32S>>(isa),
        (M::Max, T::S64, _) => pick::<Two<Max64S>>(isa),
        _ => return None,
    })
}

fn unary(isa: Isa, mnemonic: Mnemonic, ty: Type, distance: bool) -> Option<Handler> {
    use Mnemonic as M;
    use Type as T;
    Some(match (mnemonic, ty, distance) {
        (M::Abs, T::S16, _) => pick::<One<Abs16>>(isa),
        (M::Abs, T::S32, _) => pick::<One<Abs32>>(isa),
        (M::Abs, T::S64, _) => pick::<One<Abs64>>(isa),
        (M::Neg, T::S16, _) => pick::<One<Neg16>>(isa),
        (M::Neg, T::S32, _) => pick::<One<Neg32>>(isa),
        (M::Neg, T::S64, _) => pick::<One<Neg64>>(isa),
        (M::Popc, T::B32, _) => pick::<One<Popc32>>(isa),
        (M::Popc, T::B64, _) => pick::<One<Popc64>>(isa),
        (M::Clz, T::B32, _) => pick::<One<Clz32>>(isa),
        (M::Clz, T::B64, _) => pick::<One<Clz64>>(isa),
        (M::Brev, T::B32, _) => pick::<One<Brev32>>(isa),
        (M::Brev, T::B64, _) => pick::<One<Brev64>>(isa),
        (M::Bfind, T::U32, false) => pick::<One<Bfind32>>(isa),
        (M::Bfind, T::U64, false) => plain::<One<Bfind64>>(),
        (M::Bfind, T::S32, false) => pick::<One<Bfind32S>>(isa),
        (M::Bfind, T::S64, false) => plain::<One<Bfind64S>>(),
        (M::Bfind, T::U32, true) => pick::<One<Bfind32A>>(isa),
        (M::Bfind, T::U64, true) => plain::<One<Bfind64A>>(),
        (M::Bfind, T::S32, true) => pick::<One<Bfind32SA>>(isa),
        (M::Bfind, T::S64, true) => plain::<One<Bfind64SA>>(),
        _ => return None,
    })
}

fn multiply(isa: Isa, ty: Type, part: Word) -> Option<Handler> {
    use Type as T;
    Some(match (part, ty) {
        (Word::Lo, T::U16 | T::S16) => pick::<Two<MulLo16>>(isa),
        (Word::Lo, T::U32 | T::S32) => pick::<Two<MulLo32>>(isa),
        (Word::Lo, T::U64 | T::S64) => pick::<Two<MulLo64>>(isa),
        (Word::Hi, T::U16) => plain::<Two<MulHi16>>(),
        (Word::Hi, T::U32) => pick::<Two<MulHi32>>(isa),
        (Word::Hi, T::U64) => plain::<Two<MulHi64>>(),
        (Word::Hi, T::S16) => plain::<Two<MulHi16S>>(),
        (Word::Hi, T::S32) => pick::<Two<MulHi32S>>(isa),
        (Word::Hi, T::S64) => plain::<Two<MulHi64S>>(),
        (Word::Wide, T::U16) => pick::<Two<MulWide16>>(isa),
        (Word::Wide, T::U32) => pick::<Two<MulWide32>>(isa),
        (Word::Wide, T::U64) => plain::<Two<MulWide64>>(),
        (Word::Wide, T::S16) => pick::<Two<MulWide16S>>(isa),
        (Word::Wide, T::S32) => pick::<Two<MulWide32S>>(isa),
        _ => return None,
    })
}

fn multiply_add(isa: Isa, ty: Type, part: Word, sat: bool) -> Option<Handler> {
    use Type as T;
    Some(match (part, ty, sat) {
        (Word::Hi, T::S32, true) => plain::<Three<MadHiSat32>>(),
        (_, _, true) => return None,
        (Word::Lo, T::U16 | T::S16, _) => pick::<Three<MadLo16>>(isa),
        (Word::Lo, T::U32 | T::S32, _) => pick::<Three<MadLo32>>(isa),
        (Word::Lo, T::U64 | T::S64, _) => pick::<Three<MadLo64>>(isa),
        (Word::Hi, T::U16, _) => plain::<Three<MadHi16>>(),
        (Word::Hi, T::U32, _) => pick::<Three<MadHi32>>(isa),
        (Word::Hi, T::U64, _) => plain::<Three<MadHi64>>(),
        (Word::Hi, T::S16, _) => plain::<Three<MadHi16S>>(),
        (Word::Hi, T::S32, _) => pick::<Three<MadHi32S>>(isa),
        (Word::Hi, T::S64, _) => plain::<Three<MadHi64S>>(),
        (Word::Wide, T::U16, _) => pick::<Three<MadWide16>>(isa),
        (Word::Wide, T::U32, _) => pick::<Three<MadWide32>>(isa),
        (Word::Wide, T::S16, _) => pick::<Three<MadWide16S>>(isa),
        (Word::Wide, T::S32, _) => pick::<Three<MadWide32S>>(isa),
        _ => return None,
    })
}

/// The type of twice the width.
fn wide(ty: Type) -> Type {
    match ty {
        Type::U16 => Type::U32,
        Type::S16 => Type::S32,
        Type::U32 => Type::U64,
        Type::S32 => Type::S64,
        Type::S64 => Type::S128,
        _ => Type::U128,
    }
}

const PARTS: [Word; 3] = [Word::Lo, Word::Hi, Word::Wide];

impl<'p> Decoder<'p> {
    /// An operation with one source.
    pub(super) fn one(&mut self, form: &Form<'p>, run: Handler, to: Type, a: Type) -> Result<(), Refused> {
        self.one_with(form, run, to, a, 0)
    }

    /// The same, with a number for the handler.
    pub(super) fn one_with(
        &mut self,
        form: &Form<'p>,
        run: Handler,
        to: Type,
        a: Type,
        imm: u64,
    ) -> Result<(), Refused> {
        form.done(2)?;
        let dst = self.destination(&form.operands[0], to)?;
        let a = self.source(&form.operands[1], a)?;
        self.push(Op { run, dst: dst.place, a, imm, ..fields() });
        self.settle(dst, to)
    }

    /// An operation with two sources.
    pub(super) fn two(
        &mut self,
        form: &Form<'p>,
        run: Handler,
        to: Type,
        a: Type,
        b: Type,
    ) -> Result<(), Refused> {
        self.two_with(form, run, to, [a, b], 0)
    }

    /// The same, with a number for the handler.
    pub(super) fn two_with(
        &mut self,
        form: &Form<'p>,
        run: Handler,
        to: Type,
        from: [Type; 2],
        imm: u64,
    ) -> Result<(), Refused> {
        form.done(3)?;
        let dst = self.destination(&form.operands[0], to)?;
        let a = self.source(&form.operands[1], from[0])?;
        let b = self.source(&form.operands[2], from[1])?;
        self.push(Op { run, dst: dst.place, a, b, imm, ..fields() });
        self.settle(dst, to)
    }

    /// An operation with three sources.
    pub(super) fn three(
        &mut self,
        form: &Form<'p>,
        run: Handler,
        to: Type,
        from: [Type; 3],
    ) -> Result<(), Refused> {
        self.three_with(form, run, to, from, 0)
    }

    /// The same, with a number for the handler.
    pub(super) fn three_with(
        &mut self,
        form: &Form<'p>,
        run: Handler,
        to: Type,
        from: [Type; 3],
        imm: u64,
    ) -> Result<(), Refused> {
        form.done(4)?;
        let dst = self.destination(&form.operands[0], to)?;
        let a = self.source(&form.operands[1], from[0])?;
        let b = self.source(&form.operands[2], from[1])?;
        let c = self.source(&form.operands[3], from[2])?;
        self.push(Op { run, dst: dst.place, a, b, c, imm, ..fields() });
        self.settle(dst, to)
    }
}

/// `add.u64`.
pub(super) fn addition_64(isa: Isa) -> Handler {
    pick::<Two<Add64>>(isa)
}

pub(super) fn decode<'p>(
    decoder: &mut Decoder<'p>,
    mnemonic: Mnemonic,
    mut form: Form<'p>,
) -> Result<(), Refused> {
    use Mnemonic as M;
    let isa = decoder.isa;
    if form.clone().has(Word::Cc) {
        return super::carry::decode(decoder, mnemonic, form);
    }
    let no = |ty: Type| format!("`.{ty}` is not supported here");
    match mnemonic {
        M::Mul => {
            let part = form.one_of(&PARTS).ok_or("it needs `.lo`, `.hi` or `.wide`")?;
            let ty = form.ty()?;
            let to = if part == Word::Wide { wide(ty) } else { ty };
            decoder.two(&form, multiply(isa, ty, part).ok_or_else(|| no(ty))?, to, ty, ty)
        }
        M::Mad => {
            let part = form.one_of(&PARTS).ok_or("it needs `.lo`, `.hi` or `.wide`")?;
            let sat = form.has(Word::Sat);
            let ty = form.ty()?;
            let to = if part == Word::Wide { wide(ty) } else { ty };
            let run = multiply_add(isa, ty, part, sat).ok_or_else(|| no(ty))?;
            decoder.three(&form, run, to, [ty, ty, to])
        }
        M::Mul24 => {
            let part = form.one_of(&PARTS).ok_or("it needs `.lo` or `.hi`")?;
            let ty = form.ty()?;
            let run = match (part, ty) {
                (Word::Lo, Type::U32) => plain::<Two<Mul24Lo>>(),
                (Word::Lo, Type::S32) => plain::<Two<Mul24LoS>>(),
                (Word::Hi, Type::U32) => plain::<Two<Mul24Hi>>(),
                (Word::Hi, Type::S32) => plain::<Two<Mul24HiS>>(),
                _ => return Err(no(ty)),
            };
            decoder.two(&form, run, ty, ty, ty)
        }
        M::Mad24 => {
            let part = form.one_of(&PARTS).ok_or("it needs `.lo` or `.hi`")?;
            let sat = form.has(Word::Sat);
            let ty = form.ty()?;
            let run = match (part, ty, sat) {
                (Word::Lo, Type::U32, false) => plain::<Three<Mad24Lo>>(),
                (Word::Lo, Type::S32, false) => plain::<Three<Mad24LoS>>(),
                (Word::Hi, Type::U32, false) => plain::<Three<Mad24Hi>>(),
                (Word::Hi, Type::S32, false) => plain::<Three<Mad24HiS>>(),
                (Word::Hi, Type::S32, true) => plain::<Three<Mad24HiSat>>(),
                _ => return Err(no(ty)),
            };
            decoder.three(&form, run, ty, [ty; 3])
        }
        M::Sad => {
            let ty = form.ty()?;
            let run = match ty {
                Type::U16 => plain::<Three<Sad16>>(),
                Type::U32 => plain::<Three<Sad32>>(),
                Type::U64 => plain::<Three<Sad64>>(),
                Type::S16 => plain::<Three<Sad16S>>(),
                Type::S32 => plain::<Three<Sad32S>>(),
                Type::S64 => plain::<Three<Sad64S>>(),
                _ => return Err(no(ty)),
            };
            decoder.three(&form, run, ty, [ty; 3])
        }
        M::Abs | M::Neg | M::Brev => {
            let ty = form.ty()?;
            decoder.one(&form, unary(isa, mnemonic, ty, false).ok_or_else(|| no(ty))?, ty, ty)
        }
        M::Popc | M::Clz | M::Bfind => {
            let distance = mnemonic == M::Bfind && (form.has(Word::ShiftAmt) || form.other("shiftamt"));
            let ty = form.ty()?;
            decoder.one(&form, unary(isa, mnemonic, ty, distance).ok_or_else(|| no(ty))?, Type::U32, ty)
        }
        M::Min | M::Max => {
            let relu = form.has(Word::Relu);
            let ty = form.ty()?;
            let run = binary(isa, mnemonic, ty, false).ok_or_else(|| no(ty))?;
            if relu && ty != Type::S32 {
                return Err("`.relu` is for `.s32` here".to_owned());
            }
            decoder.two(&form, run, ty, ty, ty)?;
            if relu {
                let dst = decoder.destination(&form.operands[0], ty)?;
                decoder.work::<One<Relu32>>(Op { dst: dst.place, a: dst.place, ..fields() });
            }
            Ok(())
        }
        M::Add | M::Sub | M::Div | M::Rem => {
            let sat = form.has(Word::Sat);
            let ty = form.ty()?;
            decoder.two(&form, binary(isa, mnemonic, ty, sat).ok_or_else(|| no(ty))?, ty, ty, ty)
        }
        M::Bfe => {
            let ty = form.ty()?;
            let run = match ty {
                Type::U32 => pick::<Three<Bfe32>>(isa),
                Type::U64 => plain::<Three<Bfe64>>(),
                Type::S32 => pick::<Three<Bfe32S>>(isa),
                Type::S64 => plain::<Three<Bfe64S>>(),
                _ => return Err(no(ty)),
            };
            decoder.three(&form, run, ty, [ty, Type::U32, Type::U32])
        }
        M::Bfi => {
            let ty = form.ty()?;
            form.done(5)?;
            let dst = decoder.destination(&form.operands[0], ty)?;
            let a = decoder.source(&form.operands[1], ty)?;
            let b = decoder.source(&form.operands[2], ty)?;
            let c = decoder.source(&form.operands[3], Type::U32)?;
            let d = decoder.source(&form.operands[4], Type::U32)?;
            let fields = Op { dst: dst.place, a, b, c, d, ..fields() };
            match ty {
                Type::B32 => decoder.work::<Bfi32>(fields),
                Type::B64 => decoder.work::<Bfi64>(fields),
                _ => return Err(no(ty)),
            }
            decoder.settle(dst, ty)
        }
        M::Bmsk | M::Szext => {
            let clamp =
                form.one_of(&[Word::Clamp, Word::Wrap]).ok_or("it needs `.clamp` or `.wrap`")? == Word::Clamp;
            let ty = form.ty()?;
            let run = match (mnemonic, ty, clamp) {
                (M::Bmsk, Type::B32, true) => plain::<Two<BmskClamp>>(),
                (M::Bmsk, Type::B32, false) => plain::<Two<BmskWrap>>(),
                (M::Szext, Type::U32, true) => plain::<Two<SzextClamp>>(),
                (M::Szext, Type::U32, false) => plain::<Two<SzextWrap>>(),
                (M::Szext, Type::S32, true) => plain::<Two<SzextClampS>>(),
                (M::Szext, Type::S32, false) => plain::<Two<SzextWrapS>>(),
                _ => return Err(no(ty)),
            };
            decoder.two(&form, run, ty, ty, Type::U32)
        }
        M::Fns => {
            form.ty()?;
            decoder.three(&form, plain::<Three<Fns>>(), Type::B32, [Type::B32, Type::B32, Type::S32])
        }
        M::Dp4a => {
            let (a, b) = (form.ty()?, form.ty()?);
            let run = match (a, b) {
                (Type::U32, Type::U32) => pick::<Three<Dp4aUU>>(isa),
                (Type::U32, Type::S32) => pick::<Three<Dp4aUS>>(isa),
                (Type::S32, Type::U32) => pick::<Three<Dp4aSU>>(isa),
                (Type::S32, Type::S32) => pick::<Three<Dp4aSS>>(isa),
                _ => return Err(no(a)),
            };
            decoder.three(&form, run, Type::B32, [Type::B32; 3])
        }
        M::Dp2a => {
            let high = form.one_of(&[Word::Lo, Word::Hi]).ok_or("it needs `.lo` or `.hi`")? == Word::Hi;
            let (a, b) = (form.ty()?, form.ty()?);
            let run = match (a, b, high) {
                (Type::U32, Type::U32, false) => plain::<Three<Dp2aUULo>>(),
                (Type::U32, Type::S32, false) => plain::<Three<Dp2aUSLo>>(),
                (Type::S32, Type::U32, false) => plain::<Three<Dp2aSULo>>(),
                (Type::S32, Type::S32, false) => plain::<Three<Dp2aSSLo>>(),
                (Type::U32, Type::U32, true) => plain::<Three<Dp2aUUHi>>(),
                (Type::U32, Type::S32, true) => plain::<Three<Dp2aUSHi>>(),
                (Type::S32, Type::U32, true) => plain::<Three<Dp2aSUHi>>(),
                (Type::S32, Type::S32, true) => plain::<Three<Dp2aSSHi>>(),
                _ => return Err(no(a)),
            };
            decoder.three(&form, run, Type::B32, [Type::B32; 3])
        }
        _ => Err("not supported".to_owned()),
    }
}
