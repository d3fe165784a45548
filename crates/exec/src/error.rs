//! What stops a build for a reason that is not the user's code: a failing command is an [`Outcome`](crate::Outcome).

use std::io;

use camino::Utf8PathBuf;
use cuferry_graph::GraphError;
use miette::Diagnostic;
use thiserror::Error;

/// Why a build could not be carried on. All commands have ended and no half-written output is left when it is returned.
#[derive(Debug, Error, Diagnostic)]
pub enum ExecError {
    /// The graph cannot be carried out.
    #[error(transparent)]
    #[diagnostic(code(exec::graph))]
    Graph(#[from] GraphError),
    /// Found before anything ran.
    #[error("{}", missing(sources))]
    #[diagnostic(code(exec::missing_sources), help("create them, or take them out of the project"))]
    MissingSources {
        /// Every file that is read, that nothing writes, and that is not there; sorted.
        sources: Vec<MissingSource>,
    },
    /// A command did not even start.
    #[error("cannot start `{program}` for `{label}`")]
    #[diagnostic(code(exec::spawn), help("check that `{program}` exists and is executable"))]
    Spawn {
        /// The program.
        program: Utf8PathBuf,
        /// The action's label.
        label: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A command's output or end could not be waited for.
    #[error("lost track of `{program}` for `{label}`")]
    #[diagnostic(
        code(exec::watch),
        help("the kernel must be Linux 5.3 or newer and have processes to spare")
    )]
    Watch {
        /// The program.
        program: Utf8PathBuf,
        /// The action's label.
        label: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file or folder could not be read.
    #[error("cannot read `{path}`")]
    #[diagnostic(code(exec::read), help("check that it is a file and that this user may read it"))]
    Read {
        /// The file.
        path: Utf8PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// An output could not be written, its folder not created, or an old one not removed.
    #[error("cannot write `{path}`")]
    #[diagnostic(code(exec::write), help("check that its folder is writable and that the disk is not full"))]
    Write {
        /// The file or folder.
        path: Utf8PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The state of earlier builds could neither be read nor written.
    #[error("cannot keep the build's state in `{path}`")]
    #[diagnostic(
        code(exec::state),
        help(
            "check that it is a writable file and that the disk is not full; deleting it costs a whole rebuild"
        )
    )]
    State {
        /// The state file.
        path: Utf8PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A copy is one file to one file.
    #[error("the copy `{label}` must have one input and one output, and has {inputs} and {outputs}")]
    #[diagnostic(code(exec::shape), help("this is a defect of the plan"))]
    Shape {
        /// The action's label.
        label: String,
        /// How many inputs it has.
        inputs: usize,
        /// How many outputs it has.
        outputs: usize,
    },
    /// No pipe or thread for the build's own use.
    #[error("cannot start threads for the build")]
    #[diagnostic(
        code(exec::prepare),
        help("run fewer jobs, or raise the limits on open files and processes (`ulimit -n`, `ulimit -u`)")
    )]
    Prepare(#[source] io::Error),
}

/// A file that the graph reads and nobody writes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MissingSource {
    /// The file, as the graph spells it.
    pub path: Utf8PathBuf,
    /// The label of the first action that reads it.
    pub needed_for: String,
}

fn missing(sources: &[MissingSource]) -> String {
    let line = |source: &MissingSource| format!("`{}`, needed for `{}`", source.path, source.needed_for);
    match sources {
        [source] => format!("this file does not exist: {}", line(source)),
        sources => {
            let lines: Vec<_> = sources.iter().map(line).collect();
            format!("these files do not exist:\n  {}", lines.join("\n  "))
        }
    }
}
