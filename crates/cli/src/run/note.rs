//! What `cuferry run` leaves for who started it, as the program takes its place: that it did, and how.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd as _;

use camino::Utf8Path;
use cuferry_run::Choice;
use cuferry_run::start::{Start, start};

use super::words;
use crate::args::run::Run;

/// A program that was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    /// How much cuferry itself had written to standard error, where that is a file; in bytes.
    pub(crate) own_words: u64,
    /// The way, the device and why, in one sentence.
    pub(crate) way: String,
}

/// Becomes the program, and leaves a note of it if there is to be one. Comes back only where that fails: without a note.
pub(crate) fn begin(args: &Run, choice: &Choice, begun: &Start) -> io::Error {
    let Some(path) = &args.note else { return start(begun) };
    let note = Note { own_words: length_of_errors().unwrap_or(0), way: words::way(choice) };
    if let Err(error) = fs::write(path, format!("{}\n{}", note.own_words, note.way)) {
        return error;
    }
    let error = start(begun);
    // It may be gone already: then nobody asks for it.
    let _ = fs::remove_file(path);
    error
}

fn length_of_errors() -> io::Result<u64> {
    let errors = File::from(io::stderr().as_fd().try_clone_to_owned()?).metadata()?;
    Ok(if errors.is_file() { errors.len() } else { 0 })
}

/// The note at `path`; none: no program was started.
pub(crate) fn read(path: &Utf8Path) -> Option<Note> {
    let text = fs::read_to_string(path).ok()?;
    let (own_words, way) = text.split_once('\n')?;
    Some(Note { own_words: own_words.parse().ok()?, way: way.to_owned() })
}
