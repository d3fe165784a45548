//! Kernels of loaded modules, as functions (`CUfunction`) and as kernels of libraries (`CUkernel`).

use std::ffi::{CString, c_char};
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use cuferry_driver::types as t;
use cuferry_simt::{KernelFacts, KernelId};

use crate::driver::{Driver, driver};
use crate::error::{Error, Result};
use crate::handle::{fresh, object};
use crate::module::Code;

/// See the module.
pub(crate) struct Function {
    pub(crate) number: usize,
    pub(crate) code: Arc<Code>,
    pub(crate) id: KernelId,
    pub(crate) options: Arc<Options>,
    /// The kernel that it is the function of, if it is a library's.
    pub(crate) kernel: Option<usize>,
    name: Arc<CString>,
}

/// As much as there is without asking.
const USUAL: u32 = u32::MAX;

/// What a program sets for a kernel. Its function and its kernel share it.
pub(crate) struct Options {
    /// Dynamic shared memory that a launch may ask for, in bytes, or [`USUAL`].
    dynamic_shared: AtomicU32,
    pub(crate) carveout: AtomicI32,
    pub(crate) cache: AtomicU32,
    pub(crate) non_portable_cluster: AtomicU32,
    pub(crate) cluster: [AtomicU32; 3],
    pub(crate) cluster_policy: AtomicU32,
}

object!(Function, CUfunc_st);

/// A kernel of a library, and its function, once that is asked for. The runtime passes either where the other is wanted.
pub(crate) struct Kernel(pub(crate) Function, pub(crate) OnceLock<Arc<Function>>);

object!(Kernel, CUkern_st);

/// The function of a handle, be it one of a function or of a kernel.
pub(crate) fn resolve(raw: t::CUfunction) -> Result<Arc<Function>> {
    use crate::handle::Object as _;
    if let Some(function) = Function::handles().get(raw as usize) {
        return Ok(function);
    }
    let kernel = Kernel::handles().get(raw as usize).ok_or(Error::INVALID_HANDLE)?;
    Ok(Arc::new(Function { kernel: Some(kernel.0.number), ..kernel.0.twin() }))
}

impl Function {
    pub(crate) fn new(code: Arc<Code>, id: KernelId) -> Self {
        let options = Options {
            dynamic_shared: AtomicU32::new(USUAL),
            carveout: AtomicI32::new(-1),
            cache: AtomicU32::new(0),
            non_portable_cluster: AtomicU32::new(0),
            cluster: [const { AtomicU32::new(0) }; 3],
            cluster_policy: AtomicU32::new(0),
        };
        let name = CString::new(code.program.facts(id).name.as_str()).unwrap_or_default();
        Self { number: fresh(), code, id, options: Arc::new(options), kernel: None, name: Arc::new(name) }
    }

    /// The same kernel under the same handle.
    fn twin(&self) -> Self {
        Self {
            number: self.number,
            code: Arc::clone(&self.code),
            id: self.id,
            options: Arc::clone(&self.options),
            kernel: self.kernel,
            name: Arc::clone(&self.name),
        }
    }

    /// The same kernel under a handle of its own.
    pub(crate) fn alias(&self) -> Self {
        Self { number: fresh(), kernel: Some(self.number), ..self.twin() }
    }

    pub(crate) fn facts(&self) -> &KernelFacts {
        self.code.program.facts(self.id)
    }

    /// Its name, for as long as its module is loaded.
    pub(crate) fn c_name(&self) -> *const c_char {
        self.name.as_ptr()
    }

    /// Bytes of shared memory that each block has, whatever the launch.
    pub(crate) fn shared(&self, driver: &Driver) -> u32 {
        self.code.program.shared_bytes(self.id, &driver.device)
    }

    /// Bytes of dynamic shared memory that a launch may ask for. Over 48 KiB in all, a program has to say so before
    /// (CUDA programming guide, "Shared Memory" of each capability).
    pub(crate) fn dynamic_shared(&self, driver: &Driver) -> u32 {
        match self.options.dynamic_shared.load(Ordering::Relaxed) {
            USUAL => (48_u32 << 10).saturating_sub(self.shared(driver)),
            set => set,
        }
    }

