//! The manifest that `cuferry init` writes: what was inferred, with every guess in a comment above what it led to.
//!
//! [`crate::parse`] reads it back as the same project.

use std::fmt::{self, Display, Write};

use cuferry_arch::GpuPolicy;
use cuferry_arch::select::GpuRequest;

use crate::infer::{Inferred, Note};
use crate::project::{BuildTarget, Compression, ImageSpec, Project, TargetKind};

/// The widest list that is written on one line, in bytes.
const WIDEST: usize = 90;

/// How many guesses are told above one key; a folder with hundreds of tests need not name each.
const MOST_COMMENTS: usize = 8;

/// The manifest of an inferred project.
pub fn to_toml(inferred: &Inferred) -> String {
    let mut text = String::from(
        "# Written by `cuferry init` from what it found here. It is yours now: a comment says what a guess rests on.\n",
    );
    // Writing to a `String` cannot fail.
    let _ = write_project(&mut text, &inferred.project, &inferred.notes);
    text
}

fn write_project(text: &mut String, project: &Project, notes: &[Note]) -> fmt::Result {
    writeln!(text, "\n[project]")?;
    pair(text, "name", &project.name)?;
    optional(text, "version", project.version.as_ref())?;
    write_build(text, project)?;
    for (index, target) in project.targets.iter().enumerate() {
        // Only one target is ever inferred: the guesses are about it.
        write_target(text, target, if index == 0 { notes } else { &[] })?;
    }
    for file in &project.install {
        writeln!(text, "\n[[install]]")?;
        pair(text, "from", file.from.as_str())?;
        pair(text, "to", file.to.as_str())?;
    }
    if project.image != ImageSpec::default() {
        write_image(text, &project.image)?;
    }
    Ok(())
}

fn write_build(text: &mut String, project: &Project) -> fmt::Result {
    writeln!(text, "\n[build]")?;
    optional(text, "toolkit", project.toolkit.as_ref())?;
    optional(text, "host-compiler", project.host_compiler.as_ref())?;
    match &project.gpu {
        None => {
            writeln!(
                text,
                "# Which GPUs to build for; without it those of this machine, or one of each generation."
            )?;
            writeln!(text, "# gpu = [\"sm_80\", \"sm_90\"]")?;
        }
        Some(GpuPolicy::Native) => pair(text, "gpu", "native")?,
        Some(GpuPolicy::AllMajor) => pair(text, "gpu", "all-major")?,
        Some(GpuPolicy::SameAsArm) => pair(text, "gpu", "same-as-arm")?,
        Some(GpuPolicy::List(requests)) => {
            let name = |request: &GpuRequest| match request {
                GpuRequest::Real(arch) => arch.real(),
                GpuRequest::Virtual(arch) => arch.virtual_(),
            };
            list(text, "gpu", &requests.iter().map(name).collect::<Vec<_>>())?;
        }
    }
    if !project.embed_ptx {
        writeln!(text, "ptx = false")?;
    }
    Ok(())
}

fn write_target(text: &mut String, target: &BuildTarget, notes: &[Note]) -> fmt::Result {
    let kind = match target.kind {
        TargetKind::Program => None,
        TargetKind::StaticLibrary => Some("static"),
        TargetKind::SharedLibrary => Some("shared"),
    };
    writeln!(text, "\n[[{}]]", if kind.is_some() { "library" } else { "program" })?;
    pair(text, "name", &target.name)?;
    optional(text, "kind", kind)?;
    let mut section = Commented { text, notes };
    section.list("sources", &target.sources.iter().map(|source| source.path.as_str()).collect::<Vec<_>>())?;
    section.list("include", &target.include)?;
    section.list("defines", &target.defines)?;
    section.comments("std")?;
    optional(section.text, "std", target.std.as_ref())?;
    section.list("host-flags", &target.host_flags)?;
    section.list("device-flags", &target.device_flags)?;
    section.list("link-flags", &target.link_flags)?;
    section.comments("relocatable-device-code")?;
    if target.relocatable_device_code {
        writeln!(section.text, "relocatable-device-code = true")?;
    }
    section.list("uses", &target.uses)?;
    section.list("cuda-libraries", &target.cuda_libraries)?;
    section.list("pkg-config", &target.pkg_config)?;
    section.list("link", &target.link)?;
    section.list("link-dirs", &target.link_dirs)
}

