//! Applies safe fixes to the files of a scan, or shows what that would change.

use super::patch::{self, Patched};
use super::rewrite::{Replaced, replace};
use super::tree::Tree;
use super::walk::{Remark, Scanned, ScannedFile, Settings, read_and_scan, settle};

/// What `--fix` did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Repair {
    pub(crate) fixed: Vec<Fixed>,
    /// Files that were left as they are, though they have safe fixes, with the reason.
    pub(crate) left: Vec<(String, String)>,
    /// How many safe fixes touch the text of others, and wait for the next time.
    pub(crate) waiting: usize,
}

/// A fix that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fixed {
    pub(crate) path: String,
    /// Where the finding was, before.
    pub(crate) line: u32,
    pub(crate) rule: String,
    pub(crate) description: String,
}

impl Repair {
    /// In how many files something was fixed.
    pub(crate) fn files(&self) -> usize {
        let mut paths: Vec<&str> = self.fixed.iter().map(|fixed| fixed.path.as_str()).collect();
        paths.dedup();
        paths.len()
    }
}

/// The safe fixes of a file; none: there are none, or it was not kept.
fn patched(file: &ScannedFile) -> Option<(&[u8], Patched)> {
    let was = file.contents.as_deref()?;
    let patched = patch::apply(was, &file.report.findings);
    (!patched.fixed.is_empty()).then_some((was, patched))
}

/// What [`repair`] would change, as one patch.
pub(crate) fn diff(tree: &Tree, scanned: &Scanned) -> Vec<u8> {
    let changes = scanned.files.iter().filter_map(|file| {
        let (was, patched) = patched(file)?;
        Some(patch::diff(tree.relative(&file.location), was, &patched.contents))
    });
    changes.collect::<Vec<_>>().concat()
}

/// Applies the safe fixes, and searches the files so changed again: what is found then is what is left to do.
pub(crate) fn repair(tree: &Tree, scanned: &mut Scanned, settings: &Settings<'_>) -> Repair {
    let mut repair = Repair::default();
    for file in &mut scanned.files {
        let Some((was, patched)) = patched(file) else { continue };
        let path = file.report.path.to_string();
        match replace(&file.location, was, &patched.contents) {
            Ok(Replaced::Done) => {}
            Ok(Replaced::Changed) => {
                repair.left.push((path, "it was changed while cuferry read it".to_owned()));
                continue;
            }
            Err(error) => {
                repair.left.push((path, format!("it cannot be written: {error}")));
                continue;
            }
        }
        repair.waiting += patched.left.len();
        repair.fixed.extend(patched.fixed.iter().map(|index| {
            let finding = &file.report.findings[*index];
            Fixed {
                path: path.clone(),
                line: finding.place.line,
                rule: finding.rule.to_string(),
                description: finding.fix.as_ref().map_or_else(String::new, |fix| fix.description.clone()),
            }
        }));
        match read_and_scan(tree, &file.location, settings) {
            Ok(again) => *file = again,
            Err(error) => {
                scanned.unread.push(Remark { location: file.location.clone(), why: error.to_string() });
            }
        }
    }
    settle(&mut scanned.files, settings);
    repair
}
