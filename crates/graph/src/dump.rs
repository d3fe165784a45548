//! The graph as text for people, JSON for programs, and Graphviz for pictures.

use std::fmt::Write as _;

use serde::Serialize;

use crate::{Action, Graph, Work};

/// Raised when a field of [`json`] changes its meaning or goes away.
pub const JSON_SCHEMA: u32 = 1;

#[derive(Serialize)]
struct JsonGraph<'a> {
    schema: u32,
    actions: Vec<JsonAction<'a>>,
}

#[derive(Serialize)]
struct JsonAction<'a> {
    id: usize,
    kind: &'static str,
    label: &'a str,
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    env: Option<&'a std::collections::BTreeMap<String, String>>,
    inputs: Vec<&'a str>,
    outputs: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    depfile: Option<&'a str>,
    depends_on: Vec<usize>,
}

/// One action a paragraph: what it is, its command as a shell would take it, what it reads and writes.
pub fn text(graph: &Graph) -> String {
    let mut text = String::new();
    for (id, action) in graph.actions() {
        let _ = writeln!(text, "[{}] {} {}", id.index() + 1, action.kind.as_str(), action.label);
        match &action.work {
            Work::Run(_) => {
                let _ = writeln!(
                    text,
                    "    {}",
                    argv(action).into_iter().map(quote).collect::<Vec<_>>().join(" ")
                );
            }
            Work::Write { .. } | Work::Copy => {
                let inputs = action.inputs.iter().map(|path| path.as_str()).collect::<Vec<_>>().join(" ");
                let outputs = action.outputs.iter().map(|path| path.as_str()).collect::<Vec<_>>().join(" ");
                let _ =
                    writeln!(text, "    {inputs}{}-> {outputs}", if inputs.is_empty() { "" } else { " " });
            }
        }
    }
    text
}

/// The whole graph as one JSON value with sorted, stable contents.
pub fn json(graph: &Graph) -> serde_json::Value {
    let actions = graph.actions().map(|(id, action)| JsonAction {
        id: id.index() + 1,
        kind: action.kind.as_str(),
        label: &action.label,
        digest: action.digest().to_string(),
        command: matches!(action.work, Work::Run(_)).then(|| argv(action)),
        env: match &action.work {
            Work::Run(command) => Some(&command.env),
            Work::Write { .. } | Work::Copy => None,
        },
        inputs: action.inputs.iter().map(|path| path.as_str()).collect(),
        outputs: action.outputs.iter().map(|path| path.as_str()).collect(),
        depfile: action.depfile.as_ref().map(|path| path.as_str()),
        depends_on: graph.dependencies(id).iter().map(|id| id.index() + 1).collect(),
    });
    let graph = JsonGraph { schema: JSON_SCHEMA, actions: actions.collect() };
    serde_json::to_value(graph).expect("strings and numbers always serialize")
}

/// For `dot -Tsvg`: a box an action, an arrow a file.
pub fn graphviz(graph: &Graph) -> String {
    let mut text =
        String::from("digraph cuferry {\n    rankdir=LR;\n    node [shape=box, fontname=\"sans-serif\"];\n");
    for (id, action) in graph.actions() {
        let label = format!("{}\n{}", action.kind.as_str(), action.label);
        let _ = writeln!(text, "    a{} [label={label:?}];", id.index() + 1);
    }
    for (id, action) in graph.actions() {
        for path in &action.inputs {
            if let Some(from) = graph.producer(path) {
                let name = path.file_name().unwrap_or(path.as_str());
                let _ = writeln!(text, "    a{} -> a{} [label={name:?}];", from.index() + 1, id.index() + 1);
            }
        }
    }
    text.push_str("}\n");
    text
}

fn argv(action: &Action) -> Vec<&str> {
    match &action.work {
        Work::Run(command) => {
            std::iter::once(command.program.as_str()).chain(command.args.iter().map(String::as_str)).collect()
        }
        Work::Write { .. } | Work::Copy => Vec::new(),
    }
}

/// A word as a POSIX shell takes it back.
fn quote(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_=+./:,@%".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{ActionKind, Command};

    fn sample() -> Graph {
        let mut graph = Graph::default();
        let run = |args: &[&str]| {
            Work::Run(Command {
                program: "/usr/bin/g++".into(),
                identity: "12.2.0".to_owned(),
                args: args.iter().map(|arg| (*arg).to_owned()).collect(),
                env: BTreeMap::from([("LC_ALL".to_owned(), "C".to_owned())]),
            })
        };
        graph
            .add(Action {
                kind: ActionKind::HostCompile,
                label: "a.cpp".to_owned(),
                work: run(&["-DNAME=\"it's\"", "-c", "a.cpp", "-o", "a.o"]),
                inputs: vec!["a.cpp".into()],
                outputs: vec!["a.o".into()],
                depfile: Some("a.d".into()),
            })
            .unwrap();
        graph
            .add(Action {
                kind: ActionKind::Link,
                label: "app".to_owned(),
                work: run(&["a.o", "-o", "app"]),
                inputs: vec!["a.o".into()],
                outputs: vec!["app".into()],
                depfile: None,
            })
            .unwrap();
        graph
    }

    #[test]
    fn dumps_as_text() {
        insta::assert_snapshot!(text(&sample()), @r#"
        [1] host-compile a.cpp
            /usr/bin/g++ '-DNAME="it'\''s"' -c a.cpp -o a.o
        [2] link app
            /usr/bin/g++ a.o -o app
        "#);
    }

    #[test]
    fn dumps_as_graphviz() {
        insta::assert_snapshot!(graphviz(&sample()), @r#"
        digraph cuferry {
            rankdir=LR;
            node [shape=box, fontname="sans-serif"];
            a1 [label="host-compile\na.cpp"];
            a2 [label="link\napp"];
            a1 -> a2 [label="a.o"];
        }
        "#);
    }

    #[test]
    fn json_names_dependencies_and_digests() {
        let json = json(&sample());
        assert_eq!(json["schema"], JSON_SCHEMA);
        assert_eq!(json["actions"][1]["depends_on"], serde_json::json!([1]));
        assert_eq!(json["actions"][0]["digest"].as_str().unwrap().len(), 64);
    }
}
