//! What the device says: lines on standard error, and the log of calls, if one was asked for.

use std::fmt::Arguments;
use std::fs::File;
use std::io::Write as _;
use std::sync::{Mutex, OnceLock};
use std::time::Instant;

use cuferry_driver::results::code;

static LOG: OnceLock<(Mutex<File>, Instant)> = OnceLock::new();

/// A line for the person who runs the program. Written at once, in one piece.
pub(crate) fn line(text: &str) {
    let _ = std::io::stderr().write_all(format!("cuferry: {text}\n").as_bytes());
}

/// What kernels say on standard error, as it is.
pub(crate) fn raw(text: &[u8]) {
    let _ = std::io::stderr().write_all(text);
}

/// Logs calls to a file from now on.
pub(crate) fn open_log(file: File) {
    let _ = LOG.set((Mutex::new(file), Instant::now()));
}

/// A call that was made.
pub(crate) fn call(name: &str, arguments: Arguments<'_>, result: u32) {
    let Some((file, start)) = LOG.get() else { return };
    let result = code(result).and_then(|code| code.name.to_str().ok()).unwrap_or("unknown");
    let text = format!("{:.6} {name}({arguments}) = {result}\n", start.elapsed().as_secs_f64());
    if let Ok(mut file) = file.lock() {
        let _ = file.write_all(text.as_bytes());
    }
}
