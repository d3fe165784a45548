//! Extended precision (9.7.2): additions and products that take and leave a carry, which is a predicate of its own.

use std::marker::PhantomData;

use cuferry_ptx::{Mnemonic, Type, Word};

use crate::code::{Op, Width};
use crate::decode::{Decoder, Form, Refused, fields};
use crate::lanes::{Lane, Work, mask_where, pick};
use crate::warp::Warp;

/// A word, and sums that say whether they carried.
trait Number: Lane {
    fn add(self, other: Self, carry: bool) -> (Self, bool);
    fn sub(self, other: Self, borrow: bool) -> (Self, bool);
    fn low(self, other: Self) -> Self;
    fn high(self, other: Self, signed: bool) -> Self;
}
macro_rules! number {
    ($($type:ty, $signed:ty, $wide:ty, $wide_signed:ty, $bits:literal;)*) => {$(
        impl Number for $type {
            #[inline(always)]
            fn add(self, other: Self, carry: bool) -> (Self, bool) {
                let (sum, first) = self.overflowing_add(other);
                let (sum, second) = sum.overflowing_add(<$type>::from(carry));
                (sum, first | second)
            }
            #[inline(always)]
            fn sub(self, other: Self, borrow: bool) -> (Self, bool) {
                let (difference, first) = self.overflowing_sub(other);
                let (difference, second) = difference.overflowing_sub(<$type>::from(borrow));
                (difference, first | second)
            }
            #[inline(always)]
            fn low(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }
            #[inline(always)]
            fn high(self, other: Self, signed: bool) -> Self {
                if signed {
                    ((<$wide_signed>::from(self.cast_signed()) * <$wide_signed>::from(other.cast_signed())) >> $bits)
                        as $type
                } else {
                    ((<$wide>::from(self) * <$wide>::from(other)) >> $bits) as $type
                }
            }
        }
    )*};
}
number! {
    u32, i32, u64, i64, 32;
    u64, i64, u128, i128, 64;
}

/// `d` the carry's place; `imm`: bits 0 to 2 the kind, bit 3: the carry is taken, bit 4: it is left.
struct Carry<T>(PhantomData<T>);
const ADD: u64 = 0;
const SUB: u64 = 1;
const LOW: u64 = 2;
const HIGH: u64 = 3;
const HIGH_SIGNED: u64 = 4;

impl<T: Number> Work for Carry<T> {
    #[inline(always)]
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let (a, b, c) = (warp.get::<T>(op.a), warp.get::<T>(op.b), warp.get::<T>(op.c));
        let taken = if op.imm & 8 != 0 { warp.pred(op.d) } else { 0 };
        let kind = op.imm & 7;
        let mut r = [T::default(); 32];
        let mut out = [false; 32];
        let mut lane = 0;
        while lane < 32 {
            let carry = (taken >> lane) & 1 == 1;
            let chained = op.imm & 8 != 0;
            (r[lane], out[lane]) = match kind {
                ADD => a[lane].add(b[lane], carry),
                SUB => a[lane].sub(b[lane], chained && !carry),
                LOW => a[lane].low(b[lane]).add(c[lane], carry),
                HIGH => a[lane].high(b[lane], false).add(c[lane], carry),
                _ => a[lane].high(b[lane], true).add(c[lane], carry),
            };
            lane += 1;
        }
        if kind == SUB {
            // The adder's own carry: set where nothing was borrowed.
            out = out.map(|borrow| !borrow);
        }
        warp.put(op.dst, r);
        if op.imm & 16 != 0 {
            warp.put_pred(op.d, mask_where(|lane| out[lane]));
        }
        true
    }
}

pub(super) fn decode<'p>(
    decoder: &mut Decoder<'p>,
    mnemonic: Mnemonic,
    mut form: Form<'p>,
) -> Result<(), Refused> {
    let left = form.has(Word::Cc);
    let taken = matches!(mnemonic, Mnemonic::Addc | Mnemonic::Subc | Mnemonic::Madc);
    let product = matches!(mnemonic, Mnemonic::Mad | Mnemonic::Madc);
    let high = product && form.one_of(&[Word::Lo, Word::Hi]).ok_or("it needs `.lo` or `.hi`")? == Word::Hi;
    let ty = form.ty()?;
    let kind = match (product, high, ty.is_signed()) {
        (false, ..) if matches!(mnemonic, Mnemonic::Add | Mnemonic::Addc) => ADD,
        (false, ..) if matches!(mnemonic, Mnemonic::Sub | Mnemonic::Subc) => SUB,
        (true, false, _) => LOW,
        (true, true, false) => HIGH,
        (true, true, true) => HIGH_SIGNED,
        _ => return Err("not supported with `.cc`".to_owned()),
    };
    let run = match ty {
        Type::U32 | Type::S32 | Type::B32 => pick::<Carry<u32>>(decoder.isa),
        Type::U64 | Type::S64 | Type::B64 => pick::<Carry<u64>>(decoder.isa),
        _ => return Err(format!("`.{ty}` is not supported here")),
    };
    form.done(if product { 4 } else { 3 })?;
    let dst = decoder.destination(&form.operands[0], ty)?;
    let a = decoder.source(&form.operands[1], ty)?;
    let b = decoder.source(&form.operands[2], ty)?;
    let c = if product { decoder.source(&form.operands[3], ty)? } else { b };
    let d = decoder.carry();
    let imm = kind | u64::from(taken) << 3 | u64::from(left) << 4;
    decoder.push(Op { run, dst: dst.place, a, b, c, d, imm, ..fields() });
    decoder.settle(dst, ty)
}

impl Decoder<'_> {
    /// The carry of the function that is being decoded.
    fn carry(&mut self) -> u32 {
        if let Some(place) = self.carry {
            return place;
        }
        let place = self.lasting(Width::Pred);
        self.carry = Some(place);
        place
    }
}
