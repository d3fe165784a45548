//! Graphs: operations and what has to be done before what; and their instantiated form, a list in an order that fits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cuferry_driver::types::CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH;

use crate::driver::driver;
use crate::error::{Error, Result};
use crate::event::Mark;
use crate::handle::{Object as _, fresh, object};
use crate::launch::Launch;
use crate::ledger::{Ledger, What};
use crate::operation::Operation;
use crate::stream::Stream;
use crate::ticket::Ticket;
use crate::user_object::{References, UserObject};

/// See the module.
pub(crate) struct Graph {
    pub(crate) number: usize,
    nodes: Mutex<BTreeMap<usize, Arc<Node>>>,
    /// What it keeps alive.
    objects: Mutex<Vec<References>>,
}

object!(Graph, CUgraph_st);

/// An operation of a graph.
pub(crate) struct Node {
    pub(crate) number: usize,
    pub(crate) graph: usize,
    /// The node that it was copied from; itself, if it was not.
    pub(crate) original: usize,
    operation: Mutex<Operation>,
    before: Mutex<Vec<usize>>,
    /// Addresses of a launch's arguments, as they were told last.
    pointers: Mutex<Vec<u64>>,
}

object!(Node, CUgraphNode_st);

/// A graph in a form that can be launched.
pub(crate) struct Executable {
    pub(crate) number: usize,
    pub(crate) flags: u64,
    graph: Mutex<Arc<Graph>>,
    steps: Mutex<Vec<Step>>,
    /// The last launch: each waits for the one before, in whichever stream that is.
    last: Mutex<Option<Arc<Ticket>>>,
}

object!(Executable, CUgraphExec_st);

/// An operation of an [`Executable`], and the node that it came from.
#[derive(Clone)]
pub(crate) struct Step {
    pub(crate) node: usize,
    pub(crate) operation: Operation,
    pub(crate) enabled: bool,
}

/// Why an instantiated graph does not take another in.
pub(crate) enum Misfit {
    /// It has more nodes, or less.
    Shape,
    /// That node of it is of another type.
    Type { node: usize },
}

/// A graph as a node of another.
#[derive(Clone)]
pub(crate) struct Child {
    graph: Arc<Graph>,
    steps: Vec<Step>,
}

/// Memory that a graph allocates. It stays while the graph or anything made of it does, for its address may not change.
pub(crate) struct GraphMemory {
    pub(crate) address: u64,
    pub(crate) size: u64,
    /// Whether it was allocated and not freed since.
    pub(crate) live: Arc<AtomicBool>,
}

impl GraphMemory {
    pub(crate) fn allocate(context: usize, size: u64) -> Result<Arc<Self>> {
        let driver = driver()?;
        let live = Arc::new(AtomicBool::new(false));
        let what = What::Graph(Arc::clone(&live));
        let address = driver.ledger.allocate(&driver.memory, context, size, what)?;
        Ok(Arc::new(Self { address, size, live }))
    }
}

impl Drop for GraphMemory {
    fn drop(&mut self) {
        if let Ok(driver) = driver()
            && let Some(block) =
                driver.ledger.take(self.address, |block| matches!(block.what, What::Graph(_)))
        {
            Ledger::release(&driver.memory, &block);
        }
    }
}

