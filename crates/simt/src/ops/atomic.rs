//! Atomics (9.7.13.15 and 16) of all types and scopes. Lanes go one after another, lowest first.
//!
//! Every operation is one of the CPU's own, or a loop around compare-and-exchange, with the strongest order: scopes and
//! weaker orders only allow more.
#![expect(unsafe_code, reason = "atomics in guest memory")]

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering};

use cuferry_ptx::{Mnemonic, Operand, Space, Type, Word};

use super::float::{canonical32, flush32, second_nan};
use super::half::{bf16_from, bf16_to, f16_from, f16_to};
use crate::block::SPIN;
use crate::code::{Handler, NOWHERE, Op, Width};
use crate::decode::{Decoder, Form, Refused, fields};
use crate::lanes::{Lane, Work, lanes_in, plain};
use crate::space::{Flat, Reach, Shared};
use crate::warp::Warp;
use crate::watch::Kind;

/// A cell of memory that is changed as a whole.
trait Cell: Lane + PartialEq {
    /// Replaces what is at `address` by what `change` makes of it, and gives what was there.
    ///
    /// # Safety
    /// The address is that of mapped memory, aligned to the cell.
    unsafe fn update(address: u64, change: impl Fn(Self) -> Self) -> Self;
}

/// The same where no other thread can reach the cell, which spares the CPU's lock.
///
/// # Safety
/// As for [`Cell::update`], and nobody else uses the cell.
#[inline(always)]
unsafe fn replace<T: Lane>(address: u64, change: impl Fn(T) -> T) -> T {
    // SAFETY: as the caller says.
    unsafe {
        let cell = address as *mut T;
        let old = cell.read_unaligned();
        cell.write_unaligned(change(old));
        old
    }
}

macro_rules! cell {
    ($($type:ty: $atomic:ty;)*) => {$(
        impl Cell for $type {
            #[inline(always)]
            unsafe fn update(address: u64, change: impl Fn(Self) -> Self) -> Self {
                // SAFETY: as the caller says; other threads reach the cell by atomics or race with them, as on a GPU.
                let cell = unsafe { <$atomic>::from_ptr(address as *mut $type) };
                let mut old = cell.load(Ordering::Relaxed);
                loop {
                    let new = change(old);
                    match cell.compare_exchange_weak(old, new, Ordering::SeqCst, Ordering::Relaxed) {
                        Ok(old) => return old,
                        Err(now) => old = now,
                    }
                }
            }
        }
    )*};
}
cell! {
    u16: AtomicU16;
    u32: AtomicU32;
    u64: AtomicU64;
}

/// What an atomic makes of the old value and its operands.
trait Change<T> {
    /// Whether it may be part of a loop that waits.
    const SPINS: bool = false;
    fn change(old: T, b: T, c: T) -> T;
    /// The CPU's own instruction for it, where there is one.
    ///
    /// # Safety
    /// As for [`Cell::update`].
    unsafe fn direct(_address: u64, _b: T) -> Option<T> {
        None
    }
}

