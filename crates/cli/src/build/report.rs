//! What is said of a project's own build: before it starts, and after it ended. On standard error, since standard output is
//! the build's own; the same as JSON in a file.

use std::collections::BTreeMap;

use camino::Utf8Path;
use cuferry_arch::GpuArch;
use cuferry_inspect::inventory::{CodeKind, Machine};
use cuferry_needs::{Advice, NoteKind, Place};
use cuferry_translate::{Change, Mode, Note};
use cuferry_wrap::Call;
use serde_json::{Value, json};

use super::outcome::{Artefact, Outcome, Trouble};
use super::prepare::Prepared;
use crate::image::Image;
use crate::words::{counted, wrap};

/// Raised when a field of the report changes its meaning or goes away. `docs/json.md` describes the fields.
const SCHEMA: u32 = 1;

/// How many changes are shown; the report has them all.
const SHOWN: usize = 12;

/// How many places of a note are shown.
const PLACES: usize = 3;

/// How wide a line on standard error is.
const WIDTH: usize = 110;

/// What was decided and why, before the work begins.
pub(crate) fn heading(prepared: &Prepared<'_>, command: &str) {
    let toolkit = &prepared.toolkit;
    eprintln!("cuferry: {command} in {}, for x86_64", prepared.root);
    line("GPU", &prepared.gpu.words);
    line("toolkit", &format!("CUDA {} in {}: {}", toolkit.release, toolkit.root, prepared.toolkit_reason));
    let compiler = &prepared.compiler;
    line("compiler", &format!("{} {} for nvcc ({})", compiler.family, compiler.version, compiler.path));
    for note in &prepared.notes {
        line("note", note);
    }
    for note in build_notes(&prepared.tree.needs.notes) {
        line("note", &note);
    }
    eprintln!();
}

/// One sentence for each kind of note, with its first places: a project may have a file for each of twenty boards.
fn build_notes(notes: &[cuferry_needs::Note]) -> Vec<String> {
    let mut kinds: Vec<(NoteKind, Vec<&Place>)> = Vec::new();
    for note in notes.iter().filter(|note| note.when.is_possible()) {
        match kinds.iter_mut().find(|(kind, _)| *kind == note.kind) {
            Some((_, places)) => places.push(&note.place),
            None => kinds.push((note.kind, vec![&note.place])),
        }
    }
    let sentence = |(kind, places): (NoteKind, Vec<&Place>)| {
        let first: Vec<String> = places.iter().take(PLACES).map(ToString::to_string).collect();
        let more = match places.len() - first.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("the build {} ({}{more}; {})", kind.as_str(), first.join(", "), kind.id())
    };
    kinds.into_iter().map(sentence).collect()
}

/// One labelled line, wrapped.
pub(crate) fn line(word: &str, text: &str) {
    eprint!("{}", wrap(text, &format!("  {word:<9} "), WIDTH));
}

