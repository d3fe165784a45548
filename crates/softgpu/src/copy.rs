//! Copies and fills of up to three dimensions, between any two places.

use std::sync::Arc;

use cuferry_driver::types as t;

use crate::array::Array;
use crate::driver::{Driver, driver};
use crate::error::{Error, Result};
use crate::ledger::covers;
use crate::raw;

/// Where a copy begins, and how far rows and slices lie apart, in bytes.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) address: u64,
    pub(crate) pitch: u64,
    pub(crate) slice: u64,
    /// The program's own memory, which the device knows nothing of.
    pub(crate) host: bool,
    /// The array, which lives while the copy does.
    pub(crate) array: Option<Arc<Array>>,
}

/// A copy: width in bytes, height in rows, depth in slices.
#[derive(Clone)]
pub(crate) struct Copy {
    pub(crate) to: Place,
    pub(crate) from: Place,
    pub(crate) width: u64,
    pub(crate) height: u64,
    pub(crate) depth: u64,
    /// What was at `from` when the copy was asked for, without gaps.
    kept: Option<Arc<[u8]>>,
}

/// Setting memory: `rows` rows of `columns` elements of `width` bytes.
#[derive(Clone, Copy)]
pub(crate) struct Fill {
    pub(crate) address: u64,
    pub(crate) pitch: u64,
    pub(crate) value: u32,
    pub(crate) width: u8,
    pub(crate) columns: u64,
    pub(crate) rows: u64,
}

impl Place {
    /// A place in one dimension, wherever it is.
    pub(crate) fn at(address: u64) -> Result<Self> {
        let host = driver()?.memory.find(address).is_none_or(|found| found.freed);
        Ok(Self { address, pitch: 0, slice: 0, host, array: None })
    }

    /// The same, which has to be the device's.
    pub(crate) fn device(address: u64) -> Result<Self> {
        let place = Self::at(address)?;
        if place.host { Err(Error::INVALID_VALUE) } else { Ok(place) }
    }

    /// The same, which the program says is the host's: pinned, managed, or its own.
    pub(crate) fn host(address: u64) -> Result<Self> {
        if address == 0 {
            return Err(Error::INVALID_VALUE);
        }
        Self::at(address)
    }

    /// The bytes from the first to behind the last.
    fn span(&self, width: u64, height: u64, depth: u64) -> Option<u64> {
        let rows = self.pitch.checked_mul(height - 1)?;
        self.slice.checked_mul(depth - 1)?.checked_add(rows)?.checked_add(width)
    }

    fn check(&self, driver: &Driver, width: u64, height: u64, depth: u64) -> Result {
        let span = self.span(width, height, depth).ok_or(Error::INVALID_VALUE)?;
        if self.address == 0 || self.address.checked_add(span).is_none() {
            return Err(Error::INVALID_VALUE);
        }
        if self.host || covers(&driver.memory, self.address, span) {
            Ok(())
        } else {
            Err(Error::INVALID_VALUE)
        }
    }

    fn row(&self, y: u64, z: u64) -> u64 {
        self.address + z * self.slice + y * self.pitch
    }
}

impl Copy {
    pub(crate) fn new(to: Place, from: Place, width: u64, height: u64, depth: u64) -> Result<Self> {
        let copy = Self { to, from, width, height, depth, kept: None };
        if !copy.is_empty() {
            let driver = driver()?;
            copy.to.check(driver, width, height, depth)?;
            copy.from.check(driver, width, height, depth)?;
        }
        Ok(copy)
    }

    /// A copy in one dimension.
    pub(crate) fn line(to: Place, from: Place, size: u64) -> Result<Self> {
        Self::new(to, from, size, 1, 1)
    }

    fn is_empty(&self) -> bool {
        self.width == 0 || self.height == 0 || self.depth == 0
    }

