//! Threads of the program's that run what the driver calls from threads of its own: a host's thread has no place in the
//! program, with its thread-local variables and its stack.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use cuferry_driver::types::CUDA_ERROR_UNKNOWN;
use cuferry_guest::Entry;

use crate::arguments::{self, Arguments, Shape};
use crate::call::{Guest, SCRATCH};
use crate::native::Address;
use crate::report;
use crate::state::state;

/// So many callbacks may wait for one another.
const MOST: usize = 64;

struct Job {
    function: u64,
    arguments: [u64; 6],
    host: SyncSender<Message>,
}

/// What the program's thread has for the driver's that waits for it.
enum Message {
    /// The function has returned.
    Returned(u64),
    /// The function calls the driver: the driver's own thread is to do it. What a stream calls is not permitted most of the
    /// driver's functions, and the driver knows its threads.
    Call { call: Box<Native>, answer: SyncSender<u64> },
}

struct Native {
    function: Address,
    shape: Shape,
    arguments: Arguments,
    floats: [u64; 8],
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    idle: usize,
    threads: usize,
}

static QUEUE: Mutex<Queue> = Mutex::new(Queue { jobs: VecDeque::new(), idle: 0, threads: 0 });
static CHANGED: Condvar = Condvar::new();
thread_local! {
    /// The driver's thread for which this one runs a function.
    static HOST: RefCell<Option<SyncSender<Message>>> = const { RefCell::new(None) };
}

/// Calls a function of the driver's: on this thread, or on the driver's thread for which this one runs a function.
pub(crate) fn native(function: Address, shape: Shape, arguments: &Arguments, floats: &[u64; 8]) -> u64 {
    let host = HOST.with_borrow(Clone::clone);
    let Some(host) = host else { return arguments::call(function, shape, arguments, floats) };
    let (answer, returned) = sync_channel(1);
    let call = Box::new(Native { function, shape, arguments: *arguments, floats: *floats });
    if host.send(Message::Call { call, answer }).is_err() {
        return CUDA_ERROR_UNKNOWN.into();
    }
    returned.recv().unwrap_or(CUDA_ERROR_UNKNOWN.into())
}

static STARTED: AtomicBool = AtomicBool::new(false);

fn queue() -> MutexGuard<'static, Queue> {
    QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sees to it that there is one, before the driver gets a function of the program's.
pub(crate) fn ensure(guest: Guest<'_>) {
    if !STARTED.swap(true, Ordering::AcqRel) {
        start(guest);
    }
}

fn start(guest: Guest<'_>) {
    let Some(state) = state() else { return };
    let Some(entry) = state.address(Entry::Worker) else { return };
    queue().threads += 1;
    // `pthread_create(&thread, NULL, entry, NULL)`: the thread's name goes where the argument registers were, of a call
    // that has read them.
    let mut thread = 0_u64;
    let code = guest.call(state.guest.pthread_create, &[(&raw mut thread) as u64, 0, entry, 0]);
    if code != 0 {
        queue().threads -= 1;
        report::once(format!("the program can start no thread for its callbacks (error {code})"));
    }
}

/// What the thread does, for as long as the program lasts.
pub(crate) fn run(guest: Guest<'_>) -> u64 {
    block_signals(guest);
    loop {
        let mut waiting = queue();
        waiting.idle += 1;
        let job = loop {
            if let Some(job) = waiting.jobs.pop_front() {
                break job;
            }
            waiting = CHANGED.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        };
        waiting.idle -= 1;
        // A callback may wait for another one: one thread is always left for the next.
        let last = waiting.idle == 0 && waiting.threads < MOST;
        drop(waiting);
        if last {
            start(guest);
        }
        HOST.set(Some(job.host.clone()));
        let value = guest.call(job.function, &job.arguments);
        HOST.set(None);
        // Who asked may be gone with the process that it was in.
        let _ = job.host.send(Message::Returned(value));
    }
}

/// As the driver's own threads do: signals are for the program's threads. Those that a callback itself causes stay.
fn block_signals(guest: Guest<'_>) {
    let Some(state) = state() else { return };
    let own = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGABRT];
    let mask = own.iter().fold(u64::MAX, |mask, signal| mask & !(1 << (signal - 1)));
    let set = guest.scratch() as *mut [u8; SCRATCH];
    // SAFETY: memory of the frame's, which nobody else uses; a `sigset_t` has 128 bytes, of which Linux knows 8.
    unsafe {
        set.write([0; SCRATCH]);
        set.cast::<u64>().write_unaligned(mask);
    }
    guest.call(state.guest.pthread_sigmask, &[0, set as u64, 0]); // SIG_BLOCK is 0
}

/// Has a thread of the program's call a function, and waits for what it returns.
pub(crate) fn call(function: u64, arguments: &[u64; 6]) -> u64 {
    let (host, messages) = sync_channel(1);
    queue().jobs.push_back(Job { function, arguments: *arguments, host });
    CHANGED.notify_one();
    loop {
        match messages.recv() {
            Ok(Message::Returned(value)) => return value,
            Ok(Message::Call { call, answer }) => {
                let _ =
                    answer.send(arguments::call(call.function, call.shape, &call.arguments, &call.floats));
            }
            Err(_) => return 0,
        }
    }
}
