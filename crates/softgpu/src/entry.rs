//! The door: what every exported function passes through. Panics stop here, calls are logged, and a forked child or a
//! host callback learns that it may not call.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt::Arguments;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use cuferry_driver::types::{CUDA_ERROR_NOT_SUPPORTED, CUDA_ERROR_UNKNOWN, CUDA_SUCCESS, CUresult};

use crate::error::{Error, Result};
use crate::report;

static FORKED: AtomicBool = AtomicBool::new(false);

thread_local! {
    static IN_CALLBACK: Cell<bool> = const { Cell::new(false) };
}

/// Calls a function, and makes its result the driver's.
pub(crate) fn call(name: &str, arguments: Arguments<'_>, body: impl FnOnce() -> Result) -> CUresult {
    if FORKED.load(Ordering::Relaxed) {
        // No thread of ours came along.
        return Error::NOT_INITIALIZED.0;
    }
    if IN_CALLBACK.try_with(Cell::get).unwrap_or(false) && !harmless(name) {
        return Error::NOT_PERMITTED.0;
    }
    let code = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => CUDA_SUCCESS,
        Ok(Err(Error(code))) => code,
        Err(_) => {
            report::line(&format!(
                "{name} failed by a defect of the software device (the lines above say where)"
            ));
            CUDA_ERROR_UNKNOWN
        }
    };
    report::call(name, arguments, code);
    code
}

/// What needs nothing of the device.
fn harmless(name: &str) -> bool {
    matches!(name, "cuGetErrorName" | "cuGetErrorString" | "cuDriverGetVersion")
        || name.starts_with("cuGetProcAddress")
}

/// The answer of a function that there is none for. It names itself once.
pub(crate) fn unsupported(name: &'static str) -> CUresult {
    static SEEN: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());
    if SEEN.lock().is_ok_and(|mut seen| seen.insert(name)) {
        report::line(&format!("{name} is not supported by the software device (error 801)"));
    }
    report::call(name, format_args!("…"), CUDA_ERROR_NOT_SUPPORTED);
    CUDA_ERROR_NOT_SUPPORTED
}

/// The same from within a function that supports other arguments: `what` says which it does not.
pub(crate) fn refused(what: &'static str) -> Error {
    Error(unsupported(what))
}

/// Runs a function of the program's that may not call the driver.
pub(crate) fn within_callback(function: impl FnOnce()) {
    let _ = IN_CALLBACK.try_with(|flag| flag.set(true));
    function();
    let _ = IN_CALLBACK.try_with(|flag| flag.set(false));
}

/// Notices forks from now on.
#[expect(unsafe_code, reason = "the C library is told")]
pub(crate) fn watch_forks() {
    extern "C" fn child() {
        FORKED.store(true, Ordering::Relaxed);
    }
    // SAFETY: the handler only stores to an atomic, which a child of a process with threads may do.
    unsafe {
        libc::pthread_atfork(None, None, Some(child));
    }
}
