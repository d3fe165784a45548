//! What a build made: the programs and libraries that are there now, and whether they are what was wanted. A build's own
//! exit code says little of this: of builds moved to another machine many end well with nothing usable made.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::{DeviceCode, Host};
use cuferry_artifact::Limits;
use cuferry_inspect::inventory::{CodeKind, Form, Machine};
use cuferry_inspect::read::Effort;
use ignore::WalkBuilder;

use crate::inspect::{FileReport, Questions, collect};

/// Where no build puts what it is for: version control, and CMake's own trials.
const PASSED_OVER: [&str; 5] = [".git", ".hg", ".svn", "CMakeFiles", "node_modules"];

/// What a build made.
pub(crate) struct Outcome {
    /// Who asked about which GPUs.
    pub(crate) questions: Questions,
    /// Programs and libraries, by path.
    pub(crate) artefacts: Vec<Artefact>,
    /// Why the whole is not what was wanted; empty: it is.
    pub(crate) troubles: Vec<Trouble>,
}

/// A program, a library or a file of device code.
pub(crate) struct Artefact {
    pub(crate) path: Utf8PathBuf,
    pub(crate) file: FileReport,
}

/// Why a build's result is not usable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// No program and no library.
    Nothing,
    /// Machine code of another CPU.
    WrongMachine {
        /// Where.
        path: Utf8PathBuf,
        /// Which CPU.
        machine: Machine,
    },
    /// Device code that a GPU cannot load.
    DoesNotLoad {
        /// Where.
        path: Utf8PathBuf,
        /// Which GPU; none: any that is not part of a Jetson.
        gpu: Option<String>,
        /// The fact that decides, and its id.
        fact: String,
        id: &'static str,
    },
    /// What could not be read.
    Unreadable {
        /// Where.
        path: Utf8PathBuf,
        /// Why.
        why: String,
    },
}

/// Programs, libraries, objects and device code below `folders` that were written since `start`.
pub(crate) fn written_since(folders: &BTreeSet<Utf8PathBuf>, start: SystemTime) -> BTreeSet<Utf8PathBuf> {
    // A file system keeps times in ticks of some milliseconds, and rounds down.
    let start = start.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_millis().cast_signed());
    let start = start.saturating_sub(50);
    let mut found = BTreeSet::new();
    for folder in folders {
        let walk = WalkBuilder::new(folder)
            .standard_filters(false)
            .filter_entry(|entry| !PASSED_OVER.iter().any(|name| entry.file_name() == *name))
            .build();
        for entry in walk.flatten() {
            let is_file = entry.file_type().is_some_and(|kind| kind.is_file());
            let Some(path) = Utf8Path::from_path(entry.path()).filter(|_| is_file) else { continue };
            // `ctime`, since `install -p` and `cp -a` set the other one back.
            let new = entry.metadata().is_ok_and(|metadata| {
                let changed =
                    i128::from(metadata.ctime()) * 1000 + i128::from(metadata.ctime_nsec()) / 1_000_000;
                changed >= start && metadata.len() > 0
            });
            if new && looks_built(path) {
                found.insert(path.to_owned());
            }
        }
    }
    found
}

/// Those of `paths` that are there, and what a build makes.
pub(crate) fn existing(paths: impl Iterator<Item = Utf8PathBuf>) -> impl Iterator<Item = Utf8PathBuf> {
    let passed_over = |path: &Utf8PathBuf| path.components().any(|part| PASSED_OVER.contains(&part.as_str()));
    paths.filter(move |path| !passed_over(path) && path.is_file() && looks_built(path))
}

/// By its first bytes: ELF, an archive, or a fatbin.
fn looks_built(path: &Utf8Path) -> bool {
    let mut start = [0_u8; 8];
    let read = std::fs::File::open(path).and_then(|mut file| std::io::Read::read(&mut file, &mut start));
    let Ok(length) = read else { return false };
    let start = &start[..length];
    start.starts_with(b"\x7fELF")
        || start.starts_with(b"!<arch>")
        || start.starts_with(&[0x50, 0xed, 0x55, 0xba])
}

