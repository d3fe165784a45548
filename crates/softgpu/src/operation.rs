//! Operations: whatever is carried out in a stream's order. The same value is a piece of work in a stream, a node of a
//! graph, and a step of an instantiated one.

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cuferry_driver::types::{CUDA_SUCCESS, CUhostFn, CUresult, CUstream, CUstreamCallback};

use crate::copy::{Copy, Fill};
use crate::driver::driver;
use crate::entry::within_callback;
use crate::error::{Error, Result};
use crate::event::{Event, Mark};
use crate::graph::{Child, Graph, GraphMemory};
use crate::launch::Launch;
use crate::ledger::{Ledger, What};
use crate::stream::Stream;
use crate::ticket::Ticket;
use crate::word::WordOperation;

/// See the module.
#[derive(Clone)]
pub(crate) enum Operation {
    /// Nothing: it only stands between others.
    Empty,
    /// A kernel's launch.
    Kernel(Launch),
    /// A copy.
    Copy(Copy),
    /// Setting memory.
    Fill(Fill),
    /// A function of the program's.
    Host(Host),
    /// A function of the program's that is called even after a fault, and told of it (`cuStreamAddCallback`).
    Callback(Callback),
    /// An event's place.
    Record(Arc<Event>),
    /// Waiting for an event.
    Wait(Arc<Event>),
    /// Marking work as done, and waiting for that: what events become when a graph is launched.
    Finish(Arc<Ticket>),
    Await(Arc<Ticket>),
    /// Memory that a graph allocates.
    Allocate(Arc<GraphMemory>),
    /// Memory that is given back.
    Free(u64),
    /// Waiting for words of memory, or writing them.
    Words(Vec<WordOperation>),
    /// Another graph.
    Child(Child),
}

/// A function with its argument.
#[derive(Clone, Copy)]
pub(crate) struct Host {
    pub(crate) function: CUhostFn,
    pub(crate) data: usize,
}

/// See [`Operation::Callback`].
#[derive(Clone, Copy)]
pub(crate) struct Callback {
    pub(crate) function: CUstreamCallback,
    pub(crate) stream: usize,
    pub(crate) data: usize,
}

impl Operation {
    /// Puts it into a stream.
    pub(crate) fn enqueue(self, stream: &Stream) -> Result<Arc<Ticket>> {
        match self {
            Self::Record(event) => {
                let ticket = stream.enqueue(|_| Ok(()))?;
                event.set(Mark::Work(Arc::clone(&ticket)));
                Ok(ticket)
            }
            Self::Wait(event) => {
                let awaited = event.ticket()?;
                stream.enqueue(move |_| {
                    if let Some(ticket) = awaited {
                        ticket.wait();
                    }
                    Ok(())
                })
            }
            Self::Callback(callback) => stream.enqueue(move |health| {
                callback.run(health.err().map_or(CUDA_SUCCESS, |error| error.0));
                Ok(())
            }),
            other => stream.enqueue(move |health| {
                health?;
                other.run()
            }),
        }
    }

    /// Carries it out, now and here.
    pub(crate) fn run(&self) -> Result {
        match self {
            Self::Empty | Self::Allocate(_) | Self::Record(_) => Ok(()),
            Self::Finish(ticket) => {
                ticket.finish();
                Ok(())
            }
            Self::Await(ticket) => {
                ticket.wait();
                Ok(())
            }
            Self::Kernel(launch) => launch.run(),
            Self::Copy(copy) => copy.run(),
            Self::Fill(fill) => fill.run(),
            Self::Host(host) => {
                host.run();
                Ok(())
            }
            Self::Callback(callback) => {
                callback.run(CUDA_SUCCESS);
                Ok(())
            }
            Self::Wait(event) => {
                if let Some(ticket) = event.ticket()? {
                    ticket.wait();
                }
                Ok(())
            }
            Self::Free(address) => free(*address),
            Self::Words(words) => words.iter().try_for_each(WordOperation::run),
            Self::Child(child) => child.run(),
        }
    }

    /// The graph of a child node.
    pub(crate) fn child(&self) -> Option<&Arc<Graph>> {
        match self {
            Self::Child(child) => Some(child.graph()),
            _ => None,
        }
    }
}

pub(crate) fn free(address: u64) -> Result {
    let driver = driver()?;
    if let Some(What::Graph(live)) = driver.ledger.find(address).map(|block| block.what) {
        // The graph keeps it for its next launch.
        live.store(false, Ordering::Release);
        return Ok(());
    }
    let block = driver.ledger.take(address, |block| !block.is_host()).ok_or(Error::ILLEGAL_ADDRESS)?;
    Ledger::release(&driver.memory, &block);
    Ok(())
}

impl Host {
    #[expect(unsafe_code, reason = "the program's function is called")]
    fn run(self) {
        if let Some(function) = self.function {
            // SAFETY: the program gave the function with this argument, to be called so.
            within_callback(|| unsafe { function(self.data as *mut c_void) });
        }
    }
}

impl Callback {
    #[expect(unsafe_code, reason = "the program's function is called")]
    fn run(self, status: CUresult) {
        if let Some(function) = self.function {
            // SAFETY: the program gave the function with this stream and argument, to be called so.
            within_callback(|| unsafe {
                function(self.stream as CUstream, status, self.data as *mut c_void);
            });
        }
    }
}
