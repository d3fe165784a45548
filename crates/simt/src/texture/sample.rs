//! Reading an image as a texture unit does: which texels a coordinate means, and what is made of them.
//!
//! The rules are those of the CUDA Programming Guide ("Texture Fetching"). How far sums are carried it leaves open;
//! that is as an H200 was seen to do it, bit for bit (`docs/golden-vectors.md`).

use super::{AddressMode, Channel, Image, Shape, Texture};
use crate::ops::{f16_from, f16_to};
use crate::space::load_ordered;

/// Channels of a texel, as bits of registers.
pub(crate) type Texel = [u32; 4];

/// Where a fetch reads: a layer and coordinates, 0 where the instruction has none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spot<T> {
    pub(crate) layer: u32,
    pub(crate) at: [T; 3],
}

/// A texel of a row of texels, and the next one's weight in 256ths.
#[derive(Clone, Copy)]
struct Step {
    first: i64,
    weight: u32,
}

impl Step {
    /// The texel that holds a coordinate.
    fn point(coordinate: f64) -> Step {
        Step { first: coordinate.floor() as i64, weight: 0 }
    }

    /// The two texels whose centres it lies between. The weight has 8 bits of fraction.
    fn linear(coordinate: f64) -> Step {
        let fixed = ((coordinate - 0.5) * 256.0 + 0.5).floor() as i64;
        Step { first: fixed >> 8, weight: (fixed & 0xff) as u32 }
    }

    /// Where both texels are the one at the edge, nothing is parted between them: that decides how weights are rounded.
    fn held(self, mode: AddressMode, size: u32) -> Step {
        let last = i64::from(size) - 1;
        if mode == AddressMode::Clamp && !(0..last).contains(&self.first) {
            return Step { first: self.first.clamp(0, last), weight: 0 };
        }
        self
    }
}

impl Image {
    /// The channels of a texel as they lie in memory, those that are not there 0.
    fn load(&self, [x, y]: [u32; 2], slice: u32) -> Texel {
        let row = self.address + u64::from(slice) * self.slice + u64::from(y) * self.pitch;
        let mut address = row + u64::from(x) * self.texel();
        let mut texel = [0; 4];
        for channel in texel.iter_mut().take(self.channels as usize) {
            *channel = match self.channel {
                Channel::U8 => load_ordered::<u8>(address).into(),
                Channel::S8 => i32::from(load_ordered::<i8>(address)).cast_unsigned(),
                Channel::U16 | Channel::F16 => load_ordered::<u16>(address).into(),
                Channel::S16 => i32::from(load_ordered::<i16>(address)).cast_unsigned(),
                Channel::U32 | Channel::S32 | Channel::F32 => load_ordered::<u32>(address),
            };
            address += self.channel.bytes();
        }
        texel
    }

    fn sizes(&self) -> [u32; 3] {
        [self.width, self.height, self.depth]
    }

    /// The slice that a layer starts at: layers that there are not count as the last.
    fn layer(&self, layer: u32) -> u32 {
        let faces = if self.shape == Shape::Cube { 6 } else { 1 };
        layer.min(self.layers.saturating_sub(1)) * self.depth * faces
    }
}

/// The texel that an address mode makes of an index; `None`: the border.
fn inside(mode: AddressMode, index: i64, size: u32) -> Option<u32> {
    let size = i64::from(size);
    let found = match mode {
        AddressMode::Clamp => index.clamp(0, size - 1),
        AddressMode::Wrap => index.rem_euclid(size),
        AddressMode::Mirror => {
            let twice = index.rem_euclid(2 * size);
            twice.min(2 * size - 1 - twice)
        }
        AddressMode::Border if (0..size).contains(&index) => index,
        AddressMode::Border => return None,
    };
    Some(found as u32)
}

impl Texture {
    fn mode(&self, axis: usize) -> AddressMode {
        match self.address[axis] {
            AddressMode::Wrap | AddressMode::Mirror if !self.normalized => AddressMode::Clamp,
            mode => mode,
        }
    }

    /// Whether texels are read as integers: then nothing is interpolated.
    fn is_whole(&self) -> bool {
        match self.levels[0].channel {
            Channel::U32 | Channel::S32 => true,
            Channel::F16 | Channel::F32 => false,
            _ => self.integers,
        }
    }

