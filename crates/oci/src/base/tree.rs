//! The file system that a base image's layers make together: names and links, and what its libraries say of themselves.

use std::collections::BTreeMap;
use std::io::Read;
use std::rc::Rc;

use cuferry_arch::Host;
use cuferry_binfmt::ElfInfo;
use cuferry_binfmt::tar::{TarEntry, TarError, TarErrorKind, TarKind, TarReader};
use cuferry_digest::{Digest, Hasher};

use crate::entry::Folder;
use crate::ldcache;
use crate::libraries;

/// The most files of an image: a full desktop has a few hundred thousand.
const MAX_NODES: usize = 4_000_000;
/// The longest path, in bytes.
const MAX_PATH: usize = 4096;
/// The largest library whose ELF headers are read, in bytes: glibc and the compilers' libraries are far smaller.
const MAX_LIBRARY: u64 = 32 << 20;
/// The largest loader cache read, in bytes.
const MAX_LOADER_CACHE: u64 = 8 << 20;
/// How many symbolic links a path may pass, as in Linux.
const MAX_LINKS: usize = 40;

/// What lies at a path.
#[derive(Clone, Debug)]
pub(crate) enum BaseNode {
    Folder(Folder),
    Symlink(String),
    Library(Rc<BaseLibrary>),
    Other,
}

/// A shared library of a base image.
#[derive(Clone, Debug)]
pub(crate) struct BaseLibrary {
    /// Of its content.
    pub digest: Digest,
    /// What it says of itself, if it is an ELF file of a usual size.
    pub elf: Option<ElfInfo>,
}

/// All paths, without leading slash.
#[derive(Clone, Debug, Default)]
pub(crate) struct BaseTree {
    nodes: BTreeMap<String, BaseNode>,
    /// `/etc/ld.so.cache`, as it is.
    loader_cache: Vec<u8>,
}

impl BaseTree {
    /// Puts a layer on top. Returns how many entries it has.
    pub(crate) fn apply(&mut self, reader: &mut TarReader<impl Read>) -> Result<usize, TarError> {
        let mut layer = BTreeMap::new();
        let mut whiteouts = Vec::new();
        let mut count = 0;
        while let Some(entry) = reader.next()? {
            count += 1;
            let Some(path) = normal(&entry.path) else { continue };
            if path.len() > MAX_PATH || self.nodes.len() + layer.len() > MAX_NODES {
                return Err(TarError { offset: entry.offset, kind: TarErrorKind::TooLarge });
            }
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
            // Whiteouts (image-spec, layer.md): they hide what lower layers have, never what this one brings.
            if name == ".wh..wh..opq" {
                whiteouts.push((folder.to_owned(), Whiteout::Content));
            } else if let Some(name) = name.strip_prefix(".wh.") {
                let hidden = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
                whiteouts.push((hidden, Whiteout::All));
            } else {
                if path == "etc/ld.so.cache" && entry.size <= MAX_LOADER_CACHE {
                    self.loader_cache = reader.content(MAX_LOADER_CACHE)?;
                }
                let node = self.node(&entry, &path, &layer, reader)?;
                layer.insert(path, node);
            }
        }
        for (path, whiteout) in whiteouts {
            self.remove_content(&path);
            if matches!(whiteout, Whiteout::All) {
                self.nodes.remove(&path);
            }
        }
        for (path, node) in layer {
            if !matches!(node, BaseNode::Folder(_)) {
                self.remove_content(&path);
            }
            self.nodes.insert(path, node);
        }
        Ok(count)
    }

