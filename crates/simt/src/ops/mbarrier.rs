//! `mbarrier` (9.7.13.16): objects in shared memory that count, in phases, who has arrived and the bytes still to come.
//!
//! Blocks of a cluster run on one worker, so that nobody else changes an object meanwhile.
#![expect(unsafe_code, reason = "handlers")]

use cuferry_ptx::{Operand, Space, Type, Word};

use crate::block::SPIN;
use crate::code::{NOWHERE, Op, Width};
use crate::decode::{Decoder, Form, Refused, fields};
use crate::fault::FaultKind;
use crate::lanes::{Exec, Map1, One, Work, lanes_in, plain};
use crate::space::{Flat, Reach, load_ordered, store_ordered};
use crate::warp::{Stop, Warp};
use crate::watch::Kind;

/// Arrivals that an object can expect, at most (9.7.13.16.2).
const MOST: u32 = (1 << 20) - 1;

/// What an object of 64 bits holds. Where, is the machine's own choice: programs hand the word on unread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Object {
    /// Arrivals that the phase still waits for.
    pending: u32,
    /// Arrivals that the next phase will wait for.
    expected: u32,
    /// Bytes that the phase still waits for; negative where they came before they were announced.
    bytes: i32,
    /// The parity of the phase.
    odd: bool,
}

impl Object {
    fn of(word: u64) -> Object {
        Object {
            pending: word as u32 & MOST,
            expected: (word >> 20) as u32 & MOST,
            bytes: ((word << 1).cast_signed() >> 41) as i32,
            odd: word >> 63 == 1,
        }
    }

    fn word(self) -> u64 {
        let bytes = (i64::from(self.bytes).cast_unsigned() & ((1 << 23) - 1)) << 40;
        u64::from(self.pending) | u64::from(self.expected) << 20 | bytes | u64::from(self.odd) << 63
    }

    /// Begins the next phase if nothing of this one is left.
    fn turn(mut self) -> Object {
        if self.pending == 0 && self.bytes == 0 {
            self.pending = self.expected;
            self.odd = !self.odd;
        }
        self
    }

    fn arrive(mut self, count: u32) -> Option<Object> {
        self.pending = self.pending.checked_sub(count).filter(|_| count > 0)?;
        Some(self.turn())
    }

    fn expect(mut self, bytes: i32) -> Option<Object> {
        self.bytes = self.bytes.checked_add(bytes).filter(|bytes| bytes.unsigned_abs() <= MOST)?;
        Some(self)
    }
}

/// Whether the phase of the object at an address, which has been checked, is an odd one.
pub(crate) fn is_odd(address: u64) -> bool {
    Object::of(load_ordered(address)).odd
}

/// Takes note that bytes have come; the address has been checked.
pub(super) fn complete(address: u64, bytes: u32) -> Option<()> {
    let object = Object::of(load_ordered(address)).expect(-i32::try_from(bytes).ok()?)?;
    store_ordered(address, object.turn().word());
    Some(())
}

fn fail(warp: &mut Warp, op: &Op, lane: usize, what: &str) -> bool {
    warp.fail(op, FaultKind::BadOperand(format!("mbarrier: {what}")), lane as u32);
    false
}

/// `b` the count of arrivals.
struct Init;
impl Work for Init {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let Some(addresses) = Flat::reach(warp, op, 8, true) else { return false };
        let count = warp.get::<u32>(op.b);
        for lane in lanes_in(warp.mask) {
            let count = count[lane];
            if count == 0 || count > MOST {
                return fail(warp, op, lane, &format!("a count of {count}"));
            }
            let object = Object { pending: count, expected: count, bytes: 0, odd: false };
            store_ordered(addresses[lane], object.word());
        }
        true
    }
}

/// What an arrival does, in `imm`'s stead: bits of `d`.
const DROP: u32 = 1;
const NEVER_COMPLETES: u32 = 2;

