//! What a session adds to every compile and link: headers, macros, and ARM's behaviour.

use crate::options::{self, Role};
use crate::rules::{Reason, reason};
use crate::{Change, Family, Invocation, Language, Mode, Policy, Scope, Semantics, Tool, host, words};

/// Words that come before all others. Each is left out where it stands already, so that a command translated twice is the
/// same, and after them the command's own words have the last say.
pub(crate) fn additions(
    invocation: &Invocation,
    args: &[String],
    policy: &Policy,
    changes: &mut Vec<Change>,
) -> Vec<String> {
    let family = invocation.tool().family();
    if !matches!(family, Family::Gcc | Family::Clang | Family::Nvcc) {
        return Vec::new();
    }
    let sources = invocation.sources();
    let mode = invocation.mode();
    let compiles =
        matches!(mode, Mode::Preprocess | Mode::Compile | Mode::Link | Mode::Archive | Mode::DeviceLink)
            && sources.iter().any(|source| source.language.is_c_family());
    let clang = family == Family::Clang || family == Family::Nvcc && has_clang(args, policy);
    let mut adder = Adder { family, clang, args, changes, front: Vec::new() };
    if compiles {
        adder.headers(policy);
        let c = sources.iter().all(|source| source.language == Language::C);
        adder.meaning(policy.semantics, c);
    }
    if compiles || mode == Mode::Link {
        adder.checks(policy.semantics);
    }
    adder.front
}

/// Whether nvcc's host compiler is clang, by its name.
fn has_clang(args: &[String], policy: &Policy) -> bool {
    let arguments = options::read(Family::Nvcc, args);
    let named = arguments.iter().rev().find(|argument| argument.role == Role::Ccbin);
    let named = named.map(options::Argument::value).or(policy.ccbin.as_ref().map(|path| path.as_str()));
    named.and_then(Tool::of).is_some_and(|tool| tool.family() == Family::Clang)
}

struct Adder<'a> {
    family: Family,
    /// Whether clang compiles the host's half.
    clang: bool,
    args: &'a [String],
    changes: &'a mut Vec<Change>,
    front: Vec<String>,
}

impl Adder<'_> {
    fn headers(&mut self, policy: &Policy) {
        let nvcc = self.family == Family::Nvcc;
        for folder in &policy.include_first {
            let folder = if nvcc { words::nvcc_list_of(&[folder.to_string()]) } else { folder.to_string() };
            self.add(&[&format!("-I{folder}")], reason("headers"));
        }
        for folder in &policy.include_last {
            if nvcc {
                let words = ["-idirafter".to_owned(), words::shell_word(folder.as_str())];
                self.add(&["-Xcompiler", &words::nvcc_list_of(&words)], reason("headers"));
            } else {
                self.add(&["-idirafter", folder.as_str()], reason("headers"));
            }
        }
        for file in &policy.include_files {
            let file = if nvcc { words::nvcc_list_of(&[file.to_string()]) } else { file.to_string() };
            self.add(&["-include", &file], reason("headers"));
        }
    }

    /// What flags make equal to ARM.
    fn meaning(&mut self, semantics: Semantics, c: bool) {
        let nvcc = self.family == Family::Nvcc;
        if semantics.unsigned_char {
            self.host(&["-funsigned-char"], reason("unsigned-char"));
            if nvcc {
                self.add(&["-Xcudafe", "--unsigned_chars"], reason("unsigned-char"));
            }
        }
        // Kernels keep to the host: with gcc, whose `wchar_t` has a sign, so has theirs.
        if semantics.unsigned_wchar && self.clang {
            let words = ["-Xclang", "-fwchar-type=int", "-Xclang", "-fno-signed-wchar"];
            self.host(&words, reason("unsigned-wchar"));
            if nvcc {
                self.add(&["-Xcudafe", "--unsigned_wchar_t"], reason("unsigned-wchar"));
            }
        }
        if semantics.fused_multiply_add {
            self.fused(c);
        }
        if semantics.conversions && self.clang {
            self.host(&["-fno-strict-float-cast-overflow"], reason("saturating"));
        }
    }

    /// What no flag makes equal to ARM: the program ends where it would differ. The linker is to know, too: the functions
    /// that say so are in a library.
    fn checks(&mut self, semantics: Semantics) {
        for (wanted, check) in [
            (semantics.conversions && !self.clang, "float-cast-overflow"),
            (semantics.checked_division, "integer-divide-by-zero"),
            (semantics.checked_overflow, "signed-integer-overflow"),
            (semantics.checked_shifts, "shift-exponent"),
        ] {
            if wanted {
                let words = [format!("-fsanitize={check}"), format!("-fno-sanitize-recover={check}")];
                self.host(&words.each_ref().map(String::as_str), reason("checked"));
            }
        }
    }

    /// ARM compilers may use fused multiply-add by default. gcc does on x86_64, too, once the instruction is there; for C by
    /// the letter of the standard (`-std=c11`) it does on neither. clang's own default is the same on both.
    fn fused(&mut self, c: bool) {
        let mut options = Vec::new();
        for argument in options::read(self.family, self.args) {
            match argument.role {
                Role::HostList => {
                    let pieces = host::pieces(argument.value()).unwrap_or_default();
                    options.extend(pieces);
                }
                _ => options.push(self.args[argument.first].clone()),
            }
        }
        let last = |prefix: &str| options.iter().rev().find_map(|word| word.strip_prefix(prefix));
        match last("-march=") {
            None => self.host(&["-march=x86-64-v3"], reason("fused")),
            Some("native" | "x86-64-v3" | "x86-64-v4") => {}
            Some(_) => self.host(&["-mfma"], reason("fused")),
        }
        let strict = c && last("-std=").is_some_and(|std| !std.starts_with("gnu"))
            || options.iter().any(|word| word == "-ansi");
        if !self.clang && !strict && last("-ffp-contract=").is_none() {
            self.host(&["-ffp-contract=fast"], reason("fused"));
            // For these CPUs gcc leaves sums in loops unfused, since that is faster there.
            let tuned = [last("-mtune="), last("-march=")].into_iter().flatten();
            if tuned.into_iter().any(|cpu| cpu == "native" || cpu.starts_with("znver")) {
                self.host(&["--param=avoid-fma-max-bits=0"], reason("fused"));
            }
        }
    }

    /// Adds words for the host compiler.
    fn host(&mut self, new: &[&str], why: &Reason) {
        if self.family == Family::Nvcc {
            let new: Vec<_> = new.iter().map(|word| (*word).to_owned()).collect();
            self.add(&["-Xcompiler", &words::nvcc_list_of(&new)], why);
        } else {
            self.add(new, why);
        }
    }

    fn add(&mut self, new: &[&str], why: &Reason) {
        if self.args.windows(new.len()).any(|there| there == new) {
            return;
        }
        self.front.extend(new.iter().map(|word| (*word).to_owned()));
        let scope = if self.family == Family::Nvcc { Scope::Device } else { Scope::Host };
        self.changes.push(Change {
            scope,
            rule: why.id.clone(),
            was: String::new(),
            now: new.join(" "),
            why: why.why.clone(),
        });
    }
}
