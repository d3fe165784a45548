//! The one driver of the process: settings, the device, its memory, its primary context.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cuferry_driver::types as t;
use cuferry_simt as simt;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::ledger::Ledger;
use crate::pool::Pool;
use crate::properties::Properties;
use crate::settings::Settings;
use crate::{entry, guess, report};

/// The newest CUDA whose driver API this is, as `cuDriverGetVersion` writes it.
pub(crate) const VERSION: u32 = cuferry_driver::types::CUDA_VERSION;

/// See the module.
pub(crate) struct Driver {
    pub(crate) settings: Settings,
    pub(crate) device: simt::Device,
    pub(crate) memory: Arc<simt::Memory>,
    pub(crate) ledger: Ledger,
    pub(crate) properties: Properties,
    pub(crate) primary: Mutex<Primary>,
    /// The device's own memory pool, and the one that is used instead.
    pub(crate) pools: (OnceLock<Arc<Pool>>, Mutex<Option<Arc<Pool>>>),
    limits: Mutex<BTreeMap<t::CUlimit, usize>>,
    output: Arc<Mutex<Said>>,
}

/// What kernels said and the program has not been given yet.
#[derive(Default)]
struct Said {
    printed: Vec<u8>,
    /// Texts of failed assertions, which GPUs send to standard error.
    complaints: Vec<u8>,
}

impl simt::Output for Said {
    fn print(&mut self, text: &[u8]) {
        self.printed.extend_from_slice(text);
    }

    fn complain(&mut self, text: &[u8]) {
        self.complaints.extend_from_slice(text);
    }
}

/// The device's primary context: always the same one, in use or not.
#[derive(Default)]
pub(crate) struct Primary {
    pub(crate) context: Option<Arc<Context>>,
    pub(crate) retained: u32,
    pub(crate) flags: u32,
}

static DRIVER: OnceLock<Result<Driver>> = OnceLock::new();

/// What `cuInit` does. Later calls do nothing.
pub(crate) fn initialize() -> Result {
    DRIVER.get_or_init(start).as_ref().map(|_| ()).map_err(|error| *error)
}

/// The driver, once it is initialised.
pub(crate) fn driver() -> Result<&'static Driver> {
    match DRIVER.get() {
        Some(Ok(driver)) => Ok(driver),
        _ => Err(Error::NOT_INITIALIZED),
    }
}

fn start() -> Result<Driver> {
    entry::watch_forks();
    let settings = Settings::read().map_err(|error| {
        report::line(&error.to_string());
        Error::UNKNOWN
    })?;
    if let Some(path) = &settings.log {
        match std::fs::File::options().append(true).create(true).open(path) {
            Ok(file) => report::open_log(file),
            Err(error) => {
                report::line(&format!(
                    "the log of CUFERRY_SOFT_LOG cannot be written: {}: {error}",
                    path.display()
                ));
                return Err(Error::UNKNOWN);
            }
        }
    }
    if settings.leaks {
        at_exit();
    }
    let capability = settings.capability.unwrap_or_else(guess::capability);
    let properties = Properties::new(capability, &settings);
    let memory = simt::MemorySettings { limit: settings.memory, ..simt::MemorySettings::default() };
    let memory = simt::Memory::new(&memory).map_err(|error| {
        report::line(&format!("the software device cannot start: {error}"));
        Error::OUT_OF_MEMORY
    })?;
    let memory = Arc::new(memory);
    let defaults = simt::Settings::default();
    let machine = simt::Settings {
        workers: settings.workers.unwrap_or(defaults.workers),
        checks: settings.checks,
        watch: settings.watch,
        fuel: settings.fuel,
        capability,
        multiprocessors: settings.multiprocessors,
        shared_limit: properties.shared_optin,
        stack: 1024,
        heap: 8 << 20,
        clock_khz: properties.clock_khz,
        ..defaults
    };
    let output = Arc::new(Mutex::new(Said::default()));
    let device = simt::Device::new(machine, Arc::clone(&memory), Box::new(Arc::clone(&output)));
    Ok(Driver {
        settings,
        device,
        memory,
        ledger: Ledger::default(),
        properties,
        primary: Mutex::default(),
        pools: (OnceLock::new(), Mutex::default()),
        limits: Mutex::default(),
        output,
    })
}

/// Lists what is never freed in contexts that are never destroyed.
#[expect(unsafe_code, reason = "the C library is told")]
fn at_exit() {
    extern "C" fn report() {
        if let Ok(driver) = driver() {
            driver.ledger.report_leaks(None);
        }
    }
    // SAFETY: the function stays where it is, for the library is never unloaded.
    unsafe {
        libc::atexit(report);
    }
}

impl Driver {
    pub(crate) fn primary(&self) -> std::sync::MutexGuard<'_, Primary> {
        self.primary.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands on what kernels said: as on a GPU, when the program waits for something.
    pub(crate) fn flush(&self) {
        let said = std::mem::take(&mut *self.output.lock().unwrap_or_else(PoisonError::into_inner));
        if !said.printed.is_empty() {
            crate::raw::print(&said.printed);
        }
        if !said.complaints.is_empty() {
            report::raw(&said.complaints);
        }
    }

    /// A limit (`CU_LIMIT_…`): as it was set, or as GPUs have it before.
    pub(crate) fn limit(&self, limit: t::CUlimit) -> Result<usize> {
        let set = self.limits.lock().unwrap_or_else(PoisonError::into_inner).get(&limit).copied();
        let usual = match limit {
            t::CU_LIMIT_STACK_SIZE => 1 << 10,
            t::CU_LIMIT_PRINTF_FIFO_SIZE => 1 << 20,
            t::CU_LIMIT_MALLOC_HEAP_SIZE => 8 << 20,
            t::CU_LIMIT_DEV_RUNTIME_SYNC_DEPTH => 2,
            t::CU_LIMIT_DEV_RUNTIME_PENDING_LAUNCH_COUNT => 2048,
            t::CU_LIMIT_MAX_L2_FETCH_GRANULARITY => 64,
            t::CU_LIMIT_PERSISTING_L2_CACHE_SIZE => 0,
            _ => return Err(Error(t::CUDA_ERROR_UNSUPPORTED_LIMIT)),
        };
        Ok(set.unwrap_or(usual))
    }

    pub(crate) fn set_limit(&self, limit: t::CUlimit, value: usize) -> Result {
        self.limit(limit)?;
        match limit {
            t::CU_LIMIT_STACK_SIZE if value > 512 << 10 => return Err(Error::INVALID_VALUE),
            t::CU_LIMIT_STACK_SIZE => self.device.set_stack(value as u64),
            t::CU_LIMIT_MALLOC_HEAP_SIZE if value as u64 > self.settings.memory => {
                return Err(Error::OUT_OF_MEMORY);
            }
            t::CU_LIMIT_MALLOC_HEAP_SIZE => self.device.set_heap(value as u64),
            _ => {}
        }
        self.limits.lock().unwrap_or_else(PoisonError::into_inner).insert(limit, value);
        Ok(())
    }
}
