//! Functions of a cubin: what they use, as `cuobjdump -res-usage` says it, and how kernels are launched.

use crate::cubin::attribute::{self, Attributes};
use crate::cubin::note::Release;
use crate::cursor::Cursor;
use crate::sections::{SHT_SYMTAB, Section, Sections};

/// `sh_type` of `.nv.info`.
const SHT_CUDA_INFO: u32 = 0x7000_0000;
/// `sh_type` of `.nv.local.*` and `.nv.shared.*` in relocatable code; linked, they are `SHT_NOBITS`.
const SHT_CUDA_LOCAL: u32 = 0x7000_0009;
const SHT_CUDA_SHARED: u32 = 0x7000_000a;
/// `sh_type` of constant bank 0 in relocatable code; those of the other banks follow. Linked, they are `SHT_PROGBITS`.
const SHT_CUDA_CONSTANT_0: u32 = 0x7000_0064;
const SHT_CUDA_CONSTANT_LAST: u32 = 0x7000_007f;
/// `st_other`: a kernel.
const STO_CUDA_ENTRY: u8 = 0x10;
/// The low bits of a code section's `sh_info`: its symbol. Above them may stand the number of registers.
const SYMBOL_BITS: u32 = 24;
/// The most parameters taken from one kernel: the language allows 32764 bytes of them.
const MAX_PARAMETERS: usize = 1 << 15;

/// A function of device code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function<'data> {
    /// Its symbol, mangled as it is.
    pub name: &'data [u8],
    /// Whether it is a kernel: the host can launch it.
    pub is_kernel: bool,
    /// Registers of a thread.
    pub registers: u32,
    /// Registers that the code section names: 0 where only `.nv.info` does, as from sm_90 on.
    pub section_registers: u32,
    /// Stack of a thread, in bytes: `u32::MAX` where recursion leaves no bound. None in relocatable code, where only
    /// linking tells.
    pub stack: Option<u32>,
    /// Static shared memory of a block, in bytes.
    pub shared: u64,
    /// Local memory of a thread that has a section, in bytes: 0 in all that today's compilers write.
    pub local: u64,
    /// Constant banks of its own, in the order of their sections. Bank 0 holds the parameters and what the driver puts
    /// before them.
    pub constants: Vec<Constant>,
    /// The size of its code, in bytes.
    pub code: u64,
    /// `.nv.info.FUNCTION`
    info: &'data [u8],
}

/// A constant bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Constant {
    /// Its number.
    pub bank: u32,
    /// Its size, in bytes.
    pub size: u64,
}

/// How a kernel is launched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Launch {
    /// Its parameters, by their ordinals.
    pub parameters: Vec<Parameter>,
    /// The size of all parameters, in bytes.
    pub parameter_size: Option<u32>,
    /// Where in constant bank 0 the parameters start, in bytes.
    pub parameter_offset: Option<u32>,
    /// The most threads of a block in x, y and z: `__launch_bounds__`, `.maxntid`.
    pub max_threads: Option<[u32; 3]>,
    /// The threads of every block: `.reqntid`.
    pub required_threads: Option<[u32; 3]>,
    /// The blocks of a cluster: `__cluster_dims__`.
    pub cluster: Option<[u32; 3]>,
    /// Whether it wants to be launched with clusters.
    pub explicit_cluster: bool,
    /// The most registers that the compiler was allowed.
    pub max_registers: Option<u32>,
    /// Barriers that it uses.
    pub barriers: Option<u32>,
    /// The CUDA release that it was compiled for.
    pub release: Option<Release>,
}

/// A kernel's parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Parameter {
    /// Its place in the list, from 0.
    pub ordinal: u16,
    /// Where it starts in the parameter buffer, in bytes.
    pub offset: u16,
    /// Its size, in bytes.
    pub size: u32,
}

