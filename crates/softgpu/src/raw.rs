//! The caller's pointers. The driver API hands them over unchecked, as C does: null is refused, anything else is the
//! caller's word. Everything else in this crate reads and writes the caller's memory through these functions.
#![expect(unsafe_code, reason = "a C caller's pointers are read and written")]

use core::ffi::{CStr, c_char, c_void};

use crate::error::{Error, Result};

/// Writes a result.
pub(crate) fn put<T>(pointer: *mut T, value: T) -> Result {
    if pointer.is_null() {
        return Err(Error::INVALID_VALUE);
    }
    // SAFETY: not null, and the API's contract is that the caller's pointer is to such a value; it may be unaligned or
    // hold nothing yet, so nothing is dropped.
    unsafe { pointer.write_unaligned(value) };
    Ok(())
}

/// Writes a result that the caller need not want.
pub(crate) fn put_if<T>(pointer: *mut T, value: T) {
    let _ = put(pointer, value);
}

/// Reads a value.
pub(crate) fn get<T: Copy>(pointer: *const T) -> Result<T> {
    if pointer.is_null() {
        return Err(Error::INVALID_VALUE);
    }
    // SAFETY: not null, and the API's contract is that the caller's pointer is to such a value.
    Ok(unsafe { pointer.read_unaligned() })
}

/// Reads an array. Null is an empty one if its length is 0.
pub(crate) fn list<T: Copy>(pointer: *const T, length: usize) -> Result<Vec<T>> {
    if length == 0 {
        return Ok(Vec::new());
    }
    if pointer.is_null() {
        return Err(Error::INVALID_VALUE);
    }
    // SAFETY: not null, and the API's contract is that the caller's array has that length.
    Ok((0..length).map(|index| unsafe { pointer.add(index).read_unaligned() }).collect())
}

/// Writes an array that the caller has room for.
pub(crate) fn put_list<T: Copy>(pointer: *mut T, values: &[T]) -> Result {
    if pointer.is_null() && !values.is_empty() {
        return Err(Error::INVALID_VALUE);
    }
    for (index, value) in values.iter().enumerate() {
        // SAFETY: not null, and the API's contract is that the caller's array has room for them.
        unsafe { pointer.add(index).write_unaligned(*value) };
    }
    Ok(())
}

/// Reads a string up to its NUL, whatever its encoding.
pub(crate) fn text(pointer: *const c_char) -> Result<String> {
    if pointer.is_null() {
        return Err(Error::INVALID_VALUE);
    }
    // SAFETY: not null, and the API's contract is that it is a C string.
    Ok(unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
}

/// Writes a string into a buffer of `room` bytes, cut if it is longer, with a NUL behind it.
pub(crate) fn put_text(pointer: *mut c_char, room: usize, text: &str) -> Result {
    let Some(most) = room.checked_sub(1) else { return Err(Error::INVALID_VALUE) };
    let bytes = &text.as_bytes()[..text.len().min(most)];
    put_list(pointer.cast::<u8>(), bytes)?;
    put(pointer.wrapping_add(bytes.len()).cast::<u8>(), 0)
}

/// The caller's bytes: an image that it gave to load.
pub(crate) fn bytes<'a>(pointer: *const c_void, length: usize) -> Result<&'a [u8]> {
    if pointer.is_null() {
        return Err(Error::INVALID_VALUE);
    }
    // SAFETY: not null, and the API's contract is that so many bytes are there while the call lasts; nothing keeps the
    // slice longer, but for images that the caller promised to keep.
    Ok(unsafe { core::slice::from_raw_parts(pointer.cast::<u8>(), length) })
}

/// The bytes of a C string, without its NUL.
pub(crate) fn string_bytes<'a>(pointer: *const c_void) -> Result<&'a [u8]> {
    if pointer.is_null() {
        return Err(Error::INVALID_VALUE);
    }
    // SAFETY: as for `text`; and as for `bytes`.
    Ok(unsafe { CStr::from_ptr(pointer.cast::<c_char>()) }.to_bytes())
}

/// Copies bytes between places that the caller named or that were allocated here. They may overlap.
pub(crate) fn copy(to: u64, from: u64, size: u64) {
    // SAFETY: device addresses were checked against the allocations before; host addresses are the caller's word. Other
    // threads of the program may race, as they may on a GPU: the bytes are then any mix of both.
    unsafe { core::ptr::copy(from as *const u8, to as *mut u8, usize::try_from(size).unwrap_or(usize::MAX)) }
}

/// Sets `count` elements of `width` bytes (1, 2 or 4) to `value`.
pub(crate) fn fill(to: u64, value: u32, width: u8, count: u64) {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    // SAFETY: the range was checked against the allocations before, and its alignment by the caller.
    unsafe {
        match width {
            1 => core::ptr::write_bytes(to as *mut u8, value.to_le_bytes()[0], count),
            2 => {
                let value = u16::from_le_bytes([value.to_le_bytes()[0], value.to_le_bytes()[1]]);
                core::slice::from_raw_parts_mut(to as *mut u16, count).fill(value);
            }
            _ => core::slice::from_raw_parts_mut(to as *mut u32, count).fill(value),
        }
    }
}

/// Writes to the program's standard output through C's buffer, so that it keeps its place among the program's own words.
pub(crate) fn print(text: &[u8]) {
    unsafe extern "C" {
        static stdout: *mut libc::FILE;
    }
    // SAFETY: C's own stream, open since the program started; the length is the slice's.
    unsafe {
        libc::fwrite(text.as_ptr().cast(), 1, text.len(), stdout);
    }
}

/// Writes a word of 4 or 8 bytes, after everything that was written before.
pub(crate) fn store(address: u64, value: u64, bytes: u8) {
    use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
    // SAFETY: the address was checked to be allocated and aligned.
    unsafe {
        if bytes == 4 {
            AtomicU32::from_ptr(address as *mut u32).store((value & 0xffff_ffff) as u32, Ordering::SeqCst);
        } else {
            AtomicU64::from_ptr(address as *mut u64).store(value, Ordering::SeqCst);
        }
    }
}

/// Reads a word of 4 or 8 bytes.
pub(crate) fn load(address: u64, bytes: u8) -> u64 {
    use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
    // SAFETY: as for `store`.
    unsafe {
        if bytes == 4 {
            AtomicU32::from_ptr(address as *mut u32).load(Ordering::SeqCst).into()
        } else {
            AtomicU64::from_ptr(address as *mut u64).load(Ordering::SeqCst)
        }
    }
}
