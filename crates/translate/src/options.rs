//! How each tool's words are to be read: which are options, which take a value and where it stands. As data, in
//! `data/options/`; only the tables of the tool at hand are read.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::tool::Family;

/// Where an option's value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Form {
    Flag,
    Separate,
    Joined,
    Either,
    Equals,
}

/// What an option means to this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    Arch,
    Archive,
    AsList,
    AsWord,
    Assembly,
    Ccbin,
    ClangArch,
    ClangTarget,
    Code,
    Compile,
    Cpu,
    CppList,
    CppWord,
    CudaPath,
    Cubin,
    CudaSource,
    Define,
    Dependencies,
    Depfile,
    DepfileTarget,
    DeviceLink,
    Emulation,
    Fatbin,
    Folder,
    ForcedInclude,
    Forward,
    Gencode,
    HostList,
    Include,
    Language,
    LdList,
    LdWord,
    Library,
    LibraryPath,
    Link,
    Loader,
    Ltoir,
    Macros,
    March,
    Mtune,
    OptionsFile,
    OptixIr,
    Output,
    OutputFolder,
    Plain,
    Preprocess,
    Ptx,
    Query,
    QueryPrefix,
    Relocatable,
    Rpath,
    RpathLink,
    Run,
    Shared,
    Standard,
    Stdin,
    SyntaxOnly,
    Sysroot,
    SystemInclude,
    TargetDir,
    ToolPath,
    ToolchainPath,
    Undefine,
    Verbose,
    X86,
    /// No option: a file.
    File,
    /// An option of no table.
    Unknown,
}

/// One option with its value, or one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Argument {
    /// The index of its first word.
    pub first: usize,
    /// How many words: one, or two with a value of its own.
    pub count: usize,
    /// What it means.
    pub role: Role,
    /// The option without its value; empty for a file.
    pub name: String,
    /// Its value, or the file.
    pub value: Option<String>,
}

impl Argument {
    /// The value, or nothing where there is none.
    pub(crate) fn value(&self) -> &str {
        self.value.as_deref().unwrap_or_default()
    }

    /// The words of the same option with another value, joined as it was.
    pub(crate) fn with_value(&self, value: &str) -> Vec<String> {
        if self.count == 2 {
            return vec![self.name.clone(), value.to_owned()];
        }
        vec![format!("{}{value}", self.name)]
    }
}

type File = BTreeMap<Form, BTreeMap<Role, Vec<String>>>;

/// One tool's options.
#[derive(Default)]
struct Table {
    options: BTreeMap<String, (Form, Role)>,
    /// The longest name.
    longest: usize,
}

impl Table {
    fn read(texts: &[&str]) -> Self {
        let mut table = Self::default();
        for text in texts {
            let file: File = toml::from_str(text).expect("data/options is checked by a test");
            for (form, roles) in file {
                for (role, names) in roles {
                    for name in names {
                        table.longest = table.longest.max(name.len());
                        table.options.insert(name, (form, role));
                    }
                }
            }
        }
        table
    }

    /// The option that `word` begins with: the longest name that fits, and where its value starts.
    fn find(&self, word: &str) -> Option<(usize, Form, Role)> {
        if let Some((form, role)) = self.options.get(word) {
            return Some((word.len(), *form, *role));
        }
        let ends = word.char_indices().map(|(at, _)| at).skip(1);
        let ends: Vec<usize> = ends.take_while(|end| *end <= self.longest).collect();
        ends.into_iter().rev().find_map(|end| {
            let (form, role) = *self.options.get(&word[..end])?;
            let fits = match form {
                Form::Flag | Form::Separate => false,
                Form::Joined | Form::Either => true,
                Form::Equals => word[end..].starts_with('='),
            };
            fits.then_some((end, form, role))
        })
    }
}

static GCC: LazyLock<Table> = LazyLock::new(|| Table::read(&[include_str!("../data/options/gcc.toml")]));
static CLANG: LazyLock<Table> = LazyLock::new(|| {
    Table::read(&[include_str!("../data/options/gcc.toml"), include_str!("../data/options/clang.toml")])
});
static NVCC: LazyLock<Table> = LazyLock::new(|| Table::read(&[include_str!("../data/options/nvcc.toml")]));
static LD: LazyLock<Table> = LazyLock::new(|| Table::read(&[include_str!("../data/options/ld.toml")]));
static AS: LazyLock<Table> = LazyLock::new(|| Table::read(&[include_str!("../data/options/as.toml")]));