/// `b` the count, `c` bytes to expect or nowhere, `d` how, `dst` where the state goes or nowhere.
struct Arrive;
impl Work for Arrive {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let Some(addresses) = Flat::reach(warp, op, 8, true) else { return false };
        let count = warp.get::<u32>(op.b);
        let bytes = if op.c == NOWHERE { [0; 32] } else { warp.get::<i32>(op.c) };
        let mut states = [0; 32];
        for lane in lanes_in(warp.mask) {
            states[lane] = load_ordered::<u64>(addresses[lane]);
            let Some(mut object) = Object::of(states[lane]).expect(bytes[lane]) else {
                return fail(warp, op, lane, "it waits for too many bytes");
            };
            if op.d & DROP != 0 {
                object.expected = object.expected.saturating_sub(count[lane]);
            }
            let Some(after) = object.arrive(count[lane]) else {
                let what = format!("{} arrive where {} are awaited", count[lane], object.pending);
                return fail(warp, op, lane, &what);
            };
            if op.d & NEVER_COMPLETES != 0 && after.odd != object.odd {
                return fail(warp, op, lane, "`.noComplete` completes the phase");
            }
            store_ordered(addresses[lane], after.word());
        }
        if op.dst != NOWHERE {
            warp.put(op.dst, states);
        }
        true
    }
}

/// `b` the bytes; `d` 1: they have come, 0: they will.
struct Transact;
impl Work for Transact {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let Some(addresses) = Flat::reach(warp, op, 8, true) else { return false };
        let bytes = warp.get::<i32>(op.b);
        for lane in lanes_in(warp.mask) {
            let object = Object::of(load_ordered(addresses[lane]));
            let change = if op.d == 1 { bytes[lane].wrapping_neg() } else { bytes[lane] };
            let Some(after) = object.expect(change) else {
                return fail(warp, op, lane, "it waits for too many bytes");
            };
            store_ordered(addresses[lane], if op.d == 1 { after.turn() } else { after }.word());
        }
        true
    }
}

/// `b` the state or, with `c` 1, the parity; `d` 1 for `try_wait`, which lets the warp wait where all its lanes do.
struct Test;
impl Exec for Test {
    unsafe fn exec(warp: *mut Warp, op: *const Op) -> *const Op {
        // SAFETY: a handler's contract; there is an operation behind this.
        let (w, o) = unsafe { (&mut *warp, &*op) };
        let Some(addresses) = Flat::reach(w, o, 8, false) else { return std::ptr::null() };
        let odd = if o.c == 1 {
            w.get::<u32>(o.b).map(|parity| parity & 1 == 1)
        } else {
            w.get::<u64>(o.b).map(|state| Object::of(state).odd)
        };
        let done = lanes_in(w.mask).filter(|&lane| is_odd(addresses[lane]) != odd[lane]);
        let done = done.fold(0, |lanes, lane| lanes | 1 << lane);
        let first = w.mask.trailing_zeros() as usize & 31;
        let alike =
            lanes_in(w.mask).all(|lane| addresses[lane] == addresses[first] && odd[lane] == odd[first]);
        if o.d == 1 && done == 0 && alike {
            let (address, odd) = (addresses[first], odd[first]);
            return w.stop_at(w.index(op), Stop::Phase { address, odd });
        }
        w.budget -= SPIN;
        w.put_pred(o.dst, done);
        op.wrapping_add(1)
    }
}

struct Pending;
impl Map1 for Pending {
    type A = u64;
    type R = u32;
    fn map(state: u64) -> u32 {
        Object::of(state).pending
    }
}

