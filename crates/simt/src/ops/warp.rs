//! Warp operations (9.7.9.6 and 9.7.13): what lanes tell one another.
#![expect(unsafe_code, reason = "handlers")]

use std::marker::PhantomData;
use std::ptr;

use cuferry_ptx::{Mnemonic, Operand, Type, Word};

use crate::code::{NOWHERE, Op, Width};
use crate::decode::{Decoder, Form, Refused, fields};
use crate::lanes::{Exec, Lane, Work, lanes_in, mask_where, pick};
use crate::warp::{Split, Stop, Wait, Warp};

/// Waits until all members of each lane's group have come to this operation. `false`: the warp stops, and the
/// operation runs again later, for those lanes whose groups are whole.
pub(super) fn gather(warp: &mut Warp, op: &Op, members: &[u32; 32], barrier: bool) -> bool {
    let (mask, alive) = (warp.mask, warp.alive);
    if mask == alive {
        return true;
    }
    let missing = mask_where(|lane| members[lane] & alive & !mask != 0) & mask;
    if missing == 0 {
        return true;
    }
    let pc = warp.index(op);
    if warp.awaited_at(pc) {
        warp.stop_at(pc, Stop::Choose);
        return false;
    }
    if missing == mask {
        let members = members[mask.trailing_zeros() as usize & 31];
        warp.stop_at(pc, Stop::Members { members, barrier });
        return false;
    }
    // Groups that are whole go on; the others wait.
    let lane = missing.trailing_zeros() as usize;
    let wait = Wait::Members { members: members[lane], barrier };
    let frame = warp.frame.clone();
    warp.others.push(Split { pc, mask: missing, frame, local: warp.local, wait, turn: 0 });
    warp.look_around();
    warp.set_mask(mask & !missing);
    true
}

/// Work that all lanes of a group do together: `d` holds the members.
pub(super) struct Together<W>(PhantomData<W>);
impl<W: Work> Exec for Together<W> {
    #[inline(always)]
    unsafe fn exec(warp: *mut Warp, op: *const Op) -> *const Op {
        // SAFETY: a handler's contract; there is an operation behind this.
        unsafe {
            let (w, o) = (&mut *warp, &*op);
            let members = w.get::<u32>(o.d);
            if gather(w, o, &members, false) && W::work(w, o) { op.add(1) } else { ptr::null() }
        }
    }
}

/// `shfl`: `a` the value, `b` the lane or distance, `c` clamp and segment mask, `aux` a predicate or `NOWHERE`; `imm`
/// the mode.
struct Shuffle;
impl Work for Shuffle {
    #[inline(always)]
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let (a, b, c) = (warp.get::<u32>(op.a), warp.get::<u32>(op.b), warp.get::<u32>(op.c));
        let mut from = [0_u32; 32];
        let mut inside = [false; 32];
        let mut lane = 0;
        while lane < 32 {
            let here = lane as u32;
            let (bval, cval, segment) = (b[lane] & 31, c[lane] & 31, (c[lane] >> 8) & 31);
            let least = here & segment;
            let most = least | (cval & !segment);
            let (other, holds) = match op.imm {
                UP => (here.wrapping_sub(bval), here.wrapping_sub(bval).cast_signed() >= most.cast_signed()),
                DOWN => (here + bval, here + bval <= most),
                BFLY => (here ^ bval, here ^ bval <= most),
                _ => (least | (bval & !segment), least | (bval & !segment) <= most),
            };
            inside[lane] = holds;
            from[lane] = if holds { other } else { here };
            lane += 1;
        }
        let mut r = [0; 32];
        let mut lane = 0;
        while lane < 32 {
            r[lane] = a[(from[lane] & 31) as usize];
            lane += 1;
        }
        warp.put(op.dst, r);
        if op.aux != NOWHERE {
            warp.put_pred(op.aux, mask_where(|lane| inside[lane]));
        }
        true
    }
}
const UP: u64 = 0;
const DOWN: u64 = 1;
const BFLY: u64 = 2;
const IDX: u64 = 3;
/// `vote`: `a` the predicate, `imm` the kind. Lanes of one group get one answer.
struct Vote;
impl Work for Vote {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let members = warp.get::<u32>(op.d);
        let truth = (warp.pred(op.a) ^ 0_u32.wrapping_sub(op.c)) & warp.mask;
        let group = |lane: usize| members[lane] & warp.mask;
        match op.imm {
            BALLOT => {
                let r = std::array::from_fn(|lane| truth & group(lane));
                warp.put::<u32>(op.dst, r);
            }
            ALL => warp.put_pred(op.dst, mask_where(|lane| truth & group(lane) == group(lane))),
            ANY => warp.put_pred(op.dst, mask_where(|lane| truth & group(lane) != 0)),
            _ => {
                let uniform = |lane: usize| truth & group(lane) == 0 || truth & group(lane) == group(lane);
                warp.put_pred(op.dst, mask_where(uniform));
            }
        }
        true
    }
}
const ALL: u64 = 0;
const ANY: u64 = 1;
const UNI: u64 = 2;
const BALLOT: u64 = 3;

