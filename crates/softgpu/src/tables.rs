//! The private tables that CUDA's runtime asks for by UUID (`cuGetExportTable`), as far as it calls them.
//!
//! What they are called and what their functions must do: ZLUDA's `dark_api/src/lib.rs` (github.com/vosen/ZLUDA, MIT or
//! Apache 2.0), and what the runtimes of CUDA 11.8 to 13.5 were seen to call. A table's first word is its size in bytes,
//! but for that of the context-local storage. A slot that nothing was seen to call names itself and answers 801.
#![expect(unsafe_code, reason = "C tables, called by NVIDIA's runtime")]

use std::cell::UnsafeCell;
use std::ffi::c_void;

use cuferry_driver::integrity::{Device, Question, answer};
use cuferry_driver::types::{CUcontext, CUdevice, CUmodule, CUresult, CUuuid};

use crate::context::{Destructor, Stored, named};
use crate::driver::{VERSION, driver};
use crate::error::{Error, Result};
use crate::properties::PCI;
use crate::{api, closed, entry, raw, report};

/// A table: words that are sizes or functions' addresses.
#[repr(transparent)]
struct Table<const N: usize>([Word; N]);

#[derive(Clone, Copy)]
union Word {
    size: usize,
    function: *const (),
}

// SAFETY: the words are never written.
unsafe impl<const N: usize> Sync for Table<N> {}

const fn size(words: usize) -> Word {
    Word { size: words * size_of::<usize>() }
}

const fn function(address: *const ()) -> Word {
    Word { function: address }
}

/// A slot that nothing was seen to call: it names itself.
macro_rules! unknown {
    ($name:literal, $slot:literal) => {{
        extern "C" fn unknown() -> CUresult {
            closed::explain();
            entry::unsupported(concat!($name, "[", $slot, "], a private function of the driver"))
        }
        function(unknown as *const ())
    }};
}

static CUDART_INTERFACE: Table<13> = Table([
    size(13),
    function(module_from_fatbin as *const ()),
    function(primary_context as *const ()),
    unknown!("CUDART_INTERFACE", 3),
    unknown!("CUDART_INTERFACE", 4),
    unknown!("CUDART_INTERFACE", 5),
    function(module_from_fatbin_with as *const ()),
    function(fatbin_done as *const ()),
    function(module_from_container as *const ()),
    unknown!("CUDART_INTERFACE", 9),
    unknown!("CUDART_INTERFACE", 10),
    unknown!("CUDART_INTERFACE", 11),
    function(interface_ready as *const ()),
]);
static TOOLS_HOOKS: Table<7> = Table([
    size(7),
    unknown!("TOOLS_RUNTIME_CALLBACK_HOOKS", 1),
    function(hooks_first as *const ()),
    unknown!("TOOLS_RUNTIME_CALLBACK_HOOKS", 3),
    unknown!("TOOLS_RUNTIME_CALLBACK_HOOKS", 4),
    unknown!("TOOLS_RUNTIME_CALLBACK_HOOKS", 5),
    function(hooks_second as *const ()),
]);
static TOOLS_TLS: Table<3> = Table([size(3), unknown!("TOOLS_TLS", 1), unknown!("TOOLS_TLS", 2)]);
static STORAGE: Table<3> = Table([
    function(storage_put as *const ()),
    function(storage_delete as *const ()),
    function(storage_get as *const ()),
]);
static CONTEXT_CHECKS: Table<15> = Table([
    size(15),
    unknown!("CONTEXT_CHECKS", 1),
    function(context_check as *const ()),
    function(context_check_3 as *const ()),
    unknown!("CONTEXT_CHECKS", 4),
    unknown!("CONTEXT_CHECKS", 5),
    unknown!("CONTEXT_CHECKS", 6),
    unknown!("CONTEXT_CHECKS", 7),
    unknown!("CONTEXT_CHECKS", 8),
    unknown!("CONTEXT_CHECKS", 9),
    unknown!("CONTEXT_CHECKS", 10),
    unknown!("CONTEXT_CHECKS", 11),
    unknown!("CONTEXT_CHECKS", 12),
    unknown!("CONTEXT_CHECKS", 13),
    unknown!("CONTEXT_CHECKS", 14),
]);
static INTEGRITY_CHECK: Table<3> =
    Table([size(3), function(integrity_check as *const ()), unknown!("INTEGRITY_CHECK", 2)]);
