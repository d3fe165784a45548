//! Launches: what is checked before a kernel runs, and what becomes of one that fails.

use std::ffi::c_void;
use std::sync::Arc;

use cuferry_driver::types as t;
use cuferry_simt::{self as simt, Fault, FaultKind};

use crate::driver::{Driver, driver};
use crate::error::{Error, Result};
use crate::function::{Function, as_u32};
use crate::{raw, report};

/// A launch, with its arguments as they were when it was asked for.
#[derive(Clone)]
pub(crate) struct Launch {
    pub(crate) function: Arc<Function>,
    pub(crate) grid: [u32; 3],
    pub(crate) block: [u32; 3],
    pub(crate) cluster: Option<[u32; 3]>,
    pub(crate) shared: u32,
    pub(crate) parameters: Arc<[u8]>,
    pub(crate) cooperative: bool,
    /// What the program set, so that it can be asked for again.
    pub(crate) attributes: Attributes,
}

/// Attributes of a launch.
#[derive(Clone, Default)]
pub(crate) struct Attributes(pub(crate) Vec<t::CUlaunchAttribute>);

#[expect(unsafe_code, reason = "C structures with pointers cross threads")]
// SAFETY: the pointers in it are handles and addresses that a program gave, and nothing here follows them.
unsafe impl Send for Attributes {}
#[expect(unsafe_code, reason = "C structures with pointers cross threads")]
// SAFETY: as above.
unsafe impl Sync for Attributes {}

/// Collects arguments: from an array of pointers, one for each parameter, or from one buffer.
pub(crate) fn arguments(
    function: &Function,
    pointers: *mut *mut c_void,
    extra: *mut *mut c_void,
) -> Result<Arc<[u8]>> {
    let facts = function.facts();
    let mut bytes = vec![0; usize::try_from(facts.parameter_bytes).map_err(|_| Error::INVALID_VALUE)?];
    if !extra.is_null() {
        if !pointers.is_null() {
            return Err(Error::INVALID_VALUE);
        }
        let (buffer, size) = extra_buffer(extra)?;
        let given = raw::bytes(buffer, size)?;
        let length = given.len().min(bytes.len());
        bytes[..length].copy_from_slice(&given[..length]);
        return Ok(bytes.into());
    }
    if pointers.is_null() && !facts.parameters.is_empty() {
        return Err(Error::INVALID_VALUE);
    }
    for (index, parameter) in facts.parameters.iter().enumerate() {
        let (offset, size) = (parameter.offset as usize, parameter.size as usize);
        let pointer = raw::get(pointers.wrapping_add(index))?;
        let target = bytes.get_mut(offset..offset + size).ok_or(Error::INVALID_VALUE)?;
        target.copy_from_slice(raw::bytes(pointer, size)?);
    }
    Ok(bytes.into())
}

/// `CU_LAUNCH_PARAM_BUFFER_POINTER`, `CU_LAUNCH_PARAM_BUFFER_SIZE` and `CU_LAUNCH_PARAM_END`, in any order.
fn extra_buffer(extra: *mut *mut c_void) -> Result<(*const c_void, usize)> {
    let (mut buffer, mut size) = (std::ptr::null(), 0);
    for index in (0..16).step_by(2) {
        let key = raw::get(extra.wrapping_add(index))? as usize;
        if key == t::CU_LAUNCH_PARAM_END_AS_INT as usize {
            return Ok((buffer, size));
        }
        let value = raw::get(extra.wrapping_add(index + 1))?;
        match u32::try_from(key) {
            Ok(t::CU_LAUNCH_PARAM_BUFFER_POINTER_AS_INT) => buffer = value.cast_const(),
            Ok(t::CU_LAUNCH_PARAM_BUFFER_SIZE_AS_INT) => size = raw::get(value.cast::<usize>())?,
            _ => return Err(Error::INVALID_VALUE),
        }
    }
    Err(Error::INVALID_VALUE)
}

