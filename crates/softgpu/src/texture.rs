//! Texture and surface objects: what a program said of them, and what the machine makes of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cuferry_driver::types as t;
use cuferry_simt::{AddressMode, Bound, Channel, Image, Shape, Texture};

use crate::array::{Array, Mipmap, element};
use crate::driver::driver;
use crate::entry::refused;
use crate::error::{Error, Result};
use crate::handle::find;
use crate::ledger::covers;

/// See the module: the descriptions, to be asked for again.
#[derive(Clone, Copy)]
pub(crate) struct Object {
    pub(crate) resource: t::CUDA_RESOURCE_DESC,
    /// Of a texture; a surface has none.
    pub(crate) texture: Option<t::CUDA_TEXTURE_DESC>,
    pub(crate) view: Option<t::CUDA_RESOURCE_VIEW_DESC>,
    context: usize,
}

#[expect(unsafe_code, reason = "C structures with pointers cross threads")]
// SAFETY: the pointers in it are handles that a program gave, and nothing here follows them.
unsafe impl Send for Object {}

/// The objects by handle, which is the machine's.
static OBJECTS: Mutex<BTreeMap<u64, Object>> = Mutex::new(BTreeMap::new());

fn objects() -> MutexGuard<'static, BTreeMap<u64, Object>> {
    OBJECTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the texels of an object are, by the kind of resource.
enum Resource {
    Array(Arc<Array>),
    Mipmap(Arc<Mipmap>),
    Linear { address: u64, format: t::CUarray_format, channels: u32, bytes: u64 },
    Pitch { address: u64, format: t::CUarray_format, channels: u32, sizes: [usize; 2], pitch: u64 },
}

#[expect(unsafe_code, reason = "C unions are read as their kind says")]
fn resource(description: &t::CUDA_RESOURCE_DESC) -> Result<Resource> {
    if description.flags != 0 {
        return Err(Error::INVALID_VALUE);
    }
    // SAFETY: any bits are a value of each member, which are numbers and handles.
    unsafe {
        let res = &description.res;
        match description.resType {
            t::CU_RESOURCE_TYPE_ARRAY => Ok(Resource::Array(find(res.array.hArray)?)),
            t::CU_RESOURCE_TYPE_MIPMAPPED_ARRAY => Ok(Resource::Mipmap(find(res.mipmap.hMipmappedArray)?)),
            t::CU_RESOURCE_TYPE_LINEAR => {
                let linear = res.linear;
                let bytes = linear.sizeInBytes as u64;
                Ok(Resource::Linear {
                    address: linear.devPtr,
                    format: linear.format,
                    channels: linear.numChannels,
                    bytes,
                })
            }
            t::CU_RESOURCE_TYPE_PITCH2D => {
                let flat = res.pitch2D;
                Ok(Resource::Pitch {
                    address: flat.devPtr,
                    format: flat.format,
                    channels: flat.numChannels,
                    sizes: [flat.width, flat.height],
                    pitch: flat.pitchInBytes as u64,
                })
            }
            _ => Err(Error::INVALID_VALUE),
        }
    }
}

fn channel(format: t::CUarray_format) -> Result<Channel> {
    Ok(match format {
        t::CU_AD_FORMAT_UNSIGNED_INT8 => Channel::U8,
        t::CU_AD_FORMAT_UNSIGNED_INT16 => Channel::U16,
        t::CU_AD_FORMAT_UNSIGNED_INT32 => Channel::U32,
        t::CU_AD_FORMAT_SIGNED_INT8 => Channel::S8,
        t::CU_AD_FORMAT_SIGNED_INT16 => Channel::S16,
        t::CU_AD_FORMAT_SIGNED_INT32 => Channel::S32,
        t::CU_AD_FORMAT_HALF => Channel::F16,
        t::CU_AD_FORMAT_FLOAT => Channel::F32,
        _ => return Err(refused("a texture of a compressed, planar or normalised format")),
    })
}

fn size(value: usize) -> Result<u32> {
    u32::try_from(value.max(1)).map_err(|_| Error::INVALID_VALUE)
}

