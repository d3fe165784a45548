//! Calls, direct and by address, and the way back.

use std::rc::Rc;

use cuferry_ptx::{Instruction, Operand, Word};

use super::builtin;
use crate::code::{CallSite, Op, Width, Words};
use crate::decode::{Decoder, Form, Refused, Symbol, op};
use crate::fault::FaultKind;
use crate::lanes::{Exec, mask_where, plain};
use crate::program::Meaning;
use crate::warp::{Frame, Stop, Warp};

/// `aux`: among the code's calls; `a`: where an indirect call's address is.
struct Call;

impl Exec for Call {
    #[expect(unsafe_code, reason = "a handler")]
    unsafe fn exec(warp: *mut Warp, op: *const Op) -> *const Op {
        // SAFETY: a handler's contract.
        let (w, o) = unsafe { (&mut *warp, &*op) };
        call(w, o)
    }
}

fn call(warp: &mut Warp, op: &Op) -> *const Op {
    let back = warp.index(op) + 1;
    let callee = if let Some(callee) = warp.code().calls[op.aux as usize].callee {
        callee
    } else {
        let targets = warp.get::<u64>(op.a);
        let lane = warp.mask.trailing_zeros() as usize;
        let same = mask_where(|other| targets[other] == targets[lane]) & warp.mask;
        let found =
            warp.code().functions.iter().position(|code| code.address != 0 && code.address == targets[lane]);
        let Some(callee) = found else { return warp.fail(op, FaultKind::InvalidTarget, lane as u32) };
        if same != warp.mask {
            // The others call theirs when their turn comes.
            warp.part(warp.mask & !same, back - 1);
        }
        callee as u32
    };
    let code = warp.code();
    let site = code.calls[op.aux as usize].clone();
    let function = &code.functions[callee as usize];
    let (entry, size) = (function.entry, function.local);
    let formals = function.parameters.clone();
    if formals.len() != site.arguments.len() || site.returns.len() > function.returns.len() {
        let why = "a call by address of a function with other parameters".to_owned();
        return warp.fail(op, FaultKind::BadOperand(why), warp.mask.trailing_zeros());
    }
    let local = warp.local + site.frame;
    if local + size > warp.spaces.local_size {
        return warp.fail(op, FaultKind::StackOverflow, warp.mask.trailing_zeros());
    }
    let saved = site.save.map(|caller| warp.save(&code_registers(warp, caller)));
    let parent = warp.frame.take();
    let depth = parent.as_ref().map_or(1, |frame| frame.depth + 1);
    if depth > MAX_DEPTH {
        return warp.fail(op, FaultKind::StackOverflow, warp.mask.trailing_zeros());
    }
    for (formal, argument) in formals.iter().zip(&site.arguments) {
        copy(warp, *formal, *argument);
    }
    warp.frame = Some(Rc::new(Frame { parent, depth, back, call: op.aux, callee, local: warp.local, saved }));
    warp.local = local;
    warp.budget -= 1;
    warp.stop_at(entry, if warp.budget < 0 { Stop::Rotate } else { Stop::Choose })
}

/// Calls within calls: recursion without local memory has to end somewhere.
const MAX_DEPTH: u32 = 1 << 14;

fn code_registers(warp: &Warp, function: u32) -> Vec<(u32, Width)> {
    warp.code().functions[function as usize].registers.clone()
}

fn copy(warp: &mut Warp, to: Words, from: Words) {
    for word in 0..to.count.min(from.count) {
        let value = warp.get::<u32>(from.offset + word * Width::W32.slot());
        warp.put(to.offset + word * Width::W32.slot(), value);
    }
}

/// Returns from a function to where it was called.
pub(super) fn go_back(warp: &mut Warp) -> *const Op {
    let Some(frame) = warp.frame.take() else { return warp.stop_at(0, Stop::Exit) };
    let code = warp.code();
    let site = code.calls[frame.call as usize].clone();
    let from = code.functions[frame.callee as usize].returns.clone();
    let words =
        from.iter().flat_map(|words| (0..words.count).map(|word| words.offset + word * Width::W32.slot()));
    let values: Vec<[u32; 32]> = words.map(|offset| warp.get::<u32>(offset)).collect();
    if let (Some(saved), Some(caller)) = (&frame.saved, site.save) {
        warp.restore(&code_registers(warp, caller), saved);
    }
    let mut values = values.into_iter();
    for (to, from) in site.returns.iter().zip(&from) {
        for (word, value) in (0..from.count).zip(values.by_ref()) {
            if word < to.count {
                warp.put(to.offset + word * Width::W32.slot(), value);
            }
        }
    }
    warp.local = frame.local;
    warp.frame.clone_from(&frame.parent);
    warp.stop_at(frame.back, Stop::Choose)
}

fn words<'p>(decoder: &mut Decoder<'p>, operands: &'p [Operand<'p>]) -> Result<Vec<Words>, Refused> {
    operands.iter().map(|operand| one(decoder, operand)).collect()
}

fn one<'p>(decoder: &mut Decoder<'p>, operand: &'p Operand<'p>) -> Result<Words, Refused> {
    match operand {
        Operand::Name(name) => match decoder.symbol(name)? {
            Symbol::Words(words) => Ok(words),
            _ => Err(format!("`{name}`: only parameters in `.param` variables are supported")),
        },
        Operand::Sink => Ok(Words { offset: decoder.row(1), count: 0 }),
        _ => Err("only parameters in `.param` variables are supported".to_owned()),
    }
}

pub(super) fn decode<'p>(
    decoder: &mut Decoder<'p>,
    instruction: &'p Instruction<'p>,
    mut form: Form<'p>,
) -> Result<(), Refused> {
    form.has(Word::Uni);
    form.words_done()?;
    let call = instruction.call().ok_or("it is not written as the manual says")?;
    let returns = words(decoder, call.returns)?;
    let arguments = words(decoder, call.arguments)?;
    if let Some((Width::W64, a)) = decoder.register(call.target) {
        if call.prototype.is_none() {
            return Err("a call by address needs a prototype or its targets".to_owned());
        }
        let aux =
            decoder.call_from_here(CallSite { callee: None, arguments, returns, ..CallSite::default() });
        decoder.push_bare(Op { a, aux, ..op(plain::<Call>()) });
        return Ok(());
    }
    match decoder.linked.meaning(decoder.module, call.target) {
        Some(Meaning::Function(function)) => {
            let callee = decoder.number_of(function);
            let code = decoder.code_of(callee);
            if code.parameters.len() != arguments.len() || code.returns.len() < returns.len() {
                return Err(format!("`{}` has other parameters", call.target));
            }
            let callee = Some(callee);
            let aux = decoder.call_from_here(CallSite { callee, arguments, returns, ..CallSite::default() });
            decoder.push_bare(Op { aux, ..op(plain::<Call>()) });
            Ok(())
        }
        _ => builtin::decode(decoder, call.target, &returns, &arguments),
    }
}
