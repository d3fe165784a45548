//! A program for aarch64 that asks the plugin to start another one: what an x86_64 image's entry point gives to qemu, when
//! which program is to be started, and where on `PATH` it lies, is known only as the container starts.

use object::Endianness;
use object::elf as e;
use object::write::elf::{FileHeader, ProgramHeader, Writer};

use crate::code::starter_code;

/// The number of its system call (`x8`): the one argument is the address of the argument count, behind which the arguments
/// and the environment lie, as the kernel lays a program's stack out.
pub const START_NUMBER: i64 = 0xC0DB;

/// The program's file.
pub fn starter() -> Vec<u8> {
    build().expect("a vector takes all, and nothing is large")
}

fn build() -> object::write::Result<Vec<u8>> {
    let text: Vec<u8> = starter_code().iter().flat_map(|word| word.to_le_bytes()).collect();
    let mut bytes = Vec::new();
    let mut writer = Writer::new(Endianness::Little, true, &mut bytes);
    writer.reserve_file_header();
    writer.reserve_program_headers(2);
    let entry = writer.reserve(text.len() as u64, 16);
    let end = writer.reserved_len();
    writer.write_file_header(&FileHeader {
        os_abi: e::ELFOSABI_NONE,
        abi_version: 0,
        e_type: e::ET_DYN,
        e_machine: e::EM_AARCH64,
        e_entry: entry,
        e_flags: e::FileFlags(0),
    })?;
    writer.write_align_program_headers();
    let segment = |p_type, p_flags, size| ProgramHeader {
        p_type,
        p_flags,
        p_offset: 0,
        p_vaddr: 0,
        p_paddr: 0,
        p_filesz: size,
        p_memsz: size,
        p_align: 0x1_0000,
    };
    writer.write_program_header(&segment(e::PT_LOAD, e::PF_R | e::PF_X, end));
    writer.write_program_header(&segment(e::PT_GNU_STACK, e::PF_R | e::PF_W, 0));
    writer.pad_until(entry);
    writer.write(&text);
    Ok(bytes)
}