/// Every difference between what the build asked and what was run, with how many calls it is in.
pub(crate) struct Changes<'a> {
    pub(crate) list: Vec<(&'a Change, usize)>,
    pub(crate) notes: Vec<(&'a Note, usize)>,
    pub(crate) unknown: BTreeMap<&'a str, usize>,
    pub(crate) calls: usize,
    pub(crate) changed: usize,
}

impl<'a> Changes<'a> {
    /// Over the calls that made something, and `first`: what was changed before the build started.
    pub(crate) fn of(first: &'a [Change], calls: &'a [Call]) -> Self {
        // What differs in its scope alone (nvcc's own call, or the host compiler's) reads the same.
        let said = |change: &'a Change| (&change.rule, &change.was, &change.now, &change.why);
        let mut changes: BTreeMap<_, (&Change, usize)> =
            first.iter().map(|change| (said(change), (change, 1))).collect();
        let mut notes: BTreeMap<&Note, usize> = BTreeMap::new();
        let mut unknown: BTreeMap<&str, usize> = BTreeMap::new();
        let working = || calls.iter().filter(|call| call.mode != Some(Mode::Query));
        for call in working() {
            let own: BTreeMap<_, &Change> =
                call.changes.iter().map(|change| (said(change), change)).collect();
            own.into_iter().for_each(|(key, change)| changes.entry(key).or_insert((change, 0)).1 += 1);
            call.notes.iter().for_each(|note| *notes.entry(note).or_default() += 1);
            call.unknown.iter().for_each(|word| *unknown.entry(word).or_default() += 1);
        }
        Self {
            list: changes.into_values().collect(),
            notes: notes.into_iter().collect(),
            unknown,
            calls: working().count(),
            changed: working().filter(|call| !call.changes.is_empty()).count(),
        }
    }

    /// For people.
    pub(crate) fn print(&self) {
        if self.calls == 0 && self.list.is_empty() {
            return;
        }
        let calls = counted(self.calls, "compiler call", "compiler calls");
        eprintln!("\ncuferry: {calls}, {} changed", self.changed);
        let mut order: Vec<&(&Change, usize)> = self.list.iter().collect();
        order.sort_by_key(|(change, count)| (std::cmp::Reverse(*count), *change));
        for (change, count) in order.iter().take(SHOWN) {
            let what = match (change.was.as_str(), change.now.as_str()) {
                ("", now) => format!("{now} added"),
                (was, "") => format!("{was} left out"),
                (was, now) => format!("{was} -> {now}"),
            };
            let times = if *count > 1 { format!(", {count} times") } else { String::new() };
            line("changed", &format!("{what}: it {} ({}{times})", change.why, change.rule));
        }
        if order.len() > SHOWN {
            line("changed", &format!("and {} more kinds: see the report", order.len() - SHOWN));
        }
        for (note, count) in &self.notes {
            let times = if *count > 1 { format!(", {count} times") } else { String::new() };
            line("kept", &format!("{}: it {} ({}{times})", note.word, note.why, note.rule));
        }
        if !self.unknown.is_empty() {
            let words: Vec<&str> = self.unknown.keys().copied().take(SHOWN).collect();
            line("unknown", &format!("passed on as they are: {}", words.join(" ")));
        }
    }

    fn json(&self) -> Value {
        let changes = self.list.iter().map(|(change, count)| {
            json!({ "rule": change.rule, "was": change.was, "now": change.now, "why": change.why, "calls": count })
        });
        let notes = self.notes.iter().map(
            |(note, count)| json!({ "rule": note.rule, "word": note.word, "why": note.why, "calls": count }),
        );
        json!({
            "calls": self.calls,
            "changed_calls": self.changed,
            "changes": changes.collect::<Vec<_>>(),
            "kept": notes.collect::<Vec<_>>(),
            "unknown": self.unknown.keys().collect::<Vec<_>>(),
        })
    }
}

/// What was made, for people.
pub(crate) fn outcome(outcome: &Outcome, root: &Utf8Path) {
    for artefact in outcome.finished() {
        line("made", &format!("{}: {}", below(&artefact.path, root), what(artefact)));
    }
}

/// `program, sm_80, PTX compute_80`.
fn what(artefact: &Artefact) -> String {
    let inventory = &artefact.file.inventory;
    let mut words = vec![inventory.form.as_str().to_owned()];
    if inventory.has_device_code() {
        words.extend(inventory.archs(CodeKind::Sass).into_iter().map(GpuArch::real));
        words.extend(
            inventory.archs(CodeKind::Ptx).into_iter().map(|arch| format!("PTX {}", arch.virtual_())),
        );
    } else {
        words.push("no device code".to_owned());
    }
    words.join(", ")
}

/// What is wrong with what was made, in sentences.
pub(crate) fn trouble(trouble: &Trouble, root: &Utf8Path) -> String {
    match trouble {
        Trouble::Nothing => "no program and no library came of it".to_owned(),
        Trouble::WrongMachine { path, machine } => {
            format!("{} is {machine} code", below(path, root))
        }
        Trouble::DoesNotLoad { path, gpu: Some(gpu), fact, id } => {
            format!("{} does not run on {gpu}: {fact} ({id})", below(path, root))
        }
        Trouble::DoesNotLoad { path, gpu: None, fact, id } => {
            format!("{} runs on no desktop GPU: {fact} ({id})", below(path, root))
        }
        Trouble::Unreadable { path, why } => format!("{} cannot be read: {why}", below(path, root)),
    }
}

fn below<'a>(path: &'a Utf8Path, root: &Utf8Path) -> &'a Utf8Path {
    path.strip_prefix(root).unwrap_or(path)
}

