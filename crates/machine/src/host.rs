//! The machine itself: its CPU, its system, and whether it is a container, a virtual machine or WSL.

use camino::Utf8Path;

use crate::Root;

/// A value, and where it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known<T> {
    /// The value.
    pub value: T,
    /// The file or the command that says so.
    pub from: String,
}

impl<T> Known<T> {
    /// A value that `from` says.
    pub(crate) fn new(value: T, from: impl Into<String>) -> Self {
        Self { value, from: from.into() }
    }
}

/// The CPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cpu {
    /// `AMD EPYC 9654`; none where it does not say.
    pub model: Option<String>,
    /// How many of it the system runs on.
    pub count: usize,
    /// For x86_64, its level: 1 to 4 for x86-64-v1 to x86-64-v4 (x86-64 psABI, "Micro-Architecture Levels").
    pub level: Option<u8>,
}

/// What the machine runs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Surroundings {
    /// A container of this kind: `docker`, `podman`, or what the engine calls itself.
    Container(String),
    /// Windows's Linux: the GPU's driver is Windows's.
    Wsl,
    /// A virtual machine, with its maker's name where it has one.
    VirtualMachine(Option<String>),
}

/// The machine and its system. What could not be read is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostInfo {
    /// The CPU.
    pub cpu: Option<Known<Cpu>>,
    /// `Debian GNU/Linux 12 (bookworm)`.
    pub system: Option<Known<String>>,
    /// The system's family in `os-release`'s terms: its `ID`, then what it is like: `["ubuntu", "debian"]`.
    pub family: Vec<String>,
    /// Linux's own version: `6.18.44`.
    pub kernel: Option<Known<String>>,
    /// `2.36`.
    pub glibc: Option<Known<String>>,
    /// From the inside out.
    pub surroundings: Vec<Known<Surroundings>>,
    /// On a Jetson: the first line of L4T's release file.
    pub tegra: Option<Known<String>>,
}

/// The flags of `/proc/cpuinfo` that each level adds to the one before.
const LEVELS: [&[&str]; 3] = [
    &["cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"],
    &["avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"],
    &["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"],
];

/// Looks at the machine.
pub fn host(root: &Root) -> HostInfo {
    let mut info = HostInfo {
        cpu: cpu(root),
        kernel: line(root, "/proc/sys/kernel/osrelease"),
        glibc: glibc(root),
        tegra: line(root, "/etc/nv_tegra_release"),
        ..HostInfo::default()
    };
    if let Some((name, family, from)) = system(root) {
        info.system = Some(Known::new(name, from));
        info.family = family;
    }
    info.surroundings = surroundings(root, info.kernel.as_ref());
    info
}

fn line(root: &Root, path: &str) -> Option<Known<String>> {
    let text = root.text(path)?;
    let line = text.lines().next()?.trim().trim_start_matches("# ");
    (!line.is_empty()).then(|| Known::new(line.to_owned(), path))
}

fn cpu(root: &Root) -> Option<Known<Cpu>> {
    let path = "/proc/cpuinfo";
    let text = root.text(path)?;
    let value = |key: &str| {
        text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            (name.trim() == key).then(|| value.trim().to_owned())
        })
    };
    let count = text
        .lines()
        .filter(|line| line.split(':').next().is_some_and(|name| name.trim() == "processor"))
        .count();
    let level = value("flags").map(|flags| level(&flags));
    let model = value("model name").filter(|model| !model.is_empty());
    (count > 0).then(|| Known::new(Cpu { model, count, level }, path))
}

fn level(flags: &str) -> u8 {
    let has: std::collections::BTreeSet<&str> = flags.split_whitespace().collect();
    let whole = LEVELS.iter().take_while(|level| level.iter().all(|flag| has.contains(flag))).count();
    1 + u8::try_from(whole).unwrap_or(0)
}

