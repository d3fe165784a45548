//! Moves: `mov` with packing and unpacking, selection, addresses of spaces, and changes of width.

use cuferry_ptx::{Mnemonic, Operand, Space, Type};

use crate::code::{Handler, Op, Width};
use crate::decode::{Decoder, Form, Refused, fields};
use crate::fault::FaultKind;
use crate::isa::Isa;
use crate::lanes::{One, Three, Two, Work, lanes_in, mask_where, pick};
use crate::space::{CLUSTER_SHIFT, shared_base};
use crate::warp::Warp;

macro_rules! map1 {
    ($name:ident, $a:ty => $r:ty, |$x:ident| $body:expr) => {
        struct $name;
        impl crate::lanes::Map1 for $name {
            type A = $a;
            type R = $r;
            #[inline(always)]
            fn map($x: $a) -> $r {
                $body
            }
        }
    };
}
pub(super) use map1;

macro_rules! map2 {
    ($name:ident, $a:ty, $b:ty => $r:ty, |$x:ident, $y:ident| $body:expr) => {
        struct $name;
        impl crate::lanes::Map2 for $name {
            type A = $a;
            type B = $b;
            type R = $r;
            #[inline(always)]
            fn map($x: $a, $y: $b) -> $r {
                $body
            }
        }
    };
}
pub(super) use map2;

macro_rules! map3 {
    ($name:ident, $a:ty, $b:ty, $c:ty => $r:ty, |$x:ident, $y:ident, $z:ident| $body:expr) => {
        struct $name;
        impl crate::lanes::Map3 for $name {
            type A = $a;
            type B = $b;
            type C = $c;
            type R = $r;
            #[inline(always)]
            fn map($x: $a, $y: $b, $z: $c) -> $r {
                $body
            }
        }
    };
}
pub(super) use map3;

map1!(Copy16, u16 => u16, |a| a);
map1!(Copy32, u32 => u32, |a| a);
map1!(Copy64, u64 => u64, |a| a);
map1!(Copy128, u128 => u128, |a| a);
map1!(Widen16To32, u16 => u32, |a| a.into());
map1!(Widen16To64, u16 => u64, |a| a.into());
map1!(Widen32To64, u32 => u64, |a| a.into());
map1!(Sign16To32, i16 => i32, |a| a.into());
map1!(Sign16To64, i16 => i64, |a| a.into());
map1!(Sign32To64, i32 => i64, |a| a.into());
map1!(Widen64To128, u64 => u128, |a| a.into());
map1!(Narrow32To16, u32 => u16, |a| a as u16);
map1!(Narrow64To16, u64 => u16, |a| a as u16);
map1!(Narrow64To32, u64 => u32, |a| a as u32);
map1!(Narrow128To64, u128 => u64, |a| a as u64);
map1!(High32To16, u32 => u16, |a| (a >> 16) as u16);
map1!(High64To32, u64 => u32, |a| (a >> 32) as u32);
map1!(High128To64, u128 => u64, |a| (a >> 64) as u64);
map2!(Join16, u16, u16 => u32, |a, b| u32::from(a) | u32::from(b) << 16);
map2!(Join32, u32, u32 => u64, |a, b| u64::from(a) | u64::from(b) << 32);
map2!(Join64, u64, u64 => u128, |a, b| u128::from(a) | u128::from(b) << 64);