/// Reads words. A value that is missing at the end stays missing: the tool itself says so.
pub(crate) fn read(family: Family, words: &[String]) -> Vec<Argument> {
    let table: Option<&Table> = match family {
        Family::Nvcc => Some(&NVCC),
        Family::Gcc => Some(&GCC),
        Family::Clang => Some(&CLANG),
        Family::Ld => Some(&LD),
        Family::As => Some(&AS),
        Family::Ar | Family::Other => None,
    };
    let mut arguments = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let argument = match table {
            Some(table) => read_one(table, words, at),
            None => plain(at, &words[at]),
        };
        at += argument.count;
        arguments.push(argument);
    }
    arguments
}

fn plain(first: usize, word: &str) -> Argument {
    Argument { first, count: 1, role: Role::File, name: String::new(), value: Some(word.to_owned()) }
}

fn read_one(table: &Table, words: &[String], first: usize) -> Argument {
    let word = &words[first];
    let dashed = word.starts_with('-') && word.len() > 1;
    let Some((end, form, role)) = table.find(word) else {
        if dashed {
            return Argument { first, count: 1, role: Role::Unknown, name: word.clone(), value: None };
        }
        return plain(first, word);
    };
    let (name, rest) = word.split_at(end);
    let next = || words.get(first + 1).cloned();
    let (count, name, value) = match form {
        Form::Flag => (1, name, None),
        Form::Separate => (2, name, next()),
        Form::Either | Form::Equals if rest.is_empty() => (2, name, next()),
        Form::Joined | Form::Either => (1, name, Some(rest.to_owned())),
        Form::Equals => (1, &word[..=end], Some(rest[1..].to_owned())),
    };
    let count = if value.is_none() { 1 } else { count };
    Argument { first, count, role, name: name.to_owned(), value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(family: Family, text: &str, expected: &[(Role, &str, &str)]) {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        let found = read(family, &words);
        let found: Vec<_> =
            found.iter().map(|found| (found.role, found.name.as_str(), found.value())).collect();
        assert_eq!(found, expected, "`{text}`");
    }

    #[test]
    fn options_are_told_from_files_in_every_form() {
        check(
            Family::Gcc,
            "-c a.c -o a.o -Iinc -I inc -Wl,-z,now -Wall -marchx -mavx2 -mfoo -march=native",
            &[
                (Role::Compile, "-c", ""),
                (Role::File, "", "a.c"),
                (Role::Output, "-o", "a.o"),
                (Role::Include, "-I", "inc"),
                (Role::Include, "-I", "inc"),
                (Role::LdList, "-Wl,", "-z,now"),
                (Role::Plain, "-W", "all"),
                (Role::Unknown, "-marchx", ""),
                (Role::X86, "-mavx2", ""),
                (Role::Unknown, "-mfoo", ""),
                (Role::March, "-march=", "native"),
            ],
        );
        check(
            Family::Nvcc,
            "-arch=sm_87 -arch sm_87 --gpu-architecture=sm_87 -lineinfo -lfoo -O3 -optf=x -t4 -Wall --x",
            &[
                (Role::Arch, "-arch=", "sm_87"),
                (Role::Arch, "-arch", "sm_87"),
                (Role::Arch, "--gpu-architecture=", "sm_87"),
                (Role::Plain, "-lineinfo", ""),
                (Role::Library, "-l", "foo"),
                (Role::Plain, "-O", "3"),
                (Role::OptionsFile, "-optf=", "x"),
                (Role::Plain, "-t", "4"),
                (Role::Unknown, "-Wall", ""),
                (Role::Language, "--x", ""),
            ],
        );
        check(
            Family::Ld,
            "-m aarch64linux -maarch64linux -dynamic-linker /x --rpath=/y -L/z a.o",
            &[
                (Role::Emulation, "-m", "aarch64linux"),
                (Role::Emulation, "-m", "aarch64linux"),
                (Role::Loader, "-dynamic-linker", "/x"),
                (Role::Rpath, "--rpath=", "/y"),
                (Role::LibraryPath, "-L", "/z"),
                (Role::File, "", "a.o"),
            ],
        );
    }

    #[test]
    fn tables_hold_each_name_once() {
        for text in [
            include_str!("../data/options/gcc.toml"),
            include_str!("../data/options/clang.toml"),
            include_str!("../data/options/nvcc.toml"),
            include_str!("../data/options/ld.toml"),
            include_str!("../data/options/as.toml"),
        ] {
            let file: File = toml::from_str(text).unwrap();
            let mut names: Vec<_> = file.values().flat_map(BTreeMap::values).flatten().collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count);
            assert!(names.iter().all(|name| name.starts_with('-')));
        }
    }
}
