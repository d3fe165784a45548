//! `cp.async` and `cp.async.bulk` (9.7.9.25). A copy is done when it is issued: whoever waits for it finds it done.

use std::marker::PhantomData;

use cuferry_ptx::{Operand, Space, Type, Word};

use super::mbarrier;
use super::memory::{Held, Load, Store};
use super::moves::Select32;
use crate::code::{NOWHERE, Op, Width};
use crate::decode::{Decoder, Form, Refused, fields};
use crate::fault::FaultKind;
use crate::lanes::{Lane, Work, lanes_in, pick, plain};
use crate::space::{Flat, Reach, Shared, read_bytes, refuse, span, write_bytes};
use crate::warp::Warp;
use crate::watch::Kind;

/// Bulk copies go by so many bytes (9.7.9.25.5.2).
const UNIT: u32 = 16;

/// The first bytes of a value, the others zero: `b` how many.
struct LoadPart<T>(PhantomData<T>);
impl<T: Lane + From<u8> + std::ops::Shl<u32, Output = T> + std::ops::BitOr<Output = T>> Work for LoadPart<T> {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let (addresses, sizes) = (warp.get::<u64>(op.a), warp.get::<u32>(op.b));
        let mut values = [T::default(); 32];
        for lane in lanes_in(warp.mask) {
            let address = addresses[lane].wrapping_add(op.imm);
            let most = size_of::<T>() as u32;
            if sizes[lane] > most {
                let what = format!("`cp.async` of {} bytes into {most}", sizes[lane]);
                warp.fail(op, FaultKind::BadOperand(what), lane as u32);
                return false;
            }
            if !span(warp, op, lane, address, sizes[lane], false) {
                return false;
            }
            let mut bytes = [0; 16];
            read_bytes(address, &mut bytes[..sizes[lane] as usize]);
            values[lane] = bytes[..most as usize]
                .iter()
                .rev()
                .fold(T::default(), |value, &byte| value << 8 | T::from(byte));
        }
        warp.put(op.dst, values);
        true
    }
}

/// `a` and `b` where to and where from, `c` how many bytes, `d` the `mbarrier` that waits for them or nowhere.
struct Bulk;
impl Work for Bulk {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let (to, from, sizes) = (warp.get::<u64>(op.a), warp.get::<u64>(op.b), warp.get::<u32>(op.c));
        for lane in lanes_in(warp.mask) {
            let (to, from, size) = (to[lane], from[lane], sizes[lane]);
            if !size.is_multiple_of(UNIT) {
                let what = format!("`cp.async.bulk` of {size} bytes: it copies multiples of {UNIT}");
                warp.fail(op, FaultKind::BadOperand(what), lane as u32);
                return false;
            }
            for (address, write) in [(from, false), (to, true)] {
                if !address.is_multiple_of(UNIT.into()) {
                    return refuse(warp, op, FaultKind::Misaligned, lane, address, size, write);
                }
                if !span(warp, op, lane, address, size, write) {
                    return false;
                }
            }
            let mut bytes = vec![0; size as usize];
            read_bytes(from, &mut bytes);
            write_bytes(to, &bytes);
        }
        op.d == NOWHERE || complete(warp, op, &sizes)
    }
}

/// Tells the objects whose addresses are in `d` that bytes have come.
fn complete(warp: &mut Warp, op: &Op, bytes: &[u32; 32]) -> bool {
    let Some(objects) = Flat::reach(warp, &Op { a: op.d, ..*op }, 8, true) else { return false };
    for lane in lanes_in(warp.mask) {
        if mbarrier::complete(objects[lane], bytes[lane]).is_none() {
            let what = format!("{} bytes complete on an mbarrier that can't count them", bytes[lane]);
            warp.fail(op, FaultKind::BadOperand(what), lane as u32);
            return false;
        }
    }
    true
}

pub(super) fn decode<'p>(decoder: &mut Decoder<'p>, mut form: Form<'p>) -> Result<(), Refused> {
    if form.has(Word::Reduce) {
        return Err("reductions are not supported".to_owned());
    }
    form.has(Word::Async);
    if form.has(Word::Tensor) {
        return Err("copies of tensors are not supported".to_owned());
    }
    if form.has(Word::Bulk) {
        return bulk(decoder, form);
    }
    // Nothing is under way.
    if form.one_of(&[Word::CommitGroup, Word::WaitGroup, Word::WaitAll]).is_some() {
        return form.words_done();
    }
    if form.has(Word::Mbarrier) {
        form.has(Word::Arrive);
        let counted = form.has(Word::Noinc);
        let space = form.space();
        form.ty()?;
        form.done(1)?;
        return mbarrier::arrive_on_copies(decoder, &form.operands[0], space, counted);
    }
    small(decoder, form)
}