/// From `os-release` (freedesktop.org, os-release(5)): the name for people, and the family.
fn system(root: &Root) -> Option<(String, Vec<String>, &'static str)> {
    let path = ["/etc/os-release", "/usr/lib/os-release"].into_iter().find(|path| root.has(path))?;
    let text = root.text(path)?;
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='))?;
        Some(line.trim_matches(['"', '\'']).to_owned()).filter(|value| !value.is_empty())
    };
    let name = value("PRETTY_NAME").or_else(|| value("NAME"))?;
    let mut family: Vec<String> = value("ID").into_iter().collect();
    family.extend(value("ID_LIKE").unwrap_or_default().split_whitespace().map(str::to_owned));
    Some((name, family, path))
}

/// From what glibc's own file says of itself: `GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.`
fn glibc(root: &Root) -> Option<Known<String>> {
    let places =
        ["/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/lib64", "/usr/lib64", "/usr/lib", "/lib"];
    places.iter().find_map(|folder| {
        let path = format!("{folder}/libc.so.6");
        glibc_version(&root.text(&path)?).map(|version| Known::new(version, path))
    })
}

fn glibc_version(text: &str) -> Option<String> {
    let at = text.find("GNU C Library")?;
    let rest = text[at..].split_once("release version ")?.1;
    let version: String = rest.chars().take_while(|char| char.is_ascii_digit() || *char == '.').collect();
    let version = version.trim_end_matches('.').to_owned();
    (!version.is_empty()).then_some(version)
}

/// The version of glibc's file `libc.so.6`: (2, 36). None if it is none.
pub fn glibc_of(file: &Utf8Path) -> Option<(u32, u32)> {
    let bytes = std::fs::read(file).ok()?;
    let version = glibc_version(&String::from_utf8_lossy(&bytes))?;
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
}

fn surroundings(root: &Root, kernel: Option<&Known<String>>) -> Vec<Known<Surroundings>> {
    let mut found = Vec::new();
    let container = |name: &str| Surroundings::Container(name.to_owned());
    if root.has("/.dockerenv") {
        found.push(Known::new(container("docker"), "/.dockerenv"));
    } else if root.has("/run/.containerenv") {
        found.push(Known::new(container("podman"), "/run/.containerenv"));
    } else if let Some(text) = root.text("/run/systemd/container") {
        found.push(Known::new(container(text.trim()), "/run/systemd/container"));
    }
    if let Some(kernel) = kernel.filter(|kernel| kernel.value.to_ascii_lowercase().contains("microsoft")) {
        found.push(Known::new(Surroundings::Wsl, kernel.from.clone()));
    } else if root.text("/proc/cpuinfo").is_some_and(|text| is_virtual(&text)) {
        let path = "/sys/class/dmi/id/sys_vendor";
        let maker = root.text(path).map(|text| text.trim().to_owned()).filter(|maker| !maker.is_empty());
        let from = if maker.is_some() { path } else { "/proc/cpuinfo" };
        found.push(Known::new(Surroundings::VirtualMachine(maker), from));
    }
    found
}