impl Launch {
    /// What a GPU's driver refuses, it refuses.
    pub(crate) fn check(&self) -> Result {
        let driver = driver()?;
        let properties = &driver.properties;
        let within = |size: [u32; 3], most: [u32; 3]| {
            size.iter().zip(most).all(|(size, most)| (1..=most).contains(size))
        };
        if !within(self.grid, properties.max_grid) || !within(self.block, properties.max_block) {
            return Err(Error::INVALID_VALUE);
        }
        let threads: u64 = self.block.iter().map(|size| u64::from(*size)).product();
        if threads > u64::from(self.function.max_threads(driver)) {
            return Err(Error::INVALID_VALUE);
        }
        if self.function.facts().required_threads.is_some_and(|required| required != self.block) {
            return Err(Error::INVALID_VALUE);
        }
        if self.shared > self.function.dynamic_shared(driver) {
            return Err(Error::INVALID_VALUE);
        }
        if let Some(cluster) = self.cluster {
            let blocks: u32 = cluster.iter().product();
            let fits =
                self.grid.iter().zip(cluster).all(|(grid, size)| size > 0 && grid.is_multiple_of(size));
            if !fits || blocks > properties.max_cluster {
                return Err(Error(t::CUDA_ERROR_INVALID_CLUSTER_SIZE));
            }
        }
        if self.cooperative {
            let blocks: u64 = self.grid.iter().map(|size| u64::from(*size)).product();
            let resident = properties.resident_blocks(
                &self.function,
                as_u32(threads),
                self.function.shared(driver) + self.shared,
            );
            if blocks > u64::from(resident) * u64::from(properties.multiprocessors) {
                return Err(Error::COOPERATIVE_LAUNCH_TOO_LARGE);
            }
        }
        let refusals = self.function.code.program.unsupported(self.function.id, &driver.device);
        if !refusals.is_empty() {
            let list: Vec<String> = refusals.iter().take(4).map(ToString::to_string).collect();
            report::line(&format!(
                "kernel {} cannot run on the software device (error 801): {}{}",
                self.function.facts().name,
                list.join("; "),
                if refusals.len() > 4 { format!("; and {} more", refusals.len() - 4) } else { String::new() },
            ));
            return Err(Error::NOT_SUPPORTED);
        }
        Ok(())
    }

    /// Runs it to its end.
    pub(crate) fn run(&self) -> Result {
        let driver = driver()?;
        let launch = simt::Launch {
            grid: self.grid,
            block: self.block,
            cluster: self.cluster,
            dynamic_shared: self.shared,
            parameters: &self.parameters,
            cooperative: self.cooperative,
        };
        match simt::launch(&driver.device, &self.function.code.program, self.function.id, &launch) {
            Ok(_) => Ok(()),
            Err(fault) => Err(failed(driver, &fault)),
        }
    }
}

/// Reports a fault, and gives it the code that a GPU's driver has for it.
fn failed(driver: &Driver, fault: &Fault) -> Error {
    let code = match &fault.kind {
        FaultKind::OutOfBounds | FaultKind::UseAfterFree | FaultKind::ReadOnly => Error::ILLEGAL_ADDRESS,
        FaultKind::Misaligned => Error::MISALIGNED_ADDRESS,
        FaultKind::Assert(_) => Error::ASSERT,
        FaultKind::InvalidTarget => Error::INVALID_PC,
        FaultKind::Unsupported(_) => Error::NOT_SUPPORTED,
        FaultKind::OutOfMemory => Error::OUT_OF_MEMORY,
        FaultKind::OutOfFuel => Error::LAUNCH_TIMEOUT,
        FaultKind::BadLaunch(_) => Error::INVALID_VALUE,
        _ => Error::LAUNCH_FAILED,
    };
    driver.flush();
    // A failed assertion has said what there is to say, as a GPU says it.
    if !matches!(fault.kind, FaultKind::Assert(_)) {
        report::line(&format!("a kernel failed (error {}): {fault}", code.0));
    }
    code
}
