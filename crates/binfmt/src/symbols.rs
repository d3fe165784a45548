//! What an object file defines for others: enough of its symbol table to tell a program's objects from a library's.

use std::collections::BTreeSet;

use crate::cursor::{Cursor, until_nul};
use crate::sections::{SHT_SYMTAB, SectionError, Sections};

/// The size of an entry in a file of class 2 (`Elf64_Sym`), in bytes. Objects of class 1 are nobody's here.
const SYMBOL: usize = 24;
/// `st_info`, its upper half: `STB_GLOBAL` and `STB_WEAK`.
const GLOBAL: u8 = 1;
const WEAK: u8 = 2;
/// `st_shndx`: `SHN_UNDEF`.
const UNDEFINED: u16 = 0;

/// The names among `wanted` that an object file of 64 bits defines and that others can link to.
///
/// # Errors
/// Its sections cannot be read.
pub fn defined<'a>(bytes: &[u8], wanted: &[&'a str]) -> Result<BTreeSet<&'a str>, SectionError> {
    let sections = Sections::parse(bytes)?;
    let mut found = BTreeSet::new();
    for table in sections.iter().filter(|section| section.kind == SHT_SYMTAB) {
        let names = usize::try_from(table.link).ok().and_then(|index| sections.get(index));
        let names = names.map_or(Ok(&[][..]), |names| names.data())?;
        for entry in table.data()?.chunks_exact(SYMBOL) {
            let mut cursor = Cursor::new(entry);
            let (Some(name), Some(info), Some(_), Some(section)) =
                (cursor.u32(), cursor.u8(), cursor.u8(), cursor.u16())
            else {
                continue;
            };
            let name = usize::try_from(name).ok().and_then(|start| names.get(start..)).map(until_nul);
            if matches!(info >> 4, GLOBAL | WEAK) && section != UNDEFINED {
                found.extend(wanted.iter().filter(|wanted| name == Some(wanted.as_bytes())));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sections::tests::file;

    fn symbol(name: u32, info: u8, section: u16) -> Vec<u8> {
        [&name.to_le_bytes()[..], &[info, 0], &section.to_le_bytes(), &[0; 16]].concat()
    }

    /// An object whose names are in its own first section, which `file` gives the index that tables link to: 7.
    fn object(symbols: &[Vec<u8>]) -> Vec<u8> {
        let names = b"\0main\0other\0main2\0";
        let empty: (&str, u32, &[u8]) = ("", 1, b"");
        let symbols = symbols.concat();
        file(2, &[("", SHT_SYMTAB, &symbols), empty, empty, empty, empty, empty, (".strtab", 3, names)])
    }

    #[test]
    fn what_is_defined_for_others_is_found() {
        let names = |symbols: &[Vec<u8>]| {
            let found = defined(&object(symbols), &["main", "other", "none"]).expect("it is whole");
            found.into_iter().collect::<Vec<_>>().join(" ")
        };
        let function = |binding: u8| binding << 4 | 2;
        assert_eq!(names(&[symbol(1, function(GLOBAL), 1)]), "main");
        assert_eq!(names(&[symbol(1, function(GLOBAL), UNDEFINED)]), "", "wanted of others");
        assert_eq!(names(&[symbol(1, function(0), 1)]), "", "local: `static int main` of a test");
        assert_eq!(names(&[symbol(6, function(WEAK), 1), symbol(12, function(GLOBAL), 1)]), "other");
        assert_eq!(names(&[symbol(900, function(GLOBAL), 1)]), "", "a name outside the file");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, symbols: Vec<u8>) {
            let _ = defined(&bytes, &["main"]);
            let _ = defined(&object(&[symbols]), &["main"]);
        }
    }
}
