//! Functions that every device has: `vprintf`, `__assertfail`, `malloc`, `free`.

use crate::code::{NOWHERE, Op, Width, Words};
use crate::decode::{Decoder, Refused, op};
use crate::fault::FaultKind;
use crate::format::{Argument, format};
use crate::lanes::{Work, lanes_in, plain};
use crate::memory::Kind;
use crate::space::{read_bytes, readable, refuse};
use crate::warp::Warp;

/// Bytes of a string that are read, at most.
const STRING: u64 = 1 << 16;

/// A parameter of 64 bits, in two words.
fn wide(warp: &Warp, place: u32) -> [u64; 32] {
    let (low, high) = (warp.get::<u32>(place), warp.get::<u32>(place + Width::W32.slot()));
    std::array::from_fn(|lane| u64::from(low[lane]) | u64::from(high[lane]) << 32)
}

/// A string of the guest's; `None`: it can't be read, and the warp has its fault.
fn string(warp: &mut Warp, op: &Op, lane: usize, address: u64) -> Option<Vec<u8>> {
    let Some(size) = readable(warp, lane, address) else {
        refuse(warp, op, FaultKind::OutOfBounds, lane, address, 1, false);
        return None;
    };
    let mut bytes = Vec::new();
    let mut byte = [0];
    for at in 0..size.min(STRING) {
        read_bytes(address + at, &mut byte);
        if byte[0] == 0 {
            return Some(bytes);
        }
        bytes.push(byte[0]);
    }
    if size > STRING {
        return Some(bytes);
    }
    refuse(warp, op, FaultKind::OutOfBounds, lane, address + size, 1, false);
    None
}

/// `vprintf(format, arguments)`: `a` and `b` the parameters, `dst` the result.
struct Printf;
impl Work for Printf {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let (formats, arguments) = (wide(warp, op.a), wide(warp, op.b));
        let mut results = [0_u32; 32];
        for lane in lanes_in(warp.mask) {
            let Some(text) = string(warp, op, lane, formats[lane]) else { return false };
            let mut at = arguments[lane];
            let mut count = 0;
            let printed = format(&text, |argument| {
                count += 1;
                let size = argument.size();
                at = at.next_multiple_of(size);
                let here = at;
                at += size;
                if readable(warp, lane, here).is_none_or(|left| left < size) {
                    refuse(warp, op, FaultKind::OutOfBounds, lane, here, size as u32, false);
                    return None;
                }
                let mut bytes = [0; 8];
                read_bytes(here, &mut bytes[..size as usize]);
                let bits = u64::from_le_bytes(bytes);
                if argument != Argument::Text {
                    return Some((bits, Vec::new()));
                }
                if bits == 0 {
                    return Some((0, b"(null)".to_vec()));
                }
                string(warp, op, lane, bits).map(|text| (bits, text))
            });
            let Some(printed) = printed else { return false };
            warp.spaces.device().print(&printed);
            results[lane] = count;
        }
        if op.dst != NOWHERE {
            warp.put(op.dst, results);
        }
        true
    }
}

/// `__assertfail(message, file, line, function, charsize)`: `a` to `d` the first four.
struct Assert;
impl Work for Assert {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let (messages, files) = (wide(warp, op.a), wide(warp, op.b));
        let (lines, functions) = (warp.get::<u32>(op.c), wide(warp, op.d));
        let mut first = None;
        for lane in lanes_in(warp.mask) {
            let Some(message) = string(warp, op, lane, messages[lane]) else { return false };
            let Some(file) = string(warp, op, lane, files[lane]) else { return false };
            let Some(function) = string(warp, op, lane, functions[lane]) else { return false };
            let ([bx, by, bz], [x, y, z]) = (warp.spaces.block, warp.thread(lane));
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let line = format!(
                "{}:{}: {}: block: [{bx},{by},{bz}], thread: [{x},{y},{z}] Assertion `{}` failed.\n",
                text(&file),
                lines[lane],
                text(&function),
                text(&message)
            );
            warp.spaces.device().complain(line.as_bytes());
            first.get_or_insert((lane, text(&message)));
        }
        let (lane, message) = first.unwrap_or_default();
        warp.fail(op, FaultKind::Assert(message), lane as u32);
        false
    }
}

/// `malloc(size)`: `a` the size, `dst` the result: 0 where there is no memory.
struct Malloc;
impl Work for Malloc {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let sizes = wide(warp, op.a);
        let mut results = [0_u64; 32];
        for lane in lanes_in(warp.mask) {
            let (spaces, size) = (&warp.spaces, sizes[lane]);
            if !spaces.device().take_heap(size) {
                continue;
            }
            match spaces.memory().allocate(size, 16, Kind::Heap) {
                Ok(address) => results[lane] = address,
                Err(_) => spaces.device().give_heap(size),
            }
        }
        if op.dst != NOWHERE {
            warp.put(op.dst, results.map(|address| address as u32));
            warp.put(op.dst + Width::W32.slot(), results.map(|address| (address >> 32) as u32));
        }
        true
    }
}

/// `free(pointer)`.
struct Free;
impl Work for Free {
    fn work(warp: &mut Warp, op: &Op) -> bool {
        let addresses = wide(warp, op.a);
        for lane in lanes_in(warp.mask).filter(|&lane| addresses[lane] != 0) {
            let address = addresses[lane];
            let memory = warp.spaces.memory();
            let found =
                memory.find(address).filter(|found| found.kind == Kind::Heap && found.address == address);
            let (size, freed) = found.map_or((0, false), |found| (found.size, found.freed));
            if freed || found.is_none() || memory.free(address).is_err() {
                let kind = if freed { FaultKind::UseAfterFree } else { FaultKind::OutOfBounds };
                return refuse(warp, op, kind, lane, address, 1, true);
            }
            warp.spaces.device().give_heap(size);
            warp.forget_ranges();
        }
        true
    }
}

pub(super) fn decode(
    decoder: &mut Decoder<'_>,
    name: &str,
    returns: &[Words],
    arguments: &[Words],
) -> Result<(), Refused> {
    let place = |index: usize| arguments[index].offset;
    let dst = returns.first().filter(|words| words.count > 0).map_or(NOWHERE, |words| words.offset);
    let whole = |words: &[u32]| arguments.iter().map(|words| words.count).eq(words.iter().copied());
    let op = match name {
        "vprintf" if whole(&[2, 2]) => Op { a: place(0), b: place(1), dst, ..op(plain::<Printf>()) },
        "__assertfail" if whole(&[2, 2, 1, 2, 2]) => {
            Op { a: place(0), b: place(1), c: place(2), d: place(3), ..op(plain::<Assert>()) }
        }
        "malloc" if whole(&[2]) => {
            let room = returns.first().is_none_or(|words| words.count == 2);
            if !room {
                return Err("`malloc` gives 64 bits".to_owned());
            }
            Op { a: place(0), dst, ..op(plain::<Malloc>()) }
        }
        "free" if whole(&[2]) => Op { a: place(0), ..op(plain::<Free>()) },
        "vprintf" | "__assertfail" | "malloc" | "free" => {
            return Err(format!("`{name}` takes other parameters"));
        }
        _ => return Err(format!("the function `{name}` is in no module that was loaded")),
    };
    decoder.push(op);
    Ok(())
}
