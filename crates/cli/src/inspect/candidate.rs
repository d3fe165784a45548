//! Which files of a tree may be inspected, and the files that a thin archive among them is made of.

use camino::Utf8Path;
use cuferry_artifact::{Artifact, ArtifactError, ArtifactKind, Bytes, Node, NodeKind, Tree};
use cuferry_binfmt::{FileKind, kind_of};
use cuferry_inspect::source::{self, Source};

/// How many bytes at the start of a file tell what it is. PTX may have a comment on top.
const HEAD: usize = 4096;

/// Whether this is a file that starts as programs, libraries and device code do. An empty one does not.
pub(crate) fn is_candidate(tree: &Tree, node: &Node) -> Result<bool, ArtifactError> {
    if !matches!(node.kind, NodeKind::File { size } if size > 0) {
        return Ok(false);
    }
    Ok(kind_of(&tree.head(node, HEAD)?) != FileKind::Other || node.name().ends_with(".fatbin"))
}

/// On disk, where a file is all of its artifact.
pub(crate) fn path_of(artifact: &Artifact) -> Option<&Utf8Path> {
    (artifact.kind == ArtifactKind::File).then_some(artifact.path.as_path())
}

/// The files that a thin archive names, opened; none of any other file.
pub(crate) struct Members<'a>(Vec<Member<'a>>);

struct Member<'a> {
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

impl<'a> Members<'a> {
    /// Opens them. `path` is the archive's own where it is a file by itself.
    pub(crate) fn of(tree: &'a Tree, node: &Node, path: Option<&Utf8Path>, bytes: &[u8]) -> Self {
        let beside = |path: &Utf8Path, name: &str| {
            std::fs::read(path.parent()?.join(name)).ok().map(MemberBytes::Disk)
        };
        let inside = |name: &str| {
            let folder = Utf8Path::new(&node.path).parent()?;
            tree.bytes(tree.resolve(folder.join(name).as_str())?).ok().map(MemberBytes::Tree)
        };
        let open = |name: String| Member {
            bytes: path.map_or_else(|| inside(&name), |path| beside(path, &name)),
            name,
        };
        Self(source::thin_members(bytes).into_iter().map(open).collect())
    }

    /// The device code of a file whose bytes these are, or of the members if it is a thin archive.
    pub(crate) fn sources<'b>(&'b self, bytes: &'b Bytes<'_>) -> Vec<Source<'b>> {
        if self.0.is_empty() {
            return source::sources(bytes, &mut |range| bytes.forget(range));
        }
        let source = |member: &'b Member<'_>| {
            let name = member.name.clone();
            match &member.bytes {
                Some(MemberBytes::Tree(bytes)) => {
                    source::source(Some(name), bytes, 0, &mut |range| bytes.forget(range))
                }
                Some(MemberBytes::Disk(bytes)) => source::source(Some(name), bytes, 0, &mut |_| ()),
                None => source::missing(name),
            }
        };
        self.0.iter().map(source).collect()
    }
}
