//! Errors as the command line ends with them: a report to print, and whose fault it was, which is the exit code.

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};

/// Whose fault a failure was. `docs/exit-codes.md` promises these numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The user's code did not compile, or the answer is no.
    Project,
    /// The command, its options or the manifest.
    Usage,
    /// The machine lacks something: a compiler, a network, disk space.
    Machine,
    /// A defect of cuferry.
    Cuferry,
    /// The user interrupted.
    Interrupted,
}

impl Fault {
    pub(crate) const fn exit_code(self) -> u8 {
        match self {
            Self::Project => 1,
            Self::Usage => 2,
            Self::Machine => 3,
            Self::Cuferry => 4,
            Self::Interrupted => 130, // 128 + SIGINT, as shells have it
        }
    }
}

/// How a command ends that did what it was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Done, or yes.
    Good,
    /// The answer is no.
    No,
    /// The machine lacks something, and the answer says what.
    Lacking,
    /// As the command that was run ended.
    Code(u8),
}

impl Answer {
    pub(crate) const fn exit_code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::No => Fault::Project.exit_code(),
            Self::Lacking => Fault::Machine.exit_code(),
            Self::Code(code) => code,
        }
    }
}

/// A failure on its way to the user.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) fault: Fault,
    pub(crate) report: miette::Report,
}

impl Failure {
    pub(crate) fn new(fault: Fault, error: impl Diagnostic + Send + Sync + 'static) -> Self {
        Self { fault, report: miette::Report::new(error) }
    }

    /// A failure that only the command line knows of.
    pub(crate) fn say(fault: Fault, code: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        let diagnostic = miette::MietteDiagnostic::new(message.into()).with_code(code).with_help(help.into());
        Self { fault, report: diagnostic.into() }
    }

    pub(crate) fn print(&self, colour: bool) {
        let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(110).with_links(false);
        let mut text = String::new();
        match handler.render_report(&mut text, self.report.as_ref()) {
            Ok(()) => eprint!("{text}"),
            Err(_) => eprintln!("{}", self.report),
        }
    }
}
