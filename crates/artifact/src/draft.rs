//! A tree while it is put together, from a folder, an archive, or the layers of an image.
//!
//! Every node's parent is a folder, whatever the archive says or leaves out. Layers follow the image-spec (layer.md):
//! whiteouts hide what lower layers have, never what their own layer brings; folders merge, anything else replaces. A
//! folder that a layer does not list itself and that is a symbolic link below is followed, inside the tree, as
//! containerd and podman do.

use std::collections::{BTreeMap, HashSet};

use crate::error::ArtifactError;
use crate::limits::{MAX_LINKS, MAX_PATH};
use crate::name::components;
use crate::node::{Content, Node, NodeKind};
use crate::origin::Origin;
use crate::problem::{ProblemKind, Problems};
use crate::tarball::{Member, MemberKind, Members};

/// The root, as an index.
pub(crate) const ROOT: usize = 0;
/// The name of a file that hides all that its folder has in lower layers.
const OPAQUE: &str = ".wh..wh..opq";
/// What the name of a file starts with that hides another.
const WHITEOUT: &str = ".wh.";

/// A tree while it grows.
#[derive(Debug)]
pub(crate) struct Draft {
    items: Vec<Item>,
    pub problems: Problems,
}

#[derive(Debug)]
struct Item {
    kind: ItemKind,
    layer: Option<usize>,
}

#[derive(Clone, Debug)]
pub(crate) enum ItemKind {
    Directory(BTreeMap<Box<str>, usize>),
    File { size: u64, content: Content },
    Symlink(Box<str>),
    Other,
}

impl ItemKind {
    pub(crate) const fn directory() -> Self {
        Self::Directory(BTreeMap::new())
    }
}

/// Why a path leads nowhere.
enum Lost {
    /// Links go round in circles.
    Loop,
    Failed(ArtifactError),
}

impl From<ArtifactError> for Lost {
    fn from(error: ArtifactError) -> Self {
        Self::Failed(error)
    }
}

impl Draft {
    pub(crate) fn new() -> Self {
        Self { items: vec![Item { kind: ItemKind::directory(), layer: None }], problems: Problems::default() }
    }

    /// Puts something at a path as an archive writes it. What was there gives way, unless both are folders.
    pub(crate) fn put(
        &mut self,
        origin: &Origin,
        path: &str,
        kind: ItemKind,
        layer: Option<usize>,
    ) -> Result<(), ArtifactError> {
        let components = match components(path) {
            Ok(components) => components,
            Err(problem) => {
                self.problems.add(problem, shortened(path));
                return Ok(());
            }
        };
        let Some((name, folders)) = components.split_last() else {
            return Ok(()); // the root is there already
        };
        match self.folder(origin, folders, layer) {
            Ok(parent) => self.child(origin, parent, name, kind, layer).map(drop),
            Err(Lost::Loop) => {
                self.problems.add(ProblemKind::LinkLoop, shortened(path));
                Ok(())
            }
            Err(Lost::Failed(error)) => Err(error),
        }
    }

    /// Puts something into a folder of this draft, by the folder's index. Returns the index of what lies there then.
    pub(crate) fn child(
        &mut self,
        origin: &Origin,
        parent: usize,
        name: &str,
        kind: ItemKind,
        layer: Option<usize>,
    ) -> Result<usize, ArtifactError> {
        let index = self.items.len();
        let ItemKind::Directory(children) = &mut self.items[parent].kind else { return Ok(parent) };
        if let Some(existing) = children.get(name).copied() {
            let item = &mut self.items[existing];
            item.layer = layer;
            // A folder stays with all that is in it. Anything else goes, with all that was in it.
            if !matches!((&item.kind, &kind), (ItemKind::Directory(_), ItemKind::Directory(_))) {
                item.kind = kind;
            }
            return Ok(existing);
        }
        origin.count(1, if let ItemKind::Symlink(target) = &kind { target.len() as u64 } else { 0 })?;
        children.insert(name.into(), index);
        self.items.push(Item { kind, layer });
        Ok(index)
    }