/// Asked for by the runtime of CUDA 13.5, which fails without it, and by larger libraries; its name is not known.
static TABLE_21318C60: Table<8> = Table([
    size(8),
    unknown!("21318c60-9714-3248-8ca6-41ff7324c8f2", 1),
    unknown!("21318c60-9714-3248-8ca6-41ff7324c8f2", 2),
    unknown!("21318c60-9714-3248-8ca6-41ff7324c8f2", 3),
    unknown!("21318c60-9714-3248-8ca6-41ff7324c8f2", 4),
    unknown!("21318c60-9714-3248-8ca6-41ff7324c8f2", 5),
    unknown!("21318c60-9714-3248-8ca6-41ff7324c8f2", 6),
    unknown!("21318c60-9714-3248-8ca6-41ff7324c8f2", 7),
]);

/// The table of a UUID.
pub(crate) fn find(uuid: &CUuuid) -> Result<*const c_void> {
    let bytes: [u8; 16] = std::array::from_fn(|index| uuid.bytes[index].to_ne_bytes()[0]);
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    let table: *const c_void = match hex.as_str() {
        "6bd5fb6c5bf4e74a8987d93912fd9df9" => (&raw const CUDART_INTERFACE).cast(),
        "a094798c2e742e7493f20800200c0a66" => (&raw const TOOLS_HOOKS).cast(),
        "42d85a8123f6cb478298f6e78a3aecdc" => (&raw const TOOLS_TLS).cast(),
        "c693336e1121df11a8c368f355d89593" => (&raw const STORAGE).cast(),
        "263e88607cd2614392f6bbd5006dfa7e" => (&raw const CONTEXT_CHECKS).cast(),
        "d4082055bde6704b8d34ba123c66e1f2" => (&raw const INTEGRITY_CHECK).cast(),
        "21318c60971432488ca641ff7324c8f2" => (&raw const TABLE_21318C60).cast(),
        // The runtime's log of errors, and what NVRTC asks for: both do without.
        "f8cff95121468b4eb9e2fb469e7c0dd9" | "da9151d33ae6cc41a5c04f26d533e328" => {
            return Err(Error::INVALID_VALUE);
        }
        _ => {
            closed::explain();
            report::line(&format!(
                "a library asks for a private table of the driver that the software device has not: {hex}"
            ));
            return Err(Error::INVALID_VALUE);
        }
    };
    Ok(table)
}

extern "C" fn module_from_fatbin(module: *mut CUmodule, fatbin: *const c_void) -> CUresult {
    entry::call("CUDART_INTERFACE[1]", format_args!("{module:?}, {fatbin:?}"), || {
        api::module::load_lazily(module, fatbin)
    })
}

/// The same for the runtime of CUDA 11, with options that were never seen to be anything but 0.
extern "C" fn module_from_fatbin_with(
    module: *mut CUmodule,
    fatbin: *const c_void,
    first: *const c_void,
    second: *const c_void,
    count: u32,
) -> CUresult {
    if !first.is_null() || !second.is_null() || count != 0 {
        return entry::unsupported("CUDART_INTERFACE[6] with options");
    }
    entry::call("CUDART_INTERFACE[6]", format_args!("{module:?}, {fatbin:?}"), || {
        api::module::load_lazily(module, fatbin)
    })
}

/// As the runtime of CUDA 11 ends: it will not use a fatbin any more. Its module is unloaded by another call.
extern "C" fn fatbin_done(fatbin: *const c_void) -> CUresult {
    entry::call("CUDART_INTERFACE[7]", format_args!("{fatbin:?}"), || Ok(()))
}