/// `match`: `imm` 1 for `.all`; `aux` its predicate or `NOWHERE`.
struct Match<T>(PhantomData<T>);
impl<T: Lane + PartialEq> Work for Match<T> {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let (members, a) = (warp.get::<u32>(op.d), warp.get::<T>(op.a));
        let mut r = [0; 32];
        for lane in lanes_in(warp.mask) {
            let group = members[lane] & warp.mask;
            let same = mask_where(|other| a[other] == a[lane]) & group;
            r[lane] = if op.imm == 0 || same == group { same } else { 0 };
        }
        warp.put(op.dst, r);
        if op.aux != NOWHERE {
            warp.put_pred(op.aux, mask_where(|lane| r[lane] != 0));
        }
        true
    }
}

/// `redux`: `imm` the operation.
struct Reduce;
impl Work for Reduce {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let (members, a) = (warp.get::<u32>(op.d), warp.get::<u32>(op.a));
        let mut r = [0; 32];
        let mut left = warp.mask;
        while left != 0 {
            let lane = left.trailing_zeros() as usize;
            let group = members[lane] & warp.mask;
            let values = lanes_in(group | 1 << lane).map(|lane| a[lane]);
            let value = match op.imm {
                0 => values.fold(0, u32::wrapping_add),
                1 => values.min().unwrap_or(0),
                2 => values.max().unwrap_or(0),
                3 => values.map(u32::cast_signed).min().unwrap_or(0).cast_unsigned(),
                4 => values.map(u32::cast_signed).max().unwrap_or(0).cast_unsigned(),
                5 => values.fold(u32::MAX, |all, value| all & value),
                6 => values.fold(0, |all, value| all | value),
                _ => values.fold(0, |all, value| all ^ value),
            };
            let same = mask_where(|other| members[other] == members[lane]) & left | 1 << lane;
            for lane in lanes_in(same) {
                r[lane] = value;
            }
            left &= !same;
        }
        warp.put(op.dst, r);
        true
    }
}

/// `elect`: the lowest lane of a group leads; `aux` its predicate.
struct Elect;
impl Work for Elect {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let members = warp.get::<u32>(op.d);
        let leader = |lane: usize| (members[lane] & warp.mask).trailing_zeros();
        let leads = mask_where(|lane| leader(lane) == lane as u32);
        let r: [u32; 32] = std::array::from_fn(leader);
        if op.dst != NOWHERE {
            warp.put(op.dst, r);
        }
        warp.put_pred(op.aux, leads);
        true
    }
}

struct Active;
impl Work for Active {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        warp.put(op.dst, [warp.mask; 32]);
        true
    }
}

/// A destination and the predicate behind a bar: `%r|%p`.
pub(super) fn pair<'p>(
    decoder: &mut Decoder<'p>,
    operand: &'p Operand<'p>,
    ty: Type,
) -> Result<(crate::decode::Destination, u32), Refused> {
    match operand {
        Operand::Pair(pair) => {
            let first = decoder.destination(&pair.0, ty)?;
            let second = if matches!(pair.1, Operand::Sink) {
                NOWHERE
            } else {
                decoder.destination(&pair.1, Type::Pred)?.place
            };
            Ok((first, second))
        }
        one => Ok((decoder.destination(one, ty)?, NOWHERE)),
    }
}

