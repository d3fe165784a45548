//! Patches: what is changed, what is left, and that `patch` agrees.

use std::ffi::OsStr;
use std::io::Write as _;
use std::process::{Command, Stdio};

use cuferry_scan::{Place, Reach, RuleSet, Severity};

use super::*;

fn finding(edits: &[(usize, usize, &str)], safe: bool) -> Finding {
    let edits = edits.iter().map(|(start, end, replacement)| Edit {
        start: *start,
        end: *end,
        replacement: (*replacement).to_owned(),
    });
    let place = Place { path: "a".into(), line: 1, column: 1, end_line: 1, end_column: 1, start: 0, end: 0 };
    Finding {
        rule: RuleSet::builtin().iter().next().expect("there are rules").id.clone(),
        severity: Severity::Error,
        place,
        text: String::new(),
        message: String::new(),
        fix: Some(Fix { description: "x".to_owned(), edits: edits.collect(), safe }),
        reach: Reach::Compiled,
        uses: 1,
    }
}

/// The contents after it, what is fixed, and what is left.
#[track_caller]
fn check(wanted: &[&[(usize, usize, &str)]], now: &str, fixed: &[usize], left: &[usize]) {
    let findings: Vec<_> = wanted.iter().map(|edits| finding(edits, true)).collect();
    let patched = apply(b"0123456789", &findings);
    assert_eq!(String::from_utf8_lossy(&patched.contents), now, "{wanted:?}");
    assert_eq!((patched.fixed.as_slice(), patched.left.as_slice()), (fixed, left), "{wanted:?}");
}

#[test]
fn safe_fixes_are_applied_where_they_do_not_touch() {
    check(&[], "0123456789", &[], &[]);
    check(&[&[(1, 3, "x")], &[(8, 10, "")]], "0x34567", &[0, 1], &[]);
    check(&[&[(8, 9, "y"), (1, 2, "x")], &[(2, 3, "z")]], "0xz34567y9", &[0, 1], &[]);
    check(&[&[(1, 4, "x")], &[(3, 5, "y")]], "0x456789", &[0], &[1]);
    // A fix is made whole or not at all.
    check(&[&[(1, 4, "x")], &[(3, 5, "y"), (8, 9, "y")]], "0x456789", &[0], &[1]);
    // The same line wanted by two findings.
    check(&[&[(0, 0, "i\n"), (4, 5, "x")], &[(0, 0, "i\n"), (6, 7, "y")]], "i\n0123x5y789", &[0, 1], &[]);
    check(&[&[(0, 0, "i")], &[(0, 0, "j")]], "i0123456789", &[0], &[1]);
    // Nothing of a fix that does not fit the file.
    check(&[&[(9, 11, "x")], &[(5, 4, "x")]], "0123456789", &[], &[0, 1]);
}

#[test]
fn what_is_not_safe_is_left_alone() {
    let patched = apply(b"0123456789", &[finding(&[(1, 2, "x")], false)]);
    assert_eq!(patched.contents, b"0123456789");
    assert!(patched.fixed.is_empty() && patched.left.is_empty());
}

#[test]
fn a_diff_is_what_diff_would_print() {
    let was = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
    let now = "1\n2\n3\n4\nfive\n6\n7\n8\n9";
    let text = String::from_utf8(diff(Path::new("a b.cu"), was.as_bytes(), now.as_bytes())).expect("it is");
    insta::assert_snapshot!(text, @r"
    --- a/a b.cu	
    +++ b/a b.cu	
    @@ -2,8 +2,8 @@
     2
     3
     4
    -5
    +five
     6
     7
     8
    -9
    +9
    \ No newline at end of file
    ");
}

/// Has `patch` make one file from another.
#[track_caller]
fn round_trip(file: &OsStr, was: &[u8], now: &[u8]) {
    let folder = tempfile::tempdir().expect("the system has a folder for temporary files");
    let path = folder.path().join(file);
    std::fs::write(&path, was).expect("it is writable");
    let change = diff(Path::new(file), was, now);
    let mut command = Command::new("patch");
    command.args(["-p1", "--quiet", "--binary"]).current_dir(&folder);
    let mut child = match command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => return cuferry_testkit::lacking(&format!("`patch` cannot be started: {error}")),
    };
    child.stdin.take().expect("it is piped").write_all(&change).expect("patch reads");
    let output = child.wait_with_output().expect("it was started");
    assert!(
        output.status.success(),
        "{file:?}: {}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&change)
    );
    assert_eq!(std::fs::read(&path).expect("it is there"), now, "{file:?}");
}

#[test]
fn patch_takes_every_diff() {
    let plain = OsStr::new("a.cu");
    round_trip(plain, b"a\nb\n", b"a\nB\n");
    round_trip(plain, b"a\nb", b"a\nB");
    round_trip(plain, b"a\r\nb\r\nc\r\n", b"a\r\nB\r\nc\r\n");
    round_trip(plain, b"a\rb\rc\n", b"a\rB\rc\n");
    round_trip(plain, b"\xff\xfe\nb\n", b"\xff\xfe\nc\n");
    round_trip(plain, b"x\n", b"");
    round_trip(plain, b"1\n2\n3\n4\n5\n6\n7\n8\n9\n", b"0\n1\n2\n3\n4\n5\n6\n7\n8\n");
    for name in ["with blank.cu", "quote\".cu", "back\\slash.cu", "tab\t.cu", "line\n.cu", "ü漢.cu", "-n"] {
        round_trip(OsStr::new(name), b"a\nb\n", b"a\nc\n");
    }
    round_trip(OsStr::from_bytes(b"latin-\xfc.cu"), b"a\nb\n", b"a\nc\n");
}
