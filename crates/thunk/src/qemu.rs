//! QEMU's side: how it loads this plugin, and which of its functions are used.
//!
//! The interface is that of QEMU's `include/qemu/qemu-plugin.h`; versions 1 (QEMU 7 and 8) and 2 and later (from 9) agree
//! in all that is used here.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::sync::atomic::{AtomicI32, Ordering};

use cuferry_guest::{NUMBER, START_NUMBER};

use crate::settings::Settings;
use crate::{call, exec, memory, report, signal, state, trace};

/// The version of the plugin interface. QEMU reads it once the plugin is loaded, and refuses one that it does not know.
#[unsafe(no_mangle)]
pub static qemu_plugin_version: AtomicI32 = AtomicI32::new(1);

/// Runs as the plugin is loaded, before QEMU looks at the version: newer ones do not take 1, older ones nothing else.
#[used]
#[unsafe(link_section = ".init_array")]
static CHOOSE_VERSION: extern "C" fn() = choose_version;

extern "C" fn choose_version() {
    // It came with QEMU 9, as did the least version that this and later ones take.
    if symbol(c"qemu_plugin_num_vcpus").is_some() {
        qemu_plugin_version.store(2, Ordering::Relaxed);
    }
}

/// The start of `qemu_info_t`, the same in all versions.
#[repr(C)]
#[derive(Debug)]
pub struct Info {
    target_name: *const c_char,
    least: c_int,
    current: c_int,
    system_emulation: bool,
}

type SyscallCallback = extern "C" fn(u64, c_uint, i64, u64, u64, u64, u64, u64, u64, u64, u64);
type RegisterSyscall = unsafe extern "C" fn(u64, SyscallCallback);
type RegisterReturn = unsafe extern "C" fn(u64, extern "C" fn(u64, c_uint, i64, i64));
type RegisterExit = unsafe extern "C" fn(u64, extern "C" fn(u64, *mut c_void), *mut c_void);

/// QEMU's entry: it has loaded the plugin. Anything but 0 ends QEMU.
///
/// # Safety
///
/// QEMU calls it, with `arguments` of that length and `info` as it promises plugins.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn qemu_plugin_install(
    id: u64,
    info: *const Info,
    count: c_int,
    arguments: *const *const c_char,
) -> c_int {
    // SAFETY: QEMU's promise.
    let (target, system) = unsafe { (CStr::from_ptr((*info).target_name), (*info).system_emulation) };
    if target != c"aarch64" || system {
        return failed("this plugin is for qemu-aarch64, the emulator of aarch64 programs");
    }
    if symbol(c"guest_base").is_some_and(|base| unsafe { base.cast::<u64>().read() } != 0) {
        return failed("qemu has moved the program's addresses: the GPU's driver could not use them");
    }
    let words = (0..usize::try_from(count).unwrap_or(0)).map(|index| {
        // SAFETY: QEMU's promise: so many strings.
        unsafe { CStr::from_ptr(*arguments.add(index)) }.to_string_lossy().into_owned()
    });
    let settings = match Settings::parse(words) {
        Ok(settings) => settings,
        Err(message) => return failed(&message),
    };
    let (Some(syscall), Some(returned), Some(exit)) = (
        symbol(c"qemu_plugin_register_vcpu_syscall_cb"),
        symbol(c"qemu_plugin_register_vcpu_syscall_ret_cb"),
        symbol(c"qemu_plugin_register_atexit_cb"),
    ) else {
        return failed("this qemu has no plugins that see system calls");
    };
    state::set_settings(settings);
    // SAFETY: they are what their names say, as QEMU's header declares them.
    unsafe {
        std::mem::transmute::<*mut c_void, RegisterSyscall>(syscall)(id, on_syscall);
        std::mem::transmute::<*mut c_void, RegisterReturn>(returned)(id, on_returned);
        std::mem::transmute::<*mut c_void, RegisterExit>(exit)(id, on_exit, std::ptr::null_mut());
    }
    0
}

fn failed(why: &str) -> c_int {
    report::line(why);
    1
}

/// System calls that are looked at, by their numbers on aarch64.
mod number {
    pub(super) const RT_SIGACTION: i64 = 134;
    pub(super) const RT_SIGPROCMASK: i64 = 135;
    pub(super) const EXECVE: i64 = 221;
    pub(super) const EXECVEAT: i64 = 281;
}

/// QEMU calls it before each system call of the program's, with up to eight arguments.
extern "C" fn on_syscall(
    _: u64,
    _: c_uint,
    number: i64,
    first: u64,
    second: u64,
    third: u64,
    fourth: u64,
    fifth: u64,
    sixth: u64,
    _: u64,
    _: u64,
) {
    signal::thread_is_the_programs();
    match number {
        NUMBER => call::serve(first),
        START_NUMBER => exec::start(first),
        number::EXECVE => exec::execve(first, second, third),
        number::EXECVEAT => exec::execveat(first, second, third, fourth, fifth),
        number::RT_SIGACTION => signal::action_changes(first, second),
        number::RT_SIGPROCMASK => signal::mask_changes(first, second),
        _ => memory::reveal(number, [first, second, third, fourth, fifth, sixth]),
    }
}

/// QEMU calls it behind each system call of the program's.
extern "C" fn on_returned(_: u64, _: c_uint, number: i64, _: i64) {
    if number == number::RT_SIGACTION {
        signal::action_changed();
    }
}

extern "C" fn on_exit(_: u64, _: *mut c_void) {
    crate::output::flush();
    trace::finish();
}

/// A function or variable of QEMU's, or of a library that it has loaded.
pub(crate) fn symbol(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: a C string; nothing is called.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!address.is_null()).then_some(address)
}