pub(super) fn decode<'p>(
    decoder: &mut Decoder<'p>,
    mnemonic: Mnemonic,
    mut form: Form<'p>,
) -> Result<(), Refused> {
    let isa = decoder.isa;
    if mnemonic == Mnemonic::Activemask {
        let ty = form.ty()?;
        form.done(1)?;
        let dst = decoder.destination(&form.operands[0], ty)?;
        decoder.work::<Active>(Op { dst: dst.place, ..fields() });
        return decoder.settle(dst, ty);
    }
    let synchronous = form.has(Word::Sync);
    let everybody = |decoder: &mut Decoder<'p>| decoder.constant(Width::W32, u64::from(u32::MAX));
    match mnemonic {
        Mnemonic::Shfl => {
            let mode = form.one_of(&[Word::Up, Word::Down, Word::Bfly, Word::Idx]).ok_or("it has no mode")?;
            let ty = form.ty()?;
            form.done(if synchronous { 5 } else { 4 })?;
            if !synchronous {
                return Err("`shfl` without `.sync` is gone since sm_70".to_owned());
            }
            let imm = match mode {
                Word::Up => UP,
                Word::Down => DOWN,
                Word::Bfly => BFLY,
                _ => IDX,
            };
            let (dst, aux) = pair(decoder, &form.operands[0], ty)?;
            let a = decoder.source(&form.operands[1], ty)?;
            let b = decoder.source(&form.operands[2], Type::B32)?;
            let c = decoder.source(&form.operands[3], Type::B32)?;
            let d = decoder.source(&form.operands[4], Type::B32)?;
            let run = pick::<Together<Shuffle>>(isa);
            decoder.push(Op { run, dst: dst.place, a, b, c, d, aux, imm, ..fields() });
            decoder.settle(dst, ty)
        }
        Mnemonic::Vote => {
            let mode =
                form.one_of(&[Word::All, Word::Any, Word::Uni, Word::Ballot]).ok_or("it has no mode")?;
            let ty = form.ty()?;
            form.done(if synchronous { 3 } else { 2 })?;
            if !synchronous {
                return Err("`vote` without `.sync` is gone since sm_70".to_owned());
            }
            let (imm, result) = match mode {
                Word::All => (ALL, Type::Pred),
                Word::Any => (ANY, Type::Pred),
                Word::Uni => (UNI, Type::Pred),
                _ => (BALLOT, Type::B32),
            };
            if ty != result {
                return Err(format!("`.{ty}` is not supported here"));
            }
            let dst = decoder.destination(&form.operands[0], ty)?;
            let (a, c) = match &form.operands[1] {
                Operand::Not(name) => (decoder.register(name).ok_or("its predicate is not declared")?.1, 1),
                other => (decoder.predicate(other)?, 0),
            };
            let d = decoder.source(&form.operands[2], Type::B32)?;
            decoder.push(Op { run: pick::<Together<Vote>>(isa), dst: dst.place, a, c, d, imm, ..fields() });
            decoder.settle(dst, ty)
        }
        Mnemonic::Match => {
            let all = form.one_of(&[Word::All, Word::Any]).ok_or("it has no mode")? == Word::All;
            let ty = form.ty()?;
            form.done(3)?;
            let (dst, aux) = pair(decoder, &form.operands[0], Type::B32)?;
            let a = decoder.source(&form.operands[1], ty)?;
            let d = decoder.source(&form.operands[2], Type::B32)?;
            let run = match ty {
                Type::B32 => pick::<Together<Match<u32>>>(isa),
                Type::B64 => pick::<Together<Match<u64>>>(isa),
                _ => return Err(format!("`.{ty}` is not supported here")),
            };
            decoder.push(Op { run, dst: dst.place, a, d, aux, imm: u64::from(all), ..fields() });
            decoder.settle(dst, Type::B32)
        }
        Mnemonic::Redux => {
            let words = [Word::Add, Word::Min, Word::Max, Word::And, Word::Or, Word::Xor];
            let operation = form.one_of(&words).ok_or("it has no operation")?;
            let ty = form.ty()?;
            form.done(3)?;
            let imm = match (operation, ty) {
                (Word::Add, Type::U32 | Type::S32) => 0,
                (Word::Min, Type::U32) => 1,
                (Word::Max, Type::U32) => 2,
                (Word::Min, Type::S32) => 3,
                (Word::Max, Type::S32) => 4,
                (Word::And, Type::B32) => 5,
                (Word::Or, Type::B32) => 6,
                (Word::Xor, Type::B32) => 7,
                _ => return Err(format!("`.{operation}.{ty}` is not supported")),
            };
            let dst = decoder.destination(&form.operands[0], ty)?;
            let a = decoder.source(&form.operands[1], ty)?;
            let d = decoder.source(&form.operands[2], Type::B32)?;
            decoder.push(Op { run: pick::<Together<Reduce>>(isa), dst: dst.place, a, d, imm, ..fields() });
            decoder.settle(dst, ty)
        }
        Mnemonic::Elect => {
            form.done(2)?;
            let Operand::Pair(both) = &form.operands[0] else {
                return Err("it needs two destinations".to_owned());
            };
            let dst = match &both.0 {
                Operand::Sink => NOWHERE,
                one => decoder.destination(one, Type::B32)?.place,
            };
            let aux = decoder.destination(&both.1, Type::Pred)?.place;
            let d = match form.operands.get(1) {
                Some(members) => decoder.source(members, Type::B32)?,
                None => everybody(decoder),
            };
            decoder.push(Op { run: pick::<Together<Elect>>(isa), dst, d, aux, ..fields() });
            Ok(())
        }
        _ => Err("not supported".to_owned()),
    }
}
