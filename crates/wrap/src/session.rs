//! A session: the folder in which one project's builds find their shims, their toolkit and their log.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_digest::Digest;

use crate::error::{At as _, WrapError};
use crate::file::{ENTER, MARKER, Served, SessionFile, marked, replace};
use crate::request::{Pretence, Request};
use crate::view::View;
use crate::{answer, link, tools};

/// Where the shims of compilers lie that are named by their paths.
const OWN: &str = "own";

/// A session, ready to run builds. Its folder stays, since CMake caches paths into it.
///
/// ```text
/// session.json          what a shim has to know; each run has its own, and this is that of the last one
/// bin/                  shims
/// own/                  shims of compilers that are named by their paths, by path: own/opt/gcc/bin/g++
/// cuda/                 the toolkit, with a shim for bin/nvcc
/// include/              headers that were asked for
/// decisive.json         what compiles depend on beside their own words: compiler caches read it
/// served/               files served at absolute paths
/// under/                where folders are reached over which shims are laid
/// runs/<n>/             session.json, calls.log, namespace.json, words/
/// lock  prepare.lock
/// ```
#[derive(Debug)]
pub struct Session {
    pub(crate) folder: Utf8PathBuf,
    pub(crate) file: SessionFile,
    /// Of `decisive.json`.
    pub(crate) decisive: Digest,
    /// Held, shared with other builds of the project, for as long as this one needs the folder as it is.
    _in_use: File,
}

impl Session {
    /// Makes the session's folder what `request` asks for. Builds that are running in it go on undisturbed.
    ///
    /// # Errors
    /// [`WrapError::InUse`] where a running build needs another toolkit.
    pub fn prepare(request: &Request<'_>) -> Result<Self, WrapError> {
        let folder = usable(request.folder)?;
        fs::create_dir_all(folder).at("create", folder)?;
        let preparing = open_lock(&folder.join("prepare.lock"))?;
        preparing.lock().at("lock", folder)?;
        let lock_path = folder.join("lock");
        let in_use = open_lock(&lock_path)?;
        let alone = match in_use.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Error(error)) => return Err(error).at("lock", &lock_path),
        };
        let exe = link::keep(request.exe, folder.parent().unwrap_or(folder))?;
        let (mut file, view) = look(request)?;
        make_shims(&file, folder, &exe, alone)?;
        if let Some(view) = view {
            let at = folder.join("cuda");
            if !alone && at.exists() && !view.is_at(&at) {
                return Err(WrapError::InUse { folder: folder.to_owned() });
            }
            view.lay_out(&at, &exe, folder)?;
        }
        write_headers(request, folder, alone)?;
        serve_files(&mut file, folder)?;
        for covered in &file.under {
            let at = tools::below(&folder.join("under"), covered);
            fs::create_dir_all(at.parent().unwrap_or(folder)).at("create", &at)?;
            link::link(covered, &at)?;
        }
        let decisive = file.decisive().map_err(std::io::Error::from).at("write", folder)?;
        replace(&folder.join("decisive.json"), &decisive)?;
        let decisive = Digest::of(&decisive);
        file.write(folder)?;
        in_use.lock_shared().at("lock", &lock_path)?;
        Ok(Self { folder: folder.to_owned(), file, decisive, _in_use: in_use })
    }

    /// The session's folder.
    pub fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    /// Where the shims are.
    pub fn bin(&self) -> Utf8PathBuf {
        self.folder.join("bin")
    }

    /// The toolkit as the build is to see it.
    pub fn toolkit(&self) -> Option<Utf8PathBuf> {
        self.file.toolkit.as_ref().map(|_| self.folder.join("cuda"))
    }

    /// Where the session in `folder` keeps the headers of [`Request::headers`], for a policy to name.
    pub fn include_folder(folder: &Utf8Path) -> Utf8PathBuf {
        folder.join("include")
    }

    /// The names that have shims, each with the tool that serves it.
    pub fn tools(&self) -> impl Iterator<Item = (&str, &Utf8Path)> {
        let by_name = self.file.tools.iter().filter(|(name, _)| !name.starts_with('/'));
        by_name.map(|(name, served)| (name.as_str(), served.found.as_path()))
    }

    /// The shim of a compiler that is named by its path, and served by itself: see [`Request::own`].
    pub fn own(&self, path: &Utf8Path) -> Option<Utf8PathBuf> {
        let path = tools::spelled(path).filter(|path| self.file.tools.contains_key(path.as_str()))?;
        Some(tools::below(&self.folder.join(OWN), &path))
    }

    /// What the session has for an absolute path that a build file or a variable names: the toolkit's file for
    /// `/usr/local/cuda-10.2/bin/nvcc`, a shim for `/usr/bin/aarch64-linux-gnu-g++`, the start of shims' paths for
    /// `/opt/cross/bin/aarch64-linux-gnu-`. None: nothing, or nothing else than what is there.
    pub fn instead_of(&self, path: &Utf8Path) -> Option<Utf8PathBuf> {
        let below_toolkit = |place: &Utf8PathBuf| path.strip_prefix(place).ok();
        if let (Some(toolkit), Some(rest)) =
            (self.toolkit(), self.file.places.toolkit.iter().find_map(below_toolkit))
        {
            return Some(if rest.as_str().is_empty() { toolkit } else { toolkit.join(rest) });
        }
        if let Some(own) = self.own(path) {
            return Some(own);
        }
        let (folder, name) = (path.parent().filter(|_| path.is_absolute())?, path.file_name()?);
        let is_served = |name: &str| self.file.tools.contains_key(name) && name != "nvcc";
        let is_prefix = name.ends_with('-') && self.file.tools.keys().any(|tool| tool.starts_with(name));
        let is_place = self.file.places.tools.iter().any(|place| place == folder);
        let is_wanted = is_prefix || (is_served(name) && (is_place || !path.exists()));
        is_wanted.then(|| self.bin().join(name))
    }
}

