//! Arguments of build tools, and variables of the environment: those that carry flags, architectures, ARM names or folders.

mod list;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::rules::{Reason, reason};
use crate::translation::Work;
use crate::{Change, Family, Invocation, Policy, Scope, Tool, paths, tool, words};
use table::Kind;

/// Words of a build tool's command, translated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TranslatedArgs {
    /// The words, without the command's own name. Exactly those given where nothing was changed.
    pub args: Vec<String>,
    /// What differs.
    pub changes: Vec<Change>,
}

/// What becomes of an environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TranslatedEnvironment {
    /// Variables to set.
    pub set: BTreeMap<String, String>,
    /// Variables to take out.
    pub unset: Vec<String>,
    /// What differs.
    pub changes: Vec<Change>,
}

/// The words of a `make`, `ninja` or `configure` command: `NAME=VALUE` pairs, `--host=` and `--target=`.
pub fn translate_make_args(args: &[String], policy: &Policy) -> TranslatedArgs {
    let mut out = TranslatedArgs::default();
    for word in args {
        let triple = word.strip_prefix("--host=").or_else(|| word.strip_prefix("--target="));
        if triple.is_some_and(tool::is_arm) && is_x86(policy) {
            out.changes.push(changed(reason("cross-build"), word, ""));
            continue;
        }
        let pair = word.split_once('=').filter(|(name, _)| is_name(name.trim_end_matches([':', '+', '?'])));
        let Some((name, value)) = pair else {
            out.args.push(word.clone());
            continue;
        };
        let answer =
            variable(name.trim_end_matches([':', '+', '?']), value, Place::Make, policy, &mut out.changes);
        out.args.push(match answer {
            Answer::Keep => word.clone(),
            // An empty value still hides what the Makefile itself sets.
            Answer::Gone => format!("{name}="),
            Answer::Now(now) => format!("{name}={now}"),
        });
    }
    out
}

/// The words of a `cmake` command that configures. One that builds, installs or runs a tool (`--build`, `-E`) stays.
pub fn translate_cmake_args(args: &[String], policy: &Policy) -> TranslatedArgs {
    if args.iter().any(|word| matches!(word.as_str(), "--build" | "--install" | "-E" | "-P" | "--open")) {
        return TranslatedArgs { args: args.to_vec(), changes: Vec::new() };
    }
    let mut out = TranslatedArgs::default();
    let mut systems = Vec::new();
    let mut at = 0;
    while at < args.len() {
        let (count, definition) = definition(args, at);
        let given = &args[at..at + count];
        at += count;
        let Some(Definition { before, name, value }) = definition else {
            out.args.extend(given.iter().cloned());
            continue;
        };
        let plain = name.split(':').next().unwrap_or(name);
        if table::kind(plain) == Some(Kind::System) {
            systems.push(out.args.len()..out.args.len() + count);
            out.args.extend(given.iter().cloned());
            continue;
        }
        match variable(plain, value, Place::Cmake, policy, &mut out.changes) {
            Answer::Keep => out.args.extend(given.iter().cloned()),
            Answer::Gone => {}
            Answer::Now(now) => {
                let text = if name.is_empty() { now } else { format!("{name}={now}") };
                out.args.extend(match count {
                    2 => vec![before.to_owned(), text],
                    _ => vec![format!("{before}{text}")],
                });
            }
        }
    }
    // `-DCMAKE_SYSTEM_NAME=Linux` alone makes CMake believe in a cross build, and programs are then not run.
    let for_arm = out.changes.iter().any(|change| {
        ["CMAKE_SYSTEM_PROCESSOR", "CMAKE_TOOLCHAIN_FILE", "CMAKE_C_COMPILER", "CMAKE_CXX_COMPILER"]
            .iter()
            .any(|name| change.was.starts_with(name))
    });
    for range in systems.into_iter().rev().filter(|_| for_arm) {
        let was = out.args.drain(range).collect::<Vec<_>>().join(" ");
        out.changes.push(changed(reason("cross-build"), &was, ""));
    }
    out
}

struct Definition<'a> {
    /// `-D` or `--toolchain=`: what stands before.
    before: &'a str,
    name: &'a str,
    value: &'a str,
}