macro_rules! change {
    ($($name:ident: $type:ty, |$old:ident, $b:ident, $c:ident| $body:expr;)*) => {$(
        struct $name;
        impl Change<$type> for $name {
            #[inline(always)]
            fn change($old: $type, $b: $type, $c: $type) -> $type {
                let _ = ($b, $c);
                $body
            }
        }
    )*};
}
macro_rules! direct {
    ($($name:ident: $type:ty, $atomic:ty, $method:ident, $spins:literal, |$old:ident, $b:ident| $body:expr;)*) => {$(
        struct $name;
        impl Change<$type> for $name {
            const SPINS: bool = $spins;
            #[inline(always)]
            fn change($old: $type, $b: $type, _c: $type) -> $type {
                $body
            }
            #[inline(always)]
            unsafe fn direct(address: u64, b: $type) -> Option<$type> {
                // SAFETY: as the caller says.
                let cell = unsafe { <$atomic>::from_ptr(address as *mut $type) };
                Some(cell.$method(b, Ordering::SeqCst))
            }
        }
    )*};
}
direct! {
    Add32: u32, AtomicU32, fetch_add, false, |old, b| old.wrapping_add(b);
    Add64: u64, AtomicU64, fetch_add, false, |old, b| old.wrapping_add(b);
    Exch32: u32, AtomicU32, swap, true, |_old, b| b;
    Exch64: u64, AtomicU64, swap, true, |_old, b| b;
}
change! {
    And32: u32, |old, b, c| old & b;
    Or32: u32, |old, b, c| old | b;
    Xor32: u32, |old, b, c| old ^ b;
    And64: u64, |old, b, c| old & b;
    Or64: u64, |old, b, c| old | b;
    Xor64: u64, |old, b, c| old ^ b;
    Min32: u32, |old, b, c| old.min(b);
    Max32: u32, |old, b, c| old.max(b);
    Min32S: u32, |old, b, c| old.cast_signed().min(b.cast_signed()).cast_unsigned();
    Max32S: u32, |old, b, c| old.cast_signed().max(b.cast_signed()).cast_unsigned();
    Min64: u64, |old, b, c| old.min(b);
    Max64: u64, |old, b, c| old.max(b);
    Min64S: u64, |old, b, c| old.cast_signed().min(b.cast_signed()).cast_unsigned();
    Max64S: u64, |old, b, c| old.cast_signed().max(b.cast_signed()).cast_unsigned();
    Inc32: u32, |old, b, c| if old >= b { 0 } else { old + 1 };
    Dec32: u32, |old, b, c| if old == 0 || old > b { b } else { old - 1 };
    AddF32: u32, |old, b, c| canonical32(f32::from_bits(old) + f32::from_bits(b)).to_bits();
    // Global atomics of `.f32` flush subnormals, shared ones don't (9.7.13.15).
    AddF32Ftz: u32, |old, b, c| {
        canonical32(flush32(flush32(f32::from_bits(old)) + flush32(f32::from_bits(b)))).to_bits()
    };
    AddF64: u64, |old, b, c| second_nan(f64::from_bits(b), f64::from_bits(old), f64::from_bits(old) + f64::from_bits(b)).to_bits();
    // Global memory that holds a NaN stays as it is, quiet or not.
    AddF64Global: u64, |old, b, c| if f64::from_bits(old).is_nan() { old } else { AddF64::change(old, b, c) };
    AddF16: u16, |old, b, c| f16_from(f16_to(old) + f16_to(b));
    AddBf16: u16, |old, b, c| bf16_from(bf16_to(old) + bf16_to(b));
    AddF16x2: u32, |old, b, c| pair(old, b, |x, y| f16_from(f16_to(x) + f16_to(y)));
    AddBf16x2: u32, |old, b, c| pair(old, b, |x, y| bf16_from(bf16_to(x) + bf16_to(y)));
}

#[inline(always)]
fn pair(a: u32, b: u32, f: impl Fn(u16, u16) -> u16) -> u32 {
    u32::from(f(a as u16, b as u16)) | u32::from(f((a >> 16) as u16, (b >> 16) as u16)) << 16
}

macro_rules! cas {
    ($($name:ident: $type:ty;)*) => {$(
        struct $name;
        impl Change<$type> for $name {
            const SPINS: bool = true;
            #[inline(always)]
            fn change(old: $type, b: $type, c: $type) -> $type {
                if old == b { c } else { old }
            }
        }
    )*};
}
cas! {
    Cas16: u16;
    Cas32: u32;
    Cas64: u64;
}

/// Changes each lane's cell, lowest first, and keeps what was there where somebody wants it.
#[inline(always)]
fn in_turn<T: Cell>(
    warp: &mut Warp,
    op: &Op,
    addresses: &[u64; 32],
    change: impl Fn(usize, u64) -> T,
) -> bool {
    let mut r = [T::default(); 32];
    for lane in lanes_in(warp.mask) {
        r[lane] = change(lane, addresses[lane]);
    }
    if op.dst != NOWHERE {
        warp.put(op.dst, r);
    }
    true
}

