//! The private tables that CUDA's libraries ask the driver for by UUID (`cuGetExportTable`): the program gets tables of its
//! own, with its library's entries in the places of the driver's functions.
//!
//! What they are called and what their functions must do: ZLUDA's `dark_api/src/lib.rs` (github.com/vosen/ZLUDA, MIT or
//! Apache 2.0), and what the runtimes of CUDA 11.8 to 13.5 were seen to call.

use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cuferry_driver::integrity::{Device, Question, answer};
use cuferry_driver::types::{
    CU_DEVICE_ATTRIBUTE_PCI_BUS_ID, CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID, CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID,
    CUDA_ERROR_INVALID_VALUE, CUDA_ERROR_NOT_SUPPORTED, CUDA_ERROR_OUT_OF_MEMORY, CUresult,
};
use cuferry_guest::{Entry, Frame, TABLE_SLOTS};

use crate::arguments::{self, Arguments, Shape};
use crate::call::Guest;
use crate::native::{Address, Native};
use crate::state::{State, state};
use crate::{callback, report, signal, trace, worker};

/// A table that is known.
struct Known {
    uuid: u128,
    name: &'static str,
    /// How many words it has, where it does not say so itself in its first one.
    words: Option<usize>,
}

const CUDART: u128 = 0x6bd5_fb6c_5bf4_e74a_8987_d939_12fd_9df9;
const STORAGE: u128 = 0xc693_336e_1121_df11_a8c3_68f3_55d8_9593;
const INTEGRITY: u128 = 0xd408_2055_bde6_704b_8d34_ba12_3c66_e1f2;
/// The runtime's log of errors: its function takes a `va_list`, which is another thing on each CPU; it does without.
const ERROR_LOG: u128 = 0xf8cf_f951_2146_8b4e_b9e2_fb46_9e7c_0dd9;

const KNOWN: [Known; 11] = [
    Known { uuid: CUDART, name: "CUDART_INTERFACE", words: None },
    Known {
        uuid: 0xa094_798c_2e74_2e74_93f2_0800_200c_0a66,
        name: "TOOLS_RUNTIME_CALLBACK_HOOKS",
        words: None,
    },
    Known { uuid: 0x42d8_5a81_23f6_cb47_8298_f6e7_8a3a_ecdc, name: "TOOLS_TLS", words: None },
    Known { uuid: STORAGE, name: "CONTEXT_LOCAL_STORAGE", words: Some(3) },
    Known { uuid: 0x263e_8860_7cd2_6143_92f6_bbd5_006d_fa7e, name: "CONTEXT_CHECKS", words: None },
    Known { uuid: INTEGRITY, name: "INTEGRITY_CHECK", words: None },
    // What NVRTC asks for, cuFFT, and larger libraries; their names are not known.
    Known { uuid: 0x6e16_3fbe_b958_444d_835c_e182_aff1_991e, name: "6e163fbe", words: None },
    Known { uuid: 0xda91_51d3_3ae6_cc41_a5c0_4f26_d533_e328, name: "da9151d3", words: None },
    Known { uuid: 0x2131_8c60_9714_3248_8ca6_41ff_7324_c8f2, name: "21318c60", words: None },
    Known { uuid: 0x69a2_8e9f_2449_8b47_b030_c5da_330e_a4e9, name: "69a28e9f", words: None },
    Known { uuid: 0x1734_dc26_800d_4745_8726_c0f1_e7dd_8bca, name: "1734dc26", words: None },
];

/// The largest table known has 26 words.
const MOST_WORDS: usize = 256;

