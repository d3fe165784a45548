//! Words of nvcc: its choice of GPUs, its host compiler, and what it hands on.

use crate::gpu::{self, Asked, Making};
use crate::host::pieces;
use crate::options::{Argument, Role};
use crate::response::Fates;
use crate::rules::reason;
use crate::translation::{Work, put, spelt};
use crate::{Family, Invocation, Language, Mode, Scope, TranslateError, paths, words};
use camino::Utf8Path;

impl Work<'_> {
    /// nvcc's command.
    pub(crate) fn nvcc(&mut self, invocation: &Invocation) -> Result<Fates, TranslateError> {
        let words = invocation.words();
        let arguments = invocation.arguments();
        let mut fates = vec![None; words.len()];
        self.nvcc_archs(invocation, &mut fates)?;
        self.ccbin(invocation, &mut fates);
        let forwards = invocation.has(Role::Forward);
        for argument in arguments {
            let was = spelt(words, argument);
            let shared = self.static_library(Family::Nvcc, argument, was.clone(), false);
            if let Some(now) = shared.or_else(|| self.nvcc_argument(argument, was, forwards)) {
                put(&mut fates, argument, now);
            }
        }
        self.nvcc_lists(arguments, &mut fates, Role::HostList, pieces, |work, words| {
            work.host(Family::Gcc, words, true)
        });
        self.nvcc_lists(arguments, &mut fates, Role::LdList, words::nvcc_list, |work, words| {
            work.linker(words, false)
        });
        Ok(fates)
    }

    fn nvcc_argument(&mut self, argument: &Argument, was: String, forwards: bool) -> Option<Vec<String>> {
        match argument.role {
            Role::Standard => return self.standard(argument, was),
            Role::Unknown if forwards => {
                // nvcc hands such words on to the host compiler, one by one.
                let [now] = self.host(Family::Gcc, &[was], true).try_into().ok()?;
                return now;
            }
            Role::Unknown => {
                self.keep_unknown(true, was);
                return None;
            }
            _ if !self.to_x86() => return None,
            _ => {}
        }
        let value = argument.value();
        match argument.role {
            Role::Include | Role::SystemInclude | Role::LibraryPath | Role::ForcedInclude => {
                self.folders(argument, was)
            }
            Role::Folder | Role::File => self.path(Scope::Device, argument, was),
            Role::TargetDir
                if value != "x86_64-linux" && paths::names_arm(value) || value == "sbsa-linux" =>
            {
                self.change(Scope::Device, reason("target-dir"), was, &[]);
                Some(Vec::new())
            }
            _ => None,
        }
    }

    /// One of nvcc's lists of folders.
    fn folders(&mut self, argument: &Argument, was: String) -> Option<Vec<String>> {
        let mut kept = Vec::new();
        let mut why = None;
        for folder in words::nvcc_list(argument.value())? {
            match paths::folder(&folder, self.policy) {
                paths::Fate::Keep => kept.push(folder),
                paths::Fate::Drop(reason) => why = Some(reason),
                paths::Fate::Now(now, reason) | paths::Fate::Library(now, reason) => {
                    kept.push(now);
                    why = Some(reason);
                }
            }
        }
        let now = if kept.is_empty() { Vec::new() } else { argument.with_value(&words::nvcc_list_of(&kept)) };
        self.change(Scope::Device, why?, was, &now);
        Some(now)
    }

    fn ccbin(&mut self, invocation: &Invocation, fates: &mut Fates) {
        let named: Vec<_> =
            invocation.arguments().iter().filter(|argument| argument.role == Role::Ccbin).collect();
        let words = invocation.words();
        match (&self.policy.ccbin, named.last()) {
            (Some(path), None) if !invocation.inputs().is_empty() => {
                let now = ["-ccbin".to_owned(), path.to_string()];
                self.change(Scope::Device, reason("ccbin"), String::new(), &now);
                self.front.extend(now);
            }
            (path, Some(last)) if self.to_x86() && self.is_arm_compiler(last.value()) => {
                let was = spelt(words, last);
                let now = path.as_ref().map(|path| vec!["-ccbin".to_owned(), path.to_string()]);
                let why = if now.is_some() { reason("ccbin-arm") } else { reason("ccbin-dropped") };
                let now = now.unwrap_or_default();
                self.change(Scope::Device, why, was, &now);
                named.iter().for_each(|argument| put(fates, argument, Vec::new()));
                put(fates, last, now);
            }
            // `-ccbin g++` means the system's, whichever that is, and the toolkit does not take that one.
            (Some(path), Some(last))
                if is_system_compiler(last.value()) && names_another(last.value(), path) =>
            {
                let now = vec!["-ccbin".to_owned(), path.to_string()];
                self.change(Scope::Device, reason("ccbin-system"), spelt(words, last), &now);
                named.iter().for_each(|argument| put(fates, argument, Vec::new()));
                put(fates, last, now);
            }
            _ => {}
        }
    }

    fn nvcc_archs(&mut self, invocation: &Invocation, fates: &mut Fates) -> Result<(), TranslateError> {
        let choose = |argument: &&Argument| matches!(argument.role, Role::Arch | Role::Code | Role::Gencode);
        let arguments: Vec<_> = invocation.arguments().iter().filter(choose).collect();
        let making = making(invocation);
        let asked = if arguments.is_empty() {
            let cuda = invocation.sources().iter().any(|source| source.language == Language::Cuda);
            let links = matches!(invocation.mode(), Mode::Link | Mode::DeviceLink);
            if !(cuda || links) || invocation.inputs().is_empty() {
                return Ok(());
            }
            Asked::default_of(self.policy)
        } else {
            // What cannot be read stays: nvcc says what is wrong with it.
            let Some(asked) = asked(&arguments) else { return Ok(()) };
            asked
        };
        let Some(decision) = gpu::decide(&asked, making, self.policy)? else { return Ok(()) };
        let now = decision.nvcc_words(making);
        self.archs(invocation.words(), &arguments, now, decision.reason(making), fates);
        Ok(())
    }

    /// What nvcc hands on, all such lists being one for the other tool.
    fn nvcc_lists(
        &mut self,
        arguments: &[Argument],
        fates: &mut Fates,
        role: Role,
        split: fn(&str) -> Option<Vec<String>>,
        inner: impl FnOnce(&mut Self, &[String]) -> Fates,
    ) {
        let lists = arguments.iter().filter(|argument| argument.role == role);
        let lists: Vec<_> = lists.filter_map(|argument| Some((argument, split(argument.value())?))).collect();
        let parts: Vec<_> = lists.iter().map(|(_, words)| words.clone()).collect();
        if parts.is_empty() {
            return;
        }
        for ((argument, _), now) in lists.into_iter().zip(self.nested(&parts, inner)) {
            let Some(now) = now else { continue };
            let now =
                if now.is_empty() { Vec::new() } else { argument.with_value(&words::nvcc_list_of(&now)) };
            put(fates, argument, now);
        }
    }
}

fn making(invocation: &Invocation) -> Making {
    if [Role::Ptx, Role::OptixIr, Role::Ltoir].iter().any(|role| invocation.has(*role)) {
        Making::OneVirtual
    } else if invocation.has(Role::Cubin) {
        Making::OneReal
    } else {
        Making::Many
    }
}

/// What the flags ask for; nothing where one cannot be read.
fn asked(arguments: &[&Argument]) -> Option<Asked> {
    let mut asked = Asked::default();
    let of = |role| {
        arguments.iter().filter(move |argument| argument.role == role).map(|argument| argument.value())
    };
    for text in of(Role::Gencode) {
        asked.gencode(text)?;
    }
    asked.arch_and_code(of(Role::Arch).next_back(), &of(Role::Code).collect::<Vec<_>>())?;
    Some(asked)
}

/// Whether the name is that of the system's own compiler, without a version.
fn is_system_compiler(path: &str) -> bool {
    matches!(Utf8Path::new(path).file_name(), Some("gcc" | "g++" | "cc" | "c++"))
}

/// Whether the two names differ.
fn names_another(path: &str, other: &Utf8Path) -> bool {
    Utf8Path::new(path).file_name() != other.file_name()
}