/// `a` the address, `b` and `c` the operands, `dst` where the old value goes, or nowhere.
struct Atomic<S, T, C>(PhantomData<(S, T, C)>);
impl<S: Reach, T: Cell, C: Change<T>> Work for Atomic<S, T, C> {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let Some(addresses) = S::reach(warp, op, size_of::<T>() as u32, true) else { return false };
        if C::SPINS {
            warp.budget -= SPIN;
        }
        let (b, c) = (warp.get::<T>(op.b), warp.get::<T>(op.c));
        in_turn(warp, op, &addresses, |lane, address| {
            let change = |old| C::change(old, b[lane], c[lane]);
            // SAFETY: `reach` has checked the address, or checks are off.
            unsafe {
                if S::OWN {
                    return replace(address, change);
                }
                C::direct(address, b[lane]).unwrap_or_else(|| T::update(address, change))
            }
        })
    }
}

/// An addition by a generic address: what it does to subnormals and NaNs depends on the memory that it meets.
struct AtomicAdd<T, G, L>(PhantomData<(T, G, L)>);
impl<T: Cell, G: Change<T>, L: Change<T>> Work for AtomicAdd<T, G, L> {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let Some(addresses) = Flat::reach(warp, op, size_of::<T>() as u32, true) else { return false };
        let (b, spaces) = (warp.get::<T>(op.b), warp.spaces);
        in_turn(warp, op, &addresses, |lane, address| {
            let own = spaces.in_shared(address);
            let change =
                |old| if own { L::change(old, b[lane], b[lane]) } else { G::change(old, b[lane], b[lane]) };
            // SAFETY: `reach` has checked the address, or checks are off.
            unsafe { T::update(address, change) }
        })
    }
}

/// The memory that an atomic meets, as far as its instruction says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Met {
    Global,
    Shared,
    Either,
}

fn handler<S: Reach>(operation: Word, ty: Type, memory: Met) -> Option<(Handler, Width)> {
    use Type as T;
    macro_rules! of {
        ($type:ty, $change:ty) => {
            plain::<Atomic<S, $type, $change>>()
        };
    }
    let run = match (operation, ty) {
        (Word::Add, T::U32 | T::S32) => of!(u32, Add32),
        (Word::Add, T::U64 | T::S64) => of!(u64, Add64),
        (Word::Add, T::F32) if memory == Met::Global => of!(u32, AddF32Ftz),
        (Word::Add, T::F64) if memory == Met::Global => of!(u64, AddF64Global),
        (Word::Add, T::F32) if memory == Met::Either => plain::<AtomicAdd<u32, AddF32Ftz, AddF32>>(),
        (Word::Add, T::F64) if memory == Met::Either => plain::<AtomicAdd<u64, AddF64Global, AddF64>>(),
        (Word::Add, T::F32) => of!(u32, AddF32),
        (Word::Add, T::F64) => of!(u64, AddF64),
        (Word::Add, T::F16) => of!(u16, AddF16),
        (Word::Add, T::Bf16) => of!(u16, AddBf16),
        (Word::Add, T::F16x2) => of!(u32, AddF16x2),
        (Word::Add, T::Bf16x2) => of!(u32, AddBf16x2),
        (Word::Exch, T::B32) => of!(u32, Exch32),
        (Word::Exch, T::B64) => of!(u64, Exch64),
        (Word::Cas, T::B16) => of!(u16, Cas16),
        (Word::Cas, T::B32) => of!(u32, Cas32),
        (Word::Cas, T::B64) => of!(u64, Cas64),
        (Word::And, T::B32) => of!(u32, And32),
        (Word::Or, T::B32) => of!(u32, Or32),
        (Word::Xor, T::B32) => of!(u32, Xor32),
        (Word::And, T::B64) => of!(u64, And64),
        (Word::Or, T::B64) => of!(u64, Or64),
        (Word::Xor, T::B64) => of!(u64, Xor64),
        (Word::Min, T::U32) => of!(u32, Min32),
        (Word::Max, T::U32) => of!(u32, Max32),
        (Word::Min, T::S32) => of!(u32, Min32S),
        (Word::Max, T::S32) => of!(u32, Max32S),
        (Word::Min, T::U64) => of!(u64, Min64),
        (Word::Max, T::U64) => of!(u64, Max64),
        (Word::Min, T::S64) => of!(u64, Min64S),
        (Word::Max, T::S64) => of!(u64, Max64S),
        (Word::Inc, T::U32) => of!(u32, Inc32),
        (Word::Dec, T::U32) => of!(u32, Dec32),
        _ => return None,
    };
    Some((run, Width::of_bits(ty.bits()?)?))
}

