//! A compiler command as words with roles: what it reads, writes and does.

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::options::{self, Argument, Role};
use crate::response::{self, Expanded};
use crate::{Family, Language, Tool, ToolKind, TranslateError, words};

/// One command, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    tool: Tool,
    args: Vec<String>,
    expanded: Expanded,
    arguments: Vec<Argument>,
}

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Prints something about the tool or what it would do, and makes no file: `--version`, `-dumpmachine`, `-print-*`,
    /// `-###`, `--dryrun`, `-dM -E`.
    Query,
    /// Preprocesses, or lists dependencies.
    Preprocess,
    /// Compiles to objects, assembly, PTX, cubins.
    Compile,
    /// Makes objects of assembly alone.
    Assemble,
    /// Links device code: `nvcc -dlink`.
    DeviceLink,
    /// Links, and compiles the sources that are named.
    Link,
    /// Makes or changes an archive.
    Archive,
    /// All else.
    Other,
}

/// A source and its language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// As the command names it; `-` is the standard input.
    pub path: Utf8PathBuf,
    /// By `-x` or the name's end.
    pub language: Language,
}

/// A library that is linked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Library {
    /// `-lNAME`, without `-l`.
    Named(String),
    /// A file, as the command names it.
    File(Utf8PathBuf),
}

/// The roles that say what a compiler makes, with the end of the result's name; earlier ones win.
const RESULTS: [(Role, &str); 9] = [
    (Role::Ptx, "ptx"),
    (Role::Cubin, "cubin"),
    (Role::Fatbin, "fatbin"),
    (Role::OptixIr, "optixir"),
    (Role::Ltoir, "ltoir"),
    (Role::CudaSource, "cu.cpp.ii"),
    (Role::Assembly, "s"),
    (Role::Compile, "o"),
    (Role::SyntaxOnly, ""),
];

impl Invocation {
    /// Reads a command. `args` does not hold the command's own name. `response_file` gives the text of a response file
    /// (`@FILE`, nvcc's `--options-file`), or nothing where it cannot be read: the words then stay as they are, and the
    /// tool itself says what is wrong. Fails only for response files without end.
    pub fn parse(
        tool: Tool,
        args: &[String],
        response_file: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, TranslateError> {
        let expanded = response::expand(tool.family(), args, response_file)?;
        let arguments = match tool.family() {
            Family::Other => Vec::new(),
            family => options::read(family, expanded.words()),
        };
        Ok(Self { tool, args: args.to_vec(), expanded, arguments })
    }

    /// The tool.
    pub fn tool(&self) -> &Tool {
        &self.tool
    }

    /// The words as they were given.
    pub fn args(&self) -> &[String] {
        &self.args
    }

    /// The words with response files in place.
    pub fn words(&self) -> &[String] {
        self.expanded.words()
    }

    pub(crate) fn expanded(&self) -> &Expanded {
        &self.expanded
    }

    pub(crate) fn arguments(&self) -> &[Argument] {
        &self.arguments
    }

    pub(crate) fn has(&self, role: Role) -> bool {
        self.arguments.iter().any(|argument| argument.role == role)
    }

    pub(crate) fn last(&self, role: Role) -> Option<&str> {
        self.arguments.iter().rev().find(|argument| argument.role == role)?.value.as_deref()
    }

    /// What it does.
    pub fn mode(&self) -> Mode {
        match self.tool.family() {
            Family::Ar if self.archive().is_some() => Mode::Archive,
            Family::Ar | Family::Other => Mode::Other,
            _ if self.has(Role::Query) || self.has(Role::QueryPrefix) => Mode::Query,
            _ if self.inputs().is_empty() => {
                if self.has(Role::Verbose) {
                    Mode::Query
                } else {
                    Mode::Other
                }
            }
            Family::As => Mode::Assemble,
            Family::Ld => Mode::Link,
            Family::Nvcc | Family::Gcc | Family::Clang => self.compiler_mode(),
        }
    }

    fn compiler_mode(&self) -> Mode {
        if self.has(Role::Preprocess) || self.tool.kind == ToolKind::Cpp {
            return if self.has(Role::Macros) { Mode::Query } else { Mode::Preprocess };
        }
        if self.has(Role::Archive) {
            return Mode::Archive;
        }
        if self.has(Role::DeviceLink) {
            return Mode::DeviceLink;
        }
        let sources = self.sources();
        if self.result().is_none() {
            let headers = !sources.is_empty() && sources.iter().all(|source| is_header(&source.path));
            return if headers { Mode::Compile } else { Mode::Link };
        }
        let assembly = |source: &SourceFile| source.language == Language::Assembly;
        if !sources.is_empty() && sources.iter().all(assembly) { Mode::Assemble } else { Mode::Compile }
    }

    /// What a compile makes of each source, as the end of its name.
    pub(crate) fn result(&self) -> Option<&'static str> {
        RESULTS.iter().find(|(role, _)| self.has(*role)).map(|(_, end)| *end)
    }

