//! Textures that forms read: small, with contents computed from the position.

/// How many texels a texture has on each side.
pub const SIDE: usize = 16;

/// A texture object's description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Texture {
    /// 1, 2 or 3; the sides are `SIDE`, `SIDE` and `SIDE / 2`.
    pub dimensions: u8,
    /// What a texel is.
    pub texel: Texel,
    /// Interpolates between texels.
    pub linear: bool,
    /// Coordinates run from 0 to 1.
    pub normalized: bool,
    /// What is read outside.
    pub address: Address,
    /// Integers are read as they are; otherwise as floats in [0, 1] or [-1, 1].
    pub as_integer: bool,
    /// What it is bound as.
    pub binding: Binding,
}

/// How a form reaches the texels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binding {
    /// As a texture.
    Texture = 1,
    /// As a surface: by bytes, with no filter.
    Surface = 2,
    /// As a texture of layers, `SIDE / 2` of them.
    Layers = 3,
}

/// A texel's format, all with the number of channels that its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Texel {
    /// One single.
    F32,
    /// Four singles.
    F32x4,
    /// Four bytes.
    U8x4,
    /// One signed byte.
    S8,
    /// Two halves.
    F16x2,
    /// One 16-bit integer.
    U16,
    /// One 32-bit signed integer.
    S32,
}

/// The address mode, by the driver's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// Repeats.
    Wrap = 0,
    /// The nearest texel inside.
    Clamp = 1,
    /// Repeats, every other time mirrored.
    Mirror = 2,
    /// Zero.
    Border = 3,
}

impl Texel {
    /// The driver's `CUarray_format`, the channels, and the bytes of one channel.
    pub fn layout(self) -> (u32, usize, usize) {
        match self {
            Self::F32 => (0x20, 1, 4),
            Self::F32x4 => (0x20, 4, 4),
            Self::U8x4 => (0x01, 4, 1),
            Self::S8 => (0x08, 1, 1),
            Self::F16x2 => (0x10, 2, 2),
            Self::U16 => (0x02, 1, 2),
            Self::S32 => (0x0a, 1, 4),
        }
    }
}

impl std::fmt::Display for Texture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let filter = if self.linear { "linear" } else { "point" };
        let scale = if self.normalized { "normalized" } else { "texels" };
        let read = if self.as_integer { "integers" } else { "floats" };
        write!(f, "{}d {:?} ", self.dimensions, self.texel)?;
        match self.binding {
            Binding::Surface => return write!(f, "surface"),
            Binding::Layers => write!(f, "layers ")?,
            Binding::Texture => {}
        }
        write!(f, "{filter} {scale} {:?} {read}", self.address)
    }
}

impl Texture {
    /// Width, height and depth in texels; 0 where there is no such dimension, as the driver wants it.
    pub fn extent(&self) -> [usize; 3] {
        let deep = self.dimensions > 2 || self.binding == Binding::Layers;
        [SIDE, if self.dimensions > 1 { SIDE } else { 0 }, if deep { SIDE / 2 } else { 0 }]
    }

    /// The texels, row by row.
    pub fn contents(&self) -> Vec<u8> {
        let (_, channels, bytes) = self.texel.layout();
        let count: usize = self.extent().iter().map(|side| (*side).max(1)).product::<usize>() * channels;
        let mut random = crate::random::Random::named("texture");
        let mut contents = Vec::new();
        for _ in 0..count {
            match self.texel {
                Texel::F32 | Texel::F32x4 => contents.extend((random.unit() * 100.0).to_le_bytes()),
                // Halves without infinities and NaNs.
                Texel::F16x2 => contents.extend((random.below(0x7000) as u16).to_le_bytes()),
                _ => contents.extend(&random.bits().to_le_bytes()[..bytes]),
            }
        }
        contents
    }
}
