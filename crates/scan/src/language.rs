//! Which language a file is written in, by its name and its first line.

use std::fmt;

use camino::Utf8Path;
use serde::Deserialize;

/// A language that rules can look into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// C, and headers that do not say.
    C,
    /// C++.
    Cpp,
    /// CUDA C++.
    Cuda,
    /// Assembly files (`.s`, `.S`).
    Assembly,
    /// CMake.
    Cmake,
    /// make, and what autotools feed it.
    Make,
    /// Bazel, its `.bazelrc` included.
    Bazel,
    /// Python.
    Python,
    /// Lists of Python packages: `requirements.txt`, and those of conda.
    Requirements,
    /// Shell.
    Shell,
    /// Dockerfiles.
    Dockerfile,
}

impl Language {
    /// Every language, in order.
    pub const ALL: [Self; 11] = [
        Self::C,
        Self::Cpp,
        Self::Cuda,
        Self::Assembly,
        Self::Cmake,
        Self::Make,
        Self::Bazel,
        Self::Python,
        Self::Requirements,
        Self::Shell,
        Self::Dockerfile,
    ];

    /// What a file called `path` that begins with `start` (a few hundred bytes will do) is written in.
    pub fn of(path: &Utf8Path, start: &[u8]) -> Option<Self> {
        by_name(path).or_else(|| by_first_line(start))
    }

    /// The word that rule files and JSON use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::C => "c",
            Self::Cpp => "cpp",
            Self::Cuda => "cuda",
            Self::Assembly => "assembly",
            Self::Cmake => "cmake",
            Self::Make => "make",
            Self::Bazel => "bazel",
            Self::Python => "python",
            Self::Requirements => "requirements",
            Self::Shell => "shell",
            Self::Dockerfile => "dockerfile",
        }
    }

    /// Whether it is C or grew from it.
    pub const fn is_c_like(self) -> bool {
        matches!(self, Self::C | Self::Cpp | Self::Cuda)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::C => "C",
            Self::Cpp => "C++",
            Self::Cuda => "CUDA",
            Self::Assembly => "assembly",
            Self::Cmake => "CMake",
            Self::Make => "make",
            Self::Bazel => "Bazel",
            Self::Python => "Python",
            Self::Requirements => "Python packages",
            Self::Shell => "shell",
            Self::Dockerfile => "Dockerfile",
        })
    }
}

fn by_name(path: &Utf8Path) -> Option<Language> {
    let name = path.file_name()?.to_ascii_lowercase();
    // A template is read as what it becomes.
    let name = name.strip_suffix(".in").unwrap_or(&name);
    match name {
        "cmakelists.txt" => return Some(Language::Cmake),
        "makefile" | "gnumakefile" | "makefile.am" => return Some(Language::Make),
        "build" | "build.bazel" | "workspace" | "workspace.bazel" | "module.bazel" | ".bazelrc" => {
            return Some(Language::Bazel);
        }
        "configure.ac" | "configure" | ".bashrc" => return Some(Language::Shell),
        _ => {}
    }
    let stem_is = |stem: &str| name.strip_prefix(stem).is_some_and(|rest| rest.starts_with(['.', '-', '_']));
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    if name == "dockerfile"
        || name == "containerfile"
        || extension == Some("dockerfile")
        || stem_is("dockerfile")
    {
        return Some(Language::Dockerfile);
    }
    if extension == Some("txt") && name.contains("requirements") {
        return Some(Language::Requirements);
    }
    Some(match extension? {
        "c" | "h" => Language::C,
        "cc" | "cpp" | "cxx" | "c++" | "hh" | "hpp" | "hxx" | "h++" | "ipp" | "tpp" | "inl" | "tcc" => {
            Language::Cpp
        }
        "cu" | "cuh" => Language::Cuda,
        "s" | "asm" => Language::Assembly,
        "cmake" => Language::Cmake,
        "mk" | "mak" | "make" => Language::Make,
        "bzl" | "bazel" | "bazelrc" => Language::Bazel,
        "py" => Language::Python,
        "sh" | "bash" | "zsh" => Language::Shell,
        _ if stem_is("makefile") => Language::Make,
        _ => return None,
    })
}

fn by_first_line(start: &[u8]) -> Option<Language> {
    let line = start.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line);
    let program = line.split_whitespace().find(|word| !word.ends_with("/env") && !word.starts_with('-'))?;
    let program = program.rsplit('/').next()?;
    if program.starts_with("python") {
        return Some(Language::Python);
    }
    match program {
        "sh" | "bash" | "dash" | "ksh" | "zsh" => Some(Language::Shell),
        "make" | "gmake" => Some(Language::Make),
        "cmake" => Some(Language::Cmake),
        _ => None,
    }
}