    /// A texel, or the border's colour, as it lies in memory.
    fn texel(&self, image: &Image, index: [i64; 3], slice: u32) -> Texel {
        let mut at = [0; 3];
        for axis in 0..3 {
            match inside(self.mode(axis), index[axis], image.sizes()[axis]) {
                Some(found) => at[axis] = found,
                None => return self.border(image),
            }
        }
        let mut texel = image.load([at[0], at[1]], slice + at[2]);
        if self.channel(image) != image.channel {
            let [colours @ .., alpha] = &mut texel;
            for colour in colours {
                *colour = from_srgb(*colour);
            }
            *alpha *= 257;
        }
        texel
    }

    /// What channels hold once they are read: colours of sRGB take more bits on a linear scale.
    fn channel(&self, image: &Image) -> Channel {
        if self.srgb && image.channel == Channel::U8 { Channel::U16 } else { image.channel }
    }

    fn border(&self, image: &Image) -> Texel {
        let mut texel = [0; 4];
        for (channel, colour) in texel.iter_mut().zip(self.border).take(image.channels as usize) {
            let steps = |most: f32| (colour * most).round() as i32;
            *channel = match self.channel(image) {
                Channel::F32 => colour.to_bits(),
                Channel::F16 => f16_from(colour).into(),
                _ if self.is_whole() => colour.to_bits(),
                Channel::U8 => steps(255.0).clamp(0, 255).cast_unsigned(),
                Channel::U16 => steps(65535.0).clamp(0, 65535).cast_unsigned(),
                Channel::S8 => steps(127.0).clamp(-127, 127).cast_unsigned(),
                _ => steps(32767.0).clamp(-32767, 32767).cast_unsigned(),
            };
        }
        texel
    }

    /// One texel as registers get it.
    fn read(&self, image: &Image, mut texel: Texel) -> Texel {
        if self.is_whole() {
            return texel;
        }
        for bits in texel.iter_mut().take(image.channels as usize) {
            let value = bits.cast_signed() as f32;
            let read = match self.channel(image) {
                Channel::F16 => f16_to(*bits as u16),
                Channel::U8 => value / 255.0,
                Channel::U16 => value / 65535.0,
                Channel::S8 => value.max(-127.0) / 127.0,
                Channel::S16 => value.max(-32767.0) / 32767.0,
                Channel::F32 | Channel::U32 | Channel::S32 => continue,
            };
            *bits = read.to_bits();
        }
        texel
    }

    /// A fetch with whole coordinates, which count texels even where others are normalised. Those of one dimension are for
    /// buffers alone: arrays read as zeros.
    pub(crate) fn fetch(&self, spot: &Spot<i32>, level: i32, only_buffers: bool) -> Texel {
        let last = self.levels.len() - 1;
        let image = &self.levels[usize::try_from(level).unwrap_or(0).min(last)];
        let [x, y, z] = spot.at.map(i64::from);
        if image.shape == Shape::Buffer {
            let texel = u32::try_from(x).ok().filter(|x| *x < image.width);
            return texel.map_or([0; 4], |x| self.read(image, image.load([x, 0], 0)));
        }
        if only_buffers {
            return [0; 4];
        }
        self.read(image, self.texel(image, [x, y, z], image.layer(spot.layer)))
    }

    /// A fetch at a level of detail.
    pub(crate) fn sample(&self, spot: &Spot<f32>, level: f32) -> Texel {
        if self.levels.len() == 1 {
            return self.sample_level(&self.levels[0], spot);
        }
        let last = self.levels.len() - 1;
        let [least, most] = self.level_range;
        let level = (level + self.level_bias).max(least).min(most).clamp(0.0, last as f32);
        if !self.level_linear || self.is_whole() {
            return self.sample_level(&self.levels[(level + 0.5).floor() as usize], spot);
        }
        let fixed = (level * 256.0) as usize;
        let near = self.sample_level(&self.levels[fixed >> 8], spot);
        let weight = (fixed & 0xff) as f32 / 256.0;
        if weight == 0.0 {
            return near;
        }
        let far = self.sample_level(&self.levels[(fixed >> 8) + 1], spot);
        std::array::from_fn(|channel| {
            let [near, far] = [near, far].map(|texel| f32::from_bits(texel[channel]));
            (near + (far - near) * weight).to_bits()
        })
    }

