//! What Makefiles and CMake's files say about the ARM build: architectures, standard, device link, libraries.
//!
//! They are read as text, line by line; nothing is evaluated. Of branches that name a processor, those for others than
//! ARM are skipped.

use std::ops::ControlFlow;

use camino::Utf8Path;
use cuferry_arch::select::GpuRequest;
use cuferry_arch::table;

use super::library;
use super::note::Place;
use crate::names;

/// Flags of nvcc without their `-l`, which makes them look like libraries.
const LIKE_LIBRARIES: [&str; 5] = ["ib", "ineinfo", "ink", "to", "toir"];

/// How many libraries and unknown architectures are kept: a build file beyond that is none.
const MOST: usize = 256;

/// Everything found, each with its place, in the order of the text.
#[derive(Debug, Default)]
pub(super) struct BuildFacts {
    pub(super) archs: Vec<(GpuRequest, Place)>,
    /// Texts that look like architectures and are in no table.
    pub(super) unknown_archs: Vec<(String, Place)>,
    /// `17` for C++17.
    pub(super) standards: Vec<(u16, Place)>,
    pub(super) device_link: Option<Place>,
    /// Libraries by name: CUDA's own or not.
    pub(super) libraries: Vec<(bool, String, Place)>,
}

/// The language of a build file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Make,
    CMake,
}

impl Dialect {
    /// By a file's name; `None` where it is no build file.
    pub(super) fn of(path: &Utf8Path) -> Option<Self> {
        match (path.file_name()?, path.extension()) {
            ("Makefile" | "makefile" | "GNUmakefile", _) | (_, Some("mk" | "mak")) => Some(Self::Make),
            ("CMakeLists.txt", _) | (_, Some("cmake")) => Some(Self::CMake),
            _ => None,
        }
    }
}

impl BuildFacts {
    /// Adds what one file says.
    pub(super) fn read(&mut self, path: &Utf8Path, text: &str, dialect: Dialect) {
        let mut branches = Branches::default();
        for (number, line) in logical_lines(text, dialect) {
            if branches.step(&line, dialect).is_continue() && branches.is_for_arm() {
                self.line(&line, dialect, &Place::new(path, number));
            }
        }
    }

