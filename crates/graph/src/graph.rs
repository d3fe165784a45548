//! The graph: actions bound by the files they write and read, refused where they contradict one another.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use thiserror::Error;

use crate::Action;

/// An action's place in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionId(usize);

impl ActionId {
    /// The place, for tables beside the graph.
    pub const fn index(self) -> usize {
        self.0
    }
}

/// Actions in the order in which they were added; what an action reads may be written by any other.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    actions: Vec<Action>,
    producers: BTreeMap<Utf8PathBuf, ActionId>,
}

/// What makes a graph no graph.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GraphError {
    /// Two actions write one file.
    #[error("`{path}` would be written twice: for `{first}` and for `{second}`")]
    WrittenTwice {
        /// The file.
        path: Utf8PathBuf,
        /// The first action's label.
        first: String,
        /// The second action's label.
        second: String,
    },
    /// An action that writes nothing would never be up to date.
    #[error("the action `{label}` writes no file")]
    NoOutput {
        /// The action's label.
        label: String,
    },
    /// Actions wait for one another in a ring.
    #[error("these actions wait for one another: {}", labels.join(" -> "))]
    Cycle {
        /// The labels along the ring.
        labels: Vec<String>,
    },
}

impl Graph {
    /// Adds an action, unless a file that it writes is written already.
    pub fn add(&mut self, action: Action) -> Result<ActionId, GraphError> {
        let id = ActionId(self.actions.len());
        if action.outputs.is_empty() {
            return Err(GraphError::NoOutput { label: action.label });
        }
        for (index, path) in action.outputs.iter().enumerate() {
            let label = |id: &ActionId| self.actions[id.0].label.clone();
            let first = self.producers.get(path).map(label);
            let own = action.outputs[..index].contains(path).then(|| action.label.clone());
            if let Some(first) = first.or(own) {
                return Err(GraphError::WrittenTwice { path: path.clone(), first, second: action.label });
            }
        }
        self.producers.extend(action.outputs.iter().map(|path| (path.clone(), id)));
        self.actions.push(action);
        Ok(id)
    }

    /// How many actions there are.
    pub fn len(&self) -> usize {
        self.actions.len()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// Every action with its id.
    pub fn actions(&self) -> impl ExactSizeIterator<Item = (ActionId, &Action)> {
        self.actions.iter().enumerate().map(|(index, action)| (ActionId(index), action))
    }

    /// The action at `id`, which must come from this graph.
    pub fn action(&self, id: ActionId) -> &Action {
        &self.actions[id.0]
    }

    /// Who writes `path`; none for a source.
    pub fn producer(&self, path: &Utf8Path) -> Option<ActionId> {
        self.producers.get(path).copied()
    }

    /// The actions that must be done before `id`.
    pub fn dependencies(&self, id: ActionId) -> BTreeSet<ActionId> {
        self.action(id).inputs.iter().filter_map(|path| self.producer(path)).collect()
    }

    /// Files read that no action writes: what must exist before the build starts.
    pub fn sources(&self) -> BTreeSet<&Utf8Path> {
        let inputs = self.actions.iter().flat_map(|action| &action.inputs);
        inputs.map(Utf8PathBuf::as_path).filter(|path| self.producer(path).is_none()).collect()
    }

    /// All actions, each after those it depends on; among equals in the order of adding.
    pub fn order(&self) -> Result<Vec<ActionId>, GraphError> {
        let dependencies: Vec<_> = self.actions().map(|(id, _)| self.dependencies(id)).collect();
        let mut waiting: Vec<usize> = dependencies.iter().map(BTreeSet::len).collect();
        let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); self.len()];
        for (index, dependencies) in dependencies.iter().enumerate() {
            dependencies.iter().for_each(|id| dependents[id.0].push(index));
        }
        let mut ready: BTreeSet<usize> = (0..self.len()).filter(|index| waiting[*index] == 0).collect();
        let mut order = Vec::with_capacity(self.len());
        while let Some(index) = ready.pop_first() {
            order.push(ActionId(index));
            for dependent in &dependents[index] {
                waiting[*dependent] -= 1;
                if waiting[*dependent] == 0 {
                    ready.insert(*dependent);
                }
            }
        }
        if order.len() == self.len() { Ok(order) } else { Err(self.cycle(&dependencies, &order)) }
    }

    /// Follows one dependency after another among the actions left over, until one comes up again.
    fn cycle(&self, dependencies: &[BTreeSet<ActionId>], ordered: &[ActionId]) -> GraphError {
        let left = |id: &ActionId| !ordered.contains(id);
        let mut path: Vec<ActionId> = Vec::new();
        let mut next = self.actions().map(|(id, _)| id).find(left);
        while let Some(id) = next {
            if let Some(start) = path.iter().position(|seen| *seen == id) {
                path.drain(..start);
                path.push(id);
                break;
            }
            path.push(id);
            next = dependencies[id.0].iter().copied().find(left);
        }
        GraphError::Cycle { labels: path.iter().map(|id| self.action(*id).label.clone()).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ActionKind, Work};

    fn copy(from: &str, to: &str) -> Action {
        Action {
            kind: ActionKind::Copy,
            label: format!("{from} to {to}"),
            work: Work::Copy,
            inputs: vec![from.into()],
            outputs: vec![to.into()],
            depfile: None,
        }
    }

    fn graph(edges: &[(&str, &str)]) -> Result<Graph, GraphError> {
        let mut graph = Graph::default();
        for (from, to) in edges {
            graph.add(copy(from, to))?;
        }
        Ok(graph)
    }

    #[test]
    fn orders_by_files_not_by_adding() {
        let graph = graph(&[("b", "c"), ("a", "b"), ("x", "y")]).unwrap();
        let order: Vec<_> =
            graph.order().unwrap().iter().map(|id| graph.action(*id).outputs[0].to_string()).collect();
        assert_eq!(order, ["b", "c", "y"]);
        assert_eq!(graph.sources().into_iter().map(Utf8Path::as_str).collect::<Vec<_>>(), ["a", "x"]);
    }

    #[test]
    fn refuses_contradictions() {
        let message = |edges| graph(edges).and_then(|graph| graph.order()).unwrap_err().to_string();
        assert_eq!(
            message(&[("a", "c"), ("b", "c")]),
            "`c` would be written twice: for `a to c` and for `b to c`"
        );
        assert_eq!(
            message(&[("a", "b"), ("b", "a")]),
            "these actions wait for one another: a to b -> b to a -> a to b"
        );
        assert_eq!(message(&[("a", "a")]), "these actions wait for one another: a to a -> a to a");
    }

    proptest::proptest! {
        #[test]
        fn an_order_respects_every_edge(edges in proptest::collection::vec((0usize..40, 0usize..40), 0..40)) {
            let mut graph = Graph::default();
            for (from, to) in edges {
                let _ = graph.add(copy(&from.to_string(), &to.to_string()));
            }
            if let Ok(order) = graph.order() {
                proptest::prop_assert_eq!(order.len(), graph.len());
                for (place, id) in order.iter().enumerate() {
                    for before in graph.dependencies(*id) {
                        proptest::prop_assert!(order[..place].contains(&before));
                    }
                }
            }
        }
    }
}
