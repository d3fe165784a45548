//! What the name of a command means: which tool, of which version, and whether it is one that makes ARM code.

/// A compiler or one of its companions, by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tool {
    /// Which.
    pub kind: ToolKind,
    /// `11` in `aarch64-linux-gnu-g++-11`.
    pub version: Option<String>,
    /// `aarch64-linux-gnu` in `aarch64-linux-gnu-g++-11`: the machine that it makes code for, where the name says it.
    pub prefix: Option<String>,
    /// Whether `prefix` names an ARM machine.
    pub arm: bool,
}

/// The tools that builds call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ToolKind {
    /// CUDA's compiler driver.
    Nvcc,
    /// `gcc`.
    Gcc,
    /// `g++`.
    Gxx,
    /// `cc`: the system's C compiler.
    Cc,
    /// `c++`: the system's C++ compiler.
    Cxx,
    /// `clang`.
    Clang,
    /// `clang++`.
    Clangxx,
    /// The preprocessor alone.
    Cpp,
    /// `gfortran`.
    Fortran,
    /// `ld` and its kin (`ld.bfd`, `ld.gold`, `ld.lld`).
    Ld,
    /// `ar`, also as `gcc-ar` and `llvm-ar`.
    Ar,
    /// `ranlib`.
    Ranlib,
    /// The assembler.
    As,
    /// `strip`.
    Strip,
    /// `nm`.
    Nm,
    /// `objcopy`.
    Objcopy,
    /// `objdump`.
    Objdump,
    /// `readelf`.
    Readelf,
    /// `size`, `strings`, `addr2line`, `c++filt`, `gcov`, `gdb`, ...: read files, and take no flags of a CPU.
    Reader,
    /// `pkg-config` and `pkgconf`.
    PkgConfig,
}

/// Tools whose command lines look alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// nvcc.
    Nvcc,
    /// gcc's driver, under each of its names.
    Gcc,
    /// clang's driver.
    Clang,
    /// The linker.
    Ld,
    /// The archiver.
    Ar,
    /// The assembler.
    As,
    /// All others: their words are not looked into.
    Other,
}

impl Tool {
    /// What `name` means; a path is taken by its last part. Nothing: not a tool that cuferry knows.
    pub fn of(name: &str) -> Option<Self> {
        let name = name.rsplit_once('/').map_or(name, |(_, name)| name);
        let (name, version) = match name.rsplit_once('-') {
            Some((rest, version)) if is_version(version) => (rest, Some(version.to_owned())),
            _ => (name, None),
        };
        // The longest name first: `gcc-ar` ends in `ar`.
        let fits = |(tool, kind): &(&str, ToolKind)| {
            let prefix = name.strip_suffix(tool)?;
            let prefix = if prefix.is_empty() { None } else { Some(prefix.strip_suffix('-')?) };
            Some((tool.len(), prefix, *kind))
        };
        let (_, prefix, kind) = NAMES.iter().filter_map(fits).max_by_key(|(length, ..)| *length)?;
        if prefix.is_some_and(|prefix| !is_machine(prefix)) {
            return None;
        }
        let arm = prefix.is_some_and(is_arm);
        Some(Self { kind, version, prefix: prefix.map(str::to_owned), arm })
    }

    /// How its command line is read.
    pub const fn family(&self) -> Family {
        match self.kind {
            ToolKind::Nvcc => Family::Nvcc,
            ToolKind::Gcc
            | ToolKind::Gxx
            | ToolKind::Cc
            | ToolKind::Cxx
            | ToolKind::Cpp
            | ToolKind::Fortran => Family::Gcc,
            ToolKind::Clang | ToolKind::Clangxx => Family::Clang,
            ToolKind::Ld => Family::Ld,
            ToolKind::Ar => Family::Ar,
            ToolKind::As => Family::As,
            _ => Family::Other,
        }
    }
}

