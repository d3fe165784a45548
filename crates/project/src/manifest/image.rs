//! `[image]` and `[[install]]`: what the image is called, what it starts, and which files lie in it.

use std::collections::BTreeMap;
use std::ops::Range;

use camino::{Utf8Path, Utf8PathBuf};
use toml::de::DeTable;

use super::mistake::Mistake;
use super::section::{Mistakes, Section, Text};
use super::target;
use crate::files::FileTree;
use crate::glob;
use crate::names;
use crate::project::{Compression, ImageSpec, InstallFile};

pub(super) const KEYS: &[&str] =
    &["name", "base", "entrypoint", "cmd", "user", "working-dir", "env", "labels", "compression"];
const COMPRESSIONS: [&str; 3] = ["gzip", "zstd", "none"];

pub(super) fn read<'t>(
    table: &'t DeTable<'t>,
    span: Range<usize>,
    programs: &[String],
    mistakes: &mut Mistakes,
) -> ImageSpec {
    let section = Section::new("`[image]`", table, span, KEYS, mistakes);
    let name = section.text("name", mistakes).and_then(|name| image_name(name, mistakes));
    let base = section.text("base", mistakes).map(Text::into_inner);
    let entrypoint = section.any_texts("entrypoint", mistakes);
    let entrypoint_span =
        section.value("entrypoint").map_or_else(|| section.span(), serde_spanned::Spanned::span);
    check_entrypoint(&entrypoint, entrypoint_span, programs, mistakes);
    let working_dir = section.text("working-dir", mistakes).and_then(|path| absolute(&path, mistakes));
    ImageSpec {
        name,
        base: base.filter(|base| base != "scratch").map(Utf8PathBuf::from),
        entrypoint: entrypoint.into_iter().map(Text::into_inner).collect(),
        cmd: section.any_texts("cmd", mistakes).into_iter().map(Text::into_inner).collect(),
        user: section.text("user", mistakes).and_then(|user| check_user(user, mistakes)),
        working_dir,
        env: environment(&section, mistakes),
        labels: section
            .texts_by_name("labels", mistakes)
            .into_iter()
            .map(|(name, value)| (name.into_inner(), value.into_inner()))
            .collect(),
        compression: section.text("compression", mistakes).and_then(|text| compression(&text, mistakes)),
    }
}

/// Its first word is a program or absolute; without one there is one program, which needs no name.
pub(super) fn check_entrypoint(
    words: &[Text],
    span: Range<usize>,
    programs: &[String],
    mistakes: &mut Mistakes,
) {
    let programs = || programs.to_vec();
    match words.first() {
        None if programs().len() > 1 => mistakes.add(span, Mistake::NoEntrypoint { programs: programs() }),
        Some(word) if !programs().contains(word.get_ref()) && glob::absolute(word.get_ref()).is_none() => {
            let mistake = Mistake::UnknownEntrypoint { word: word.get_ref().clone(), programs: programs() };
            mistakes.add(word.span(), mistake);
        }
        _ => {}
    }
}

fn image_name(text: Text, mistakes: &mut Mistakes) -> Option<String> {
    let checked = names::check_image_name(text.get_ref());
    let mistake = |reason| Mistake::ImageName { text: text.get_ref().clone(), reason };
    mistakes.keep(text.span(), checked.map_err(mistake))?;
    Some(text.into_inner())
}

fn check_user(text: Text, mistakes: &mut Mistakes) -> Option<String> {
    let id = |id: &str| id.bytes().all(|byte| byte.is_ascii_digit()) && id.parse::<u32>().is_ok();
    if text.get_ref().split_once(':').is_some_and(|(user, group)| id(user) && id(group)) {
        return Some(text.into_inner());
    }
    mistakes.add(text.span(), Mistake::User { text: text.get_ref().clone() });
    None
}

fn environment(section: &Section<'_>, mistakes: &mut Mistakes) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::new();
    for (name, value) in section.texts_by_name("env", mistakes) {
        if names::is_identifier(name.get_ref()) {
            environment.insert(name.into_inner(), value.into_inner());
        } else {
            mistakes.add(name.span(), Mistake::Variable { name: name.into_inner() });
        }
    }
    environment
}

fn compression(text: &Text, mistakes: &mut Mistakes) -> Option<Compression> {
    let all = [Compression::Gzip, Compression::Zstd, Compression::None];
    let found = all.into_iter().find(|compression| compression.as_str() == text.get_ref());
    if found.is_none() {
        let text_of = text.get_ref().clone();
        let mistake = Mistake::UnknownChoice { key: "compression", text: text_of, choices: &COMPRESSIONS };
        mistakes.add(text.span(), mistake);
    }
    found
}

fn absolute(text: &Text, mistakes: &mut Mistakes) -> Option<Utf8PathBuf> {
    let path = glob::absolute(text.get_ref());
    if path.is_none() {
        mistakes.add(text.span(), Mistake::NotAbsolute { path: text.get_ref().clone() });
    }
    path
}

/// The files of one `[[install]]`: below `to` where that ends in `/`, else the one file that is called `to`.
pub(super) fn install_files(
    section: &Section<'_>,
    tree: &FileTree,
    mistakes: &mut Mistakes,
) -> Vec<InstallFile> {
    let from = section.needed_text("from", mistakes);
    let to = section.needed_text("to", mistakes);
    let target = to.as_ref().and_then(|to| absolute(to, mistakes));
    let pattern = from.as_ref().and_then(|from| target::pattern(from, tree, mistakes));
    let (Some(from), Some(to), Some(target), Some(pattern)) = (from, to, target, pattern) else {
        return Vec::new();
    };
    let files = target::matching(&pattern, &from, tree, mistakes);
    let is_folder = to.get_ref().ends_with('/');
    if !is_folder && files.len() > 1 {
        let (pattern, to_text) = (from.into_inner(), to.get_ref().clone());
        mistakes.add(to.span(), Mistake::ManyToOne { pattern, count: files.len(), to: to_text });
        return Vec::new();
    }
    let place = |file: &Utf8Path| {
        if !is_folder {
            return target.clone();
        }
        target.join(file.strip_prefix(pattern.fixed_folder()).unwrap_or(file))
    };
    files.into_iter().map(|file| InstallFile { from: file.to_owned(), to: place(file) }).collect()
}
