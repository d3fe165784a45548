//! Words of gcc and clang, called directly or through nvcc.

use camino::Utf8Path;

use crate::gpu::{self, Asked, Code, Making};
use crate::options::{Argument, Role};
use crate::response::Fates;
use crate::rules::{self, reason};
use crate::translation::{Work, put, read, spelt};
use crate::{Family, Invocation, Language, Scope, Tool, TranslateError, paths, static_library, tool, words};

impl Work<'_> {
    /// A driver's command.
    pub(crate) fn driver(&mut self, invocation: &Invocation) -> Result<Fates, TranslateError> {
        let words = invocation.words();
        let mut fates = self.host(invocation.tool().family(), words, false);
        self.clang_archs(invocation, &mut fates)?;
        Ok(fates)
    }

    /// gcc's or clang's words. `for_nvcc`: nvcc hands them on, and its headers ask for a C++ standard.
    pub(crate) fn host(&mut self, family: Family, words: &[String], for_nvcc: bool) -> Fates {
        let mut fates = vec![None; words.len()];
        let arguments = read(family, words);
        let mut given: Vec<String> = Vec::new();
        let mut bound = false;
        for argument in &arguments {
            let was = spelt(words, argument);
            bound = static_library::binds(family, argument).unwrap_or(bound);
            let shared = self.static_library(family, argument, was.clone(), bound);
            if let Some(now) = shared.or_else(|| self.host_argument(argument, was, words, for_nvcc)) {
                // One ARM build names CPU and instruction set side by side: their counterpart is wanted once.
                let new: Vec<_> = now.into_iter().filter(|word| !given.contains(word)).collect();
                given.extend(new.iter().filter(|word| word.starts_with("-m")).cloned());
                put(&mut fates, argument, new);
            }
        }
        if self.to_x86() {
            self.hand_on(&arguments, &mut fates, &[Role::LdList, Role::LdWord], |work, words| {
                work.linker(words, false)
            });
            self.hand_on(&arguments, &mut fates, &[Role::AsList, Role::AsWord], Self::assembler);
        }
        fates
    }

    fn host_argument(
        &mut self,
        argument: &Argument,
        was: String,
        words: &[String],
        for_nvcc: bool,
    ) -> Option<Vec<String>> {
        let scope = Scope::Host;
        if for_nvcc && argument.role == Role::Standard {
            return self.standard(argument, was);
        }
        if !self.to_x86() {
            return None;
        }
        let value = argument.value();
        match argument.role {
            Role::Cpu => self.cpu(argument, was, words),
            Role::March => self.march(argument, was, words),
            Role::Mtune => self.mtune(argument, was, words),
            Role::Include | Role::SystemInclude | Role::ForcedInclude | Role::CudaPath => {
                self.path(scope, argument, was)
            }
            Role::LibraryPath | Role::File => self.path(Scope::Link, argument, was),
            Role::Sysroot => self.sysroot(scope, argument, was),
            Role::ClangTarget if tool::is_arm(value) => {
                Some(self.dropped(scope, reason("clang-target"), was))
            }
            Role::ToolchainPath | Role::ToolPath if paths::names_arm(value) => {
                Some(self.dropped(scope, reason("toolchain-path"), was))
            }
            Role::Plain | Role::X86 => self.rule(&[scope, Scope::Link], &was, words),
            Role::Unknown => {
                let now = self.rule(&[scope, Scope::Link], &was, words);
                self.keep_unknown(now.is_none(), was);
                now
            }
            _ => None,
        }
    }

    fn dropped(&mut self, scope: Scope, why: &rules::Reason, was: String) -> Vec<String> {
        self.change(scope, why, was, &[]);
        Vec::new()
    }

    /// `-mcpu=`: for x86 an old spelling of `-mtune=`, and so silently slow; for ARM the choice of instructions and tuning.
    fn cpu(&mut self, argument: &Argument, was: String, words: &[String]) -> Option<Vec<String>> {
        let (name, extensions) = suffixes(argument.value());
        if rules::is_x86_cpu(name) {
            return None;
        }
        if name == "native" && !self.policy.portable {
            return Some(self.replaced("cpu-native", &["-march=native"], extensions, was, words));
        }
        Some(self.replaced("cpu", &["-march=x86-64-v3", "-mtune=generic"], extensions, was, words))
    }

    fn march(&mut self, argument: &Argument, was: String, words: &[String]) -> Option<Vec<String>> {
        let (name, extensions) = suffixes(argument.value());
        match name {
            "native" if self.policy.portable => {
                Some(self.replaced("march-native", &["-march=x86-64-v3"], extensions, was, words))
            }
            "native" if !extensions.is_empty() => {
                Some(self.replaced("march", &["-march=native"], extensions, was, words))
            }
            name if rules::is_arm_cpu(name) || name.starts_with("iwmmxt") => {
                Some(self.replaced("march", &["-march=x86-64-v3"], extensions, was, words))
            }
            _ => None,
        }
    }

    fn mtune(&mut self, argument: &Argument, was: String, words: &[String]) -> Option<Vec<String>> {
        match argument.value() {
            "native" if self.policy.portable => {
                Some(self.replaced("mtune-native", &["-mtune=generic"], "", was, words))
            }
            name if rules::is_arm_cpu(name) => {
                Some(self.replaced("mtune", &["-mtune=generic"], "", was, words))
            }
            _ => None,
        }
    }

    fn replaced(
        &mut self,
        why: &'static str,
        now: &[&str],
        extensions: &str,
        was: String,
        words: &[String],
    ) -> Vec<String> {
        let mut now: Vec<String> = now.iter().map(|word| (*word).to_owned()).collect();
        for extension in extensions.split('+').filter(|extension| !extension.is_empty()) {
            let rows = rules::extensions().iter().filter(|row| row.name == extension);
            now.extend(rows.flat_map(|row| row.now.iter().cloned()));
        }
        let mut seen = std::collections::BTreeSet::new();
        now.retain(|word| seen.insert(word.clone()));
        self.change(Scope::Host, named(why), was, &now);
        now.retain(|word| !words.contains(word));
        now
    }

    /// `-std=`, for commands whose headers need a newer C++.
    pub(crate) fn standard(&mut self, argument: &Argument, was: String) -> Option<Vec<String>> {
        let least = self.policy.raise_standard?;
        let value = argument.value();
        let (prefix, year) = value.split_once("++").filter(|(prefix, _)| matches!(*prefix, "c" | "gnu"))?;
        let year = match year {
            "98" | "03" => 3,
            "0x" => 11,
            "1y" => 14,
            "1z" => 17,
            "2a" => 20,
            "2b" => 23,
            "2c" => 26,
            year => year.parse().ok()?,
        };
        if year >= least {
            return None;
        }
        let gnu = if argument.name.starts_with("--std") || prefix == "c" { "c" } else { prefix };
        let now = argument.with_value(&format!("{gnu}++{least}"));
        self.change(Scope::Device, reason("standard"), was, &now);
        Some(now)
    }

    /// What a driver hands on: `-Wl,a,b` and `-Xlinker a`, all such words being one list for the linker.
    fn hand_on(
        &mut self,
        arguments: &[Argument],
        fates: &mut Fates,
        roles: &[Role],
        inner: impl FnOnce(&mut Self, &[String]) -> Fates,
    ) {
        let handed: Vec<_> = arguments.iter().filter(|argument| roles.contains(&argument.role)).collect();
        let is_list = |argument: &Argument| matches!(argument.role, Role::LdList | Role::AsList);
        let parts = handed.iter().map(|argument| {
            if is_list(argument) {
                argument.value().split(',').map(str::to_owned).collect()
            } else {
                argument.value.iter().cloned().collect()
            }
        });
        let parts: Vec<Vec<String>> = parts.collect();
        if parts.is_empty() {
            return;
        }
        for (argument, now) in handed.into_iter().zip(self.nested(&parts, inner)) {
            let Some(now) = now else { continue };
            let now = match (is_list(argument), now.is_empty()) {
                (_, true) => Vec::new(),
                (true, false) => vec![format!("{}{}", argument.name, now.join(","))],
                (false, false) => now.into_iter().flat_map(|word| [argument.name.clone(), word]).collect(),
            };
            put(fates, argument, now);
        }
    }

    /// clang's `--cuda-gpu-arch=` and `--offload-arch=`: machine code and PTX of each.
    fn clang_archs(&mut self, invocation: &Invocation, fates: &mut Fates) -> Result<(), TranslateError> {
        let arguments: Vec<_> =
            invocation.arguments().iter().filter(|argument| argument.role == Role::ClangArch).collect();
        let cuda = invocation.sources().iter().any(|source| source.language == Language::Cuda);
        if invocation.tool().family() != Family::Clang || (arguments.is_empty() && !cuda) {
            return Ok(());
        }
        let mut asked = Asked::default();
        for value in arguments.iter().flat_map(|argument| argument.value().split(',')) {
            let Some(code) = Code::parse(value) else { return Ok(()) };
            asked.virtuals.insert(code.arch);
            asked.codes.extend([gpu::Form::Real, gpu::Form::Virtual].map(|form| Code { form, ..code }));
        }
        let fitting = matches!(self.policy.archs, crate::ArchPolicy::Fitting(_));
        if arguments.is_empty() && fitting {
            // Which architecture clang takes by itself depends on its version; PTX of it comes along.
            return Ok(());
        }
        let Some(decision) = gpu::decide(&asked, Making::Many, self.policy)? else { return Ok(()) };
        let name = arguments.first().map_or("--cuda-gpu-arch=", |argument| argument.name.as_str());
        let now: Vec<_> = decision.archs().iter().map(|arch| format!("{name}{arch}")).collect();
        self.archs(invocation.words(), &arguments, now, decision.reason(Making::Many), fates);
        Ok(())
    }

    /// Puts words that choose GPUs in the place of those that did.
    pub(crate) fn archs(
        &mut self,
        words: &[String],
        arguments: &[&Argument],
        now: Vec<String>,
        why: &rules::Reason,
        fates: &mut Fates,
    ) {
        let was: Vec<String> = arguments
            .iter()
            .flat_map(|argument| &words[argument.first..argument.first + argument.count])
            .cloned()
            .collect();
        if was == now {
            return;
        }
        let why = if was.is_empty() { reason("gpu-added") } else { why };
        self.change(Scope::Device, why, was.join(" "), &now);
        let Some((first, others)) = arguments.split_first() else {
            self.front.extend(now);
            return;
        };
        put(fates, first, now);
        others.iter().for_each(|argument| put(fates, argument, Vec::new()));
    }

    /// Whether a path or name of a host compiler is one for ARM.
    pub(crate) fn is_arm_compiler(&self, path: &str) -> bool {
        let path = path.trim_matches(['"', '\'']);
        // The shims of a session lie in a folder with the project's name, which may be `l4t-demo`.
        let session = self.policy.cuda_root.as_ref().and_then(|root| root.parent());
        let is_own = session.is_some_and(|session| Utf8Path::new(path).starts_with(session));
        let is_arm = Tool::of(path).is_some_and(|tool| tool.arm);
        is_arm || (path.contains('/') && !is_own && paths::names_arm(path))
    }
}

/// `armv8.2-a` and `fp16+dotprod` of `armv8.2-a+fp16+dotprod`.
fn suffixes(value: &str) -> (&str, &str) {
    value.split_once('+').unwrap_or((value, ""))
}

fn named(why: &'static str) -> &'static rules::Reason {
    match why {
        "cpu" => reason("cpu"),
        "cpu-native" => reason("cpu-native"),
        "march" => reason("march"),
        "march-native" => reason("march-native"),
        "mtune" => reason("mtune"),
        _ => reason("mtune-native"),
    }
}

/// The pieces of a list that nvcc hands on to the host compiler, each a word there. Nothing where nvcc refuses the list.
pub(crate) fn pieces(list: &str) -> Option<Vec<String>> {
    Some(words::nvcc_list(list)?.iter().flat_map(|element| words::shell_pieces(element)).collect())
}