fn write_image(text: &mut String, image: &ImageSpec) -> fmt::Result {
    writeln!(text, "\n[image]")?;
    optional(text, "name", image.name.as_ref())?;
    optional(text, "base", image.base.as_ref())?;
    filled_list(text, "entrypoint", &image.entrypoint)?;
    filled_list(text, "cmd", &image.cmd)?;
    optional(text, "user", image.user.as_ref())?;
    optional(text, "working-dir", image.working_dir.as_ref())?;
    optional(text, "compression", image.compression.map(Compression::as_str))?;
    for (name, table) in [("env", &image.env), ("labels", &image.labels)] {
        if !table.is_empty() {
            writeln!(text, "\n[image.{name}]")?;
        }
        for (key, value) in table {
            pair(text, &quoted(key), value)?;
        }
    }
    Ok(())
}

/// A section whose keys have guesses behind them.
struct Commented<'a> {
    text: &'a mut String,
    notes: &'a [Note],
}

impl Commented<'_> {
    fn comments(&mut self, key: &str) -> fmt::Result {
        let notes: Vec<_> = self.notes.iter().filter(|note| note.key() == key).collect();
        for note in notes.iter().take(MOST_COMMENTS) {
            // A file's name may hold a newline, which would end the comment.
            let note = note.to_string().replace(char::is_control, "\u{fffd}");
            writeln!(self.text, "# {note}")?;
        }
        if notes.len() > MOST_COMMENTS {
            writeln!(self.text, "# … and {} more of the kind", notes.len() - MOST_COMMENTS)?;
        }
        Ok(())
    }

    fn list(&mut self, key: &str, values: &[impl Display]) -> fmt::Result {
        self.comments(key)?;
        filled_list(self.text, key, values)
    }
}

fn pair(text: &mut String, key: &str, value: &str) -> fmt::Result {
    writeln!(text, "{key} = {}", quoted(value))
}

fn optional(text: &mut String, key: &str, value: Option<impl Display>) -> fmt::Result {
    value.map_or(Ok(()), |value| pair(text, key, &value.to_string()))
}

fn filled_list(text: &mut String, key: &str, values: &[impl Display]) -> fmt::Result {
    if values.is_empty() { Ok(()) } else { list(text, key, values) }
}

fn list(text: &mut String, key: &str, values: &[impl Display]) -> fmt::Result {
    let values: Vec<_> = values.iter().map(|value| quoted(&value.to_string())).collect();
    let one_line = values.join(", ");
    if key.len() + one_line.len() <= WIDEST {
        return writeln!(text, "{key} = [{one_line}]");
    }
    writeln!(text, "{key} = [")?;
    for value in values {
        writeln!(text, "    {value},")?;
    }
    writeln!(text, "]")
}

