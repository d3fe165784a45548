//! Copies.

use std::ffi::c_void;
use std::sync::Arc;

use cuferry_driver::types as t;

use crate::array::Array;
use crate::copy::{Copy, Place};
use crate::driver::driver;
use crate::error::{Error, Result};
use crate::handle::find;
use crate::operation::Operation;
use crate::raw;
use crate::stream::{Default, Stream, resolve};

/// Copies now: the call returns when it is done.
fn wait(default: Default, copy: Copy) -> Result {
    resolve(std::ptr::null_mut(), default)?.submit_and_wait(Operation::Copy(copy))
}

/// Copies in a stream's order. What lies in the program's own memory is read before the call returns, and what is
/// written there is there then: as on a GPU, for which such memory is first copied.
pub(crate) fn submit(stream: &Arc<Stream>, copy: Copy) -> Result {
    if stream.capturing()?.is_some() {
        return stream.submit(Operation::Copy(copy)).map(|_| ());
    }
    let writes_host = copy.writes_host();
    let ticket = stream.submit(Operation::Copy(copy.keep()))?;
    if writes_host && let Some(ticket) = ticket {
        ticket.wait();
        driver()?.flush();
        return stream.context()?.health();
    }
    Ok(())
}

fn later(default: Default, stream: t::CUstream, copy: Copy) -> Result {
    submit(&resolve(stream, default)?, copy)
}

fn line(to: Place, from: Place, size: usize) -> Result<Copy> {
    Copy::line(to, from, size as u64)
}

/// A byte range of an array, row by row without gaps.
fn of_array(raw: t::CUarray, offset: usize, size: usize) -> Result<Place> {
    let array = find::<Array>(raw)?;
    let end = offset.checked_add(size).ok_or(Error::INVALID_VALUE)? as u64;
    if end > array.slice * array.slices() {
        return Err(Error::INVALID_VALUE);
    }
    Ok(Place { address: array.address + offset as u64, pitch: 0, slice: 0, host: false, array: Some(array) })
}

pub(crate) fn cuMemcpy(default: Default, to: u64, from: u64, size: usize) -> Result {
    crate::context::current()?;
    wait(default, line(Place::at(to)?, Place::at(from)?, size)?)
}

pub(crate) fn cuMemcpyAsync(
    default: Default,
    to: u64,
    from: u64,
    size: usize,
    stream: t::CUstream,
) -> Result {
    crate::context::current()?;
    later(default, stream, line(Place::at(to)?, Place::at(from)?, size)?)
}

pub(crate) fn cuMemcpyHtoD_v2(default: Default, to: u64, from: *const c_void, size: usize) -> Result {
    crate::context::current()?;
    if size == 0 {
        return Ok(());
    }
    wait(default, line(Place::device(to)?, Place::host(from as u64)?, size)?)
}

pub(crate) fn cuMemcpyDtoH_v2(default: Default, to: *mut c_void, from: u64, size: usize) -> Result {
    crate::context::current()?;
    if size == 0 {
        return Ok(());
    }
    wait(default, line(Place::host(to as u64)?, Place::device(from)?, size)?)
}

pub(crate) fn cuMemcpyDtoD_v2(default: Default, to: u64, from: u64, size: usize) -> Result {
    crate::context::current()?;
    if size == 0 {
        return Ok(());
    }
    wait(default, line(Place::device(to)?, Place::device(from)?, size)?)
}

pub(crate) fn cuMemcpyHtoDAsync_v2(
    default: Default,
    to: u64,
    from: *const c_void,
    size: usize,
    stream: t::CUstream,
) -> Result {
    crate::context::current()?;
    if size == 0 {
        return Ok(());
    }
    later(default, stream, line(Place::device(to)?, Place::host(from as u64)?, size)?)
}

pub(crate) fn cuMemcpyDtoHAsync_v2(
    default: Default,
    to: *mut c_void,
    from: u64,
    size: usize,
    stream: t::CUstream,
) -> Result {
    crate::context::current()?;
    if size == 0 {
        return Ok(());
    }
    later(default, stream, line(Place::host(to as u64)?, Place::device(from)?, size)?)
}

pub(crate) fn cuMemcpyDtoDAsync_v2(
    default: Default,
    to: u64,
    from: u64,
    size: usize,
    stream: t::CUstream,
) -> Result {
    crate::context::current()?;
    if size == 0 {
        return Ok(());
    }
    later(default, stream, line(Place::device(to)?, Place::device(from)?, size)?)
}