fn of_array(array: &Array) -> Result<Image> {
    let t::CUDA_ARRAY3D_DESCRIPTOR { Width, Height, Depth, Format, NumChannels, Flags } = array.descriptor;
    let layered = Flags & t::CUDA_ARRAY3D_LAYERED != 0;
    let cube = Flags & t::CUDA_ARRAY3D_CUBEMAP != 0;
    let slices = size(Depth)?;
    Ok(Image {
        address: array.address,
        shape: match (cube, Height, layered || Depth == 0) {
            (true, ..) => Shape::Cube,
            (_, 0, _) => Shape::D1,
            (_, _, true) => Shape::D2,
            _ => Shape::D3,
        },
        width: size(Width)?,
        height: size(Height)?,
        depth: if layered || cube { 1 } else { slices },
        layers: match (layered, cube) {
            (true, true) => slices / 6,
            (true, false) => slices,
            _ => 0,
        },
        pitch: array.pitch,
        slice: array.slice,
        channel: channel(Format)?,
        channels: NumChannels,
    })
}

impl Resource {
    /// The image, and the smaller ones of a mipmapped array.
    fn levels(&self) -> Result<Vec<Image>> {
        match self {
            Self::Array(array) => Ok(vec![of_array(array)?]),
            Self::Mipmap(mipmap) => mipmap.levels.iter().map(|level| of_array(level)).collect(),
            Self::Linear { address, format, channels, bytes } => {
                let texel = element(*format, *channels)?;
                let width = usize::try_from(bytes / texel).map_err(|_| Error::INVALID_VALUE)?;
                Ok(vec![in_memory(Shape::Buffer, *address, *format, *channels, [width, 1], *bytes)?])
            }
            Self::Pitch { address, format, channels, sizes, pitch } => {
                // `CU_DEVICE_ATTRIBUTE_TEXTURE_PITCH_ALIGNMENT`
                if !pitch.is_multiple_of(32) || *pitch < element(*format, *channels)? * sizes[0] as u64 {
                    return Err(Error::INVALID_VALUE);
                }
                Ok(vec![in_memory(Shape::D2, *address, *format, *channels, *sizes, *pitch)?])
            }
        }
    }
}

/// Texels in memory that the program has an address of.
fn in_memory(
    shape: Shape,
    address: u64,
    format: t::CUarray_format,
    channels: u32,
    sizes: [usize; 2],
    pitch: u64,
) -> Result<Image> {
    let texel = element(format, channels)?;
    let [width, height] = sizes.map(|size| size as u64);
    let rows = height.checked_sub(1).and_then(|rows| rows.checked_mul(pitch));
    let span = rows.zip(width.checked_mul(texel)).and_then(|(rows, row)| rows.checked_add(row));
    let memory = &driver()?.memory;
    let there = span.is_some_and(|span| span > 0 && covers(memory, address, span));
    // `CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT`
    if width == 0 || !address.is_multiple_of(512) || !there {
        return Err(Error::INVALID_VALUE);
    }
    Ok(Image {
        address,
        shape,
        width: size(sizes[0])?,
        height: size(sizes[1])?,
        depth: 1,
        layers: 0,
        pitch,
        slice: pitch * height,
        channel: channel(format)?,
        channels,
    })
}

fn address_mode(mode: t::CUaddress_mode) -> Result<AddressMode> {
    match mode {
        t::CU_TR_ADDRESS_MODE_WRAP => Ok(AddressMode::Wrap),
        t::CU_TR_ADDRESS_MODE_CLAMP => Ok(AddressMode::Clamp),
        t::CU_TR_ADDRESS_MODE_MIRROR => Ok(AddressMode::Mirror),
        t::CU_TR_ADDRESS_MODE_BORDER => Ok(AddressMode::Border),
        _ => Err(Error::INVALID_VALUE),
    }
}

/// A filter mode: whether it interpolates.
fn linear(mode: t::CUfilter_mode) -> Result<bool> {
    match mode {
        t::CU_TR_FILTER_MODE_POINT => Ok(false),
        t::CU_TR_FILTER_MODE_LINEAR => Ok(true),
        _ => Err(Error::INVALID_VALUE),
    }
}

/// The format and channels of a view (`CU_RES_VIEW_FORMAT_…`): they are numbered by format, then by 1, 2 and 4 channels.
fn view_format(format: t::CUresourceViewFormat) -> Result<(Channel, u32)> {
    const CHANNELS: [Channel; 8] = [
        Channel::U8,
        Channel::S8,
        Channel::U16,
        Channel::S16,
        Channel::U32,
        Channel::S32,
        Channel::F16,
        Channel::F32,
    ];
    let number = format.checked_sub(t::CU_RES_VIEW_FORMAT_UINT_1X8).ok_or(Error::INVALID_VALUE)?;
    let channel = *CHANNELS
        .get(number as usize / 3)
        .ok_or_else(|| refused("a view of a texture in a compressed format"))?;
    Ok((channel, 1 << (number % 3)))
}

