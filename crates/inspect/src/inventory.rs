//! The inventory of one file: its host half, its device code, and what could not be read. Plain data.

use std::collections::BTreeSet;
use std::fmt;

use cuferry_arch::{CudaRelease, GpuArch, Host, PtxIsa};
use cuferry_binfmt::SymbolVersion;
pub use cuferry_binfmt::fatbin::Compression;

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// What the file is.
    pub form: Form,
    /// In bytes.
    pub size: u64,
    /// The half that runs on a CPU. None in files of device code alone, and in archives of several CPUs' objects.
    pub host: Option<HostPart>,
    /// The device code, in the file's order.
    pub modules: Vec<Module>,
    /// What PTX kept as text among the strings of a host file without any other device code is written for. The program
    /// may hand it to the driver itself, or make other PTX of it: nothing in the file tells.
    pub ptx_texts: BTreeSet<GpuArch>,
    /// The toolkits that wrote the device code, with how many entries say so.
    pub toolkits: Vec<ToolkitMark>,
    /// How many entries were asked for their toolkit, of those that could be: compressed ones cost time to ask.
    pub asked: Asked,
    /// What could not be read. The rest is whole.
    pub problems: Vec<Problem>,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// An ELF program.
    Program,
    /// An ELF shared library.
    SharedLibrary,
    /// An ELF relocatable object.
    Object,
    /// Another ELF file, such as a core dump.
    OtherElf,
    /// An archive of objects: a static library.
    Archive,
    /// A bare fatbin.
    Fatbin,
    /// A bare cubin.
    Cubin,
    /// PTX text.
    Ptx,
    /// A shared library of no bytes: L4T r32 images hold such, over which the Jetson's own are mounted.
    Placeholder,
}

/// The half of a file that runs on a CPU.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostPart {
    /// For which CPU.
    pub machine: Machine,
    /// `PT_INTERP`: the dynamic loader.
    pub interpreter: Option<String>,
    /// `DT_SONAME`.
    pub soname: Option<String>,
    /// `DT_NEEDED`, in the loader's order.
    pub needed: Vec<String>,
    /// Folders of `DT_RPATH` and `DT_RUNPATH`, as they are.
    pub search: Vec<String>,
    /// The highest `GLIBC_` version that it wants.
    pub glibc: Option<SymbolVersion>,
    /// The highest `GLIBCXX_` version that it wants (libstdc++).
    pub glibcxx: Option<SymbolVersion>,
    /// How it comes by the CUDA runtime.
    pub runtime: Runtime,
    /// The compilers that `.comment` names, each once.
    pub compilers: BTreeSet<String>,
}

/// The CPU of an ELF file (`e_machine`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Machine {
    /// One that CUDA serves.
    Host(Host),
    /// 32-bit ARM.
    Arm32,
    /// Something else.
    Other(u16),
    /// None said: an archive without objects.
    #[default]
    None,
}

/// How a file comes by the CUDA runtime (libcudart).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Runtime {
    /// No sign of it.
    #[default]
    None,
    /// `libcudart.so.N` is loaded.
    Shared {
        /// The library: `libcudart.so.12`.
        soname: String,
        /// `12`, if the name says it.
        major: Option<u16>,
    },
    /// `libcudart_static.a` is inside.
    Static {
        /// Which one, where the file says it.
        release: Option<CudaRelease>,
    },
}

/// Device code that is loaded as one: a fatbin container, or a bare cubin or PTX file. The driver takes one entry of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// The archive's member that holds it.
    pub member: Option<String>,
    /// Where it lies: a section's name, or a segment's.
    pub place: String,
    /// From the start of the file, in bytes.
    pub offset: u64,
    /// Needs a device link before it can be loaded (`-rdc=true`, `-dc`, `-dlto`).
    pub relocatable: bool,
    /// What device linking leaves in a program that has nothing to link: cubins with nothing in them, which decide nothing.
    pub stub: bool,
    /// What it holds, in the file's order; never empty.
    pub codes: Vec<Code>,
}