pub(crate) fn cuMemcpyPeer(
    default: Default,
    to: u64,
    to_context: t::CUcontext,
    from: u64,
    from_context: t::CUcontext,
    size: usize,
) -> Result {
    crate::context::named(to_context)?;
    crate::context::named(from_context)?;
    cuMemcpyDtoD_v2(default, to, from, size)
}

pub(crate) fn cuMemcpyPeerAsync(
    default: Default,
    to: u64,
    to_context: t::CUcontext,
    from: u64,
    from_context: t::CUcontext,
    size: usize,
    stream: t::CUstream,
) -> Result {
    crate::context::named(to_context)?;
    crate::context::named(from_context)?;
    cuMemcpyDtoDAsync_v2(default, to, from, size, stream)
}

pub(crate) fn cuMemcpyDtoA_v2(
    default: Default,
    to: t::CUarray,
    offset: usize,
    from: u64,
    size: usize,
) -> Result {
    wait(default, line(of_array(to, offset, size)?, Place::device(from)?, size)?)
}

pub(crate) fn cuMemcpyAtoD_v2(
    default: Default,
    to: u64,
    from: t::CUarray,
    offset: usize,
    size: usize,
) -> Result {
    wait(default, line(Place::device(to)?, of_array(from, offset, size)?, size)?)
}

pub(crate) fn cuMemcpyHtoA_v2(
    default: Default,
    to: t::CUarray,
    offset: usize,
    from: *const c_void,
    size: usize,
) -> Result {
    wait(default, line(of_array(to, offset, size)?, Place::host(from as u64)?, size)?)
}

pub(crate) fn cuMemcpyAtoH_v2(
    default: Default,
    to: *mut c_void,
    from: t::CUarray,
    offset: usize,
    size: usize,
) -> Result {
    wait(default, line(Place::host(to as u64)?, of_array(from, offset, size)?, size)?)
}

pub(crate) fn cuMemcpyHtoAAsync_v2(
    default: Default,
    to: t::CUarray,
    offset: usize,
    from: *const c_void,
    size: usize,
    stream: t::CUstream,
) -> Result {
    later(default, stream, line(of_array(to, offset, size)?, Place::host(from as u64)?, size)?)
}

pub(crate) fn cuMemcpyAtoHAsync_v2(
    default: Default,
    to: *mut c_void,
    from: t::CUarray,
    offset: usize,
    size: usize,
    stream: t::CUstream,
) -> Result {
    later(default, stream, line(Place::host(to as u64)?, of_array(from, offset, size)?, size)?)
}

pub(crate) fn cuMemcpyAtoA_v2(
    default: Default,
    to: t::CUarray,
    to_offset: usize,
    from: t::CUarray,
    from_offset: usize,
    size: usize,
) -> Result {
    wait(default, line(of_array(to, to_offset, size)?, of_array(from, from_offset, size)?, size)?)
}

/// One side of a copy of two or three dimensions.
struct Side {
    kind: t::CUmemorytype,
    host: u64,
    device: u64,
    array: t::CUarray,
    /// Bytes, rows, slices to begin at.
    offset: [usize; 3],
    /// Bytes of a row, rows of a slice.
    pitch: usize,
    height: usize,
}

