//! The device code itself: listed and measured in cuobjdump's words, or written into a folder.

use std::io::{self, BufWriter, Write as _};

use camino::Utf8Path;
use cuferry_artifact::{Artifact, Bytes, Node, Tree};
use cuferry_binfmt::fatbin::{PayloadErrorKind, Unpacker};
use cuferry_inspect::listing::{self, Line, Listing, Scope};
use cuferry_inspect::resources;

use super::candidate::{Members, is_candidate, path_of};
use crate::args::Inspect;
use crate::context::Context;
use crate::failure::{Failure, Fault};
use crate::words::{counted, written};

/// What is done with each entry.
enum Task<'a> {
    List,
    Resources,
    Extract(&'a Utf8Path),
}

/// What the run came to.
#[derive(Default)]
struct Totals {
    entries: usize,
    left_out: usize,
    problems: usize,
}

/// `--list`, `--resources` and `--extract`. Whether there was device code, and all of it could be read.
pub(crate) fn dump(context: &Context, args: &Inspect, artifacts: &[Artifact]) -> Result<bool, Failure> {
    let folder = args.extract.as_deref().map(|folder| context.absolute(folder));
    let task = match &folder {
        Some(folder) => Task::Extract(folder),
        None if args.resources => Task::Resources,
        None => Task::List,
    };
    let scope = match task {
        _ if args.all => Scope::All,
        Task::Resources => Scope::CuobjdumpBlocks,
        Task::List | Task::Extract(_) => Scope::Cuobjdump,
    };
    let totals = match dump_all(context, artifacts, &task, scope) {
        Ok(totals) => totals,
        Err(Stop::Output(error)) => return written(Err(error)).map(|()| true),
        Err(Stop::Failure(failure)) => return Err(failure),
    };
    if totals.left_out > 0 {
        let them = if totals.left_out == 1 { "it" } else { "them" };
        let entries = counted(totals.left_out, "more entry", "more entries");
        eprintln!("{entries} that cuobjdump passes over: `--all` has {them}, too");
    }
    if let Some(folder) = &folder {
        eprintln!("{} written to {folder}", counted(totals.entries, "file", "files"));
    }
    if totals.problems > 0 {
        eprintln!("{} could not be read", counted(totals.problems, "entry", "entries"));
    }
    Ok(totals.entries > 0 && totals.problems == 0)
}

fn dump_all(
    context: &Context,
    artifacts: &[Artifact],
    task: &Task<'_>,
    scope: Scope,
) -> Result<Totals, Stop> {
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut totals = Totals::default();
    for artifact in artifacts {
        let alone = path_of(artifact);
        let several = artifact.trees.len() > 1;
        for tree in &artifact.trees {
            for node in tree.files().filter(|node| is_candidate(tree, node).unwrap_or(false)) {
                let bytes = tree.bytes(node).map_err(|error| Failure::new(Fault::Machine, error))?;
                let label = match (&tree.label, alone) {
                    (_, Some(path)) => path.to_string(),
                    (Some(label), None) if several => format!("{}:{label}:{}", artifact.path, node.path),
                    (_, None) => format!("{}:{}", artifact.path, node.path),
                };
                let titled = artifacts.len() > 1 || alone.is_none();
                let file = File { context, tree, node, bytes: &bytes, path: alone, label, titled };
                file.dump(task, scope, &mut out, &mut totals)?;
            }
        }
    }
    out.flush()?;
    Ok(totals)
}

/// One file on its way out.
struct File<'a> {
    context: &'a Context,
    tree: &'a Tree,
    node: &'a Node,
    bytes: &'a Bytes<'a>,
    /// On disk, where the file is all of its artifact.
    path: Option<&'a Utf8Path>,
    /// The file's name for people.
    label: String,
    /// Whether its name stands before its entries.
    titled: bool,
}