/// What turns a value of one width into another: zeros or the sign above, or the upper part dropped.
pub(crate) fn resize(isa: Isa, from: Width, to: Width, signed: bool) -> Option<Handler> {
    Some(match (from, to, signed) {
        (Width::Pred, Width::Pred, _) => pick::<CopyPredicate>(isa),
        (Width::W16, Width::W16, _) => pick::<One<Copy16>>(isa),
        (Width::W32, Width::W32, _) => pick::<One<Copy32>>(isa),
        (Width::W64, Width::W64, _) => pick::<One<Copy64>>(isa),
        (Width::W128, Width::W128, _) => pick::<One<Copy128>>(isa),
        (Width::W16, Width::W32, false) => pick::<One<Widen16To32>>(isa),
        (Width::W16, Width::W64, false) => pick::<One<Widen16To64>>(isa),
        (Width::W32, Width::W64, false) => pick::<One<Widen32To64>>(isa),
        (Width::W64, Width::W128, false) => pick::<One<Widen64To128>>(isa),
        (Width::W16, Width::W32, true) => pick::<One<Sign16To32>>(isa),
        (Width::W16, Width::W64, true) => pick::<One<Sign16To64>>(isa),
        (Width::W32, Width::W64, true) => pick::<One<Sign32To64>>(isa),
        (Width::W32, Width::W16, _) => pick::<One<Narrow32To16>>(isa),
        (Width::W64, Width::W16, _) => pick::<One<Narrow64To16>>(isa),
        (Width::W64, Width::W32, _) => pick::<One<Narrow64To32>>(isa),
        (Width::W128, Width::W64, _) => pick::<One<Narrow128To64>>(isa),
        _ => return None,
    })
}

pub(crate) struct CopyPredicate;
impl Work for CopyPredicate {
    #[inline(always)]
    fn work(warp: &mut Warp, op: &Op) -> bool {
        warp.put_pred(op.dst, warp.pred(op.a));
        true
    }
}

pub(crate) struct NotPredicate;
impl Work for NotPredicate {
    #[inline(always)]
    fn work(warp: &mut Warp, op: &Op) -> bool {
        warp.put_pred(op.dst, !warp.pred(op.a));
        true
    }
}

/// The offset of dynamic shared memory, and `imm`.
pub(crate) struct DynamicSharedAddress;
impl Work for DynamicSharedAddress {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let address = u64::from(warp.code().shared).wrapping_add(op.imm);
        warp.put(op.dst, [address; 32]);
        true
    }
}

/// The function's base in local memory, and `imm`.
pub(crate) struct LocalAddress;
impl Work for LocalAddress {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let address = u64::from(warp.local).wrapping_add(op.imm);
        warp.put(op.dst, [address; 32]);
        true
    }
}

/// Clocks: `imm` 1 for the wall clock in ns, else operations that the CPU's counter stands for; `b` 1: the upper half.
pub(crate) struct Clock32;
impl Work for Clock32 {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let now = clock(warp, op.imm);
        warp.put(op.dst, [if op.b == 1 { (now >> 32) as u32 } else { now as u32 }; 32]);
        true
    }
}

pub(crate) struct Clock64;
impl Work for Clock64 {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let now = clock(warp, op.imm);
        warp.put(op.dst, [now; 32]);
        true
    }
}

/// A clock that somebody may be waiting for: others get their turn sooner.
fn clock(warp: &mut Warp, wall: u64) -> u64 {
    warp.budget -= crate::block::SPIN / 64;
    let spec = if wall == 1 { rustix::time::ClockId::Realtime } else { rustix::time::ClockId::Monotonic };
    let now = rustix::time::clock_gettime(spec);
    now.tv_sec.cast_unsigned().wrapping_mul(1_000_000_000).wrapping_add(now.tv_nsec.cast_unsigned())
}

macro_rules! select {
    ($name:ident, $type:ty) => {
        pub(super) struct $name;
        impl Work for $name {
            #[inline(always)]
            fn work(warp: &mut Warp, op: &Op) -> bool {
                let (a, b) = (warp.get::<$type>(op.a), warp.get::<$type>(op.b));
                let lanes = crate::lanes::expand(warp.pred(op.c)).0;
                let mut r = a;
                let mut lane = 0;
                while lane < 32 {
                    r[lane] = <$type as crate::lanes::Lane>::select(lanes[lane], a[lane], b[lane]);
                    lane += 1;
                }
                warp.put(op.dst, r);
                true
            }
        }
    };
}
select!(Select16, u16);
select!(Select32, u32);
select!(Select64, u64);

