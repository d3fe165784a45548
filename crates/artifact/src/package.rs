//! What packages say of themselves: Python wheels, conda packages, Debian packages.

use std::sync::Arc;

use cuferry_binfmt::ar;
use serde::Deserialize;

use crate::compression::unpack;
use crate::draft::Draft;
use crate::error::ArtifactError;
use crate::limits::MAX_TEXT;
use crate::node::{Node, NodeKind};
use crate::origin::Origin;
use crate::problem::Problems;
use crate::source::Span;
use crate::tarball;
use crate::tree::Tree;

/// A Python wheel (packaging.python.org, "Binary distribution format").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WheelInfo {
    /// `nvidia-cublas`.
    pub name: String,
    /// `13.1.0.3`.
    pub version: String,
    /// `py3-none-manylinux_2_27_aarch64`, one or more.
    pub tags: Vec<String>,
}

/// A conda package (conda's documentation, "Package specification").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CondaInfo {
    /// `libcublas`.
    pub name: String,
    /// `13.1.0.3`.
    pub version: String,
    /// `linux-aarch64`.
    pub subdir: String,
}

/// A Debian package (deb(5), deb-control(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DebInfo {
    /// `libcublas-13-0`.
    pub package: String,
    /// `13.1.0.3-1`.
    pub version: String,
    /// `arm64`.
    pub architecture: String,
}

impl WheelInfo {
    /// The platforms of its tags, each once: `manylinux_2_27_aarch64`, `linux_aarch64`, `any`.
    pub fn platforms(&self) -> Vec<&str> {
        let platforms = self.tags.iter().filter_map(|tag| tag.splitn(3, '-').nth(2));
        let mut platforms: Vec<&str> = platforms.flat_map(|platforms| platforms.split('.')).collect();
        platforms.sort_unstable();
        platforms.dedup();
        platforms
    }

    /// What a zip says, if it is a wheel. `file_name` helps where its own files say nothing.
    pub(crate) fn read(tree: &Tree, file_name: &str) -> Option<Self> {
        let of_name = Self::of_file_name(file_name);
        let inside = |wanted: &str| {
            tree.files().find(|node| {
                let folder = node.path.strip_suffix(wanted).and_then(|path| path.strip_suffix(".dist-info/"));
                folder.is_some_and(|folder| !folder.contains('/'))
            })
        };
        let text = |node: Option<&Node>| text(tree, node?);
        let (wheel, metadata) = (text(inside("WHEEL")), text(inside("METADATA")));
        let tags: Vec<String> = wheel
            .iter()
            .flat_map(|text| fields(text))
            .filter(|(key, _)| key.eq_ignore_ascii_case("Tag"))
            .map(|(_, value)| value.to_owned())
            .collect();
        let field = |key| metadata.as_deref().and_then(|text| field(text, key));
        match (of_name, wheel.is_some()) {
            (None, false) => None,
            (of_name, _) => {
                let or = |value: Option<&str>, other: fn(&Self) -> &String| {
                    let other = || of_name.as_ref().map(other).cloned();
                    value.map(str::to_owned).or_else(other).unwrap_or_default()
                };
                Some(Self {
                    name: or(field("Name"), |wheel| &wheel.name),
                    version: or(field("Version"), |wheel| &wheel.version),
                    tags: if tags.is_empty() {
                        of_name.map(|wheel| wheel.tags).unwrap_or_default()
                    } else {
                        tags
                    },
                })
            }
        }
    }

    /// `NAME-VERSION(-BUILD)?-PYTHON-ABI-PLATFORM.whl`
    fn of_file_name(file_name: &str) -> Option<Self> {
        let parts: Vec<&str> = file_name.strip_suffix(".whl")?.split('-').collect();
        let (name, version, tag) = match parts.as_slice() {
            [name, version, tag @ ..] if tag.len() == 3 => (name, version, tag),
            [name, version, _build, tag @ ..] if tag.len() == 3 => (name, version, tag),
            _ => return None,
        };
        Some(Self { name: (*name).to_owned(), version: (*version).to_owned(), tags: vec![tag.join("-")] })
    }
}

/// `info/index.json` of a conda package.
#[derive(Deserialize)]
struct CondaIndex {
    name: String,
    version: String,
    #[serde(default)]
    subdir: String,
}