/// `cp.async.ca.shared.global`: a load and a store.
fn small<'p>(decoder: &mut Decoder<'p>, mut form: Form<'p>) -> Result<(), Refused> {
    form.drop_hints();
    let policy = form.has(Word::L2CacheHint);
    let spaces = (form.space(), form.space());
    form.words_done()?;
    if !matches!(spaces, (Some(Space::Shared | Space::SharedCta), Some(Space::Global))) {
        return Err("it copies from global to shared memory".to_owned());
    }
    let operands = &form.operands[..form.operands.len() - usize::from(policy)];
    let [to, from, Operand::Immediate(size), rest @ ..] = operands else {
        return Err("its size is no number".to_owned());
    };
    let part = match rest {
        [] => None,
        [part] => Some(part),
        _ => return Err(format!("it has {} operands", form.operands.len())),
    };
    match size.integer() {
        Some(4) => copy::<u32>(decoder, to, from, part, Width::W32),
        Some(8) => copy::<u64>(decoder, to, from, part, Width::W64),
        Some(16) => copy::<u128>(decoder, to, from, part, Width::W128),
        _ => Err("it copies 4, 8 or 16 bytes".to_owned()),
    }
}

fn copy<'p, T>(
    decoder: &mut Decoder<'p>,
    to: &'p Operand<'p>,
    from: &'p Operand<'p>,
    part: Option<&'p Operand<'p>>,
    width: Width,
) -> Result<(), Refused>
where
    T: Held<T> + From<u8> + std::ops::Shl<u32, Output = T> + std::ops::BitOr<Output = T>,
{
    let (Operand::Address(to), Operand::Address(from)) = (to, from) else {
        return Err("it has no address".to_owned());
    };
    let value = decoder.temporary(width);
    let (source, target) = (decoder.flat_base(from)?, decoder.window_base(to)?);
    let size = part.map(|part| part_size(decoder, part, width.bytes())).transpose()?;
    let load = Op { dst: value, a: source.place, imm: source.offset, ..fields() };
    match size {
        None => {
            let (run, aux) = (pick::<Load<Flat, T, T>>(decoder.isa), decoder.access());
            decoder.push(Op { run, aux, ..load });
        }
        Some(b) => decoder.push(Op { run: plain::<LoadPart<T>>(), b, ..load }),
    }
    let run = pick::<Store<Shared, T, T>>(decoder.isa);
    let (a, imm, aux) = (target.place, target.offset, decoder.access());
    let store = Op { run, dst: value, a, imm, aux, ..fields() };
    decoder.note(&store, true, width.bytes(), Kind::WRITE);
    decoder.push(store);
    Ok(())
}

/// How many bytes are read: what an operand says, or by a predicate all or none.
fn part_size<'p>(decoder: &mut Decoder<'p>, part: &'p Operand<'p>, all: u32) -> Result<u32, Refused> {
    let ignored = match part {
        Operand::Not(_) => true,
        Operand::Name(name) => decoder.register(name).is_some_and(|(width, _)| width == Width::Pred),
        _ => false,
    };
    if !ignored {
        return decoder.source(part, Type::U32);
    }
    let c = decoder.predicate(part)?;
    let (a, b) = (decoder.constant(Width::W32, 0), decoder.constant(Width::W32, all.into()));
    let dst = decoder.temporary(Width::W32);
    decoder.push_bare(Op { run: plain::<Select32>(), dst, a, b, c, ..fields() });
    Ok(dst)
}

/// `cp.async.bulk`: a run of bytes at once.
fn bulk<'p>(decoder: &mut Decoder<'p>, mut form: Form<'p>) -> Result<(), Refused> {
    if form.one_of(&[Word::CommitGroup, Word::WaitGroup]).is_some() {
        form.has(Word::Read);
        return form.words_done();
    }
    let prefetches = form.has(Word::Prefetch);
    for (word, what) in [
        (Word::MulticastCluster, "to several blocks at once"),
        (Word::CpMask, "of masked bytes"),
        (Word::IgnoreOob, "that ignores bytes"),
    ] {
        if form.has(word) {
            return Err(format!("a copy {what} is not supported"));
        }
    }
    if prefetches {
        return Ok(());
    }
    let counts = form.has(Word::MbarrierCompleteTxBytes);
    form.has(Word::BulkGroup);
    form.drop_hints();
    let policy = form.has(Word::L2CacheHint);
    let (Some(to), Some(from)) = (form.space(), form.space()) else {
        return Err("it names no spaces".to_owned());
    };
    form.done(3 + usize::from(counts) + usize::from(policy))?;
    let a = decoder.generic_address(&form.operands[0], Some(to))?;
    let b = decoder.generic_address(&form.operands[1], Some(from))?;
    let c = decoder.source(&form.operands[2], Type::U32)?;
    let d = if counts {
        decoder.generic_address(&form.operands[3], Some(Space::SharedCluster))?
    } else {
        NOWHERE
    };
    let aux = decoder.access();
    decoder.push(Op { run: plain::<Bulk>(), a, b, c, d, aux, ..fields() });
    Ok(())
}
