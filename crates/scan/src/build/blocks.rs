//! Nested conditionals of any language, for both hosts at once.

use super::machine::Values;
use crate::reach::{Live, ReachMap};

/// What is open, and what was found so far.
#[derive(Debug)]
pub(crate) struct Blocks {
    pub(crate) map: ReachMap,
    pub(crate) arm_map: ReachMap,
    /// Bodies that only aarch64 enters, on whose place x86_64 is as well.
    pub(crate) arm_only: Vec<(usize, usize)>,
    live: [Live; 2],
    frames: Vec<Frame>,
}

#[derive(Debug)]
struct Frame {
    outer: [Live; 2],
    prior: Values,
    body: usize,
}

impl Default for Blocks {
    fn default() -> Self {
        Self {
            map: ReachMap::default(),
            arm_map: ReachMap::default(),
            arm_only: Vec::new(),
            live: [Live::Yes; 2],
            frames: Vec::new(),
        }
    }
}

impl Blocks {
    /// An `if` whose condition stands at these bytes.
    pub(crate) fn open(&mut self, start: usize, end: usize, values: Values) {
        self.frames.push(Frame { outer: self.live, prior: [Some(false); 2], body: end });
        self.enter(start, end, values);
    }

    /// An `elif` or `else` (whose values are true) of the innermost `if`.
    pub(crate) fn branch(&mut self, start: usize, end: usize, values: Values) {
        self.leave(start);
        self.enter(start, end, values);
    }

    /// The end of the innermost `if`.
    pub(crate) fn close(&mut self, at: usize) {
        self.leave(at);
        if let Some(frame) = self.frames.pop() {
            self.set(at, frame.outer);
        }
    }

    /// How many are open.
    pub(crate) fn depth(&self) -> usize {
        self.frames.len()
    }

    fn enter(&mut self, start: usize, end: usize, values: Values) {
        let number = self.map.condition(start, end);
        self.arm_map.condition(start, end);
        let Some(frame) = self.frames.last_mut() else { return };
        frame.body = end;
        let mut live = frame.outer;
        for cpu in 0..2 {
            let taken = match (frame.prior[cpu], values[cpu]) {
                (Some(true), _) | (_, Some(false)) => Some(false),
                (Some(false), Some(true)) => Some(true),
                _ => None,
            };
            live[cpu] = live[cpu].under(taken, number);
            frame.prior[cpu] = match (frame.prior[cpu], values[cpu]) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            };
        }
        self.set(end, live);
    }

    fn leave(&mut self, at: usize) {
        if let Some(frame) = self.frames.last()
            && self.live[0].is_dead()
            && !self.live[1].is_dead()
            && !frame.outer[0].is_dead()
        {
            self.arm_only.push((frame.body, at));
        }
    }

    fn set(&mut self, at: usize, live: [Live; 2]) {
        self.live = live;
        self.map.from(at, live[0]);
        self.arm_map.from(at, live[1]);
    }
}
