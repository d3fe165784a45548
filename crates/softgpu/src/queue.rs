//! A queue of work with a thread of its own: in order, one at a time. The thread starts with the first work, and ends
//! when the queue is closed and empty.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::ticket::Ticket;

/// Work, and what has to be done before it.
pub(crate) struct Task {
    pub(crate) after: Vec<Arc<Ticket>>,
    pub(crate) work: Box<dyn FnOnce() + Send>,
    pub(crate) ticket: Arc<Ticket>,
}

#[derive(Default)]
struct State {
    tasks: VecDeque<Task>,
    started: bool,
    closed: bool,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

/// Kernels call functions of functions of interpreters: more than a thread's usual 2 MiB.
const STACK: usize = 16 << 20;

impl Queue {
    /// Puts work at the end. Where no thread can be had, the caller's own does it.
    pub(crate) fn push(self: &Arc<Self>, task: Task) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.started {
            let queue = Arc::clone(self);
            let thread = std::thread::Builder::new().name("cuferry stream".to_owned()).stack_size(STACK);
            if thread.spawn(move || queue.run()).is_err() {
                drop(state);
                task.run();
                return;
            }
            state.started = true;
        }
        state.tasks.push_back(task);
        self.changed.notify_one();
    }

    /// No more work will come.
    pub(crate) fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.changed.notify_one();
    }

    fn run(&self) {
        while let Some(task) = self.next() {
            task.run();
        }
    }

    fn next(&self) -> Option<Task> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(task) = state.tasks.pop_front() {
                return Some(task);
            }
            if state.closed {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Task {
    fn run(self) {
        for ticket in &self.after {
            ticket.wait();
        }
        (self.work)();
        self.ticket.finish();
    }
}
