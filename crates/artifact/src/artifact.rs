//! What a user points at, opened: told by its bytes, not by its name.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt as _;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_binfmt::tar;

use crate::compression::{Compression, unpack};
use crate::draft::{Draft, ItemKind};
use crate::error::ArtifactError;
use crate::folder::Folder;
use crate::image::{self, Form};
use crate::limits::Limits;
use crate::name::nearest;
use crate::node::Content;
use crate::origin::Origin;
use crate::package::{CondaInfo, DebInfo, WheelInfo};
use crate::problem::{Problem, Problems};
use crate::source::Span;
use crate::spool::spool;
use crate::tarball;
use crate::tree::Tree;
use crate::zip;

/// How many first bytes tell what a file is: a tar's first header.
const START: usize = tar::BLOCK;

/// What a user pointed at.
#[derive(Debug)]
pub struct Artifact {
    /// As given.
    pub path: Utf8PathBuf,
    /// What it is.
    pub kind: ArtifactKind,
    /// How the whole of it is compressed.
    pub compression: Compression,
    /// One; for images one for each image.
    pub trees: Vec<Tree>,
    problems: Vec<Problem>,
}

/// What an artifact is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArtifactKind {
    /// A single file: the only node of its tree, under its own name.
    File,
    /// A folder.
    Folder,
    /// The root of a Linux system: this machine's `/`, or one that was unpacked or mounted somewhere.
    Root,
    /// A zip.
    Zip,
    /// A Python wheel.
    Wheel(WheelInfo),
    /// A conda package.
    Conda(CondaInfo),
    /// A tar.
    Tar,
    /// A Debian package.
    Deb(DebInfo),
    /// A folder in OCI layout.
    OciLayout,
    /// A tar in OCI layout; what `docker save` writes since version 25.
    OciArchive,
    /// What older `docker save` and `skopeo copy … docker-archive:` write.
    DockerArchive,
}

impl ArtifactKind {
    /// A name that stays: it is part of what machines read.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Folder => "folder",
            Self::Root => "root",
            Self::Zip => "zip",
            Self::Wheel(_) => "wheel",
            Self::Conda(_) => "conda",
            Self::Tar => "tar",
            Self::Deb(_) => "deb",
            Self::OciLayout => "oci-layout",
            Self::OciArchive => "oci-archive",
            Self::DockerArchive => "docker-archive",
        }
    }

    /// Whether its trees are images.
    pub const fn is_image(&self) -> bool {
        matches!(self, Self::OciLayout | Self::OciArchive | Self::DockerArchive)
    }
}

impl Artifact {
    /// What was left out, counted by kind. Nothing of it stopped the rest.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    fn new(origin: &Origin, kind: ArtifactKind, trees: Vec<Tree>, problems: Problems) -> Self {
        let (path, compression) = (origin.path.clone(), Compression::None);
        Self { path, kind, compression, trees, problems: problems.finish() }
    }
}

/// Opens what lies at `path`: a file, a pipe or a folder. Layers and archives that are compressed are unpacked here;
/// members of a zip later, one by one, when their bytes are asked for.
pub fn open(path: &Utf8Path, limits: &Limits) -> Result<Artifact, ArtifactError> {
    let origin = Origin::new(path, limits);
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::PermissionDenied => ArtifactError::Denied { path: path.to_owned() },
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            ArtifactError::NotFound { path: path.to_owned(), nearest: neighbour(path) }
        }
        _ => ArtifactError::Unreadable { path: path.to_owned(), part: file_name(path), source },
    };
    let metadata = path.metadata().map_err(unreadable)?;
    let file_type = metadata.file_type();
    if file_type.is_dir() {
        return open_folder(&origin, Folder::open(path).map_err(unreadable)?);
    }
    if let Some(what) = device(file_type) {
        return Err(ArtifactError::NotAFile { path: path.to_owned(), what });
    }
    let file = File::open(path).map_err(unreadable)?;
    if file_type.is_fifo() {
        return open_stream(&origin, file);
    }
    open_span(&origin, &Span::of_file(file, None).map_err(unreadable)?)
}

