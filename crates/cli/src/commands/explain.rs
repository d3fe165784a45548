//! `cuferry explain`: what an error means, and what to do.

use std::io::{self, BufRead};

use cuferry_explain::{Catalogue, Log, Subject, catalogue};
use serde_json::Value;

use crate::args::{Explain, Format};
use crate::explain::{
    found_json, found_text, list_json, list_text, log_json, log_text, near_text, subjects_text,
};
use crate::failure::{Answer, Failure, Fault};
use crate::words::{self, print};

/// How much of a line of a log is kept, in bytes: more is not looked at, and memory is bounded.
const LINE: usize = 32 << 10;

pub(crate) fn run(args: &Explain) -> Result<Answer, Failure> {
    let catalogue = catalogue();
    let words: Vec<&str> = args.question.iter().chain(&args.more).map(String::as_str).collect();
    let question = words.join(" ");
    let subjects: Vec<&Subject> = catalogue.subjects().iter().collect();
    if args.all {
        return list(&subjects, args.format);
    }
    match question.trim() {
        "" => {
            match args.format {
                Format::Text => print(&subjects_text(catalogue, words::width()))?,
                Format::Json => print_json(&list_json(&subjects))?,
            }
            Ok(Answer::Good)
        }
        "-" => explain_log(catalogue, &mut io::stdin().lock(), args.format),
        question => match subjects.iter().find(|subject| subject.name.eq_ignore_ascii_case(question)) {
            Some(subject) => list(&[subject], args.format),
            None => explain_text(catalogue, question, args.format),
        },
    }
}

fn list(subjects: &[&Subject], format: Format) -> Result<Answer, Failure> {
    match format {
        Format::Text => print(&list_text(subjects, words::width()))?,
        Format::Json => print_json(&list_json(subjects))?,
    }
    Ok(Answer::Good)
}

fn explain_text(catalogue: &Catalogue, question: &str, format: Format) -> Result<Answer, Failure> {
    let found = catalogue.find(question);
    match format {
        Format::Json => print_json(&found_json(catalogue, question, &found))?,
        Format::Text if !found.matches.is_empty() => print(&found_text(catalogue, &found, words::width()))?,
        Format::Text if !found.near.is_empty() => print(&near_text(&found.near, words::width()))?,
        Format::Text => {}
    }
    if !found.matches.is_empty() {
        return Ok(Answer::Good);
    }
    let short: String = question.chars().filter(|char| !char.is_control()).take(60).collect();
    let dots = if question.chars().count() > 60 { "…" } else { "" };
    let help = "give the words that were printed, without names of your own; `cuferry explain --all` lists every entry";
    Err(Failure::say(
        Fault::Project,
        "explain::unknown",
        format!("nothing is known of `{short}{dots}`"),
        help,
    ))
}

fn explain_log(catalogue: &Catalogue, input: &mut dyn BufRead, format: Format) -> Result<Answer, Failure> {
    let mut log = Log::new(catalogue);
    lines(input, |line| log.line(line)).map_err(|error| {
        let help = "pipe a log in, such as `make 2>&1 | cuferry explain -`";
        let message = format!("cannot read the standard input: {error}");
        Failure::say(Fault::Machine, "explain::input", message, help)
    })?;
    match format {
        Format::Json => print_json(&log_json(catalogue, &log))?,
        Format::Text if !log.hits().is_empty() => print(&log_text(&log, words::width()))?,
        Format::Text => {}
    }
    if !log.hits().is_empty() {
        return Ok(Answer::Good);
    }
    let message = match log.lines() {
        0 => "the log is empty".to_owned(),
        1 => "its one line is no error that is known".to_owned(),
        lines => format!("none of its {lines} lines is an error that is known"),
    };
    let help = "compilers write errors to the standard error: `make 2>&1 | cuferry explain -`; or give the one line that matters";
    Err(Failure::say(Fault::Project, "explain::nothing_known", message, help))
}

/// Each line without its end; of a long one the beginning.
fn lines(input: &mut dyn BufRead, mut each: impl FnMut(&str)) -> io::Result<()> {
    let mut line: Vec<u8> = Vec::new();
    let mut begun = false;
    loop {
        let bytes = match input.fill_buf() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if bytes.is_empty() {
            if begun {
                each(&String::from_utf8_lossy(&line));
            }
            return Ok(());
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let part = &bytes[..end.unwrap_or(bytes.len())];
        line.extend(&part[..part.len().min(LINE - line.len())]);
        let taken = part.len() + usize::from(end.is_some());
        input.consume(taken);
        begun = end.is_none();
        if end.is_some() {
            each(&String::from_utf8_lossy(&line));
            line.clear();
        }
    }
}

fn print_json(value: &Value) -> Result<(), Failure> {
    print(&format!("{value:#}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &[u8], expected: &[&str]) {
        for size in [1, 3, 64] {
            let mut found = Vec::new();
            let mut reader = io::BufReader::with_capacity(size, input);
            lines(&mut reader, |line| found.push(line.to_owned())).expect("memory can be read");
            assert_eq!(found, expected, "{size} bytes at a time");
        }
    }

    #[test]
    fn reads_lines_of_any_length() {
        check(b"", &[]);
        check(b"a\n\nb", &["a", "", "b"]);
        check(b"a\r\nb\n", &["a\r", "b"]);
        check(b"\xff\n", &["\u{fffd}"]);
        let long = vec![b'x'; 2 * LINE];
        let mut input = long.clone();
        input.extend(b"\nnext\n");
        let clipped = String::from_utf8_lossy(&long[..LINE]).into_owned();
        let mut found = Vec::new();
        lines(&mut input.as_slice(), |line| found.push(line.to_owned())).expect("memory can be read");
        assert_eq!(found, [clipped, "next".to_owned()]);
    }
}