map3!(Slct16S, u16, u16, i32 => u16, |a, b, c| if c >= 0 { a } else { b });
map3!(Slct32S, u32, u32, i32 => u32, |a, b, c| if c >= 0 { a } else { b });
map3!(Slct64S, u64, u64, i32 => u64, |a, b, c| if c >= 0 { a } else { b });
map3!(Slct16F, u16, u16, f32 => u16, |a, b, c| if c >= 0.0 { a } else { b });
map3!(Slct32F, u32, u32, f32 => u32, |a, b, c| if c >= 0.0 { a } else { b });
map3!(Slct64F, u64, u64, f32 => u64, |a, b, c| if c >= 0.0 { a } else { b });
map1!(Flush, f32 => f32, |a| super::float::flush32(a));

/// `cvta.shared`: offsets to addresses.
pub(super) struct FromShared;
impl Work for FromShared {
    #[inline(always)]
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let mut a = warp.get::<u64>(op.a);
        for address in &mut a {
            let (base, offset) =
                shared_base(warp, *address as u32).unwrap_or((warp.spaces.shared, *address as u32));
            *address = base + u64::from(offset);
        }
        warp.put(op.dst, a);
        true
    }
}

/// `cvta.to.shared`: addresses to offsets.
struct ToShared;
impl Work for ToShared {
    #[inline(always)]
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let mut a = warp.get::<u64>(op.a);
        for address in &mut a {
            *address = shared_offset(warp, *address);
        }
        warp.put(op.dst, a);
        true
    }
}

/// The shared address of a generic one.
fn shared_offset(warp: &Warp, address: u64) -> u64 {
    let own = address.wrapping_sub(warp.spaces.shared);
    if own < u64::from(warp.spaces.shared_size) {
        return own;
    }
    for (rank, &base) in (1_u64..).zip(warp.spaces.peers()) {
        let offset = address.wrapping_sub(base);
        if offset < u64::from(warp.spaces.shared_size) {
            return (rank << CLUSTER_SHIFT) | offset;
        }
    }
    own & 0xffff_ffff
}

struct FromLocal;
impl Work for FromLocal {
    #[inline(always)]
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let mut a = warp.get::<u64>(op.a);
        for (lane, address) in a.iter_mut().enumerate() {
            *address = warp.spaces.local_of(lane).wrapping_add(*address);
        }
        warp.put(op.dst, a);
        true
    }
}

struct ToLocal;
impl Work for ToLocal {
    #[inline(always)]
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let mut a = warp.get::<u64>(op.a);
        for (lane, address) in a.iter_mut().enumerate() {
            *address = address.wrapping_sub(warp.spaces.local_of(lane));
        }
        warp.put(op.dst, a);
        true
    }
}

struct IsShared;
impl Work for IsShared {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let a = warp.get::<u64>(op.a);
        let inside =
            mask_where(|lane| a[lane].wrapping_sub(warp.spaces.shared) < u64::from(warp.spaces.shared_size));
        warp.put_pred(op.dst, inside);
        true
    }
}

struct IsSharedCluster;
impl Work for IsSharedCluster {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let a = warp.get::<u64>(op.a);
        warp.put_pred(op.dst, mask_where(|lane| warp.spaces.in_shared(a[lane])));
        true
    }
}

struct IsLocal;
impl Work for IsLocal {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let a = warp.get::<u64>(op.a);
        warp.put_pred(op.dst, mask_where(|lane| warp.spaces.in_local(a[lane], lane)));
        true
    }
}

/// Global is what is neither a block's nor a thread's own, nor constant.
struct IsGlobal;
impl Work for IsGlobal {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let a = warp.get::<u64>(op.a);
        let global = |lane: usize| {
            !warp.spaces.in_shared(a[lane])
                && !warp.spaces.in_local(a[lane], lane)
                && warp.spaces.memory().range(a[lane]).is_none_or(|range| range.2)
        };
        warp.put_pred(op.dst, mask_where(global));
        true
    }
}

