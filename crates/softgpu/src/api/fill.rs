//! Setting memory, in elements of 1, 2 or 4 bytes.

use std::ffi::{c_uchar, c_uint, c_ushort};

use cuferry_driver::types as t;

use crate::copy::Fill;
use crate::error::Result;
use crate::operation::Operation;
use crate::stream::{Default, resolve};

fn line(address: u64, value: u32, width: u8, columns: usize) -> Fill {
    Fill { address, pitch: 0, value, width, columns: columns as u64, rows: 1 }
}

fn plane(address: u64, pitch: usize, value: u32, width: u8, columns: usize, rows: usize) -> Fill {
    Fill { address, pitch: pitch as u64, value, width, columns: columns as u64, rows: rows as u64 }
}

/// In the default stream. As on a GPU, the call need not wait for it.
fn now(default: Default, fill: Fill) -> Result {
    later(default, std::ptr::null_mut(), fill)
}

fn later(default: Default, stream: t::CUstream, fill: Fill) -> Result {
    let stream = resolve(stream, default)?;
    fill.check()?;
    stream.submit(Operation::Fill(fill)).map(|_| ())
}

pub(crate) fn cuMemsetD8_v2(default: Default, address: u64, value: c_uchar, count: usize) -> Result {
    now(default, line(address, value.into(), 1, count))
}

pub(crate) fn cuMemsetD8Async(
    default: Default,
    address: u64,
    value: c_uchar,
    count: usize,
    stream: t::CUstream,
) -> Result {
    later(default, stream, line(address, value.into(), 1, count))
}

pub(crate) fn cuMemsetD2D8_v2(
    default: Default,
    address: u64,
    pitch: usize,
    value: c_uchar,
    columns: usize,
    rows: usize,
) -> Result {
    now(default, plane(address, pitch, value.into(), 1, columns, rows))
}

pub(crate) fn cuMemsetD2D8Async(
    default: Default,
    address: u64,
    pitch: usize,
    value: c_uchar,
    columns: usize,
    rows: usize,
    stream: t::CUstream,
) -> Result {
    later(default, stream, plane(address, pitch, value.into(), 1, columns, rows))
}

pub(crate) fn cuMemsetD16_v2(default: Default, address: u64, value: c_ushort, count: usize) -> Result {
    now(default, line(address, value.into(), 2, count))
}

pub(crate) fn cuMemsetD16Async(
    default: Default,
    address: u64,
    value: c_ushort,
    count: usize,
    stream: t::CUstream,
) -> Result {
    later(default, stream, line(address, value.into(), 2, count))
}

pub(crate) fn cuMemsetD2D16_v2(
    default: Default,
    address: u64,
    pitch: usize,
    value: c_ushort,
    columns: usize,
    rows: usize,
) -> Result {
    now(default, plane(address, pitch, value.into(), 2, columns, rows))
}

pub(crate) fn cuMemsetD2D16Async(
    default: Default,
    address: u64,
    pitch: usize,
    value: c_ushort,
    columns: usize,
    rows: usize,
    stream: t::CUstream,
) -> Result {
    later(default, stream, plane(address, pitch, value.into(), 2, columns, rows))
}

pub(crate) fn cuMemsetD32_v2(default: Default, address: u64, value: c_uint, count: usize) -> Result {
    now(default, line(address, value, 4, count))
}

pub(crate) fn cuMemsetD32Async(
    default: Default,
    address: u64,
    value: c_uint,
    count: usize,
    stream: t::CUstream,
) -> Result {
    later(default, stream, line(address, value, 4, count))
}

pub(crate) fn cuMemsetD2D32_v2(
    default: Default,
    address: u64,
    pitch: usize,
    value: c_uint,
    columns: usize,
    rows: usize,
) -> Result {
    now(default, plane(address, pitch, value, 4, columns, rows))
}

pub(crate) fn cuMemsetD2D32Async(
    default: Default,
    address: u64,
    pitch: usize,
    value: c_uint,
    columns: usize,
    rows: usize,
    stream: t::CUstream,
) -> Result {
    later(default, stream, plane(address, pitch, value, 4, columns, rows))
}
