//! Words of the linker and the assembler, called directly or through a driver.

use cuferry_arch::Host;

use crate::options::{Argument, Role};
use crate::response::Fates;
use crate::rules::{self, reason};
use crate::translation::{Work, put, read, spelt};
use crate::{Family, Scope, paths, static_library};

impl Work<'_> {
    /// ld's words. `direct`: no driver is there that would name the loader and the emulation by itself.
    pub(crate) fn linker(&mut self, words: &[String], direct: bool) -> Fates {
        let mut fates = vec![None; words.len()];
        if !self.to_x86() {
            return fates;
        }
        let mut bound = false;
        for argument in read(Family::Ld, words) {
            let was = spelt(words, &argument);
            bound = static_library::binds(Family::Ld, &argument).unwrap_or(bound);
            let shared = self.static_library(Family::Ld, &argument, was.clone(), bound);
            if let Some(now) = shared.or_else(|| self.linker_argument(&argument, was, words, direct)) {
                put(&mut fates, &argument, now);
            }
        }
        fates
    }

    fn linker_argument(
        &mut self,
        argument: &Argument,
        was: String,
        words: &[String],
        direct: bool,
    ) -> Option<Vec<String>> {
        let scope = Scope::Linker;
        let value = argument.value();
        match argument.role {
            Role::File | Role::LibraryPath => self.path(scope, argument, was),
            // Not `-rpath`: the loader passes over a folder that is not there, and CMake looks for its very words in the
            // program when it installs it.
            Role::RpathLink => self.rpath(argument, was),
            Role::Loader if paths::is_arm_loader(value) => {
                let now = if direct { argument.with_value(Host::X86_64.loader()) } else { Vec::new() };
                self.change(scope, if direct { reason("ld-loader") } else { reason("loader") }, was, &now);
                Some(now)
            }
            Role::Emulation if paths::is_arm_emulation(value) => {
                let now = if direct { argument.with_value("elf_x86_64") } else { Vec::new() };
                self.change(
                    scope,
                    if direct { reason("ld-emulation") } else { reason("emulation") },
                    was,
                    &now,
                );
                Some(now)
            }
            Role::Sysroot => self.sysroot(scope, argument, was),
            Role::Plain if argument.name.starts_with("--oformat") && value.contains("aarch64") => {
                let now = argument.with_value("elf64-x86-64");
                self.change(scope, reason("object-format"), was, &now);
                Some(now)
            }
            Role::Plain => self.rule(&[scope], &was, words),
            Role::Unknown => {
                let now = self.rule(&[scope], &was, words);
                self.keep_unknown(now.is_none(), was);
                now
            }
            _ => None,
        }
    }

    pub(crate) fn keep_unknown(&mut self, unknown: bool, word: String) {
        if unknown && !self.unknown.contains(&word) {
            self.unknown.push(word);
        }
    }

    /// A list of folders with colons between them.
    fn rpath(&mut self, argument: &Argument, was: String) -> Option<Vec<String>> {
        let mut why = None;
        let mut kept = Vec::new();
        for folder in argument.value().split(':') {
            match paths::folder(folder, self.policy) {
                paths::Fate::Keep => kept.push(folder.to_owned()),
                paths::Fate::Drop(_) => why = Some(reason("rpath")),
                paths::Fate::Now(now, reason) | paths::Fate::Library(now, reason) => {
                    kept.push(now);
                    why = Some(reason);
                }
            }
        }
        let now = if kept.is_empty() { Vec::new() } else { argument.with_value(&kept.join(":")) };
        self.change(Scope::Linker, why?, was, &now);
        Some(now)
    }

    pub(crate) fn sysroot(&mut self, scope: Scope, argument: &Argument, was: String) -> Option<Vec<String>> {
        if !self.arm_tool && !paths::is_arm_root(argument.value()) {
            return None;
        }
        if self.arm_tool && argument.value() == "/" {
            return None;
        }
        self.change(scope, reason("sysroot"), was, &[]);
        Some(Vec::new())
    }

    /// as's words.
    pub(crate) fn assembler(&mut self, words: &[String]) -> Fates {
        let mut fates = vec![None; words.len()];
        if !self.to_x86() {
            return fates;
        }
        for argument in read(Family::As, words) {
            let was = spelt(words, &argument);
            let value = argument.value().split('+').next().unwrap_or_default();
            let now = match argument.role {
                Role::Cpu | Role::March | Role::Mtune if rules::is_arm_cpu(value) => {
                    self.change(Scope::Assembler, reason("assembler"), was, &[]);
                    Some(Vec::new())
                }
                Role::Include | Role::File => self.path(Scope::Assembler, &argument, was),
                Role::Plain | Role::Unknown => {
                    let now = self.rule(&[Scope::Assembler], &was, words);
                    self.keep_unknown(now.is_none() && argument.role == Role::Unknown, was);
                    now
                }
                _ => None,
            };
            if let Some(now) = now {
                put(&mut fates, &argument, now);
            }
        }
        fates
    }
}