/// A definition at `at`, and how many words it takes.
fn definition(args: &[String], at: usize) -> (usize, Option<Definition<'_>>) {
    let word = args[at].as_str();
    if let Some(value) = word.strip_prefix("--toolchain=") {
        return (1, Some(Definition { before: "--toolchain=", name: "CMAKE_TOOLCHAIN_FILE", value }));
    }
    let next = args.get(at + 1).map(String::as_str);
    if let ("--toolchain", Some(value)) = (word, next) {
        return (2, Some(Definition { before: word, name: "CMAKE_TOOLCHAIN_FILE", value }));
    }
    let (count, text) = match (word.strip_prefix("-D"), next) {
        (Some(""), Some(next)) => (2, next),
        (Some(text), _) => (1, text),
        (None, _) => return (1, None),
    };
    let found = text.split_once('=').map(|(name, value)| Definition { before: "-D", name, value });
    (count, found)
}

/// The variables of an environment. Only those that change are in the answer.
pub fn translate_environment(
    environment: &BTreeMap<String, String>,
    policy: &Policy,
) -> TranslatedEnvironment {
    let mut out = TranslatedEnvironment::default();
    for (name, value) in environment {
        match variable(name, value, Place::Environment, policy, &mut out.changes) {
            Answer::Keep => {}
            Answer::Gone => out.unset.push(name.clone()),
            Answer::Now(now) => drop(out.set.insert(name.clone(), now)),
        }
    }
    out
}

/// Where a variable stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Make,
    Cmake,
    Environment,
}

enum Answer {
    Keep,
    Gone,
    Now(String),
}

fn variable(name: &str, value: &str, place: Place, policy: &Policy, changes: &mut Vec<Change>) -> Answer {
    let kind = match table::kind(name) {
        Some(kind) => kind,
        None if place != Place::Environment && chooses_gpus(value) => Kind::DeviceFlags,
        None => return Answer::Keep,
    };
    let kind = if chooses_gpus(value) { Kind::DeviceFlags } else { kind };
    let found = match kind {
        Kind::DeviceFlags => return flags(name, value, true, policy, changes),
        Kind::HostFlags => return flags(name, value, false, policy, changes),
        Kind::Arch => host_name(value, policy).or_else(|| list::translate(value, kind, policy)),
        Kind::Gpus | Kind::Gpu | Kind::CmakeGpus | Kind::TorchGpus | Kind::PtxGpus => {
            list::translate(value, kind, policy)
        }
        Kind::Compiler | Kind::HostCompiler => compiler(value, kind, policy),
        _ if !is_x86(policy) => None,
        Kind::Prefix => {
            let triple = value.rsplit('/').next().unwrap_or(value);
            tool::is_arm(triple).then(|| (String::new(), reason("cross-compiler")))
        }
        Kind::Folders => folders(value, place, policy),
        Kind::Folder => match paths::folder(value, policy) {
            paths::Fate::Now(now, why) => Some((now, why)),
            _ => None,
        },
        Kind::Root => {
            let kept = value.contains("vcpkg") || value.contains("conan") || !paths::is_arm_root(value);
            (!kept).then(|| (String::new(), reason("cross-build")))
        }
        Kind::System => None,
    };
    let Some((now, why)) = found.filter(|(now, _)| now != value) else { return Answer::Keep };
    let was = format!("{name}={value}");
    let gone = now.is_empty() && place != Place::Make;
    changes.push(changed(why, &was, &if gone { String::new() } else { format!("{name}={now}") }));
    if gone { Answer::Gone } else { Answer::Now(now) }
}

fn changed(why: &Reason, was: &str, now: &str) -> Change {
    Change {
        scope: Scope::Build,
        rule: why.id.clone(),
        was: was.to_owned(),
        now: now.to_owned(),
        why: why.why.clone(),
    }
}

fn is_x86(policy: &Policy) -> bool {
    policy.host == cuferry_arch::Host::X86_64
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|character| character.is_ascii_alphanumeric() || "_.".contains(character))
}

/// Flags of nvcc that choose GPUs, under whatever name.
fn chooses_gpus(value: &str) -> bool {
    [
        "-gencode",
        "--generate-code",
        "-arch=",
        "-arch sm",
        "-arch compute",
        "--gpu-architecture",
        "--cuda-gpu-arch",
    ]
    .iter()
    .any(|flag| value.contains(flag))
}

