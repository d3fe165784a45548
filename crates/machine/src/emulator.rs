//! Emulators of ARM programs: qemu's, and what the kernel starts them by (binfmt_misc).

use std::collections::BTreeSet;
use std::fs::File;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_binfmt::elf::ElfInfo;

use crate::host::Known;
use crate::{Environment, Root, probe};

/// qemu's user-mode emulator for AArch64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qemu {
    /// Where it lies.
    pub path: Utf8PathBuf,
    /// `7.2.22`; none where it did not say.
    pub version: Option<String>,
    /// Whether it needs no loader, and so starts inside any container.
    pub is_static: bool,
    /// Whether it loads TCG plugins, which forwarding of GPU calls needs.
    pub plugins: bool,
}

/// What the kernel knows of programs for other CPUs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BinfmtMisc {
    /// Not mounted, or not in this kernel.
    Absent,
    /// There, and switched off as a whole.
    Off,
    /// There, with these handlers for AArch64.
    On(Vec<Known<Handler>>),
}

/// A handler for AArch64 programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handler {
    /// `qemu-aarch64`.
    pub name: String,
    /// Whether it is switched on.
    pub enabled: bool,
    /// What is started.
    pub interpreter: String,
    /// Whether the interpreter is there, as seen from outside of containers.
    pub present: bool,
    /// Such as `POCF`. F: the interpreter was opened at registration, and works inside containers. C: set-user-id programs
    /// keep their rights. (kernel documentation, admin-guide/binfmt-misc)
    pub flags: String,
}

impl Handler {
    /// Whether programs in containers are started by it: otherwise the interpreter is looked for in the image.
    pub fn works_in_containers(&self) -> bool {
        self.enabled && self.flags.contains('F')
    }
}

const LIMIT: Duration = Duration::from_secs(3);
const BINFMT: &str = "/proc/sys/fs/binfmt_misc";
const NAMES: [&str; 2] = ["qemu-aarch64", "qemu-aarch64-static"];

/// The emulators on `PATH`, each file once, the plain name first.
pub fn qemu(environment: &Environment) -> Vec<Qemu> {
    let mut seen = BTreeSet::new();
    let paths = NAMES.iter().filter_map(|name| environment.find(name));
    paths
        .filter(|path| seen.insert(path.canonicalize_utf8().unwrap_or_else(|_| path.clone())))
        .map(ask)
        .collect()
}

fn ask(path: Utf8PathBuf) -> Qemu {
    let version = probe::ask_within(&path, &["--version"], LIMIT).and_then(|text| version(&text));
    let help = probe::ask_within(&path, &["--help"], LIMIT).unwrap_or_default();
    // qemu prints the option only where it was built with plugins.
    let plugins = help.lines().any(|line| line.trim_start().starts_with("-plugin"));
    Qemu { version, is_static: is_static(&path), plugins, path }
}

/// From `qemu-aarch64 version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)`.
fn version(text: &str) -> Option<String> {
    let rest = text.split_once("version ")?.1;
    let word: String =
        rest.chars().take_while(|char| char.is_ascii_alphanumeric() || ".-+".contains(*char)).collect();
    (!word.is_empty()).then_some(word)
}

fn is_static(path: &Utf8Path) -> bool {
    File::open(path)
        .ok()
        .and_then(|file| ElfInfo::read(file).ok())
        .is_some_and(|elf| elf.interpreter.is_none())
}

/// What is registered for AArch64 programs.
pub fn binfmt_misc(root: &Root) -> BinfmtMisc {
    if !root.has(&format!("{BINFMT}/register")) {
        return BinfmtMisc::Absent;
    }
    if root.text(&format!("{BINFMT}/status")).is_some_and(|text| text.trim() == "disabled") {
        return BinfmtMisc::Off;
    }
    let names = root.names(BINFMT).into_iter().filter(|name| name != "register" && name != "status");
    BinfmtMisc::On(names.filter_map(|name| handler(root, &name)).collect())
}

fn handler(root: &Root, name: &str) -> Option<Known<Handler>> {
    let path = format!("{BINFMT}/{name}");
    let text = root.text(&path)?;
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    if !is_aarch64(value("magic ")?) {
        return None;
    }
    let interpreter = value("interpreter ")?.to_owned();
    let handler = Handler {
        name: name.to_owned(),
        enabled: text.lines().next().is_some_and(|line| line.trim() == "enabled"),
        present: root.has(&interpreter),
        interpreter,
        flags: value("flags:").unwrap_or_default().to_owned(),
    };
    Some(Known::new(handler, path))
}

