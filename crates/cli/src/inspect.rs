//! `cuferry inspect`: opens what it is pointed at, asks what becomes of it, and prints the answer.

mod candidate;
mod collect;
mod dump;
mod json;
mod question;
mod text;

pub(crate) use collect::{FileReport, Report, collect, configured};
pub(crate) use dump::dump;
pub(crate) use question::{Questions, about, here, questions};

use crate::failure::Failure;
use crate::words;

/// Prints a report for people.
pub(crate) fn print_text(report: &Report, verbose: bool) -> Result<(), Failure> {
    words::print(&text::render(report, verbose))
}

/// Prints a report for programs.
pub(crate) fn print_json(report: &Report) -> Result<(), Failure> {
    words::print(&format!("{:#}\n", json::render(report)))
}
