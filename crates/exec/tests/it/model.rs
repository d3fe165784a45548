//! Random graphs under random edits: after each build every output holds what a clean build would write.

use std::collections::BTreeMap;
use std::fs;

use cuferry_graph::{Action, Graph};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::project::{Project, copy, shell, write};

const SOURCES: usize = 4;

/// What an action does, each in two variants, so that commands can change, too.
#[derive(Clone, Debug)]
enum Step {
    Write(bool),
    Copy(Index),
    /// Inputs joined; those of the second list are found through the dependency file, and are sources.
    Join(Vec<Index>, Vec<Index>, bool),
    /// The first letter only: most edits end here.
    Head(Index),
}

#[derive(Clone, Debug)]
enum Edit {
    Source(Index, u8),
    Output(Index, u8),
    Delete(Index),
    Command(Index, Step),
    State(Index),
    Nothing,
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<Index>;
    let indices = || proptest::collection::vec(any::<Index>(), 1..4);
    prop_oneof![
        any::<bool>().prop_map(Step::Write),
        index().prop_map(Step::Copy),
        (indices(), indices(), any::<bool>())
            .prop_map(|(inputs, headers, end)| Step::Join(inputs, headers, end)),
        index().prop_map(Step::Head),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        3 => (any::<Index>(), b'a'..b'd').prop_map(|(index, letter)| Edit::Source(index, letter)),
        1 => (any::<Index>(), b'a'..b'd').prop_map(|(index, letter)| Edit::Output(index, letter)),
        1 => any::<Index>().prop_map(Edit::Delete),
        1 => (any::<Index>(), step()).prop_map(|(index, step)| Edit::Command(index, step)),
        1 => any::<Index>().prop_map(Edit::State),
        1 => Just(Edit::Nothing),
    ]
}

fn source(index: usize) -> String {
    format!("s{index}")
}

fn output(index: usize) -> String {
    format!("out/o{index}")
}

/// A file that the step at `index` may read: a source, or an earlier output.
fn input(choice: Index, index: usize) -> String {
    let choice = choice.index(SOURCES + index);
    if choice < SOURCES { source(choice) } else { output(choice - SOURCES) }
}

fn header(choice: Index) -> String {
    source(choice.index(SOURCES))
}

fn action(step: &Step, index: usize) -> Action {
    let to = output(index);
    match step {
        Step::Write(variant) => write(&to, if *variant { "w" } else { "v" }),
        Step::Copy(from) => copy(&input(*from, index), &to),
        Step::Head(from) => shell(&[&to], &[&input(*from, index)], "head -c 1 $in > $out"),
        Step::Join(inputs, headers, end) => {
            let inputs: Vec<_> = inputs.iter().map(|choice| input(*choice, index)).collect();
            let headers: Vec<_> = headers.iter().map(|choice| header(*choice)).collect();
            let headers = headers.join(" ");
            let script = format!(
                "cat $in {headers} > $out; printf {} >> $out; echo $out: $in {headers} > $out.d",
                if *end { "." } else { "!" }
            );
            let inputs: Vec<_> = inputs.iter().map(String::as_str).collect();
            Action { depfile: Some(format!("{to}.d").into()), ..shell(&[&to], &inputs, &script) }
        }
    }
}

fn graph(steps: &[Step]) -> Graph {
    let mut graph = Graph::default();
    for (index, step) in steps.iter().enumerate() {
        graph.add(action(step, index)).unwrap();
    }
    graph
}

/// What a clean build writes.
fn expected(steps: &[Step], project: &Project) -> BTreeMap<String, String> {
    let mut files: BTreeMap<_, _> =
        (0..SOURCES).map(|index| (source(index), project.read(&source(index)))).collect();
    for (index, step) in steps.iter().enumerate() {
        let contents = match step {
            Step::Write(variant) => if *variant { "w" } else { "v" }.to_owned(),
            Step::Copy(from) => files[&input(*from, index)].clone(),
            Step::Head(from) => files[&input(*from, index)].chars().take(1).collect(),
            Step::Join(inputs, headers, end) => {
                let names = inputs
                    .iter()
                    .map(|choice| input(*choice, index))
                    .chain(headers.iter().map(|choice| header(*choice)));
                let joined: String = names.map(|name| files[&name].as_str()).collect();
                joined + if *end { "." } else { "!" }
            }
        };
        files.insert(output(index), contents);
    }
    files
}

fn apply(edit: Edit, steps: &mut [Step], project: &mut Project) {
    match edit {
        Edit::Source(index, letter) => {
            project.write(&source(index.index(SOURCES)), &char::from(letter).to_string());
        }
        Edit::Output(index, letter) => {
            project.write(&output(index.index(steps.len())), &char::from(letter).to_string());
        }
        Edit::Delete(index) => {
            let _ = fs::remove_file(project.root().join(output(index.index(steps.len()))));
        }
        Edit::Command(index, step) => {
            steps[index.index(steps.len())] = step;
            project.graph = graph(steps);
        }
        Edit::State(index) => {
            let mut state = fs::read(project.state()).unwrap_or_default();
            state.truncate(index.index(state.len() + 1));
            fs::write(project.state(), state).unwrap();
        }
        Edit::Nothing => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]
    #[test]
    fn every_build_equals_a_clean_one(
        mut steps in proptest::collection::vec(step(), 1..8),
        edits in proptest::collection::vec(proptest::collection::vec(edit(), 1..4), 1..6),
    ) {
        let mut project = Project::new(&[]);
        for index in 0..SOURCES {
            project.write(&source(index), "a");
        }
        project.graph = graph(&steps);
        for edits in edits {
            prop_assert!(project.build().summary.is_success());
            for (path, contents) in expected(&steps, &project) {
                prop_assert_eq!(project.read(&path), contents, "{} of {:?}", path, steps);
            }
            project.expect(&[]);
            for edit in edits {
                apply(edit, &mut steps, &mut project);
            }
        }
    }
}
