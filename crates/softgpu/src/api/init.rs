//! Starting, versions, errors, and how a program finds the other functions.

use std::collections::HashMap;
use std::ffi::{c_char, c_int, c_uint, c_void};
use std::sync::OnceLock;

use cuferry_driver::functions::{Lookup, lookup};
use cuferry_driver::results::code;
use cuferry_driver::types as t;

use crate::driver::{VERSION, initialize};
use crate::error::{Error, Result};
use crate::{raw, tables};

pub(crate) fn cuInit(flags: c_uint) -> Result {
    if flags == 0 { initialize() } else { Err(Error::INVALID_VALUE) }
}

pub(crate) fn cuDriverGetVersion(version: *mut c_int) -> Result {
    raw::put(version, VERSION.cast_signed())
}

pub(crate) fn cuGetErrorName(error: t::CUresult, text: *mut *const c_char) -> Result {
    let known = code(error);
    raw::put(text, known.map_or(std::ptr::null(), |code| code.name.as_ptr()))?;
    known.map(|_| ()).ok_or(Error::INVALID_VALUE)
}

pub(crate) fn cuGetErrorString(error: t::CUresult, text: *mut *const c_char) -> Result {
    let known = code(error);
    raw::put(text, known.map_or(std::ptr::null(), |code| code.text.as_ptr()))?;
    known.map(|_| ()).ok_or(Error::INVALID_VALUE)
}

pub(crate) fn cuGetProcAddress(
    name: *const c_char,
    address: *mut *mut c_void,
    version: c_int,
    flags: u64,
) -> Result {
    cuGetProcAddress_v2(name, address, version, flags, std::ptr::null_mut())
}

pub(crate) fn cuGetProcAddress_v2(
    name: *const c_char,
    address: *mut *mut c_void,
    version: c_int,
    flags: u64,
    status: *mut t::CUdriverProcAddressQueryResult,
) -> Result {
    let name = raw::text(name)?;
    let known = t::CU_GET_PROC_ADDRESS_LEGACY_STREAM | t::CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM;
    if flags & !u64::from(known) != 0 || address.is_null() || version > VERSION.cast_signed() {
        return Err(Error::INVALID_VALUE);
    }
    let per_thread = flags & u64::from(t::CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM) != 0;
    let (found, state) = match lookup(&name, u32::try_from(version).unwrap_or(0), per_thread) {
        Lookup::Found(symbol) => (Some(address_of(symbol)), t::CU_GET_PROC_ADDRESS_SUCCESS),
        Lookup::Unknown => (None, t::CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND),
        Lookup::TooNew { .. } => (None, t::CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT),
    };
    raw::put_if(status, state);
    raw::put(address, found.unwrap_or(0) as *mut c_void)?;
    found.map(|_| ()).ok_or(Error::NOT_FOUND)
}

fn address_of(symbol: &str) -> usize {
    static ADDRESSES: OnceLock<HashMap<&'static str, usize>> = OnceLock::new();
    let addresses = ADDRESSES.get_or_init(|| crate::exports::addresses().into_iter().collect());
    addresses.get(symbol).copied().unwrap_or(0)
}

pub(crate) fn cuGetExportTable(table: *mut *const c_void, uuid: *const t::CUuuid) -> Result {
    let found = tables::find(&raw::get(uuid)?);
    raw::put(table, found.unwrap_or(std::ptr::null()))?;
    found.map(|_| ())
}

/// Profilers are not served; programs that only mark where one would look may go on.
#[expect(clippy::unnecessary_wraps, reason = "as all of the API")]
pub(crate) fn cuProfilerStart() -> Result {
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "as all of the API")]
pub(crate) fn cuProfilerStop() -> Result {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_has_an_address() {
        for function in cuferry_driver::FUNCTIONS {
            for symbol in [Some(function.symbol), function.per_thread].into_iter().flatten() {
                assert_ne!(address_of(symbol), 0, "{symbol}");
            }
        }
    }

    #[test]
    fn what_there_is_not_has_no_address() {
        let mut address = std::ptr::dangling_mut::<c_void>();
        let mut status = 9;
        let result = cuGetProcAddress_v2(c"cuNothing".as_ptr(), &raw mut address, 13000, 0, &raw mut status);
        assert_eq!((result, status, address.is_null()), (Err(Error::NOT_FOUND), 1, true));
        let result =
            cuGetProcAddress_v2(c"cuLibraryLoadData".as_ptr(), &raw mut address, 11080, 0, &raw mut status);
        assert_eq!((result, status), (Err(Error::NOT_FOUND), 2));
    }
}
