//! Modules.

use std::ffi::{c_char, c_uint, c_void};
use std::sync::Arc;

use cuferry_driver::types as t;

use crate::context::{Context, current};
use crate::driver::driver;
use crate::entry::refused;
use crate::error::{Error, Result};
use crate::function::Function;
use crate::handle::{Object as _, find, take};
use crate::image::Refused;
use crate::module::{Loaded, Module};
use crate::{api, raw};

/// What a program said about compiling PTX. Levels, registers and targets mean nothing to an interpreter.
pub(crate) struct JitOptions {
    keys: Vec<t::CUjit_option>,
    /// Address of the caller's array of values.
    values: usize,
}

impl JitOptions {
    pub(crate) fn read(count: c_uint, keys: *mut t::CUjit_option, values: *mut *mut c_void) -> Result<Self> {
        let keys = raw::list(keys.cast_const(), count as usize)?;
        raw::list(values.cast_const(), keys.len())?;
        Ok(Self { keys, values: values as usize })
    }

    fn slot(&self, key: t::CUjit_option) -> Option<*mut *mut c_void> {
        let index = self.keys.iter().position(|other| *other == key)?;
        Some((self.values as *mut *mut c_void).wrapping_add(index))
    }

    /// Writes a text into one of the two logs, and its size beside it.
    fn log(&self, buffer: t::CUjit_option, size: t::CUjit_option, text: &str) {
        let (Some(buffer), Some(size)) = (self.slot(buffer), self.slot(size)) else { return };
        let room = raw::get(size.cast_const()).map_or(0, |size| size as usize);
        if let Ok(buffer) = raw::get(buffer.cast_const())
            && room > 0
        {
            let _ = raw::put_text(buffer.cast::<c_char>(), room, text);
        }
        let written = if text.is_empty() { 0 } else { (text.len() + 1).min(room) };
        raw::put_if(size, written as *mut c_void);
    }

    /// Reports what came of it in the logs that were asked for.
    pub(crate) fn report(&self, result: std::result::Result<(), &Refused>) {
        let text = result.err().map_or("", |refused| refused.why.as_str());
        self.log(t::CU_JIT_ERROR_LOG_BUFFER, t::CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, text);
        self.log(t::CU_JIT_INFO_LOG_BUFFER, t::CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES, "");
        if let Some(slot) = self.slot(t::CU_JIT_WALL_TIME) {
            // A float of milliseconds, in the place of the value.
            raw::put_if(slot.cast::<f32>(), 0.0);
        }
    }
}

/// Loads an image. Raw PTX is read at once, for the logs are wanted; a program's own fatbin when it is first used.
pub(crate) fn load(image: *const c_void, options: &JitOptions, at_once: bool) -> Result<Arc<Loaded>> {
    driver()?;
    let loaded = Loaded::new(image).and_then(|loaded| {
        if at_once {
            loaded.link()?;
        }
        Ok(loaded)
    });
    options.report(loaded.as_ref().map(|_| ()));
    loaded.map_err(|refused| refused.code)
}

/// For the runtime, which loads a program's own fatbins whether they are used or not.
pub(crate) fn load_lazily(out: *mut t::CUmodule, image: *const c_void) -> Result {
    load_module(out, image, &JitOptions::read(0, std::ptr::null_mut(), std::ptr::null_mut())?, false)
}

fn load_module(out: *mut t::CUmodule, image: *const c_void, options: &JitOptions, at_once: bool) -> Result {
    let context = current()?;
    if out.is_null() {
        return Err(Error::INVALID_VALUE);
    }
    let module = Module::new(context.number, load(image, options, at_once)?);
    Module::handles().insert(module.number, Arc::clone(&module));
    raw::put(out, module.number as t::CUmodule)
}

pub(crate) fn cuModuleLoadData(out: *mut t::CUmodule, image: *const c_void) -> Result {
    load_module(out, image, &JitOptions::read(0, std::ptr::null_mut(), std::ptr::null_mut())?, true)
}