    /// The sources that are compiled, preprocessed or assembled.
    pub fn sources(&self) -> Vec<SourceFile> {
        let mut forced = None;
        let mut sources = Vec::new();
        if self.tool.family() == Family::Nvcc {
            forced = self.last(Role::Language).and_then(Language::named);
        }
        for argument in &self.arguments {
            match argument.role {
                Role::Language if self.tool.family() != Family::Nvcc => {
                    forced = Language::named(argument.value());
                }
                Role::File | Role::Stdin => {
                    let path =
                        Utf8Path::new(if argument.role == Role::Stdin { "-" } else { argument.value() });
                    let language = forced.or_else(|| self.language_of(path));
                    sources.extend(language.map(|language| SourceFile { path: path.to_owned(), language }));
                }
                _ => {}
            }
        }
        sources
    }

    fn language_of(&self, path: &Utf8Path) -> Option<Language> {
        match (self.tool.family(), Language::of(path)) {
            (Family::Gcc | Family::Clang | Family::Nvcc | Family::As, None) if path == "-" => {
                Some(Language::C)
            }
            (Family::As, _) => Some(Language::Assembly),
            // gcc does not know CUDA's sources.
            (Family::Ld | Family::Ar | Family::Other, _) | (Family::Gcc, Some(Language::Cuda)) => None,
            // g++ takes C for C++.
            (_, Some(Language::C))
                if matches!(self.tool.kind, ToolKind::Gxx | ToolKind::Cxx | ToolKind::Clangxx) =>
            {
                Some(Language::Cxx)
            }
            (_, language) => language,
        }
    }

    /// Every file that is named as an input: sources, objects, archives, shared libraries.
    pub fn inputs(&self) -> Vec<Utf8PathBuf> {
        if let Some((_, members)) = self.archive() {
            return members.iter().map(|member| Utf8PathBuf::from(*member)).collect();
        }
        let files = self.arguments.iter().filter_map(|argument| match argument.role {
            Role::File => Some(argument.value().into()),
            Role::Stdin => Some("-".into()),
            _ => None,
        });
        files.collect()
    }

    /// Every file that the command writes as its result, with the names that the tool itself chooses (`a.out`, `x.o`).
    /// Empty where the result goes to the standard output.
    pub fn outputs(&self) -> Vec<Utf8PathBuf> {
        let mode = self.mode();
        if matches!(mode, Mode::Query | Mode::Other) || self.has(Role::SyntaxOnly) {
            return Vec::new();
        }
        if let Some((archive, _)) = self.archive() {
            return vec![archive.into()];
        }
        if let Some(output) = self.last(Role::Output) {
            return if output == "-" { Vec::new() } else { vec![output.into()] };
        }
        match mode {
            Mode::Query | Mode::Other | Mode::Preprocess => Vec::new(),
            Mode::Link => vec!["a.out".into()],
            Mode::DeviceLink => vec!["a_dlink.o".into()],
            Mode::Archive => vec!["a.a".into()],
            Mode::Assemble if self.tool.family() == Family::As => vec!["a.out".into()],
            Mode::Compile | Mode::Assemble => {
                self.sources().iter().map(|source| self.default_output(&source.path)).collect()
            }
        }
    }

    fn default_output(&self, source: &Utf8Path) -> Utf8PathBuf {
        let name = source.file_name().unwrap_or("-");
        let path = match self.result() {
            // A header by itself is precompiled, beside itself.
            _ if is_header(source) => return format!("{source}.gch").into(),
            Some(end) => Utf8Path::new(name).with_extension(end),
            None => name.into(),
        };
        match self.last(Role::OutputFolder) {
            Some(folder) => Utf8Path::new(folder).join(path),
            None => path,
        }
    }

    /// The libraries that are linked, in the order given.
    pub fn libraries(&self) -> Vec<Library> {
        let mut libraries = Vec::new();
        if self.archive().is_none() {
            libraries_of(self.tool.family(), &self.arguments, &mut libraries);
        }
        libraries
    }

