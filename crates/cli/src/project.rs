//! A project read from disk: its files listed, its manifest parsed, or inferred where there is none.

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_project::files::{FileTree, is_skipped_folder};
use cuferry_project::infer::{self as inference, Inferred};
use cuferry_project::{Project, manifest};
use walkdir::WalkDir;

use crate::args::Selection;
use crate::build::{Own, way};
use crate::context::Context;
use crate::failure::{Failure, Fault};

/// The manifest's file name.
pub(crate) const MANIFEST: &str = "cuferry.toml";

/// A project, where it lies, and how it came to be known.
pub(crate) struct Loaded {
    pub(crate) project: Project,
    /// The project's folder: absolute, without links.
    pub(crate) root: Utf8PathBuf,
    /// What was guessed, where there is no manifest.
    pub(crate) guesses: Vec<String>,
    pub(crate) inferred: bool,
}

/// The project's folder, absolute.
pub(crate) fn folder(dir: &Utf8Path) -> Result<Utf8PathBuf, Failure> {
    let help = "give the folder that holds the project's sources";
    let found = dir.canonicalize_utf8().map_err(|error| {
        Failure::say(
            Fault::Usage,
            "project::folder",
            format!("cannot open the folder `{dir}`: {error}"),
            help,
        )
    })?;
    if found.is_dir() {
        Ok(found)
    } else {
        Err(Failure::say(Fault::Usage, "project::folder", format!("`{dir}` is not a folder"), help))
    }
}

/// How the project builds itself, as far as it is to: what a manifest says goes before what its build files say, and what the
/// user names before both.
pub(crate) fn own_build(
    context: &Context,
    root: &Utf8Path,
    selection: &Selection,
) -> Result<Option<Own>, Failure> {
    let database = selection.compile_commands.as_ref().map(|file| context.absolute(file));
    if database.is_none() && root.join(MANIFEST).exists() {
        return Ok(None);
    }
    way(root, database.as_deref())
}

/// Reads the project in `root`.
pub(crate) fn load(root: Utf8PathBuf) -> Result<Loaded, Failure> {
    let files = list(&root)?;
    let path = root.join(MANIFEST);
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let project = manifest::parse(&text, MANIFEST, &files)
                .map_err(|errors| Failure::new(Fault::Usage, errors))?;
            Ok(Loaded { project, root, guesses: Vec::new(), inferred: false })
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let inferred = infer(&root, &files, None)?;
            let guesses = inferred.notes.iter().map(ToString::to_string).collect();
            Ok(Loaded { project: inferred.project, root, guesses, inferred: true })
        }
        Err(error) => {
            let help = "it must be readable UTF-8 text";
            Err(Failure::say(
                Fault::Usage,
                "project::manifest",
                format!("cannot read `{path}`: {error}"),
                help,
            ))
        }
    }
}

/// What a folder of sources seems to be; `main` names the program where it holds several.
pub(crate) fn infer(root: &Utf8Path, files: &FileTree, main: Option<&Utf8Path>) -> Result<Inferred, Failure> {
    let name = root.file_name().unwrap_or("project");
    let read = |path: &Utf8Path| {
        let path = root.join(path);
        // Sources are text of a few hundred kilobytes at most: a bigger file under such a name is data.
        if path.metadata()?.len() > 8 << 20 { Ok(Vec::new()) } else { std::fs::read(&path) }
    };
    let inferred = match main {
        Some(main) => inference::infer_from_main(name, files, &read, main),
        None => inference::infer(name, files, &read),
    };
    inferred.map_err(|error| Failure::new(Fault::Usage, error))
}

/// Every file of the project, without what tools have written.
pub(crate) fn list(root: &Utf8Path) -> Result<FileTree, Failure> {
    let mut paths = Vec::new();
    let relative = |path: &std::path::Path| -> Option<Utf8PathBuf> {
        Utf8PathBuf::from_path_buf(path.strip_prefix(root).ok()?.to_owned()).ok()
    };
    let walk = WalkDir::new(root).follow_links(true).sort_by_file_name().into_iter().filter_entry(|entry| {
        let skipped = |path: Utf8PathBuf| is_skipped_folder(&path, |name| entry.path().join(name).exists());
        !entry.file_type().is_dir() || relative(entry.path()).is_some_and(|path| !skipped(path))
    });
    for entry in walk {
        match entry {
            Ok(entry) if entry.file_type().is_file() => paths.extend(relative(entry.path())),
            // A link that leads nowhere, or round in a ring, is no source.
            Ok(_) => {}
            Err(error) if error.loop_ancestor().is_some() || error.depth() > 0 => {}
            Err(error) => {
                let help = "the folder must be readable";
                return Err(Failure::say(
                    Fault::Usage,
                    "project::folder",
                    format!("cannot list `{root}`: {error}"),
                    help,
                ));
            }
        }
    }
    Ok(FileTree::new(paths))
}