const NAMES: &[(&str, ToolKind)] = &[
    ("nvcc", ToolKind::Nvcc),
    ("gcc", ToolKind::Gcc),
    ("g++", ToolKind::Gxx),
    ("cc", ToolKind::Cc),
    ("c++", ToolKind::Cxx),
    ("c89", ToolKind::Cc),
    ("c99", ToolKind::Cc),
    ("clang", ToolKind::Clang),
    ("clang++", ToolKind::Clangxx),
    ("cpp", ToolKind::Cpp),
    ("clang-cpp", ToolKind::Cpp),
    ("gfortran", ToolKind::Fortran),
    ("ld", ToolKind::Ld),
    ("ld.bfd", ToolKind::Ld),
    ("ld.gold", ToolKind::Ld),
    ("gold", ToolKind::Ld),
    ("ld.lld", ToolKind::Ld),
    ("ar", ToolKind::Ar),
    ("gcc-ar", ToolKind::Ar),
    ("llvm-ar", ToolKind::Ar),
    ("ranlib", ToolKind::Ranlib),
    ("gcc-ranlib", ToolKind::Ranlib),
    ("llvm-ranlib", ToolKind::Ranlib),
    ("as", ToolKind::As),
    ("strip", ToolKind::Strip),
    ("llvm-strip", ToolKind::Strip),
    ("nm", ToolKind::Nm),
    ("gcc-nm", ToolKind::Nm),
    ("llvm-nm", ToolKind::Nm),
    ("objcopy", ToolKind::Objcopy),
    ("llvm-objcopy", ToolKind::Objcopy),
    ("objdump", ToolKind::Objdump),
    ("llvm-objdump", ToolKind::Objdump),
    ("readelf", ToolKind::Readelf),
    ("llvm-readelf", ToolKind::Readelf),
    ("size", ToolKind::Reader),
    ("strings", ToolKind::Reader),
    ("addr2line", ToolKind::Reader),
    ("c++filt", ToolKind::Reader),
    ("elfedit", ToolKind::Reader),
    ("gcov", ToolKind::Reader),
    ("gprof", ToolKind::Reader),
    ("pkg-config", ToolKind::PkgConfig),
    ("pkgconf", ToolKind::PkgConfig),
];

/// First parts of GNU triples.
const MACHINES: [&str; 13] = [
    "x86_64",
    "i386",
    "i486",
    "i586",
    "i686",
    "amd64",
    "powerpc64le",
    "ppc64le",
    "powerpc64",
    "riscv64",
    "s390x",
    "mips64",
    "loongarch64",
];

/// `11`, `4.8`, `12.2.0`.
fn is_version(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

fn is_machine(prefix: &str) -> bool {
    let first = prefix.split('-').next().unwrap_or(prefix);
    prefix.contains('-') && (is_arm(prefix) || MACHINES.contains(&first))
}

/// Whether a triple, such as `aarch64-poky-linux`, is of a 64-bit or 32-bit ARM machine. What Yocto puts behind the
/// machine's name (`cortexa57`, `armv8a`) is no triple's first part.
pub(crate) fn is_arm(triple: &str) -> bool {
    let first = triple.split('-').next().unwrap_or(triple);
    first == "arm64"
        || first.starts_with("aarch64")
        || first == "arm"
        || first.starts_with("armv")
        || first == "armeb"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Option<(ToolKind, Option<&str>, Option<&str>, bool)>) {
        let tool = Tool::of(name);
        let found =
            tool.as_ref().map(|tool| (tool.kind, tool.prefix.as_deref(), tool.version.as_deref(), tool.arm));
        assert_eq!(found, expected, "`{name}`");
    }

    #[test]
    fn names_of_tools() {
        use ToolKind as Kind;
        check("aarch64-linux-gnu-g++-11", Some((Kind::Gxx, Some("aarch64-linux-gnu"), Some("11"), true)));
        check(
            "/opt/l4t/bin/aarch64-poky-linux-gcc",
            Some((Kind::Gcc, Some("aarch64-poky-linux"), None, true)),
        );
        check("arm-linux-gnueabihf-gcc", Some((Kind::Gcc, Some("arm-linux-gnueabihf"), None, true)));
        check(
            "aarch64-buildroot-linux-gnu-g++",
            Some((Kind::Gxx, Some("aarch64-buildroot-linux-gnu"), None, true)),
        );
        check("aarch64-linux-gnu-gcc-ar", Some((Kind::Ar, Some("aarch64-linux-gnu"), None, true)));
        check("aarch64-linux-gnu-ld.bfd", Some((Kind::Ld, Some("aarch64-linux-gnu"), None, true)));
        check("aarch64-linux-gnu-pkg-config", Some((Kind::PkgConfig, Some("aarch64-linux-gnu"), None, true)));
        check(
            "x86_64-linux-gnu-gcc-12.2.0",
            Some((Kind::Gcc, Some("x86_64-linux-gnu"), Some("12.2.0"), false)),
        );
        check("/usr/local/cuda/bin/nvcc", Some((Kind::Nvcc, None, None, false)));
        check("clang++-14", Some((Kind::Clangxx, None, Some("14"), false)));
        check("llvm-ar-14", Some((Kind::Ar, None, Some("14"), false)));
        check("clang-cpp-14", Some((Kind::Cpp, None, Some("14"), false)));
        check("cc", Some((Kind::Cc, None, None, false)));
        check("c++", Some((Kind::Cxx, None, None, false)));
        check("gcc-nm", Some((Kind::Nm, None, None, false)));
        for name in [
            "", "-", "ccache", "my-gcc", "nvcc.sh", "gcc-", "g++x", "last", "asm", "arm-gcc", "-gcc", "foo-4",
        ] {
            check(name, None);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_name_is_read(name in "\\PC{0,40}") {
            let _ = Tool::of(&name);
        }
    }
}