struct IsConstant;
impl Work for IsConstant {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let a = warp.get::<u64>(op.a);
        let constant = |lane: usize| warp.spaces.memory().range(a[lane]).is_some_and(|range| !range.2);
        warp.put_pred(op.dst, mask_where(constant));
        true
    }
}

/// `mapa`: the same place in the shared memory of block `b` of the cluster; `c` 1 for generic addresses.
struct Map;
impl Work for Map {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let (a, b) = (warp.get::<u64>(op.a), warp.get::<u32>(op.b));
        let mut r = [0; 32];
        for lane in lanes_in(warp.mask) {
            let Some(&base) = warp.spaces.peers().get(b[lane] as usize) else {
                let what = format!("block {} of a cluster of {}", b[lane], warp.spaces.peers().len());
                warp.fail(op, FaultKind::BadOperand(what), lane as u32);
                return false;
            };
            let shared = if op.c == 1 { shared_offset(warp, a[lane]) } else { a[lane] };
            let offset = shared & ((1 << CLUSTER_SHIFT) - 1);
            r[lane] =
                if op.c == 1 { base + offset } else { (u64::from(b[lane]) + 1) << CLUSTER_SHIFT | offset };
        }
        warp.put(op.dst, r);
        true
    }
}

/// `getctarank`: which block of the cluster an address belongs to; `b` 1 for generic addresses.
struct Rank;
impl Work for Rank {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let a = warp.get::<u64>(op.a);
        let mut r = [0_u32; 32];
        for lane in 0..32 {
            let shared = if op.b == 1 { shared_offset(warp, a[lane]) } else { a[lane] };
            let rank = (shared >> CLUSTER_SHIFT) as u32;
            r[lane] = if rank == 0 { warp.spaces.rank } else { rank - 1 };
        }
        warp.put(op.dst, r);
        true
    }
}

pub(super) fn decode<'p>(
    decoder: &mut Decoder<'p>,
    mnemonic: Mnemonic,
    mut form: Form<'p>,
) -> Result<(), Refused> {
    match mnemonic {
        Mnemonic::Mov => mov(decoder, form),
        Mnemonic::Cvta => cvta(decoder, form),
        Mnemonic::Isspacep => {
            let space = form.space().ok_or("it names no space")?;
            form.done(2)?;
            let dst = decoder.destination(&form.operands[0], Type::Pred)?;
            let a = decoder.source(&form.operands[1], Type::U64)?;
            let fields = Op { dst: dst.place, a, ..fields() };
            match space {
                Space::Global => decoder.work::<IsGlobal>(fields),
                Space::Shared | Space::SharedCta => decoder.work::<IsShared>(fields),
                Space::SharedCluster => decoder.work::<IsSharedCluster>(fields),
                Space::Local => decoder.work::<IsLocal>(fields),
                Space::Const | Space::Param | Space::ParamEntry => decoder.work::<IsConstant>(fields),
                _ => return Err(format!("`.{space}` is not supported here")),
            }
            Ok(())
        }
        Mnemonic::Selp => {
            let ty = form.ty()?;
            form.done(4)?;
            let dst = decoder.destination(&form.operands[0], ty)?;
            let a = decoder.source(&form.operands[1], ty)?;
            let b = decoder.source(&form.operands[2], ty)?;
            let c = decoder.predicate(&form.operands[3])?;
            let fields = Op { dst: dst.place, a, b, c, ..fields() };
            match ty.bits() {
                Some(16) => decoder.work::<Select16>(fields),
                Some(32) => decoder.work::<Select32>(fields),
                Some(64) => decoder.work::<Select64>(fields),
                _ => return Err(format!("`.{ty}` is not supported here")),
            }
            decoder.settle(dst, ty)
        }
        Mnemonic::Slct => {
            let ftz = form.has(cuferry_ptx::Word::Ftz);
            let (ty, on) = (form.ty()?, form.ty()?);
            form.done(4)?;
            let dst = decoder.destination(&form.operands[0], ty)?;
            let a = decoder.source(&form.operands[1], ty)?;
            let b = decoder.source(&form.operands[2], ty)?;
            let mut c = decoder.source(&form.operands[3], on)?;
            if ftz && on == Type::F32 {
                let flushed = decoder.temporary(Width::W32);
                decoder.work::<One<Flush>>(Op { dst: flushed, a: c, ..fields() });
                c = flushed;
            }
            let fields = Op { dst: dst.place, a, b, c, ..fields() };
            match (ty.bits(), on) {
                (Some(16), Type::S32) => decoder.work::<Three<Slct16S>>(fields),
                (Some(32), Type::S32) => decoder.work::<Three<Slct32S>>(fields),
                (Some(64), Type::S32) => decoder.work::<Three<Slct64S>>(fields),
                (Some(16), Type::F32) => decoder.work::<Three<Slct16F>>(fields),
                (Some(32), Type::F32) => decoder.work::<Three<Slct32F>>(fields),
                (Some(64), Type::F32) => decoder.work::<Three<Slct64F>>(fields),
                _ => return Err(format!("`.{ty}.{on}` is not supported")),
            }
            decoder.settle(dst, ty)
        }
        Mnemonic::Mapa | Mnemonic::Getctarank => cluster_address(decoder, mnemonic, form),
        _ => Err("not supported".to_owned()),
    }
}