/// What a view leaves of the images.
fn viewed(levels: &[Image], view: &t::CUDA_RESOURCE_VIEW_DESC) -> Result<Vec<Image>> {
    let t::CUDA_RESOURCE_VIEW_DESC { firstMipmapLevel, lastMipmapLevel, firstLayer, lastLayer, .. } = *view;
    let (first, last) = (firstMipmapLevel as usize, lastMipmapLevel as usize);
    let mut levels = levels.get(first..=last).ok_or(Error::INVALID_VALUE)?.to_vec();
    for image in &mut levels {
        if view.format != t::CU_RES_VIEW_FORMAT_NONE {
            let texel = image.texel();
            (image.channel, image.channels) = view_format(view.format)?;
            if image.texel() != texel {
                return Err(Error::INVALID_VALUE);
            }
        }
        if firstLayer > lastLayer || lastLayer > image.layers.saturating_sub(1) {
            return Err(Error::INVALID_VALUE);
        }
        if image.layers != 0 {
            let faces = if image.shape == Shape::Cube { 6 } else { 1 };
            image.address += image.slice * u64::from(firstLayer * faces);
            image.layers = lastLayer - firstLayer + 1;
        }
    }
    Ok(levels)
}

/// Makes a texture.
pub(crate) fn create(
    context: usize,
    description: &t::CUDA_RESOURCE_DESC,
    how: &t::CUDA_TEXTURE_DESC,
    view: Option<t::CUDA_RESOURCE_VIEW_DESC>,
) -> Result<u64> {
    let known = t::CU_TRSF_READ_AS_INTEGER
        | t::CU_TRSF_NORMALIZED_COORDINATES
        | t::CU_TRSF_SRGB
        | t::CU_TRSF_DISABLE_TRILINEAR_OPTIMIZATION;
    if how.flags & t::CU_TRSF_SEAMLESS_CUBEMAP != 0 {
        return Err(refused("a texture with CU_TRSF_SEAMLESS_CUBEMAP"));
    }
    if how.flags & !known != 0 {
        return Err(Error::INVALID_VALUE);
    }
    let has = |flag| how.flags & flag != 0;
    let from = resource(description)?;
    let mut levels = from.levels()?;
    if let Some(view) = &view {
        if matches!(from, Resource::Linear { .. } | Resource::Pitch { .. }) {
            return Err(Error::INVALID_VALUE);
        }
        levels = viewed(&levels, view)?;
    }
    let normalized = has(t::CU_TRSF_NORMALIZED_COORDINATES);
    if levels.len() > 1 && !normalized {
        return Err(Error::INVALID_VALUE);
    }
    let [x, y, z] = how.addressMode;
    let texture = Texture {
        levels,
        address: [address_mode(x)?, address_mode(y)?, address_mode(z)?],
        linear: linear(how.filterMode)?,
        normalized,
        integers: has(t::CU_TRSF_READ_AS_INTEGER),
        srgb: has(t::CU_TRSF_SRGB),
        border: how.borderColor,
        level_linear: linear(how.mipmapFilterMode)?,
        level_bias: how.mipmapLevelBias,
        level_range: [how.minMipmapLevelClamp, how.maxMipmapLevelClamp],
    };
    let handle = driver()?.device.objects().bind(Bound::Texture(texture));
    objects().insert(handle, Object { resource: *description, texture: Some(*how), view, context });
    Ok(handle)
}

/// Makes a surface of an array. A GPU's driver takes those that were not made for it, too.
pub(crate) fn create_surface(context: usize, description: &t::CUDA_RESOURCE_DESC) -> Result<u64> {
    let Resource::Array(array) = resource(description)? else { return Err(Error::INVALID_VALUE) };
    let handle = driver()?.device.objects().bind(Bound::Surface(of_array(&array)?));
    objects().insert(handle, Object { resource: *description, texture: None, view: None, context });
    Ok(handle)
}

/// What a handle stands for, if it is a texture's, or a surface's.
pub(crate) fn known(handle: u64, is_texture: bool) -> Result<Object> {
    let found = objects().get(&handle).copied();
    found.filter(|object| object.texture.is_some() == is_texture).ok_or(Error::INVALID_VALUE)
}

/// Forgets an object. Kernels that may use it have ended.
pub(crate) fn destroy(handle: u64) -> Result {
    driver()?.device.objects().release(handle);
    objects().remove(&handle);
    Ok(())
}

/// Forgets all objects of a context.
pub(crate) fn forget_context(context: usize) {
    let gone: Vec<u64> =
        objects().iter().filter(|(_, object)| object.context == context).map(|(handle, _)| *handle).collect();
    for handle in gone {
        let _ = destroy(handle);
    }
}
