//! One action carried out: its old outputs removed, its work done, what it wrote looked at. Runs on a thread of its own
//! and knows no other action.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_graph::{Action, Command, Work};

use crate::cancel::CancelFlag;
use crate::depfile::{self, DepfileError};
use crate::error::ExecError;
use crate::files::{Root, Written};
use crate::outcome::{Failure, Outcome};
use crate::process::{self, ProcessError};

/// An action that was carried out, well or not.
#[derive(Debug)]
pub(crate) struct Performed {
    pub(crate) outcome: Outcome,
    /// What its command said.
    pub(crate) output: Vec<u8>,
    /// Empty unless it succeeded.
    pub(crate) results: Results,
}

/// What an action left on the disk.
#[derive(Debug, Default)]
pub(crate) struct Results {
    /// One for each output, in their order.
    pub(crate) written: Vec<Written>,
    /// The files that its dependency file names.
    pub(crate) headers: Vec<String>,
}

/// Carries out `action`, until its end or until one of `cancel` is raised.
///
/// Whatever happens short of a crash, either all outputs are written or none is there.
pub(crate) fn perform(
    action: &Action,
    root: &Root,
    cancel: [&CancelFlag; 2],
) -> Result<Performed, ExecError> {
    remove_outputs(action, root)?;
    create_folders(action, root)?;
    let performed = attempt(action, root, cancel);
    match &performed {
        Ok(Performed { outcome: Outcome::Succeeded, .. }) => {}
        Ok(_) => remove_outputs(action, root)?,
        // The first error tells more than that of cleaning up behind it.
        Err(_) => drop(remove_outputs(action, root)),
    }
    performed
}

fn attempt(action: &Action, root: &Root, cancel: [&CancelFlag; 2]) -> Result<Performed, ExecError> {
    let (outcome, output) = match &action.work {
        Work::Run(command) => run(command, action, root, cancel)?,
        Work::Write { contents } => {
            for path in &action.outputs {
                write_aside(&root.path().join(path), 0o666, |file| file.write_all(contents.as_bytes()))?;
            }
            (Outcome::Succeeded, Vec::new())
        }
        Work::Copy => {
            copy(action, root)?;
            (Outcome::Succeeded, Vec::new())
        }
    };
    let mut performed = Performed { outcome, output, results: Results::default() };
    if performed.outcome == Outcome::Succeeded {
        match read_results(action, root)? {
            Ok(results) => performed.results = results,
            Err(failure) => performed.outcome = Outcome::Failed(failure),
        }
    }
    Ok(performed)
}

fn run(
    command: &Command,
    action: &Action,
    root: &Root,
    cancel: [&CancelFlag; 2],
) -> Result<(Outcome, Vec<u8>), ExecError> {
    let named = || (command.program.clone(), action.label.clone());
    let ended = process::run(command, root.path(), cancel).map_err(|error| {
        let (program, label) = named();
        match error {
            ProcessError::Spawn(source) => ExecError::Spawn { program, label, source },
            ProcessError::Watch(source) => ExecError::Watch { program, label, source },
        }
    })?;
    let outcome = match (ended.cancelled, ended.status.code(), ended.status.signal()) {
        (true, ..) => Outcome::Cancelled,
        (false, Some(0), _) => Outcome::Succeeded,
        (false, Some(status), _) => Outcome::Failed(Failure::Status { status }),
        (false, None, signal) => Outcome::Failed(Failure::Signal { signal: signal.unwrap_or_default() }),
    };
    Ok((outcome, ended.output))
}

/// What the command wrote, or in which way it did not keep its word.
fn read_results(action: &Action, root: &Root) -> Result<Result<Results, Failure>, ExecError> {
    let mut results = Results::default();
    let mut missing = Vec::new();
    for path in &action.outputs {
        match root.read_written(path.as_str()).map_err(|source| read_error(root, path, source))? {
            Some(written) => results.written.push(written),
            None => missing.push(path.clone()),
        }
    }
    if let Some(path) = &action.depfile {
        match fs::read(root.path().join(path)) {
            Ok(bytes) => match parse_depfile(bytes) {
                Ok(headers) => results.headers = headers,
                Err(reason) => return Ok(Err(Failure::Depfile { path: path.clone(), reason })),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => missing.push(path.clone()),
            Err(source) => return Err(read_error(root, path, source)),
        }
    }
    Ok(if missing.is_empty() { Ok(results) } else { Err(Failure::NotWritten { paths: missing }) })
}

fn parse_depfile(bytes: Vec<u8>) -> Result<Vec<String>, DepfileError> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let sound = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        DepfileError::NotUtf8 { line: sound.split(|byte| *byte == b'\n').count() }
    })?;
    depfile::parse(&text)
}

/// Old outputs go before a command runs: a tool that adds to its output must not find one, and after a crash nothing old
/// passes for new.
fn remove_outputs(action: &Action, root: &Root) -> Result<(), ExecError> {
    for path in action.outputs.iter().chain(&action.depfile) {
        let path = root.path().join(path);
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(source) => return Err(ExecError::Write { path, source }),
        }
    }
    Ok(())
}

fn create_folders(action: &Action, root: &Root) -> Result<(), ExecError> {
    let folders: BTreeSet<_> =
        action.outputs.iter().chain(&action.depfile).filter_map(|path| path.parent()).collect();
    for folder in folders {
        let path = root.path().join(folder);
        fs::create_dir_all(&path).map_err(|source| ExecError::Write { path, source })?;
    }
    Ok(())
}

fn copy(action: &Action, root: &Root) -> Result<(), ExecError> {
    let ([from], [to]) = (action.inputs.as_slice(), action.outputs.as_slice()) else {
        let (inputs, outputs) = (action.inputs.len(), action.outputs.len());
        return Err(ExecError::Shape { label: action.label.clone(), inputs, outputs });
    };
    let unreadable = |source| read_error(root, from, source);
    let mut source = File::open(root.path().join(from)).map_err(unreadable)?;
    let is_executable = source.metadata().map_err(unreadable)?.permissions().mode() & 0o111 != 0;
    let mode = if is_executable { 0o777 } else { 0o666 };
    write_aside(&root.path().join(to), mode, |file| io::copy(&mut source, file).map(drop))
}

/// Writes a temporary sibling and renames it; `mode` is subject to the user's umask, as for any new file.
fn write_aside(
    path: &Utf8Path,
    mode: u32,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), ExecError> {
    let failed = |source| ExecError::Write { path: path.to_owned(), source };
    let folder = path.parent().unwrap_or(Utf8Path::new("/"));
    let permissions = fs::Permissions::from_mode(mode);
    let mut aside = tempfile::Builder::new()
        .prefix(".aside-")
        .permissions(permissions)
        .tempfile_in(folder)
        .map_err(failed)?;
    write(aside.as_file_mut()).map_err(failed)?;
    aside.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

fn read_error(root: &Root, path: &Utf8PathBuf, source: io::Error) -> ExecError {
    ExecError::Read { path: root.path().join(path), source }
}
