//! The library as an ELF file: code and symbols in one segment, what the loader writes in another.

use object::elf as e;
use object::write::elf::{FileHeader, ProgramHeader, Rel, SectionHeader, Sym, Writer};
use object::{Endianness, write::StringId};

use crate::code::{Code, code};
use crate::entry::{Entry, STRIDE, entry, exported};
use crate::frame::IMPORTS;

/// Segments begin at multiples of the largest page that ARM's Linux has: 64 KiB, on Grace.
const PAGE: u64 = 0x1_0000;
const SONAME: &str = "libcuda.so.1";
/// Where the imports are: before glibc 2.34, threads were in a library of their own, which is still there.
const NEEDED: [&str; 2] = ["libc.so.6", "libpthread.so.0"];
const SEGMENTS: u32 = 4;
/// The size of one relocation, and of all of them: one an import.
const RELOCATION: u64 = size_of::<e::Rela64<Endianness>>() as u64;
const RELOCATIONS: u64 = RELOCATION * IMPORTS.len() as u64;

/// Where everything lies; in this library, addresses are offsets in the file.
struct Layout {
    symbols: u64,
    strings: u64,
    hash: u64,
    relocations: u64,
    text: u64,
    text_end: u64,
    dynamic: u64,
    imports: u64,
    end: u64,
}

/// The library's file.
pub fn library() -> Vec<u8> {
    build().expect("a vector takes all, and nothing is as large as 4 GiB")
}

fn build() -> object::write::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(Endianness::Little, true, &mut bytes);
    // Symbols: what is imported first, then what is exported.
    writer.reserve_null_dynamic_symbol_index();
    let imports: Vec<StringId> = IMPORTS.map(|name| writer.add_dynamic_string(name.as_bytes())).into();
    let exports: Vec<(StringId, &str)> = (0..exported())
        .filter_map(entry)
        .filter_map(|entry| match entry {
            Entry::Function { symbol, .. } => Some((writer.add_dynamic_string(symbol.as_bytes()), symbol)),
            _ => None,
        })
        .collect();
    for _ in 0..imports.len() + exports.len() {
        writer.reserve_dynamic_symbol_index();
    }
    let soname = writer.add_dynamic_string(SONAME.as_bytes());
    let needed = NEEDED.map(|name| writer.add_dynamic_string(name.as_bytes()));

    let count = u32::try_from(1 + imports.len() + exports.len()).expect("some thousands");
    let size_of_text = code(0).words.len() as u64 * 4;
    writer.reserve_file_header();
    writer.reserve_program_headers(SEGMENTS);
    let symbols = writer.reserve_dynsym();
    let hash = writer.reserve_hash(count, count);
    let strings = writer.reserve_dynstr()?;
    let relocations = writer.reserve_relocations(IMPORTS.len(), true);
    let text = writer.reserve(size_of_text, 16);
    let text_end = writer.reserved_len();
    writer.reserve_until(text_end.next_multiple_of(PAGE));
    let dynamic = writer.reserve_dynamic(DYNAMIC + NEEDED.len());
    let imports_at = writer.reserve(IMPORTS.len() as u64 * 8, 8);
    let end = writer.reserved_len();
    let layout =
        Layout { symbols, strings, hash, relocations, text, text_end, dynamic, imports: imports_at, end };

    writer.reserve_null_section_index();
    writer.reserve_dynsym_section_index();
    writer.reserve_hash_section_index();
    writer.reserve_dynstr_section_index();
    let names = [&b".rela.dyn"[..], b".text", b".got"].map(|name| writer.add_section_name(name));
    writer.reserve_section_index();
    let text_section = writer.reserve_section_index();
    writer.reserve_dynamic_section_index();
    writer.reserve_section_index();
    writer.reserve_shstrtab_section_index();
    writer.reserve_shstrtab()?;
    writer.reserve_section_headers();

    let Code { words, init } =
        code(i64::try_from(layout.imports - layout.text).expect("it lies behind, some kilobytes"));
    writer.write_file_header(&FileHeader {
        os_abi: e::ELFOSABI_NONE,
        abi_version: 0,
        e_type: e::ET_DYN,
        e_machine: e::EM_AARCH64,
        e_entry: 0,
        e_flags: e::FileFlags(0),
    })?;
    write_segments(&mut writer, &layout);
    writer.write_null_dynamic_symbol();
    for name in imports {
        let symbol = import(&writer, name);
        writer.write_dynamic_symbol(&symbol);
    }
    for (index, (name, _)) in (0..).zip(&exports) {
        let symbol = Sym {
            st_info: e::SymbolInfo::new(e::STB_GLOBAL, e::STT_FUNC),
            section: Some(text_section.0),
            st_value: layout.text + index * STRIDE,
            st_size: STRIDE,
            ..import(&writer, *name)
        };
        writer.write_dynamic_symbol(&symbol);
    }
    let names_by_index: Vec<&str> =
        IMPORTS.into_iter().chain(exports.iter().map(|(_, symbol)| *symbol)).collect();
    writer.write_hash(count, count, |index| {
        let index = usize::try_from(index).ok()?.checked_sub(1)?;
        Some(e::hash(names_by_index.get(index)?.as_bytes()))
    });
    writer.write_dynstr();
    writer.write_align_relocation();
    for import in 0..IMPORTS.len() {
        writer.write_relocation(
            true,
            &Rel {
                r_offset: layout.imports + import as u64 * 8,
                r_sym: u32::try_from(import + 1).expect("a few"),
                r_type: e::R_AARCH64_GLOB_DAT,
                r_addend: 0,
            },
        );
    }
    writer.pad_until(layout.text);
    for word in words {
        writer.write(&word.to_le_bytes());
    }
    writer.pad_until(layout.dynamic);
    write_dynamic(&mut writer, &layout, soname, needed, layout.text + init)?;
    writer.write(&[0; IMPORTS.len() * 8]);
    write_sections(&mut writer, &layout, names);
    Ok(bytes)
}