pub(crate) fn cuModuleLoadDataEx(
    out: *mut t::CUmodule,
    image: *const c_void,
    count: c_uint,
    options: *mut t::CUjit_option,
    values: *mut *mut c_void,
) -> Result {
    load_module(out, image, &JitOptions::read(count, options, values)?, true)
}

pub(crate) fn cuModuleLoadFatBinary(out: *mut t::CUmodule, image: *const c_void) -> Result {
    cuModuleLoadData(out, image)
}

/// A file's bytes, with a NUL behind them, for PTX has no length.
pub(crate) fn file(name: *const c_char) -> Result<Vec<u8>> {
    let mut bytes = std::fs::read(raw::text(name)?).map_err(|_| Error::FILE_NOT_FOUND)?;
    bytes.extend([0; 8]);
    Ok(bytes)
}

pub(crate) fn cuModuleLoad(out: *mut t::CUmodule, name: *const c_char) -> Result {
    current()?;
    cuModuleLoadData(out, file(name)?.as_ptr().cast())
}

pub(crate) fn cuModuleUnload(raw: t::CUmodule) -> Result {
    let module = find::<Module>(raw)?;
    // A library's module goes with the library.
    if api::library::owns(raw as usize) {
        return Err(Error::NOT_PERMITTED);
    }
    // As the runtime of CUDA 11 ends, no context is current.
    let health = Context::handles().get(module.context).map_or(Ok(()), |context| context.synchronize());
    take::<Module>(raw)?;
    health
}

pub(crate) fn cuModuleGetLoadingMode(out: *mut t::CUmoduleLoadingMode) -> Result {
    driver()?;
    raw::put(out, t::CU_MODULE_LAZY_LOADING)
}

pub(crate) fn cuModuleGetFunction(
    out: *mut t::CUfunction,
    module: t::CUmodule,
    name: *const c_char,
) -> Result {
    let module = find::<Module>(module)?;
    raw::put(out, module.function(&raw::text(name)?)?.number as t::CUfunction)
}

pub(crate) fn cuModuleGetFunctionCount(out: *mut c_uint, module: t::CUmodule) -> Result {
    let code = find::<Module>(module)?.loaded.code()?;
    raw::put(out, crate::function::as_u32(code.program.kernels().count()))
}

pub(crate) fn cuModuleEnumerateFunctions(
    out: *mut t::CUfunction,
    most: c_uint,
    module: t::CUmodule,
) -> Result {
    let module = find::<Module>(module)?;
    let code = module.loaded.code()?;
    let names: Vec<String> = code.program.kernels().map(|facts| facts.name.clone()).collect();
    let number = |name: &String| Ok(module.function(name)?.number as t::CUfunction);
    let handles = names.iter().take(most as usize).map(number).collect::<Result<Vec<_>>>()?;
    raw::put_list(out, &handles)
}

pub(crate) fn cuModuleGetGlobal_v2(
    out: *mut t::CUdeviceptr,
    size: *mut usize,
    module: t::CUmodule,
    name: *const c_char,
) -> Result {
    let global = find::<Module>(module)?.loaded.global(&raw::text(name)?)?;
    raw::put_if(out, global.address);
    raw::put_if(size, usize::try_from(global.size).unwrap_or(usize::MAX));
    Ok(())
}

pub(crate) fn cuModuleGetSurfRef(_: *mut t::CUsurfref, module: t::CUmodule, _: *const c_char) -> Result {
    find::<Module>(module)?;
    Err(refused("cuModuleGetSurfRef (surface references, which CUDA 12 removed)"))
}

pub(crate) fn cuFuncGetModule(out: *mut t::CUmodule, function: t::CUfunction) -> Result {
    let function = find::<Function>(function)?;
    let module = Module::handles().numbers().into_iter().find(|number| {
        let module = Module::handles().get(*number);
        module.is_some_and(|module| {
            let functions = module.functions.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            functions.values().any(|other| other.number == function.number)
        })
    });
    raw::put(out, module.ok_or(Error::INVALID_HANDLE)? as t::CUmodule)
}