/// Advice after a failure, for people.
pub(crate) fn advice(advice: &[Advice]) {
    for advice in advice {
        let place = advice.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
        line("cause", &format!("{place}{} ({})", advice.cause, advice.id));
        line("do", &advice.todo);
    }
}

/// The whole, for programs.
pub(crate) struct Report<'a> {
    pub(crate) prepared: &'a Prepared<'a>,
    pub(crate) commands: &'a [String],
    pub(crate) exit_code: u8,
    pub(crate) changes: &'a Changes<'a>,
    pub(crate) outcome: Option<&'a Outcome>,
    pub(crate) advice: &'a [Advice],
    pub(crate) image: Option<&'a Image>,
}

impl Report<'_> {
    /// As `docs/json.md` describes it.
    pub(crate) fn json(&self) -> Value {
        let prepared = self.prepared;
        let root = &prepared.root;
        let toolkit = &prepared.toolkit;
        let compiler = &prepared.compiler;
        let artefacts = self.outcome.iter().flat_map(|outcome| &outcome.artefacts).map(|artefact| {
            let inventory = &artefact.file.inventory;
            let machine = inventory.host.as_ref().map(|host| host.machine).filter(|machine| *machine != Machine::None);
            let questions = self.outcome.iter().flat_map(|outcome| &outcome.questions.asked);
            let verdicts = questions.zip(&artefact.file.verdicts).map(|(asked, verdict)| {
                json!({ "gpu": asked.question.gpu.real(), "outcome": verdict.outcome.as_str(), "id": verdict.fact.id() })
            });
            json!({
                "path": artefact.path,
                "form": inventory.form.as_str(),
                "machine": machine.map(|machine| machine.to_string()),
                "sass": inventory.archs(CodeKind::Sass).into_iter().map(GpuArch::real).collect::<Vec<_>>(),
                "ptx": inventory.archs(CodeKind::Ptx).into_iter().map(GpuArch::virtual_).collect::<Vec<_>>(),
                "verdicts": verdicts.collect::<Vec<_>>(),
            })
        });
        let troubles = self.outcome.iter().flat_map(|outcome| &outcome.troubles);
        let advice = self.advice.iter().map(|advice| {
            json!({
                "id": advice.id,
                "cause": advice.cause,
                "place": advice.place.as_ref().map(ToString::to_string),
                "todo": advice.todo,
                "other_toolkit": advice.other_toolkit.map(|release| release.to_string()),
            })
        });
        let mut value = json!({
            "schema": SCHEMA,
            "folder": root,
            "commands": self.commands,
            "exit_code": self.exit_code,
            "gpu": prepared.gpu.words,
            "toolkit": { "release": toolkit.release.to_string(), "root": toolkit.root, "reason": prepared.toolkit_reason },
            "compiler": { "family": compiler.family.to_string(), "version": compiler.version.to_string(), "path": compiler.path },
            "notes": prepared.notes,
        });
        if let (Some(value), Value::Object(changes)) = (value.as_object_mut(), self.changes.json()) {
            value.extend(changes);
        }
        value["artefacts"] = artefacts.collect();
        value["troubles"] = troubles.map(|trouble| self::trouble(trouble, root)).collect();
        value["advice"] = advice.collect();
        value["image"] = self.image.map_or(Value::Null, Image::json);
        value
    }
}

#[cfg(test)]
mod tests {
    use cuferry_needs::When;

    use super::*;

    #[test]
    fn notes_of_a_kind_are_one_sentence() {
        let note = |line, kind, when| cuferry_needs::Note {
            place: Place { path: "cmake/check.cmake".into(), line },
            kind,
            words: String::new(),
            when,
        };
        let machine = |line| note(line, NoteKind::TestsMachine, When::Always);
        let mut notes: Vec<_> = (1..=5).map(machine).collect();
        notes.push(note(7, NoteKind::Fetches, When::Sometimes));
        notes.push(note(8, NoteKind::RunsItself, When::Arm));
        assert_eq!(
            build_notes(&notes),
            [
                "the build looks at the machine's name (cmake/check.cmake:1, cmake/check.cmake:2, cmake/check.cmake:3 and 2 more; \
                 CF4105)",
                "the build fetches from a network (cmake/check.cmake:7; CF4102)",
            ]
        );
    }
}
