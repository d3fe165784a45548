//! A comparison for programs. `docs/json.md` describes it.

use cuferry_run::attended::End;
use cuferry_verify::{
    Cause, Deviation, Difference, Entry, Excerpt, FloatFormat, How, Side, Spot, TreeDifference,
};
use serde_json::{Value, json};

use crate::verify::folder::Changes;
use crate::verify::{Compared, Outcome, Ran, What};

/// Raised when a field changes its meaning or goes away.
const SCHEMA: u32 = 1;

pub(crate) fn json(outcome: &Outcome) -> Value {
    let tolerance = outcome
        .tolerance
        .map(|tolerance| json!({ "relative": tolerance.relative(), "absolute": tolerance.absolute() }));
    json!({
        "schema": SCHEMA,
        "same": outcome.is_same(),
        "rebuilt": ran(&outcome.rebuilt),
        "original": ran(&outcome.original),
        "tolerance": tolerance,
        "compared": outcome.compared.iter().map(compared).collect::<Vec<_>>(),
        "kinds": outcome.trees.iter().map(in_kind).collect::<Vec<_>>(),
    })
}

fn ran(ran: &Ran) -> Value {
    let Changes { written, changed, removed, untouched } = ran.changes;
    let (code, signal) = match ran.end {
        End::Code(code) => (Some(code), None),
        End::Signal(signal) => (None, Some(signal)),
        End::OutOfTime | End::CalledOff => (None, None),
    };
    json!({
        "program": ran.program,
        "way": ran.way,
        "code": code,
        "signal": signal,
        "in_time": ran.end != End::OutOfTime,
        "files": { "written": written, "changed": changed, "removed": removed, "untouched": untouched },
    })
}

fn compared(compared: &Compared) -> Value {
    let (what, path) = match &compared.what {
        What::Output => ("stdout", None),
        What::Error => ("stderr", None),
        What::File(path) => ("file", Some(path.to_string_lossy())),
    };
    let how = match compared.how {
        How::Exact => "exact",
        How::Numbers(_) => "numbers",
        How::Floats(FloatFormat::F32, _) => "f32",
        How::Floats(FloatFormat::F64, _) => "f64",
    };
    let comparison = &compared.comparison;
    let largest = comparison.largest.as_ref().map(|(values, spot)| {
        let mut value = deviation(values);
        match spot {
            Spot::Line(line) => value["line"] = json!(line),
            Spot::Element(index) => value["element"] = json!(index),
        }
        value
    });
    json!({
        "what": what,
        "path": path,
        "how": how,
        "same": comparison.difference.is_none(),
        "rebuilt_bytes": comparison.rebuilt_bytes,
        "original_bytes": comparison.original_bytes,
        "numbers": comparison.numbers,
        "largest": largest,
        "difference": comparison.difference.as_ref().map(difference),
    })
}

fn difference(difference: &Difference) -> Value {
    match difference {
        Difference::Text { line, cause, rebuilt, original } => {
            let (cause, values) = match cause {
                Cause::Text => ("text", None),
                Cause::Number(values) => ("number", Some(deviation(values))),
                Cause::Ends(Side::Rebuilt) => ("rebuilt ends", None),
                Cause::Ends(Side::Original) => ("original ends", None),
            };
            json!({
                "in": "text",
                "line": line,
                "cause": cause,
                "values": values,
                "rebuilt": excerpt(rebuilt),
                "original": excerpt(original),
            })
        }
        Difference::Binary { offset, rebuilt, original } => {
            json!({ "in": "bytes", "offset": offset, "rebuilt": rebuilt, "original": original })
        }
        Difference::Element { index, values } => {
            json!({ "in": "elements", "element": index, "values": deviation(values) })
        }
        Difference::Length { elements, longer } => {
            let longer = longer.map(|side| side.to_string());
            json!({ "in": "length", "elements": elements, "longer": longer })
        }
    }
}

fn excerpt(excerpt: &Excerpt) -> Value {
    json!({
        "text": String::from_utf8_lossy(&excerpt.text),
        "column": excerpt.column,
        "cut_before": excerpt.cut_before,
        "cut_after": excerpt.cut_after,
    })
}

/// What is no number or infinite has no form in JSON but a text.
fn deviation(values: &Deviation) -> Value {
    let number = |value: f64| if value.is_finite() { json!(value) } else { json!(value.to_string()) };
    json!({
        "rebuilt": number(values.rebuilt),
        "original": number(values.original),
        "absolute": number(values.absolute),
        "relative": number(values.relative),
    })
}

fn in_kind(difference: &TreeDifference) -> Value {
    match difference {
        TreeDifference::Only { path, side, entry } => {
            let (rebuilt, original) = match side {
                Side::Rebuilt => (kind(entry), Value::Null),
                Side::Original => (Value::Null, kind(entry)),
            };
            json!({ "path": path.to_string_lossy(), "rebuilt": rebuilt, "original": original })
        }
        TreeDifference::Kind { path, rebuilt, original } => {
            json!({ "path": path.to_string_lossy(), "rebuilt": kind(rebuilt), "original": kind(original) })
        }
    }
}

fn kind(entry: &Entry) -> Value {
    match entry {
        Entry::Folder => json!("folder"),
        Entry::File => json!("file"),
        Entry::Link(to) => json!(format!("link to {}", to.to_string_lossy())),
        Entry::Other => json!("other"),
    }
}