    fn line(&mut self, line: &str, dialect: Dialect, place: &Place) {
        // Quotes inside of a flag (`code=\"sm_87,compute_87\"`) do not end it.
        let line = &line.replace("\\\"", "").replace("code=\"", "code=");
        let words: Vec<&str> = line
            .split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '(' | ')' | ';'))
            .filter(|word| !word.is_empty())
            .collect();
        let names_real = words.iter().any(|word| word.contains("sm_"));
        for word in &words {
            let code = word.rsplit_once("code=").map(|(_, code)| code);
            for name in arch_names(code.unwrap_or(word)) {
                if name.starts_with("sm_") || code.is_some() || !names_real {
                    self.arch(name, place);
                }
            }
        }
        self.listed(&words, line, dialect, place);
        self.flags(&words, place);
    }

    /// An architecture by its name; numbers in no table are kept apart.
    fn arch(&mut self, name: &str, place: &Place) {
        let request = name.parse::<GpuRequest>().ok();
        if let Some(request) = request.filter(|request| table::gpu(request.arch()).is_some()) {
            self.request(request, place);
        } else if self.unknown_archs.len() < MOST && self.unknown_archs.iter().all(|(known, _)| known != name)
        {
            self.unknown_archs.push((name.to_owned(), place.clone()));
        }
    }

    fn request(&mut self, request: GpuRequest, place: &Place) {
        if self.archs.iter().all(|(known, _)| *known != request) {
            self.archs.push((request, place.clone()));
        }
    }

    /// Bare numbers behind a name that speaks of architectures: `SMS = 53 72 87`, `set(CMAKE_CUDA_ARCHITECTURES 72 87)`.
    fn listed(&mut self, words: &[&str], line: &str, dialect: Dialect, place: &Place) {
        let number = |word: &str| {
            let (number, is_virtual) = match word.rsplit_once('-') {
                Some((number, "real")) => (number, false),
                Some((number, "virtual")) => (number, true),
                _ => (word, false),
            };
            let starts_plain = number.starts_with(|first: char| first.is_ascii_digit());
            let request = number.parse::<GpuRequest>().ok().filter(|_| starts_plain)?;
            table::gpu(request.arch())?;
            Some(if is_virtual { GpuRequest::Virtual(request.arch()) } else { request })
        };
        let listed: Vec<_> = match dialect {
            Dialect::Make => {
                let Some((name, value)) = assignment(line) else { return };
                if !speaks_of_archs(name) {
                    return;
                }
                let values = value.split([' ', '\t', ',', ';', '"', '\'']).filter(|word| !word.is_empty());
                let Some(listed) = values.map(number).collect::<Option<Vec<_>>>() else { return };
                listed
            }
            Dialect::CMake => {
                let named = words.iter().position(|word| speaks_of_archs(word));
                let values = named.map_or(&[][..], |at| &words[at + 1..]);
                values.iter().map_while(|word| number(word)).collect()
            }
        };
        for request in listed {
            self.request(request, place);
        }
    }

    fn flags(&mut self, words: &[&str], place: &Place) {
        for (at, word) in words.iter().enumerate() {
            let next = words.get(at + 1).copied().unwrap_or_default();
            if let Some(standard) = standard(word, next) {
                self.standards.push((standard, place.clone()));
            }
            let separable =
                *word == "CUDA_SEPARABLE_COMPILATION" || *word == "CMAKE_CUDA_SEPARABLE_COMPILATION";
            let link_flag =
                matches!(*word, "-dc" | "--device-c" | "-rdc=true" | "--relocatable-device-code=true")
                    || matches!(*word, "-rdc" | "--relocatable-device-code") && next == "true";
            if link_flag || separable && matches!(next, "ON" | "TRUE" | "1" | "YES" | "on" | "true") {
                self.device_link.get_or_insert_with(|| place.clone());
            }
            let library = match word.strip_prefix("-l").or_else(|| word.strip_prefix("CUDA::")) {
                Some("cuda_driver") => Some("cuda"),
                Some("nvml") => Some("nvidia-ml"),
                library => {
                    library.filter(|name| names::is_library_name(name) && !LIKE_LIBRARIES.contains(name))
                }
            };
            let Some((is_cuda, name)) = library.and_then(library::of_flag) else { continue };
            if self.libraries.len() < MOST && self.libraries.iter().all(|(_, known, _)| known != name) {
                self.libraries.push((is_cuda, name.to_owned(), place.clone()));
            }
        }
    }
}

/// `sm_87`, `compute_90a`: every such name in a word, where a digit follows and no letter stands before.
fn arch_names(word: &str) -> impl Iterator<Item = &str> {
    let starts =
        word.match_indices("sm_").chain(word.match_indices("compute_")).filter_map(|(at, prefix)| {
            let stands_alone = !word[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            let digits = &word[at + prefix.len()..];
            let length = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
            let suffix = usize::from(digits[length..].starts_with(['a', 'f']));
            (stands_alone && length > 0).then(|| &word[at..at + prefix.len() + length + suffix])
        });
    starts.collect::<Vec<_>>().into_iter()
}

/// Whether a variable of this name lists architectures: `SMS`, `CUDA_ARCH_BIN`, `GENCODE_SM`, `CMAKE_CUDA_ARCHITECTURES`.
fn speaks_of_archs(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    name.split(['_', '-', '.'])
        .any(|part| matches!(part, "SM" | "SMS" | "ARCH" | "ARCHS" | "ARCHITECTURES" | "CC" | "COMPUTE"))
}

/// A Makefile's `NAME = value`, with any of its operators.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim().trim_end_matches([':', '?', '+', '!']).trim();
    let name = name.strip_prefix("export ").or_else(|| name.strip_prefix("override ")).unwrap_or(name).trim();
    let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (plain && !value.trim().is_empty()).then(|| (name, value.trim()))
}