/// Looks into `paths`, and judges the whole.
pub(crate) fn judge(paths: &BTreeSet<Utf8PathBuf>, host: Host, questions: Questions) -> Outcome {
    let mut troubles = Vec::new();
    let mut artifacts = Vec::new();
    for path in paths {
        match cuferry_artifact::open(path, &Limits::default()) {
            Ok(artifact) => artifacts.push(artifact),
            Err(error) => troubles.push(Trouble::Unreadable { path: path.clone(), why: error.to_string() }),
        }
    }
    let report = collect(&artifacts, questions, Effort::Sample);
    let files = report.artifacts.into_iter().flat_map(|artifact| {
        let path = artifact.path;
        let files = artifact.trees.into_iter().flat_map(|tree| tree.files);
        files.map(move |file| Artefact { path: path.clone(), file })
    });
    let made: Vec<Artefact> = files.collect();
    troubles.extend(made.iter().filter_map(|artefact| wrong_machine(artefact, host)));
    let finished: Vec<&Artefact> = of_best_form(&made);
    if finished.is_empty() {
        troubles.push(Trouble::Nothing);
    }
    troubles.extend(finished.iter().flat_map(|artefact| does_not_load(artefact, &report.questions)));
    Outcome { questions: report.questions, artefacts: made, troubles }
}

/// What a build is for: programs and shared libraries; where there are none, static ones, or device code.
fn of_best_form(artefacts: &[Artefact]) -> Vec<&Artefact> {
    let of = |forms: &[Form]| -> Vec<&Artefact> {
        artefacts.iter().filter(|artefact| forms.contains(&artefact.file.inventory.form)).collect()
    };
    let choices: [&[Form]; 3] =
        [&[Form::Program, Form::SharedLibrary], &[Form::Archive], &[Form::Fatbin, Form::Cubin]];
    choices.into_iter().map(of).find(|found| !found.is_empty()).unwrap_or_default()
}

fn wrong_machine(artefact: &Artefact, host: Host) -> Option<Trouble> {
    let machine = artefact.file.inventory.host.as_ref()?.machine;
    let wrong = machine != Machine::None && machine != Machine::Host(host);
    wrong.then(|| Trouble::WrongMachine { path: artefact.path.clone(), machine })
}

/// A GPU that was named has to run everything; where none was named, any will do.
fn does_not_load(artefact: &Artefact, questions: &Questions) -> Vec<Trouble> {
    let file = &artefact.file;
    if !file.inventory.has_device_code() {
        return Vec::new();
    }
    let asked = questions.asked.iter().zip(&file.verdicts);
    let trouble = |gpu: Option<String>, verdict: &cuferry_inspect::Verdict| Trouble::DoesNotLoad {
        path: artefact.path.clone(),
        gpu,
        fact: verdict.fact.to_string(),
        id: verdict.fact.id(),
    };
    if questions.is_explicit() {
        let refused = asked.filter(|(_, verdict)| !verdict.outcome.runs());
        return refused.map(|(asked, verdict)| trouble(Some(asked.question.gpu.real()), verdict)).collect();
    }
    let runs = file.verdicts.iter().any(|verdict| verdict.outcome.runs());
    file.verdicts.last().filter(|_| !runs).map(|verdict| trouble(None, verdict)).into_iter().collect()
}

impl Outcome {
    /// Programs and shared libraries.
    pub(crate) fn finished(&self) -> Vec<&Artefact> {
        of_best_form(&self.artefacts)
    }

    /// The device code in the programs and libraries.
    pub(crate) fn code(&self) -> DeviceCode {
        let mut code = DeviceCode::default();
        for artefact in self.finished() {
            code.real.extend(artefact.file.inventory.archs(CodeKind::Sass));
            code.ptx.extend(artefact.file.inventory.archs(CodeKind::Ptx));
        }
        code
    }
}

impl Artefact {
    pub(crate) fn form(&self) -> Form {
        self.file.inventory.form
    }

    pub(crate) fn name(&self) -> &str {
        self.path.file_name().unwrap_or(self.path.as_str())
    }
}