/// One entry: device code for one architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// What it is.
    pub kind: CodeKind,
    /// For which architecture.
    pub arch: GpuArch,
    /// The PTX ISA version, of PTX.
    pub isa: Option<PtxIsa>,
    /// From the start of the file, in bytes.
    pub offset: u64,
    /// In the file, in bytes.
    pub stored: u64,
    /// Once decompressed, in bytes.
    pub size: u64,
    /// How it is stored.
    pub compression: Compression,
    /// Compiled for debugging.
    pub debug: bool,
    /// The source's name, where nvcc left one.
    pub identifier: Option<String>,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CodeKind {
    /// Machine code: a cubin.
    Sass,
    /// PTX, which the driver compiles.
    Ptx,
    /// NVVM IR for link-time optimisation.
    LtoIr,
    /// Tile IR.
    TileIr,
    /// A kind without a name.
    Unknown(u16),
}

/// A toolkit that wrote device code.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ToolkitMark {
    /// Which release.
    pub release: CudaRelease,
    /// How many of the entries asked name it.
    pub entries: usize,
}

/// How far the question for toolkits went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Entries read.
    pub read: usize,
    /// Cubins there.
    pub of: usize,
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The archive's member.
    pub member: Option<String>,
    /// From the start of the file, in bytes.
    pub offset: Option<u64>,
    /// In words, a fragment.
    pub what: String,
}

impl Inventory {
    /// Whether there is device code that counts.
    pub fn has_device_code(&self) -> bool {
        self.loadable().next().is_some()
    }

    /// The modules that count: what a program loads, or, where nothing is linked yet, what will be linked.
    ///
    /// A linked program keeps its relocatable modules beside the linked ones; nothing ever loads them.
    pub fn loadable(&self) -> impl Iterator<Item = &Module> {
        let linked = self.modules.iter().any(|module| !module.relocatable && !module.stub);
        self.modules.iter().filter(move |module| !(module.stub || linked && module.relocatable))
    }

    /// All entries.
    pub fn codes(&self) -> impl Iterator<Item = &Code> {
        self.modules.iter().flat_map(|module| &module.codes)
    }

    /// The newest toolkit that wrote device code.
    pub fn newest_toolkit(&self) -> Option<CudaRelease> {
        self.toolkits.iter().map(|mark| mark.release).max()
    }

    /// The architectures of one kind of entry in what is [`loadable`](Self::loadable), each once, sorted.
    pub fn archs(&self, kind: CodeKind) -> BTreeSet<GpuArch> {
        let codes = self.loadable().flat_map(|module| &module.codes);
        codes.filter(|code| code.kind == kind).map(|code| code.arch).collect()
    }
}

impl Runtime {
    /// The major release of CUDA, if it is known.
    pub fn major(&self) -> Option<u16> {
        match self {
            Self::None => None,
            Self::Shared { major, .. } => *major,
            Self::Static { release } => release.map(|release| release.major),
        }
    }
}

impl CodeKind {
    /// In a word: `machine code`, `PTX`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sass => "sass",
            Self::Ptx => "ptx",
            Self::LtoIr => "lto-ir",
            Self::TileIr => "tile-ir",
            Self::Unknown(_) => "unknown",
        }
    }
}

impl Form {
    /// For people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Program => "program",
            Self::SharedLibrary => "shared library",
            Self::Object => "object file",
            Self::OtherElf => "ELF file",
            Self::Archive => "static library",
            Self::Fatbin => "fatbin",
            Self::Cubin => "cubin",
            Self::Ptx => "PTX",
            Self::Placeholder => "empty library",
        }
    }
}

impl Machine {
    /// From `e_machine`.
    pub fn from_elf(machine: u16) -> Self {
        const EM_ARM: u16 = 40;
        match Host::ALL.into_iter().find(|host| host.elf_machine() == machine) {
            Some(host) => Self::Host(host),
            None if machine == EM_ARM => Self::Arm32,
            None => Self::Other(machine),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => formatter.pad(host.as_str()),
            Self::Arm32 => formatter.pad("32-bit ARM"),
            Self::Other(machine) => formatter.pad(&format!("ELF machine {machine}")),
            Self::None => formatter.pad("no CPU"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(member) = &self.member {
            write!(formatter, "{member}: ")?;
        }
        formatter.write_str(&self.what)?;
        match self.offset {
            Some(offset) => write!(formatter, " at offset {offset:#x}"),
            None => Ok(()),
        }
    }
}