fn cluster_address<'p>(
    decoder: &mut Decoder<'p>,
    mnemonic: Mnemonic,
    mut form: Form<'p>,
) -> Result<(), Refused> {
    let shared = form.space();
    let ty = form.ty()?;
    if !matches!(shared, None | Some(Space::SharedCluster)) || !matches!(ty, Type::U32 | Type::U64) {
        return Err("not a form of the manual".to_owned());
    }
    let generic = u32::from(shared.is_none());
    if mnemonic == Mnemonic::Mapa {
        form.done(3)?;
        let a = address_value(decoder, &form.operands[1])?;
        let b = decoder.source(&form.operands[2], Type::U32)?;
        let wide = decoder.temporary(Width::W64);
        decoder.work::<Map>(Op { dst: wide, a, b, c: generic, ..fields() });
        let dst = decoder.destination(&form.operands[0], ty)?;
        narrow_address(decoder, dst.place, wide, ty)?;
        return decoder.settle(dst, ty);
    }
    form.done(2)?;
    let a = address_value(decoder, &form.operands[1])?;
    let dst = decoder.destination(&form.operands[0], Type::U32)?;
    decoder.work::<Rank>(Op { dst: dst.place, a, b: generic, ..fields() });
    decoder.settle(dst, Type::U32)
}

/// An address operand as a 64-bit value, whatever the register's width.
fn address_value<'p>(decoder: &mut Decoder<'p>, operand: &'p Operand<'p>) -> Result<u32, Refused> {
    let (width, place) = decoder.value(operand)?;
    match width {
        Width::W64 => Ok(place),
        Width::W32 => {
            let wide = decoder.temporary(Width::W64);
            decoder.work::<One<Widen32To64>>(Op { dst: wide, a: place, ..fields() });
            Ok(wide)
        }
        _ => Err("an address has 32 or 64 bits".to_owned()),
    }
}

fn narrow_address(decoder: &mut Decoder<'_>, dst: u32, wide: u32, ty: Type) -> Result<(), Refused> {
    let width = if ty.bits() == Some(32) { Width::W32 } else { Width::W64 };
    let run = resize(decoder.isa, Width::W64, width, false).ok_or("this width is not supported")?;
    decoder.push(Op { run, dst, a: wide, ..fields() });
    Ok(())
}

