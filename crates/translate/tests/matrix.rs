//! Each row of the flag tables, given to the real gcc, clang, nvcc and binutils before and after: refused or misread before,
//! accepted and meant after. `matrix.toml` holds the rows.

mod matrix {
    pub(crate) mod row;
    pub(crate) mod tools;
}

use std::collections::BTreeSet;

use cuferry_translate::{
    Invocation, Policy, Scope, Tool, Translation, rules, translate, translate_make_args,
};
use matrix::row::{Command, Expected, HostRow, Matrix, Status};
use matrix::tools::{Ran, Tools};

/// What a flag does in a command of gcc or clang before, and that it is accepted and meant after.
#[test]
fn host_flags_before_and_after() {
    let Some(tools) = Tools::find() else { return };
    let mut wrong = Vec::new();
    for row in &Matrix::read().host {
        for (compiler, before) in [("gcc", row.gcc), ("clang", row.clang)] {
            check_host(&tools, row, compiler, before, &mut wrong);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check_host(tools: &Tools, row: &HostRow, compiler: &str, before: Status, wrong: &mut Vec<String>) {
    let flags = words(&row.flag);
    let compile = |flags: &[String]| {
        let args = [flags, &words("-c {c} -o {out}")].concat();
        tools.run(compiler, &tools.filled(&args))
    };
    let found = compile(&flags).status();
    if found != before {
        wrong.push(format!("`{compiler} {}` is {found:?} before, not {before:?}", row.flag));
    }
    let translation = translated(compiler, &[flags, words("-c {c}")].concat(), &row.policy.policy(tools));
    let now: Vec<String> =
        translation.args.iter().filter(|word| *word != "-c" && *word != "{c}").cloned().collect();
    let ids: Vec<_> = translation.changes.iter().map(|change| change.rule.as_str()).collect();
    if ids != [row.rule.as_str()] {
        wrong.push(format!("`{compiler} {}` is changed by {ids:?}, not {}", row.flag, row.rule));
    }
    let after = compile(&now);
    if after.status() != Status::Accepted {
        wrong.push(format!("`{compiler} {}` becomes `{}`: {}", row.flag, now.join(" "), after.text));
    }
    if tools.macros(compiler, &now) != tools.macros(compiler, &words(&row.like)) {
        wrong.push(format!("`{compiler} {}` does not mean `{}`", row.flag, row.like));
    }
}

/// The same flags as nvcc hands them on to gcc.
#[test]
fn host_flags_through_nvcc() {
    let Some(tools) = Tools::find() else { return };
    let mut wrong = Vec::new();
    for row in &Matrix::read().host {
        let given = words(&format!("-E -Xcompiler {} {{cc}} -o {{out}}", row.flag));
        let before = tools.run("nvcc", &tools.filled(&given)).status();
        // The preprocessor alone does not look at registers.
        if before != row.gcc && !(row.gcc == Status::Warned && before == Status::Accepted) {
            wrong.push(format!("`nvcc {}` is {before:?} before, not {:?}", given.join(" "), row.gcc));
        }
        let translation = translated("nvcc", &given, &row.policy.policy(&tools));
        let after = tools.run("nvcc", &tools.filled(&translation.args));
        if after.status() != Status::Accepted {
            wrong.push(format!(
                "`nvcc {}` becomes `{}`: {}",
                given.join(" "),
                translation.args.join(" "),
                after.text
            ));
        }
        let like = if row.like.is_empty() {
            Vec::new()
        } else {
            vec!["-Xcompiler".to_owned(), words(&row.like).join(",")]
        };
        let expected = [words("-E"), like, words("{cc} -o {out}")].concat();
        if translation.args != expected {
            wrong.push(format!("`nvcc {}` becomes `{}`", given.join(" "), translation.args.join(" ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whole commands: GPUs, host compilers, folders, links, assembly, and what a session adds.
#[test]
fn commands_before_and_after() {
    let Some(tools) = Tools::find() else { return };
    let mut wrong = Vec::new();
    for row in &Matrix::read().command {
        let (tool, given) = row.words(&tools);
        if let Some(why) = unmet(&tools, &tool, &given, &row.before) {
            wrong.push(format!("before, `{}`: {why}", row.args));
        }
        let (args, ids) = change(&tool, &given, row, &tools);
        let expected: BTreeSet<_> = row.rules.iter().cloned().collect();
        if ids != expected {
            wrong.push(format!("`{}` is changed by {ids:?}, not {expected:?}", row.args));
        }
        if let Some(why) = unmet(&tools, &tool, &args, &row.after) {
            wrong.push(format!("after, `{}` as `{}`: {why}", row.args, args.join(" ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn change(tool: &str, given: &[String], row: &Command, tools: &Tools) -> (Vec<String>, BTreeSet<String>) {
    let policy = row.policy.policy(tools);
    if tool == "make" {
        let found = translate_make_args(given, &policy);
        return (found.args, found.changes.into_iter().map(|change| change.rule).collect());
    }
    let found = translated(tool, given, &policy);
    let noted = found.notes.into_iter().map(|note| note.rule);
    (found.args, found.changes.into_iter().map(|change| change.rule).chain(noted).collect())
}

/// What of a row is not so.
fn unmet(tools: &Tools, tool: &str, args: &[String], expected: &Expected) -> Option<String> {
    tools.forget_output();
    let ran = tools.run(tool, args);
    let status = ran.status();
    let wanted = expected.status.unwrap_or(Status::Accepted);
    if wanted != Status::Any && wanted != status && !(wanted == Status::Accepted && status == Status::Warned)
    {
        return Some(format!("is {status:?}, not {wanted:?}: {}", ran.text));
    }
    if let Some(machine) = &expected.elf {
        let header = tools.readelf();
        if !header.contains(machine.as_str()) {
            return Some(format!("is no {machine} file: {header}"));
        }
    }
    let header = if expected.readelf.is_empty() && expected.lacks.is_empty() {
        String::new()
    } else {
        tools.readelf()
    };
    let made = if expected.text.is_empty() { String::new() } else { tools.made() };
    let program = if expected.run_shows.is_empty() && expected.run_hides.is_empty() {
        Ran::default()
    } else {
        tools.run_made()
    };
    let probed = match &expected.probe {
        Some(probe) => tools.run(tool, &[args, &tools.filled(&words(probe))].concat()),
        None => ran,
    };
    let shown = [
        (&expected.shows, &probed.text),
        (&expected.readelf, &header),
        (&expected.text, &made),
        (&expected.run_shows, &program.text),
    ];
    let hidden =
        [(&expected.hides, &probed.text), (&expected.lacks, &header), (&expected.run_hides, &program.text)];
    for (texts, found) in shown {
        if let Some(text) = tools.filled(texts).iter().find(|text| !found.contains(text.as_str())) {
            return Some(format!("does not show `{text}`: {found}"));
        }
    }
    for (texts, found) in hidden {
        if let Some(text) = texts.iter().find(|text| found.contains(text.as_str())) {
            return Some(format!("shows `{text}`: {found}"));
        }
    }
    None
}

/// A rule without a row fails here: each spelling, each reason, each suffix.
#[test]
fn every_rule_has_a_row() {
    let tools = Tools::nowhere();
    let matrix = Matrix::read();
    let mut spelt: Vec<(String, String)> = Vec::new();
    let mut reasons: BTreeSet<(String, String)> = BTreeSet::new();
    let mut given: Vec<(Vec<Scope>, String)> = Vec::new();
    let mut take = |found: Translation| {
        for change in found.changes {
            spelt.push((change.rule.clone(), change.was.clone()));
            reasons.insert((change.rule, change.why));
        }
        reasons.extend(found.notes.into_iter().map(|note| (note.rule, note.why)));
    };
    for row in &matrix.host {
        let args = [words(&row.flag), words("-c {c}")].concat();
        take(translated("gcc", &args, &row.policy.policy(&tools)));
        given.extend(words(&row.flag).into_iter().map(|word| (vec![Scope::Host], word)));
    }
    for row in &matrix.command {
        let (tool, args) = row.words(&tools);
        if tool == "make" {
            let found = translate_make_args(&args, &row.policy.policy(&tools));
            take(Translation { changes: found.changes, ..Translation::default() });
            continue;
        }
        take(translated(&tool, &args, &row.policy.policy(&tools)));
        let scopes = match tool.as_str() {
            "nvcc" => vec![Scope::Device],
            "as" => vec![Scope::Assembler],
            "ld" => vec![Scope::Linker],
            _ => vec![Scope::Host, Scope::Link],
        };
        given.extend(args.into_iter().map(|word| (scopes.clone(), word)));
    }
    let fits = |flag: &str, word: &str| match flag.strip_suffix('*') {
        Some(prefix) => word.starts_with(prefix),
        None => word == flag,
    };
    for rule in rules::rules() {
        let there = if rule.lists_only {
            given.iter().any(|(_, word)| fits(&rule.flag, word))
        } else {
            spelt.iter().any(|(id, was)| *id == rule.id && fits(&rule.flag, was))
        };
        assert!(there, "{} `{}` has no row in matrix.toml", rule.id, rule.flag);
    }
    for reason in rules::reasons() {
        let there = reasons.iter().any(|(id, why)| *id == reason.id && why.starts_with(&reason.why));
        assert!(there, "{} `{}` has no row in matrix.toml", reason.id, reason.name);
    }
    for extension in rules::extensions() {
        let text = format!("+{}", extension.name);
        assert!(matrix.host.iter().any(|row| row.flag.contains(&text)), "`{text}` has no row in matrix.toml");
    }
}

fn translated(tool: &str, args: &[String], policy: &Policy) -> Translation {
    let tool = Tool::of(tool).expect("a tool that is known");
    let invocation = Invocation::parse(tool, args, &|_| None).expect("no response files");
    translate(&invocation, policy).expect("a toolkit that is known")
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}
