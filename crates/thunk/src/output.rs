//! What the driver prints (a kernel's `printf`) goes through the program's own `stdout`, so that it keeps its place among
//! the program's words: a native driver shares the C library's buffer with its program, and here there are two.

use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::call::{Guest, SCRATCH};
use crate::state::state;

static PRINTED: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static ANY: AtomicBool = AtomicBool::new(false);

/// `cookie_io_functions_t` of the C library (fopencookie(3)).
#[repr(C)]
struct Functions {
    read: *const c_void,
    write: Option<extern "C" fn(*mut c_void, *const u8, usize) -> isize>,
    seek: *const c_void,
    close: *const c_void,
}

unsafe extern "C" {
    fn fopencookie(cookie: *mut c_void, mode: *const c_char, functions: Functions) -> *mut libc::FILE;
    static mut stdout: *mut libc::FILE;
}

/// From now on, `stdout` on the host's side is a place of ours.
pub(crate) fn redirect() {
    const UNBUFFERED: c_int = libc::_IONBF;
    let functions = Functions {
        read: std::ptr::null(),
        write: Some(keep),
        seek: std::ptr::null(),
        close: std::ptr::null(),
    };
    // SAFETY: glibc's `stdout` may be assigned to (libc.info, Standard Streams); no thread of the driver's runs yet.
    unsafe {
        let stream = fopencookie(std::ptr::null_mut(), c"w".as_ptr(), functions);
        if !stream.is_null() {
            libc::setvbuf(stream, std::ptr::null_mut(), UNBUFFERED, 0);
            stdout = stream;
        }
    }
}

extern "C" fn keep(_: *mut c_void, bytes: *const u8, size: usize) -> isize {
    // SAFETY: the C library's promise.
    let bytes = unsafe { std::slice::from_raw_parts(bytes, size) };
    PRINTED.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
    ANY.store(true, Ordering::Release);
    isize::try_from(size).unwrap_or(isize::MAX)
}

fn take() -> Vec<u8> {
    ANY.store(false, Ordering::Relaxed);
    std::mem::take(&mut *PRINTED.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Writes what was printed to the program's `stdout`, by the program's own `fwrite`.
pub(crate) fn hand_over(guest: Guest<'_>) {
    if !ANY.load(Ordering::Acquire) {
        return;
    }
    let Some(state) = state() else { return };
    // SAFETY: the address of the program's variable, in this process's memory.
    let stream = unsafe { (state.guest.stdout as *const u64).read() };
    // In pieces that fit memory of the program's: its C library may hand what it gets to the kernel as it is, and QEMU
    // refuses addresses that are not the program's.
    for piece in take().chunks(SCRATCH) {
        // SAFETY: so many bytes are there, and the call that they belonged to has read its arguments.
        unsafe { std::ptr::copy_nonoverlapping(piece.as_ptr(), guest.scratch() as *mut u8, piece.len()) };
        guest.call(state.guest.fwrite, &[guest.scratch(), 1, piece.len() as u64, stream]);
    }
}

/// At exit: what no call came to hand over goes to standard output itself.
pub(crate) fn flush() {
    let mut rest = take();
    while !rest.is_empty() {
        // SAFETY: the bytes of a vector.
        let written = unsafe { libc::write(libc::STDOUT_FILENO, rest.as_ptr().cast(), rest.len()) };
        let Ok(written) = usize::try_from(written) else { return };
        rest.drain(..written);
    }
}
