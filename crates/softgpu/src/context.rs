//! Contexts: streams, what the runtime stores with them, limits, and the error that sticks after a fault.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cuferry_driver::types::CUcontext;

use crate::driver::driver;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::handle::{Object as _, fresh, object};
use crate::module::Module;
use crate::stream::{Kind, Stream};

/// What the runtime keeps with a context, and what to call when the context goes.
#[derive(Clone, Copy)]
pub(crate) struct Stored {
    pub(crate) value: usize,
    pub(crate) destructor: Option<Destructor>,
}

/// `(context, key, value)`.
pub(crate) type Destructor = extern "C" fn(CUcontext, *mut c_void, *mut c_void);

/// See the module.
pub(crate) struct Context {
    /// Its handle.
    pub(crate) number: usize,
    /// Whether it is the device's primary one.
    pub(crate) primary: bool,
    pub(crate) flags: AtomicU32,
    pub(crate) cache: AtomicU32,
    pub(crate) banks: AtomicU32,
    alive: AtomicBool,
    error: AtomicU32,
    /// Held while work is put into a queue, so that what waits for what is settled in one order.
    order: Mutex<()>,
    legacy: Mutex<Option<Arc<Stream>>>,
    streams: Mutex<BTreeMap<usize, Arc<Stream>>>,
    storage: Mutex<BTreeMap<usize, Stored>>,
}

object!(Context, CUctx_st);

thread_local! {
    /// The thread's stack of contexts: the last is current.
    static STACK: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
    /// The thread's default streams, by context.
    static DEFAULTS: RefCell<BTreeMap<usize, Arc<Stream>>> = const { RefCell::new(BTreeMap::new()) };
}

impl Context {
    pub(crate) fn create(primary: bool, flags: u32) -> Arc<Self> {
        let context = Arc::new(Self {
            number: fresh(),
            primary,
            flags: AtomicU32::new(flags),
            cache: AtomicU32::new(0),
            banks: AtomicU32::new(0),
            alive: AtomicBool::new(true),
            error: AtomicU32::new(0),
            order: Mutex::new(()),
            legacy: Mutex::new(None),
            streams: Mutex::default(),
            storage: Mutex::default(),
        });
        Self::handles().insert(context.number, Arc::clone(&context));
        context
    }

    pub(crate) fn handle(&self) -> CUcontext {
        self.number as CUcontext
    }

    /// The error that each call answers since a kernel failed.
    pub(crate) fn health(&self) -> Result {
        if !self.alive.load(Ordering::Acquire) {
            return Err(Error::CONTEXT_IS_DESTROYED);
        }
        match self.error.load(Ordering::Acquire) {
            0 => Ok(()),
            code => Err(Error(code)),
        }
    }

