//! One file, by cuferry and by cuobjdump.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::nvidia::{Nvidia, inspect, scratch, stderr, stdout};

/// What cuobjdump has no words for: these lines come on top.
const OURS_ALONE: &[&str] = &["LTO file ", "TILE file ", "??? file "];

/// The list, the whole list, the resources and what is extracted: all as cuobjdump has them.
#[track_caller]
pub(super) fn check_file(nvidia: &Nvidia, file: &Path) {
    check_list(nvidia, file);
    check_whole_list(nvidia, file);
    check_resources(nvidia, file);
    check_extracted(nvidia, file, &[], &[]);
    check_extracted(nvidia, file, &["--all"], &["-all"]);
}

#[track_caller]
pub(super) fn check_list(nvidia: &Nvidia, file: &Path) {
    let theirs = nvidia.cuobjdump(&["-lelf", "-lptx"], file);
    same(&stdout(&theirs), &printed(file, &["--list"]), file, "--list");
}

/// With `--all`, cuobjdump's own lines are the same, and begin the list of each member.
#[track_caller]
pub(super) fn check_whole_list(nvidia: &Nvidia, file: &Path) {
    let theirs = stdout(&nvidia.cuobjdump(&["-all", "-lelf", "-lptx"], file));
    let ours = printed(file, &["--list", "--all"]);
    let known: String = ours
        .split_inclusive('\n')
        .filter(|line| !OURS_ALONE.iter().any(|label| line.starts_with(label)))
        .collect();
    same(&theirs, &known, file, "--list --all");
}

#[track_caller]
pub(super) fn check_resources(nvidia: &Nvidia, file: &Path) {
    let theirs = nvidia.cuobjdump(&["-res-usage"], file);
    same(&stdout(&theirs), &printed(file, &["--resources"]), file, "--resources");
}

/// Every cubin byte for byte, all PTX up to the end, where cuobjdump drops what fatbinary padded with.
#[track_caller]
pub(super) fn check_extracted(nvidia: &Nvidia, file: &Path, ours: &[&str], theirs: &[&str]) {
    let (folder, peer) = (scratch(), scratch());
    let into = folder.path().to_str().expect("cargo's folder is UTF-8");
    let extract = inspect(file, &[ours, &["--extract", into]].concat());
    assert_eq!(extract.status.code(), Some(0), "{}: {}", file.display(), stderr(&extract));
    nvidia.cuobjdump_in(&[theirs, &["-xelf", "all", "-xptx", "all"]].concat(), file, peer.path());
    let list = stdout(&nvidia.cuobjdump(&[theirs, &["-lelf", "-lptx"]].concat(), file));
    let names = list.lines().filter_map(|line| line.split_once(" file ")?.1.split_once(": "));
    let names = numbered(names.map(|(_, name)| name));
    let expected: BTreeSet<&String> = names.iter().map(|(_, ours)| ours).collect();
    let written = file_names(folder.path());
    let written: BTreeSet<&String> =
        written.iter().filter(|name| is(name, "cubin") || is(name, "ptx")).collect();
    assert_eq!(written, expected, "names that `--extract` gives what is in {}", file.display());
    // Of several with one name, cuobjdump leaves the last.
    let survivors: BTreeMap<&String, &String> = names.iter().map(|(theirs, ours)| (theirs, ours)).collect();
    let left: BTreeSet<&String> = survivors.keys().copied().collect();
    assert_eq!(file_names(peer.path()).iter().collect::<BTreeSet<_>>(), left, "{}", file.display());
    for (theirs, ours) in survivors {
        let theirs = read(&peer.path().join(theirs));
        let (was, now) = (theirs, read(&folder.path().join(ours)));
        let equal = if is(ours, "ptx") { end(&was) == end(&now) } else { was == now };
        assert!(equal, "{ours} of {}: {} bytes, cuobjdump's has {}", file.display(), now.len(), was.len());
    }
}

/// Each name as cuobjdump has it and as cuferry writes it: the second of a name as `k.sm_90.2.cubin`.
fn numbered<'a>(names: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    names
        .map(|name| {
            let count = seen.entry(name).or_default();
            *count += 1;
            let (stem, extension) = name.rsplit_once('.').expect("all have an extension");
            let ours = if *count == 1 { name.to_owned() } else { format!("{stem}.{count}.{extension}") };
            (name.to_owned(), ours)
        })
        .collect()
}

/// PTX without what pads it.
fn end(ptx: &[u8]) -> &[u8] {
    let padding = ptx.iter().rev().take_while(|byte| matches!(byte, 0 | b'\n')).count();
    &ptx[..ptx.len() - padding]
}

/// Standard output of a run that ends well. A file without device code is no failure.
#[track_caller]
pub(super) fn printed(file: &Path, args: &[&str]) -> String {
    let output = inspect(file, args);
    assert_eq!(output.status.code(), Some(0), "{} {args:?}: {}", file.display(), stderr(&output));
    stdout(&output)
}

/// Whether a file name has this extension.
fn is(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|found| found == extension)
}

/// Fails with the first line that differs: the whole may have a hundred thousand.
#[track_caller]
pub(super) fn same(theirs: &str, ours: &str, file: &Path, what: &str) {
    if theirs == ours {
        return;
    }
    let differs = theirs.lines().zip(ours.lines()).position(|(theirs, ours)| theirs != ours);
    let at = differs.unwrap_or_else(|| theirs.lines().count().min(ours.lines().count()));
    let around = |text: &str| -> String {
        let lines = text.lines().skip(at.saturating_sub(3)).take(7);
        lines.flat_map(|line| ["    ", line, "\n"]).collect()
    };
    panic!(
        "{what} of {}, line {}\n  cuobjdump ({} lines):\n{}  cuferry ({} lines):\n{}",
        file.display(),
        at + 1,
        theirs.lines().count(),
        around(theirs),
        ours.lines().count(),
        around(ours)
    );
}

fn file_names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().expect("it was made").flatten();
    entries.map(|entry| entry.file_name().into_string().expect("names of UTF-8")).collect()
}

#[track_caller]
fn read(file: &Path) -> Vec<u8> {
    std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