/// What an entry of the program's library stands for that is given away here.
#[derive(Clone, Copy)]
enum Slot {
    /// A function of a private table.
    Function { table: &'static Known, index: usize, function: Address },
    /// A function that the driver has, and that is not known here: how to call it cannot be told.
    Unknown(&'static str),
}

#[derive(Default)]
struct Tables {
    /// The addresses of the program's tables. They stay for good.
    made: BTreeMap<u128, u64>,
    slots: Vec<Slot>,
}

static TABLES: Mutex<Tables> = Mutex::new(Tables { made: BTreeMap::new(), slots: Vec::new() });

fn tables() -> MutexGuard<'static, Tables> {
    TABLES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `cuGetExportTable(table, uuid)`; `native` asks the driver, with the same arguments.
pub(crate) fn find(table: u64, uuid: u64, native: &dyn Fn() -> u64, state: &State) -> u64 {
    if table == 0 || uuid == 0 {
        return native();
    }
    // SAFETY: the program's UUID, of 16 bytes, which the driver would read.
    let id = u128::from_be_bytes(unsafe { (uuid as *const [u8; 16]).read() });
    let Some(known) = KNOWN.iter().find(|known| known.uuid == id) else {
        if id != ERROR_LOG {
            report::once(format!(
                "a library asks for a private table of the driver that is not known, {id:032x}: it is told that there is none"
            ));
        }
        return CUDA_ERROR_INVALID_VALUE.into();
    };
    let result = native();
    if result != 0 {
        return result;
    }
    // SAFETY: the driver has just written it.
    let theirs = unsafe { (table as *const u64).read() };
    let Some(ours) = shadow(known, theirs, state) else { return CUDA_ERROR_OUT_OF_MEMORY.into() };
    // SAFETY: as above.
    unsafe { (table as *mut u64).write(ours) };
    0
}

/// The program's table for one of the driver's; none if there is no room.
fn shadow(known: &'static Known, theirs: u64, state: &State) -> Option<u64> {
    let mut tables = tables();
    if let Some(made) = tables.made.get(&known.uuid) {
        return Some(*made);
    }
    // SAFETY: a table has at least one word, and as many as that says.
    let word = |index: usize| unsafe { (theirs as *const u64).add(index).read() };
    let count = known.words.unwrap_or_else(|| usize::try_from(word(0) / 8).unwrap_or(usize::MAX));
    if count > MOST_WORDS {
        report::once(format!("the driver's table {} does not say how large it is", known.name));
        return None;
    }
    let mut words = Vec::with_capacity(count);
    for index in 0..count {
        let size = index == 0 && known.words.is_none();
        if size || word(index) == 0 {
            words.push(word(index));
            continue;
        }
        let slot = tables.slots.len();
        if slot == TABLE_SLOTS {
            return None;
        }
        let function = Address(word(index) as *mut c_void);
        tables.slots.push(Slot::Function { table: known, index, function });
        words.push(state.address(Entry::Table(slot))?);
    }
    let made = words.leak().as_ptr() as u64;
    tables.made.insert(known.uuid, made);
    Some(made)
}

/// The address in the program of a function that the driver has and that is not known here; none if there is no room.
pub(crate) fn unknown(name: &str, state: &State) -> Option<u64> {
    let mut tables = tables();
    let known = tables.slots.iter().position(|slot| matches!(slot, Slot::Unknown(other) if *other == name));
    let slot = known.unwrap_or(tables.slots.len());
    if slot == TABLE_SLOTS {
        return None;
    }
    if known.is_none() {
        tables.slots.push(Slot::Unknown(name.to_owned().leak()));
    }
    state.address(Entry::Table(slot))
}

/// Calls the function in a slot.
pub(crate) fn call(slot: usize, frame: &Frame, guest: Guest<'_>) -> u64 {
    let known = tables().slots.get(slot).copied();
    let (Some(slot), Some(state)) = (known, state()) else { return CUDA_ERROR_INVALID_VALUE.into() };
    let (table, index, function) = match slot {
        Slot::Function { table, index, function } => (table, index, function),
        Slot::Unknown(name) => {
            report::once(format!("{name} is not carried from an ARM program to the driver: error 801"));
            return CUDA_ERROR_NOT_SUPPORTED.into();
        }
    };
    let begun = trace::enter();
    let result = match (table.uuid, index) {
        (INTEGRITY, 1) => integrity(frame, state, guest),
        (STORAGE, 0) => {
            // put(context, key, value, destructor): the driver calls the destructor with the context's end.
            let mut arguments = frame.integers;
            match callback::to_host(arguments[3]) {
                Some(stub) => {
                    arguments[3] = stub;
                    native(table, function, arguments)
                }
                None => CUDA_ERROR_OUT_OF_MEMORY.into(),
            }
        }
        _ => native(table, function, frame.integers),
    };
    if let Some(begun) = begun {
        trace::leave_table(begun, table.name, index, &frame.integers, result);
    }
    result
}

fn native(table: &'static Known, function: Address, integers: [u64; 8]) -> u64 {
    let _within = signal::within(table.name);
    let mut all = [0; arguments::MOST];
    all[..8].copy_from_slice(&integers);
    let shape = Shape { integers: 8, large: None };
    worker::native(function, shape, &Arguments(all), &[0; 8])
}

/// `(version, seconds, answer)`: made of the program's own tables, as the runtime in it sees them.
fn integrity(frame: &Frame, state: &State, guest: Guest<'_>) -> u64 {
    let [version, seconds, out, ..] = frame.integers;
    let Some(native) = &state.native else { return CUDA_ERROR_NOT_SUPPORTED.into() };
    let thread = guest.call(state.guest.pthread_self, &[]);
    let (cudart_table, integrity_table, function) = {
        let tables = tables();
        let table = |uuid| tables.made.get(&uuid).copied().unwrap_or(0);
        // SAFETY: a table of ours, of three words.
        let function = unsafe { (table(INTEGRITY) as *const u64).add(1).read() };
        (table(CUDART), table(INTEGRITY), function)
    };
    let question = Question {
        version: low(version),
        seconds,
        driver_version: native.version(),
        process: std::process::id(),
        thread: low(thread),
        cudart_table,
        integrity_table,
        function,
    };
    let Ok(devices) = devices(native) else { return CUDA_ERROR_NOT_SUPPORTED.into() };
    if out == 0 {
        return CUDA_ERROR_INVALID_VALUE.into();
    }
    // SAFETY: the program's place for two words.
    unsafe { (out as *mut [u64; 2]).write_unaligned(answer(&question, &devices)) };
    0
}

fn low(value: u64) -> u32 {
    u32::try_from(value & 0xffff_ffff).unwrap_or(0)
}

/// The devices, as the runtime sees them.
fn devices(native: &Native) -> Result<Vec<Device>, CUresult> {
    type Count = unsafe extern "C" fn(*mut c_int) -> CUresult;
    type Get = unsafe extern "C" fn(*mut c_int, c_int) -> CUresult;
    type Uuid = unsafe extern "C" fn(*mut [u8; 16], c_int) -> CUresult;
    type Attribute = unsafe extern "C" fn(*mut c_int, u32, c_int) -> CUresult;
    let find = |name: &str| native.named(name).ok_or(cuferry_driver::types::CUDA_ERROR_NOT_FOUND);
    let (count, get) = (find("cuDeviceGetCount")?, find("cuDeviceGet")?);
    let (uuid, attribute) = (find("cuDeviceGetUuid")?, find("cuDeviceGetAttribute")?);
    // SAFETY: the driver's functions of these names.
    let (count, get, uuid, attribute) = unsafe {
        (
            std::mem::transmute::<*mut c_void, Count>(count.0),
            std::mem::transmute::<*mut c_void, Get>(get.0),
            std::mem::transmute::<*mut c_void, Uuid>(uuid.0),
            std::mem::transmute::<*mut c_void, Attribute>(attribute.0),
        )
    };
    let good = |code: CUresult| if code == 0 { Ok(()) } else { Err(code) };
    let mut number = 0;
    // SAFETY: with places for their answers, here and below.
    good(unsafe { count(&raw mut number) })?;
    let mut devices = Vec::new();
    for ordinal in 0..number {
        let mut device = 0;
        let mut found = Device { uuid: [0; 16], pci: [0; 3] };
        unsafe {
            good(get(&raw mut device, ordinal))?;
            good(uuid(&raw mut found.uuid, device))?;
        }
        let wanted = [
            CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID,
            CU_DEVICE_ATTRIBUTE_PCI_BUS_ID,
            CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID,
        ];
        for (place, which) in found.pci.iter_mut().zip(wanted) {
            let mut value = 0;
            good(unsafe { attribute(&raw mut value, which, device) })?;
            *place = value.cast_unsigned();
        }
        devices.push(found);
    }
    Ok(devices)
}
