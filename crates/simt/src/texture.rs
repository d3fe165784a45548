//! Textures and surfaces: images that kernels reach by an object's handle, with coordinates instead of addresses.
//!
//! What is here is plain data, and the table that knows which handle stands for what. How an image is read is in
//! `sample`; what instructions make of it is in `ops::texture`.

mod sample;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::memory::Memory;

pub(crate) use sample::Spot;

/// What a channel of a texel holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// 8 bits, unsigned.
    U8,
    /// 16 bits, unsigned.
    U16,
    /// 32 bits, unsigned.
    U32,
    /// 8 bits, signed.
    S8,
    /// 16 bits, signed.
    S16,
    /// 32 bits, signed.
    S32,
    /// A half.
    F16,
    /// A single.
    F32,
}

impl Channel {
    /// Bytes of one.
    pub fn bytes(self) -> u64 {
        match self {
            Channel::U8 | Channel::S8 => 1,
            Channel::U16 | Channel::S16 | Channel::F16 => 2,
            Channel::U32 | Channel::S32 | Channel::F32 => 4,
        }
    }
}

/// How an image's memory is to be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A row in memory that the program has an address of: `tex1Dfetch` alone reads it, by whole numbers.
    Buffer,
    /// One dimension.
    D1,
    /// Two dimensions.
    D2,
    /// Three dimensions.
    D3,
    /// Six faces, a slice each; or six for each layer.
    Cube,
}

/// Texels in memory. Sizes are in texels, 1 where there is no such dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// Where the first texel lies.
    pub address: u64,
    /// See [`Shape`].
    pub shape: Shape,
    /// Texels of a row.
    pub width: u32,
    /// Rows of a slice.
    pub height: u32,
    /// Slices: 1 where they are layers or faces.
    pub depth: u32,
    /// Layers; 0 where there are none.
    pub layers: u32,
    /// Bytes from a row to the next.
    pub pitch: u64,
    /// Bytes from a slice, layer or face to the next.
    pub slice: u64,
    /// What a channel holds.
    pub channel: Channel,
    /// Channels of a texel: 1, 2 or 4.
    pub channels: u32,
}

impl Image {
    /// Bytes of a texel.
    pub fn texel(&self) -> u64 {
        self.channel.bytes() * u64::from(self.channels)
    }

    /// Slices, layers and faces, as they lie in memory.
    pub(crate) fn slices(&self) -> u32 {
        let faces = if self.shape == Shape::Cube { 6 } else { 1 };
        self.depth * self.layers.max(1) * faces
    }

    /// Bytes from the first to behind the last.
    fn span(&self) -> u64 {
        let rows = self.pitch * u64::from(self.height - 1) + self.texel() * u64::from(self.width);
        self.slice * u64::from(self.slices() - 1) + rows
    }
}

/// What is read outside of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressMode {
    /// The image again. Only with normalised coordinates; else as `Clamp`.
    Wrap,
    /// The nearest texel inside.
    Clamp,
    /// The image, mirrored every other time. Only with normalised coordinates; else as `Clamp`.
    Mirror,
    /// The border colour.
    Border,
}

/// A texture: an image, and how it is read.
#[derive(Clone, Debug, PartialEq)]
pub struct Texture {
    /// The image, and the smaller ones that are read instead of it at higher levels of detail. At least one.
    pub levels: Vec<Image>,
    /// By dimension.
    pub address: [AddressMode; 3],
    /// Whether fetches interpolate between texels.
    pub linear: bool,
    /// Whether coordinates run from 0 to 1.
    pub normalized: bool,
    /// Whether integers are read as they are, instead of as floats in [0, 1] or [-1, 1].
    pub integers: bool,
    /// Whether 8-bit red, green and blue are in sRGB, and read as linear.
    pub srgb: bool,
    /// What [`AddressMode::Border`] reads; the bits of integers where those are read.
    pub border: [f32; 4],
    /// Whether fetches interpolate between levels.
    pub level_linear: bool,
    /// Added to the level that a fetch asks for.
    pub level_bias: f32,
    /// The least and the greatest level.
    pub level_range: [f32; 2],
}

/// What a handle stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    /// A texture.
    Texture(Texture),
    /// A surface: an image that is read and written by bytes.
    Surface(Image),
}

impl Bound {
    fn images(&self) -> &[Image] {
        match self {
            Bound::Texture(texture) => &texture.levels,
            Bound::Surface(image) => std::slice::from_ref(image),
        }
    }
}

/// An entry of the table.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) bound: Bound,
    /// The memory's epoch at which its images were last seen to be all there.
    seen: AtomicU64,
}

impl Object {
    /// Whether all of its images lie in live allocations. If not, the address of one that does not.
    pub(crate) fn check(&self, memory: &Memory) -> Result<(), u64> {
        let epoch = memory.epoch();
        if self.seen.load(Ordering::Relaxed) == epoch {
            return Ok(());
        }
        for image in self.bound.images() {
            let range = memory.range(image.address);
            if range.is_none_or(|(_, end, _)| end - image.address < image.span()) {
                return Err(image.address);
            }
        }
        self.seen.store(epoch, Ordering::Relaxed);
        Ok(())
    }
}

/// The textures and surfaces of a device, by handle. No handle is given twice.
#[derive(Debug, Default)]
pub struct Objects {
    table: RwLock<BTreeMap<u64, Arc<Object>>>,
    last: AtomicU64,
}

impl Objects {
    /// Makes a texture or surface known. Kernels find it under the handle, which is not 0.
    pub fn bind(&self, bound: Bound) -> u64 {
        let handle = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        // Epochs start at 1.
        let object = Arc::new(Object { bound, seen: AtomicU64::new(0) });
        self.table.write().unwrap_or_else(PoisonError::into_inner).insert(handle, object);
        handle
    }

    /// Forgets a handle. `false`: there was none.
    pub fn release(&self, handle: u64) -> bool {
        self.table.write().unwrap_or_else(PoisonError::into_inner).remove(&handle).is_some()
    }

    pub(crate) fn get(&self, handle: u64) -> Option<Arc<Object>> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).get(&handle).cloned()
    }
}
