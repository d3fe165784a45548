//! Modules and libraries: images that were loaded. Their PTX is read and linked when something in them is first asked
//! for, as NVIDIA's driver does it: a program may bring much that it never uses.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cuferry_simt::{Global, LoadError, Program, Source};

use crate::driver::{Driver, driver};
use crate::error::{Error, Result};
use crate::function::{Function, as_u32};
use crate::handle::{fresh, object};
use crate::image::{self, Refused};
use crate::report;

/// Linked code.
pub(crate) struct Code {
    pub(crate) program: Program,
    /// The virtual architecture that its PTX was made for, 75 for `compute_75`; the lowest, if there are several.
    pub(crate) target: u32,
}

/// Code that may not be linked yet.
pub(crate) struct Loaded {
    sources: Mutex<Vec<Source>>,
    code: OnceLock<core::result::Result<Arc<Code>, Refused>>,
}

/// A module. Its functions are made once each.
pub(crate) struct Module {
    pub(crate) number: usize,
    pub(crate) context: usize,
    pub(crate) loaded: Arc<Loaded>,
    pub(crate) functions: Mutex<BTreeMap<String, Arc<Function>>>,
}

object!(Module, CUmod_st);

/// A library: a module that belongs to no context.
pub(crate) struct Library {
    pub(crate) number: usize,
    pub(crate) loaded: Arc<Loaded>,
    pub(crate) kernels: Mutex<BTreeMap<String, usize>>,
    /// Its module, by context.
    pub(crate) modules: Mutex<BTreeMap<usize, usize>>,
}

object!(Library, CUlib_st);

impl Code {
    /// Bytes of the program's constants.
    pub(crate) fn constant_bytes(&self) -> u32 {
        let sizes = self.program.globals().filter(|global| global.constant).map(|global| global.size);
        as_u32(sizes.sum::<u64>())
    }
}

impl Loaded {
    /// Finds the PTX in an image. A refusal is said on standard error, too: few programs show a log.
    pub(crate) fn new(image: *const c_void) -> core::result::Result<Arc<Self>, Refused> {
        let driver = driver().map_err(|code| Refused { code, why: String::new() })?;
        let sources = image::sources(image, driver).inspect_err(say)?;
        Ok(Arc::new(Self { sources: Mutex::new(sources), code: OnceLock::new() }))
    }

    /// The code, linked now if it was not yet.
    pub(crate) fn code(&self) -> Result<Arc<Code>> {
        self.link().map_err(|refused| refused.code)
    }

    /// The same, with what is wrong.
    pub(crate) fn link(&self) -> core::result::Result<Arc<Code>, Refused> {
        self.code
            .get_or_init(|| {
                let driver = driver().map_err(|code| Refused { code, why: String::new() })?;
                let sources =
                    std::mem::take(&mut *self.sources.lock().unwrap_or_else(PoisonError::into_inner));
                link(driver, sources).inspect_err(say)
            })
            .clone()
    }

    /// Gives its variables again what they started with, if it was linked.
    pub(crate) fn start_anew(&self) -> Result {
        match self.code.get() {
            Some(Ok(code)) => code.program.start_anew().map_err(|_| Error::OUT_OF_MEMORY),
            _ => Ok(()),
        }
    }

    pub(crate) fn global(&self, name: &str) -> Result<Global> {
        self.code()?.program.global(name).cloned().ok_or(Error::NOT_FOUND)
    }
}

fn link(driver: &Driver, sources: Vec<Source>) -> core::result::Result<Arc<Code>, Refused> {
    let target = sources.iter().filter_map(|source| image::target(source.text.as_bytes())).min();
    let target = target.unwrap_or_else(|| driver.properties.number());
    match Program::load(&driver.device, sources) {
        Ok(program) => Ok(Arc::new(Code { program, target })),
        Err(error) => {
            let code = match &error {
                LoadError::Memory(_) => Error::OUT_OF_MEMORY,
                LoadError::Variable { .. } => Error::NOT_SUPPORTED,
                _ => Error::INVALID_PTX,
            };
            Err(Refused { code, why: error.to_string() })
        }
    }
}

fn say(refused: &Refused) {
    if !refused.why.is_empty() {
        report::line(&format!("a module was not loaded (error {}): {}", refused.code.0, refused.why));
    }
}

impl Module {
    pub(crate) fn new(context: usize, loaded: Arc<Loaded>) -> Arc<Self> {
        Arc::new(Self { number: fresh(), context, loaded, functions: Mutex::default() })
    }

    pub(crate) fn function(&self, name: &str) -> Result<Arc<Function>> {
        use crate::handle::Object as _;
        let code = self.loaded.code()?;
        let mut functions = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(function) = functions.get(name) {
            return Ok(Arc::clone(function));
        }
        let id = code.program.kernel(name).ok_or(Error::NOT_FOUND)?;
        let function = Arc::new(Function::new(code, id));
        Function::handles().insert(function.number, Arc::clone(&function));
        functions.insert(name.to_owned(), Arc::clone(&function));
        Ok(function)
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        use crate::handle::Object as _;
        let functions = self.functions.get_mut().unwrap_or_else(PoisonError::into_inner);
        for function in functions.values() {
            Function::handles().remove(function.number);
        }
    }
}