impl CondaInfo {
    /// Reads a `.conda` package, given what lies in it as a zip: two tars, stored.
    pub(crate) fn read(origin: &Arc<Origin>, outer: &Tree) -> Result<(Self, Tree, Problems), ArtifactError> {
        let malformed = |part: &str, why: String| package_error(origin, part, why);
        let mut draft = Draft::new();
        for prefix in ["info-", "pkg-"] {
            let node = outer.files().find(|node| node.path.starts_with(prefix) && node.path.contains(".tar"));
            let node = node.ok_or_else(|| malformed(prefix, "there is no such part".to_owned()))?;
            let part = outer.span(node)?;
            let part = part.ok_or_else(|| malformed(&node.path, "it is no stored file".to_owned()))?;
            draft.unpack(
                origin,
                &tarball::members(origin, &node.path, &unpack(origin, &node.path, &part)?.0)?,
            )?;
        }
        let (nodes, problems) = draft.finish(origin)?;
        let tree = Tree::new(nodes, origin);
        let part = "info/index.json";
        let index = tree.get(part).and_then(|node| text(&tree, node));
        let index = index.ok_or_else(|| malformed(part, "it is missing".to_owned()))?;
        let index: CondaIndex =
            serde_json::from_str(&index).map_err(|error| malformed(part, error.to_string()))?;
        Ok((Self { name: index.name, version: index.version, subdir: index.subdir }, tree, problems))
    }

    /// Whether a zip is such a package.
    pub(crate) fn is_in(tree: &Tree) -> bool {
        tree.get("metadata.json").is_some()
            && ["info-", "pkg-"].iter().all(|prefix| tree.files().any(|node| node.path.starts_with(prefix)))
    }
}

impl DebInfo {
    /// Whether an `ar` archive is such a package: its first member says so.
    pub(crate) fn is_in(start: &[u8]) -> bool {
        start.starts_with(ar::MAGIC) && start[ar::MAGIC.len()..].starts_with(b"debian-binary")
    }

    /// Reads a `.deb`: an `ar` archive of two tars.
    pub(crate) fn read(
        origin: &Arc<Origin>,
        archive: &Span,
    ) -> Result<(Self, Tree, Problems), ArtifactError> {
        let malformed = |part: &str, why: String| package_error(origin, part, why);
        let unreadable = |source| ArtifactError::Unreadable {
            path: origin.path.clone(),
            part: "its members".to_owned(),
            source,
        };
        let bytes = archive.bytes().map_err(unreadable)?;
        let broken = |error: ar::ArError| malformed("its members", error.to_string());
        let (mut control, mut data) = (None, None);
        for member in ar::Members::parse(&bytes).map_err(broken)? {
            let member = member.map_err(broken)?;
            let name = String::from_utf8_lossy(member.name).into_owned();
            let place = match name.as_str() {
                name if name.starts_with("control.tar") => &mut control,
                name if name.starts_with("data.tar") => &mut data,
                _ => continue,
            };
            if let Some(method) = ["bz2", "lzma"].into_iter().find(|suffix| name.ends_with(suffix)) {
                return Err(malformed(&name, format!("it is compressed by {method}, which is not read")));
            }
            let span = archive.slice(member.offset, member.size);
            let span = span.ok_or_else(|| malformed(&name, "it reaches beyond the end".to_owned()))?;
            *place = Some((name, span));
        }
        let tree = |part: Option<(String, Span)>, name: &str| {
            let (name, span) = part.ok_or_else(|| malformed(name, "it is missing".to_owned()))?;
            let (tar, _) = unpack(origin, &name, &span)?;
            let mut draft = Draft::new();
            draft.unpack(origin, &tarball::members(origin, &name, &tar)?)?;
            let (nodes, problems) = draft.finish(origin)?;
            Ok((Tree::new(nodes, origin), problems))
        };
        let (control, _) = tree(control, "control.tar")?;
        let description = control.get("control").and_then(|node| text(&control, node));
        let description = description.ok_or_else(|| malformed("control", "it is missing".to_owned()))?;
        let (tree, problems) = tree(data, "data.tar")?;
        let field = |key| field(&description, key).unwrap_or_default().to_owned();
        let info = Self {
            package: field("Package"),
            version: field("Version"),
            architecture: field("Architecture"),
        };
        Ok((info, tree, problems))
    }
}

fn package_error(origin: &Origin, part: &str, why: String) -> ArtifactError {
    ArtifactError::Package { path: origin.path.clone(), part: part.to_owned(), why }
}

/// The text of a small file.
fn text(tree: &Tree, node: &Node) -> Option<String> {
    match node.kind {
        NodeKind::File { size } if size <= MAX_TEXT => {
            Some(String::from_utf8_lossy(&tree.bytes(node).ok()?).into_owned())
        }
        _ => None,
    }
}

/// The `Key: value` lines of a description, up to the first empty line.
fn fields(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text.lines().take_while(|line| !line.trim().is_empty());
    lines.filter(|line| !line.starts_with([' ', '\t'])).filter_map(|line| {
        let (key, value) = line.split_once(':')?;
        Some((key.trim(), value.trim()))
    })
}

fn field<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    fields(text).find(|(found, _)| found.eq_ignore_ascii_case(key)).map(|(_, value)| value)
}