/// Opens bytes in memory. `name` is what errors call them, and the name of the file where they are a single one.
pub fn open_bytes(name: &str, bytes: Vec<u8>, limits: &Limits) -> Result<Artifact, ArtifactError> {
    open_span(&Origin::new(Utf8Path::new(name), limits), &Span::of_memory(bytes))
}

/// Opens what a stream yields, such as the standard input: small ones in memory, larger ones in a file without a name.
pub fn open_reader(name: &str, reader: impl Read, limits: &Limits) -> Result<Artifact, ArtifactError> {
    open_stream(&Origin::new(Utf8Path::new(name), limits), reader)
}

fn open_stream(origin: &Arc<Origin>, reader: impl Read) -> Result<Artifact, ArtifactError> {
    let part = file_name(&origin.path);
    let unreadable =
        |source| ArtifactError::Unreadable { path: origin.path.clone(), part: part.clone(), source };
    let span = spool(origin, &part, reader, None, unreadable)?;
    open_span(origin, &span)
}

fn device(file_type: std::fs::FileType) -> Option<&'static str> {
    if file_type.is_socket() {
        Some("socket")
    } else if file_type.is_block_device() || file_type.is_char_device() {
        Some("device")
    } else {
        None
    }
}

fn open_folder(origin: &Arc<Origin>, folder: Folder) -> Result<Artifact, ArtifactError> {
    folder.check_real(origin)?;
    let root = folder.is_root();
    let mut draft = Draft::new();
    folder.read(origin, root, &mut draft)?;
    let (nodes, mut problems) = draft.finish(origin)?;
    let tree = Tree::of_folder(nodes, origin, folder);
    if let Some(form @ Form::Oci) = Form::of(&tree) {
        let trees = image::read(origin, &tree, form, &mut problems)?;
        return Ok(Artifact::new(origin, ArtifactKind::OciLayout, trees, problems));
    }
    let kind = if root { ArtifactKind::Root } else { ArtifactKind::Folder };
    Ok(Artifact::new(origin, kind, vec![tree], problems))
}

fn open_span(origin: &Arc<Origin>, span: &Span) -> Result<Artifact, ArtifactError> {
    let name = file_name(&origin.path);
    if span.length == 0 {
        return Err(ArtifactError::Empty { path: origin.path.clone() });
    }
    let (span, compression) = unpack(origin, &name, span)?;
    // `model.so.gz` holds `model.so`.
    let name = match (compression, name.rsplit_once('.')) {
        (Compression::None, _) | (_, None) => name,
        (_, Some((stem, "tgz" | "txz" | "tzst"))) => format!("{stem}.tar"),
        (_, Some((stem, _))) => stem.to_owned(),
    };
    let artifact = open_plain(origin, &name, span)?;
    Ok(Artifact { compression, ..artifact })
}

fn open_plain(origin: &Arc<Origin>, name: &str, span: Span) -> Result<Artifact, ArtifactError> {
    let unreadable =
        |source| ArtifactError::Unreadable { path: origin.path.clone(), part: name.to_owned(), source };
    let start = span.head(START).map_err(unreadable)?.into_owned();
    if let Some((format, advice)) = unread_format(&start) {
        return Err(ArtifactError::Format { path: origin.path.clone(), format, advice });
    }
    if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") {
        return open_zip(origin, name, &span);
    }
    if DebInfo::is_in(&start) {
        let (info, tree, problems) = DebInfo::read(origin, &span)?;
        return Ok(Artifact::new(origin, ArtifactKind::Deb(info), vec![tree], problems));
    }
    let named_tar = Utf8Path::new(name).extension() == Some("tar");
    if tar::is_header(&start) || named_tar && start.len() == START && start.iter().all(|byte| *byte == 0) {
        return open_tar(origin, name, &span);
    }
    let extension = Utf8Path::new(name).extension().unwrap_or_default();
    let expected = match extension {
        "tar" => Some("a tar"),
        "whl" => Some("a wheel"),
        "zip" => Some("a zip"),
        "deb" => Some("a Debian package"),
        "conda" => Some("a conda package"),
        "gz" | "tgz" => Some("compressed by gzip"),
        "zst" | "tzst" => Some("compressed by zstd"),
        "xz" | "txz" => Some("compressed by xz"),
        _ => None,
    };
    if let Some(expected) = expected {
        let found = format!("`{}`", start[..start.len().min(16)].escape_ascii());
        return Err(ArtifactError::Misnamed { path: origin.path.clone(), expected, found });
    }
    let mut draft = Draft::new();
    let file = ItemKind::File { size: span.length, content: Content::Span(span) };
    draft.put(origin, name, file, None)?;
    let (nodes, problems) = draft.finish(origin)?;
    Ok(Artifact::new(origin, ArtifactKind::File, vec![Tree::new(nodes, origin)], problems))
}

