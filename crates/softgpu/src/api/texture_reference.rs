//! Texture references that a program makes itself: their settings. What binds one to memory or to a kernel is not there,
//! for modules with texture references are refused; CUDA 12 took both away.

use std::ffi::{c_int, c_uint};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cuferry_driver::types as t;

use crate::context::current;
use crate::error::{Error, Result};
use crate::handle::{Object as _, find, fresh, object, take};
use crate::raw;

/// See the module.
pub(crate) struct TextureReference(Mutex<Settings>);

object!(TextureReference, CUtexref_st);

#[derive(Clone, Copy, Default)]
struct Settings {
    address_modes: [t::CUaddress_mode; 3],
    filter: t::CUfilter_mode,
    level_filter: t::CUfilter_mode,
    level_bias: f32,
    /// The lowest and the highest level of a mipmap.
    levels: [f32; 2],
    anisotropy: c_uint,
    border: [f32; 4],
    flags: c_uint,
    format: t::CUarray_format,
    components: c_int,
}

impl TextureReference {
    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn set(raw: t::CUtexref, change: impl FnOnce(&mut Settings)) -> Result {
    change(&mut find::<TextureReference>(raw)?.settings());
    Ok(())
}

fn get<T>(raw: t::CUtexref, out: *mut T, value: impl FnOnce(&Settings) -> T) -> Result {
    let value = value(&find::<TextureReference>(raw)?.settings());
    raw::put(out, value)
}

fn filter(mode: t::CUfilter_mode) -> Result<t::CUfilter_mode> {
    if mode <= t::CU_TR_FILTER_MODE_LINEAR { Ok(mode) } else { Err(Error::INVALID_VALUE) }
}

fn dimension(dimension: c_int) -> Result<usize> {
    usize::try_from(dimension).ok().filter(|dimension| *dimension < 3).ok_or(Error::INVALID_VALUE)
}

pub(crate) fn cuTexRefCreate(out: *mut t::CUtexref) -> Result {
    current()?;
    let number = fresh();
    raw::put(out, number as t::CUtexref)?;
    let settings = Settings { format: t::CU_AD_FORMAT_FLOAT, components: 1, ..Settings::default() };
    TextureReference::handles().insert(number, Arc::new(TextureReference(Mutex::new(settings))));
    Ok(())
}

pub(crate) fn cuTexRefDestroy(raw: t::CUtexref) -> Result {
    take::<TextureReference>(raw).map(|_| ())
}

pub(crate) fn cuTexRefSetFormat(raw: t::CUtexref, format: t::CUarray_format, components: c_int) -> Result {
    if !matches!(components, 1 | 2 | 4) {
        return Err(Error::INVALID_VALUE);
    }
    set(raw, |settings| (settings.format, settings.components) = (format, components))
}

pub(crate) fn cuTexRefGetFormat(
    format: *mut t::CUarray_format,
    components: *mut c_int,
    raw: t::CUtexref,
) -> Result {
    get(raw, format, |settings| settings.format)?;
    get(raw, components, |settings| settings.components)
}

pub(crate) fn cuTexRefSetAddressMode(raw: t::CUtexref, dim: c_int, mode: t::CUaddress_mode) -> Result {
    if mode > t::CU_TR_ADDRESS_MODE_BORDER {
        return Err(Error::INVALID_VALUE);
    }
    let dimension = dimension(dim)?;
    set(raw, |settings| settings.address_modes[dimension] = mode)
}

pub(crate) fn cuTexRefGetAddressMode(out: *mut t::CUaddress_mode, raw: t::CUtexref, dim: c_int) -> Result {
    let dimension = dimension(dim)?;
    get(raw, out, |settings| settings.address_modes[dimension])
}

pub(crate) fn cuTexRefSetFilterMode(raw: t::CUtexref, mode: t::CUfilter_mode) -> Result {
    let mode = filter(mode)?;
    set(raw, |settings| settings.filter = mode)
}

pub(crate) fn cuTexRefGetFilterMode(out: *mut t::CUfilter_mode, raw: t::CUtexref) -> Result {
    get(raw, out, |settings| settings.filter)
}

pub(crate) fn cuTexRefSetMipmapFilterMode(raw: t::CUtexref, mode: t::CUfilter_mode) -> Result {
    let mode = filter(mode)?;
    set(raw, |settings| settings.level_filter = mode)
}

pub(crate) fn cuTexRefGetMipmapFilterMode(out: *mut t::CUfilter_mode, raw: t::CUtexref) -> Result {
    get(raw, out, |settings| settings.level_filter)
}

pub(crate) fn cuTexRefSetMipmapLevelBias(raw: t::CUtexref, bias: f32) -> Result {
    set(raw, |settings| settings.level_bias = bias)
}

pub(crate) fn cuTexRefGetMipmapLevelBias(out: *mut f32, raw: t::CUtexref) -> Result {
    get(raw, out, |settings| settings.level_bias)
}

pub(crate) fn cuTexRefSetMipmapLevelClamp(raw: t::CUtexref, least: f32, most: f32) -> Result {
    set(raw, |settings| settings.levels = [least, most])
}

pub(crate) fn cuTexRefGetMipmapLevelClamp(least: *mut f32, most: *mut f32, raw: t::CUtexref) -> Result {
    get(raw, least, |settings| settings.levels[0])?;
    get(raw, most, |settings| settings.levels[1])
}

pub(crate) fn cuTexRefSetMaxAnisotropy(raw: t::CUtexref, most: c_uint) -> Result {
    set(raw, |settings| settings.anisotropy = most)
}

pub(crate) fn cuTexRefGetMaxAnisotropy(out: *mut c_int, raw: t::CUtexref) -> Result {
    get(raw, out, |settings| settings.anisotropy.cast_signed())
}

pub(crate) fn cuTexRefSetBorderColor(raw: t::CUtexref, color: *mut f32) -> Result {
    let color = raw::get(color.cast_const().cast::<[f32; 4]>())?;
    set(raw, |settings| settings.border = color)
}

pub(crate) fn cuTexRefGetBorderColor(out: *mut f32, raw: t::CUtexref) -> Result {
    get(raw, out.cast::<[f32; 4]>(), |settings| settings.border)
}

pub(crate) fn cuTexRefSetFlags(raw: t::CUtexref, flags: c_uint) -> Result {
    let known = t::CU_TRSF_READ_AS_INTEGER
        | t::CU_TRSF_NORMALIZED_COORDINATES
        | t::CU_TRSF_SRGB
        | t::CU_TRSF_DISABLE_TRILINEAR_OPTIMIZATION
        | t::CU_TRSF_SEAMLESS_CUBEMAP;
    if flags & !known != 0 {
        return Err(Error::INVALID_VALUE);
    }
    set(raw, |settings| settings.flags = flags)
}

pub(crate) fn cuTexRefGetFlags(out: *mut c_uint, raw: t::CUtexref) -> Result {
    get(raw, out, |settings| settings.flags)
}