extern "C" fn module_from_container(
    fatbin: *const c_void,
    module: *mut CUmodule,
    first: *const c_void,
    second: *const c_void,
    count: u32,
) -> CUresult {
    if !first.is_null() || !second.is_null() || count != 0 {
        return entry::unsupported("CUDART_INTERFACE[8] with options");
    }
    entry::call("CUDART_INTERFACE[8]", format_args!("{fatbin:?}, {module:?}"), || {
        api::module::load_lazily(module, fatbin)
    })
}

/// The primary context, without activating it.
extern "C" fn primary_context(context: *mut CUcontext, device: CUdevice) -> CUresult {
    entry::call("CUDART_INTERFACE[2]", format_args!("{context:?}, {device}"), || {
        raw::put(context, api::context::primary(device)?.handle())
    })
}

/// What the runtime of CUDA 13.5 calls once as it starts, as a shared library: NVIDIA's driver answers 0, and writes nothing
/// that the runtime was seen to read.
extern "C" fn interface_ready() -> CUresult {
    entry::call("CUDART_INTERFACE[12]", format_args!(""), || Ok(()))
}

/// Switches of tools, one a function of the runtime: all off. The sizes are what NVIDIA's driver says; in which unit is
/// not known (bytes were seen to be too few), so there is a word for each.
struct Room<const N: usize>(UnsafeCell<[u64; N]>);
// SAFETY: nothing here reads or writes it; the runtime sees to its own threads.
unsafe impl<const N: usize> Sync for Room<N> {}

extern "C" fn hooks_first(room: *mut *mut c_void, size: *mut usize) {
    static ROOM: Room<0x400> = Room(UnsafeCell::new([0; 0x400]));
    raw::put_if(room, ROOM.0.get().cast());
    raw::put_if(size, 0x400);
}

extern "C" fn hooks_second(room: *mut *mut c_void, size: *mut usize) {
    static ROOM: Room<14> = Room(UnsafeCell::new([0; 14]));
    raw::put_if(room, ROOM.0.get().cast());
    raw::put_if(size, 14);
}

extern "C" fn storage_put(
    context: CUcontext,
    key: *mut c_void,
    value: *mut c_void,
    destructor: Option<Destructor>,
) -> CUresult {
    entry::call("CONTEXT_LOCAL_STORAGE[0]", format_args!("{context:?}, {key:?}, {value:?}"), || {
        named(context)?.storage().insert(key as usize, Stored { value: value as usize, destructor });
        Ok(())
    })
}

extern "C" fn storage_delete(context: CUcontext, key: *mut c_void) -> CUresult {
    entry::call("CONTEXT_LOCAL_STORAGE[1]", format_args!("{context:?}, {key:?}"), || {
        named(context)?.storage().remove(&(key as usize));
        Ok(())
    })
}

extern "C" fn storage_get(value: *mut *mut c_void, context: CUcontext, key: *mut c_void) -> CUresult {
    entry::call("CONTEXT_LOCAL_STORAGE[2]", format_args!("{value:?}, {context:?}, {key:?}"), || {
        let stored = named(context)?.storage().get(&(key as usize)).copied().ok_or(Error::INVALID_HANDLE)?;
        raw::put(value, stored.value as *mut c_void)
    })
}

extern "C" fn context_check(_: CUcontext, first: *mut u32, _: *mut *const c_void) -> CUresult {
    raw::put_if(first, 0);
    0
}

extern "C" fn context_check_3() -> u32 {
    0
}

extern "C" fn integrity_check(version: u32, seconds: u64, out: *mut [u64; 2]) -> CUresult {
    entry::call("INTEGRITY_CHECK[1]", format_args!("{version}"), || {
        // SAFETY: it only returns a number.
        let thread = unsafe { libc::pthread_self() };
        let question = Question {
            version,
            seconds,
            driver_version: VERSION,
            process: std::process::id(),
            #[expect(clippy::cast_possible_truncation, reason = "the low half is asked for")]
            thread: thread as u32,
            cudart_table: (&raw const CUDART_INTERFACE) as u64,
            integrity_table: (&raw const INTEGRITY_CHECK) as u64,
            function: integrity_check as *const () as u64,
        };
        let device = Device { uuid: driver()?.properties.uuid(), pci: PCI };
        raw::put(out, answer(&question, &[device]))
    })
}
