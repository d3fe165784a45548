//! What a build does that whoever runs it should know beforehand.

use crate::place::{Place, When};

/// One thing to know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// Where.
    pub place: Place,
    /// What.
    pub kind: NoteKind,
    /// The words that say it.
    pub words: String,
    /// Whether it counts there.
    pub when: When,
}

/// Kinds of notes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoteKind {
    /// It becomes root, or installs packages of the system.
    ChangesSystem,
    /// It fetches something from a network.
    Fetches,
    /// It runs a program that it has just built.
    RunsItself,
    /// It asks a GPU what it is.
    AsksGpu,
    /// It tells by the machine's name what to do.
    TestsMachine,
    /// It refuses machines that are not ARM.
    RefusesOthers,
}

impl NoteKind {
    /// Each.
    pub const ALL: [Self; 6] = [
        Self::ChangesSystem,
        Self::Fetches,
        Self::RunsItself,
        Self::AsksGpu,
        Self::TestsMachine,
        Self::RefusesOthers,
    ];

    /// `CF4101` and so on: stable.
    pub const fn id(self) -> &'static str {
        match self {
            Self::ChangesSystem => "CF4101",
            Self::Fetches => "CF4102",
            Self::RunsItself => "CF4103",
            Self::AsksGpu => "CF4104",
            Self::TestsMachine => "CF4105",
            Self::RefusesOthers => "CF4106",
        }
    }

    /// As the end of a sentence that begins with the build.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ChangesSystem => "becomes root or installs packages of the system",
            Self::Fetches => "fetches from a network",
            Self::RunsItself => "runs a program that it has just built",
            Self::AsksGpu => "asks a GPU what it is",
            Self::TestsMachine => "looks at the machine's name",
            Self::RefusesOthers => "refuses machines that are not ARM",
        }
    }
}

/// The ids of notes.
pub(crate) fn ids() -> impl Iterator<Item = &'static str> {
    NoteKind::ALL.into_iter().map(NoteKind::id)
}
