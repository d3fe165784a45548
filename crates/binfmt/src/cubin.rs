//! Cubins: ELF files for a GPU, in the two layouts that CUDA has used since 2008.
//!
//! Names are those that `cuobjdump -elf` prints. What no document lays down was inferred from files of ptxas 11.8 to
//! 13.5: the layout that ptxas calls ABI 7 (before CUDA 13, and for GPUs before sm_100), and ABI 8.

mod attribute;
mod function;
pub(crate) mod note;

use crate::fatbin::Suffix;
use crate::kind::EM_CUDA;
use crate::sections::{SectionError, SectionErrorKind, Sections};

pub use attribute::{Attribute, Attributes, Value};
pub use function::{Constant, Function, Launch, Parameter};
pub use note::{Release, Tool};

/// A cubin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cubin<'data> {
    /// Its sections.
    pub sections: Sections<'data>,
}

/// The layout of a cubin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Abi {
    /// `EI_OSABI` 51, `EI_ABIVERSION` up to 7.
    Seven,
    /// `EI_OSABI` 65, `EI_ABIVERSION` 8 or more.
    Eight,
}

/// Marks of debug information, by what section names start with.
const DEBUG_SECTIONS: &[&[u8]] = &[b".debug_info", b".nv_debug_ptx_txt", b".nv_debug_info_reg_sass"];

impl<'data> Cubin<'data> {
    /// Reads the ELF header and finds the sections.
    pub fn parse(bytes: &'data [u8]) -> Result<Self, SectionError> {
        let sections = Sections::parse(bytes)?;
        if sections.header.machine != EM_CUDA {
            return Err(SectionError {
                offset: 18,
                kind: SectionErrorKind::Machine(sections.header.machine),
            });
        }
        Ok(Self { sections })
    }

    /// Its layout.
    pub fn abi(&self) -> Abi {
        let header = &self.sections.header;
        // The two have also been told apart by the ABI version alone where tools wrote the OS ABI as 0.
        if header.os_abi == 65 || (header.os_abi != 51 && header.abi_version >= 8) {
            Abi::Eight
        } else {
            Abi::Seven
        }
    }

    /// 90 of `sm_90`.
    pub fn arch(&self) -> u32 {
        let flags = self.sections.header.flags;
        match self.abi() {
            Abi::Seven => flags & 0xff,
            Abi::Eight => (flags >> 8) & 0xffff & ARCH_MASK,
        }
    }

    /// 80 where PTX of `compute_80` was assembled, if that is said.
    pub fn virtual_arch(&self) -> Option<u32> {
        match self.abi() {
            Abi::Seven => Some((self.sections.header.flags >> 16) & 0xff).filter(|arch| *arch != 0),
            Abi::Eight => note::cuda_info(&self.sections).map(|info| info.virtual_arch),
        }
    }

    /// `a` of `sm_90a`, as far as the cubin shows it: an `f` stands in the assembler's command line at best.
    pub fn suffix(&self) -> Suffix {
        let flags = self.sections.header.flags;
        let specific = match self.abi() {
            Abi::Seven => flags & 0x800 != 0,
            // CUDA 12.9 sets a flag, 13.0 an attribute.
            Abi::Eight => {
                let target =
                    self.compat().find(|attribute| attribute.id == attribute::COMPAT_ACCELERATOR_TARGET);
                flags & 0x8 != 0 || target.is_some_and(|target| target.value.number() == Some(1))
            }
        };
        if specific {
            return Suffix::A;
        }
        let arch = self.tools().iter().find_map(|tool| tool.arch().map(<[u8]>::last));
        match arch {
            Some(Some(b'a')) => Suffix::A,
            Some(Some(b'f')) => Suffix::F,
            _ => Suffix::None,
        }
    }

    /// Whether it is yet to be device-linked: `ET_REL`.
    pub fn is_relocatable(&self) -> bool {
        self.sections.header.kind == 1
    }

    /// Whether it holds debug information of the device code's own.
    pub fn is_debug(&self) -> bool {
        self.sections.iter().any(|section| {
            let name = section.name();
            DEBUG_SECTIONS.iter().any(|mark| name.starts_with(mark))
        })
    }

    /// Whether device linking left it with nothing in it: no function, no variable and no constant.
    pub fn is_stub(&self) -> bool {
        const CONTENT: &[&[u8]] = &[b".text.", b".nv.global", b".nv.constant3", b".nv.constant4"];
        !self.sections.iter().any(|section| {
            let name = section.name();
            CONTENT.iter().any(|content| name.starts_with(content))
        })
    }

    /// The tools that made it, in their order: `ptxas`, and a finalizer where one ran. Empty in cubins before CUDA 12.9.
    pub fn tools(&self) -> Vec<Tool<'data>> {
        note::tools(&self.sections)
    }

    /// The CUDA release that made it: by the last tool that says so, or else by whatever else in the file does.
    pub fn release(&self) -> Option<Release> {
        let tools = self.tools();
        tools
            .iter()
            .rev()
            .find_map(Tool::release)
            .or_else(|| note::cuda_info(&self.sections).and_then(|info| info.release))
            .or_else(|| match self.abi() {
                Abi::Seven => Release::from_tens(self.sections.header.version),
                Abi::Eight => None,
            })
            .or_else(|| function::api_release(&self.sections))
    }

    /// What `.nv.compat` says of the GPUs that it runs on.
    pub fn compat(&self) -> Attributes<'data> {
        let section = self.sections.named(b".nv.compat").and_then(|section| section.data().ok());
        Attributes::new(section.unwrap_or_default())
    }

    /// Its functions, kernels and others, in the order of their sections.
    pub fn functions(&self) -> Vec<Function<'data>> {
        function::functions(&self.sections)
    }

    /// The constant banks of the file as a whole, in the order of their sections: 3 and 4 as a rule.
    pub fn constants(&self) -> Vec<Constant> {
        let sections = self.sections.iter();
        sections
            .filter_map(|section| {
                let bank = section.name().strip_prefix(b".nv.constant")?;
                Some(Constant { bank: function::number(bank)?, size: section.size })
            })
            .collect()
    }

    /// The size of its global variables, in bytes.
    pub fn globals(&self) -> u64 {
        let sections = self.sections.iter();
        sections
            .filter(|section| matches!(section.name(), b".nv.global" | b".nv.global.init"))
            .fold(0, |sum, section| sum.saturating_add(section.size))
    }
}

/// ABI 8 gives the architecture 8 bits.
const ARCH_MASK: u32 = 0xff;
