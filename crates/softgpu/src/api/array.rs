//! Arrays.

use std::ffi::c_uint;
use std::sync::Arc;

use cuferry_driver::types as t;

use crate::array::{Array, Mipmap};
use crate::context::current;
use crate::error::{Error, Result};
use crate::handle::{Object as _, find, fresh, take};
use crate::raw;

fn create(out: *mut t::CUarray, descriptor: t::CUDA_ARRAY3D_DESCRIPTOR) -> Result {
    let context = current()?;
    let array = Array::create(context.number, descriptor)?;
    raw::put(out, array.number as t::CUarray)?;
    Array::handles().insert(array.number, array);
    Ok(())
}

pub(crate) fn cuArrayCreate_v2(out: *mut t::CUarray, descriptor: *const t::CUDA_ARRAY_DESCRIPTOR) -> Result {
    let flat = raw::get(descriptor)?;
    let descriptor = t::CUDA_ARRAY3D_DESCRIPTOR {
        Width: flat.Width,
        Height: flat.Height,
        Depth: 0,
        Format: flat.Format,
        NumChannels: flat.NumChannels,
        Flags: 0,
    };
    create(out, descriptor)
}

pub(crate) fn cuArray3DCreate_v2(
    out: *mut t::CUarray,
    descriptor: *const t::CUDA_ARRAY3D_DESCRIPTOR,
) -> Result {
    create(out, raw::get(descriptor)?)
}

pub(crate) fn cuArrayGetDescriptor_v2(out: *mut t::CUDA_ARRAY_DESCRIPTOR, raw: t::CUarray) -> Result {
    let descriptor = find::<Array>(raw)?.descriptor;
    raw::put(
        out,
        t::CUDA_ARRAY_DESCRIPTOR {
            Width: descriptor.Width,
            Height: descriptor.Height,
            Format: descriptor.Format,
            NumChannels: descriptor.NumChannels,
        },
    )
}

pub(crate) fn cuArray3DGetDescriptor_v2(out: *mut t::CUDA_ARRAY3D_DESCRIPTOR, raw: t::CUarray) -> Result {
    raw::put(out, find::<Array>(raw)?.descriptor)
}

pub(crate) fn cuArrayDestroy(raw: t::CUarray) -> Result {
    find::<Array>(raw)?;
    let health = current()?.synchronize();
    take::<Array>(raw)?;
    health
}

pub(crate) fn cuMipmappedArrayCreate(
    out: *mut t::CUmipmappedArray,
    descriptor: *const t::CUDA_ARRAY3D_DESCRIPTOR,
    levels: c_uint,
) -> Result {
    let context = current()?;
    let descriptor = raw::get(descriptor)?;
    let largest = descriptor.Width.max(descriptor.Height).max(descriptor.Depth).max(1);
    let levels = levels.clamp(1, largest.ilog2() + 1);
    let smaller = |size: usize, level: u32| if size == 0 { 0 } else { (size >> level).max(1) };
    let level = |level: u32| {
        let layered = descriptor.Flags & t::CUDA_ARRAY3D_LAYERED != 0;
        let descriptor = t::CUDA_ARRAY3D_DESCRIPTOR {
            Width: smaller(descriptor.Width, level),
            Height: smaller(descriptor.Height, level),
            Depth: if layered { descriptor.Depth } else { smaller(descriptor.Depth, level) },
            ..descriptor
        };
        let array = Array::create(context.number, descriptor)?;
        Array::handles().insert(array.number, Arc::clone(&array));
        Ok(array)
    };
    let levels = (0..levels).map(level).collect::<Result<Vec<_>>>()?;
    let mipmap = Arc::new(Mipmap { number: fresh(), levels });
    raw::put(out, mipmap.number as t::CUmipmappedArray)?;
    Mipmap::handles().insert(mipmap.number, mipmap);
    Ok(())
}

pub(crate) fn cuMipmappedArrayGetLevel(
    out: *mut t::CUarray,
    raw: t::CUmipmappedArray,
    level: c_uint,
) -> Result {
    let mipmap = find::<Mipmap>(raw)?;
    let array = mipmap.levels.get(level as usize).ok_or(Error::INVALID_VALUE)?;
    raw::put(out, array.number as t::CUarray)
}

pub(crate) fn cuMipmappedArrayDestroy(raw: t::CUmipmappedArray) -> Result {
    let mipmap = take::<Mipmap>(raw)?;
    let health = current()?.synchronize();
    for level in &mipmap.levels {
        Array::handles().remove(level.number);
    }
    health
}