/// What a session's name may not hold.
fn usable(folder: &Utf8Path) -> Result<&Utf8Path, WrapError> {
    if folder.is_absolute() && !folder.as_str().contains([':', '\n']) {
        Ok(folder)
    } else {
        Err(WrapError::Folder { folder: folder.to_owned() })
    }
}

fn open_lock(path: &Utf8Path) -> Result<File, WrapError> {
    OpenOptions::new().read(true).append(true).create(true).open(path).at("create", path)
}

/// Looks at the machine: the tools and the toolkit that serve the session.
fn look(request: &Request<'_>) -> Result<(SessionFile, Option<View>), WrapError> {
    let folder = request.folder;
    let mut file = SessionFile::new(request.policy.clone(), request.places.clone());
    file.pretence = request.pretence.clone();
    let existing = |folder: &Utf8PathBuf| folder.canonicalize_utf8().ok().filter(|folder| folder.is_dir());
    // The root and this session's own folder are not for covering.
    let coverable = |covered: &Utf8PathBuf| covered.as_str() != "/" && !covered.starts_with(folder);
    let mut covered: Vec<_> = request.places.tools.iter().filter_map(existing).filter(coverable).collect();
    covered.sort();
    covered.dedup();
    let under = folder.join("under");
    file.tools = tools::served(&file, request.path, &request.names, &covered, &under);
    for name in answer::names(&file.pretence) {
        // Reads the truth from the tool, and bends it: without the tool there is nothing to bend.
        if let Some(found) = tools::on_path(request.path, name) {
            let program = tools::reachable(&found, &covered, &under, |_| true);
            file.tools.insert(name.to_owned(), Served { found, program, compiler: None });
        }
    }
    if !request.gpus.is_empty() && tools::on_path(request.path, answer::NVIDIA_SMI).is_none() {
        let itself = Utf8PathBuf::from(answer::NVIDIA_SMI);
        let served = Served { found: itself.clone(), program: itself, compiler: None };
        file.tools.insert(answer::NVIDIA_SMI.to_owned(), served);
        file.gpus.clone_from(&request.gpus);
    }
    file.tools.extend(tools::by_path(&file.tools, &request.own, &covered, &under));
    file.under = covered;
    let view = request.toolkit.map(|root| toolkit(request, root, &mut file)).transpose()?;
    Ok((file, view))
}

