//! Lanes: what a register can hold, and how a function of one lane becomes a handler of thirty-two, in three builds.
#![expect(unsafe_code, reason = "handlers get raw pointers, and are compiled for instruction sets by name")]

use std::marker::PhantomData;

use crate::code::{Handler, Op};
use crate::isa::Isa;
use crate::warp::{Expanded, Warp};

/// A value of one lane.
///
/// # Safety
/// Plain data: every bit pattern is a value, and there is no padding.
pub(crate) unsafe trait Lane: Copy + Default {
    /// `new` where `mask` is all ones, `old` where it is zero.
    fn select(mask: u32, new: Self, old: Self) -> Self;
}

macro_rules! lane {
    ($($type:ty),*) => {$(
        // SAFETY: an integer.
        unsafe impl Lane for $type {
            #[inline(always)]
            fn select(mask: u32, new: Self, old: Self) -> Self {
                let mask = mask.cast_signed() as $type;
                (new & mask) | (old & !mask)
            }
        }
    )*};
}
lane!(u8, i8, u16, i16, u32, i32, u64, i64, u128);

// SAFETY: every pattern of 32 bits is an f32.
unsafe impl Lane for f32 {
    #[inline(always)]
    fn select(mask: u32, new: Self, old: Self) -> Self {
        f32::from_bits(u32::select(mask, new.to_bits(), old.to_bits()))
    }
}

// SAFETY: every pattern of 64 bits is an f64.
unsafe impl Lane for f64 {
    #[inline(always)]
    fn select(mask: u32, new: Self, old: Self) -> Self {
        f64::from_bits(u64::select(mask, new.to_bits(), old.to_bits()))
    }
}

/// A word a lane: all ones where the mask's bit is set.
#[inline(always)]
pub(crate) fn expand(mask: u32) -> Expanded {
    let mut lanes = [0; 32];
    let mut lane = 0;
    while lane < 32 {
        lanes[lane] = (((mask << (31 - lane)).cast_signed()) >> 31).cast_unsigned();
        lane += 1;
    }
    Expanded(lanes)
}

/// The mask of bytes that are 0xff rather than 0.
#[inline(always)]
pub(crate) fn gather_mask(bytes: [u8; 32]) -> u32 {
    use std::arch::x86_64::{_mm_loadu_si128, _mm_movemask_epi8};
    // SAFETY: SSE2 is part of x86_64, and 32 bytes are there to be read.
    unsafe {
        let low = _mm_movemask_epi8(_mm_loadu_si128(bytes.as_ptr().cast()));
        let high = _mm_movemask_epi8(_mm_loadu_si128(bytes.as_ptr().add(16).cast()));
        low.cast_unsigned() | (high.cast_unsigned() << 16)
    }
}

/// A mask from a function of the lane's number.
#[inline(always)]
pub(crate) fn mask_where(mut holds: impl FnMut(usize) -> bool) -> u32 {
    let mut bytes = [0; 32];
    let mut lane = 0;
    while lane < 32 {
        bytes[lane] = if holds(lane) { 0xff } else { 0 };
        lane += 1;
    }
    gather_mask(bytes)
}

/// The lanes of a mask, lowest first.
pub(crate) fn lanes_in(mask: u32) -> impl Iterator<Item = usize> {
    let mut left = mask;
    std::iter::from_fn(move || {
        let lane = left.trailing_zeros();
        left &= left.wrapping_sub(1);
        (lane < 32).then_some(lane as usize)
    })
}

/// Work for a whole warp.
pub(crate) trait Exec {
    /// See [`Handler`].
    ///
    /// # Safety
    /// As for a [`Handler`].
    unsafe fn exec(warp: *mut Warp, op: *const Op) -> *const Op;
}

/// What an operation does, in safe terms. `false`: the warp stops, and its `stop` says why.
pub(crate) trait Work {
    /// Does it for the lanes that run.
    fn work(warp: &mut Warp, op: &Op) -> bool;
}

impl<W: Work> Exec for W {
    #[inline(always)]
    unsafe fn exec(warp: *mut Warp, op: *const Op) -> *const Op {
        // SAFETY: both are valid, as the handler's contract says, and the next operation exists: code ends with one
        // that never goes on.
        unsafe { if W::work(&mut *warp, &*op) { op.add(1) } else { std::ptr::null() } }
    }
}