    /// The level at which a step to the next pixel is about one texel.
    pub(crate) fn level_of(&self, steps: [[f32; 3]; 2]) -> f32 {
        let sizes = self.levels[0].sizes().map(|size| size as f32);
        let length = |step: [f32; 3]| {
            let scale = |axis: usize| if self.normalized { step[axis] * sizes[axis] } else { step[axis] };
            (0..3).map(scale).map(|part| part * part).sum::<f32>().sqrt()
        };
        length(steps[0]).max(length(steps[1])).log2()
    }

    fn sample_level(&self, image: &Image, spot: &Spot<f32>) -> Texel {
        let mut slice = image.layer(spot.layer);
        let at = if image.shape == Shape::Cube {
            let (face, at) = face(spot.at);
            slice += face;
            at
        } else {
            spot.at
        };
        let linear = self.linear && !self.is_whole();
        let steps: [Step; 3] = std::array::from_fn(|axis| {
            let scale = if self.normalized { f64::from(image.sizes()[axis]) } else { 1.0 };
            let coordinate = f64::from(at[axis]) * scale;
            if linear && !self.is_flat(image, axis) {
                Step::linear(coordinate).held(self.mode(axis), image.sizes()[axis])
            } else {
                Step::point(coordinate)
            }
        });
        if !linear {
            return self.read(image, self.texel(image, steps.map(|step| step.first), slice));
        }
        let mut corners = [([0; 4], 0); 8];
        let mut count = 0;
        for (corner, weight) in weights(steps.map(|step| step.weight)).into_iter().enumerate() {
            if weight != 0 {
                let index = |axis: usize| steps[axis].first + (corner as i64 >> axis & 1);
                corners[count] = (self.texel(image, [index(0), index(1), index(2)], slice), weight);
                count += 1;
            }
        }
        let mut texel = [0; 4];
        for (channel, sum) in texel.iter_mut().enumerate().take(image.channels as usize) {
            *sum = blend(self.channel(image), corners[..count].iter().map(|(texel, w)| (texel[channel], *w)));
        }
        texel
    }

    /// Whether a dimension that the image has not is not interpolated either. The second is, where there is a border: an
    /// image of one dimension is read at a height of 0, which is half way into the border.
    fn is_flat(&self, image: &Image, axis: usize) -> bool {
        match axis {
            1 => image.shape == Shape::D1 && self.mode(1) != AddressMode::Border,
            2 => image.shape != Shape::D3,
            _ => false,
        }
    }

    /// One channel of the four texels that would be interpolated between: lower left, lower right, upper right, upper
    /// left (PTX manual, `tld4`).
    pub(crate) fn gather(&self, spot: &Spot<f32>, channel: usize) -> Texel {
        let image = &self.levels[0];
        let slice = image.layer(spot.layer);
        let [x, y] = [0, 1].map(|axis| {
            let scale = if self.normalized { f64::from(image.sizes()[axis]) } else { 1.0 };
            Step::linear(f64::from(spot.at[axis]) * scale).first
        });
        [[0, 1], [1, 1], [1, 0], [0, 0]]
            .map(|[right, up]| self.read(image, self.texel(image, [x + right, y + up, 0], slice))[channel])
    }
}

/// The face of a cube that a direction points to, and where on it (CUDA Programming Guide, "Cubemap Textures").
fn face([x, y, z]: [f32; 3]) -> (u32, [f32; 3]) {
    let (face, most, s, t) = if x.abs() >= y.abs() && x.abs() >= z.abs() {
        if x >= 0.0 { (0, x, -z, -y) } else { (1, -x, z, -y) }
    } else if y.abs() >= z.abs() {
        if y >= 0.0 { (2, y, x, z) } else { (3, -y, x, -z) }
    } else if z >= 0.0 {
        (4, z, x, -y)
    } else {
        (5, -z, -x, -y)
    };
    (face, [f32::midpoint(s / most, 1.0), f32::midpoint(t / most, 1.0), 0.0])
}