    fn node(
        &self,
        entry: &TarEntry,
        path: &str,
        layer: &BTreeMap<String, BaseNode>,
        reader: &mut TarReader<impl Read>,
    ) -> Result<BaseNode, TarError> {
        let name = path.rsplit('/').next().unwrap_or(path);
        Ok(match &entry.kind {
            TarKind::Directory => {
                BaseNode::Folder(Folder { mode: entry.mode, uid: entry.uid, gid: entry.gid })
            }
            TarKind::Symlink(target) => BaseNode::Symlink(target.clone()),
            TarKind::Hardlink(target) => {
                let target = normal(target).unwrap_or_default();
                layer.get(&target).or_else(|| self.nodes.get(&target)).cloned().unwrap_or(BaseNode::Other)
            }
            TarKind::File if libraries::split(name).is_some() => {
                BaseNode::Library(Rc::new(read_library(entry, reader)?))
            }
            TarKind::File | TarKind::Sparse | TarKind::Other => BaseNode::Other,
        })
    }

    fn remove_content(&mut self, folder: &str) {
        if folder.is_empty() {
            self.nodes.clear();
            return;
        }
        // `0` is the character after the slash.
        let range = format!("{folder}/")..format!("{folder}0");
        let inside: Vec<String> = self.nodes.range(range).map(|(path, _)| path.clone()).collect();
        for path in inside {
            self.nodes.remove(&path);
        }
    }

    /// Every folder, for those who put files into them.
    pub(crate) fn folders(&self) -> impl Iterator<Item = (&str, Folder)> {
        self.nodes.iter().filter_map(|(path, node)| match node {
            BaseNode::Folder(folder) => Some((path.as_str(), *folder)),
            _ => None,
        })
    }

    /// Where `path` really lies once symbolic links among its folders are followed. None if they go round in circles.
    pub(crate) fn resolve_parents(&self, path: &str) -> Option<String> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let folder = self.resolve(folder)?;
        Some(if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") })
    }

    /// Where `path` really lies once all symbolic links are followed, whether or not something is there.
    fn resolve(&self, path: &str) -> Option<String> {
        let mut links = 0;
        let mut done: Vec<String> = Vec::new();
        let mut todo: Vec<String> = path.rsplit('/').map(str::to_owned).collect();
        while let Some(component) = todo.pop() {
            match component.as_str() {
                "" | "." => {}
                ".." => drop(done.pop()),
                _ => {
                    done.push(component);
                    if let Some(BaseNode::Symlink(target)) = self.nodes.get(&done.join("/")) {
                        links += 1;
                        if links > MAX_LINKS || target.len() > MAX_PATH {
                            return None;
                        }
                        done.pop();
                        if target.starts_with('/') {
                            done.clear();
                        }
                        todo.extend(target.rsplit('/').map(str::to_owned));
                    }
                }
            }
        }
        Some(done.join("/"))
    }

    /// Whether something lies at `path`, without leading slash.
    pub(crate) fn contains(&self, path: &str) -> bool {
        self.resolve(path).is_some_and(|path| self.nodes.contains_key(&path))
    }

    fn library_at(&self, path: &str) -> Option<Rc<BaseLibrary>> {
        match self.nodes.get(&self.resolve(path)?) {
            Some(BaseNode::Library(library)) => Some(Rc::clone(library)),
            _ => None,
        }
    }

    /// The library that the base's own loader would find under this name.
    pub(crate) fn library(&self, host: Host, name: &str) -> Option<Rc<BaseLibrary>> {
        let cached = self.loader_cache(host).into_iter().filter(|entry| entry.name == name);
        let cached = cached.map(|entry| entry.path.trim_start_matches('/').to_owned());
        let triple = host.gnu_triple();
        let usual = [
            format!("lib/{triple}"),
            format!("usr/lib/{triple}"),
            "lib64".into(),
            "usr/lib64".into(),
            "lib".into(),
            "usr/lib".into(),
        ];
        let usual = usual.into_iter().map(|folder: String| format!("{folder}/{name}"));
        cached.chain(usual).find_map(|path| self.library_at(&path))
    }

    /// The entries of the base's loader cache. A cache that can't be read is as good as none: the loader thinks so, too.
    pub(crate) fn loader_cache(&self, host: Host) -> Vec<ldcache::CacheEntry> {
        if self.contains("etc/ld.so.cache") {
            ldcache::parse(host, &self.loader_cache).unwrap_or_default()
        } else {
            Vec::new()
        }
    }
}

