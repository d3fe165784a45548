//! Files, folders and links by their paths, and the bytes of the files.

use std::borrow::Cow;
use std::sync::Arc;

use crate::error::ArtifactError;
use crate::folder::Folder;
use crate::image::ImageInfo;
use crate::limits::{MAX_LINKS, MAX_PATH};
use crate::node::{Content, Node, NodeKind};
use crate::origin::Origin;
use crate::source::{Bytes, Span};

/// One file system: a folder's, a package's, an image's. Threads may share it and read different files of it at a time.
#[derive(Debug)]
pub struct Tree {
    /// What tells this tree from others of its artifact: `repo:tag`, `linux/arm64`. `None` where there is one alone
    /// without a name.
    pub label: Option<String>,
    /// What an image's configuration says. `None` for what is no image.
    pub image: Option<ImageInfo>,
    /// Sorted by path.
    nodes: Vec<Node>,
    origin: Arc<Origin>,
    /// What [`Content::Disk`] lies under.
    folder: Option<Folder>,
}

impl Tree {
    pub(crate) fn new(nodes: Vec<Node>, origin: &Arc<Origin>) -> Self {
        Self { label: None, image: None, nodes, origin: Arc::clone(origin), folder: None }
    }

    pub(crate) fn of_folder(nodes: Vec<Node>, origin: &Arc<Origin>, folder: Folder) -> Self {
        Self { folder: Some(folder), ..Self::new(nodes, origin) }
    }

    /// Everything in it but the root, sorted by path.
    pub fn files(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    /// The same as a slice, which threads can share out.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// What lies at this very path, written without leading slash. No link is followed.
    pub fn get(&self, path: &str) -> Option<&Node> {
        let index = self.nodes.binary_search_by(|node| node.path.as_str().cmp(path)).ok()?;
        Some(&self.nodes[index])
    }

    /// What a path leads to when links are followed as if this tree were the whole file system: an absolute link starts
    /// at the tree's root, and `..` ends there. `None` if nothing is there, or links go round in circles; also for the
    /// root itself.
    pub fn resolve(&self, path: &str) -> Option<&Node> {
        let mut links = 0;
        let mut place = String::new();
        let mut found = None;
        let mut todo: Vec<&str> = path.rsplit('/').collect();
        while let Some(component) = todo.pop() {
            match component {
                "" | "." => {}
                ".." => {
                    place.truncate(place.rfind('/').unwrap_or(0));
                    found = self.get(&place);
                }
                _ => {
                    let above = place.len();
                    if above > 0 {
                        place.push('/');
                    }
                    place.push_str(component);
                    let node = self.get(&place)?;
                    found = Some(node);
                    if let NodeKind::Symlink { target } = &node.kind {
                        links += 1;
                        if links > MAX_LINKS || target.len() > MAX_PATH {
                            return None;
                        }
                        place.truncate(if target.starts_with('/') { 0 } else { above });
                        found = self.get(&place);
                        todo.extend(target.rsplit('/'));
                    }
                }
            }
            if place.len() > MAX_PATH {
                return None;
            }
        }
        found
    }

    /// The first bytes of a file, `length` of them if it has as many. Cheap, whatever the file's size. Empty for what is
    /// no file.
    pub fn head<'a>(&'a self, node: &'a Node, length: usize) -> Result<Cow<'a, [u8]>, ArtifactError> {
        match &node.content {
            Content::None => Ok(Cow::Borrowed(&[])),
            Content::Zip(member) => Ok(Cow::Owned(member.head(&self.origin, &node.path, length)?)),
            Content::Disk { .. } => {
                let span = self.open_on_disk(node)?;
                Ok(Cow::Owned(span.head(length).map_err(self.unreadable(node))?.into_owned()))
            }
            Content::Span(span) => span.head(length).map_err(self.unreadable(node)),
        }
    }

    /// All bytes of a file: a map of it or of its part of the archive; unpacked first, if it is compressed there. Empty
    /// for what is no file.
    pub fn bytes<'a>(&'a self, node: &'a Node) -> Result<Bytes<'a>, ArtifactError> {
        match &node.content {
            Content::None => Ok(Bytes::owned(Vec::new())),
            Content::Span(span) => span.bytes().map_err(self.unreadable(node)),
            Content::Zip(member) => member.bytes(&self.origin, &node.path),
            Content::Disk { .. } => self.open_on_disk(node)?.into_bytes().map_err(self.unreadable(node)),
        }
    }

    /// The content of a file as a part of something that is read in place. `None` for what is compressed in a zip.
    pub(crate) fn span(&self, node: &Node) -> Result<Option<Span>, ArtifactError> {
        match &node.content {
            Content::Span(span) => Ok(Some(span.clone())),
            Content::Disk { .. } => self.open_on_disk(node).map(Some),
            Content::Zip(member) => member.stored(&self.origin, &node.path),
            Content::None => Ok(None),
        }
    }

    fn open_on_disk(&self, node: &Node) -> Result<Span, ArtifactError> {
        let (Some(folder), Content::Disk { raw, .. }) = (&self.folder, &node.content) else {
            return Ok(Span::of_memory(Vec::new()));
        };
        let path = raw.as_deref().unwrap_or_else(|| node.path.as_ref());
        let opened = folder.open_file(path).and_then(|file| Span::of_file(file, None));
        opened.map_err(self.unreadable(node))
    }

    fn unreadable<'a>(&'a self, node: &'a Node) -> impl Fn(std::io::Error) -> ArtifactError + 'a {
        move |source| ArtifactError::Unreadable {
            path: self.origin.path.clone(),
            part: node.path.clone(),
            source,
        }
    }
}