impl Side {
    fn place(&self, extent: [usize; 3]) -> Result<Place> {
        let [x, y, z] = self.offset.map(|offset| offset as u64);
        let (base, pitch, slice) = match self.kind {
            t::CU_MEMORYTYPE_ARRAY => {
                let array = find::<Array>(self.array)?;
                // Sizes that an array has not count as one.
                let sizes = [array.pitch, array.descriptor.Height.max(1) as u64, array.slices()];
                let ends = [x + extent[0] as u64, y + extent[1] as u64, z + extent[2] as u64];
                if ends.iter().zip(sizes).any(|(end, size)| *end > size) {
                    return Err(Error::INVALID_VALUE);
                }
                let (pitch, slice) = (array.pitch, array.slice);
                let address = array.address + z * slice + y * pitch + x;
                return Ok(Place { address, pitch, slice, host: false, array: Some(array) });
            }
            t::CU_MEMORYTYPE_HOST => (self.host, self.pitch, self.height),
            t::CU_MEMORYTYPE_DEVICE | t::CU_MEMORYTYPE_UNIFIED => (self.device, self.pitch, self.height),
            _ => return Err(Error::INVALID_VALUE),
        };
        // Zero means: without gaps.
        let pitch = if pitch == 0 { extent[0] + self.offset[0] } else { pitch };
        let height = if slice == 0 { extent[1] + self.offset[1] } else { slice };
        if pitch < extent[0] + self.offset[0] || (extent[2] > 1 && height < extent[1] + self.offset[1]) {
            return Err(Error::INVALID_VALUE);
        }
        let (pitch, height) = (pitch as u64, height as u64);
        let slice = pitch.checked_mul(height).ok_or(Error::INVALID_VALUE)?;
        let address = z
            .checked_mul(slice)
            .and_then(|z| base.checked_add(z)?.checked_add(y.checked_mul(pitch)?)?.checked_add(x));
        let address = address.ok_or(Error::INVALID_VALUE)?;
        let place = match self.kind {
            t::CU_MEMORYTYPE_HOST => Place::host(address),
            t::CU_MEMORYTYPE_DEVICE => Place::device(address),
            _ => Place::at(address),
        }?;
        Ok(Place { pitch, slice, ..place })
    }
}

/// What `cuMemcpy3D` and its kin are given.
pub(crate) fn volume(copy: &t::CUDA_MEMCPY3D) -> Result<Copy> {
    if copy.srcLOD != 0 || copy.dstLOD != 0 {
        return Err(Error::INVALID_VALUE);
    }
    let extent = [copy.WidthInBytes, copy.Height, copy.Depth];
    let from = Side {
        kind: copy.srcMemoryType,
        host: copy.srcHost as u64,
        device: copy.srcDevice,
        array: copy.srcArray,
        offset: [copy.srcXInBytes, copy.srcY, copy.srcZ],
        pitch: copy.srcPitch,
        height: copy.srcHeight,
    };
    let to = Side {
        kind: copy.dstMemoryType,
        host: copy.dstHost as u64,
        device: copy.dstDevice,
        array: copy.dstArray,
        offset: [copy.dstXInBytes, copy.dstY, copy.dstZ],
        pitch: copy.dstPitch,
        height: copy.dstHeight,
    };
    let [width, height, depth] = extent.map(|size| size as u64);
    if extent.contains(&0) {
        // Nothing to copy: whatever the places are.
        let nowhere = || Place { address: 0, pitch: 0, slice: 0, host: true, array: None };
        return Copy::new(nowhere(), nowhere(), 0, 0, 0);
    }
    Copy::new(to.place(extent)?, from.place(extent)?, width, height, depth)
}

fn flat(copy: &t::CUDA_MEMCPY2D) -> t::CUDA_MEMCPY3D {
    t::CUDA_MEMCPY3D {
        srcXInBytes: copy.srcXInBytes,
        srcY: copy.srcY,
        srcMemoryType: copy.srcMemoryType,
        srcHost: copy.srcHost,
        srcDevice: copy.srcDevice,
        srcArray: copy.srcArray,
        srcPitch: copy.srcPitch,
        dstXInBytes: copy.dstXInBytes,
        dstY: copy.dstY,
        dstMemoryType: copy.dstMemoryType,
        dstHost: copy.dstHost,
        dstDevice: copy.dstDevice,
        dstArray: copy.dstArray,
        dstPitch: copy.dstPitch,
        WidthInBytes: copy.WidthInBytes,
        Height: copy.Height,
        Depth: 1,
        ..t::CUDA_MEMCPY3D::default()
    }
}

fn of_peer(copy: &t::CUDA_MEMCPY3D_PEER) -> t::CUDA_MEMCPY3D {
    t::CUDA_MEMCPY3D {
        srcXInBytes: copy.srcXInBytes,
        srcY: copy.srcY,
        srcZ: copy.srcZ,
        srcLOD: copy.srcLOD,
        srcMemoryType: copy.srcMemoryType,
        srcHost: copy.srcHost,
        srcDevice: copy.srcDevice,
        srcArray: copy.srcArray,
        srcPitch: copy.srcPitch,
        srcHeight: copy.srcHeight,
        dstXInBytes: copy.dstXInBytes,
        dstY: copy.dstY,
        dstZ: copy.dstZ,
        dstLOD: copy.dstLOD,
        dstMemoryType: copy.dstMemoryType,
        dstHost: copy.dstHost,
        dstDevice: copy.dstDevice,
        dstArray: copy.dstArray,
        dstPitch: copy.dstPitch,
        dstHeight: copy.dstHeight,
        WidthInBytes: copy.WidthInBytes,
        Height: copy.Height,
        Depth: copy.Depth,
        ..t::CUDA_MEMCPY3D::default()
    }
}