    /// From now on each call answers this.
    pub(crate) fn fail(&self, error: Error) {
        let _ = self.error.compare_exchange(0, error.0, Ordering::AcqRel, Ordering::Acquire);
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    pub(crate) fn order(&self) -> MutexGuard<'_, ()> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stream that all threads share: stream 0, unless a program asks for one a thread.
    pub(crate) fn legacy(self: &Arc<Self>) -> Arc<Stream> {
        let mut legacy = self.legacy.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(legacy.get_or_insert_with(|| self.adopt(Stream::create(self, Kind::Legacy, 0, 0))))
    }

    /// The calling thread's own default stream.
    pub(crate) fn per_thread(self: &Arc<Self>) -> Arc<Stream> {
        let make = || self.adopt(Stream::create(self, Kind::PerThread, 0, 0));
        let found = DEFAULTS.try_with(|defaults| {
            let mut defaults = defaults.borrow_mut();
            let live = defaults.get(&self.number).filter(|stream| !stream.is_closed()).cloned();
            live.unwrap_or_else(|| {
                let stream = make();
                defaults.insert(self.number, Arc::clone(&stream));
                stream
            })
        });
        found.unwrap_or_else(|_| make())
    }

    /// Counts a stream among this context's.
    pub(crate) fn adopt(&self, stream: Arc<Stream>) -> Arc<Stream> {
        self.lock_streams().insert(stream.number, Arc::clone(&stream));
        stream
    }

    pub(crate) fn drop_stream(&self, number: usize) {
        self.lock_streams().remove(&number);
    }

    /// Keeps a destroyed stream until its work is done: the context still waits for that.
    pub(crate) fn retire(&self, stream: &Arc<Stream>) {
        self.lock_streams().retain(|_, other| !(other.is_closed() && other.last().is_done()));
        self.adopt(Arc::clone(stream));
    }

    pub(crate) fn streams(&self) -> Vec<Arc<Stream>> {
        self.lock_streams().values().cloned().collect()
    }

    fn lock_streams(&self) -> MutexGuard<'_, BTreeMap<usize, Arc<Stream>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for everything that was asked for before.
    pub(crate) fn synchronize(&self) -> Result {
        for stream in self.streams() {
            stream.last().wait();
        }
        driver()?.flush();
        self.health()
    }

    pub(crate) fn storage(&self) -> MutexGuard<'_, BTreeMap<usize, Stored>> {
        self.storage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives back all that it holds. A primary context can be used again; another is gone.
    pub(crate) fn reset(&self) {
        let _ = self.synchronize();
        let stored = std::mem::take(&mut *self.storage());
        for (key, Stored { value, destructor }) in stored {
            if let Some(destructor) = destructor {
                destructor(self.handle(), key as *mut c_void, value as *mut c_void);
            }
        }
        self.alive.store(false, Ordering::Release);
        *self.legacy.lock().unwrap_or_else(PoisonError::into_inner) = None;
        for (number, stream) in std::mem::take(&mut *self.lock_streams()) {
            stream.close();
            Stream::handles().remove(number);
        }
        Event::handles().remove_if(|event| event.context == self.number);
        Module::handles().remove_if(|module| module.context == self.number);
        crate::texture::forget_context(self.number);
        if let Ok(driver) = driver() {
            if driver.settings.leaks {
                driver.ledger.report_leaks(Some(self.number));
            }
            driver.ledger.forget_context(&driver.memory, self.number);
        }
        self.error.store(0, Ordering::Release);
    }

    /// A primary context in use again.
    pub(crate) fn revive(&self, flags: u32) {
        self.flags.store(flags, Ordering::Relaxed);
        self.alive.store(true, Ordering::Release);
    }
}

/// The current context of the calling thread, whatever its state.
pub(crate) fn current_if_any() -> Result<Option<Arc<Context>>> {
    driver()?;
    let number = STACK.try_with(|stack| stack.borrow().last().copied()).ok().flatten();
    Ok(number.and_then(|number| Context::handles().get(number)))
}

/// The current context of the calling thread, if it can be used.
pub(crate) fn current() -> Result<Arc<Context>> {
    let context = current_if_any()?.ok_or(Error::INVALID_CONTEXT)?;
    context.health()?;
    Ok(context)
}

/// The context of a handle, or the current one for null.
pub(crate) fn named(raw: CUcontext) -> Result<Arc<Context>> {
    if raw.is_null() {
        return current_if_any()?.ok_or(Error::INVALID_CONTEXT);
    }
    Context::handles().get(raw as usize).ok_or(Error::INVALID_CONTEXT)
}

/// Makes a context current, in place of the one that is; none empties the top of the stack.
pub(crate) fn set_current(context: Option<&Context>) {
    let _ = STACK.try_with(|stack| {
        let mut stack = stack.borrow_mut();
        stack.pop();
        if let Some(context) = context {
            stack.push(context.number);
        }
    });
}

pub(crate) fn push_current(context: &Context) {
    let _ = STACK.try_with(|stack| stack.borrow_mut().push(context.number));
}

pub(crate) fn pop_current() -> Result<usize> {
    STACK.try_with(|stack| stack.borrow_mut().pop()).ok().flatten().ok_or(Error::INVALID_CONTEXT)
}
