//! Arrays: memory in rows and slices of elements, which texture units read. Programs have no address of it.

use std::sync::Arc;

use cuferry_driver::types as t;

use crate::driver::driver;
use crate::error::{Error, Result};
use crate::handle::{fresh, object};
use crate::ledger::{Ledger, What};

/// See the module. Sizes are in elements; 0 where the array has no such dimension.
pub(crate) struct Array {
    pub(crate) number: usize,
    pub(crate) descriptor: t::CUDA_ARRAY3D_DESCRIPTOR,
    pub(crate) address: u64,
    /// Bytes of a row, and of a slice.
    pub(crate) pitch: u64,
    pub(crate) slice: u64,
    owned: bool,
}

object!(Array, CUarray_st);

/// An array at several sizes, each half of the one before.
pub(crate) struct Mipmap {
    pub(crate) number: usize,
    pub(crate) levels: Vec<Arc<Array>>,
}

object!(Mipmap, CUmipmappedArray_st);

impl Array {
    pub(crate) fn create(context: usize, descriptor: t::CUDA_ARRAY3D_DESCRIPTOR) -> Result<Arc<Self>> {
        let element = element(descriptor.Format, descriptor.NumChannels)?;
        let limits = [(descriptor.Width, 1 << 17), (descriptor.Height, 1 << 17), (descriptor.Depth, 1 << 14)];
        let flags = t::CUDA_ARRAY3D_LAYERED
            | t::CUDA_ARRAY3D_SURFACE_LDST
            | t::CUDA_ARRAY3D_CUBEMAP
            | t::CUDA_ARRAY3D_TEXTURE_GATHER;
        if descriptor.Width == 0
            || limits.iter().any(|(size, most)| size > most)
            || descriptor.Flags & !flags != 0
        {
            return Err(Error::INVALID_VALUE);
        }
        let layered = descriptor.Flags & t::CUDA_ARRAY3D_LAYERED != 0;
        if descriptor.Height == 0 && descriptor.Depth != 0 && !layered {
            return Err(Error::INVALID_VALUE);
        }
        // Six square faces; or six for each layer.
        let faces = if layered {
            descriptor.Depth.is_multiple_of(6) && descriptor.Depth > 0
        } else {
            descriptor.Depth == 6
        };
        if descriptor.Flags & t::CUDA_ARRAY3D_CUBEMAP != 0
            && !(faces && descriptor.Height == descriptor.Width)
        {
            return Err(Error::INVALID_VALUE);
        }
        let pitch = descriptor.Width as u64 * element;
        let slice = pitch * descriptor.Height.max(1) as u64;
        let size = slice.checked_mul(descriptor.Depth.max(1) as u64).ok_or(Error::OUT_OF_MEMORY)?;
        let driver = driver()?;
        let address = driver.ledger.allocate(&driver.memory, context, size, What::Array)?;
        Ok(Arc::new(Self { number: fresh(), descriptor, address, pitch, slice, owned: true }))
    }

    /// Slices or layers.
    pub(crate) fn slices(&self) -> u64 {
        self.descriptor.Depth.max(1) as u64
    }
}

impl Drop for Array {
    fn drop(&mut self) {
        if let Ok(driver) = driver() {
            // A context that is gone has given it back already.
            let block = self.owned.then(|| driver.ledger.take(self.address, |_| true)).flatten();
            if let Some(block) = block {
                Ledger::release(&driver.memory, &block);
            }
        }
    }
}

/// Bytes of an element of that format and so many channels.
pub(crate) fn element(format: t::CUarray_format, channels: u32) -> Result<u64> {
    let size = match format {
        t::CU_AD_FORMAT_UNSIGNED_INT8 | t::CU_AD_FORMAT_SIGNED_INT8 => 1,
        t::CU_AD_FORMAT_UNSIGNED_INT16 | t::CU_AD_FORMAT_SIGNED_INT16 | t::CU_AD_FORMAT_HALF => 2,
        t::CU_AD_FORMAT_UNSIGNED_INT32 | t::CU_AD_FORMAT_SIGNED_INT32 | t::CU_AD_FORMAT_FLOAT => 4,
        _ => return Err(crate::entry::refused("an array of a compressed, planar or normalised format")),
    };
    if matches!(channels, 1 | 2 | 4) { Ok(size * u64::from(channels)) } else { Err(Error::INVALID_VALUE) }
}
