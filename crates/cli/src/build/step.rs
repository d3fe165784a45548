//! One command of a build.

use camino::{Utf8Path, Utf8PathBuf};

/// One command of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) program: String,
    pub(crate) args: Vec<String>,
    pub(crate) folder: Utf8PathBuf,
    pub(crate) environment: Vec<(String, String)>,
    /// Whether the build is worth nothing without it.
    pub(crate) needed: bool,
    /// Whether it is run only where those before it made nothing.
    pub(crate) in_need: bool,
    /// The folder that it fills with what is installed.
    pub(crate) stage: Option<Utf8PathBuf>,
    /// Whether it is to be kept from writing elsewhere than there and among the project's files: nobody knows where it does.
    pub(crate) confined: bool,
}

impl Step {
    /// A command that the build is worth nothing without.
    pub(crate) fn new(program: &str, args: Vec<String>, folder: &Utf8Path) -> Self {
        Self {
            program: program.to_owned(),
            args,
            folder: folder.to_owned(),
            environment: Vec::new(),
            needed: true,
            in_need: false,
            stage: None,
            confined: false,
        }
    }

    /// As a shell would be given it.
    pub(crate) fn command_line(&self) -> String {
        let mut line = String::new();
        for (name, value) in &self.environment {
            line.extend([name, "=", &shell_words::quote(value), " "]);
        }
        line.push_str(&shell_words::join([&self.program].into_iter().chain(&self.args)));
        line
    }
}