const OPERATIONS: [Word; 10] = [
    Word::Add,
    Word::Exch,
    Word::Cas,
    Word::And,
    Word::Or,
    Word::Xor,
    Word::Min,
    Word::Max,
    Word::Inc,
    Word::Dec,
];

pub(super) fn decode<'p>(
    decoder: &mut Decoder<'p>,
    mnemonic: Mnemonic,
    mut form: Form<'p>,
) -> Result<(), Refused> {
    if form.has(Word::Async) {
        return Err("`red.async` is not supported".to_owned());
    }
    form.semantics();
    form.scope();
    let space = form.space();
    let operation = form.one_of(&OPERATIONS).ok_or("it has no operation")?;
    form.other("noftz");
    form.has(Word::NoFtz);
    form.drop_hints();
    if form.has(Word::L2CacheHint) {
        return Err("a cache policy is not supported here".to_owned());
    }
    if form.vector().is_some() {
        return Err("vectors are not supported here".to_owned());
    }
    let ty = form.ty()?;
    let red = mnemonic == Mnemonic::Red;
    let cas = operation == Word::Cas;
    form.done(2 + usize::from(!red) + usize::from(cas))?;
    let operands = if red { form.operands } else { &form.operands[1..] };
    let Operand::Address(address) = &operands[0] else { return Err("it has no address".to_owned()) };
    let (found, base) = match space {
        None => (handler::<Flat>(operation, ty, Met::Either), decoder.flat_base(address)?),
        Some(Space::Global) => (handler::<Flat>(operation, ty, Met::Global), decoder.flat_base(address)?),
        Some(Space::Shared | Space::SharedCta | Space::SharedCluster) => {
            (handler::<Shared>(operation, ty, Met::Shared), decoder.window_base(address)?)
        }
        Some(space) => return Err(format!("`.{space}` is not supported here")),
    };
    let (run, _) = found.ok_or_else(|| format!("`.{operation}.{ty}` is not supported"))?;
    let b = decoder.source(&operands[1], ty)?;
    let c = if cas { decoder.source(&operands[2], ty)? } else { b };
    let aux = decoder.access();
    let op = Op { run, a: base.place, imm: base.offset, b, c, aux, dst: NOWHERE, ..fields() };
    let (shared, bytes) = (space.is_some_and(|space| space != Space::Global), ty.bits().unwrap_or(0) / 8);
    let access = Kind::READ.with(Kind::WRITE).with(Kind::ATOMIC).with(Kind::RELEASE);
    decoder.note(&op, shared, bytes, access);
    if red || matches!(form.operands[0], Operand::Sink) {
        decoder.push(op);
        decoder.note(&op, shared, bytes, Kind::ACQUIRE);
        return Ok(());
    }
    let dst = decoder.destination(&form.operands[0], ty)?;
    decoder.push(Op { dst: dst.place, ..op });
    // The address may have been where the old value went.
    if dst.place != op.a {
        decoder.note(&op, shared, bytes, Kind::ACQUIRE);
    }
    decoder.settle(dst, ty)
}
