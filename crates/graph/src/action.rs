//! One action: a tool run (or a file written or copied) with its inputs and outputs, all named before it starts.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use cuferry_digest::{Digest, Hasher};

/// Part of every action's digest: raise it when the meaning of an action changes.
const KEY_VERSION: &str = "action-1";

/// One step of a build. Paths are relative to the project's folder, which is the working folder of every command,
/// or absolute for what lies outside (compilers, toolkits).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// What it is, for progress lines and for choosing what to show.
    pub kind: ActionKind,
    /// What it works on, for people: `src/blur.cu for sm_90`.
    pub label: String,
    /// What is done.
    pub work: Work,
    /// Files read, as far as known before the run; the depfile adds headers.
    pub inputs: Vec<Utf8PathBuf>,
    /// Files written.
    pub outputs: Vec<Utf8PathBuf>,
    /// A Make-style dependency file that the command writes, naming the headers that it read.
    pub depfile: Option<Utf8PathBuf>,
}

/// What a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActionKind {
    /// A file written from the plan itself.
    Write,
    /// A file copied.
    Copy,
    /// C or C++ through the host compiler.
    HostCompile,
    /// CUDA C++ through the preprocessor.
    Preprocess,
    /// `cudafe++`: splits host code from device code.
    CudaFrontEnd,
    /// `cicc`: device code to PTX.
    DeviceCompile,
    /// `ptxas`: PTX to machine code.
    Assemble,
    /// `fatbinary`: PTX and machine code of all architectures into one.
    Fatbinary,
    /// A whole CUDA file through `nvcc`, where its steps could not be planned.
    CudaCompile,
    /// Relocatable device code linked.
    DeviceLink,
    /// Objects into a static library.
    Archive,
    /// Objects into a program or shared library.
    Link,
}

/// How a step is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// A command is run.
    Run(Command),
    /// `contents` are written to the one output.
    Write {
        /// The whole file.
        contents: String,
    },
    /// The one input is copied to the one output, with its executable bit.
    Copy,
}

/// A command, run directly (no shell), with exactly this environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The program: an absolute path.
    pub program: Utf8PathBuf,
    /// What names the program's exact build: a digest or version. Another tool at the same path makes another action.
    pub identity: String,
    /// Arguments after the program's name.
    pub args: Vec<String>,
    /// The whole environment.
    pub env: BTreeMap<String, String>,
}

impl ActionKind {
    /// A fixed word for dumps and progress lines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Copy => "copy",
            Self::HostCompile => "host-compile",
            Self::Preprocess => "preprocess",
            Self::CudaFrontEnd => "cuda-front-end",
            Self::DeviceCompile => "device-compile",
            Self::Assemble => "assemble",
            Self::Fatbinary => "fatbinary",
            Self::CudaCompile => "cuda-compile",
            Self::DeviceLink => "device-link",
            Self::Archive => "archive",
            Self::Link => "link",
        }
    }
}

impl Action {
    /// The digest of what this action *is*: its command, environment and file names, but not the files' contents.
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::default();
        hasher.field(KEY_VERSION);
        hasher.field(self.kind.as_str());
        match &self.work {
            Work::Run(command) => {
                hasher.field("run");
                hasher.field(command.program.as_str());
                hasher.field(&command.identity);
                list(&mut hasher, command.args.iter().map(String::as_str));
                list(
                    &mut hasher,
                    command.env.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]),
                );
            }
            Work::Write { contents } => {
                hasher.field("write");
                hasher.field(contents);
            }
            Work::Copy => hasher.field("copy"),
        }
        list(&mut hasher, self.inputs.iter().map(|path| path.as_str()));
        list(&mut hasher, self.outputs.iter().map(|path| path.as_str()));
        hasher.field(self.depfile.as_ref().map_or("", |path| path.as_str()));
        hasher.finish()
    }
}

fn list<'a>(hasher: &mut Hasher, items: impl Iterator<Item = &'a str>) {
    let items: Vec<_> = items.collect();
    hasher.field(items.len().to_le_bytes());
    items.into_iter().for_each(|item| hasher.field(item));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action() -> Action {
        Action {
            kind: ActionKind::HostCompile,
            label: "a.cpp".to_owned(),
            work: Work::Run(Command {
                program: "/usr/bin/g++".into(),
                identity: "12.2.0".to_owned(),
                args: vec!["-c".to_owned(), "a.cpp".to_owned()],
                env: BTreeMap::from([("LC_ALL".to_owned(), "C".to_owned())]),
            }),
            inputs: vec!["a.cpp".into()],
            outputs: vec!["a.o".into()],
            depfile: Some("a.d".into()),
        }
    }

    fn command(action: &mut Action) -> &mut Command {
        let Work::Run(command) = &mut action.work else { panic!("a run") };
        command
    }

    #[test]
    fn each_part_of_an_action_changes_its_digest() {
        type Change = fn(&mut Action);
        let changes: [(&str, Change); 9] = [
            ("kind", |action| action.kind = ActionKind::Link),
            ("program", |action| command(action).program = "/usr/bin/g++-12".into()),
            ("identity", |action| command(action).identity.push('1')),
            ("args", |action| command(action).args.reverse()),
            ("env", |action| drop(command(action).env.insert("A".to_owned(), "B".to_owned()))),
            ("inputs", |action| action.inputs.push("b.h".into())),
            ("outputs", |action| action.outputs.push("b.o".into())),
            ("depfile", |action| action.depfile = None),
            ("work", |action| action.work = Work::Copy),
        ];
        for (what, change) in changes {
            let mut other = action();
            change(&mut other);
            assert_ne!(other.digest(), action().digest(), "changing {what}");
        }
    }

    #[test]
    fn the_label_does_not_change_the_digest() {
        let mut changed = action();
        changed.label = "another".to_owned();
        assert_eq!(changed.digest(), action().digest());
    }
}