/// A name of an ARM machine, as x86_64 is called there.
fn host_name(value: &str, policy: &Policy) -> Option<(String, &'static Reason)> {
    if !is_x86(policy) {
        return None;
    }
    let now = match value {
        "aarch64" | "AARCH64" | "sbsa" | "arm64" | "ARM64" | "arm" | "armv7l" | "armv7" | "armhf"
        | "armv8" | "armv8-a" | "aarch64-linux" | "linux-aarch64" => {
            let now = "x86_64";
            match value.split_once("linux") {
                Some(("", _)) => format!("linux-{now}"),
                Some(_) => format!("{now}-linux"),
                None => now.to_owned(),
            }
        }
        "linux/arm64" => "linux/amd64".to_owned(),
        "aarch64-linux-gnu" | "arm-linux-gnueabihf" => "x86_64-linux-gnu".to_owned(),
        _ => return None,
    };
    Some((now, reason("host-name")))
}

/// A command, with flags behind it.
fn compiler(value: &str, kind: Kind, policy: &Policy) -> Option<(String, &'static Reason)> {
    let (command, flags) = value.split_once(' ').unwrap_or((value, ""));
    let tool = Tool::of(command).filter(|tool| tool.arm);
    if !is_x86(policy) {
        return None;
    }
    let own = match (tool, kind, &policy.ccbin) {
        (Some(_), Kind::HostCompiler, Some(path)) => path.to_string(),
        (Some(tool), ..) => {
            let name = command.rsplit('/').next().unwrap_or(command);
            let name = name.strip_prefix(&format!("{}-", tool.prefix.as_deref()?))?;
            // The version is of the ARM compiler: which versions of x86_64's are there is not known here.
            let version = tool.version.map(|version| format!("-{version}")).unwrap_or_default();
            name.strip_suffix(&version)?.to_owned()
        }
        (None, ..) => return None,
    };
    let mut work = Work::new(policy);
    let pieces = words::shell_pieces(flags);
    let fates = work.host(Family::Gcc, &pieces, false);
    let kept = pieces.into_iter().zip(fates).flat_map(|(word, fate)| fate.unwrap_or_else(|| vec![word]));
    let mut all = vec![own];
    all.extend(kept);
    Some((all.join(" "), reason("cross-compiler")))
}

/// A list of folders: with semicolons in CMake, with colons elsewhere.
fn folders(value: &str, place: Place, policy: &Policy) -> Option<(String, &'static Reason)> {
    let separator = if place == Place::Cmake { ';' } else { ':' };
    let mut why = None;
    let mut kept: Vec<String> = Vec::new();
    for folder in value.split(separator) {
        match paths::folder(folder, policy) {
            paths::Fate::Keep => kept.push(folder.to_owned()),
            paths::Fate::Drop(reason) => why = Some(reason),
            paths::Fate::Now(now, reason) | paths::Fate::Library(now, reason) => {
                kept.push(now);
                why = Some(reason);
            }
        }
    }
    Some((kept.join(&separator.to_string()), why?))
}

/// A value that is flags, with blanks or (in CMake's lists) semicolons between them.
fn flags(name: &str, value: &str, device: bool, policy: &Policy, changes: &mut Vec<Change>) -> Answer {
    let listed = value.contains(';') && !value.contains(' ');
    let given: Vec<String> =
        if listed { value.split(';').map(str::to_owned).collect() } else { words::shell_pieces(value) };
    let mut work = Work::new(policy);
    let kind = if device { "nvcc" } else { "gcc" };
    let Some(tool) = Tool::of(kind) else { return Answer::Keep };
    let Ok(invocation) = Invocation::parse(tool, &given, &|_| None) else { return Answer::Keep };
    let fates = if device { work.nvcc(&invocation) } else { work.driver(&invocation) };
    // A toolkit that is not known is said where a compiler is called.
    let Ok(fates) = fates else { return Answer::Keep };
    if work.changes.is_empty() {
        return Answer::Keep;
    }
    let mut now = std::mem::take(&mut work.front);
    now.extend(invocation.expanded().apply(&fates));
    changes.extend(work.changes.into_iter().map(|change| Change {
        scope: Scope::Build,
        was: format!("{name}: {}", change.was),
        now: if change.now.is_empty() { String::new() } else { format!("{name}: {}", change.now) },
        ..change
    }));
    Answer::Now(now.join(if listed { ";" } else { " " }))
}