/// The weights of eight corners, in 256ths: the first axis' bit is the lowest of a corner's number. The whole is parted by
/// the third axis, each part by the first and then by the second; the parts of one stay what it was. Where half of a 256th
/// is left over, it goes to the far row in the far column, and to the near row in the near one.
fn weights([x, y, z]: [u32; 3]) -> [u32; 8] {
    let mut all = [0; 8];
    for (slice, whole) in [256 - z, z].into_iter().enumerate() {
        let far = (whole * x + 128) >> 8;
        let near = whole - far;
        let (far_up, near_up) = ((far * y + 128) >> 8, (near * y + 127) >> 8);
        all[4 * slice..][..4].copy_from_slice(&[near - near_up, far - far_up, near_up, far_up]);
    }
    all
}

/// The weighted sum of channels as they lie in memory, as an f32's bits.
fn blend(channel: Channel, parts: impl Iterator<Item = (u32, u32)> + Clone) -> u32 {
    match channel {
        Channel::F32 => round_away(blend_floats(parts, 8, 23, f32::from_bits), -126, 23).to_bits(),
        Channel::F16 => round_away(blend_floats(parts, 5, 10, |bits| f16_to(bits as u16)), -14, 10).to_bits(),
        _ => {
            let part = |(bits, weight): (u32, u32)| wide(channel, bits) * weight.cast_signed();
            unit(channel, (parts.map(part).sum::<i32>() + 128) >> 8).to_bits()
        }
    }
}

/// The weighted sum of floats, each cut to four bits below the last bit of the greatest.
fn blend_floats(
    parts: impl Iterator<Item = (u32, u32)> + Clone,
    exponent_bits: u32,
    mantissa_bits: u32,
    value: impl Fn(u32) -> f32,
) -> f64 {
    let top = (1 << exponent_bits) - 1;
    let exponent = |bits: u32| (bits >> mantissa_bits & top).max(1);
    let greatest = parts.clone().map(|(bits, _)| exponent(bits)).max().unwrap_or(1);
    if greatest == top {
        return parts.map(|(bits, weight)| f64::from(value(bits)) * f64::from(weight)).sum();
    }
    let mut sum = 0_i64;
    for (bits, weight) in parts {
        let mantissa = bits & ((1 << mantissa_bits) - 1);
        let implicit = u32::from(bits >> mantissa_bits & top != 0) << mantissa_bits;
        let cut = (greatest - exponent(bits)).min(31);
        let magnitude = i64::from(((mantissa | implicit) << 4) >> cut) * i64::from(weight);
        let negative = bits >> (exponent_bits + mantissa_bits) & 1 == 1;
        sum += if negative { -magnitude } else { magnitude };
    }
    // It counts 2^-12 of the last bit of a float with the greatest exponent: four bits, and eight of the weights.
    let middle = (top >> 1) as i32;
    sum as f64 * f64::from(greatest as i32 - middle - mantissa_bits as i32 - 12).exp2()
}

/// The float nearest to a value, ties away from zero, with so many bits of mantissa and normal numbers from 2^`least` on.
fn round_away(value: f64, least: i32, mantissa_bits: i32) -> f32 {
    if !value.is_finite() {
        return value as f32;
    }
    let exponent = ((value.to_bits() >> 52 & 0x7ff) as i32 - 1023).max(least);
    let last = f64::from(exponent - mantissa_bits).exp2();
    ((value.abs() / last + 0.5).floor() * last).copysign(value) as f32
}

/// An integer in the 16 bits that normalised ones are interpolated in.
fn wide(channel: Channel, bits: u32) -> i32 {
    let value = bits.cast_signed();
    match channel {
        Channel::U8 => value * 257,
        Channel::S8 => (value.max(-127) * 32767 * 2 + 127 * value.signum()) / (127 * 2),
        Channel::S16 => value.max(-32767),
        _ => value,
    }
}

/// 16 bits as a float in [0, 1] or [-1, 1].
fn unit(channel: Channel, value: i32) -> f32 {
    match channel {
        Channel::U8 | Channel::U16 => value as f32 / 65535.0,
        _ => value as f32 / 32767.0,
    }
}

/// 8 bits of sRGB as 16 bits of a linear scale.
fn from_srgb(value: u32) -> u32 {
    let colour = value as f32 / 255.0;
    let linear = if colour <= 0.040_45 { colour / 12.92 } else { ((colour + 0.055) / 1.055).powf(2.4) };
    (linear * 65535.0).round() as u32
}