/// A symbol that another library defines.
fn import(writer: &Writer<'_>, name: StringId) -> Sym {
    Sym {
        section: None,
        st_name: writer.dynamic_string_offset(Some(name)),
        st_info: e::SymbolInfo::new(e::STB_GLOBAL, e::STT_NOTYPE),
        st_other: e::SymbolOther(0),
        st_shndx: e::SHN_UNDEF,
        st_value: 0,
        st_size: 0,
    }
}

/// Entries of the dynamic section, but for those that name needed libraries.
const DYNAMIC: usize = 12;

fn write_segments(writer: &mut Writer<'_>, layout: &Layout) {
    let segment = |p_type, p_flags, from: u64, to: u64, p_align| ProgramHeader {
        p_type,
        p_flags,
        p_offset: from,
        p_vaddr: from,
        p_paddr: from,
        p_filesz: to - from,
        p_memsz: to - from,
        p_align,
    };
    let (read_run, read_write) = (e::PF_R | e::PF_X, e::PF_R | e::PF_W);
    writer.write_align_program_headers();
    for header in [
        segment(e::PT_LOAD, read_run, 0, layout.text_end, PAGE),
        segment(e::PT_LOAD, read_write, layout.dynamic, layout.end, PAGE),
        segment(e::PT_DYNAMIC, read_write, layout.dynamic, layout.imports, 8),
        segment(e::PT_GNU_STACK, read_write, 0, 0, 16),
    ] {
        writer.write_program_header(&header);
    }
}

fn write_dynamic(
    writer: &mut Writer<'_>,
    layout: &Layout,
    soname: StringId,
    needed: [StringId; NEEDED.len()],
    init: u64,
) -> object::write::Result<()> {
    writer.write_align_dynamic();
    writer.write_dynamic_string(e::DT_SONAME, soname)?;
    for name in needed {
        writer.write_dynamic_string(e::DT_NEEDED, name)?;
    }
    writer.write_dynamic(e::DT_INIT, init)?;
    writer.write_dynamic(e::DT_HASH, layout.hash)?;
    writer.write_dynamic(e::DT_STRTAB, layout.strings)?;
    writer.write_dynamic(e::DT_STRSZ, u64::from(writer.dynstr_len()))?;
    writer.write_dynamic(e::DT_SYMTAB, layout.symbols)?;
    writer.write_dynamic(e::DT_SYMENT, size_of::<e::Sym64<Endianness>>() as u64)?;
    writer.write_dynamic(e::DT_RELA, layout.relocations)?;
    writer.write_dynamic(e::DT_RELASZ, RELOCATIONS)?;
    writer.write_dynamic(e::DT_RELAENT, RELOCATION)?;
    // A thread of the library waits within it: it stays where it is.
    writer.write_dynamic(e::DT_FLAGS_1, e::DF_1_NODELETE.0)?;
    writer.write_dynamic(e::DT_NULL, 0)
}

/// For tools that read sections; the loader does without.
fn write_sections(writer: &mut Writer<'_>, layout: &Layout, names: [StringId; 3]) {
    let [relocations, text, imports] = names;
    writer.write_shstrtab();
    writer.write_null_section_header();
    writer.write_dynsym_section_header(layout.symbols, 1);
    writer.write_hash_section_header(layout.hash);
    writer.write_dynstr_section_header(layout.strings);
    let header = SectionHeader {
        sh_name: writer.section_name_offset(Some(relocations)),
        sh_type: e::SHT_RELA,
        sh_flags: e::SHF_ALLOC,
        sh_addr: layout.relocations,
        sh_offset: layout.relocations,
        sh_size: RELOCATIONS,
        sh_link: writer.dynsym_index().0,
        sh_info: 0,
        sh_addralign: 8,
        sh_entsize: RELOCATION,
    };
    writer.write_section_header(&header);
    let section = |writer: &Writer<'_>, name, sh_flags, from: u64, to: u64, sh_addralign| SectionHeader {
        sh_name: writer.section_name_offset(Some(name)),
        sh_type: e::SHT_PROGBITS,
        sh_flags,
        sh_addr: from,
        sh_offset: from,
        sh_size: to - from,
        sh_link: 0,
        sh_info: 0,
        sh_addralign,
        sh_entsize: 0,
    };
    let header = section(writer, text, e::SHF_ALLOC | e::SHF_EXECINSTR, layout.text, layout.text_end, 16);
    writer.write_section_header(&header);
    writer.write_dynamic_section_header(layout.dynamic);
    let header = section(writer, imports, e::SHF_ALLOC | e::SHF_WRITE, layout.imports, layout.end, 8);
    writer.write_section_header(&header);
    writer.write_shstrtab_section_header();
}