enum Whiteout {
    /// The path and what is in it.
    All,
    /// What is in the folder.
    Content,
}

fn read_library(entry: &TarEntry, reader: &mut TarReader<impl Read>) -> Result<BaseLibrary, TarError> {
    if entry.size <= MAX_LIBRARY {
        let content = reader.content(MAX_LIBRARY)?;
        return Ok(BaseLibrary { digest: Digest::of(&content), elf: ElfInfo::parse(&content).ok() });
    }
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; crate::file::BUFFER];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(BaseLibrary { digest: hasher.finish(), elf: None }),
            count => hasher.update(&buffer[..count]),
        }
    }
}

/// `./usr//lib/` is `usr/lib`. None for the root, and for what would climb above it.
fn normal(path: &str) -> Option<String> {
    let components: Vec<&str> =
        path.split('/').filter(|component| !component.is_empty() && *component != ".").collect();
    (!components.is_empty() && !components.contains(&"..")).then(|| components.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tar::write::{END, Header, Kind, header};

    /// A layer in a line: `name/` is a folder, `name -> target` a link, anything else an empty file.
    fn layer(lines: &[&str]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for line in lines {
            let (path, kind) = match (line.split_once(" -> "), line.strip_suffix('/')) {
                (Some((path, target)), _) => (path, Kind::Symlink { target }),
                (None, Some(path)) => (path, Kind::Directory),
                (None, None) => (*line, Kind::File { size: 0 }),
            };
            bytes.extend(header(&Header { path, kind, mode: 0o750, uid: 3, gid: 4, mtime: 0 }));
        }
        bytes.extend_from_slice(&END);
        bytes
    }

    fn tree(layers: &[&[&str]]) -> BaseTree {
        let mut tree = BaseTree::default();
        for lines in layers {
            tree.apply(&mut TarReader::new(layer(lines).as_slice())).unwrap();
        }
        tree
    }

    #[track_caller]
    fn check(layers: &[&[&str]], expected: &[&str]) {
        assert_eq!(tree(layers).nodes.keys().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn whiteouts_hide_what_lies_below() {
        check(&[&["a/", "a/x", "a/y"], &["a/.wh.x"]], &["a", "a/y"]);
        check(&[&["a/", "a/b/", "a/b/x", "a/b0"], &["a/.wh.b"]], &["a", "a/b0"]);
        // In one layer the order doesn't matter: what it brings itself stays.
        check(&[&["a/", "a/x"], &["a/", "a/z", "a/.wh..wh..opq"]], &["a", "a/z"]);
        check(&[&["./a/", "./a/x"], &["a"]], &["a"]);
        check(&[&["a/", "a/x"], &["a/"]], &["a", "a/x"]);
        check(&[&["../x", "/etc/y", "a/../../z"]], &["etc/y"]);
    }

    #[test]
    fn links_are_followed_inside_the_image() {
        let tree = tree(&[&[
            "usr/",
            "usr/lib/",
            "usr/lib/x",
            "lib -> usr/lib",
            "up -> ../../lib",
            "abs -> /lib",
            "a -> b",
            "b -> a",
        ]]);
        assert_eq!(tree.resolve_parents("lib/new").as_deref(), Some("usr/lib/new"));
        assert_eq!(tree.resolve_parents("up/new").as_deref(), Some("usr/lib/new"));
        assert_eq!(tree.resolve_parents("abs/new").as_deref(), Some("usr/lib/new"));
        assert_eq!(
            tree.resolve_parents("lib").as_deref(),
            Some("lib"),
            "the last component is replaced, not followed"
        );
        assert_eq!(tree.resolve_parents("a/new"), None);
        assert!(tree.contains("lib/x") && !tree.contains("lib/y"));
        let folder = tree.folders().find(|(path, _)| *path == "usr").unwrap().1;
        assert_eq!(folder, Folder { mode: 0o750, uid: 3, gid: 4 });
    }
}