impl Function<'_> {
    /// Reads how it is launched.
    pub fn launch(&self) -> Launch {
        let mut launch = Launch::default();
        for attribute in Attributes::new(self.info) {
            let value = attribute.value;
            match attribute.id {
                attribute::KPARAM_INFO | attribute::KPARAM_INFO_V2 => {
                    let wide = attribute.id == attribute::KPARAM_INFO_V2;
                    if launch.parameters.len() < MAX_PARAMETERS {
                        launch.parameters.extend(parameter(value.cursor(), wide));
                    }
                }
                attribute::PARAM_CBANK => {
                    let mut cursor = value.cursor();
                    let _symbol = cursor.u32();
                    launch.parameter_offset = cursor.u16().map(u32::from);
                    launch.parameter_size = launch.parameter_size.or(cursor.u16().map(u32::from));
                }
                attribute::CBANK_PARAM_SIZE => launch.parameter_size = value.number(),
                attribute::MAX_THREADS => launch.max_threads = value.extent(),
                attribute::REQNTID => launch.required_threads = value.extent(),
                attribute::CTA_PER_CLUSTER => launch.cluster = value.extent(),
                attribute::EXPLICIT_CLUSTER => launch.explicit_cluster = true,
                attribute::MAXREG_COUNT => launch.max_registers = value.number(),
                attribute::NUM_BARRIERS => launch.barriers = value.number(),
                attribute::CUDA_API_VERSION => launch.release = value.number().and_then(Release::from_tens),
                _ => {}
            }
        }
        launch.parameters.sort_unstable();
        launch
    }
}

/// `EIATTR_KPARAM_INFO` packs the size into 14 bits; the other one has room for parameters over 4 KB.
fn parameter(mut cursor: Cursor<'_>, wide: bool) -> Option<Parameter> {
    let (_index, ordinal, offset) = (cursor.u32()?, cursor.u16()?, cursor.u16()?);
    let size = if wide { cursor.u16()?.into() } else { cursor.u32()? >> 18 };
    Some(Parameter { ordinal, offset, size })
}

/// All functions, in the order of their sections.
pub(crate) fn functions<'data>(sections: &Sections<'data>) -> Vec<Function<'data>> {
    let mut table = Table::default();
    let symbols = Symbols::of(sections);
    for section in sections.iter() {
        if let Some(name) = section.name().strip_prefix(b".text.") {
            table.add(&section, name, symbols.as_ref());
        }
    }
    table.index();
    for section in sections.iter() {
        table.resource(&section);
    }
    table.functions
}

/// The release that any function was compiled for.
pub(crate) fn api_release(sections: &Sections<'_>) -> Option<Release> {
    sections
        .iter()
        .filter(|section| section.kind == SHT_CUDA_INFO)
        .filter_map(|section| section.data().ok())
        .flat_map(Attributes::new)
        .find(|attribute| attribute.id == attribute::CUDA_API_VERSION)
        .and_then(|attribute| attribute.value.number())
        .and_then(Release::from_tens)
}

/// A whole decimal number.
pub(crate) fn number(digits: &[u8]) -> Option<u32> {
    str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
}

/// The functions found so far, and what leads to them.
#[derive(Default)]
struct Table<'data> {
    functions: Vec<Function<'data>>,
    /// By section index, which grows.
    by_section: Vec<(usize, usize)>,
    /// By symbol index; sorted once all are known.
    by_symbol: Vec<(u32, usize)>,
    /// By name; sorted once all are known.
    by_name: Vec<(&'data [u8], usize)>,
}

impl<'data> Table<'data> {
    fn add(&mut self, section: &Section<'data>, name: &'data [u8], symbols: Option<&Symbols<'data>>) {
        let place = self.functions.len();
        let symbol = section.info & ((1 << SYMBOL_BITS) - 1);
        self.by_section.push((section.index, place));
        self.by_symbol.push((symbol, place));
        self.functions.push(Function {
            name,
            is_kernel: symbols
                .and_then(|symbols| symbols.other(symbol))
                .is_some_and(|other| other & STO_CUDA_ENTRY != 0),
            registers: section.info >> SYMBOL_BITS,
            section_registers: section.info >> SYMBOL_BITS,
            stack: None,
            shared: 0,
            local: 0,
            constants: Vec::new(),
            code: section.size,
            info: &[],
        });
    }