/// Whether a magic, as hexadecimal digits, is that of a 64-bit ELF file for AArch64: `e_machine` is at offset 18.
fn is_aarch64(magic: &str) -> bool {
    let digits = magic.as_bytes();
    digits.starts_with(b"7f454c4602") && digits.get(36..40) == Some(b"b700")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::FakeRoot;

    const AARCH64: &str = "7f454c460201010000000000000000000200b700";

    fn entry(enabled: &str, flags: &str, magic: &str) -> String {
        format!(
            "{enabled}\ninterpreter /usr/bin/qemu-aarch64-static\nflags: {flags}\noffset 0\nmagic {magic}\nmask ffffffffffffff00\n"
        )
    }

    #[test]
    fn reads_handlers_for_aarch64_alone() {
        let root = FakeRoot::new()
            .file("/proc/sys/fs/binfmt_misc/register", "")
            .file("/proc/sys/fs/binfmt_misc/status", "enabled\n")
            .file("/proc/sys/fs/binfmt_misc/qemu-aarch64", &entry("enabled", "POCF", AARCH64))
            .file(
                "/proc/sys/fs/binfmt_misc/qemu-arm",
                &entry("enabled", "F", "7f454c4601010100000000000000000002002800"),
            )
            .file(
                "/proc/sys/fs/binfmt_misc/python3",
                "enabled\ninterpreter /usr/bin/python3\nflags: \noffset 0\nmagic 6f0d0d0a\n",
            )
            .file("/proc/sys/fs/binfmt_misc/old", &entry("disabled", "", AARCH64))
            .file("/usr/bin/qemu-aarch64-static", "");
        let BinfmtMisc::On(handlers) = binfmt_misc(&root.root()) else { panic!("it is on") };
        let found: Vec<_> = handlers.iter().map(|known| &known.value).collect();
        assert_eq!(
            found.iter().map(|handler| handler.name.as_str()).collect::<Vec<_>>(),
            ["old", "qemu-aarch64"]
        );
        assert_eq!(
            found.iter().map(|handler| handler.works_in_containers()).collect::<Vec<_>>(),
            [false, true]
        );
        assert!(
            found[1].present
                && found[1].flags == "POCF"
                && handlers[1].from == "/proc/sys/fs/binfmt_misc/qemu-aarch64"
        );
    }

    #[test]
    fn tells_absent_from_off_from_empty() {
        assert_eq!(
            binfmt_misc(&FakeRoot::new().folder("/proc/sys/fs/binfmt_misc").root()),
            BinfmtMisc::Absent
        );
        let on = || FakeRoot::new().file("/proc/sys/fs/binfmt_misc/register", "");
        assert_eq!(binfmt_misc(&on().root()), BinfmtMisc::On(Vec::new()));
        let off = on().file("/proc/sys/fs/binfmt_misc/status", "disabled\n");
        assert_eq!(binfmt_misc(&off.root()), BinfmtMisc::Off);
    }

    #[test]
    fn a_handler_may_hold_anything() {
        for text in ["", "\n", "magic ", "magic 7f454c4602", "enabled\ninterpreter \nmagic x", "é\u{0}"] {
            let root = FakeRoot::new()
                .file("/proc/sys/fs/binfmt_misc/register", "")
                .file("/proc/sys/fs/binfmt_misc/x", text);
            assert_eq!(binfmt_misc(&root.root()), BinfmtMisc::On(Vec::new()), "{text:?}");
        }
    }

    #[test]
    fn asks_qemu() {
        let root = FakeRoot::new()
            .program("qemu-aarch64", "case $1 in --version) echo 'qemu-aarch64 version 8.2.2 (Debian 1:8.2.2+ds-0ubuntu1)';; --help) echo 'Argument'; echo '-plugin     QEMU_PLUGIN  [file=]<file>';; esac")
            .program("qemu-aarch64-static", "exit 1");
        let found = qemu(&root.environment());
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].version.as_deref(), found[0].plugins), (Some("8.2.2"), true));
        assert_eq!((found[1].version.as_deref(), found[1].plugins), (None, false));
        assert_eq!(qemu(&FakeRoot::new().environment()), []);
    }

    #[test]
    fn a_link_to_the_same_file_is_no_second_emulator() {
        let root = FakeRoot::new()
            .program("qemu-aarch64", "echo 'version 1'")
            .link("/bin/qemu-aarch64-static", "qemu-aarch64");
        assert_eq!(qemu(&root.environment()).len(), 1);
    }
}