    /// The folder of these components, made where it is missing.
    fn folder(&mut self, origin: &Origin, folders: &[&str], layer: Option<usize>) -> Result<usize, Lost> {
        // The usual case: no links, and nothing to make.
        let mut place = ROOT;
        let plain = folders.iter().all(|name| match self.step(place, name) {
            Some(next) if matches!(self.items[next].kind, ItemKind::Directory(_)) => {
                place = next;
                true
            }
            _ => false,
        });
        if plain {
            return Ok(place);
        }
        let mut above = vec![ROOT];
        let mut todo: Vec<Box<str>> = folders.iter().rev().map(|name| Box::from(*name)).collect();
        let mut links = 0;
        while let Some(name) = todo.pop() {
            let place = *above.last().unwrap_or(&ROOT);
            match &*name {
                "" | "." => {}
                ".." => {
                    if above.len() > 1 {
                        above.pop();
                    }
                }
                _ => match self.step(place, &name).map(|next| (next, &self.items[next].kind)) {
                    Some((next, ItemKind::Directory(_))) => above.push(next),
                    Some((_, ItemKind::Symlink(target))) => {
                        links += 1;
                        if links > MAX_LINKS || target.len() > MAX_PATH {
                            return Err(Lost::Loop);
                        }
                        if target.starts_with('/') {
                            above.truncate(1);
                        }
                        todo.extend(target.rsplit('/').map(Box::from));
                    }
                    _ => {
                        let made = self.child(origin, place, &name, ItemKind::directory(), layer)?;
                        above.push(made);
                    }
                },
            }
        }
        Ok(*above.last().unwrap_or(&ROOT))
    }

    fn step(&self, place: usize, name: &str) -> Option<usize> {
        match &self.items[place].kind {
            ItemKind::Directory(children) => children.get(name).copied(),
            _ => None,
        }
    }

    /// What lies at a path, links among its folders followed.
    fn find(&self, path: &str) -> Option<usize> {
        let components = components(path).ok()?;
        let (name, folders) = components.split_last()?;
        let mut above = vec![ROOT];
        let mut todo: Vec<&str> = folders.iter().rev().copied().collect();
        let mut links = 0;
        while let Some(name) = todo.pop() {
            match name {
                "" | "." => {}
                ".." => {
                    if above.len() > 1 {
                        above.pop();
                    }
                }
                _ => {
                    let next = self.step(*above.last().unwrap_or(&ROOT), name)?;
                    match &self.items[next].kind {
                        ItemKind::Symlink(target) => {
                            links += 1;
                            if links > MAX_LINKS || target.len() > MAX_PATH {
                                return None;
                            }
                            if target.starts_with('/') {
                                above.truncate(1);
                            }
                            todo.extend(target.rsplit('/'));
                        }
                        _ => above.push(next),
                    }
                }
            }
        }
        self.step(*above.last()?, name)
    }

    /// Puts a hard link: another name of what lies at `target`.
    fn link(
        &mut self,
        origin: &Origin,
        path: &str,
        target: &str,
        layer: Option<usize>,
    ) -> Result<(), ArtifactError> {
        let kind = match self.find(target).map(|index| &self.items[index].kind) {
            Some(kind @ (ItemKind::File { .. } | ItemKind::Symlink(_) | ItemKind::Other)) => kind.clone(),
            Some(ItemKind::Directory(_)) | None => {
                self.problems.add(ProblemKind::DanglingHardlink, shortened(path));
                ItemKind::Other
            }
        };
        self.put(origin, path, kind, layer)
    }

    /// Puts the entries of a tar, in their order. Its whiteouts are files like others.
    pub(crate) fn unpack(&mut self, origin: &Origin, members: &Members) -> Result<(), ArtifactError> {
        members.list.iter().try_for_each(|member| self.entry(origin, member, None))
    }

    fn entry(&mut self, origin: &Origin, member: &Member, layer: Option<usize>) -> Result<(), ArtifactError> {
        let kind = match &member.kind {
            MemberKind::File(span) => {
                ItemKind::File { size: span.length, content: Content::Span(span.clone()) }
            }
            MemberKind::Hardlink(target) => return self.link(origin, &member.path, target, layer),
            MemberKind::Symlink(target) if target.len() > MAX_PATH => ItemKind::Other,
            MemberKind::Symlink(target) => ItemKind::Symlink(target.as_str().into()),
            MemberKind::Directory => ItemKind::directory(),
            MemberKind::Sparse => {
                self.problems.add(ProblemKind::Sparse, shortened(&member.path));
                ItemKind::Other
            }
            MemberKind::Other => ItemKind::Other,
        };
        self.put(origin, &member.path, kind, layer)
    }