/// `17` for what asks for C++17 in a compiler's flag or in CMake.
fn standard(word: &str, next: &str) -> Option<u16> {
    const NAMES: [&str; 4] = ["CMAKE_CXX_STANDARD", "CMAKE_CUDA_STANDARD", "CXX_STANDARD", "CUDA_STANDARD"];
    let after_name =
        |text: &str| text.strip_prefix("c++").or_else(|| text.strip_prefix("gnu++")).map(str::to_owned);
    let digits = if matches!(word, "-std" | "--std") {
        after_name(next)?
    } else if NAMES.contains(&word) {
        next.to_owned()
    } else if let Some(text) = word.split_once("std=").map(|(_, text)| text) {
        after_name(text)?
    } else {
        word.strip_prefix("cxx_std_").or_else(|| word.strip_prefix("cuda_std_"))?.to_owned()
    };
    match digits.as_str() {
        "0x" => Some(11),
        "1y" => Some(14),
        "1z" => Some(17),
        "2a" => Some(20),
        "2b" => Some(23),
        "11" | "14" | "17" | "20" | "23" => digits.parse().ok(),
        _ => None, // C++98 and 03 ask for nothing that is not there
    }
}

/// Lines without comments, those that go on joined, each with the number of its first.
fn logical_lines(text: &str, dialect: Dialect) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    let mut depth = 0_i64;
    for (index, line) in text.lines().enumerate() {
        let code = without_comment(line);
        let (code, ends_open) = match (dialect, code.trim_end().strip_suffix('\\')) {
            (Dialect::Make, Some(code)) => (code, true),
            (Dialect::Make, None) => (code, false),
            (Dialect::CMake, _) => {
                let count = |mark| i64::try_from(code.matches(mark).count()).unwrap_or(i64::MAX);
                depth = (depth + count('(') - count(')')).max(0);
                (code, depth > 0)
            }
        };
        match lines.last_mut() {
            Some((_, joined)) if goes_on => {
                joined.push(' ');
                joined.push_str(code);
            }
            _ => lines.push((index + 1, code.to_owned())),
        }
        goes_on = ends_open;
    }
    lines
}

fn without_comment(line: &str) -> &str {
    let mut from = 0;
    while let Some(at) = line[from..].find('#').map(|at| from + at) {
        if !line[..at].ends_with('\\') {
            return &line[..at];
        }
        from = at + 1;
    }
    line
}

/// The open conditionals: whether each one's branch now is for ARM, where its condition says so.
#[derive(Default)]
struct Branches {
    open: Vec<Branch>,
}

struct Branch {
    now: Option<bool>,
    /// A branch before was for ARM.
    arm_before: bool,
    /// All branches before were for other processors.
    others_before: bool,
}

impl Branches {
    fn is_for_arm(&self) -> bool {
        self.open.iter().all(|branch| branch.now != Some(false))
    }

    /// Breaks at a line that is itself a condition.
    fn step(&mut self, line: &str, dialect: Dialect) -> ControlFlow<()> {
        let line = line.trim();
        let end = line.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(line.len());
        let (word, rest) = (line[..end].to_ascii_lowercase(), line[end..].trim());
        match (dialect, word.as_str()) {
            (Dialect::Make, "ifeq" | "ifneq" | "ifdef" | "ifndef") | (Dialect::CMake, "if") => {
                let now = for_arm(&word, rest, dialect);
                self.open.push(Branch {
                    now,
                    arm_before: now == Some(true),
                    others_before: now == Some(false),
                });
            }
            (Dialect::Make, "else") | (Dialect::CMake, "else" | "elseif") => {
                let condition = match dialect {
                    Dialect::Make => rest.split_once(char::is_whitespace).or_else(|| rest.split_once('(')),
                    Dialect::CMake if word == "elseif" => Some((word.as_str(), rest)),
                    Dialect::CMake => None,
                };
                if let Some(branch) = self.open.last_mut() {
                    branch.now = match condition {
                        _ if branch.arm_before => Some(false),
                        Some((word, rest)) => for_arm(word, rest, dialect),
                        None => branch.others_before.then_some(true),
                    };
                    branch.arm_before |= branch.now == Some(true);
                    branch.others_before &= branch.now == Some(false);
                }
            }
            (Dialect::Make | Dialect::CMake, "endif") => drop(self.open.pop()),
            _ => return ControlFlow::Continue(()),
        }
        ControlFlow::Break(())
    }
}

