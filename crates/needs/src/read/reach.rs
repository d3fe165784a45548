//! Which sources a build comes to, as far as its files say: those that they name or that a pattern of theirs covers, and
//! what these include. A guess that errs on the side of too many: a name counts wherever a build file has it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use camino::{Utf8Path, Utf8PathBuf};
use memchr::memmem;
use regex::bytes::Regex;

use super::text::Text;
use crate::pattern::bytes;

/// What the files of a project say of that, gathered file by file.
#[derive(Default)]
pub(crate) struct Reach {
    /// Names that build files have, up to their first dot.
    named: BTreeSet<String>,
    /// Endings of which a build file takes whatever there is: `cu` of `*.cu` and `$(NAME).cu`.
    covered: BTreeSet<String>,
    /// A build file takes whatever there is.
    all: bool,
    /// Each source and header, with the names of what it includes.
    sources: BTreeMap<Utf8PathBuf, Vec<String>>,
}

/// A pattern or a variable before an ending.
static COVERS: LazyLock<Regex> = LazyLock::new(|| bytes(r"(?:[*?\])}@]|\$\w)\.(\*|\$|[A-Za-z+]+\*?)"));
/// A list of a folder's files that no pattern narrows.
static LISTS: LazyLock<Regex> = LazyLock::new(|| {
    bytes(
        r"(?i)\baux_source_directory\b|\$\(shell[ \t]+(?:ls|find|dir)\b|\blistdir\b|\bos\.walk\b|\bscandir\b|\brglob\(|\b(?:wildcard|GLOB\w*)\b[^)\n]*\*[\s)'\x22]",
    )
});

impl Reach {
    pub(crate) fn build_file(&mut self, text: &Text<'_>) {
        let code = text.code();
        self.all = self.all || LISTS.is_match(code);
        for captures in COVERS.captures_iter(code) {
            let ending = String::from_utf8_lossy(&captures[1]).into_owned();
            if ending.ends_with(['*', '$']) {
                self.all = true;
            } else {
                self.covered.insert(ending);
            }
        }
        let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.+-".contains(byte);
        for name in code.split(|byte| !in_name(byte)).filter_map(|name| std::str::from_utf8(name).ok()) {
            let stem = stem(name);
            if !stem.is_empty() && !self.named.contains(stem) {
                self.named.insert(stem.to_owned());
            }
        }
    }

    pub(crate) fn source(&mut self, text: &Text<'_>) {
        let mut includes = Vec::new();
        for at in memmem::find_iter(text.raw, b"include") {
            let rest = text.raw[at + b"include".len()..].trim_ascii_start();
            let close = match rest.first() {
                Some(b'<') => b'>',
                Some(b'"') => b'"',
                _ => continue,
            };
            let inside = &rest[1..rest.len().min(256)];
            let Some(end) = memchr::memchr(close, inside) else { continue };
            let name =
                std::str::from_utf8(&inside[..end]).ok().and_then(|path| Utf8Path::new(path).file_name());
            includes.extend(name.map(str::to_owned));
        }
        self.sources.insert(text.path().to_owned(), includes);
    }

    /// The sources and headers that a build comes to; none where the build files do not say it of any.
    pub(crate) fn built(self) -> Option<BTreeSet<Utf8PathBuf>> {
        if self.all {
            return None;
        }
        let starts = |path: &Utf8PathBuf| {
            let name = path.file_name().unwrap_or_default();
            self.named.contains(stem(name)) || path.extension().is_some_and(|end| self.covered.contains(end))
        };
        let mut found: BTreeSet<&Utf8PathBuf> = self.sources.keys().filter(|path| starts(path)).collect();
        if found.is_empty() {
            return None;
        }
        let mut by_name: BTreeMap<&str, Vec<&Utf8PathBuf>> = BTreeMap::new();
        for path in self.sources.keys() {
            by_name.entry(path.file_name().unwrap_or_default()).or_default().push(path);
        }
        let mut open: Vec<&Utf8PathBuf> = found.iter().copied().collect();
        while let Some(path) = open.pop() {
            let included = self.sources[path].iter().filter_map(|name| by_name.get(name.as_str())).flatten();
            open.extend(included.filter(|path| found.insert(path)));
        }
        Some(found.into_iter().cloned().collect())
    }
}

/// A name up to its first dot.
fn stem(name: &str) -> &str {
    name.split('.').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::read;

    /// The libraries that a project with these files, beside those of the sources, is taken to use.
    #[track_caller]
    fn check(files: &[(&str, &str)], expected: &[&str]) {
        let sources = [
            ("main.cu", "#include <cufft.h>\n#include \"part.h\"\n"),
            ("inc/part.h", "#include <curand.h>\n"),
            ("tests/blas.cu", "#include <cublas_v2.h>\n"),
        ];
        let needs = read(sources.iter().chain(files).copied());
        let found: Vec<_> = needs.libraries.keys().copied().collect();
        assert_eq!(found, expected, "{files:?}");
    }

    #[test]
    fn only_sources_that_the_build_comes_to_ask_for_libraries() {
        check(&[("Makefile", "main: main.o\n\tnvcc -o $@ $^\n")], &["cufft", "curand"]);
        check(&[("CMakeLists.txt", "add_executable(x main.cu)\n")], &["cufft", "curand"]);
        check(&[("Makefile", "x: tests/blas.cu\n")], &["cublas"]);
        check(&[("Makefile", "main:\n\tnvcc main.cu -lcusparse\n")], &["cufft", "curand", "cusparse"]);
    }

    #[test]
    fn what_the_build_files_leave_open_counts() {
        let all = &["cublas", "cufft", "curand"];
        check(&[], all);
        check(&[("Makefile", "all:\n\t./build\n")], all);
        for text in [
            "S := $(wildcard *.cu)\n",
            "S := $(shell find . -type f)\n",
            "x: $(NAMES).cu\n",
            "\tnvcc $@.cu\n",
            "\tnvcc */*.c*\n",
            "S := $(wildcard src/*)\n",
        ] {
            check(&[("Makefile", text)], all);
        }
        check(&[("CMakeLists.txt", "file(GLOB_RECURSE S src/*.cu)\n")], all);
        check(&[("CMakeLists.txt", "foreach(n a b)\nlist(APPEND S k_${n}.cu)\nendforeach()\n")], all);
        check(&[("CMakeLists.txt", "aux_source_directory(. S)\n")], all);
        check(&[("build.sh", "rm -rf build/*\nnvcc main.cu\n")], &["cufft", "curand"]);
    }
}
