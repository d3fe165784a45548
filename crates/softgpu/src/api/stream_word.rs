//! Waiting for words of memory and writing them, in a stream's order.

use std::ffi::c_uint;

use cuferry_driver::types as t;

use crate::entry::refused;
use crate::error::{Error, Result};
use crate::operation::Operation;
use crate::raw;
use crate::stream::{Default, resolve};
use crate::word::WordOperation;

fn submit(default: Default, raw: t::CUstream, operation: WordOperation) -> Result {
    let stream = resolve(raw, default)?;
    operation.check()?;
    stream.submit(Operation::Words(vec![operation])).map(|_| ())
}

pub(crate) fn cuStreamWaitValue32_v2(
    default: Default,
    raw: t::CUstream,
    address: u64,
    value: u32,
    flags: c_uint,
) -> Result {
    submit(default, raw, WordOperation { address, value: value.into(), bytes: 4, wait: Some(flags) })
}

pub(crate) fn cuStreamWaitValue64_v2(
    default: Default,
    raw: t::CUstream,
    address: u64,
    value: u64,
    flags: c_uint,
) -> Result {
    submit(default, raw, WordOperation { address, value, bytes: 8, wait: Some(flags) })
}

pub(crate) fn cuStreamWriteValue32_v2(
    default: Default,
    raw: t::CUstream,
    address: u64,
    value: u32,
    _: c_uint,
) -> Result {
    submit(default, raw, WordOperation { address, value: value.into(), bytes: 4, wait: None })
}

pub(crate) fn cuStreamWriteValue64_v2(
    default: Default,
    raw: t::CUstream,
    address: u64,
    value: u64,
    _: c_uint,
) -> Result {
    submit(default, raw, WordOperation { address, value, bytes: 8, wait: None })
}

pub(crate) fn cuStreamWaitValue32(
    default: Default,
    raw: t::CUstream,
    address: u64,
    value: u32,
    flags: c_uint,
) -> Result {
    cuStreamWaitValue32_v2(default, raw, address, value, flags)
}

pub(crate) fn cuStreamWaitValue64(
    default: Default,
    raw: t::CUstream,
    address: u64,
    value: u64,
    flags: c_uint,
) -> Result {
    cuStreamWaitValue64_v2(default, raw, address, value, flags)
}

pub(crate) fn cuStreamWriteValue32(
    default: Default,
    raw: t::CUstream,
    address: u64,
    value: u32,
    flags: c_uint,
) -> Result {
    cuStreamWriteValue32_v2(default, raw, address, value, flags)
}

pub(crate) fn cuStreamWriteValue64(
    default: Default,
    raw: t::CUstream,
    address: u64,
    value: u64,
    flags: c_uint,
) -> Result {
    cuStreamWriteValue64_v2(default, raw, address, value, flags)
}

pub(crate) fn cuStreamBatchMemOp_v2(
    default: Default,
    raw: t::CUstream,
    count: c_uint,
    list: *mut t::CUstreamBatchMemOpParams,
    flags: c_uint,
) -> Result {
    let stream = resolve(raw, default)?;
    if count > 256 || flags != 0 {
        return Err(Error::INVALID_VALUE);
    }
    let operations = words(list, count)?;
    stream.submit(Operation::Words(operations)).map(|_| ())
}

pub(crate) fn cuStreamBatchMemOp(
    default: Default,
    raw: t::CUstream,
    count: c_uint,
    list: *mut t::CUstreamBatchMemOpParams,
    flags: c_uint,
) -> Result {
    cuStreamBatchMemOp_v2(default, raw, count, list, flags)
}

/// A list of such operations. Barriers and flushes need nothing: everything here is seen in order.
pub(crate) fn words(list: *const t::CUstreamBatchMemOpParams, count: c_uint) -> Result<Vec<WordOperation>> {
    let mut operations = Vec::new();
    for parameters in raw::list(list, count as usize)? {
        operations.extend(word(&parameters)?);
    }
    operations.iter().try_for_each(WordOperation::check)?;
    Ok(operations)
}

#[expect(unsafe_code, reason = "a C union is read")]
fn word(parameters: &t::CUstreamBatchMemOpParams) -> Result<Option<WordOperation>> {
    // SAFETY: every member is plain data, and begins with the operation, which says which one the caller wrote.
    unsafe {
        let (wait, write) = (&parameters.waitValue, &parameters.writeValue);
        let operation = match parameters.operation {
            t::CU_STREAM_MEM_OP_WAIT_VALUE_32 => WordOperation {
                address: wait.address,
                value: wait.__bindgen_anon_1.value.into(),
                bytes: 4,
                wait: Some(wait.flags),
            },
            t::CU_STREAM_MEM_OP_WAIT_VALUE_64 => WordOperation {
                address: wait.address,
                value: wait.__bindgen_anon_1.value64,
                bytes: 8,
                wait: Some(wait.flags),
            },
            t::CU_STREAM_MEM_OP_WRITE_VALUE_32 => WordOperation {
                address: write.address,
                value: write.__bindgen_anon_1.value.into(),
                bytes: 4,
                wait: None,
            },
            t::CU_STREAM_MEM_OP_WRITE_VALUE_64 => WordOperation {
                address: write.address,
                value: write.__bindgen_anon_1.value64,
                bytes: 8,
                wait: None,
            },
            t::CU_STREAM_MEM_OP_FLUSH_REMOTE_WRITES | t::CU_STREAM_MEM_OP_BARRIER => return Ok(None),
            _ => return Err(refused("an atomic reduction in a stream")),
        };
        Ok(Some(operation))
    }
}
