//! What a build file says of itself: with what it builds, and whether CUDA is part of that.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::collector::{Candidate, Collector};
use super::condition::arguments;
use super::file_kind::Kind;
use super::makefile::Makefile;
use super::text::Text;
use crate::build::{Build, BuildKind, Staging};
use crate::pattern::bytes;

static MINIMUM: LazyLock<Regex> =
    LazyLock::new(|| bytes(r"(?i)\bcmake_minimum_required[ \t]*\(\s*VERSION\s+([0-9.]+?)(?:\.\.|[\s)])"));
static PROJECT: LazyLock<Regex> = LazyLock::new(|| bytes(r"(?i)\b(project|enable_language)[ \t]*\("));
static CMAKE_CUDA: LazyLock<Regex> = LazyLock::new(|| {
    bytes(
        r"(?i)\bfind_package[ \t]*\(\s*CUDA(?:Toolkit)?\b|\bcuda_add_|\bCMAKE_CUDA_|\benable_language[ \t]*\([ \t]*CUDA|\bCUDA_NVCC|\.cu\b",
    )
});
static FIND_CUDA: LazyLock<Regex> = LazyLock::new(|| bytes(r"(?i)\bfind_package[ \t]*\(\s*CUDA[\s)]"));
static INSTALLS: LazyLock<Regex> =
    LazyLock::new(|| bytes(r"(?i)\binstall[ \t]*\([ \t\n]*(?:TARGETS|FILES|PROGRAMS|DIRECTORY)"));
static DESCENDS: LazyLock<Regex> = LazyLock::new(|| bytes(r"(?i)\badd_subdirectory[ \t]*\("));
static CMAKE_BUILDS: LazyLock<Regex> =
    LazyLock::new(|| bytes(r"(?i)\b(?:cuda_)?add_(?:executable|library)[ \t]*\(|\badd_subdirectory[ \t]*\("));
static MAKE_CUDA: LazyLock<Regex> = LazyLock::new(|| bytes(r"(?i)nvcc|\.cu\b|-lcudart\b|\bcuda"));
static MAKE_DESCENDS: LazyLock<Regex> =
    LazyLock::new(|| bytes(r"\$[({]MAKE[)}][^\n]*|\bmake[ \t]+-C\b|\bcd[ \t]+\S+[ \t]*(?:&&|;)[^\n]*make\b"));
static MAKE_BUILDS: LazyLock<Regex> = LazyLock::new(|| {
    bytes(
        r"(?i)\bnvcc\b|\$[({](?:CC|CXX|NVCC|LD|CPP|AR|HOSTCXX|HOST_COMPILER|LINK|COMPILER|cc|nvcc|link)[)}]|\b(?:gcc|clang|cmake)\b|\b(?:g|clang)\+\+|%\.o\b",
    )
});
static PREFIX: LazyLock<Regex> = LazyLock::new(|| bytes(r"\$[({](PREFIX|prefix|INSTALL_PREFIX)[)}]"));
static PYTHON_BUILDS: LazyLock<Regex> = LazyLock::new(|| {
    bytes(r"CUDAExtension|CppExtension|\bExtension[ \t]*\(|ext_modules|cmake|nvcc|scikit-build|scikit_build")
});

pub(crate) fn read(text: &Text<'_>, collector: &mut Collector) {
    let name = text.path().file_name().unwrap_or_default();
    let code = text.code();
    match (text.kind, name) {
        (Kind::CMake, _) => cmake(text, name, collector),
        (Kind::Make, "Makefile" | "makefile" | "GNUmakefile") => make(text, collector),
        (Kind::Make, _) if MAKE_CUDA.is_match(code) => {
            collector.cuda_make.insert(text.folder());
        }
        (Kind::Autotools, "configure" | "configure.ac" | "configure.in") => {
            let kind = BuildKind::Autotools { made: name == "configure" };
            add(text, kind, memchr::memmem::find(code, b"nvcc").is_some(), true, true, collector);
        }
        (Kind::Python, "setup.py" | "pyproject.toml") => {
            let cuda = [&b"nvcc"[..], b"CUDAExtension", b".cu\"", b".cu'"];
            let cuda = cuda.iter().any(|word| memchr::memmem::find(code, word).is_some());
            add(text, BuildKind::Python, cuda, true, PYTHON_BUILDS.is_match(code), collector);
        }
        (Kind::Meson, _) => {
            let cuda = memchr::memmem::find(code, b"cuda").is_some();
            let top = memchr::memmem::find(code, b"project(").is_some();
            add(text, BuildKind::Meson, cuda, true, top, collector);
        }
        (Kind::Bazel, "WORKSPACE" | "WORKSPACE.bazel" | "MODULE.bazel") => {
            let cuda = memchr::memmem::find(code, b"cuda").is_some();
            add(text, BuildKind::Bazel, cuda, true, true, collector);
        }
        (Kind::CompileCommands, _) => {
            let cuda = memchr::memmem::find(code, b".cu\"").is_some();
            add(text, BuildKind::CompileCommands, cuda, true, true, collector);
        }
        _ => {}
    }
}

