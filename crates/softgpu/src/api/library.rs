//! Libraries: modules that belong to no context, and their kernels.

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cuferry_driver::types as t;

use super::device::device;
use super::module::{JitOptions, file, load};
use crate::context::current;
use crate::driver::driver;
use crate::entry::refused;
use crate::error::{Error, Result};
use crate::function::{Function, Kernel, as_u32};
use crate::handle::{Object as _, find, fresh, take};
use crate::module::{Library, Module};
use crate::raw;

#[expect(clippy::too_many_arguments, reason = "the API's own")]
pub(crate) fn cuLibraryLoadData(
    out: *mut t::CUlibrary,
    image: *const c_void,
    options: *mut t::CUjit_option,
    values: *mut *mut c_void,
    count: c_uint,
    _: *mut t::CUlibraryOption,
    _: *mut *mut c_void,
    _: c_uint,
) -> Result {
    let loaded = load(image, &JitOptions::read(count, options, values)?, false)?;
    let library =
        Arc::new(Library { number: fresh(), loaded, kernels: Mutex::default(), modules: Mutex::default() });
    raw::put(out, library.number as t::CUlibrary)?;
    Library::handles().insert(library.number, library);
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "the API's own")]
pub(crate) fn cuLibraryLoadFromFile(
    out: *mut t::CUlibrary,
    name: *const c_char,
    options: *mut t::CUjit_option,
    values: *mut *mut c_void,
    count: c_uint,
    _: *mut t::CUlibraryOption,
    _: *mut *mut c_void,
    _: c_uint,
) -> Result {
    driver()?;
    let bytes = file(name)?;
    let none = std::ptr::null_mut();
    cuLibraryLoadData(out, bytes.as_ptr().cast(), options, values, count, none, std::ptr::null_mut(), 0)
}

pub(crate) fn cuLibraryUnload(raw: t::CUlibrary) -> Result {
    find::<Library>(raw)?;
    // At the end of a program there may be no context any more.
    if let Ok(context) = current() {
        let _ = context.synchronize();
    }
    let library = take::<Library>(raw)?;
    for number in library.kernels.lock().unwrap_or_else(PoisonError::into_inner).values() {
        Kernel::handles().remove(*number);
    }
    for number in library.modules.lock().unwrap_or_else(PoisonError::into_inner).values() {
        Module::handles().remove(*number);
    }
    Ok(())
}

/// Whether a module is a library's.
pub(crate) fn owns(module: usize) -> bool {
    let libraries = Library::handles().all();
    libraries.iter().any(|library| {
        let modules = library.modules.lock().unwrap_or_else(PoisonError::into_inner);
        modules.values().any(|number| *number == module)
    })
}

fn kernel(library: &Library, name: &str) -> Result<usize> {
    let code = library.loaded.code()?;
    let mut kernels = library.kernels.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(number) = kernels.get(name) {
        return Ok(*number);
    }
    let id = code.program.kernel(name).ok_or(Error::NOT_FOUND)?;
    let kernel = Arc::new(Kernel(Function::new(code, id), OnceLock::new()));
    let number = kernel.0.number;
    Kernel::handles().insert(number, kernel);
    kernels.insert(name.to_owned(), number);
    Ok(number)
}

pub(crate) fn cuLibraryGetKernel(
    out: *mut t::CUkernel,
    library: t::CUlibrary,
    name: *const c_char,
) -> Result {
    let library = find::<Library>(library)?;
    raw::put(out, kernel(&library, &raw::text(name)?)? as t::CUkernel)
}

pub(crate) fn cuLibraryGetKernelCount(out: *mut c_uint, library: t::CUlibrary) -> Result {
    let code = find::<Library>(library)?.loaded.code()?;
    raw::put(out, as_u32(code.program.kernels().count()))
}

pub(crate) fn cuLibraryEnumerateKernels(
    out: *mut t::CUkernel,
    most: c_uint,
    library: t::CUlibrary,
) -> Result {
    let library = find::<Library>(library)?;
    let code = library.loaded.code()?;
    let names: Vec<String> = code.program.kernels().map(|facts| facts.name.clone()).collect();
    let handle = |name: &String| Ok(kernel(&library, name)? as t::CUkernel);
    let handles = names.iter().take(most as usize).map(handle).collect::<Result<Vec<_>>>()?;
    raw::put_list(out, &handles)
}