/// A function of one lane with one operand.
pub(crate) trait Map1 {
    type A: Lane;
    type R: Lane;
    fn map(a: Self::A) -> Self::R;
}

/// A function of one lane with two operands.
pub(crate) trait Map2 {
    type A: Lane;
    type B: Lane;
    type R: Lane;
    fn map(a: Self::A, b: Self::B) -> Self::R;
}

/// A function of one lane with three operands.
pub(crate) trait Map3 {
    type A: Lane;
    type B: Lane;
    type C: Lane;
    type R: Lane;
    fn map(a: Self::A, b: Self::B, c: Self::C) -> Self::R;
}

pub(crate) struct One<M>(PhantomData<M>);
pub(crate) struct Two<M>(PhantomData<M>);
pub(crate) struct Three<M>(PhantomData<M>);

impl<M: Map1> Work for One<M> {
    #[inline(always)]
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let a = warp.get::<M::A>(op.a);
        let mut r = [M::R::default(); 32];
        let mut lane = 0;
        while lane < 32 {
            r[lane] = M::map(a[lane]);
            lane += 1;
        }
        warp.put(op.dst, r);
        true
    }
}

impl<M: Map2> Work for Two<M> {
    #[inline(always)]
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let (a, b) = (warp.get::<M::A>(op.a), warp.get::<M::B>(op.b));
        let mut r = [M::R::default(); 32];
        let mut lane = 0;
        while lane < 32 {
            r[lane] = M::map(a[lane], b[lane]);
            lane += 1;
        }
        warp.put(op.dst, r);
        true
    }
}

impl<M: Map3> Work for Three<M> {
    #[inline(always)]
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let (a, b, c) = (warp.get::<M::A>(op.a), warp.get::<M::B>(op.b), warp.get::<M::C>(op.c));
        let mut r = [M::R::default(); 32];
        let mut lane = 0;
        while lane < 32 {
            r[lane] = M::map(a[lane], b[lane], c[lane]);
            lane += 1;
        }
        warp.put(op.dst, r);
        true
    }
}

unsafe fn baseline<E: Exec>(warp: *mut Warp, op: *const Op) -> *const Op {
    // SAFETY: the contract is passed on.
    unsafe { E::exec(warp, op) }
}

#[target_feature(enable = "avx2,fma,f16c,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn avx2<E: Exec>(warp: *mut Warp, op: *const Op) -> *const Op {
    // SAFETY: the contract is passed on.
    unsafe { E::exec(warp, op) }
}

#[target_feature(enable = "avx2,fma,f16c,bmi1,bmi2,lzcnt,popcnt,avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
unsafe fn avx512<E: Exec>(warp: *mut Warp, op: *const Op) -> *const Op {
    // SAFETY: the contract is passed on.
    unsafe { E::exec(warp, op) }
}

/// The build of a handler for an instruction set. Whoever runs it has made sure that the CPU has that.
pub(crate) fn pick<E: Exec>(isa: Isa) -> Handler {
    match isa {
        Isa::Baseline => baseline::<E>,
        Isa::Avx2 => avx2::<E>,
        Isa::Avx512 => avx512::<E>,
    }
}

/// A handler that gains nothing from wide instructions.
pub(crate) fn plain<E: Exec>() -> Handler {
    baseline::<E>
}

/// Runs an operation for the lanes that its guard allows.
pub(crate) struct Guarded;

impl Exec for Guarded {
    #[inline(always)]
    unsafe fn exec(warp: *mut Warp, op: *const Op) -> *const Op {
        // SAFETY: as for a handler; the inner one gets what this one got.
        unsafe {
            let (w, o) = (&mut *warp, &*op);
            let truth = w.pred(o.guard & !1) ^ 0_u32.wrapping_sub(o.guard & 1);
            let (mask, write) = (w.mask, w.write);
            let allowed = mask & truth;
            if allowed == mask {
                return (o.inner)(warp, op);
            }
            if allowed == 0 {
                return op.add(1);
            }
            let lanes = w.lanes;
            w.mask = allowed;
            w.write = allowed;
            w.lanes = expand(allowed);
            let next = (o.inner)(warp, op);
            let w = &mut *warp;
            w.mask = mask;
            w.write = write;
            w.lanes = lanes;
            next
        }
    }
}