fn cvta<'p>(decoder: &mut Decoder<'p>, mut form: Form<'p>) -> Result<(), Refused> {
    let to = form.has(cuferry_ptx::Word::To);
    let space = form.space().ok_or("it names no space")?;
    let ty = form.ty()?;
    form.done(2)?;
    let a = address_value(decoder, &form.operands[1])?;
    if matches!(space, Space::Global | Space::Const | Space::Param | Space::ParamEntry)
        && let Operand::Name(name) = &form.operands[0]
        && decoder.is_fixed(a)
        && decoder.alias(name, Width::W64, a)
    {
        return Ok(());
    }
    let dst = decoder.destination(&form.operands[0], ty)?;
    let wide = if ty.bits() == Some(64) { dst.place } else { decoder.temporary(Width::W64) };
    let fields = Op { dst: wide, a, ..fields() };
    match (space, to) {
        (Space::Global | Space::Const | Space::Param | Space::ParamEntry, _) => {
            decoder.work::<One<Copy64>>(fields);
        }
        (Space::Shared | Space::SharedCta | Space::SharedCluster, false) => {
            decoder.work::<FromShared>(fields);
        }
        (Space::Shared | Space::SharedCta | Space::SharedCluster, true) => decoder.work::<ToShared>(fields),
        (Space::Local, false) => decoder.work::<FromLocal>(fields),
        (Space::Local, true) => decoder.work::<ToLocal>(fields),
        _ => return Err(format!("`.{space}` is not supported here")),
    }
    if wide != dst.place {
        narrow_address(decoder, dst.place, wide, ty)?;
    }
    decoder.settle(dst, ty)
}

fn mov<'p>(decoder: &mut Decoder<'p>, mut form: Form<'p>) -> Result<(), Refused> {
    let ty = form.ty()?;
    form.done(2)?;
    match (&form.operands[0], &form.operands[1]) {
        (to, Operand::Vector(parts)) => pack(decoder, to, parts, ty),
        (Operand::Vector(parts), from) => unpack(decoder, parts, from, ty),
        (to, from) => {
            let width = ty.bits().and_then(Width::of_bits).ok_or("this width is not supported")?;
            if ty.bits() == Some(8) {
                return Err("`mov` has no types of 8 bits".to_owned());
            }
            // A whole vector register: element by element.
            if let (Operand::Name(to), Operand::Name(from)) = (to, from)
                && let Some((own, places)) = decoder.vector_register(to)
            {
                let (other, sources) = decoder.vector_register(from).ok_or("only one side is a vector")?;
                let run = resize(decoder.isa, own, own, false).ok_or("this width is not supported")?;
                if own != other || places.len() != sources.len() {
                    return Err("the vectors differ".to_owned());
                }
                for (&dst, &a) in places.iter().zip(&sources) {
                    decoder.push(Op { run, dst, a, ..fields() });
                }
                return Ok(());
            }
            let a = decoder.source(from, ty)?;
            if let Operand::Name(name) = to
                && decoder.is_fixed(a)
                && decoder.alias(name, width, a)
            {
                return Ok(());
            }
            let dst = decoder.destination(to, ty)?;
            let run = resize(decoder.isa, width, width, false).ok_or("this width is not supported")?;
            decoder.push(Op { run, dst: dst.place, a, ..fields() });
            decoder.settle(dst, ty)
        }
    }
}

