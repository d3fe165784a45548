//! What a project asks of a machine: read from its build files and sources before a build, and from the words of a build
//! that failed afterwards.
//!
//! Tables (`data/*.toml`, compiled in) and pure functions: whoever calls walks the folders and runs the build.

mod advice;
mod api;
mod build;
mod diagnose;
mod goals;
mod index;
mod library;
mod needs;
mod note;
mod package;
mod pattern;
mod place;
mod read;
mod tegra;

pub use advice::{Ranked, Reason, ReasonKind, ToolkitAdvice};
pub use build::{Build, BuildKind, Staging};
pub use diagnose::{Advice, Context, Remedy, Verdict, diagnose};
pub use goals::goals;
pub use library::{CudaLibrary, libraries, library_of_cmake, library_of_header, library_of_link};
pub use needs::{ArchAsked, Hint, HintKind, Needs, Tegra, Use, Used};
pub use note::{Note, NoteKind};
pub use package::{Channel, Package, packages};
pub use place::{Place, When};
pub use read::{Wanted, is_skipped_folder, read, wanted};
pub use tegra::TegraHeader;

/// Every id that notes and advice carry, sorted: each has an explanation.
pub fn ids() -> Vec<&'static str> {
    let mut ids: Vec<&str> = diagnose::ids().chain(note::ids()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}
