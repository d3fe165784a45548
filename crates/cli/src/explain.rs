//! Explanations as text for people and as JSON for programs.

use std::fmt::Write as _;

use cuferry_explain::{By, Catalogue, Entry, Found, Hit, Log, Subject};
use serde_json::{Value, json};

use crate::words::wrap;

/// Of the JSON below; `docs/json.md` describes it.
const SCHEMA: u32 = 1;
/// How many matches are explained whole.
pub(crate) const WHOLE: usize = 3;

/// What is known of each match: the first few whole, the others by id.
pub(crate) fn found_text(catalogue: &Catalogue, found: &Found<'_>, width: usize) -> String {
    let mut out = String::new();
    for (index, found) in found.matches.iter().take(WHOLE).enumerate() {
        if index > 0 {
            out.push('\n');
        }
        out.push_str(&entry_text(catalogue, found.entry, Some(&found.by), width));
    }
    if found.matches.len() > WHOLE {
        out.push_str("\nalso found\n");
        found.matches[WHOLE..].iter().for_each(|found| out.push_str(&item(found.entry, width)));
    }
    out
}

/// One entry, whole.
fn entry_text(catalogue: &Catalogue, entry: &Entry, by: Option<&By>, width: usize) -> String {
    let mut out = wrap(&entry.title, &format!("{}: ", entry.id), width);
    if let Some(By::OldNumber(number)) = by {
        let text = format!("{number} meant this in CUDA 10.0 and before; today it is {}", today(entry));
        out.push_str(&wrap(&text, "  ", width));
    }
    let names = entry.names.join(", ");
    if !names.is_empty() {
        out.push_str(&wrap(&names, "  ", width));
    }
    let _ = write!(out, "\n{}", wrap(&entry.cause, "  ", width));
    if !entry.check.is_empty() {
        out.push_str("\n  how to check\n");
        entry.check.iter().for_each(|text| out.push_str(&wrap(text, "    - ", width)));
    }
    out.push_str("\n  what to do\n");
    out.push_str(&steps(entry, width));
    if !entry.see.is_empty() {
        out.push_str("\n  see also\n");
        entry
            .see
            .iter()
            .filter_map(|id| catalogue.entry(id))
            .for_each(|entry| out.push_str(&item(entry, width)));
    }
    let _ = write!(out, "\n{}", wrap(&entry.sources.join("; "), "  from: ", width));
    out
}

fn today(entry: &Entry) -> String {
    let numbers: Vec<_> = entry.numbers.iter().map(ToString::to_string).collect();
    if numbers.is_empty() { "not used".to_owned() } else { numbers.join(" or ") }
}

/// The first step is the one to try first.
fn steps(entry: &Entry, width: usize) -> String {
    match entry.fix.as_slice() {
        [only] => wrap(only, "    - ", width),
        steps => {
            let numbered = steps.iter().enumerate();
            numbered.map(|(index, text)| wrap(text, &format!("    {}. ", index + 1), width)).collect()
        }
    }
}

/// An entry in one line, or two.
fn item(entry: &Entry, width: usize) -> String {
    wrap(&entry.title, &format!("    {:<28} ", entry.id), width)
}

/// Where a question is not answered: what is near it.
pub(crate) fn near_text(near: &[&Entry], width: usize) -> String {
    let mut out = "perhaps one of these is meant\n".to_owned();
    near.iter().for_each(|entry| out.push_str(&item(entry, width)));
    out
}

/// Every known error of a log, in its order.
pub(crate) fn log_text(log: &Log<'_>, width: usize) -> String {
    let mut out = String::new();
    for hit in log.hits() {
        let _ = writeln!(out, "{}", clip(&place(hit), width));
        out.push_str(&wrap(&hit.entry.title, &format!("  {}: ", hit.entry.id), width));
        let _ = write!(out, "\n{}", wrap(&hit.entry.cause, "  ", width));
        let _ = write!(out, "\n{}\n", steps(hit.entry, width));
    }
    let count = log.hits().len();
    let errors = if count == 1 { "1 known error".to_owned() } else { format!("{count} known errors") };
    let text = format!("{errors} in {} lines; `cuferry explain ID` says how to check each", log.lines());
    out.push_str(&wrap(&text, "", width));
    out
}

