//! The threads that help the one that launches. They stay for as long as the device: starting one takes longer than many a
//! kernel.
#![expect(unsafe_code, reason = "threads that stay are lent work that does not")]

use std::fmt;
use std::ptr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use rayon::{ThreadPool, ThreadPoolBuilder};

pub(crate) struct Crew(ThreadPool);

type Work<'a> = dyn Fn() + Sync + 'a;

/// Work that is lent to threads while the gate is open.
struct Gate {
    /// Not to be followed once the gate is closed: it may be gone then.
    work: *const Work<'static>,
    state: Mutex<State>,
    left: Condvar,
}

#[derive(Default)]
struct State {
    closed: bool,
    /// Threads that are at work.
    inside: usize,
    panicked: bool,
}

// SAFETY: the work is shared by reference, which its `Sync` allows, and used behind an open gate alone.
unsafe impl Send for Gate {}
// SAFETY: as above.
unsafe impl Sync for Gate {}

impl Gate {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does the work, if it is still lent.
    fn enter(&self) {
        {
            let mut state = self.state();
            if state.closed {
                return;
            }
            state.inside += 1;
        }
        let _inside = Inside(self);
        // SAFETY: whoever lends the work waits until nobody is inside.
        unsafe { (*self.work)() }
    }

    /// Takes the work back. `true`: a thread panicked in it.
    fn close(&self) -> bool {
        let mut state = self.state();
        state.closed = true;
        while state.inside > 0 {
            state = self.left.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.panicked
    }
}

struct Inside<'a>(&'a Gate);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.inside -= 1;
        state.panicked |= thread::panicking();
        self.0.left.notify_all();
    }
}

/// Closes the gate when the lender is done, or panics.
struct Lent(Arc<Gate>);

impl Drop for Lent {
    fn drop(&mut self) {
        let panicked = self.0.close();
        assert!(!panicked || thread::panicking(), "a worker of the launch panicked");
    }
}

impl Crew {
    /// `None`: the system gives no threads.
    pub(crate) fn new(threads: usize) -> Option<Crew> {
        let builder = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|number| format!("cuferry-{number}"))
            // The lender is told.
            .panic_handler(|_| {});
        builder.build().ok().map(Crew)
    }

    /// Does the work on this thread, and on up to `helpers` others at the same time. Comes back when nobody is at it any
    /// more, and does not wait for those that have not begun: they may be busy with a kernel that waits for this one.
    pub(crate) fn together(&self, helpers: usize, work: &Work<'_>) {
        // SAFETY: only the lifetime changes, and the gate is closed before this one's ends.
        let lent = unsafe { std::mem::transmute::<&Work<'_>, &Work<'static>>(work) };
        let gate =
            Arc::new(Gate { work: ptr::from_ref(lent), state: Mutex::default(), left: Condvar::new() });
        let _lent = Lent(Arc::clone(&gate));
        for _ in 0..helpers {
            let gate = Arc::clone(&gate);
            self.0.spawn(move || gate.enter());
        }
        work();
    }
}

impl fmt::Debug for Crew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Crew").field(&self.0.current_num_threads()).finish()
    }
}
