//! Other devices and other processes: there are none to share with.

use std::ffi::{c_int, c_uint};

use cuferry_driver::types as t;

use super::device::device;
use crate::context::current;
use crate::entry::refused;
use crate::error::{Error, Result};
use crate::raw;

pub(crate) fn cuDeviceCanAccessPeer(out: *mut c_int, dev: t::CUdevice, peer: t::CUdevice) -> Result {
    device(dev)?;
    device(peer)?;
    raw::put(out, 0)
}

pub(crate) fn cuDeviceGetP2PAttribute(
    _: *mut c_int,
    _: t::CUdevice_P2PAttribute,
    from: t::CUdevice,
    to: t::CUdevice,
) -> Result {
    device(from)?;
    device(to)?;
    // A device is not its own peer.
    Err(Error::INVALID_DEVICE)
}

pub(crate) fn cuCtxEnablePeerAccess(peer: t::CUcontext, flags: c_uint) -> Result {
    current()?;
    if flags != 0 {
        return Err(Error::INVALID_VALUE);
    }
    crate::handle::find::<crate::context::Context>(peer).map_err(|_| Error::INVALID_CONTEXT)?;
    // All contexts are one device's, and share its memory without asking.
    Err(Error(t::CUDA_ERROR_INVALID_DEVICE))
}

pub(crate) fn cuCtxDisablePeerAccess(peer: t::CUcontext) -> Result {
    current()?;
    crate::handle::find::<crate::context::Context>(peer).map_err(|_| Error::INVALID_CONTEXT)?;
    Err(Error::PEER_ACCESS_NOT_ENABLED)
}

pub(crate) fn cuIpcGetMemHandle(_: *mut t::CUipcMemHandle, _: t::CUdeviceptr) -> Result {
    current()?;
    Err(refused("cuIpcGetMemHandle"))
}

pub(crate) fn cuIpcGetEventHandle(_: *mut t::CUipcEventHandle, event: t::CUevent) -> Result {
    crate::handle::find::<crate::event::Event>(event)?;
    Err(refused("cuIpcGetEventHandle"))
}
