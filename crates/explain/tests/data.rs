//! The explanations as data: each whole, each found by its own texts, and each reference leading somewhere.

use std::collections::BTreeSet;

use cuferry_explain::{By, Catalogue, Log, catalogue};

/// The entry that answers first.
fn first(question: &str) -> Option<&'static str> {
    catalogue().find(question).matches.first().map(|found| found.entry.id.as_str())
}

#[test]
fn entries_are_whole() {
    for entry in catalogue().entries() {
        let id = &entry.id;
        for text in [&entry.title, &entry.cause]
            .into_iter()
            .chain(&entry.check)
            .chain(&entry.fix)
            .chain(&entry.sources)
        {
            assert!(!text.trim().is_empty() && text.trim() == text, "{id}: `{text}`");
            assert_eq!(text.matches('`').count() % 2, 0, "{id}: an open backtick in `{text}`");
        }
        assert!(!entry.fix.is_empty(), "{id} says not what to do");
        assert!(!entry.sources.is_empty(), "{id} has no source");
        for thread in entry.sources.iter().filter(|source| source.contains('#')) {
            let owned = thread.split_once('#').is_some_and(|(repository, number)| {
                repository.split('/').count() == 2 && number.bytes().all(|byte| byte.is_ascii_digit())
            });
            assert!(owned && !thread.contains(' '), "{id}: `{thread}` is not `owner/repository#number`");
        }
        assert!(entry.cause.ends_with(['.', ')']), "{id}: its cause is no sentence: `{}`", entry.cause);
        assert!(!entry.title.ends_with('.') && entry.title.len() <= 100, "{id}: `{}`", entry.title);
        let spelt = id.chars().all(|char| char.is_ascii_alphanumeric() || "-_:".contains(char));
        assert!(spelt, "{id} is no id");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    for entry in catalogue().entries() {
        for id in &entry.see {
            assert!(catalogue().entry(id).is_some(), "{} refers to `{id}`, which is not there", entry.id);
            assert_ne!(id, &entry.id, "an entry refers to itself");
        }
    }
}

#[test]
fn every_id_and_name_finds_its_entry() {
    for entry in catalogue().entries() {
        assert_eq!(first(&entry.id), Some(entry.id.as_str()));
        assert_eq!(first(&entry.id.to_lowercase()), Some(entry.id.as_str()));
        for name in &entry.names {
            assert_eq!(first(name), Some(entry.id.as_str()), "{name}");
            assert_eq!(first(&format!("failed with {name} (at x.cu:12)")), Some(entry.id.as_str()), "{name}");
        }
        for number in &entry.numbers {
            assert_eq!(first(&number.to_string()), Some(entry.id.as_str()), "{number}");
            let padded = format!("CUDA error {number}");
            assert_eq!(first(&padded), Some(entry.id.as_str()), "{padded}");
        }
        for number in &entry.old {
            let found = catalogue().find(&number.to_string()).matches;
            let known =
                found.iter().any(|found| found.entry.id == entry.id && found.by == By::OldNumber(*number));
            assert!(known, "{number} was {}", entry.id);
        }
    }
}

/// With the gaps filled: what a user would paste.
#[test]
fn every_text_finds_its_entry_first() {
    let mut wrong = Vec::new();
    for entry in catalogue().entries() {
        for text in entry.all_texts() {
            let pasted = text.replace('*', "Xyz").replace('#', "12");
            if first(&pasted) != Some(entry.id.as_str()) {
                wrong.push(format!("`{pasted}` is of {}, and {:?} comes first", entry.id, first(&pasted)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_example_finds_its_entry_first() {
    let mut wrong = Vec::new();
    for entry in catalogue().entries() {
        for example in &entry.examples {
            if first(example) != Some(entry.id.as_str()) {
                wrong.push(format!("`{example}` is of {}, and {:?} comes first", entry.id, first(example)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a user sees in a log is found there as well, on its line.
#[test]
fn every_example_is_found_in_a_log() {
    let mut wrong = Vec::new();
    for entry in catalogue().entries() {
        for example in &entry.examples {
            let mut log = Log::new(catalogue());
            ["[ 12%] Building CXX object src/main.cpp.o", example, "make: *** [all] Error 2"]
                .iter()
                .for_each(|line| log.line(line));
            let found: Vec<_> = log.hits().iter().map(|hit| (hit.entry.id.as_str(), hit.line)).collect();
            if !found.contains(&(entry.id.as_str(), 2)) {
                wrong.push(format!("`{example}` is of {}, and in a log {found:?} is found", entry.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn subjects_have_names_of_their_own_and_entries() {
    let mut names = BTreeSet::new();
    for subject in catalogue().subjects() {
        assert!(names.insert(&subject.name) && !subject.entries.is_empty(), "{}", subject.name);
        for entry in &subject.entries {
            let own = entry.id.starts_with(&format!("{}-", subject.name));
            let fixed =
                ["inspect", "scan", "flags", "guesses", "needs", "cuferry"].contains(&subject.name.as_str());
            assert!(own || fixed, "{} is in {}.toml", entry.id, subject.name);
            assert_eq!(catalogue().subject_of(entry).map(|subject| &subject.name), Some(&subject.name));
        }
    }
}

#[test]
fn no_two_entries_share_a_text() {
    let mut seen = BTreeSet::new();
    for entry in catalogue().entries() {
        for text in entry.all_texts() {
            assert!(seen.insert(text.to_lowercase()), "`{text}` is there twice, last in {}", entry.id);
        }
    }
}

#[test]
fn a_wrong_file_is_refused_with_its_name() {
    let head = "name = \"x\"\ntitle = \"x\"\nsource = \"x\"\n";
    let entry = "[[entry]]\nid = \"a\"\ntitle = \"t\"\ncause = \"c.\"\n";
    for (text, expected) in [
        (format!("{head}colour = 1"), "unknown field `colour`"),
        (format!("{head}{entry}{entry}"), "x.toml: a second entry has the id `a`"),
        (format!("{head}{entry}texts = [\"*\"]"), "x.toml: `*` of `a` holds no word to look for"),
    ] {
        let error = Catalogue::parse(&[("x", &text)]).expect_err("it is wrong").to_string();
        assert!(error.contains(expected), "{error}");
    }
    // A subject may be empty while its entries are being written.
    assert!(Catalogue::parse(&[("x", head)]).is_ok());
}