    fn index(&mut self) {
        self.by_symbol.sort_unstable();
        self.by_name = self.functions.iter().map(|function| function.name).zip(0..).collect();
        self.by_name.sort_unstable();
    }

    /// What a section tells of one function, or of several.
    fn resource(&mut self, section: &Section<'data>) {
        let told = matches!(
            section.kind,
            1 | 8 | SHT_CUDA_INFO | SHT_CUDA_LOCAL | SHT_CUDA_SHARED | SHT_CUDA_CONSTANT_0
                ..=SHT_CUDA_CONSTANT_LAST
        );
        if !told {
            return;
        }
        let name = section.name();
        if name == b".nv.info" {
            return self.file_info(section.data().unwrap_or_default());
        }
        if let Some(name) = name.strip_prefix(b".nv.shared.") {
            if let Some(function) = self.function(section, name) {
                function.shared = function.shared.saturating_add(section.size);
            }
        } else if let Some(name) = name.strip_prefix(b".nv.local.") {
            if let Some(function) = self.function(section, name) {
                function.local = function.local.saturating_add(section.size);
            }
        } else if let Some(name) = name.strip_prefix(b".nv.info.") {
            if let Some(function) = self.function(section, name) {
                function.info = section.data().unwrap_or_default();
            }
        } else if let Some(rest) = name.strip_prefix(b".nv.constant") {
            let Some(dot) = memchr::memchr(b'.', rest) else { return };
            let (bank, name) = rest.split_at(dot);
            let (Some(bank), name) = (number(bank), name.get(1..).unwrap_or_default()) else { return };
            if let Some(function) = self.function(section, name) {
                function.constants.push(Constant { bank, size: section.size });
            }
        }
    }

    /// The function that a section belongs to: its `sh_info` leads to the code section; if not, its name does.
    fn function(&mut self, section: &Section<'data>, name: &[u8]) -> Option<&mut Function<'data>> {
        let linked = self.by_section.binary_search_by_key(&(section.info as usize), |(section, _)| *section);
        let linked = linked.ok().and_then(|place| self.by_section.get(place)).map(|(_, place)| *place);
        let linked =
            linked.filter(|place| self.functions.get(*place).is_some_and(|function| function.name == name));
        let named = || {
            let place = self.by_name.binary_search_by_key(&name, |(name, _)| *name).ok()?;
            self.by_name.get(place).map(|(_, place)| *place)
        };
        let place = linked.or_else(named)?;
        self.functions.get_mut(place)
    }

    /// Registers and stack, by symbol.
    fn file_info(&mut self, info: &[u8]) {
        for attribute in Attributes::new(info) {
            if !matches!(attribute.id, attribute::REGCOUNT | attribute::MIN_STACK_SIZE) {
                continue;
            }
            let mut cursor = attribute.value.cursor();
            let (Some(symbol), Some(value)) = (cursor.u32(), cursor.u32()) else { continue };
            let place = self.by_symbol.binary_search_by_key(&symbol, |(symbol, _)| *symbol).ok();
            let place = place.and_then(|place| self.by_symbol.get(place)).map(|(_, place)| *place);
            let Some(function) = place.and_then(|place| self.functions.get_mut(place)) else { continue };
            match attribute.id {
                attribute::REGCOUNT => function.registers = value,
                _ => function.stack = Some(value),
            }
        }
    }
}

/// The symbol table, of which only `st_other` is read.
struct Symbols<'data> {
    bytes: &'data [u8],
    wide: bool,
}

impl<'data> Symbols<'data> {
    fn of(sections: &Sections<'data>) -> Option<Self> {
        let table = sections.iter().find(|section| section.kind == SHT_SYMTAB)?;
        Some(Self { bytes: table.data().ok()?, wide: sections.header.class == 2 })
    }

    fn other(&self, symbol: u32) -> Option<u8> {
        let (size, place) = if self.wide { (24, 5) } else { (16, 13) };
        let start = (symbol as usize).checked_mul(size)?.checked_add(place)?;
        self.bytes.get(start).copied()
    }
}