fn add(
    text: &Text<'_>,
    kind: BuildKind,
    cuda: bool,
    descends: bool,
    useful: bool,
    collector: &mut Collector,
) {
    let file = Some(text.path().to_owned());
    let build = Build { kind, folder: text.folder(), file, cuda, reasons: Vec::new() };
    collector.builds.push(Candidate { build, descends, useful });
}

fn cmake(text: &Text<'_>, name: &str, collector: &mut Collector) {
    let code = text.code();
    let cuda = CMAKE_CUDA.is_match(code);
    if cuda {
        collector.cuda_cmake.insert(text.folder());
    }
    if name != "CMakeLists.txt" {
        return;
    }
    let string = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let kind = BuildKind::CMake {
        minimum: MINIMUM.captures(code).map(|captures| string(&captures[1])),
        languages: languages(code),
        find_cuda: FIND_CUDA.is_match(code),
        installs: INSTALLS.is_match(code),
    };
    let useful = PROJECT.is_match(code) && CMAKE_BUILDS.is_match(code);
    add(text, kind, cuda, DESCENDS.is_match(code), useful, collector);
}

fn languages(code: &[u8]) -> Vec<String> {
    const KNOWN: [&str; 6] = ["ASM", "C", "CUDA", "CXX", "Fortran", "OBJCXX"];
    let mut languages: Vec<String> = Vec::new();
    for captures in PROJECT.captures_iter(code) {
        let inside = arguments(code, captures.get(0).expect("group 0 is the match").end());
        let list = String::from_utf8_lossy(&code[inside]).into_owned();
        // The first word of `project` is its name.
        let skip = usize::from(captures[1].eq_ignore_ascii_case(b"project"));
        let words = list.split_whitespace().skip(skip);
        languages.extend(words.filter(|word| KNOWN.contains(word)).map(str::to_uppercase));
    }
    languages.sort();
    languages.dedup();
    languages
}

fn make(text: &Text<'_>, collector: &mut Collector) {
    let head = &text.raw[..text.raw.len().min(600)];
    let made =
        [&b"CMAKE generated file"[..], b"generated by automake", b"Generated by qmake", b"GENERATED FILE"];
    if made.iter().any(|words| memchr::memmem::find(head, words).is_some()) {
        return;
    }
    let code = text.code();
    let cuda = MAKE_CUDA.is_match(code);
    if cuda {
        collector.cuda_make.insert(text.folder());
    }
    let makefile = Makefile::parse(code);
    // A module of the kernel is built by the kernel's own makefiles.
    let kernel = memchr::memmem::find(code, b"obj-m").is_some()
        || memchr::memmem::find(code, b"/lib/modules").is_some();
    let descends = MAKE_DESCENDS.is_match(code);
    let useful = !kernel && (descends || MAKE_BUILDS.is_match(code)) && !makefile.rules.is_empty();
    let targets = makefile.targets();
    let staging = targets.iter().any(|target| target == "install").then(|| staging(code, descends)).flatten();
    let kind = BuildKind::Make { default: makefile.goal().map(ToOwned::to_owned), targets, staging };
    add(text, kind, cuda, descends, useful, collector);
}

/// `DESTDIR` where it is named, or may be by a makefile below, to which make hands it on.
fn staging(code: &[u8], descends: bool) -> Option<Staging> {
    let prefix = || {
        let found = PREFIX.captures(code)?;
        Some(Staging::Prefix(String::from_utf8_lossy(&found[1]).into_owned()))
    };
    if memchr::memmem::find(code, b"DESTDIR").is_some() {
        return Some(Staging::Destdir);
    }
    prefix().or_else(|| descends.then_some(Staging::Destdir))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_makefile_that_calls_a_compiler_builds() {
        for line in
            ["\tg++ -o x x.cpp", "\taarch64-linux-gnu-g++ -o x x.cpp", "\t$(CXX) -c x.cpp", "\tclang++ x.cpp"]
        {
            assert!(MAKE_BUILDS.is_match(line.as_bytes()), "{line}");
        }
        assert!(!MAKE_BUILDS.is_match(b"\tpython3 make_docs.py"));
    }

    #[test]
    fn an_install_can_be_led_elsewhere() {
        let destdir = b"install:\n\tinstall x $(DESTDIR)$(PREFIX)/bin\n";
        assert_eq!(staging(destdir, false), Some(Staging::Destdir));
        let prefix = b"install:\n\tcp x ${prefix}/bin\n";
        assert_eq!(staging(prefix, true), Some(Staging::Prefix("prefix".to_owned())));
        assert_eq!(staging(b"install:\n\tcp x /usr/bin\n", false), None);
        assert_eq!(staging(b"install:\n\t$(MAKE) -C src install\n", true), Some(Staging::Destdir));
    }
}