pub(crate) fn cuMemcpy2D_v2(default: Default, copy: *const t::CUDA_MEMCPY2D) -> Result {
    crate::context::current()?;
    wait(default, volume(&flat(&raw::get(copy)?))?)
}

pub(crate) fn cuMemcpy2DUnaligned_v2(default: Default, copy: *const t::CUDA_MEMCPY2D) -> Result {
    cuMemcpy2D_v2(default, copy)
}

pub(crate) fn cuMemcpy2DAsync_v2(
    default: Default,
    copy: *const t::CUDA_MEMCPY2D,
    stream: t::CUstream,
) -> Result {
    crate::context::current()?;
    later(default, stream, volume(&flat(&raw::get(copy)?))?)
}

pub(crate) fn cuMemcpy3D_v2(default: Default, copy: *const t::CUDA_MEMCPY3D) -> Result {
    crate::context::current()?;
    wait(default, volume(&raw::get(copy)?)?)
}

pub(crate) fn cuMemcpy3DAsync_v2(
    default: Default,
    copy: *const t::CUDA_MEMCPY3D,
    stream: t::CUstream,
) -> Result {
    crate::context::current()?;
    later(default, stream, volume(&raw::get(copy)?)?)
}

pub(crate) fn cuMemcpy3DPeer(default: Default, copy: *const t::CUDA_MEMCPY3D_PEER) -> Result {
    crate::context::current()?;
    wait(default, volume(&of_peer(&raw::get(copy)?))?)
}

pub(crate) fn cuMemcpy3DPeerAsync(
    default: Default,
    copy: *const t::CUDA_MEMCPY3D_PEER,
    stream: t::CUstream,
) -> Result {
    crate::context::current()?;
    later(default, stream, volume(&of_peer(&raw::get(copy)?))?)
}

#[expect(clippy::too_many_arguments, reason = "the API's own")]
pub(crate) fn cuMemcpyBatchAsync(
    default: Default,
    to: *mut u64,
    from: *mut u64,
    sizes: *mut usize,
    count: usize,
    attributes: *mut t::CUmemcpyAttributes,
    starts: *mut usize,
    attribute_count: usize,
    failed: *mut usize,
    stream: t::CUstream,
) -> Result {
    let result =
        cuMemcpyBatchAsync_v2(default, to, from, sizes, count, attributes, starts, attribute_count, stream);
    if result.is_err() {
        raw::put_if(failed, usize::MAX);
    }
    result
}

/// Attributes say when sources are read and where memory is: here all of it is read before the call returns.
#[expect(clippy::too_many_arguments, reason = "the API's own")]
pub(crate) fn cuMemcpyBatchAsync_v2(
    default: Default,
    to: *mut u64,
    from: *mut u64,
    sizes: *mut usize,
    count: usize,
    _: *mut t::CUmemcpyAttributes,
    _: *mut usize,
    _: usize,
    stream: t::CUstream,
) -> Result {
    let stream = resolve(stream, default)?;
    let to = raw::list(to.cast_const(), count)?;
    let from = raw::list(from.cast_const(), count)?;
    let sizes = raw::list(sizes.cast_const(), count)?;
    let copies = to.into_iter().zip(from).zip(sizes);
    let copies: Vec<Copy> = copies
        .map(|((to, from), size)| line(Place::at(to)?, Place::at(from)?, size))
        .collect::<Result<_>>()?;
    copies.into_iter().try_for_each(|copy| submit(&stream, copy))
}

pub(crate) fn cuMemcpyWithAttributesAsync(
    default: Default,
    to: u64,
    from: u64,
    size: usize,
    _: *mut t::CUmemcpyAttributes,
    stream: t::CUstream,
) -> Result {
    cuMemcpyAsync(default, to, from, size, stream)
}
