//! Launches.

use std::ffi::{c_uint, c_void};
use std::sync::Arc;

use cuferry_driver::types as t;

use crate::capture::record;
use crate::context::current;
use crate::entry::refused;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::function::resolve;
use crate::handle::find;
use crate::launch::{Attributes, Launch, arguments};
use crate::operation::Operation;
use crate::raw;
use crate::stream::{Default, Stream};

fn submit(stream: &Arc<Stream>, launch: Launch) -> Result {
    launch.check()?;
    stream.submit(Operation::Kernel(launch)).map(|_| ())
}

#[expect(clippy::too_many_arguments, reason = "the API's own")]
pub(crate) fn cuLaunchKernel(
    default: Default,
    function: t::CUfunction,
    grid_x: c_uint,
    grid_y: c_uint,
    grid_z: c_uint,
    block_x: c_uint,
    block_y: c_uint,
    block_z: c_uint,
    shared: c_uint,
    stream: t::CUstream,
    parameters: *mut *mut c_void,
    extra: *mut *mut c_void,
) -> Result {
    let stream = crate::stream::resolve(stream, default)?;
    let function = resolve(function)?;
    let parameters = arguments(&function, parameters, extra)?;
    let launch = Launch {
        function,
        grid: [grid_x, grid_y, grid_z],
        block: [block_x, block_y, block_z],
        cluster: None,
        shared,
        parameters,
        cooperative: false,
        attributes: Attributes::default(),
    };
    submit(&stream, launch)
}

#[expect(clippy::too_many_arguments, reason = "the API's own")]
pub(crate) fn cuLaunchCooperativeKernel(
    default: Default,
    function: t::CUfunction,
    grid_x: c_uint,
    grid_y: c_uint,
    grid_z: c_uint,
    block_x: c_uint,
    block_y: c_uint,
    block_z: c_uint,
    shared: c_uint,
    stream: t::CUstream,
    parameters: *mut *mut c_void,
) -> Result {
    let stream = crate::stream::resolve(stream, default)?;
    let function = resolve(function)?;
    let parameters = arguments(&function, parameters, std::ptr::null_mut())?;
    let launch = Launch {
        function,
        grid: [grid_x, grid_y, grid_z],
        block: [block_x, block_y, block_z],
        cluster: None,
        shared,
        parameters,
        cooperative: true,
        attributes: Attributes::default(),
    };
    submit(&stream, launch)
}

pub(crate) fn cuLaunchKernelEx(
    default: Default,
    config: *const t::CUlaunchConfig,
    function: t::CUfunction,
    parameters: *mut *mut c_void,
    extra: *mut *mut c_void,
) -> Result {
    let config = raw::get(config)?;
    let stream = crate::stream::resolve(config.hStream, default)?;
    let function = resolve(function)?;
    let parameters = arguments(&function, parameters, extra)?;
    let attributes = raw::list(config.attrs.cast_const(), config.numAttrs as usize)?;
    let wanted = Wanted::read(&attributes)?;
    let launch = Launch {
        function,
        grid: [config.gridDimX, config.gridDimY, config.gridDimZ],
        block: [config.blockDimX, config.blockDimY, config.blockDimZ],
        cluster: wanted.cluster,
        shared: config.sharedMemBytes,
        parameters,
        cooperative: wanted.cooperative,
        attributes: Attributes(attributes),
    };
    submit(&stream, launch)?;
    wanted.events.iter().try_for_each(|event| record(&stream, event, false))
}

/// What the attributes of a launch ask for that makes a difference here.
#[derive(Default)]
pub(crate) struct Wanted {
    pub(crate) cooperative: bool,
    pub(crate) cluster: Option<[u32; 3]>,
    /// Events to record once the kernel is done, which is never too early.
    pub(crate) events: Vec<Arc<Event>>,
}

impl Wanted {
    #[expect(unsafe_code, reason = "a C union is read")]
    pub(crate) fn read(attributes: &[t::CUlaunchAttribute]) -> Result<Self> {
        let mut wanted = Self { cooperative: false, cluster: None, events: Vec::new() };
        for attribute in attributes {
            let value = &attribute.value;
            // SAFETY: every member is plain data, and the attribute's number says which one the caller wrote.
            unsafe {
                match attribute.id {
                    t::CU_LAUNCH_ATTRIBUTE_COOPERATIVE => wanted.cooperative = value.cooperative != 0,
                    t::CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION => {
                        let size = value.clusterDim;
                        if [size.x, size.y, size.z] != [0; 3] {
                            wanted.cluster = Some([size.x, size.y, size.z]);
                        }
                    }
                    t::CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT => {
                        wanted.events.push(find::<Event>(value.programmaticEvent.event)?);
                    }
                    t::CU_LAUNCH_ATTRIBUTE_LAUNCH_COMPLETION_EVENT => {
                        wanted.events.push(find::<Event>(value.launchCompletionEvent.event)?);
                    }
                    t::CU_LAUNCH_ATTRIBUTE_DEVICE_UPDATABLE_KERNEL_NODE
                        if value.deviceUpdatableKernelNode.deviceUpdatable != 0 =>
                    {
                        return Err(refused("a kernel node that kernels may update"));
                    }
                    // Caches, priorities, domains, early starts: whether they are heeded cannot be told from results.
                    0..=t::CU_LAUNCH_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT
                    | t::CU_LAUNCH_ATTRIBUTE_NVLINK_UTIL_CENTRIC_SCHEDULING => {}
                    _ => return Err(Error::INVALID_VALUE),
                }
            }
        }
        Ok(wanted)
    }
}

pub(crate) fn cuLaunchCooperativeKernelMultiDevice(
    _: *mut t::CUDA_LAUNCH_PARAMS,
    _: c_uint,
    _: c_uint,
) -> Result {
    current()?;
    Err(refused("cuLaunchCooperativeKernelMultiDevice"))
}