/// Whether a condition holds on ARM; `None` where it names no processor, or several.
fn for_arm(word: &str, condition: &str, dialect: Dialect) -> Option<bool> {
    let condition = condition.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| condition.contains(word));
    let arm = has(&["aarch64", "arm64", "armv", "tegra", "jetson", "l4t", "sbsa"]);
    let other = has(&["x86", "amd64", "i386", "i686", "ppc64"]);
    if arm == other {
        return None;
    }
    let negated = match dialect {
        Dialect::CMake => condition.split(|c: char| !c.is_alphanumeric()).any(|word| word == "not"),
        // `ifneq (,$(findstring aarch64,…))` asks whether something was found; `ifeq` with nothing, whether not.
        Dialect::Make => {
            let blank =
                ["(,", ",)", "\"\"", "''"].iter().any(|blank| condition.replace(' ', "").contains(blank));
            blank ^ word.ends_with("neq") ^ word.ends_with("ndef")
        }
    };
    Some(arm ^ negated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(text: &str, dialect: Dialect) -> BuildFacts {
        let mut facts = BuildFacts::default();
        facts.read("Makefile".into(), text, dialect);
        facts
    }

    #[track_caller]
    fn check(dialect: Dialect, text: &str, expected: &str) {
        let name = |request: &GpuRequest| match request {
            GpuRequest::Real(arch) => arch.real(),
            GpuRequest::Virtual(arch) => arch.virtual_(),
        };
        let archs = facts(text, dialect).archs;
        let shown: Vec<_> =
            archs.iter().map(|(arch, place)| format!("{}:{}", name(arch), place.line)).collect();
        assert_eq!(shown.join(" "), expected, "{text}");
    }

    #[test]
    fn makefiles_name_architectures() {
        let check = |text: &str, expected: &str| check(Dialect::Make, text, expected);
        check(
            "GENCODE=-gencode arch=compute_87,code=sm_87 -gencode arch=compute_87,code=compute_87",
            "sm_87:1 compute_87:1",
        );
        check(
            "x:\n\tnvcc -gencode=arch=compute_72,code=\\\"sm_72,compute_72\\\" a.cu",
            "sm_72:2 compute_72:2",
        );
        check("F = -gencode arch=compute_53,code=[sm_53,compute_53]", "sm_53:1 compute_53:1");
        check("NVCCFLAGS += -arch=sm_72 # sm_87", "sm_72:1");
        check("ARCH := sm_90a", "sm_90a:1");
        check("F = -arch compute_72 -code sm_72", "sm_72:1");
        check("F = -arch=compute_72", "compute_72:1");
        check(
            "SMS ?= 53 72 87\n$(foreach sm,$(SMS),-gencode arch=compute_$(sm),code=sm_$(sm))",
            "sm_53:1 sm_72:1 sm_87:1",
        );
        check("CUDA_ARCH_BIN=5.3,6.2,7.2", "sm_53:1 sm_62:1 sm_72:1");
        check("export CUDA_ARCH = 87", "sm_87:1");
        check(
            "ARCH= -gencode arch=compute_53,code=[sm_53,compute_53] \\\n      -gencode arch=compute_62,code=sm_62",
            "sm_53:1 compute_53:1 sm_62:1",
        );
        check("TARGET_ARCH = aarch64\nWIDTH = 80\nARCH = 64\nSMS = 80 all", "");
        check("LIB = libfoo_sm_87 # -arch=sm_72", "");
    }

    #[test]
    fn cmake_names_architectures() {
        let check = |text: &str, expected: &str| check(Dialect::CMake, text, expected);
        check("set(CMAKE_CUDA_ARCHITECTURES 53 62;72)", "sm_53:1 sm_62:1 sm_72:1");
        check("set(CMAKE_CUDA_ARCHITECTURES \"72;87\" CACHE STRING \"80\")", "sm_72:1 sm_87:1");
        check(
            "set_target_properties(a PROPERTIES\n  CUDA_ARCHITECTURES \"87-real;87-virtual\"\n)",
            "sm_87:1 compute_87:1",
        );
        check("set_property(TARGET a PROPERTY CUDA_ARCHITECTURES native)", "");
        check("set(CUDA_NVCC_FLAGS \"${CUDA_NVCC_FLAGS} -gencode arch=compute_72,code=sm_72\")", "sm_72:1");
        check("# set(CMAKE_CUDA_ARCHITECTURES 53)", "");
    }

    #[test]
    fn branches_for_other_processors_are_skipped() {
        let make = |text: &str, expected: &str| check(Dialect::Make, text, expected);
        make(
            "ifeq ($(TARGET_ARCH),$(filter $(TARGET_ARCH),armv7l aarch64 sbsa))\nSMS ?= 72 87\nelse\nSMS ?= 50 86\nendif",
            "sm_72:2 sm_87:2",
        );
        make(
            "ifeq ($(ARCH),x86_64)\nSMS = 86\nelse ifeq ($(ARCH),aarch64)\nSMS = 72\nelse\nSMS = 61\nendif\nSM = 87",
            "sm_72:4 sm_87:8",
        );
        make("ifneq (,$(findstring aarch64,$(shell uname -m)))\nSMS = 72\nelse\nSMS = 80\nendif", "sm_72:2");
        make("ifeq ($(findstring aarch64,$(A)),)\nSMS = 80\nelse\nSMS = 72\nendif", "sm_72:4");
        make("ifneq ($(A),x86_64)\nSMS = 72\nendif", "sm_72:2");
        make("ifdef DEBUG\nSMS = 72\nelse\nSMS = 87\nendif", "sm_72:2 sm_87:4");
        make("else\nendif\nSMS = 72", "sm_72:3");
        check(
            Dialect::CMake,
            "if(CMAKE_SYSTEM_PROCESSOR MATCHES \"aarch64\")\nset(SMS 72)\nelse()\nset(SMS 86)\nendif()\nif(NOT TEGRA)\nset(SM 80)\nendif()",
            "sm_72:2",
        );
    }

    #[test]
    fn other_flags_are_read() {
        let facts = facts(
            "CXXFLAGS = -std=c++11\nNVCC = nvcc -dc --std c++17\nLIBS = -lcublas_static -lcudart -lm -lfoo$(X)\nSM = 99\nF=-arch=sm_20",
            Dialect::Make,
        );
        let standards: Vec<_> = facts.standards.iter().map(|(standard, _)| *standard).collect();
        assert_eq!(standards, [11, 17]);
        assert_eq!(facts.device_link.map(|place| place.line), Some(2));
        let libraries: Vec<_> =
            facts.libraries.iter().map(|(cuda, name, _)| (*cuda, name.as_str())).collect();
        assert_eq!(libraries, [(true, "cublas"), (false, "m")]);
        assert_eq!(facts.unknown_archs[0].0, "sm_20");

        let cmake = "set_target_properties(a PROPERTIES CUDA_SEPARABLE_COMPILATION ON CXX_STANDARD 20)\n\
                     target_link_libraries(a CUDA::cufft CUDA::cuda_driver CUDA::cudart)";
        let facts = tests::facts(cmake, Dialect::CMake);
        assert!(facts.device_link.is_some() && facts.standards[0].0 == 20);
        let libraries: Vec<_> =
            facts.libraries.iter().map(|(cuda, name, _)| (*cuda, name.as_str())).collect();
        assert_eq!(libraries, [(true, "cufft"), (false, "cuda")]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "(\\PC|\n|if|else|endif|sm_|code=|SMS=|\\(|\\)|87){0,60}") {
            let _ = facts(&text, Dialect::Make);
            let _ = facts(&text, Dialect::CMake);
        }
    }
}
