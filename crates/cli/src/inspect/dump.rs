//! The device code itself: listed and measured in cuobjdump's words, or written into a folder.

use std::io::{self, BufWriter, Write as _};

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_artifact::{Artifact, ArtifactKind, Bytes, Node, NodeKind, Tree};
use cuferry_binfmt::fatbin::{PayloadErrorKind, Unpacker};
use cuferry_inspect::listing::{self, Line, Listing, Scope};
use cuferry_inspect::resources;
use cuferry_inspect::source::{self, Source};

use super::collect::file_name;
use crate::args::Inspect;
use crate::context::Context;
use crate::failure::{Failure, Fault};

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

/// `--list`, `--resources` and `--extract`. Whether there was any device code.
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
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut totals = Totals::default();
    let single = matches!(artifacts, [one] if one.kind == ArtifactKind::File);
    for artifact in artifacts {
        let several = artifact.trees.len() > 1;
        for tree in &artifact.trees {
            for node in tree.files().filter(|node| matches!(node.kind, NodeKind::File { size } if size > 0)) {
                if !tree.head(node, 4096).is_ok_and(|head| super::collect::matters(node, &head)) {
                    continue;
                }
                let bytes = tree.bytes(node).map_err(|error| Failure::new(Fault::Machine, error))?;
                let label = match &tree.label {
                    Some(label) if several => format!("{}:{label}:{}", artifact.path, node.path),
                    _ if artifact.kind == ArtifactKind::File => artifact.path.to_string(),
                    _ => format!("{}:{}", artifact.path, node.path),
                };
                let path = (artifact.kind == ArtifactKind::File).then_some(artifact.path.as_path());
                let file = File { context, tree, node, bytes: &bytes, path, label, titled: !single };
                file.dump(&task, scope, &mut out, &mut totals).map_err(Stop::into_failure)?;
            }
        }
    }
    out.flush().map_err(|error| Stop::Output(error).into_failure())?;
    if totals.left_out > 0 {
        let (entries, them) = if totals.left_out == 1 { ("entry", "it") } else { ("entries", "them") };
        eprintln!("{} more {entries} that cuobjdump passes over: `--all` has {them}, too", totals.left_out);
    }
    if let Some(folder) = &folder {
        let files = if totals.entries == 1 { "file" } else { "files" };
        eprintln!("{} {files} written to {folder}", totals.entries);
    }
    if totals.problems > 0 {
        let entries = if totals.problems == 1 { "entry" } else { "entries" };
        eprintln!("{} {entries} could not be read", totals.problems);
    }
    Ok(totals.entries > 0 && totals.problems == 0)
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
    Output(io::Error),
    Write(Utf8PathBuf, io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl Stop {
    fn into_failure(self) -> Failure {
        match self {
            // Whoever reads has seen enough, as with `| head`.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
            Self::Output(error) => Failure::say(
                Fault::Machine,
                "inspect::output",
                format!("cannot write the answer: {error}"),
                "check where standard output leads",
            ),
            Self::Write(path, error) => Failure::say(
                Fault::Machine,
                "inspect::extract",
                format!("cannot write `{path}`: {error}"),
                "name another folder with `--extract`",
            ),
        }
    }
}

impl File<'_> {
    fn dump(
        &self,
        task: &Task<'_>,
        scope: Scope,
        out: &mut impl io::Write,
        totals: &mut Totals,
    ) -> Result<(), Stop> {
        let members = thin_members(self.tree, self.node, self.path, self.bytes);
        let sources = if members.is_empty() {
            source::sources(self.bytes, &mut |range| self.bytes.forget(range))
        } else {
            thin_sources(&members)
        };
        if sources.iter().all(|source| source.items.is_empty()) && self.titled {
            return Ok(());
        }
        let name = self.path.map_or_else(|| self.node.name(), file_name);
        let listing = listing::list(name, &sources, scope);
        if self.titled {
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
        let mut unpacker = Unpacker::new(source::limits());
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
                            write_file(&folder, &path, bytes).map_err(|error| Stop::Write(path, error))?;
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

/// Writes a file, and its folder if that is not there yet.
fn write_file(folder: &Utf8Path, path: &Utf8Path, bytes: &[u8]) -> io::Result<()> {
    match std::fs::write(path, bytes) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            std::fs::create_dir_all(folder)?;
            std::fs::write(path, bytes)
        }
        done => done,
    }
}

/// A folder for one of several files: its path, with nothing in it that leads elsewhere.
fn folder_name(label: &str) -> String {
    let parts: Vec<&str> =
        label.split(['/', ':']).filter(|part| !part.is_empty() && *part != "." && *part != "..").collect();
    parts.join("/")
}

/// A file that a thin archive names.
pub(crate) struct ThinMember<'a> {
    name: String,
    /// None where there is no such file.
    bytes: Option<MemberBytes<'a>>,
}

enum MemberBytes<'a> {
    /// In the archive's tree.
    Tree(Bytes<'a>),
    /// Beside an archive that is a file by itself. Object files are small.
    Disk(Vec<u8>),
}

/// The files that a thin archive names, opened. `path` is the archive's own where it is a file by itself.
pub(crate) fn thin_members<'a>(
    tree: &'a Tree,
    node: &Node,
    path: Option<&Utf8Path>,
    bytes: &[u8],
) -> Vec<ThinMember<'a>> {
    let beside = |name: &str| {
        let folder = path?.parent()?;
        std::fs::read(folder.join(name)).ok().map(MemberBytes::Disk)
    };
    let inside = |name: &str| {
        let folder = node.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let member = tree.resolve(Utf8Path::new(folder).join(name).as_str())?;
        tree.bytes(member).ok().map(MemberBytes::Tree)
    };
    let names = source::thin_members(bytes).into_iter();
    names
        .map(|name| ThinMember { bytes: if path.is_some() { beside(&name) } else { inside(&name) }, name })
        .collect()
}

/// The device code of a thin archive's members.
pub(crate) fn thin_sources<'a>(members: &'a [ThinMember<'_>]) -> Vec<Source<'a>> {
    let source = |member: &'a ThinMember<'_>| {
        let name = member.name.clone();
        match &member.bytes {
            Some(MemberBytes::Tree(bytes)) => {
                source::source(Some(name), bytes, 0, &mut |range| bytes.forget(range))
            }
            Some(MemberBytes::Disk(bytes)) => source::source(Some(name), bytes, 0, &mut |_| ()),
            None => source::missing(name),
        }
    };
    members.iter().map(source).collect()
}
