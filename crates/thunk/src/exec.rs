//! Programs that the program starts: an aarch64 program, or a script for one, is started in qemu in turn, with the same
//! words before it, so that no kernel has to know how. Everything else is left to QEMU, and so to the kernel.

use std::ffi::{CStr, CString, OsStr, c_char};
use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use crate::report;
use crate::state::settings;

/// So many scripts may name one another; the kernel's own limit is near.
const MOST_SCRIPTS: usize = 4;
/// What the kernel reads of a script's first line.
const FIRST_LINE: usize = 256;

/// `execve(path, arguments, environment)` is about to be made. Does not come back where the program is started.
pub(crate) fn execve(path: u64, arguments: u64, environment: u64) {
    if path == 0 || settings().prefix == 0 {
        return;
    }
    // SAFETY: the program's string, which the kernel would read.
    let path = unsafe { CStr::from_ptr(path as *const c_char) };
    // SAFETY: the program's lists, as above.
    let (arguments, environment) = unsafe { (list(arguments), list(environment)) };
    begin(Path::new(OsStr::from_bytes(path.to_bytes())), arguments, environment);
}

/// `execveat(folder, path, …)`: as far as it is as `execve`.
pub(crate) fn execveat(folder: u64, path: u64, arguments: u64, environment: u64, flags: u64) {
    // SAFETY: the program's string, which the kernel would read.
    let absolute = path != 0 && unsafe { (path as *const u8).read() } == b'/';
    let here = u32::try_from(folder & 0xffff_ffff).is_ok_and(|folder| folder.cast_signed() == libc::AT_FDCWD);
    if flags == 0 && (absolute || here) {
        execve(path, arguments, environment);
    }
}

/// What [`cuferry_guest::starter`] asks for: its own arguments are the command. `stack` is the address of their count.
pub(crate) fn start(stack: u64) {
    // SAFETY: the kernel's layout of a new program's stack: the count, the arguments, 0, the environment, 0.
    let (arguments, environment) = unsafe {
        let count = (stack as *const u64).read();
        (list(stack + 8), list(stack + 8 * (count + 2)))
    };
    let command: Vec<CString> = arguments.into_iter().skip(1).collect();
    let Some(name) = command.first().cloned() else {
        report::line("the image names no command, and none was given");
        end(127);
    };
    let shown = name.to_string_lossy().into_owned();
    let candidates = candidates(&name, &environment);
    let found = candidates.iter().find(|path| within_root(path).is_file());
    let Some(path) = found else {
        report::line(&format!("`{shown}` is not there"));
        end(127);
    };
    begin(path, command, environment);
    // It came back: it is no program for ARM, or may not be run.
    report::line(&format!("`{}` cannot be started: it is no ARM program, or may not be run", path.display()));
    end(126);
}

/// Where a command may be: as it is, or in the folders of `PATH`.
fn candidates(name: &CStr, environment: &[CString]) -> Vec<PathBuf> {
    let name = Path::new(OsStr::from_bytes(name.to_bytes()));
    if name.components().count() > 1 || name.is_absolute() {
        return vec![name.to_owned()];
    }
    let path = environment.iter().find_map(|variable| variable.as_bytes().strip_prefix(b"PATH="));
    // What the C library takes where there is none (execvp(3)).
    let path = path.unwrap_or(b"/bin:/usr/bin");
    path.split(|byte| *byte == b':').map(|folder| Path::new(OsStr::from_bytes(folder)).join(name)).collect()
}

fn end(code: i32) -> ! {
    // SAFETY: the process has no other thread, and nothing to write.
    unsafe { libc::_exit(code) }
}

/// # Safety
///
/// `list` is 0, or the address of strings' addresses that ends with 0.
unsafe fn list(list: u64) -> Vec<CString> {
    let mut found = Vec::new();
    if list == 0 {
        return found;
    }
    for index in 0.. {
        // SAFETY: the caller's promise.
        let text = unsafe { (list as *const *const c_char).add(index).read() };
        if text.is_null() {
            break;
        }
        // SAFETY: as above.
        found.push(unsafe { CStr::from_ptr(text) }.to_owned());
    }
    found
}