/// Formats that hold files and that are not read, by their first bytes; and what to do instead.
fn unread_format(start: &[u8]) -> Option<(&'static str, &'static str)> {
    let formats: [(&[u8], _, _); 6] = [
        (b"BZh", "compressed by bzip2", "unpack it first: `bunzip2`"),
        (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it first, and name the folder: `7z x`"),
        (b"Rar!\x1a\x07", "a RAR archive", "unpack it first, and name the folder: `unrar x`"),
        (
            b"\xed\xab\xee\xdb",
            "an RPM package",
            "unpack it first, and name the folder: `rpm2cpio FILE | cpio -id`",
        ),
        (b"hsqs", "a squashfs image", "unpack it first, and name the folder: `unsquashfs`"),
        (b"07070", "a cpio archive", "unpack it first, and name the folder: `cpio -id`"),
    ];
    formats.iter().find(|(magic, ..)| start.starts_with(magic)).map(|(_, format, advice)| (*format, *advice))
}

fn open_zip(origin: &Arc<Origin>, name: &str, span: &Span) -> Result<Artifact, ArtifactError> {
    let mut draft = Draft::new();
    zip::read(origin, span, &mut draft)?;
    let (nodes, problems) = draft.finish(origin)?;
    let tree = Tree::new(nodes, origin);
    if CondaInfo::is_in(&tree) {
        let (info, tree, problems) = CondaInfo::read(origin, &tree)?;
        return Ok(Artifact::new(origin, ArtifactKind::Conda(info), vec![tree], problems));
    }
    let kind = WheelInfo::read(&tree, name).map_or(ArtifactKind::Zip, ArtifactKind::Wheel);
    Ok(Artifact::new(origin, kind, vec![tree], problems))
}

fn open_tar(origin: &Arc<Origin>, name: &str, span: &Span) -> Result<Artifact, ArtifactError> {
    let mut draft = Draft::new();
    draft.unpack(origin, &tarball::members(origin, name, span)?)?;
    let (nodes, mut problems) = draft.finish(origin)?;
    let tree = Tree::new(nodes, origin);
    let Some(form) = Form::of(&tree) else {
        return Ok(Artifact::new(origin, ArtifactKind::Tar, vec![tree], problems));
    };
    let trees = image::read(origin, &tree, form, &mut problems)?;
    let kind = match form {
        Form::Oci => ArtifactKind::OciArchive,
        Form::Docker => ArtifactKind::DockerArchive,
    };
    Ok(Artifact::new(origin, kind, trees, problems))
}

fn file_name(path: &Utf8Path) -> String {
    path.file_name().unwrap_or(path.as_str()).to_owned()
}

/// What lies beside a path that leads nowhere, under nearly the same name; above, if the folder is missing, too.
fn neighbour(path: &Utf8Path) -> Option<Utf8PathBuf> {
    let missing =
        path.ancestors().take_while(|ancestor| !ancestor.as_str().is_empty() && !ancestor.exists()).last()?;
    let (parent, name) = (missing.parent()?, missing.file_name()?);
    let folder = if parent.as_str().is_empty() { Utf8Path::new(".") } else { parent };
    let mut names: Vec<String> = Vec::new();
    for entry in folder.read_dir_utf8().ok()?.take(10_000).flatten() {
        names.push(entry.file_name().to_owned());
    }
    names.sort();
    nearest(name, names.iter().map(String::as_str)).map(|name| parent.join(name))
}