/// `mov.b64 %rd, {%r1, %r2}`.
fn pack<'p>(
    decoder: &mut Decoder<'p>,
    to: &'p Operand<'p>,
    parts: &'p [Operand<'p>],
    ty: Type,
) -> Result<(), Refused> {
    let bits = ty.bits().ok_or("this type is not supported")?;
    let dst = decoder.destination(to, ty)?;
    let part = bits / u32::try_from(parts.len()).map_err(|_| "too many parts")?.max(1);
    match (bits, part) {
        (32, 16) => {
            let (a, b) = (decoder.source(&parts[0], Type::B16)?, decoder.source(&parts[1], Type::B16)?);
            decoder.work::<Two<Join16>>(Op { dst: dst.place, a, b, ..fields() });
        }
        (64, 32) => {
            let (a, b) = (decoder.source(&parts[0], Type::B32)?, decoder.source(&parts[1], Type::B32)?);
            decoder.work::<Two<Join32>>(Op { dst: dst.place, a, b, ..fields() });
        }
        (128, 64) => {
            let (a, b) = (decoder.source(&parts[0], Type::B64)?, decoder.source(&parts[1], Type::B64)?);
            decoder.work::<Two<Join64>>(Op { dst: dst.place, a, b, ..fields() });
        }
        (64, 16) => {
            let halves = [decoder.temporary(Width::W32), decoder.temporary(Width::W32)];
            for (half, pair) in halves.iter().zip(parts.chunks(2)) {
                let (a, b) = (decoder.source(&pair[0], Type::B16)?, decoder.source(&pair[1], Type::B16)?);
                decoder.work::<Two<Join16>>(Op { dst: *half, a, b, ..fields() });
            }
            decoder.work::<Two<Join32>>(Op { dst: dst.place, a: halves[0], b: halves[1], ..fields() });
        }
        (128, 32) => {
            let halves = [decoder.temporary(Width::W64), decoder.temporary(Width::W64)];
            for (half, pair) in halves.iter().zip(parts.chunks(2)) {
                let (a, b) = (decoder.source(&pair[0], Type::B32)?, decoder.source(&pair[1], Type::B32)?);
                decoder.work::<Two<Join32>>(Op { dst: *half, a, b, ..fields() });
            }
            decoder.work::<Two<Join64>>(Op { dst: dst.place, a: halves[0], b: halves[1], ..fields() });
        }
        (16 | 32, 8) => return pack_bytes(decoder, dst, parts, ty),
        _ => return Err(format!("{} parts of `.{ty}` are not supported", parts.len())),
    }
    decoder.settle(dst, ty)
}

map2!(JoinBytes, u16, u16 => u16, |a, b| (a & 0xff) | b << 8);

fn pack_bytes<'p>(
    decoder: &mut Decoder<'p>,
    dst: crate::decode::Destination,
    parts: &'p [Operand<'p>],
    ty: Type,
) -> Result<(), Refused> {
    let mut halves = Vec::new();
    for pair in parts.chunks(2) {
        let (a, b) = (decoder.source(&pair[0], Type::B8)?, decoder.source(&pair[1], Type::B8)?);
        let half = if parts.len() == 2 { dst.place } else { decoder.temporary(Width::W16) };
        decoder.work::<Two<JoinBytes>>(Op { dst: half, a, b, ..fields() });
        halves.push(half);
    }
    if let [a, b] = halves[..] {
        decoder.work::<Two<Join16>>(Op { dst: dst.place, a, b, ..fields() });
    }
    decoder.settle(dst, ty)
}

map1!(LowByte, u16 => u16, |a| a & 0xff);
map1!(HighByte, u16 => u16, |a| a >> 8);