pub(crate) fn cuLibraryGetModule(out: *mut t::CUmodule, library: t::CUlibrary) -> Result {
    let context = current()?;
    let library = find::<Library>(library)?;
    let mut modules = library.modules.lock().unwrap_or_else(PoisonError::into_inner);
    let known =
        modules.get(&context.number).copied().filter(|number| Module::handles().get(*number).is_some());
    let number = known.unwrap_or_else(|| {
        let module = Module::new(context.number, Arc::clone(&library.loaded));
        let number = module.number;
        Module::handles().insert(number, module);
        modules.insert(context.number, number);
        number
    });
    raw::put(out, number as t::CUmodule)
}

fn global(
    out: *mut t::CUdeviceptr,
    size: *mut usize,
    library: t::CUlibrary,
    name: *const c_char,
    managed: bool,
) -> Result {
    let global = find::<Library>(library)?.loaded.global(&raw::text(name)?)?;
    if managed && !global.managed {
        return Err(Error::NOT_FOUND);
    }
    raw::put_if(out, global.address);
    raw::put_if(size, usize::try_from(global.size).unwrap_or(usize::MAX));
    Ok(())
}

pub(crate) fn cuLibraryGetGlobal(
    out: *mut t::CUdeviceptr,
    size: *mut usize,
    library: t::CUlibrary,
    name: *const c_char,
) -> Result {
    current()?;
    global(out, size, library, name, false)
}

pub(crate) fn cuLibraryGetManaged(
    out: *mut t::CUdeviceptr,
    size: *mut usize,
    library: t::CUlibrary,
    name: *const c_char,
) -> Result {
    global(out, size, library, name, true)
}

pub(crate) fn cuLibraryGetUnifiedFunction(
    _: *mut *mut c_void,
    library: t::CUlibrary,
    _: *const c_char,
) -> Result {
    find::<Library>(library)?;
    Err(refused("cuLibraryGetUnifiedFunction"))
}

pub(crate) fn cuKernelGetFunction(out: *mut t::CUfunction, raw: t::CUkernel) -> Result {
    current()?;
    let kernel = find::<Kernel>(raw)?;
    let function = kernel.1.get_or_init(|| {
        let function = Arc::new(kernel.0.alias());
        Function::handles().insert(function.number, Arc::clone(&function));
        function
    });
    raw::put(out, function.number as t::CUfunction)
}

pub(crate) fn cuKernelGetLibrary(out: *mut t::CUlibrary, raw: t::CUkernel) -> Result {
    find::<Kernel>(raw)?;
    let libraries = Library::handles().all();
    let library = libraries.iter().find(|library| {
        let kernels = library.kernels.lock().unwrap_or_else(PoisonError::into_inner);
        kernels.values().any(|number| *number == raw as usize)
    });
    raw::put(out, library.ok_or(Error::INVALID_HANDLE)?.number as t::CUlibrary)
}

pub(crate) fn cuKernelGetName(out: *mut *const c_char, raw: t::CUkernel) -> Result {
    raw::put(out, find::<Kernel>(raw)?.0.c_name())
}

pub(crate) fn cuKernelGetParamInfo(
    raw: t::CUkernel,
    index: usize,
    offset: *mut usize,
    size: *mut usize,
) -> Result {
    super::function::parameter(&find::<Kernel>(raw)?.0, index, offset, size)
}

pub(crate) fn cuKernelGetParamCount(raw: t::CUkernel, count: *mut usize) -> Result {
    raw::put(count, find::<Kernel>(raw)?.0.facts().parameters.len())
}

pub(crate) fn cuKernelGetAttribute(
    out: *mut c_int,
    attribute: t::CUfunction_attribute,
    raw: t::CUkernel,
    dev: t::CUdevice,
) -> Result {
    device(dev)?;
    raw::put(out, find::<Kernel>(raw)?.0.attribute(attribute)?)
}

pub(crate) fn cuKernelSetAttribute(
    attribute: t::CUfunction_attribute,
    value: c_int,
    raw: t::CUkernel,
    dev: t::CUdevice,
) -> Result {
    device(dev)?;
    find::<Kernel>(raw)?.0.set_attribute(attribute, value)
}

pub(crate) fn cuKernelSetCacheConfig(raw: t::CUkernel, config: t::CUfunc_cache, dev: t::CUdevice) -> Result {
    device(dev)?;
    super::function::set_cache(&find::<Kernel>(raw)?.0, config)
}
