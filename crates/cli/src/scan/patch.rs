//! Safe fixes as new contents of a file, and those as a patch.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use cuferry_scan::{Edit, Finding, Fix};
use similar::{ChangeTag, TextDiff};

/// Unchanged lines around a change, as `diff -u` has them.
const CONTEXT: usize = 3;

/// A file with its safe fixes applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Patched {
    pub(crate) contents: Vec<u8>,
    /// Which findings are mended, by their places in the list.
    pub(crate) fixed: Vec<usize>,
    /// Which have a safe fix that touches another one's text.
    pub(crate) left: Vec<usize>,
}

/// Applies the safe fixes of a file, in the order of its findings. One that overlaps an earlier one is left as a whole:
/// what it was made for is no longer there.
pub(crate) fn apply(contents: &[u8], findings: &[Finding]) -> Patched {
    let mut edits: BTreeSet<&Edit> = BTreeSet::new();
    let mut patched = Patched { contents: Vec::new(), fixed: Vec::new(), left: Vec::new() };
    for (index, finding) in findings.iter().enumerate() {
        let Some(fix) = finding.fix.as_ref().filter(|fix| fix.safe) else { continue };
        if fits(fix, &edits, contents.len()) {
            edits.extend(&fix.edits);
            patched.fixed.push(index);
        } else {
            patched.left.push(index);
        }
    }
    let mut from = 0;
    for edit in edits {
        patched.contents.extend(&contents[from..edit.start]);
        patched.contents.extend(edit.replacement.as_bytes());
        from = edit.end;
    }
    patched.contents.extend(&contents[from..]);
    patched
}

/// Whether a fix lies in the file, and beside all edits so far. The very same edit, wanted twice, is made once.
fn fits(fix: &Fix, edits: &BTreeSet<&Edit>, length: usize) -> bool {
    fix.edits.iter().all(|edit| {
        let inside = edit.start <= edit.end && edit.end <= length;
        inside && edits.iter().all(|other| *other == edit || !overlap(edit, other))
    })
}

/// Whether two edits touch the same text; two insertions at one place have no order, and overlap, too.
fn overlap(one: &Edit, other: &Edit) -> bool {
    let inserts_at_once = one.start == other.start && (one.start == one.end || other.start == other.end);
    inserts_at_once || one.start < other.end && other.start < one.end
}

/// What changes in a file, as a unified diff that `patch -p1` and `git apply` take.
pub(crate) fn diff(path: &Path, was: &[u8], now: &[u8]) -> Vec<u8> {
    let (old, new) = (lines(was), lines(now));
    let diff = TextDiff::configure().diff_slices(&old, &new);
    let mut out = Vec::new();
    for (mark, side) in [("--- ", "a/"), ("+++ ", "b/")] {
        out.extend(mark.as_bytes());
        out.extend(name(side, path));
        out.push(b'\n');
    }
    for group in diff.grouped_ops(CONTEXT) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let range = |start: usize, end: usize| {
            // Of an empty range the line before it is named; of one line no length is.
            match end - start {
                0 => format!("{start},0"),
                1 => format!("{}", start + 1),
                count => format!("{},{count}", start + 1),
            }
        };
        let old_range = range(first.old_range().start, last.old_range().end);
        let new_range = range(first.new_range().start, last.new_range().end);
        out.extend(format!("@@ -{old_range} +{new_range} @@\n").as_bytes());
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            out.push(match change.tag() {
                ChangeTag::Equal => b' ',
                ChangeTag::Delete => b'-',
                ChangeTag::Insert => b'+',
            });
            let line = change.value();
            out.extend(line);
            if !line.ends_with(b"\n") {
                out.extend(b"\n\\ No newline at end of file\n");
            }
        }
    }
    out
}

/// Lines with their ends. Only a line feed ends one: to `patch` a carriage return is a character as any other.
fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

/// A path as patches name files. One with blanks is followed by a tab, one with control characters, quotes or backslashes is
/// quoted as C does it: GNU patch and git read both.
fn name(side: &str, path: &Path) -> Vec<u8> {
    let bytes = path.as_os_str().as_bytes();
    let mut name = side.as_bytes().to_vec();
    if !bytes.iter().any(|byte| byte.is_ascii_control() || matches!(byte, b'"' | b'\\')) {
        name.extend(bytes);
        if bytes.contains(&b' ') {
            name.push(b'\t');
        }
        return name;
    }
    name.insert(0, b'"');
    for byte in bytes {
        match byte {
            b'"' | b'\\' => name.extend([b'\\', *byte]),
            0x20..=0x7e => name.push(*byte),
            _ => name.extend(format!("\\{byte:03o}").as_bytes()),
        }
    }
    name.push(b'"');
    name
}

#[cfg(test)]
mod tests;
