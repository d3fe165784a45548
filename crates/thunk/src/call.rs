//! One call of the program's: it runs on a stack of its own, and may call back into the program from there.
//!
//! QEMU gives a program's thread 256 KiB of host stack, which a driver may need more of: each call has 8 MiB. And a call
//! can only enter the program by returning to QEMU first; on its own stack it waits while the program runs its function,
//! and goes on when the program makes the system call again.

use std::cell::{Cell, RefCell};
use std::io;
use std::mem::ManuallyDrop;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use cuferry_driver::types::CUDA_ERROR_OUT_OF_MEMORY;
use cuferry_guest::{Entry, Frame, Start, entry};

use crate::{function, output, report, signal, state, table, worker};

/// In bytes: what a program's main thread usually has.
const STACK: usize = 8 << 20;

/// What a call is woken with.
enum Input {
    /// A new call: the frame's address.
    Call(u64),
    /// What the program's function returned.
    Returned(u64),
}

/// What a call stops with.
enum Output {
    /// It is over.
    Done(u64),
    /// A function of the program's is to be called.
    Upcall { function: u64, arguments: [u64; 6] },
}

type Stack = Coroutine<Input, Output, (), DefaultStack>;

thread_local! {
    /// Calls that wait for the program, by their number less one; and those that are free.
    /// A thread that ends within a callback leaves its call as it is: nothing may run on that stack any more.
    static WAITING: RefCell<Vec<Option<ManuallyDrop<Stack>>>> = const { RefCell::new(Vec::new()) };
    static FREE: RefCell<Vec<Stack>> = const { RefCell::new(Vec::new()) };
    /// The call that this thread is in.
    static CURRENT: Cell<*const Yielder<Input, Output>> = const { Cell::new(std::ptr::null()) };
}

/// The program, as a call sees it: stopped, and ready to run a function.
#[derive(Clone, Copy)]
pub(crate) struct Guest<'a> {
    yielder: &'a Yielder<Input, Output>,
    frame: u64,
}

impl Guest<'_> {
    /// Calls a function of the program's on the thread that made the call, and waits for what it returns.
    pub(crate) fn call(self, function: u64, arguments: &[u64]) -> u64 {
        upcall(self.yielder, function, arguments)
    }

    /// 128 bytes in the program's memory, which held the argument registers.
    pub(crate) fn scratch(self) -> u64 {
        self.frame + std::mem::offset_of!(Frame, integers) as u64
    }
}

/// The bytes of [`Guest::scratch`].
pub(crate) const SCRATCH: usize = 128;

/// Calls a function of the program's, if this thread is in a call of the program's; none if it is a thread of the host's.
pub(crate) fn from_here(function: u64, arguments: &[u64]) -> Option<u64> {
    let yielder = CURRENT.get();
    // SAFETY: it is that of the call that this thread runs, which lasts as long as the call.
    (!yielder.is_null()).then(|| upcall(unsafe { &*yielder }, function, arguments))
}

fn upcall(yielder: &Yielder<Input, Output>, function: u64, arguments: &[u64]) -> u64 {
    let mut six = [0; 6];
    six[..arguments.len()].copy_from_slice(arguments);
    let before = CURRENT.get();
    let _without = signal::without();
    let input = yielder.suspend(Output::Upcall { function, arguments: six });
    CURRENT.set(before);
    match input {
        Input::Returned(value) => value,
        Input::Call(_) => unreachable!("a call that waits is woken by its own frame alone"),
    }
}

/// The system call: a frame with a new call, or with what a function of the program's returned.
pub(crate) fn serve(address: u64) {
    let frame = address as *mut Frame;
    // SAFETY: the guest's library passes the address of a frame on its stack, which is this process's memory.
    let frame = unsafe { &mut *frame };
    let number = usize::try_from(frame.call).unwrap_or(usize::MAX);
    let mut stack = match number.checked_sub(1) {
        None => match free() {
            Ok(stack) => stack,
            Err(error) => {
                report::line(&format!("no memory for a stack: {error}"));
                frame.result = CUDA_ERROR_OUT_OF_MEMORY.into();
                return;
            }
        },
        Some(index) => {
            let waiting = WAITING.with_borrow_mut(|calls| calls.get_mut(index).and_then(Option::take));
            ManuallyDrop::into_inner(waiting.expect("the frame's number is that of a call of this thread"))
        }
    };
    let input = if number == 0 { Input::Call(address) } else { Input::Returned(frame.returned) };
    let outer = CURRENT.replace(std::ptr::null());
    let output = stack.resume(input);
    CURRENT.set(outer);
    match output {
        CoroutineResult::Yield(Output::Done(result)) => {
            frame.result = result;
            frame.upcall = 0;
            FREE.with_borrow_mut(|free| free.push(stack));
        }
        CoroutineResult::Yield(Output::Upcall { function, arguments }) => {
            frame.upcall = function;
            frame.arguments = arguments;
            frame.call = keep(stack);
        }
        CoroutineResult::Return(()) => unreachable!("calls never end, they begin anew"),
    }
}

/// A stack to run a call on. It is used again and again.
fn free() -> io::Result<Stack> {
    if let Some(stack) = FREE.with_borrow_mut(Vec::pop) {
        return Ok(stack);
    }
    Ok(Coroutine::with_stack(DefaultStack::new(STACK)?, |yielder, mut input| {
        loop {
            input = match input {
                Input::Call(address) => {
                    CURRENT.set(yielder);
                    let result = carry(address, Guest { yielder, frame: address });
                    CURRENT.set(std::ptr::null());
                    yielder.suspend(Output::Done(result))
                }
                Input::Returned(_) => unreachable!("no call waits here"),
            }
        }
    }))
}

/// Keeps a call that waits; its number.
fn keep(stack: Stack) -> u64 {
    WAITING.with_borrow_mut(|calls| {
        let index = calls.iter().position(Option::is_none).unwrap_or_else(|| {
            calls.push(None);
            calls.len() - 1
        });
        calls[index] = Some(ManuallyDrop::new(stack));
        index as u64 + 1
    })
}

fn carry(address: u64, guest: Guest<'_>) -> u64 {
    // SAFETY: as in `serve`, which waits meanwhile: the program's thread is stopped.
    let frame = unsafe { &*(address as *const Frame) };
    let index = usize::try_from(frame.entry).unwrap_or(usize::MAX);
    let result = match entry(index) {
        Some(Entry::Function { function, symbol }) => function::call(index, function, symbol, frame, guest),
        Some(Entry::Table(slot)) => table::call(slot, frame, guest),
        Some(Entry::Start) => {
            let [entries, pthread_create, pthread_sigmask, pthread_self, fwrite, stdout, ..] = frame.integers;
            state::start(Start { entries, pthread_create, pthread_sigmask, pthread_self, fwrite, stdout });
            0
        }
        Some(Entry::Worker) => worker::run(guest),
        Some(Entry::Nothing) => 0,
        None => cuferry_driver::types::CUDA_ERROR_INVALID_VALUE.into(),
    };
    output::hand_over(guest);
    result
}
