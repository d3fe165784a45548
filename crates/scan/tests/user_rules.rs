//! Rules of a user's own: they are found, and what is wrong in their file is named with its line.

use cuferry_scan::{Options, RuleSet, scan_file};

const HEAD: &str = "[[rule]]\nid = \"ACME01\"\nname = \"old-logger\"\nkind = \"types\"\nseverity = \"warning\"\n\
    effort = \"small\"\nlanguages = [\"c\", \"make\"]\ntitle = \"t\"\ncause = \"c\"\nfix = \"f\"\n[[rule.find]]\n";

fn rules(find: &str) -> Result<RuleSet, String> {
    let text = format!("{HEAD}{find}\nmessage = \"`{{text}}` is old: {{1}}\"\n");
    RuleSet::empty().with_file("acme.toml", &text).map_err(|error| error.to_string())
}

#[track_caller]
fn finds(find: &str, path: &str, text: &str, expected: &[&str]) {
    let options = Options { rules: rules(find).expect("the rule is good"), ..Options::default() };
    let report = scan_file(path.into(), text.as_bytes(), &options);
    let found: Vec<_> =
        report.findings.iter().map(|finding| &text[finding.place.start..finding.place.end]).collect();
    assert_eq!(found, expected, "{find} in {text}");
}

#[test]
fn every_kind_of_pattern_works() {
    finds("ident = [\"old_*\"]", "a.c", "int a = old_log; x.old_b; // old_c", &["old_log"]);
    finds("call = [\"log\"]", "a.c", "log(1); int *p = log;", &["log"]);
    finds("member = [\"depth\"]", "a.c", "a.depth; b->depth; depth;", &["depth", "depth"]);
    finds("include = [\"old/*\"]", "a.c", "#include <old/log.h>\n#include <new/log.h>\n", &["old/log.h"]);
    finds("asm = [\"dmb\"]", "a.c", "asm(\"dmb ish\"); asm(\"isb\");", &["asm(\"dmb ish\")"]);
    finds("text = [\"/opt/old*\"]", "Makefile", "A = /opt/old/lib # /opt/old\n", &["/opt/old/lib"]);
    finds("text = [\"gone\"]", "a.c", "x = \"gone\"; gone; // gone", &["gone"]);
    finds("text = [\"gone\"]\nin = \"code\"", "a.c", "x = \"gone\"; gone;", &["gone"]);
    finds(
        "regex = '-DOLD=(\\d)'\ntrigger = [\"-DOLD\"]",
        "Makefile",
        "A = -DOLD=1 \\\n -DOLD=x\n",
        &["-DOLD=1"],
    );
    finds("path = [\".log\"]", "a.log", "", &[""]);
    finds("start = [\"OLD\"]", "a.bin", "OLD\0", &[""]);
}

#[track_caller]
fn fails(find: &str, line: usize, cause: &str) {
    let message = rules(find).expect_err("the rule is bad");
    assert!(
        message.starts_with(&format!("`acme.toml` line {line}: ")) && message.contains(cause),
        "{message}"
    );
}

#[test]
fn mistakes_are_named_with_their_line() {
    fails("idents = [\"x\"]", 12, "unknown field `idents`");
    fails("ident = []\ncall = []", 11, "this one has 2");
    fails("once = \"text\"", 11, "this one has 0");
    fails("ident = [\"*\"]", 11, "it is empty");
    fails("ident = [\"a*b\"]", 11, "`*` stands at the end only");
    fails("regex = 'a('\ntrigger = [\"a\"]", 11, "cannot be used");
    fails("regex = 'a*'\ntrigger = [\"a\"]", 11, "matches the empty text");
    fails("regex = 'a'", 11, "needs `trigger`");
    fails("check = \"magic\"", 11, "there is no check `magic`");
    fails("ident = [\"x\"]\nlanguages = [\"make\"]", 11, "needs a rule for C");
    fails("ident = [\"x\"]\nlanguages = [\"cobol\"]", 13, "unknown variant `cobol`");
}

#[test]
fn ids_are_the_users_own() {
    let with_id = |id: &str| {
        let text = format!("{HEAD}ident = [\"x\"]\nmessage = \"m\"\n").replace("ACME01", id);
        RuleSet::builtin()
            .with_file("acme.toml", &text)
            .map(|rules| rules.named(id).is_some())
            .map_err(|e| e.to_string())
    };
    assert_eq!(with_id("ACME01"), Ok(true));
    assert!(
        with_id("CF9001")
            .unwrap_err()
            .contains("line 2: `CF9001`: ids that begin with `CF` are cuferry's own")
    );
    assert!(with_id("a b").unwrap_err().contains("is not an id"));
    let twice =
        RuleSet::builtin().with_file("a.toml", &format!("{HEAD}ident = [\"x\"]\nmessage = \"m\"\n")).unwrap();
    let error = twice.with_file("b.toml", &format!("{HEAD}ident = [\"x\"]\nmessage = \"m\"\n")).unwrap_err();
    assert!(error.to_string().contains("`b.toml` line 2: `ACME01` is the id of another rule"), "{error}");
}
