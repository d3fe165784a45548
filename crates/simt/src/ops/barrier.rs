//! Barriers of a block and of a warp, and fences (9.7.13).
#![expect(unsafe_code, reason = "handlers")]

use std::ptr;
use std::sync::atomic::{Ordering, fence};

use cuferry_ptx::{Mnemonic, Operand, Scope, Semantics, Type, Word};

use crate::block::BARRIERS;
use crate::code::Op;
use crate::decode::{Decoder, Form, Refused, fields, op};
use crate::fault::FaultKind;
use crate::lanes::{Exec, Work, plain};
use crate::warp::{BarrierCall, BarrierKind, ClusterCall, Stop, Warp};

/// `a` the barrier's number, `b` the count of threads (or `u32::MAX`: all), `c` a reduction's predicate, `imm` the kind.
struct Barrier;
impl Exec for Barrier {
    unsafe fn exec(warp: *mut Warp, op: *const Op) -> *const Op {
        // SAFETY: a handler's contract.
        let (w, o) = unsafe { (&mut *warp, &*op) };
        let lane = w.mask.trailing_zeros();
        let id = w.get::<u32>(o.a)[(lane & 31) as usize];
        let count = if o.b == u32::MAX { 0 } else { w.get::<u32>(o.b)[(lane & 31) as usize] };
        if id as usize >= BARRIERS {
            return w.fail(o, FaultKind::BadOperand(format!("barrier {id}: there are {BARRIERS}")), lane);
        }
        let kind = match o.imm & 7 {
            0 => BarrierKind::Sync,
            1 => BarrierKind::Arrive,
            2 => BarrierKind::Popc,
            3 => BarrierKind::And,
            _ => BarrierKind::Or,
        };
        let truth = match kind {
            BarrierKind::Sync | BarrierKind::Arrive => 0,
            _ => w.pred(o.c) ^ 0_u32.wrapping_sub((o.imm >> 3) as u32 & 1),
        };
        let call = BarrierCall { id, count, kind, lanes: w.mask, truth, dst: o.dst };
        w.stop_at(w.index(op) + 1, Stop::Barrier(call))
    }
}

/// `bar.warp.sync`: `a` the members.
pub(super) struct WarpBarrier;
impl Exec for WarpBarrier {
    unsafe fn exec(warp: *mut Warp, op: *const Op) -> *const Op {
        // SAFETY: a handler's contract.
        let (w, o) = unsafe { (&mut *warp, &*op) };
        let members = w.get::<u32>(o.a);
        if super::warp::gather(w, o, &members, true) { op.wrapping_add(1) } else { ptr::null() }
    }
}

struct ClusterArrive;
impl Exec for ClusterArrive {
    unsafe fn exec(warp: *mut Warp, op: *const Op) -> *const Op {
        // SAFETY: a handler's contract.
        let w = unsafe { &mut *warp };
        w.stop_at(w.index(op) + 1, Stop::Cluster(ClusterCall::Arrive))
    }
}

struct ClusterWait;
impl Exec for ClusterWait {
    unsafe fn exec(warp: *mut Warp, op: *const Op) -> *const Op {
        // SAFETY: a handler's contract.
        let w = unsafe { &mut *warp };
        w.stop_at(w.index(op) + 1, Stop::Cluster(ClusterCall::Wait))
    }
}

/// A fence that keeps a store before a load; x86 keeps everything else in order.
struct Full;
impl Work for Full {
    fn work(_warp: &mut Warp, _op: &Op) -> bool {
        fence(Ordering::SeqCst);
        true
    }
}

pub(super) fn decode<'p>(
    decoder: &mut Decoder<'p>,
    mnemonic: Mnemonic,
    form: Form<'p>,
) -> Result<(), Refused> {
    match mnemonic {
        Mnemonic::Membar | Mnemonic::Fence => fences(decoder, form),
        _ => barriers(decoder, form),
    }
}

fn fences<'p>(decoder: &mut Decoder<'p>, mut form: Form<'p>) -> Result<(), Refused> {
    // Proxies, restrictions and scopes narrow what a fence orders; ours orders all.
    let semantics = form.semantics();
    form.scope();
    if form.has(Word::Proxy) {
        decoder.work::<Full>(fields());
        return Ok(());
    }
    form.has(Word::Gl);
    for name in ["cta", "sys"] {
        form.other(name);
    }
    form.one_of(&[Word::MbarrierInit, Word::SyncRestrictCta, Word::SyncRestrictCluster]);
    form.space();
    form.done(0)?;
    match semantics {
        None | Some(Semantics::Sc | Semantics::AcqRel | Semantics::Acquire | Semantics::Release) => {
            decoder.work::<Full>(fields());
            Ok(())
        }
        Some(semantics) => Err(format!("`.{semantics}` is not supported here")),
    }
}

fn barriers<'p>(decoder: &mut Decoder<'p>, mut form: Form<'p>) -> Result<(), Refused> {
    if form.has(Word::Warp) {
        form.has(Word::Sync);
        form.done(1)?;
        let a = decoder.source(&form.operands[0], Type::B32)?;
        decoder.push_bare(Op { a, ..op(plain::<WarpBarrier>()) });
        return Ok(());
    }
    let scope = form.scope();
    form.has(Word::Aligned);
    if scope == Some(Scope::Cluster) {
        form.semantics();
        let arrive =
            form.one_of(&[Word::Arrive, Word::Wait]).ok_or("it needs `.arrive` or `.wait`")? == Word::Arrive;
        form.done(0)?;
        let run = if arrive { plain::<ClusterArrive>() } else { plain::<ClusterWait>() };
        decoder.push_bare(op(run));
        return Ok(());
    }
    let kind =
        form.one_of(&[Word::Sync, Word::Arrive, Word::Red]).ok_or("it needs `.sync`, `.arrive` or `.red`")?;
    if kind != Word::Red {
        form.words_done()?;
        let a = decoder.source(form.operands.first().ok_or("it names no barrier")?, Type::U32)?;
        let b = match form.operands.get(1) {
            Some(count) => decoder.source(count, Type::U32)?,
            None if kind == Word::Arrive => return Err("it needs a count of threads".to_owned()),
            None => u32::MAX,
        };
        let imm = u64::from(kind == Word::Arrive);
        decoder.push_bare(Op { imm, a, b, ..op(plain::<Barrier>()) });
        return Ok(());
    }
    let operation = form.one_of(&[Word::Popc, Word::And, Word::Or]).ok_or("it needs an operation")?;
    let ty = form.ty()?;
    form.words_done()?;
    let (imm, result) = match operation {
        Word::Popc => (2, Type::U32),
        Word::And => (3, Type::Pred),
        _ => (4, Type::Pred),
    };
    if ty != result {
        return Err(format!("`.{ty}` is not supported here"));
    }
    let dst = decoder.destination(form.operands.first().ok_or("it has no destination")?, result)?;
    let a = decoder.source(form.operands.get(1).ok_or("it names no barrier")?, Type::U32)?;
    let (b, predicate) = match &form.operands[2..] {
        [predicate] => (u32::MAX, predicate),
        [count, predicate] => (decoder.source(count, Type::U32)?, predicate),
        _ => return Err("it has too many operands".to_owned()),
    };
    let (c, negated) = match predicate {
        Operand::Not(name) => (decoder.register(name).ok_or("its predicate is not declared")?.1, 8),
        other => (decoder.predicate(other)?, 0),
    };
    decoder.push_bare(Op { dst: dst.place, a, b, c, imm: imm | negated, ..op(plain::<Barrier>()) });
    decoder.settle(dst, result)
}
