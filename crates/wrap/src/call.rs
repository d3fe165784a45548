//! One call of a tool, as the log of a run keeps it: a line of JSON.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use cuferry_translate::{Change, Invocation, Library, Mode, Note, Translation};
use serde::{Deserialize, Serialize};

use crate::text::{from_text, to_text};

/// One call of a tool by a build: what was asked, and what was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The name that the build called, such as `aarch64-linux-gnu-g++`.
    pub tool: String,
    /// The tool that served it, such as `/usr/bin/g++`.
    pub served_by: PathBuf,
    /// The words as the build gave them, its own name first.
    pub was: Vec<OsString>,
    /// The words as they were run, the tool's name first.
    pub now: Vec<OsString>,
    /// The folder in which it ran.
    pub folder: PathBuf,
    /// Its process, which stayed the tool's.
    pub pid: u32,
    /// What kind of call it was; none: a question about the machine that cuferry answered itself, see
    /// [`Pretence`](crate::Pretence).
    pub mode: Option<Mode>,
    /// What differs between `was` and `now`, and in the variables that the tool reads.
    pub changes: Vec<Change>,
    /// What was kept, and will not work on x86_64.
    pub notes: Vec<Note>,
    /// Options that no table knows: passed on as they are.
    pub unknown: Vec<String>,
    /// Why the words were passed on unread, where they could not be understood.
    pub problem: Option<String>,
    /// The files that the call is to write, as absolute paths. It may have failed to.
    pub outputs: Vec<PathBuf>,
    /// The sources that it compiles, as absolute paths.
    pub sources: Vec<PathBuf>,
    /// The libraries that it links, in their order.
    pub libraries: Vec<LinkedLibrary>,
}

/// A library that a call links.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkedLibrary {
    /// `-lNAME`, without `-l`.
    Named(String),
    /// A file, as an absolute path.
    File(PathBuf),
}

/// A call as it stands in the log. Words are text by [`to_text`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) tool: String,
    pub(crate) served_by: String,
    pub(crate) was: Vec<String>,
    /// The words without the tool's name; absent where they are those of `was`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) now: Option<Vec<String>>,
    pub(crate) folder: String,
    pub(crate) pid: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mode: Option<Mode>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) changes: Vec<Change>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<Note>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) unknown: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) outputs: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) sources: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) libraries: Vec<RecordedLibrary>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RecordedLibrary {
    Named(String),
    File(String),
}

impl Record {
    /// Takes over what an invocation says of itself.
    pub(crate) fn describe(&mut self, invocation: &Invocation) {
        self.mode = Some(invocation.mode());
        self.outputs = invocation.outputs().into_iter().map(Into::into).collect();
        self.sources = invocation.sources().into_iter().map(|source| source.path.into()).collect();
        self.libraries = invocation.libraries().into_iter().map(library).collect();
    }

    /// Takes over what a translation did.
    pub(crate) fn translated(&mut self, translation: &mut Translation) {
        self.changes.append(&mut translation.changes);
        self.notes.append(&mut translation.notes);
        self.unknown.append(&mut translation.unknown);
    }
}

impl From<Record> for Call {
    fn from(record: Record) -> Self {
        let folder = PathBuf::from(from_text(&record.folder));
        let words = |words: &[String]| words.iter().map(|word| from_text(word)).collect::<Vec<_>>();
        let paths = |paths: &[String]| paths.iter().map(|path| absolute(&folder, path)).collect();
        Self {
            was: words(&record.was),
            now: [from_text(&record.served_by)]
                .into_iter()
                .chain(words(record.now.as_deref().or(record.was.get(1..)).unwrap_or_default()))
                .collect(),
            outputs: paths(&record.outputs),
            sources: paths(&record.sources),
            libraries: record
                .libraries
                .iter()
                .map(|library| match library {
                    RecordedLibrary::Named(name) => LinkedLibrary::Named(name.clone()),
                    RecordedLibrary::File(path) => LinkedLibrary::File(absolute(&folder, path)),
                })
                .collect(),
            tool: record.tool,
            served_by: from_text(&record.served_by).into(),
            pid: record.pid,
            mode: record.mode,
            changes: record.changes,
            notes: record.notes,
            unknown: record.unknown,
            problem: record.problem,
            folder,
        }
    }
}

/// The path of a file that a call in `folder` names, without `.` and needless slashes. Links are not looked through, and
/// `..` stays: behind a link it may lead elsewhere than it seems.
fn absolute(folder: &Path, path: &str) -> PathBuf {
    folder.join(from_text(path)).components().collect()
}

/// The folder as text, for a record.
pub(crate) fn folder_text(folder: &Path) -> String {
    to_text(folder.as_os_str())
}

fn library(library: Library) -> RecordedLibrary {
    match library {
        Library::Named(name) => RecordedLibrary::Named(name),
        Library::File(path) => RecordedLibrary::File(path.into()),
    }
}
