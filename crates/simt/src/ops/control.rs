//! Branches, returns, exits, traps.
#![expect(unsafe_code, reason = "branches give the next operation as a pointer")]

use std::ptr;

use cuferry_ptx::{Mnemonic, Operand, Word};

use crate::block::SPIN;
use crate::code::Op;
use crate::decode::{Decoder, Field, Form, Refused, Symbol, fields, op};
use crate::fault::FaultKind;
use crate::lanes::{Exec, Work, plain};
use crate::warp::{Stop, Warp};

/// A branch: `a` is its predicate and negation as in [`Op::guard`], `c` the target, `d` the place behind, and `b` 1
/// if the target lies before.
pub(crate) struct Branch;
/// A branch that all lanes take.
pub(crate) struct Jump;
/// A label: whoever comes from above joins those who wait here.
pub(crate) struct Join;
/// `ret`: `a` its guard, or `u32::MAX`.
pub(crate) struct Return;
/// `exit`.
pub(crate) struct Exit;
/// `brx.idx`: `a` the index, `aux` the table.
struct Indexed;
struct Trap;
struct Break;
/// `nanosleep`: others may run first.
struct Sleep;

/// Goes on at `target`, unless others wait there or lower, or it is time for others.
///
/// # Safety
/// `target` is a place in the warp's code.
#[inline(always)]
unsafe fn jump(warp: &mut Warp, target: u32, backward: u32) -> *const Op {
    warp.budget -= backward.cast_signed();
    if warp.budget < 0 {
        return warp.stop_at(target, Stop::Rotate);
    }
    if target >= warp.meet {
        return warp.stop_at(target, Stop::Choose);
    }
    // SAFETY: `target` lies in the code, as the caller says.
    unsafe { warp.base.add(target as usize) }
}

#[inline(always)]
fn truth(warp: &Warp, guard: u32) -> u32 {
    warp.pred(guard & !1) ^ 0_u32.wrapping_sub(guard & 1)
}

impl Exec for Branch {
    #[inline(always)]
    unsafe fn exec(warp: *mut Warp, op: *const Op) -> *const Op {
        // SAFETY: a handler's contract; the decoder set `c` and `d` to places in the code.
        unsafe {
            let (w, o) = (&mut *warp, &*op);
            let taken = w.mask & truth(w, o.a);
            if taken == w.mask {
                return jump(w, o.c, o.b);
            }
            if taken == 0 {
                if o.d >= w.meet {
                    return w.stop_at(o.d, Stop::Choose);
                }
                return op.add(1);
            }
            if o.b == 1 {
                // The lower place first: the jump back.
                w.part(w.mask & !taken, o.d);
                jump(w, o.c, 1)
            } else {
                w.part(taken, o.c);
                jump(w, o.d, 0)
            }
        }
    }
}

impl Exec for Jump {
    #[inline(always)]
    unsafe fn exec(warp: *mut Warp, op: *const Op) -> *const Op {
        // SAFETY: as in `Branch`.
        unsafe { jump(&mut *warp, (*op).c, (*op).b) }
    }
}

impl Exec for Join {
    #[inline(always)]
    unsafe fn exec(warp: *mut Warp, op: *const Op) -> *const Op {
        // SAFETY: as in `Branch`; code ends with an operation that never goes on, so there is one behind this.
        unsafe {
            let w = &mut *warp;
            let next = w.index(op) + 1;
            if next >= w.meet { w.stop_at(next, Stop::Choose) } else { op.add(1) }
        }
    }
}

impl Exec for Indexed {
    unsafe fn exec(warp: *mut Warp, op: *const Op) -> *const Op {
        // SAFETY: as in `Branch`; tables hold places in the code.
        unsafe {
            let (w, o) = (&mut *warp, &*op);
            let index = w.get::<u32>(o.a);
            let mut left = w.mask;
            while left != 0 {
                let lane = left.trailing_zeros() as usize;
                let same = crate::lanes::mask_where(|other| index[other] == index[lane]) & left;
                let Some(&target) = w.code().tables[o.aux as usize].get(index[lane] as usize) else {
                    return w.fail(o, FaultKind::InvalidTarget, lane as u32);
                };
                left &= !same;
                if left == 0 {
                    return jump(w, target, 1);
                }
                w.part(same, target);
            }
            ptr::null()
        }
    }
}

impl Exec for Return {
    unsafe fn exec(warp: *mut Warp, op: *const Op) -> *const Op {
        // SAFETY: a handler's contract.
        let (w, o) = unsafe { (&mut *warp, &*op) };
        leave(w, o, true)
    }
}