/// Why a dump ends early.
enum Stop {
    /// Standard output takes no more.
    Output(io::Error),
    /// Anything else.
    Failure(Failure),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

fn write_failure(path: &Utf8Path, error: &io::Error) -> Failure {
    Failure::say(
        Fault::Machine,
        "inspect::extract",
        format!("cannot write `{path}`: {error}"),
        "name another folder with `--extract`",
    )
}

impl File<'_> {
    fn dump(
        &self,
        task: &Task<'_>,
        scope: Scope,
        out: &mut impl io::Write,
        totals: &mut Totals,
    ) -> Result<(), Stop> {
        let members = Members::of(self.tree, self.node, self.path, self.bytes);
        let sources = members.sources(self.bytes);
        if sources.iter().all(|source| source.items.is_empty()) && self.titled {
            return Ok(());
        }
        let name = self.path.and_then(Utf8Path::file_name).unwrap_or(self.node.name());
        let listing = listing::list(name, &sources, scope);
        if self.titled && !matches!(task, Task::Extract(_)) {
            writeln!(out, "\nfile {}:", self.label)?;
        }
        totals.left_out += listing.left_out;
        self.lines(task, &listing, out, totals)?;
        for problem in sources.iter().flat_map(|source| &source.problems) {
            totals.problems += 1;
            eprintln!("{}: {problem}", self.label);
        }
        Ok(())
    }

    fn lines(
        &self,
        task: &Task<'_>,
        listing: &Listing<'_>,
        out: &mut impl io::Write,
        totals: &mut Totals,
    ) -> Result<(), Stop> {
        let names = listing.lines.iter().filter_map(|line| match line {
            Line::Entry(listed) => Some(listed.name.as_str()),
            Line::Member(_) => None,
        });
        let mut names = listing::file_names(names).into_iter();
        let mut unpacker = Unpacker::default();
        let mut text = String::new();
        for line in &listing.lines {
            let listed = match line {
                // An absolute path, as cuobjdump has it: the folder that it was started in, and the path as given.
                Line::Member(member) if !matches!(task, Task::Extract(_)) => {
                    writeln!(
                        out,
                        "\nmember {}:{member}:",
                        self.context.absolute(Utf8Path::new(&self.label))
                    )?;
                    continue;
                }
                Line::Member(_) => continue,
                Line::Entry(listed) => listed,
            };
            totals.entries += 1;
            let mut problems = Vec::new();
            match task {
                Task::List => writeln!(out, "{listed}")?,
                Task::Resources => {
                    text.clear();
                    let _ = resources::write_item(&mut text, &listed.item, &mut unpacker, &mut problems);
                    out.write_all(text.as_bytes())?;
                }
                Task::Extract(folder) => {
                    let folder = if self.titled {
                        folder.join(folder_name(&self.label))
                    } else {
                        folder.to_path_buf()
                    };
                    let path = folder.join(names.next().unwrap_or_default());
                    match listed.item.unpack(&mut unpacker) {
                        Ok(bytes) => {
                            write_file(&folder, &path, bytes)
                                .map_err(|error| write_failure(&path, &error))?;
                        }
                        Err(error) => {
                            totals.entries -= 1;
                            // LTO-IR is for NVIDIA's linker alone: that is no damage.
                            totals.problems += usize::from(error.kind != PayloadErrorKind::Obfuscated);
                            eprintln!("{}: {}: {error}", self.label, listed.name);
                        }
                    }
                }
            }
            for problem in problems {
                totals.problems += 1;
                eprintln!("{}: {}: {problem}", self.label, listed.name);
            }
        }
        Ok(())
    }
}

/// Writes a file, and its folder if that is not there yet. Aside, then renamed: an interrupted run leaves no half file
/// under a whole one's name.
fn write_file(folder: &Utf8Path, path: &Utf8Path, bytes: &[u8]) -> io::Result<()> {
    let aside = folder.join(".part");
    match std::fs::write(&aside, bytes) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            std::fs::create_dir_all(folder)?;
            std::fs::write(&aside, bytes)
        }
        done => done,
    }?;
    // Not over a file of an earlier run: ext4 would write the new one out at once, which takes longer than all else.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => std::fs::rename(&aside, path),
    }
}

/// A folder for one of several files: its path, with nothing in it that leads elsewhere.
fn folder_name(label: &str) -> String {
    let parts: Vec<&str> =
        label.split(['/', ':']).filter(|part| !part.is_empty() && *part != "." && *part != "..").collect();
    parts.join("/")
}