impl Graph {
    pub(crate) fn create() -> Arc<Self> {
        let graph = Arc::new(Self { number: fresh(), nodes: Mutex::default(), objects: Mutex::default() });
        Self::handles().insert(graph.number, Arc::clone(&graph));
        graph
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<usize, Arc<Node>>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn objects(&self) -> MutexGuard<'_, Vec<References>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives references to an object back, which it must hold at once.
    pub(crate) fn release_object(&self, object: &UserObject, count: u32) -> Result {
        let mut objects = self.objects();
        let held = |held: &References| held.are_to(object) && held.count() >= count;
        let at = objects.iter().position(held).ok_or(Error::INVALID_VALUE)?;
        let mut references = objects.swap_remove(at);
        // The object's end is a function of the program's: nothing is locked meanwhile.
        drop(objects);
        if !references.release(count)? {
            self.objects().push(references);
        }
        Ok(())
    }

    /// Adds an operation, to be done after those nodes.
    pub(crate) fn add(&self, before: &[usize], operation: Operation) -> Result<Arc<Node>> {
        let number = fresh();
        self.add_copy(number, number, before, operation)
    }

    fn add_copy(
        &self,
        number: usize,
        original: usize,
        before: &[usize],
        operation: Operation,
    ) -> Result<Arc<Node>> {
        let mut nodes = self.lock();
        let unique: BTreeSet<usize> = before.iter().copied().collect();
        if unique.len() != before.len() || !unique.iter().all(|number| nodes.contains_key(number)) {
            return Err(Error::INVALID_VALUE);
        }
        let node = Arc::new(Node {
            number,
            graph: self.number,
            original,
            operation: Mutex::new(operation),
            before: Mutex::new(before.to_vec()),
            pointers: Mutex::default(),
        });
        nodes.insert(number, Arc::clone(&node));
        Node::handles().insert(number, Arc::clone(&node));
        Ok(node)
    }

    /// Its nodes, in the order in which they were added.
    pub(crate) fn nodes(&self) -> Vec<Arc<Node>> {
        self.lock().values().cloned().collect()
    }

    /// Nodes that nothing has to be done before.
    pub(crate) fn roots(&self) -> Vec<usize> {
        self.nodes().iter().filter(|node| node.before().is_empty()).map(|node| node.number).collect()
    }

    /// Nodes that nothing waits for.
    pub(crate) fn leaves(&self) -> Vec<usize> {
        let nodes = self.nodes();
        let awaited: BTreeSet<usize> = nodes.iter().flat_map(|node| node.before()).collect();
        nodes.iter().map(|node| node.number).filter(|number| !awaited.contains(number)).collect()
    }

    /// Each edge: what is done first, and what then.
    pub(crate) fn edges(&self) -> Vec<(usize, usize)> {
        let edges =
            |node: &Arc<Node>| node.before().into_iter().map(|from| (from, node.number)).collect::<Vec<_>>();
        self.nodes().iter().flat_map(edges).collect()
    }

    /// Adds an edge. It may close no circle.
    pub(crate) fn connect(&self, from: usize, to: usize) -> Result {
        let nodes = self.lock();
        let (Some(_), Some(node)) = (nodes.get(&from), nodes.get(&to)) else {
            return Err(Error::INVALID_VALUE);
        };
        let mut before = node.lock_before();
        if from == to || before.contains(&from) {
            return Err(Error::INVALID_VALUE);
        }
        before.push(from);
        drop(before);
        drop(nodes);
        self.ordered().map(|_| ()).inspect_err(|_| {
            let _ = self.disconnect(from, to);
        })
    }

    pub(crate) fn disconnect(&self, from: usize, to: usize) -> Result {
        let nodes = self.lock();
        let node = nodes.get(&to).ok_or(Error::INVALID_VALUE)?;
        let mut before = node.lock_before();
        let at = before.iter().position(|number| *number == from).ok_or(Error::INVALID_VALUE)?;
        before.remove(at);
        Ok(())
    }

    /// Takes a node out, with its edges.
    pub(crate) fn remove(&self, number: usize) -> Result {
        let mut nodes = self.lock();
        nodes.remove(&number).ok_or(Error::INVALID_VALUE)?;
        Node::handles().remove(number);
        for node in nodes.values() {
            node.lock_before().retain(|before| *before != number);
        }
        Ok(())
    }

    /// Its nodes in an order in which each comes after what it waits for, and otherwise as they were added.
    pub(crate) fn ordered(&self) -> Result<Vec<Arc<Node>>> {
        let mut waiting: BTreeMap<usize, Arc<Node>> = self.lock().clone();
        let mut done = BTreeSet::new();
        let mut order = Vec::with_capacity(waiting.len());
        while !waiting.is_empty() {
            let ready: Vec<usize> = waiting
                .values()
                .filter(|node| node.before().iter().all(|number| done.contains(number)))
                .map(|node| node.number)
                .collect();
            if ready.is_empty() {
                return Err(Error::INVALID_VALUE);
            }
            for number in ready {
                done.insert(number);
                order.extend(waiting.remove(&number));
            }
        }
        Ok(order)
    }

    /// A graph of its own with the same operations. It keeps the same objects alive.
    pub(crate) fn duplicate(&self) -> Result<Arc<Self>> {
        let copy = Self::create();
        copy.objects().clone_from(&*self.objects());
        let mut numbers = BTreeMap::new();
        for node in self.ordered()? {
            let before: Vec<usize> =
                node.before().iter().filter_map(|number| numbers.get(number).copied()).collect();
            let number = fresh();
            numbers.insert(node.number, number);
            let operation = match node.operation() {
                Operation::Child(child) => Operation::Child(Child::new(child.graph.duplicate()?)),
                other => other,
            };
            copy.add_copy(number, node.number, &before, operation)?;
        }
        Ok(copy)
    }

    /// Its handle and those of its nodes stand for nothing from now on.
    pub(crate) fn destroy(&self) {
        Self::handles().remove(self.number);
        for node in self.nodes() {
            Node::handles().remove(node.number);
            if let Operation::Child(child) = node.operation() {
                child.graph.destroy();
            }
        }
        let objects = std::mem::take(&mut *self.objects());
        drop(objects);
    }

    fn steps(&self) -> Result<Vec<Step>> {
        let step = |node: &Arc<Node>| {
            let operation = match node.operation() {
                Operation::Child(child) => {
                    Operation::Child(Child { steps: child.graph.steps()?, graph: child.graph })
                }
                other => other,
            };
            Ok(Step { node: node.number, operation, enabled: true })
        };
        self.ordered()?.iter().map(step).collect()
    }
}

impl Node {
    pub(crate) fn operation(&self) -> Operation {
        self.operation.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, operation: Operation) {
        *self.operation.lock().unwrap_or_else(PoisonError::into_inner) = operation;
    }