impl Exec for Exit {
    unsafe fn exec(warp: *mut Warp, op: *const Op) -> *const Op {
        // SAFETY: a handler's contract.
        let (w, o) = unsafe { (&mut *warp, &*op) };
        leave(w, o, false)
    }
}

/// Ends the function or the thread, for the lanes that the guard allows.
fn leave(warp: &mut Warp, op: &Op, function_only: bool) -> *const Op {
    let next = warp.index(op) + 1;
    if op.guard != u32::MAX {
        let leaving = warp.mask & truth(warp, op.guard);
        if leaving == 0 {
            return ptr::from_ref(op).wrapping_add(1);
        }
        if leaving != warp.mask {
            warp.part(warp.mask & !leaving, next);
        }
    }
    if function_only && warp.frame.is_some() {
        return super::call::go_back(warp);
    }
    warp.stop_at(next, Stop::Exit)
}

impl Work for Sleep {
    fn work(warp: &mut Warp, _op: &Op) -> bool {
        warp.budget -= SPIN;
        true
    }
}

impl Exec for Trap {
    unsafe fn exec(warp: *mut Warp, op: *const Op) -> *const Op {
        // SAFETY: a handler's contract.
        let (w, o) = unsafe { (&mut *warp, &*op) };
        w.fail(o, FaultKind::Trap, w.mask.trailing_zeros())
    }
}

impl Exec for Break {
    unsafe fn exec(warp: *mut Warp, op: *const Op) -> *const Op {
        // SAFETY: a handler's contract.
        let (w, o) = unsafe { (&mut *warp, &*op) };
        w.fail(o, FaultKind::Breakpoint, w.mask.trailing_zeros())
    }
}

pub(super) fn decode<'p>(
    decoder: &mut Decoder<'p>,
    mnemonic: Mnemonic,
    mut form: Form<'p>,
) -> Result<(), Refused> {
    match mnemonic {
        Mnemonic::Bra => {
            form.has(Word::Uni);
            form.done(1)?;
            let Operand::Name(label) = &form.operands[0] else {
                return Err("its target is no label".to_owned());
            };
            let at = decoder.ops.len();
            let (run, a) = match decoder.guard() {
                Some(guard) => (plain::<Branch>(), guard),
                None => (plain::<Jump>(), 0),
            };
            decoder.push_bare(Op { a, d: at as u32 + 1, ..op(run) });
            decoder.refer(at, Field::C, label)
        }
        Mnemonic::Brx => {
            form.has(Word::Uni);
            if !form.has(Word::Idx) && !form.other("idx") {
                return Err("only `brx.idx` is supported".to_owned());
            }
            form.done(2)?;
            let a = decoder.source(&form.operands[0], cuferry_ptx::Type::U32)?;
            let Operand::Name(name) = &form.operands[1] else {
                return Err("its targets have no name".to_owned());
            };
            let Symbol::BranchTargets(targets) = decoder.symbol(name)? else {
                return Err(format!("`{name}` is no list of targets"));
            };
            let table = decoder.tables.len();
            decoder.tables.push(vec![0; targets.targets.len()]);
            let at = decoder.ops.len();
            for (index, label) in targets.targets.iter().enumerate() {
                decoder.refer(at, Field::Table(table, index), label)?;
            }
            decoder.push_bare(Op { a, aux: table as u32, ..op(plain::<Indexed>()) });
            Ok(())
        }
        Mnemonic::Ret | Mnemonic::Exit => {
            form.has(Word::Uni);
            form.done(0)?;
            let run = if mnemonic == Mnemonic::Ret { plain::<Return>() } else { plain::<Exit>() };
            let guard = decoder.guard().unwrap_or(u32::MAX);
            decoder.push_bare(Op { guard, ..op(run) });
            Ok(())
        }
        Mnemonic::Trap | Mnemonic::Brkpt => {
            form.done(0)?;
            let run = if mnemonic == Mnemonic::Trap { plain::<Trap>() } else { plain::<Break>() };
            decoder.push(op(run));
            Ok(())
        }
        Mnemonic::Nanosleep => {
            form.ty()?;
            form.done(1)?;
            decoder.work::<Sleep>(fields());
            Ok(())
        }
        // Events of profilers: there is none.
        Mnemonic::Pmevent => {
            form.other("mask");
            form.done(1)
        }
        // Kernels run one after another, so what a dependent launch waits for has happened.
        Mnemonic::Griddepcontrol => {
            if form.one_of(&[Word::LaunchDependents, Word::Wait]).is_none() {
                return Err("it needs `.launch_dependents` or `.wait`".to_owned());
            }
            form.done(0)
        }
        // A hint for how many registers a warp keeps.
        Mnemonic::Setmaxnreg => Ok(()),
        _ => Err("not supported".to_owned()),
    }
}