fn place(hit: &Hit<'_>) -> String {
    let times = if hit.times > 1 { format!(" (on {} lines)", hit.times) } else { String::new() };
    format!("line {}{times}: {}", hit.line, hit.text)
}

fn clip(text: &str, width: usize) -> String {
    // A log's line may hold what moves the cursor.
    let mut plain = text.chars().filter(|char| !char.is_control());
    let mut clipped: String = plain.by_ref().take(width).collect();
    if plain.next().is_some() {
        clipped.pop();
        clipped.push('…');
    }
    clipped
}

/// What there are explanations of.
pub(crate) fn subjects_text(catalogue: &Catalogue, width: usize) -> String {
    let mut out = String::from("Explained are:\n");
    for subject in catalogue.subjects() {
        let text = format!("{} ({})", subject.title, subject.entries.len());
        out.push_str(&wrap(&text, &format!("  {:<10} ", subject.name), width));
    }
    out.push_str("\nAsk for one: `cuferry explain loader`; all entries: `cuferry explain --all`;\n");
    out.push_str("an error: `cuferry explain \"TEXT\"`; a log: `make 2>&1 | cuferry explain -`.\n");
    out
}

/// The entries of one subject, or of each.
pub(crate) fn list_text(subjects: &[&Subject], width: usize) -> String {
    let mut out = String::new();
    for (index, subject) in subjects.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let _ = writeln!(out, "{}: {}", subject.name, subject.title);
        subject.entries.iter().for_each(|entry| out.push_str(&item(entry, width)));
    }
    out
}

/// The answer to a question, for programs.
pub(crate) fn found_json(catalogue: &Catalogue, question: &str, found: &Found<'_>) -> Value {
    let matches = found.matches.iter().map(|found| entry_json(catalogue, found.entry, Some(&found.by)));
    let near = found.near.iter().map(|entry| json!({ "id": entry.id, "title": entry.title }));
    json!({
        "schema": SCHEMA,
        "question": question,
        "matches": matches.collect::<Vec<_>>(),
        "near": near.collect::<Vec<_>>(),
    })
}

/// A log's errors, for programs.
pub(crate) fn log_json(catalogue: &Catalogue, log: &Log<'_>) -> Value {
    let hits = log.hits().iter().map(|hit| {
        let mut value = entry_json(catalogue, hit.entry, Some(&hit.by));
        value["line"] = json!(hit.line);
        value["text"] = json!(hit.text);
        value["lines"] = json!(hit.times);
        value
    });
    json!({ "schema": SCHEMA, "lines": log.lines(), "matches": hits.collect::<Vec<_>>() })
}

/// Subjects with the ids and titles of their entries, for programs.
pub(crate) fn list_json(subjects: &[&Subject]) -> Value {
    let entry = |entry: &Entry| json!({ "id": entry.id, "title": entry.title });
    let subjects = subjects.iter().map(|subject| {
        json!({ "name": subject.name, "title": subject.title, "entries": subject.entries.iter().map(entry).collect::<Vec<_>>() })
    });
    json!({ "schema": SCHEMA, "subjects": subjects.collect::<Vec<_>>() })
}

fn entry_json(catalogue: &Catalogue, entry: &Entry, by: Option<&By>) -> Value {
    let by = by.map_or(Value::Null, |by| match by {
        By::Id => json!({ "kind": "id" }),
        By::Name(name) => json!({ "kind": "name", "name": name }),
        By::Number(number) => json!({ "kind": "number", "number": number }),
        By::OldNumber(number) => json!({ "kind": "old-number", "number": number }),
        By::Text(text) => json!({ "kind": "text", "text": text }),
    });
    json!({
        "id": entry.id,
        "subject": catalogue.subject_of(entry).map(|subject| &subject.name),
        "title": entry.title,
        "names": entry.names,
        "numbers": entry.numbers,
        "found_by": by,
        "cause": entry.cause,
        "check": entry.check,
        "fix": entry.fix,
        "see": entry.see,
        "sources": entry.sources,
    })
}

#[cfg(test)]
mod tests;