    /// Threads that a block may have.
    pub(crate) fn max_threads(&self, driver: &Driver) -> u32 {
        let declared = self.facts().max_threads.or(self.facts().required_threads);
        let declared = declared.map(|size| size.iter().map(|size| (*size).max(1)).product());
        declared.unwrap_or(u32::MAX).min(driver.properties.max_threads_per_block)
    }

    #[expect(clippy::match_same_arms, reason = "a table")]
    pub(crate) fn attribute(&self, attribute: t::CUfunction_attribute) -> Result<i32> {
        let driver = driver()?;
        let options = &self.options;
        let load = |value: &AtomicU32| value.load(Ordering::Relaxed);
        let value = match attribute {
            t::CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK => self.max_threads(driver),
            t::CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES => self.shared(driver),
            t::CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES => self.code.constant_bytes(),
            t::CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES => self.code.program.local_bytes(self.id, &driver.device),
            t::CU_FUNC_ATTRIBUTE_NUM_REGS => self.registers(),
            t::CU_FUNC_ATTRIBUTE_PTX_VERSION => self.code.target,
            t::CU_FUNC_ATTRIBUTE_BINARY_VERSION => driver.properties.number(),
            t::CU_FUNC_ATTRIBUTE_CACHE_MODE_CA => 0,
            t::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES => self.dynamic_shared(driver),
            t::CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT => {
                return Ok(options.carveout.load(Ordering::Relaxed));
            }
            t::CU_FUNC_ATTRIBUTE_CLUSTER_SIZE_MUST_BE_SET => 0,
            t::CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH => self.cluster(0),
            t::CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_HEIGHT => self.cluster(1),
            t::CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_DEPTH => self.cluster(2),
            t::CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED => load(&options.non_portable_cluster),
            t::CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE => load(&options.cluster_policy),
            _ => return Err(Error::INVALID_VALUE),
        };
        Ok(i32::try_from(value).unwrap_or(i32::MAX))
    }

    fn cluster(&self, axis: usize) -> u32 {
        let declared = self.facts().cluster.map_or(0, |size| size[axis]);
        if declared != 0 { declared } else { self.options.cluster[axis].load(Ordering::Relaxed) }
    }

    /// Registers as machine code might have them: PTX has as many as it likes, and a GPU never more than 255.
    pub(crate) fn registers(&self) -> u32 {
        self.facts().registers.clamp(16, 64)
    }

    pub(crate) fn set_attribute(&self, attribute: t::CUfunction_attribute, value: i32) -> Result {
        let driver = driver()?;
        let options = &self.options;
        let natural = u32::try_from(value).map_err(|_| Error::INVALID_VALUE);
        match attribute {
            t::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES => {
                let room = driver.properties.shared_optin.saturating_sub(self.shared(driver));
                let bytes = natural?;
                if bytes > room {
                    return Err(Error::INVALID_VALUE);
                }
                options.dynamic_shared.store(bytes, Ordering::Relaxed);
            }
            t::CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT => {
                if !(-1..=100).contains(&value) {
                    return Err(Error::INVALID_VALUE);
                }
                options.carveout.store(value, Ordering::Relaxed);
            }
            t::CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH => {
                options.cluster[0].store(natural?, Ordering::Relaxed);
            }
            t::CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_HEIGHT => {
                options.cluster[1].store(natural?, Ordering::Relaxed);
            }
            t::CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_DEPTH => {
                options.cluster[2].store(natural?, Ordering::Relaxed);
            }
            t::CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED => {
                options.non_portable_cluster.store(natural?, Ordering::Relaxed);
            }
            t::CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE => {
                options.cluster_policy.store(natural?, Ordering::Relaxed);
            }
            _ => return Err(Error::INVALID_VALUE),
        }
        Ok(())
    }
}

/// Sizes and counts that fit, whatever their type.
pub(crate) fn as_u32(value: impl TryInto<u32>) -> u32 {
    value.try_into().unwrap_or(u32::MAX)
}

impl Drop for Kernel {
    fn drop(&mut self) {
        use crate::handle::Object as _;
        if let Some(function) = self.1.get() {
            Function::handles().remove(function.number);
        }
    }
}
