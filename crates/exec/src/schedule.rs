//! Which action comes next: pure bookkeeping of a graph's progress, by numbers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Every action's status, and the queue of those that could start now.
#[derive(Debug)]
pub(crate) struct Schedule {
    nodes: Vec<Node>,
    ready: BinaryHeap<(u64, Reverse<usize>)>,
}

#[derive(Clone, Debug)]
struct Node {
    status: Status,
    dependents: Vec<usize>,
    /// The longest path, in milliseconds, from this action's start to the build's end.
    urgency: u64,
}

/// An action's way through the build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// For so many actions.
    Waiting(usize),
    /// In the queue, or handed out.
    Ready,
    Done,
    Failed,
    /// Something that it needs has failed.
    Skipped,
}

impl Schedule {
    /// `dependencies` and `milliseconds` of each action, by its number; none if actions wait for one another in a ring.
    pub(crate) fn new(dependencies: &[Vec<usize>], milliseconds: &[u64]) -> Option<Self> {
        let node = |dependencies: &Vec<usize>| Node {
            status: Status::Waiting(dependencies.len()),
            dependents: Vec::new(),
            urgency: 0,
        };
        let mut nodes: Vec<_> = dependencies.iter().map(node).collect();
        for (index, dependencies) in dependencies.iter().enumerate() {
            dependencies.iter().for_each(|dependency| nodes[*dependency].dependents.push(index));
        }
        for index in order(&nodes)?.into_iter().rev() {
            let after = nodes[index].dependents.iter().map(|dependent| nodes[*dependent].urgency).max();
            nodes[index].urgency = milliseconds[index].saturating_add(after.unwrap_or(0));
        }
        let mut schedule = Self { nodes, ready: BinaryHeap::new() };
        (0..dependencies.len()).for_each(|index| schedule.queue_if_ready(index));
        Some(schedule)
    }

    /// The ready action that most of the build waits for; among equals the first.
    pub(crate) fn next(&mut self) -> Option<usize> {
        self.ready.pop().map(|(_, Reverse(index))| index)
    }

    /// Its outputs are there; what waited for it may become ready.
    pub(crate) fn done(&mut self, index: usize) {
        self.nodes[index].status = Status::Done;
        for dependent in std::mem::take(&mut self.nodes[index].dependents) {
            if let Status::Waiting(count) = &mut self.nodes[dependent].status {
                *count -= 1;
            }
            self.queue_if_ready(dependent);
        }
    }

    /// Its outputs will not be there; answers what is skipped for that, in ascending order.
    pub(crate) fn failed(&mut self, index: usize) -> Vec<usize> {
        self.nodes[index].status = Status::Failed;
        let mut skipped = Vec::new();
        let mut reached = vec![index];
        while let Some(index) = reached.pop() {
            for dependent in std::mem::take(&mut self.nodes[index].dependents) {
                if matches!(self.nodes[dependent].status, Status::Waiting(_)) {
                    self.nodes[dependent].status = Status::Skipped;
                    skipped.push(dependent);
                    reached.push(dependent);
                }
            }
        }
        skipped.sort_unstable();
        skipped
    }

    pub(crate) fn status(&self, index: usize) -> Status {
        self.nodes[index].status
    }

    fn queue_if_ready(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        if node.status == Status::Waiting(0) {
            node.status = Status::Ready;
            self.ready.push((node.urgency, Reverse(index)));
        }
    }
}

/// All numbers, each after those it depends on.
fn order(nodes: &[Node]) -> Option<Vec<usize>> {
    let waiting = |node: &Node| if let Status::Waiting(count) = node.status { count } else { 0 };
    let mut waiting: Vec<usize> = nodes.iter().map(waiting).collect();
    let mut order: Vec<usize> = (0..nodes.len()).filter(|index| waiting[*index] == 0).collect();
    let mut next = 0;
    while let Some(index) = order.get(next) {
        next += 1;
        for dependent in &nodes[*index].dependents {
            waiting[*dependent] -= 1;
            if waiting[*dependent] == 0 {
                order.push(*dependent);
            }
        }
    }
    (order.len() == nodes.len()).then_some(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_path_goes_first() {
        // 0 and 1 and 3 are ready; 2 waits for 1, so that 1 has more behind it; 3 is long.
        let mut schedule = Schedule::new(&[vec![], vec![], vec![1], vec![]], &[5, 1, 6, 100]).unwrap();
        assert_eq!([schedule.next(), schedule.next(), schedule.next()], [Some(3), Some(1), Some(0)]);
        assert_eq!(schedule.next(), None);
        schedule.done(1);
        assert_eq!(schedule.next(), Some(2));
    }

    #[test]
    fn failure_skips_what_depends_on_it_and_nothing_else() {
        let mut schedule = Schedule::new(&[vec![], vec![0], vec![1], vec![]], &[1; 4]).unwrap();
        assert_eq!(schedule.next(), Some(0));
        assert_eq!(schedule.failed(0), [1, 2]);
        assert_eq!((schedule.next(), schedule.next()), (Some(3), None));
        assert_eq!(schedule.status(2), Status::Skipped);
    }

    #[test]
    fn a_ring_is_refused() {
        assert!(Schedule::new(&[vec![1], vec![0]], &[1; 2]).is_none());
        assert!(Schedule::new(&[vec![0]], &[1]).is_none());
    }
}
