//! Linking: PTX is collected; a module links it when it is loaded.

use std::ffi::{c_char, c_uint, c_void};
use std::sync::{Arc, Mutex, PoisonError};

use cuferry_driver::types as t;

use super::module::{JitOptions, file};
use crate::context::current;
use crate::driver::driver;
use crate::entry::refused;
use crate::error::{Error, Result};
use crate::handle::{Object as _, find, fresh, object, take};
use crate::image::{Refused, sources, text_source, write_linked};
use crate::{raw, report};

/// A link that is going on: the texts so far, and what became of them.
pub(crate) struct Link {
    texts: Mutex<Vec<(String, Vec<u8>)>>,
    image: Mutex<Vec<u8>>,
    options: Mutex<JitOptions>,
}

object!(Link, CUlinkState_st);

pub(crate) fn cuLinkCreate_v2(
    count: c_uint,
    options: *mut t::CUjit_option,
    values: *mut *mut c_void,
    out: *mut t::CUlinkState,
) -> Result {
    current()?;
    let options = JitOptions::read(count, options, values)?;
    options.report(Ok(()));
    let link = Link { texts: Mutex::default(), image: Mutex::default(), options: Mutex::new(options) };
    let number = fresh();
    raw::put(out, number as t::CUlinkState)?;
    Link::handles().insert(number, Arc::new(link));
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "the API's own")]
pub(crate) fn cuLinkAddData_v2(
    state: t::CUlinkState,
    kind: t::CUjitInputType,
    data: *mut c_void,
    size: usize,
    name: *const c_char,
    _: c_uint,
    _: *mut t::CUjit_option,
    _: *mut *mut c_void,
) -> Result {
    let link = find::<Link>(state)?;
    let name = raw::text(name).unwrap_or_else(|_| "linked PTX".to_owned());
    add(&link, kind, raw::bytes(data, size)?, &name)
}

fn add(link: &Link, kind: t::CUjitInputType, bytes: &[u8], name: &str) -> Result {
    let driver = driver()?;
    let found = match kind {
        t::CU_JIT_INPUT_PTX => {
            let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
            text_source(&bytes[..end], name, driver).map(|source| vec![source])
        }
        t::CU_JIT_INPUT_FATBINARY | t::CU_JIT_INPUT_CUBIN => sources(bytes.as_ptr().cast(), driver),
        // cudadevrt, which programs with separate compilation name: it holds what launches from kernels need.
        _ => {
            return Err(refused(
                "cuLinkAddData with an object, a library or code for link-time optimisation",
            ));
        }
    };
    match found {
        Ok(found) => {
            let mut texts = link.texts.lock().unwrap_or_else(PoisonError::into_inner);
            texts.extend(found.into_iter().map(|source| (source.name, source.text.into_bytes())));
            Ok(())
        }
        Err(refused) => Err(fail(link, &refused)),
    }
}

fn fail(link: &Link, refused: &Refused) -> Error {
    report::line(&format!("PTX was not linked (error {}): {}", refused.code.0, refused.why));
    link.options.lock().unwrap_or_else(PoisonError::into_inner).report(Err(refused));
    refused.code
}

pub(crate) fn cuLinkAddFile_v2(
    state: t::CUlinkState,
    kind: t::CUjitInputType,
    path: *const c_char,
    _: c_uint,
    _: *mut t::CUjit_option,
    _: *mut *mut c_void,
) -> Result {
    let link = find::<Link>(state)?;
    add(&link, kind, &file(path)?, &raw::text(path)?)
}

pub(crate) fn cuLinkComplete(state: t::CUlinkState, out: *mut *mut c_void, size: *mut usize) -> Result {
    let link = find::<Link>(state)?;
    let texts = std::mem::take(&mut *link.texts.lock().unwrap_or_else(PoisonError::into_inner));
    let mut image = link.image.lock().unwrap_or_else(PoisonError::into_inner);
    *image = write_linked(&texts);
    raw::put(out, image.as_mut_ptr().cast())?;
    raw::put_if(size, image.len());
    Ok(())
}

pub(crate) fn cuLinkDestroy(state: t::CUlinkState) -> Result {
    take::<Link>(state).map(|_| ())
}
