//! Forms of instructions, one kernel each.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use cuferry_golden::Form;
use cuferry_golden::compare::{Report, compare};
use cuferry_golden::form::{BLOCK, HEAD};
use cuferry_golden::inputs::inputs;
use cuferry_golden::kind::Width;
use cuferry_golden::vectors::{Answer, Vectors, digest};
use cuferry_simt::Isa;
use libtest_mimic::Failed;

use crate::lists::List;
use crate::machine::{Machine, Shape, Stopped};

/// Wrong values of a form that are shown.
const SHOWN: usize = 4;

/// All forms, by family.
pub(crate) fn families() -> BTreeMap<String, Vec<Form>> {
    let mut families: BTreeMap<String, Vec<Form>> = BTreeMap::new();
    for form in cuferry_golden::legal() {
        families.entry(form.family.clone()).or_default().push(form);
    }
    families
}

/// What came of the forms of a family.
#[derive(Default)]
struct Tally {
    asked: BTreeSet<String>,
    refused: BTreeSet<String>,
    wrong: BTreeSet<String>,
    /// What is said of each wrong form.
    said: Vec<String>,
    values: usize,
    unequal: usize,
    worst: f64,
}

/// Runs the forms of a family on every build of the machine. Prints how near it is to the GPU.
#[expect(clippy::print_stdout, reason = "how many values are equal is worth knowing where they need not be")]
pub(crate) fn check(family: &str, forms: &[Form], vectors: &Vectors) -> Result<(), Failed> {
    let mut tally = Tally::default();
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        run(family, forms, vectors, isa, &mut tally)?;
    }
    let Tally { asked, refused, wrong, said, values, unequal, worst } = tally;
    println!(
        "{family}: {} forms, {} refused, {} wrong; {values} values, {unequal} unequal, at worst {:.0} % of the bound",
        asked.len(),
        refused.len(),
        wrong.len(),
        worst * 100.0
    );
    let mut complaints = List::Refused.judge(&asked, &refused);
    complaints.extend(List::Wrong.judge(&asked, &wrong));
    if complaints.is_empty() { Ok(()) } else { Err([complaints, said].concat().join("\n").into()) }
}

fn run(family: &str, forms: &[Form], vectors: &Vectors, isa: Isa, tally: &mut Tally) -> Result<(), Failed> {
    let machine = Machine::new(isa);
    let mut text = HEAD.to_owned();
    for (index, form) in forms.iter().enumerate() {
        text.push_str(&form.kernel(&format!("f{index}")));
    }
    let program = machine.load(family, text)?;
    for (index, form) in forms.iter().enumerate() {
        let name = form.name();
        let Some(answer) = vectors.answers.get(&name).filter(|answer| answer.error == 0) else { continue };
        let (cases, columns) = inputs(form);
        if digest(&columns) != answer.inputs {
            return Err(format!("{name}: the inputs are not those recorded: record anew").into());
        }
        tally.asked.insert(name.clone());
        let shape = Shape { grid: [cases / BLOCK, 1], block: [BLOCK, 1], shared: 0, cooperative: false };
        let sizes: Vec<usize> = form.output_bytes().map(|bytes| bytes * cases).collect();
        let wrong = match machine.run(&program, &format!("f{index}"), &shape, &columns, &sizes, form.texture)
        {
            Err(Stopped::Refused(_)) => {
                tally.refused.insert(name.clone());
                continue;
            }
            Err(Stopped::Fault(fault)) => Some(format!("{name} on {isa}: {fault}")),
            Ok(got) => {
                let report = compare(form.accuracy, answer, &got, &|case| argument(form, &columns, case));
                tally.values += report.values;
                tally.unequal += report.unequal;
                tally.worst = tally.worst.max(report.worst);
                (!report.wrong.is_empty()).then(|| describe(form, isa, answer, &columns, &report))
            }
        };
        if let Some(wrong) = wrong {
            if !List::Wrong.has(&name) {
                tally.said.push(wrong);
            }
            tally.wrong.insert(name);
        }
    }
    Ok(())
}

/// The first source's value, where it is a single.
fn argument(form: &Form, columns: &[Vec<u8>], case: usize) -> f64 {
    match form.sources.first().map(|source| source.kind.width()) {
        Some(Width::B32) => f64::from(f32::from_bits(element(&columns[0], 4, case) as u32)),
        _ => 0.0,
    }
}

fn element(column: &[u8], bytes: usize, index: usize) -> u64 {
    column[index * bytes..][..bytes].iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

fn describe(form: &Form, isa: Isa, answer: &Answer, columns: &[Vec<u8>], report: &Report) -> String {
    let mut text = format!("{} on {isa}: {} of {} values", form.name(), report.wrong.len(), report.values);
    for difference in report.wrong.iter().take(SHOWN) {
        let sources = form.sources.iter().zip(columns).map(|(source, column)| {
            let bytes = source.kind.width().bytes();
            let first = difference.case * source.registers;
            let words =
                (first..first + source.registers).map(|at| format!("{:#x}", element(column, bytes, at)));
            words.collect::<Vec<_>>().join(" ")
        });
        let sources: Vec<String> = sources.collect();
        let place = match (answer.outputs.len(), difference.value) {
            (1, 0) => String::new(),
            (_, value) => format!(" (output {}, value {value})", difference.output),
        };
        write!(
            text,
            "\n    case {}: ({}){place}: the GPU says {:#x}, the machine {:#x}",
            difference.case,
            sources.join("; "),
            difference.expected,
            difference.got
        )
        .expect("writing to a string");
    }
    text
}