pub(super) fn decode<'p>(decoder: &mut Decoder<'p>, mut form: Form<'p>) -> Result<(), Refused> {
    let actions = [
        Word::Init,
        Word::Inval,
        Word::ArriveDrop,
        Word::Arrive,
        Word::TestWait,
        Word::TryWait,
        Word::PendingCount,
    ];
    // `.arrive.expect_tx` is one action, `.expect_tx` another.
    let action = form.one_of(&actions);
    let expects = form.has(Word::ExpectTx);
    let completes = form.has(Word::CompleteTx);
    form.semantics();
    form.scope();
    let never = form.has(Word::NoComplete);
    let parity = form.has(Word::Parity);
    let space = form.space();
    if form.ty()? != Type::B64 {
        return Err("an `mbarrier` has 64 bits".to_owned());
    }
    form.words_done()?;
    match action {
        Some(Word::Init) => {
            form.done(2)?;
            let b = decoder.source(&form.operands[1], Type::U32)?;
            push(decoder, &form.operands[0], space, Op { b, ..op_of::<Init>() })
        }
        // What follows may use the memory as it likes.
        Some(Word::Inval) => form.done(1),
        Some(Word::PendingCount) => {
            form.done(2)?;
            let dst = decoder.destination(&form.operands[0], Type::U32)?;
            let a = decoder.source(&form.operands[1], Type::B64)?;
            decoder.work::<One<Pending>>(Op { dst: dst.place, a, ..fields() });
            decoder.settle(dst, Type::U32)
        }
        Some(wait @ (Word::TestWait | Word::TryWait)) => {
            // The time that `try_wait` may take at most is a hint.
            let operands = form.operands.len().min(if wait == Word::TryWait { 4 } else { 3 });
            form.done(operands.max(3))?;
            let dst = decoder.destination(&form.operands[0], Type::Pred)?;
            let b = decoder.source(&form.operands[2], if parity { Type::U32 } else { Type::B64 })?;
            let (c, d) = (parity.into(), u32::from(wait == Word::TryWait));
            let op = Op { run: plain::<Test>(), dst: dst.place, b, c, d, ..fields() };
            push(decoder, &form.operands[1], space, op)
        }
        Some(arrive) => {
            let (state, operands) = match form.operands {
                [Operand::Address(_), ..] => (None, form.operands),
                [state, rest @ ..] => (Some(state), rest),
                [] => return Err("it has no address".to_owned()),
            };
            let one = decoder.constant(Width::W32, 1);
            let given = match operands {
                [_] if !expects => one,
                [_, count] => decoder.source(count, Type::U32)?,
                _ => return Err(format!("it has {} operands", form.operands.len())),
            };
            let (b, c) = if expects { (one, given) } else { (given, NOWHERE) };
            let d =
                if arrive == Word::ArriveDrop { DROP } else { 0 } | if never { NEVER_COMPLETES } else { 0 };
            let dst = match state {
                None | Some(Operand::Sink) => NOWHERE,
                Some(state) => decoder.destination(state, Type::B64)?.place,
            };
            push(decoder, &operands[0], space, Op { dst, b, c, d, ..op_of::<Arrive>() })
        }
        None if expects != completes => {
            form.done(2)?;
            let b = decoder.source(&form.operands[1], Type::U32)?;
            let d = completes.into();
            push(decoder, &form.operands[0], space, Op { b, d, ..op_of::<Transact>() })
        }
        None => Err("it names no action".to_owned()),
    }
}

fn op_of<W: Work>() -> Op {
    Op { run: plain::<W>(), ..fields() }
}

/// Pushes an operation on the object that an operand names.
fn push<'p>(
    decoder: &mut Decoder<'p>,
    operand: &'p Operand<'p>,
    space: Option<Space>,
    op: Op,
) -> Result<(), Refused> {
    let Operand::Address(address) = operand else { return Err("it has no address".to_owned()) };
    let base = decoder.generic_base(address, space)?;
    let aux = decoder.access();
    let op = Op { a: base.place, imm: base.offset, aux, ..op };
    // Objects are no data: only what they order counts.
    decoder.note(&op, false, 8, Kind::WRITE.with(Kind::ATOMIC).with(Kind::RELEASE));
    decoder.push(op);
    decoder.note(&op, false, 8, Kind::ACQUIRE);
    Ok(())
}

/// `cp.async.mbarrier.arrive` (9.7.9.25.4): by then every copy is done, so that what it would arrive for has come. Without
/// `.noinc` it awaits one arrival more and arrives at once, which changes nothing.
pub(super) fn arrive_on_copies<'p>(
    decoder: &mut Decoder<'p>,
    operand: &'p Operand<'p>,
    space: Option<Space>,
    counted: bool,
) -> Result<(), Refused> {
    if !counted {
        return Ok(());
    }
    let b = decoder.constant(Width::W32, 1);
    push(decoder, operand, space, Op { dst: NOWHERE, b, c: NOWHERE, ..op_of::<Arrive>() })
}