/// A basic string of TOML.
fn quoted(value: &str) -> String {
    let mut text = String::from('"');
    for character in value.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            _ if character.is_control() => text.extend(format!("\\u{:04X}", u32::from(character)).chars()),
            _ => text.push(character),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use camino::Utf8PathBuf;
    use cuferry_arch::{CudaRelease, GpuArch};
    use proptest::prelude::*;

    use super::*;
    use crate::files::FileTree;
    use crate::manifest::FILE_NAME;
    use crate::project::{InstallFile, Language, Source};

    const FILES: [&str; 6] =
        ["a.cu", "src/b [1]*.cpp", "src/\"q\"\\{.c", "inc/h.h", "data/x\n.bin", "lib/libz.a"];

    fn tree() -> FileTree {
        FileTree::new(FILES.map(Utf8PathBuf::from))
    }

    fn texts(pattern: &'static str) -> impl Strategy<Value = Vec<String>> {
        proptest::collection::vec(pattern, 0..4)
    }

    fn table(keys: &'static str) -> impl Strategy<Value = BTreeMap<String, String>> {
        proptest::collection::btree_map(keys, "[^\0]{0,8}", 0..3)
    }

    fn target() -> impl Strategy<Value = BuildTarget> {
        let kinds = [TargetKind::Program, TargetKind::StaticLibrary, TargetKind::SharedLibrary];
        let sources: Vec<Source> = tree()
            .paths()
            .iter()
            .filter_map(|path| Some(Source { path: path.clone(), language: Language::of(path)? }))
            .collect();
        let folders =
            |all: [&'static str; 3]| proptest::sample::subsequence(all.map(Utf8PathBuf::from).to_vec(), 0..3);
        let flags = "[^\0\\s]{1,8}";
        let flag_lists = (texts(flags), texts(flags), texts(flags));
        let names =
            (texts("[a-z_][a-z0-9.+-]{0,5}[0-9]"), texts("[a-z]{1,5}[0-9]"), texts("[a-z]{1,5}[0-9]"));
        (
            proptest::sample::select(kinds.to_vec()),
            proptest::sample::subsequence(sources, 1..4),
            (folders([".", "src", "inc"]), folders(["lib", "data", "src"])),
            texts("[A-Z_]{1,5}(=[^\0\\s]{0,5})?"),
            proptest::option::of(proptest::sample::select(vec!["c++17".to_owned(), "c++20".to_owned()])),
            flag_lists,
            any::<bool>(),
            names,
        )
            .prop_map(
                |(kind, sources, folders, defines, std, flags, relocatable_device_code, names)| BuildTarget {
                    name: String::new(),
                    kind,
                    sources,
                    include: folders.0,
                    defines,
                    std,
                    host_flags: flags.0,
                    device_flags: flags.1,
                    link_flags: flags.2,
                    relocatable_device_code,
                    uses: Vec::new(),
                    cuda_libraries: names.0,
                    pkg_config: names.1,
                    link: names.2,
                    link_dirs: folders.1,
                },
            )
    }

    fn image() -> impl Strategy<Value = ImageSpec> {
        let compressions =
            vec![None, Some(Compression::None), Some(Compression::Gzip), Some(Compression::Zstd)];
        let option = |text: &'static str| proptest::option::of(Just(text.to_owned()));
        (
            option("acme/x:1.0"),
            option("base.tar"),
            texts("[^\0]{0,8}"),
            option("1:2"),
            option("/app"),
            table("[A-Z_]{1,4}"),
            table("[^\0]{1,6}"),
            proptest::sample::select(compressions),
        )
            .prop_map(|(name, base, cmd, user, working_dir, env, labels, compression)| ImageSpec {
                name,
                base: base.map(Utf8PathBuf::from),
                entrypoint: Vec::new(),
                cmd,
                user,
                working_dir: working_dir.map(Utf8PathBuf::from),
                env,
                labels,
                compression,
            })
    }

    fn project() -> impl Strategy<Value = Project> {
        let list = GpuPolicy::List(vec![
            GpuRequest::Real(GpuArch::base(86)),
            GpuRequest::Virtual(GpuArch::base(80)),
        ]);
        let policies = vec![
            None,
            Some(GpuPolicy::Native),
            Some(GpuPolicy::AllMajor),
            Some(GpuPolicy::SameAsArm),
            Some(list),
        ];
        let install =
            FILES.map(|path| InstallFile { from: path.into(), to: Utf8PathBuf::from("/i").join(path) });
        let mut install = install.to_vec();
        install.sort();
        (
            proptest::collection::vec(target(), 1..4),
            image(),
            proptest::sample::select(policies),
            any::<bool>(),
            proptest::option::of(Just(CudaRelease::new(13, 0))),
            proptest::option::of(Just("1.0+x".to_owned())),
            proptest::sample::subsequence(install, 0..6),
        )
            .prop_map(|(mut targets, mut image, gpu, embed_ptx, toolkit, version, install)| {
                for (index, target) in targets.iter_mut().enumerate() {
                    target.name = format!("t{index}");
                }
                targets[0].kind = TargetKind::StaticLibrary;
                let program =
                    BuildTarget { name: "p".to_owned(), kind: TargetKind::Program, ..targets[0].clone() };
                targets.push(BuildTarget { uses: vec!["t0".to_owned()], ..program });
                image.entrypoint = vec!["p".to_owned(), String::new(), "\"\\\n\t\u{7f}'".to_owned()];
                let host_compiler = version.as_ref().map(|_| "/opt/my g++".to_owned());
                let name = "p-1.x".to_owned();
                Project { name, version, toolkit, host_compiler, gpu, embed_ptx, targets, install, image }
            })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(project in project()) {
            let text = to_toml(&Inferred { project: project.clone(), notes: Vec::new() });
            match crate::parse(&text, FILE_NAME, &tree()) {
                Ok(read) => prop_assert_eq!(read, project),
                Err(errors) => prop_assert!(false, "{:?}\n{}", errors.mistakes(), text),
            }
        }
    }
}
