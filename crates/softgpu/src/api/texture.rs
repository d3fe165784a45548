//! Texture and surface objects.

use cuferry_driver::types as t;

use crate::context::current;
use crate::error::{Error, Result};
use crate::{raw, texture};

pub(crate) fn cuTexObjectCreate(
    out: *mut t::CUtexObject,
    resource: *const t::CUDA_RESOURCE_DESC,
    how: *const t::CUDA_TEXTURE_DESC,
    view: *const t::CUDA_RESOURCE_VIEW_DESC,
) -> Result {
    let context = current()?;
    if out.is_null() {
        return Err(Error::INVALID_VALUE);
    }
    let view = if view.is_null() { None } else { Some(raw::get(view)?) };
    raw::put(out, texture::create(context.number, &raw::get(resource)?, &raw::get(how)?, view)?)
}

pub(crate) fn cuTexObjectDestroy(handle: t::CUtexObject) -> Result {
    destroy(handle, true)
}

fn destroy(handle: u64, is_texture: bool) -> Result {
    texture::known(handle, is_texture)?;
    let health = current()?.synchronize();
    texture::destroy(handle)?;
    health
}

pub(crate) fn cuTexObjectGetResourceDesc(out: *mut t::CUDA_RESOURCE_DESC, handle: t::CUtexObject) -> Result {
    raw::put(out, texture::known(handle, true)?.resource)
}

pub(crate) fn cuTexObjectGetTextureDesc(out: *mut t::CUDA_TEXTURE_DESC, handle: t::CUtexObject) -> Result {
    raw::put(out, texture::known(handle, true)?.texture.ok_or(Error::INVALID_VALUE)?)
}

pub(crate) fn cuTexObjectGetResourceViewDesc(
    out: *mut t::CUDA_RESOURCE_VIEW_DESC,
    handle: t::CUtexObject,
) -> Result {
    raw::put(out, texture::known(handle, true)?.view.ok_or(Error::INVALID_VALUE)?)
}

pub(crate) fn cuSurfObjectCreate(
    out: *mut t::CUsurfObject,
    resource: *const t::CUDA_RESOURCE_DESC,
) -> Result {
    let context = current()?;
    if out.is_null() {
        return Err(Error::INVALID_VALUE);
    }
    raw::put(out, texture::create_surface(context.number, &raw::get(resource)?)?)
}

pub(crate) fn cuSurfObjectDestroy(handle: t::CUsurfObject) -> Result {
    destroy(handle, false)
}

pub(crate) fn cuSurfObjectGetResourceDesc(
    out: *mut t::CUDA_RESOURCE_DESC,
    handle: t::CUsurfObject,
) -> Result {
    raw::put(out, texture::known(handle, false)?.resource)
}
