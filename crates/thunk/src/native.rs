//! The host's `libcuda.so.1`.

use std::ffi::{CString, c_int, c_void};
use std::ops::Range;

use cuferry_driver::types::CUresult;
use cuferry_guest::{Entry, count, entry};

use crate::settings::Settings;
use crate::{report, signal};

/// A loaded driver.
pub(crate) struct Native {
    handle: Library,
    /// The address of each function, by its entry's index; null where this driver has it not.
    functions: Vec<Address>,
}

/// An address of code that stays loaded.
#[derive(Clone, Copy)]
pub(crate) struct Address(pub(crate) *mut c_void);
// SAFETY: code is the same for all threads.
unsafe impl Send for Address {}
// SAFETY: as above.
unsafe impl Sync for Address {}

#[derive(Clone, Copy)]
struct Library(*mut c_void);
// SAFETY: the loader sees to threads.
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

impl Native {
    /// Loads the first driver that will do; says why where none does.
    pub(crate) fn open(settings: &Settings) -> Option<Self> {
        let mut reasons = Vec::new();
        for path in &settings.drivers {
            match load(path) {
                Ok(library) if settings.soft.is_none() => return Some(Self::of(library)),
                Ok(library) => match devices(library) {
                    Ok(1..) => return Some(Self::of(library)),
                    Ok(_) => reasons.push(format!("{path} has no GPU")),
                    Err(code) => reasons.push(format!("{path} does not start (error {code})")),
                },
                Err(reason) => reasons.push(reason),
            }
        }
        let reasons = reasons.join("; ");
        let Some(soft) = &settings.soft else {
            report::line(&format!("no driver could be loaded: {reasons}"));
            return None;
        };
        match load(soft) {
            Ok(library) => {
                if !reasons.is_empty() {
                    report::line(&format!("no GPU is here ({reasons}): the software device takes its place"));
                }
                Some(Self::of(library))
            }
            Err(reason) => {
                report::line(&format!("no driver could be loaded: {reasons}; {reason}"));
                None
            }
        }
    }

    fn of(handle: Library) -> Self {
        let functions = (0..count()).map_while(|index| match entry(index) {
            Some(Entry::Function { symbol, .. }) => Some(Address(find(handle, symbol))),
            _ => None,
        });
        let native = Self { functions: functions.collect(), handle };
        if let Some(text) = native.named("cuInit").and_then(text_around) {
            signal::driver_lies_at(text);
        }
        native
    }

    /// The function with that entry's index; none if this driver has it not.
    pub(crate) fn function(&self, index: usize) -> Option<Address> {
        self.functions.get(index).copied().filter(|address| !address.0.is_null())
    }

    /// The function with that name.
    pub(crate) fn named(&self, symbol: &str) -> Option<Address> {
        let address = find(self.handle, symbol);
        (!address.is_null()).then_some(Address(address))
    }

    /// The version that the driver says of itself: 13000 for 13.0.
    pub(crate) fn version(&self) -> u32 {
        let mut version: c_int = 0;
        if let Some(Address(function)) = self.named("cuDriverGetVersion") {
            // SAFETY: the driver's function of that name, with a place for its answer.
            unsafe {
                std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_int) -> CUresult>(function)(
                    &raw mut version,
                );
            }
        }
        version.cast_unsigned()
    }
}

/// The addresses of the code that `function` is part of, as `/proc/self/maps` has them (proc(5)).
fn text_around(function: Address) -> Option<Range<usize>> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    maps.lines().find_map(|line| {
        let (start, end) = line.split(' ').next()?.split_once('-')?;
        let number = |text| usize::from_str_radix(text, 16).ok();
        let range = number(start)?..number(end)?;
        range.contains(&(function.0 as usize)).then_some(range)
    })
}

fn load(path: &str) -> Result<Library, String> {
    let name = CString::new(path).map_err(|_| format!("`{path}` is no path"))?;
    // SAFETY: the library is the one that the user's machine, or cuferry, has for this.
    let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    if !handle.is_null() {
        return Ok(Library(handle));
    }
    // SAFETY: dlopen failed, so it is a C string that lasts until the next call.
    let reason = unsafe { std::ffi::CStr::from_ptr(libc::dlerror()) };
    Err(reason.to_string_lossy().into_owned())
}

fn find(library: Library, symbol: &str) -> *mut c_void {
    let Ok(name) = CString::new(symbol) else { return std::ptr::null_mut() };
    // SAFETY: a library that is loaded, and stays so.
    unsafe { libc::dlsym(library.0, name.as_ptr()) }
}

/// How many GPUs it has; or its error.
fn devices(library: Library) -> Result<c_int, CUresult> {
    let (init, count) = (find(library, "cuInit"), find(library, "cuDeviceGetCount"));
    if init.is_null() || count.is_null() {
        return Err(cuferry_driver::types::CUDA_ERROR_NOT_FOUND);
    }
    let mut devices: c_int = 0;
    // SAFETY: the driver's functions of these names.
    unsafe {
        let init = std::mem::transmute::<*mut c_void, unsafe extern "C" fn(u32) -> CUresult>(init);
        let count = std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut c_int) -> CUresult>(count);
        match (init(0), count(&raw mut devices)) {
            (0, 0) => Ok(devices),
            // No GPU at all is an answer.
            (cuferry_driver::types::CUDA_ERROR_NO_DEVICE, _) => Ok(0),
            (0, code) | (code, _) => Err(code),
        }
    }
}
