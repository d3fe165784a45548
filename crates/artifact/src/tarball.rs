//! What is in a tar, and where: headers are read, content is passed over.

use std::sync::Arc;

use cuferry_binfmt::tar::{TarKind, TarReader};

use crate::error::ArtifactError;
use crate::origin::Origin;
use crate::source::{Span, SpanReader};

/// How much is read at a header, in bytes: with small files the next header is among it.
const READ: usize = 4096;
/// How many entries are counted at a time.
const STEP: u64 = 64;

/// An entry of a tar.
#[derive(Debug)]
pub(crate) struct Member {
    /// As the tar has it.
    pub path: String,
    pub kind: MemberKind,
}

#[derive(Debug)]
pub(crate) enum MemberKind {
    File(Span),
    Hardlink(String),
    Symlink(String),
    Directory,
    Sparse,
    Other,
}

/// All entries of a tar, in its order. They count against the limits as long as they live.
#[derive(Debug)]
pub(crate) struct Members {
    pub list: Vec<Member>,
    origin: Arc<Origin>,
    entries: u64,
    names: u64,
}

impl Drop for Members {
    fn drop(&mut self) {
        self.origin.uncount(self.entries, self.names);
    }
}

/// Reads the headers of the tar that `span` is. `part` is its name, for errors.
pub(crate) fn members(origin: &Arc<Origin>, part: &str, span: &Span) -> Result<Members, ArtifactError> {
    let fail = |source| ArtifactError::Tar { path: origin.path.clone(), part: part.to_owned(), source };
    let mut members = Members { list: Vec::new(), origin: Arc::clone(origin), entries: 0, names: 0 };
    let (mut entries, mut names) = (0, 0);
    let mut reader =
        TarReader::with_skip(span.reader(READ), |reader: &mut SpanReader<'_>, count| Ok(reader.skip(count)));
    while let Some(entry) = reader.next().map_err(fail)? {
        let kind = match entry.kind {
            TarKind::File => {
                // A file whose content is cut off is found out by the next step; until then it has none.
                MemberKind::File(match span.slice(entry.offset, entry.size) {
                    Some(content) => content,
                    None => continue,
                })
            }
            TarKind::Hardlink(target) => MemberKind::Hardlink(target),
            TarKind::Symlink(target) => MemberKind::Symlink(target),
            TarKind::Directory => MemberKind::Directory,
            TarKind::Sparse => MemberKind::Sparse,
            TarKind::Other => MemberKind::Other,
        };
        let target = match &kind {
            MemberKind::Hardlink(target) | MemberKind::Symlink(target) => target.len(),
            _ => 0,
        };
        entries += 1;
        names += (entry.path.len() + target) as u64;
        if entries == STEP || names > 1 << 16 {
            members.count(&mut entries, &mut names)?;
        }
        members.list.push(Member { path: entry.path, kind });
    }
    members.count(&mut entries, &mut names)?;
    Ok(members)
}

impl Members {
    fn count(&mut self, entries: &mut u64, names: &mut u64) -> Result<(), ArtifactError> {
        let (entries, names) = (std::mem::take(entries), std::mem::take(names));
        self.entries += entries;
        self.names += names;
        self.origin.count(entries, names)
    }
}
