//! The libraries and programs that a build file asks for: `-l`, `find_package`, `target_link_libraries`, pkg-config.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::collector::{Collector, Owner, at_most};
use super::condition::arguments;
use super::file_kind::Kind;
use super::text::Text;
use crate::pattern::bytes;
use crate::place::When;
use crate::{library, package};

static FLAG: LazyLock<Regex> =
    LazyLock::new(|| bytes(r#"(?:^|[\s"'=,;(\[`])-l[ \t]?([A-Za-z0-9_][A-Za-z0-9_.+-]*)"#));
static COMMAND: LazyLock<Regex> = LazyLock::new(|| {
    bytes(concat!(
        r"(?i)\b(find_package|pkg_check_modules|pkg_search_module|find_library|target_link_libraries|",
        r"link_libraries|add_library|add_executable|cuda_add_library|cuda_add_executable|cuda_add_\w+_to_target)[ \t]*\("
    ))
});
static VARIABLE: LazyLock<Regex> =
    LazyLock::new(|| bytes(r"\b(?:CUDA|CUDNN|NCCL|CUBLAS)_(?:\w+_)?(?:LIBRARY|LIBRARIES|LIB)\b"));
static PKG_CONFIG: LazyLock<Regex> = LazyLock::new(|| {
    bytes(
        r"(?:pkg-config|pkgconf|PKG_CONFIG\)|PKGCONFIG\)|PKG_CONFIG\})((?:[ \t]+(?:--?[a-z-]+(?:=\S+)?|[A-Za-z0-9_.+-]+))+)",
    )
});
static PKG_CHECK: LazyLock<Regex> =
    LazyLock::new(|| bytes(r"PKG_CHECK_MODULES\(\s*\[?\w+\]?\s*,\s*\[?([^\],)]+)"));
static IMPORT: LazyLock<Regex> =
    LazyLock::new(|| bytes(r"(?m)^[ \t]*(?:from|import)[ \t]+([A-Za-z_][\w.]*)"));
static PYTHON_LIBRARIES: LazyLock<Regex> =
    LazyLock::new(|| bytes(r"\blibraries[ \t]*\+?=[ \t]*\[([^\]]{0,2000})\]"));
static BAZEL: LazyLock<Regex> =
    LazyLock::new(|| bytes(r"@(?:local_)?(?:config_)?(?:cuda|rules_cuda)//[\w/]*:(\w+)"));
static QUOTED: LazyLock<Regex> = LazyLock::new(|| bytes(r#"["']([^"'\n]+)["']"#));

pub(crate) fn read(text: &Text<'_>, collector: &mut Collector) {
    for captures in FLAG.captures_iter(text.code()) {
        let name = captures.get(1).expect("not optional");
        link(text, name.start(), name.as_bytes(), "-l", collector);
    }
    match text.kind {
        Kind::CMake => cmake(text, collector),
        Kind::Python => python(text, collector),
        Kind::Bazel => {
            for captures in BAZEL.captures_iter(text.code()) {
                let name = captures.get(1).expect("not optional");
                link(text, name.start(), name.as_bytes(), ":", collector);
            }
        }
        Kind::Autotools => {
            for captures in PKG_CHECK.captures_iter(text.code()) {
                let list = captures.get(1).expect("not optional");
                modules(text, list.start(), list.as_bytes(), When::Always, collector);
            }
        }
        _ => {}
    }
    for captures in PKG_CONFIG.captures_iter(text.code()) {
        let list = captures.get(1).expect("not optional");
        modules(text, list.start(), list.as_bytes(), When::Always, collector);
    }
}

fn str(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or("")
}

fn link(text: &Text<'_>, offset: usize, name: &[u8], before: &str, collector: &mut Collector) {
    let name = str(name);
    // `-l:libx.so` aside, a name with its ending is a mistake that linkers refuse.
    let name = name.strip_suffix(".so").unwrap_or(name);
    if let Some(used) = Collector::used(text, offset, format!("{before}{name}")) {
        collector.link(name, used);
    }
}

/// Words between blanks, each with its offset.
fn words(base: usize, list: &[u8]) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    list.split(|byte| byte.is_ascii_whitespace() || *byte == b';').map(move |word| {
        let start = base + at;
        at += word.len() + 1;
        (start, str(word).trim_matches('"'))
    })
}

fn modules(text: &Text<'_>, base: usize, list: &[u8], limit: When, collector: &mut Collector) {
    for (offset, word) in words(base, list) {
        let Some(package) = package::of_module(word.trim_end_matches(['>', '<', '=', '`', ')'])) else {
            continue;
        };
        if let Some(mut used) = Collector::used(text, offset, format!("pkg-config {word}")) {
            used.when = at_most(used.when, limit);
            collector.owned(Owner::Other(package), word, used);
        }
    }
}

fn cmake(text: &Text<'_>, collector: &mut Collector) {
    let code = text.code();
    for captures in COMMAND.captures_iter(code) {
        let whole = captures.get(0).expect("group 0 is the match");
        let inside = arguments(code, whole.end());
        let list = &code[inside.clone()];
        match str(&captures[1]).to_ascii_lowercase().as_str() {
            "find_package" => find_package(text, inside.start, list, collector),
            "pkg_check_modules" | "pkg_search_module" => {
                let limit = if has_word(list, "REQUIRED") { When::Always } else { When::Sometimes };
                modules(text, inside.start, list, limit, collector);
            }
            "find_library" => {
                for (offset, word) in words(inside.start, list).skip(1) {
                    if let Some(mut used) = Collector::used(text, offset, format!("find_library({word})")) {
                        used.when = at_most(used.when, When::Sometimes);
                        collector.link(word, used);
                    }
                }
            }
            "add_library" | "add_executable" | "cuda_add_library" | "cuda_add_executable" => {
                let name = words(0, list).map(|(_, word)| word).find(|word| !word.is_empty());
                if let Some(name) = name.filter(|_| !has_word(list, "IMPORTED")) {
                    collector.targets.insert(name.to_owned());
                }
            }
            "target_link_libraries" | "link_libraries" => linked(text, inside.start, list, collector),
            command => {
                if let Some(library) = library::library_of_word(command)
                    && let Some(used) = Collector::used(text, whole.start(), command.to_owned())
                {
                    collector.owned(Owner::Cuda(library), command, used);
                }
            }
        }
    }
    for variable in VARIABLE.find_iter(code) {
        if let Some(library) = library::library_of_word(str(variable.as_bytes()))
            && let Some(used) = Collector::used(text, variable.start(), text.words(variable.range()))
        {
            collector.owned(Owner::Cuda(library), "", used);
        }
    }
}

fn has_word(list: &[u8], word: &str) -> bool {
    words(0, list).any(|(_, other)| other == word)
}

fn find_package(text: &Text<'_>, base: usize, list: &[u8], collector: &mut Collector) {
    let Some((offset, name)) = words(base, list).find(|(_, word)| !word.is_empty()) else { return };
    let Some(owner) = Owner::of_cmake(name) else { return };
    if let Some(mut used) = Collector::used(text, offset, format!("find_package({name})")) {
        let limit = if has_word(list, "REQUIRED") { When::Always } else { When::Sometimes };
        used.when = at_most(used.when, limit);
        collector.owned(owner, name, used);
    }
}

/// The words of `target_link_libraries`: targets with `::`, libraries by name, flags. Names in generator expressions and
/// variables are not read.
fn linked(text: &Text<'_>, base: usize, list: &[u8], collector: &mut Collector) {
    for (offset, word) in words(base, list).skip(1) {
        if word.is_empty() || word.starts_with(['-', '$']) {
            continue;
        }
        if let Some((package, _)) = word.split_once("::") {
            let owner = Owner::of_cmake(word).or_else(|| Owner::of_cmake(package));
            if let Some(owner) = owner
                && let Some(used) = Collector::used(text, offset, word.to_owned())
            {
                collector.owned(owner, word, used);
            }
        } else {
            link(text, offset, word.as_bytes(), "", collector);
        }
    }
}

fn python(text: &Text<'_>, collector: &mut Collector) {
    for captures in IMPORT.captures_iter(text.code()) {
        let name = captures.get(1).expect("not optional");
        if let Some(package) = package::of_python(str(name.as_bytes()))
            && let Some(used) = Collector::used(text, name.start(), text.words(name.range()))
        {
            collector.owned(Owner::Other(package), "", used);
        }
    }
    for captures in PYTHON_LIBRARIES.captures_iter(text.code()) {
        let list = captures.get(1).expect("not optional");
        for quoted in QUOTED.captures_iter(list.as_bytes()) {
            let name = quoted.get(1).expect("not optional");
            link(text, list.start() + name.start(), name.as_bytes(), "", collector);
        }
    }
}