    /// Puts a layer of an image upon what is there.
    pub(crate) fn apply(
        &mut self,
        origin: &Origin,
        members: &Members,
        layer: usize,
    ) -> Result<(), ArtifactError> {
        let members = &members.list;
        let whiteout = |member: &Member| file_name(&member.path).starts_with(WHITEOUT);
        if members.iter().any(whiteout) {
            let own: HashSet<String> = members
                .iter()
                .filter(|member| !whiteout(member))
                .filter_map(|member| Some(components(&member.path).ok()?.join("/")))
                .collect();
            members.iter().filter(|member| whiteout(member)).for_each(|member| self.hide(&own, &member.path));
        }
        let others = members.iter().filter(|member| !whiteout(member));
        others.into_iter().try_for_each(|member| self.entry(origin, member, Some(layer)))
    }

    /// Hides what a whiteout names, in lower layers. `own` are the paths that its own layer lists.
    fn hide(&mut self, own: &HashSet<String>, whiteout: &str) {
        let components = match components(whiteout) {
            Ok(components) => components,
            Err(problem) => return self.problems.add(problem, shortened(whiteout)),
        };
        let Some((name, folders)) = components.split_last() else { return };
        let mut above = vec![ROOT];
        let mut todo: Vec<Box<str>> = folders.iter().rev().map(|name| Box::from(*name)).collect();
        // Where the whiteout's own path still is what was walked, its layer may replace a link by a folder.
        let mut walked = String::new();
        let mut links = 0;
        while let Some(name) = todo.pop() {
            match &*name {
                "" | "." => continue,
                ".." => {
                    if above.len() > 1 {
                        above.pop();
                    }
                    continue;
                }
                _ => {}
            }
            if links == 0 {
                if !walked.is_empty() {
                    walked.push('/');
                }
                walked.push_str(&name);
            }
            let place = *above.last().unwrap_or(&ROOT);
            let Some(next) = self.step(place, &name) else { return };
            match &self.items[next].kind {
                ItemKind::Directory(_) => above.push(next),
                ItemKind::Symlink(target) => {
                    let replaced = links == 0 && own.contains(&walked);
                    links += 1;
                    if replaced || links > MAX_LINKS || target.len() > MAX_PATH {
                        return;
                    }
                    if target.starts_with('/') {
                        above.truncate(1);
                    }
                    todo.extend(target.rsplit('/').map(Box::from));
                }
                ItemKind::File { .. } | ItemKind::Other => return,
            }
        }
        let ItemKind::Directory(children) = &mut self.items[*above.last().unwrap_or(&ROOT)].kind else {
            return;
        };
        if *name == OPAQUE {
            children.clear();
        } else if let Some(hidden) = name.strip_prefix(WHITEOUT)
            // Names such as `.wh..wh.plnk` are aufs's own affairs.
            && !hidden.starts_with(WHITEOUT)
        {
            children.remove(hidden);
        }
    }

    /// All nodes but the root, sorted by path.
    pub(crate) fn finish(mut self, origin: &Origin) -> Result<(Vec<Node>, Problems), ArtifactError> {
        let mut nodes = Vec::new();
        let mut todo = vec![(ROOT, String::new())];
        while let Some((index, path)) = todo.pop() {
            let item = &mut self.items[index];
            let layer = item.layer;
            let (kind, content) = match std::mem::replace(&mut item.kind, ItemKind::Other) {
                ItemKind::Directory(children) => {
                    for (name, child) in children.into_iter().rev() {
                        let path = if path.is_empty() { name.into() } else { format!("{path}/{name}") };
                        // Once a path is this long, what lies deeper can't be reached by it on any system.
                        if path.len() > MAX_PATH {
                            self.problems.add(ProblemKind::TooLong, shortened(&path));
                        } else {
                            origin.count(0, path.len() as u64)?;
                            todo.push((child, path));
                        }
                    }
                    (NodeKind::Directory, Content::None)
                }
                ItemKind::File { size, content } => (NodeKind::File { size }, content),
                ItemKind::Symlink(target) => (NodeKind::Symlink { target: target.into() }, Content::None),
                ItemKind::Other => (NodeKind::Other, Content::None),
            };
            if index != ROOT {
                nodes.push(Node { path, kind, layer, content });
            }
        }
        // Nearly in order already: a folder's content comes right after it, which differs for names such as `a` and `a.b`.
        nodes.sort_by(|left, right| left.path.cmp(&right.path));
        Ok((nodes, self.problems))
    }
}

fn file_name(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}

/// A path for people: a hostile one may be a megabyte long.
fn shortened(path: &str) -> String {
    let end = path.char_indices().nth(200).map_or(path.len(), |(index, _)| index);
    if end < path.len() { format!("{}…", &path[..end]) } else { path.to_owned() }
}