/// `mov.b32 {%b0, %b1, %b2, %b3}, %r`.
fn unpack_bytes<'p>(
    decoder: &mut Decoder<'p>,
    parts: &'p [Operand<'p>],
    whole: u32,
    bits: u32,
) -> Result<(), Refused> {
    let mut halves = vec![whole];
    if bits == 32 {
        halves = vec![decoder.temporary(Width::W16), decoder.temporary(Width::W16)];
        decoder.work::<One<Narrow32To16>>(Op { dst: halves[0], a: whole, ..fields() });
        decoder.work::<One<High32To16>>(Op { dst: halves[1], a: whole, ..fields() });
    } else if bits != 16 {
        return Err(format!("{} parts of {bits} bits are not supported", parts.len()));
    } else {
        // The source may be among the destinations.
        let copy = decoder.temporary(Width::W16);
        let run = resize(decoder.isa, Width::W16, Width::W16, false).ok_or("this width is not supported")?;
        decoder.push(Op { run, dst: copy, a: whole, ..fields() });
        halves[0] = copy;
    }
    for (pair, a) in parts.chunks(2).zip(halves) {
        for (operand, high) in pair.iter().zip([false, true]) {
            if matches!(operand, Operand::Sink) {
                continue;
            }
            let dst = decoder.destination(operand, Type::B8)?;
            let fields = Op { dst: dst.place, a, ..fields() };
            if high {
                decoder.work::<One<HighByte>>(fields);
            } else {
                decoder.work::<One<LowByte>>(fields);
            }
            decoder.settle(dst, Type::B8)?;
        }
    }
    Ok(())
}

/// `mov.b64 {%r1, %r2}, %rd`.
fn unpack<'p>(
    decoder: &mut Decoder<'p>,
    parts: &'p [Operand<'p>],
    from: &'p Operand<'p>,
    ty: Type,
) -> Result<(), Refused> {
    let bits = ty.bits().ok_or("this type is not supported")?;
    let mut whole = decoder.source(from, ty)?;
    let part = bits / u32::try_from(parts.len()).map_err(|_| "too many parts")?.max(1);
    let of_part = match part {
        8 => return unpack_bytes(decoder, parts, whole, bits),
        16 => Type::B16,
        32 => Type::B32,
        64 => Type::B64,
        _ => return Err(format!("{} parts of `.{ty}` are not supported", parts.len())),
    };
    // The source may be among the destinations.
    let keep = |operand: &Operand<'p>| !matches!(operand, Operand::Sink);
    if parts.iter().filter(|part| keep(part)).count() > 1 && part * 2 != bits {
        let width = Width::of_bits(bits).ok_or("this width is not supported")?;
        let copy = decoder.temporary(width);
        let run = resize(decoder.isa, width, width, false).ok_or("this width is not supported")?;
        decoder.push(Op { run, dst: copy, a: whole, ..fields() });
        whole = copy;
    }
    let mut values = Vec::new();
    match (bits, part) {
        (32, 16) | (64, 32) | (128, 64) => values.extend([(whole, 0), (whole, 1)]),
        (64, 16) | (128, 32) => {
            let width = if bits == 64 { Width::W32 } else { Width::W64 };
            let halves = [decoder.temporary(width), decoder.temporary(width)];
            let (low, high) = if bits == 64 {
                (pick::<One<Narrow64To32>>(decoder.isa), pick::<One<High64To32>>(decoder.isa))
            } else {
                (pick::<One<Narrow128To64>>(decoder.isa), pick::<One<High128To64>>(decoder.isa))
            };
            decoder.push(Op { run: low, dst: halves[0], a: whole, ..fields() });
            decoder.push(Op { run: high, dst: halves[1], a: whole, ..fields() });
            values.extend([(halves[0], 0), (halves[0], 1), (halves[1], 0), (halves[1], 1)]);
        }
        _ => return Err(format!("{} parts of `.{ty}` are not supported", parts.len())),
    }
    for (operand, (a, half)) in parts.iter().zip(values).filter(|(operand, _)| keep(operand)) {
        let dst = decoder.destination(operand, of_part)?;
        let isa = decoder.isa;
        let run = match (part, half) {
            (16, 0) => pick::<One<Narrow32To16>>(isa),
            (16, _) => pick::<One<High32To16>>(isa),
            (32, 0) => pick::<One<Narrow64To32>>(isa),
            (32, _) => pick::<One<High64To32>>(isa),
            (_, 0) => pick::<One<Narrow128To64>>(isa),
            _ => pick::<One<High128To64>>(isa),
        };
        decoder.push(Op { run, dst: dst.place, a, ..fields() });
        decoder.settle(dst, of_part)?;
    }
    Ok(())
}