fn begin(path: &Path, arguments: Vec<CString>, environment: Vec<CString>) {
    let Some((program, arguments)) = resolve(path, arguments) else { return };
    let Some(mut words) = prefix() else { return };
    let mut kept = Vec::new();
    for variable in environment {
        // These are for the program's loader, not for that of qemu, which would load an ARM library, or fail to.
        if [&b"LD_PRELOAD="[..], b"LD_AUDIT="].iter().any(|name| variable.as_bytes().starts_with(name)) {
            words.push(c"-E".to_owned());
            words.push(variable);
        } else {
            kept.push(variable);
        }
    }
    let mut arguments = arguments.into_iter();
    if let Some(name) = arguments.next() {
        words.push(c"-0".to_owned());
        words.push(name);
    }
    let Ok(program) = CString::new(program.into_os_string().into_vec()) else { return };
    words.push(program);
    words.extend(arguments);
    let pointers = |list: &[CString]| -> Vec<*const c_char> {
        list.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (words_list, kept_list) = (pointers(&words), pointers(&kept));
    // SAFETY: lists of strings that end with null. Where it fails, QEMU makes the program's own call, and that tells why.
    unsafe { libc::execve(words[0].as_ptr(), words_list.as_ptr(), kept_list.as_ptr()) };
}

/// The words of qemu's own command line that come before the program's.
fn prefix() -> Option<Vec<CString>> {
    let line = std::fs::read("/proc/self/cmdline").ok()?;
    let words = line.split(|byte| *byte == 0).take(settings().prefix).map(CString::new);
    words.collect::<Result<Vec<_>, _>>().ok().filter(|words| !words.is_empty())
}

/// The aarch64 program that is to be started, and its arguments; none if it is none.
fn resolve(path: &Path, mut arguments: Vec<CString>) -> Option<(PathBuf, Vec<CString>)> {
    let mut path = path.to_owned();
    for _ in 0..=MOST_SCRIPTS {
        let there = within_root(&path);
        let mut start = Vec::new();
        File::open(&there).ok()?.take(FIRST_LINE as u64).read_to_end(&mut start).ok()?;
        if is_aarch64(&start) {
            return may_run(&there).then_some((there, arguments));
        }
        let line = start.strip_prefix(b"#!")?;
        if !may_run(&there) {
            return None;
        }
        let line = line.split(|byte| *byte == b'\n').next()?.trim_ascii();
        let (interpreter, argument) = match line.iter().position(u8::is_ascii_whitespace) {
            Some(end) => (&line[..end], Some(line[end..].trim_ascii())),
            None => (line, None),
        };
        // As the kernel does: the interpreter, its one argument, the script, and the script's arguments.
        let script = CString::new(path.as_os_str().as_bytes()).ok()?;
        let mut words = vec![CString::new(interpreter).ok()?];
        words.extend(argument.map(CString::new).transpose().ok()?);
        words.push(script);
        words.extend(arguments.into_iter().skip(1));
        arguments = words;
        path = PathBuf::from(OsStr::from_bytes(interpreter));
    }
    None
}

/// Inside the root, if it is there, else as it is: as qemu's `-L` has it.
fn within_root(path: &Path) -> PathBuf {
    let root = settings().root.as_deref().filter(|_| path.is_absolute());
    let inside = root.and_then(|root| Some(root.join(path.strip_prefix("/").ok()?)));
    inside.filter(|inside| inside.exists()).unwrap_or_else(|| path.to_owned())
}

fn may_run(path: &Path) -> bool {
    let Ok(path) = CString::new(path.as_os_str().as_bytes()) else { return false };
    // SAFETY: a C string.
    unsafe { libc::access(path.as_ptr(), libc::X_OK) == 0 }
}

/// An ELF file of 64 bits, little-endian, for EM_AARCH64 (183).
fn is_aarch64(start: &[u8]) -> bool {
    start.starts_with(b"\x7fELF\x02\x01") && start.get(18..20) == Some(&[183, 0])
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const ARM: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\xb7\0\x01\0\0\0";
    const X86: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0\x01\0\0\0";

    fn write(folder: &Path, name: &str, bytes: &[u8], mode: u32) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    /// The words that are started, or none where it is left to the kernel.
    fn words(path: &Path, arguments: &[&str]) -> Option<Vec<String>> {
        let arguments = arguments.iter().map(|word| CString::new(*word).unwrap()).collect();
        let (program, arguments) = resolve(path, arguments)?;
        let arguments = arguments.into_iter().map(|word| word.into_string().unwrap());
        Some(std::iter::once(program.to_str().unwrap().to_owned()).chain(arguments).collect())
    }

    #[test]
    fn arm_programs_are_started_and_others_left() {
        let (_guard, folder) = cuferry_testkit::scratch();
        let folder = folder.as_std_path();
        let arm = write(folder, "arm", ARM, 0o755);
        let own = arm.to_str().unwrap();
        assert_eq!(words(&arm, &["name", "a b"]).unwrap(), [own, "name", "a b"]);
        assert_eq!(words(&write(folder, "x86", X86, 0o755), &["x86"]), None);
        assert_eq!(words(&write(folder, "closed", ARM, 0o644), &["closed"]), None, "it may not be run");
        assert_eq!(words(&write(folder, "short", b"\x7fEL", 0o755), &["short"]), None);
        assert_eq!(words(&folder.join("nothing"), &["nothing"]), None);
        assert_eq!(words(folder, &["folder"]), None);
    }

    /// As the kernel does it: the interpreter, its one argument, the script, the arguments; and a script's script.
    #[test]
    fn scripts_for_arm_are_started_by_their_interpreters() {
        let (_guard, folder) = cuferry_testkit::scratch();
        let folder = folder.as_std_path();
        let arm = write(folder, "arm", ARM, 0o755);
        let own = arm.to_str().unwrap();
        let script = write(folder, "script", format!("#! {own}  -a -b \nrest").as_bytes(), 0o755);
        let text = script.to_str().unwrap();
        assert_eq!(words(&script, &["named", "one"]).unwrap(), [own, own, "-a -b", text, "one"]);
        let outer = write(folder, "outer", format!("#!{text}").as_bytes(), 0o755);
        let outer_text = outer.to_str().unwrap();
        assert_eq!(words(&outer, &["outer", "two"]).unwrap(), [own, own, "-a -b", text, outer_text, "two"]);
        let circle = folder.join("circle");
        write(folder, "circle", format!("#!{}\n", circle.display()).as_bytes(), 0o755);
        assert_eq!(words(&circle, &["circle"]), None);
        let native = write(folder, "native", b"#!/bin/sh\n", 0o755);
        assert_eq!(words(&native, &["native"]), None, "this machine's own shell");
    }

    #[test]
    fn commands_are_looked_for_as_the_c_library_does() {
        let find = |name: &str, variables: &[&str]| -> Vec<String> {
            let environment: Vec<CString> =
                variables.iter().map(|text| CString::new(*text).unwrap()).collect();
            let found = candidates(&CString::new(name).unwrap(), &environment);
            found.iter().map(|path| path.display().to_string()).collect()
        };
        assert_eq!(find("robot", &["X=1", "PATH=/a:/b"]), ["/a/robot", "/b/robot"]);
        assert_eq!(find("robot", &[]), ["/bin/robot", "/usr/bin/robot"]);
        assert_eq!(find("./robot", &["PATH=/a"]), ["./robot"]);
        assert_eq!(find("/app/robot", &["PATH=/a"]), ["/app/robot"]);
    }
}