    fn lock_before(&self) -> MutexGuard<'_, Vec<usize>> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An array of pointers to a launch's arguments, which stays until the next such question or the node's end.
    pub(crate) fn pointers(&self, launch: &Launch) -> u64 {
        let mut pointers = self.pointers.lock().unwrap_or_else(PoisonError::into_inner);
        let start = launch.parameters.as_ptr() as u64;
        *pointers = launch
            .function
            .facts()
            .parameters
            .iter()
            .map(|parameter| start + u64::from(parameter.offset))
            .collect();
        pointers.as_ptr() as u64
    }

    /// The nodes that it waits for.
    pub(crate) fn before(&self) -> Vec<usize> {
        self.lock_before().clone()
    }
}

impl Child {
    pub(crate) fn new(graph: Arc<Graph>) -> Self {
        Self { graph, steps: Vec::new() }
    }

    /// One whose steps are known.
    pub(crate) fn with_steps(graph: Arc<Graph>) -> Result<Self> {
        let steps = graph.steps()?;
        Ok(Self { graph, steps })
    }

    pub(crate) fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    pub(crate) fn run(&self) -> Result {
        run(Ok(()), &self.steps)
    }
}

impl Executable {
    pub(crate) fn create(graph: &Graph, flags: u64) -> Result<Arc<Self>> {
        // What becomes of the graph later does not matter to what is made of it.
        let steps = graph.steps()?;
        let copy = graph.duplicate()?;
        let executable = Arc::new(Self {
            number: fresh(),
            flags,
            graph: Mutex::new(copy),
            steps: Mutex::new(steps),
            last: Mutex::default(),
        });
        Self::handles().insert(executable.number, Arc::clone(&executable));
        Ok(executable)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Step>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the step of a node.
    pub(crate) fn change(&self, node: usize, change: impl FnOnce(&mut Step) -> Result) -> Result {
        let mut steps = self.lock();
        let step = steps.iter_mut().find(|step| step.node == node).ok_or(Error::INVALID_VALUE)?;
        change(step)
    }

    /// Takes another graph of the same shape in, unless it does not fit.
    pub(crate) fn update(&self, graph: &Graph) -> Result<Option<Misfit>> {
        let new = graph.steps()?;
        let mut steps = self.lock();
        if new.len() != steps.len() {
            return Ok(Some(Misfit::Shape));
        }
        let alike = |(old, new): (&Step, &Step)| same_kind(&old.operation, &new.operation);
        if let Some(at) = steps.iter().zip(&new).position(|pair| !alike(pair)) {
            return Ok(Some(Misfit::Type { node: new[at].node }));
        }
        for (old, new) in steps.iter_mut().zip(new) {
            old.operation = new.operation;
        }
        *self.graph.lock().unwrap_or_else(PoisonError::into_inner) = graph.duplicate()?;
        Ok(None)
    }

    /// Puts all of it into a stream. It cannot be captured.
    pub(crate) fn launch(&self, stream: &Stream) -> Result {
        stream.refuse_capture()?;
        let auto_free = self.flags & u64::from(CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH) != 0;
        let steps = prepare(&self.lock(), auto_free)?;
        // The objects live until the launch is done, whatever becomes of the graph meanwhile.
        let objects = self.graph.lock().unwrap_or_else(PoisonError::into_inner).objects().clone();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last.clone();
        let work = move |health| {
            let _objects = objects;
            if let Some(before) = before {
                before.wait();
            }
            run(health, &steps)
        };
        *last = Some(stream.enqueue(work)?);
        Ok(())
    }

    pub(crate) fn destroy(&self) {
        self.graph.lock().unwrap_or_else(PoisonError::into_inner).destroy();
    }
}

/// Whether one operation may take another's place in an instantiated graph.
fn same_kind(old: &Operation, new: &Operation) -> bool {
    match (old, new) {
        (Operation::Child(old), Operation::Child(new)) => {
            old.steps.len() == new.steps.len()
                && old
                    .steps
                    .iter()
                    .zip(&new.steps)
                    .all(|(old, new)| same_kind(&old.operation, &new.operation))
        }
        (old, new) => std::mem::discriminant(old) == std::mem::discriminant(new),
    }
}

/// The steps of one launch: events are theirs as they stand now. Memory that the last launch allocated and nobody freed is
/// an error, unless this launch frees it.
fn prepare(steps: &[Step], auto_free: bool) -> Result<Vec<Step>> {
    let mut prepared = Vec::with_capacity(steps.len());
    for step in steps.iter().filter(|step| step.enabled) {
        let operation = match &step.operation {
            Operation::Record(event) => {
                let ticket = Arc::new(Ticket::default());
                event.set(Mark::Work(Arc::clone(&ticket)));
                Operation::Finish(ticket)
            }
            Operation::Wait(event) => event.ticket()?.map_or(Operation::Empty, Operation::Await),
            Operation::Child(child) => Operation::Child(Child {
                graph: Arc::clone(&child.graph),
                steps: prepare(&child.steps, auto_free)?,
            }),
            Operation::Allocate(memory) => {
                // Two allocations at one address cannot be: the first has to be freed before, here or by the program.
                let freed = steps
                    .iter()
                    .any(|step| matches!(step.operation, Operation::Free(at) if at == memory.address));
                if !freed && memory.live.swap(true, Ordering::AcqRel) && !auto_free {
                    return Err(Error::INVALID_VALUE);
                }
                step.operation.clone()
            }
            other => other.clone(),
        };
        prepared.push(Step { operation, ..*step });
    }
    Ok(prepared)
}

/// Carries steps out up to the first that fails. Whoever waits for an event learns of it in any case.
fn run(health: Result, steps: &[Step]) -> Result {
    let mut state = health;
    for step in steps {
        match &step.operation {
            Operation::Finish(ticket) => ticket.finish(),
            Operation::Child(child) => state = run(state, &child.steps),
            operation if state.is_ok() => state = operation.run(),
            _ => {}
        }
    }
    state
}