fn toolkit(request: &Request<'_>, root: &Utf8Path, file: &mut SessionFile) -> Result<View, WrapError> {
    let root = root.canonicalize_utf8().at("read", root)?;
    let reached = if request.places.toolkit.iter().any(|place| root.starts_with(place)) {
        // The view takes the toolkit's own place.
        file.under.push(root.clone());
        tools::below(&request.folder.join("under"), &root)
    } else {
        root.clone()
    };
    let view = View::of(&root, &reached, request.policy)?;
    let nvcc = reached.join("bin/nvcc");
    file.tools.insert("nvcc".to_owned(), Served { found: nvcc.clone(), program: nvcc, compiler: None });
    file.toolkit = Some(reached);
    Ok(view)
}

fn make_shims(file: &SessionFile, folder: &Utf8Path, exe: &Utf8Path, alone: bool) -> Result<(), WrapError> {
    let bin = folder.join("bin");
    link::folder(&bin)?;
    replace(&bin.join(MARKER), folder.as_str().as_bytes())?;
    // Debian has an nvcc in /usr/bin, over which this one is laid; elsewhere nvcc is the toolkit's alone.
    let has_nvcc = file.under.iter().any(|folder| folder.join("nvcc").is_file());
    let is_shim =
        |name: &str| file.tools.contains_key(name) && !name.starts_with('/') && (name != "nvcc" || has_nvcc);
    for name in file.tools.keys().map(String::as_str).filter(|name| is_shim(name)).chain([ENTER]) {
        link::shim(exe, &bin.join(name))?;
    }
    for path in file.tools.keys().filter(|name| name.starts_with('/')) {
        let shim = tools::below(&folder.join(OWN), Utf8Path::new(path));
        let at = shim.parent().unwrap_or(folder);
        link::folder(at)?;
        replace(&at.join(MARKER), folder.as_str().as_bytes())?;
        link::shim(exe, &shim)?;
    }
    if alone {
        link::only(&bin, |name| is_shim(name) || [MARKER, ENTER].contains(&name))?;
    }
    Ok(())
}

fn write_headers(request: &Request<'_>, folder: &Utf8Path, alone: bool) -> Result<(), WrapError> {
    let include = Session::include_folder(folder);
    link::folder(&include)?;
    for (path, text) in &request.headers {
        if !path.is_relative() || path.components().any(|part| part.as_str() == "..") {
            return Err(WrapError::Header { path: path.clone() });
        }
        replace(&include.join(path), text.as_bytes())?;
    }
    if alone { drop_headers(request, &include, Utf8Path::new("")) } else { Ok(()) }
}

/// Takes away headers that an earlier build asked for.
fn drop_headers(request: &Request<'_>, include: &Utf8Path, below: &Utf8Path) -> Result<(), WrapError> {
    let folder = include.join(below);
    link::only(&folder, |name| request.headers.keys().any(|path| path.starts_with(below.join(name))))?;
    for entry in folder.read_dir_utf8().at("read", &folder)?.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            drop_headers(request, include, &below.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// The files by which builds tell a Jetson.
fn serve_files(file: &mut SessionFile, folder: &Utf8Path) -> Result<(), WrapError> {
    let Pretence::Jetson { l4t, revision, model } = &file.pretence else { return Ok(()) };
    let release = format!(
        "# R{l4t} (release), REVISION: {revision}, GCID: 0, BOARD: generic, EABI: aarch64, DATE: Thu Jan  1 00:00:00 UTC 1970\n"
    );
    let files = [
        ("/etc/nv_tegra_release", "nv_tegra_release", release),
        // `/proc/device-tree` is a link to this folder where the kernel has one; nothing can be added to /proc.
        ("/sys/firmware/devicetree/base/model", "model", format!("{model}\0")),
    ];
    for (at, name, text) in files {
        let source = folder.join("served").join(name);
        replace(&source, text.as_bytes())?;
        file.files.insert(at.into(), source);
    }
    Ok(())
}

/// The session that the running program is a shim of, its name there, and the path that it stands for: another tool may be
/// served there than under the name.
pub(crate) fn of_executable(exe: &Path) -> Option<(Utf8PathBuf, String, Utf8PathBuf)> {
    let exe = Utf8Path::from_path(exe)?;
    let folder = marked(exe.parent()?)?;
    let stands_for = exe.strip_prefix(folder.join(OWN)).map(|path| Utf8Path::new("/").join(path));
    Some((folder, exe.file_name()?.to_owned(), stands_for.unwrap_or_else(|_| exe.to_owned())))
}