    /// The language of the sources; that of the last when they differ.
    pub fn language(&self) -> Option<Language> {
        self.sources().last().map(|source| source.language)
    }

    /// The file of dependencies (`-MF`, or what `-MD` writes beside the object).
    pub fn depfile(&self) -> Option<Utf8PathBuf> {
        if let Some(file) = self.last(Role::Depfile) {
            return Some(file.into());
        }
        if !self.has(Role::Dependencies) {
            return None;
        }
        if let Some(output) = self.last(Role::Output) {
            return Some(Utf8Path::new(output).with_extension("d"));
        }
        let source = self.sources().first()?.path.clone();
        let name = Utf8Path::new(source.file_name()?).with_extension("d");
        Some(match self.last(Role::OutputFolder) {
            Some(folder) => Utf8Path::new(folder).join(name),
            None => name,
        })
    }

    /// Options that no table knows: they are passed on as they are.
    pub fn unknown(&self) -> Vec<String> {
        let unknown = self.arguments.iter().filter(|argument| argument.role == Role::Unknown);
        unknown.map(|argument| argument.name.clone()).collect()
    }

    /// The archive that `ar` makes or changes, and the members that it names.
    fn archive(&self) -> Option<(&str, Vec<&str>)> {
        if self.tool.family() != Family::Ar {
            return None;
        }
        let mut words = self.expanded.words().iter().map(String::as_str).peekable();
        while let Some(option) = words.next_if(|word| word.starts_with("--")) {
            if matches!(option, "--plugin" | "--target" | "--output") {
                words.next();
            }
        }
        let operation = words.next()?;
        let letters = operation.strip_prefix('-').unwrap_or(operation);
        if !letters.starts_with(['r', 'q', 'd', 'm', 's', 'c', 'u', 'D', 'U', 'v', 'T'])
            || letters.contains(['t', 'x', 'p'])
        {
            return None;
        }
        // With these a member is named before the archive, or a count.
        if letters.contains(['a', 'b', 'i', 'N']) {
            words.next();
        }
        let mut files = Vec::new();
        while let Some(word) = words.next() {
            match word {
                "--plugin" | "--target" | "--output" => drop(words.next()),
                option if option.starts_with("--") => {}
                file => files.push(file),
            }
        }
        let archive = *files.first()?;
        Some((archive, files.split_off(1)))
    }
}

fn is_header(path: &Utf8Path) -> bool {
    matches!(path.extension(), Some("h" | "hh" | "hpp" | "hxx" | "H" | "h++"))
}

fn libraries_of(family: Family, arguments: &[Argument], libraries: &mut Vec<Library>) {
    for argument in arguments {
        match argument.role {
            Role::Library if family == Family::Nvcc => {
                let names = words::nvcc_list(argument.value()).unwrap_or_default();
                libraries.extend(names.into_iter().map(Library::Named));
            }
            Role::Library => libraries.push(Library::Named(argument.value().to_owned())),
            Role::File if is_library(argument.value()) => {
                libraries.push(Library::File(argument.value().into()));
            }
            Role::LdList => {
                let inner = match family {
                    Family::Nvcc => words::nvcc_list(argument.value()).unwrap_or_default(),
                    _ => argument.value().split(',').map(str::to_owned).collect(),
                };
                libraries_of(Family::Ld, &options::read(Family::Ld, &inner), libraries);
            }
            _ => {}
        }
    }
}

/// `libx.a`, `libx.so`, `libx.so.1.2`.
pub(crate) fn is_library(file: &str) -> bool {
    let name = file.rsplit_once('/').map_or(file, |(_, name)| name);
    matches!(Utf8Path::new(name).extension(), Some("a" | "so")) || name.contains(".so.")
}

/// The words of an nvcc command, with those of the variables `NVCC_PREPEND_FLAGS` and `NVCC_APPEND_FLAGS` where nvcc puts
/// them. Whoever runs the result must take both variables out of its environment.
pub fn with_nvcc_variables(args: &[String], prepend: Option<&str>, append: Option<&str>) -> Vec<String> {
    let mut all = words::nvcc_variable(prepend.unwrap_or_default());
    all.extend(args.iter().cloned());
    all.extend(words::nvcc_variable(append.unwrap_or_default()));
    all
}

#[cfg(test)]
mod tests;