fn is_virtual(cpuinfo: &str) -> bool {
    let flags = cpuinfo.lines().find(|line| line.starts_with("flags"));
    flags.is_some_and(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::FakeRoot;

    const V1: &str = "fpu sse2 lahf_lm";
    const V2: &str = "fpu cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3";
    const V3: &str = "avx avx2 bmi1 bmi2 f16c fma abm movbe xsave";
    const V4: &str = "avx512f avx512bw avx512cd avx512dq avx512vl";

    #[test]
    fn knows_the_levels_of_x86_64() {
        for (flags, expected) in [
            (V1.to_owned(), 1),
            (V2.to_owned(), 2),
            (format!("{V2} {V3}"), 3),
            (format!("{V2} {V3} {V4}"), 4),
            // A virtual machine may hide what lies between.
            (format!("{V2} {V4}"), 2),
            (String::new(), 1),
        ] {
            assert_eq!(level(&flags), expected, "{flags}");
        }
    }

    #[test]
    fn reads_a_debian_machine() {
        let root = FakeRoot::new()
            .file(
                "/proc/cpuinfo",
                &format!("processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: {V2} {V3}\n\nprocessor\t: 1\n"),
            )
            .file("/etc/os-release", "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n")
            .file("/proc/sys/kernel/osrelease", "6.1.0-18-amd64\n")
            .file(
                "/lib/x86_64-linux-gnu/libc.so.6",
                "\u{0}GNU C Library (Debian GLIBC 2.36-9+deb12u4) stable release version 2.36.\nCopyright",
            );
        let info = host(&root.root());
        let cpu = Cpu { model: Some("AMD EPYC".to_owned()), count: 2, level: Some(3) };
        assert_eq!(info.cpu, Some(Known::new(cpu, "/proc/cpuinfo")));
        assert_eq!(
            info.system,
            Some(Known::new("Debian GNU/Linux 12 (bookworm)".to_owned(), "/etc/os-release"))
        );
        assert_eq!(info.family, ["debian"]);
        assert_eq!(info.kernel.map(|known| known.value).as_deref(), Some("6.1.0-18-amd64"));
        assert_eq!(info.glibc, Some(Known::new("2.36".to_owned(), "/lib/x86_64-linux-gnu/libc.so.6")));
        assert_eq!((info.surroundings, info.tegra), (Vec::new(), None));
    }

    #[track_caller]
    fn check(files: &[(&str, &str)], expected: &[Surroundings]) {
        let root = files.iter().fold(FakeRoot::new(), |root, (path, text)| root.file(path, text));
        let found: Vec<_> = host(&root.root()).surroundings.into_iter().map(|known| known.value).collect();
        assert_eq!(found, expected, "{files:?}");
    }

    #[test]
    fn knows_what_a_machine_runs_in() {
        let virtual_cpu = ("/proc/cpuinfo", "processor : 0\nflags : fpu hypervisor\n");
        check(&[], &[]);
        check(&[virtual_cpu], &[Surroundings::VirtualMachine(None)]);
        check(
            &[virtual_cpu, ("/sys/class/dmi/id/sys_vendor", "QEMU\n")],
            &[Surroundings::VirtualMachine(Some("QEMU".to_owned()))],
        );
        check(
            &[virtual_cpu, ("/proc/sys/kernel/osrelease", "5.15.153.1-microsoft-standard-WSL2\n")],
            &[Surroundings::Wsl],
        );
        check(&[("/.dockerenv", "")], &[Surroundings::Container("docker".to_owned())]);
        check(&[("/run/.containerenv", "")], &[Surroundings::Container("podman".to_owned())]);
        check(&[("/run/systemd/container", "lxc\n")], &[Surroundings::Container("lxc".to_owned())]);
    }

    #[test]
    fn reads_a_jetson() {
        let root = FakeRoot::new()
            .file(
                "/etc/nv_tegra_release",
                "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic\n# more\n",
            )
            .file("/proc/cpuinfo", "processor\t: 0\nFeatures\t: fp asimd\n")
            .file("/usr/lib/os-release", "NAME='Ubuntu'\nID=ubuntu\nID_LIKE=debian\n");
        let info = host(&root.root());
        assert_eq!(
            info.tegra.map(|known| known.value).as_deref(),
            Some("R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic")
        );
        assert_eq!(info.cpu.map(|known| (known.value.count, known.value.level)), Some((1, None)));
        assert_eq!(info.family, ["ubuntu", "debian"]);
        assert_eq!(
            info.system.map(|known| (known.value, known.from)),
            Some(("Ubuntu".to_owned(), "/usr/lib/os-release".to_owned()))
        );
    }

    /// Whatever lies under these names, nothing panics.
    #[test]
    fn files_may_hold_anything() {
        for text in [
            "",
            ":",
            "\n\n\n",
            "flags",
            "processor",
            "GNU C Library",
            "GNU C Library release version ",
            "=",
            "PRETTY_NAME=",
            "\u{0}",
        ] {
            let root = [
                "/proc/cpuinfo",
                "/etc/os-release",
                "/proc/sys/kernel/osrelease",
                "/lib64/libc.so.6",
                "/etc/nv_tegra_release",
                "/run/systemd/container",
            ]
            .iter()
            .fold(FakeRoot::new(), |root, path| root.file(path, text));
            let _ = host(&root.root());
        }
    }
}
