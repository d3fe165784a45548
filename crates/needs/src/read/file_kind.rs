//! What a file is, by its name: which reader it gets, and whether it is worth opening.

use camino::Utf8Path;

/// Whoever walks a project need not open more than this of any file.
const WHOLE: u64 = 4 << 20;

/// A pointer of Git LFS is smaller than this, as its specification says.
const POINTER: u64 = 1024;

/// How much of a file `read` wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Nothing.
    No,
    /// The first kibibyte: whether it is machine code, or a pointer to a file that is elsewhere.
    Head,
    /// All of it.
    Whole,
}

/// How much of a file `read` wants, given its path and its size in bytes.
pub fn wanted(path: &Utf8Path, size: u64) -> Wanted {
    match kind(path) {
        Some(Kind::Machine) => Wanted::Head,
        // That it is there says enough: it may hold every compile of a large project.
        Some(Kind::CompileCommands) if size > WHOLE => Wanted::Head,
        Some(_) if size <= WHOLE => Wanted::Whole,
        None if size < POINTER => Wanted::Head,
        Some(_) | None => Wanted::No,
    }
}

/// Whether a folder of this name holds nothing of the project's own: version control, results of builds.
pub fn is_skipped_folder(name: &str) -> bool {
    matches!(
        name,
        ".git" | ".hg" | ".svn" | "CMakeFiles" | "node_modules" | "__pycache__" | ".venv" | ".tox" | ".cache"
    )
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    CMake,
    Make,
    Autotools,
    Python,
    Meson,
    Bazel,
    QMake,
    CompileCommands,
    Shell,
    Docker,
    Source(Language),
    /// Libraries, objects: what a build makes, and what should not lie among sources.
    Machine,
}

/// What a source is written in, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Language {
    C,
    Cuda,
    Header,
}

/// By its name alone.
pub(crate) fn kind(path: &Utf8Path) -> Option<Kind> {
    let name = path.file_name()?;
    let by_name = match name {
        "CMakeLists.txt" => Kind::CMake,
        "Makefile" | "makefile" | "GNUmakefile" => Kind::Make,
        "configure" | "configure.ac" | "configure.in" | "Makefile.am" | "Makefile.in" => Kind::Autotools,
        "setup.py" | "setup.cfg" | "pyproject.toml" => Kind::Python,
        "meson.build" => Kind::Meson,
        "BUILD" | "BUILD.bazel" | "WORKSPACE" | "WORKSPACE.bazel" | "MODULE.bazel" | ".bazelrc" => {
            Kind::Bazel
        }
        "compile_commands.json" => Kind::CompileCommands,
        "Dockerfile" => Kind::Docker,
        _ => return by_ending(name),
    };
    Some(by_name)
}

fn by_ending(name: &str) -> Option<Kind> {
    if name.starts_with("Dockerfile.") {
        return Some(Kind::Docker);
    }
    if name.starts_with("Makefile.") || name.starts_with("makefile.") {
        return Some(Kind::Make);
    }
    let (stem, ending) = name.rsplit_once('.')?;
    Some(match ending {
        "cu" => Kind::Source(Language::Cuda),
        "c" | "cc" | "cpp" | "cxx" | "C" | "c++" => Kind::Source(Language::C),
        "h" | "hh" | "hpp" | "hxx" | "cuh" | "inl" | "inc" | "tcc" | "ipp" => Kind::Source(Language::Header),
        "cmake" => Kind::CMake,
        "mk" | "mak" => Kind::Make,
        "bzl" | "bazel" => Kind::Bazel,
        "pro" | "pri" => Kind::QMake,
        "sh" | "bash" => Kind::Shell,
        "dockerfile" => Kind::Docker,
        "so" | "a" | "o" => Kind::Machine,
        _ if is_versioned_library(stem, ending) => Kind::Machine,
        _ => return None,
    })
}

/// `libnvinfer.so.8.6.1`
fn is_versioned_library(stem: &str, ending: &str) -> bool {
    let is_number = ending.bytes().all(|byte| byte.is_ascii_digit());
    is_number && (stem.contains(".so.") || stem.strip_suffix(".so").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_name() {
        let check = |path: &str, expected| assert_eq!(kind(Utf8Path::new(path)), expected, "{path}");
        check("a/CMakeLists.txt", Some(Kind::CMake));
        check("cmake/FindX.cmake", Some(Kind::CMake));
        check("Makefile.config", Some(Kind::Make));
        check("a.cu", Some(Kind::Source(Language::Cuda)));
        check("lib/libx.so.8.6", Some(Kind::Machine));
        check("lib/libx.so", Some(Kind::Machine));
        check("v1.2", None);
        check("README.md", None);
        check("", None);
    }

    #[test]
    fn only_what_counts_is_opened() {
        let check = |path: &str, size, expected| {
            assert_eq!(wanted(Utf8Path::new(path), size), expected, "{path} {size}");
        };
        check("a.cu", 100, Wanted::Whole);
        check("a.cu", WHOLE + 1, Wanted::No);
        check("model.onnx", 133, Wanted::Head);
        check("model.onnx", 1 << 30, Wanted::No);
        check("libx.a", 1 << 30, Wanted::Head);
        assert!(is_skipped_folder(".git") && !is_skipped_folder("src"));
    }
}