    /// As `cuMemcpy3D` takes it, with everything in bytes from each side's first.
    pub(crate) fn describe(&self) -> t::CUDA_MEMCPY3D {
        let size = |value: u64| usize::try_from(value).unwrap_or(0);
        let kind = |place: &Place| match place {
            Place { array: Some(_), .. } => t::CU_MEMORYTYPE_ARRAY,
            Place { host: true, .. } => t::CU_MEMORYTYPE_HOST,
            _ => t::CU_MEMORYTYPE_DEVICE,
        };
        let array = |place: &Place| place.array.as_ref().map_or(0, |array| array.number) as t::CUarray;
        // Within an array: bytes, rows and slices from its first; elsewhere the address says it.
        let offset = |place: &Place, axis: usize| {
            let Some(array) = &place.array else { return 0 };
            let bytes = place.address - array.address;
            size([bytes % array.pitch, bytes % array.slice / array.pitch, bytes / array.slice][axis])
        };
        let height = |place: &Place| size(place.slice.checked_div(place.pitch).unwrap_or(0));
        t::CUDA_MEMCPY3D {
            srcXInBytes: offset(&self.from, 0),
            srcY: offset(&self.from, 1),
            srcZ: offset(&self.from, 2),
            srcMemoryType: kind(&self.from),
            srcArray: array(&self.from),
            srcHost: self.from.address as *const _,
            srcDevice: self.from.address,
            srcPitch: size(self.from.pitch),
            srcHeight: height(&self.from),
            dstXInBytes: offset(&self.to, 0),
            dstY: offset(&self.to, 1),
            dstZ: offset(&self.to, 2),
            dstMemoryType: kind(&self.to),
            dstArray: array(&self.to),
            dstHost: self.to.address as *mut _,
            dstDevice: self.to.address,
            dstPitch: size(self.to.pitch),
            dstHeight: height(&self.to),
            WidthInBytes: size(self.width),
            Height: size(self.height),
            Depth: size(self.depth),
            ..t::CUDA_MEMCPY3D::default()
        }
    }

    /// Whether it writes to memory of the program's own: then it is done when the call returns.
    pub(crate) fn writes_host(&self) -> bool {
        self.to.host
    }

    /// Reads what lies in memory of the program's own now, for the program may change it as soon as the call returns.
    pub(crate) fn keep(mut self) -> Self {
        if self.from.host && !self.is_empty() {
            let mut bytes = Vec::new();
            for z in 0..self.depth {
                for y in 0..self.height {
                    let row =
                        raw::bytes(self.from.row(y, z) as *const _, usize::try_from(self.width).unwrap_or(0));
                    bytes.extend_from_slice(row.unwrap_or_default());
                }
            }
            self.kept = Some(bytes.into());
        }
        self
    }

    /// Copies.
    pub(crate) fn run(&self) -> Result {
        if self.is_empty() {
            return Ok(());
        }
        let driver = driver()?;
        let (width, height, depth) = (self.width, self.height, self.depth);
        // It may have been freed since.
        self.to.check(driver, width, height, depth).map_err(|_| Error::ILLEGAL_ADDRESS)?;
        let from = if let Some(kept) = &self.kept {
            let address = kept.as_ptr() as u64;
            Place { address, pitch: width, slice: width * height, host: true, array: None }
        } else {
            self.from.check(driver, width, height, depth).map_err(|_| Error::ILLEGAL_ADDRESS)?;
            self.from.clone()
        };
        for z in 0..depth {
            for y in 0..height {
                raw::copy(self.to.row(y, z), from.row(y, z), width);
            }
        }
        Ok(())
    }
}

impl Fill {
    /// Checks that the memory is there and aligned.
    pub(crate) fn check(&self) -> Result {
        if self.columns == 0 || self.rows == 0 {
            return Ok(());
        }
        let width = u64::from(self.width);
        if !self.address.is_multiple_of(width) || (self.rows > 1 && !self.pitch.is_multiple_of(width)) {
            return Err(Error::INVALID_VALUE);
        }
        let row = self.columns.checked_mul(width).ok_or(Error::INVALID_VALUE)?;
        let span = self.pitch.checked_mul(self.rows - 1).and_then(|rows| rows.checked_add(row));
        let span = span.ok_or(Error::INVALID_VALUE)?;
        if covers(&driver()?.memory, self.address, span) { Ok(()) } else { Err(Error::INVALID_VALUE) }
    }

    /// Sets the memory.
    pub(crate) fn run(&self) -> Result {
        self.check().map_err(|_| Error::ILLEGAL_ADDRESS)?;
        for row in 0..self.rows {
            raw::fill(self.address + row * self.pitch, self.value, self.width, self.columns);
        }
        Ok(())
    }
}
