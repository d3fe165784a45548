//! Threads of the program's that run what the driver calls from threads of its own: a host's thread has no place in the
//! program, with its thread-local variables and its stack.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use cuferry_guest::Entry;

use crate::call::{Guest, SCRATCH};
use crate::callback::Callback;
use crate::report;
use crate::state::state;

/// So many callbacks may wait for one another.
const MOST: usize = 64;

struct Job {
    callback: Callback,
    arguments: [u64; 6],
    answer: SyncSender<u64>,
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
    static MAY_CALL: Cell<bool> = const { Cell::new(true) };
}

/// Whether this thread may call the driver: not while it runs a function that may not.
pub(crate) fn may_call() -> bool {
    MAY_CALL.get()
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
        MAY_CALL.set(job.callback.may_call);
        let value = guest.call(job.callback.function, &job.arguments);
        MAY_CALL.set(true);
        // Who asked may be gone with the process that it was in.
        let _ = job.answer.send(value);
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
pub(crate) fn call(callback: Callback, arguments: &[u64; 6]) -> u64 {
    let (answer, returned) = sync_channel(1);
    queue().jobs.push_back(Job { callback, arguments: *arguments, answer });
    CHANGED.notify_one();
    returned.recv().unwrap_or(0)
}
