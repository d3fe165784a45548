//! From the syntax tree of a kernel, and of every function that it may call, to code.
//!
//! Each family of instructions is a file of `ops`, which reads an instruction's words and operands and pushes
//! operations; what it doesn't know it refuses, and then the kernel does not run.

mod form;
mod function;
mod layout;
mod operand;

use std::collections::{BTreeMap, HashMap};

use cuferry_ptx::{Instruction, Operand, Statement};

use crate::code::{CallSite, Code, Fetch, Fixed, FunctionCode, Handler, Op, Site, Width};
use crate::device::Device;
use crate::fault::Refusal;
use crate::isa::Isa;
use crate::lanes::{Guarded, pick, plain};
use crate::ops;
use crate::program::{FunctionIndex, Linked};
use crate::space::{Flat, Note, Shared};
use crate::watch::Kind;

pub(crate) use form::Form;
pub(crate) use function::Symbol;
use function::{Labels, Scopes};
use layout::Layout;
pub(crate) use operand::{Destination, fields};

/// Why an instruction is refused, beyond its name.
pub(crate) type Refused = String;

/// Where the decoder is.
pub(crate) struct Decoder<'p> {
    pub(crate) linked: &'p Linked<'p>,
    pub(crate) isa: Isa,
    /// Whether accesses of shared memory are noted.
    watch: bool,
    pub(crate) ops: Vec<Op>,
    sites: Vec<Site>,
    layout: Layout,
    fixed: HashMap<Fixed, u32>,
    fixed_order: Vec<(Fixed, u32)>,
    fixed_places: HashMap<u32, Fixed>,
    /// Functions of the program, by their number in the code.
    functions: Vec<FunctionIndex>,
    numbers: HashMap<FunctionIndex, u32>,
    codes: Vec<FunctionCode>,
    /// Direct calls: caller to callees.
    edges: Vec<Vec<u32>>,
    indirect: Vec<bool>,
    pub(crate) calls: Vec<CallSite>,
    /// Of each call, its caller.
    callers: Vec<u32>,
    pub(crate) fetches: Vec<Fetch>,
    pub(crate) videos: Vec<ops::Video>,
    pub(crate) tables: Vec<Vec<u32>>,
    accesses: u32,
    shared: BTreeMap<(usize, String), u32>,
    shared_size: u32,
    shared_align: u32,
    dynamic: bool,
    refusals: Vec<Refusal>,
    // of the function that is being decoded
    number: u32,
    pub(crate) module: usize,
    scopes: Scopes<'p>,
    labels: Labels<'p>,
    defined: HashMap<&'p str, u32>,
    local: u32,
    site: u32,
    guard: Option<u32>,
    /// The carry of extended precision.
    pub(crate) carry: Option<u32>,
    registers: Vec<(u32, Width)>,
    temporaries: HashMap<(Width, u32), u32>,
    used: HashMap<Width, u32>,
    /// Places that name a label: the operation, and which of its fields.
    fixups: Vec<(usize, Field, u32)>,
}

/// The field of an operation that takes a place in the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    C,
    Table(usize, usize),
}

/// An operation with this handler, and nothing else.
pub(crate) fn op(run: Handler) -> Op {
    Op { run, inner: run, imm: 0, dst: 0, a: 0, b: 0, c: 0, d: 0, guard: 0, aux: 0, site: 0 }
}

/// Decodes a kernel.
pub(crate) fn decode(
    linked: &Linked<'_>,
    kernel: FunctionIndex,
    device: &Device,
) -> Result<Code, Vec<Refusal>> {
    let mut decoder = Decoder::new(linked, device);
    decoder.number_of(kernel);
    let mut next = 0;
    while next < decoder.functions.len() {
        decoder.function(next);
        next += 1;
        // Whoever calls by address may reach every function whose address is taken.
        if next == decoder.functions.len() && decoder.indirect.iter().any(|&indirect| indirect) {
            for &function in linked.addressed() {
                decoder.number_of(function);
            }
        }
    }
    decoder.finish()
}

impl<'p> Decoder<'p> {
    fn new(linked: &'p Linked<'p>, device: &Device) -> Decoder<'p> {
        Decoder {
            linked,
            isa: device.isa(),
            watch: device.settings().watch,
            ops: Vec::new(),
            sites: vec![Site { function: 0, statement: 0 }],
            layout: Layout::default(),
            fixed: HashMap::new(),
            fixed_order: Vec::new(),
            fixed_places: HashMap::new(),
            functions: Vec::new(),
            numbers: HashMap::new(),
            codes: Vec::new(),
            edges: Vec::new(),
            indirect: Vec::new(),
            calls: Vec::new(),
            callers: Vec::new(),
            fetches: Vec::new(),
            videos: Vec::new(),
            tables: Vec::new(),
            accesses: 0,
            shared: BTreeMap::new(),
            shared_size: 0,
            shared_align: 16,
            dynamic: false,
            refusals: Vec::new(),
            number: 0,
            module: 0,
            scopes: Scopes::default(),
            labels: Labels::default(),
            defined: HashMap::new(),
            local: 0,
            site: 0,
            guard: None,
            carry: None,
            registers: Vec::new(),
            temporaries: HashMap::new(),
            used: HashMap::new(),
            fixups: Vec::new(),
        }
    }

    /// The number of a function in the code; it will be decoded if it isn't.
    pub(crate) fn number_of(&mut self, function: FunctionIndex) -> u32 {
        let next = self.functions.len() as u32;
        let number = *self.numbers.entry(function).or_insert(next);
        if number == next {
            self.functions.push(function);
            self.codes
                .push(FunctionCode { address: self.linked.address_of(function), ..FunctionCode::default() });
            self.edges.push(Vec::new());
            self.indirect.push(false);
            self.declare_parameters(number);
        }
        number
    }

    fn finish(mut self) -> Result<Code, Vec<Refusal>> {
        if !self.refusals.is_empty() {
            return Err(self.refusals);
        }
        let reach = self.reach();
        for (call, &caller) in self.calls.iter_mut().zip(&self.callers) {
            let callees: Vec<u32> = match call.callee {
                Some(callee) => vec![callee],
                None => (0..)
                    .zip(&self.codes)
                    .filter(|(_, code)| code.address != 0)
                    .map(|(number, _)| number)
                    .collect(),
            };
            let back =
                callees.iter().any(|&callee| callee == caller || reach[callee as usize][caller as usize]);
            call.save = back.then_some(caller);
            call.frame = self.codes[caller as usize].local;
        }
        let local = self.deepest(0, &reach);
        // Dynamic shared memory starts behind the static one, aligned for every access.
        let align = self.shared_align.max(16);
        Ok(Code {
            ops: self.ops,
            sites: self.sites,
            functions: self.codes,
            sources: self.functions.iter().map(|function| function.0).collect(),
            calls: self.calls,
            fetches: self.fetches,
            videos: self.videos,
            tables: self.tables,
            fixed: self.fixed_order,
            register_bytes: self.layout.size(),
            accesses: self.accesses,
            shared: if self.dynamic { self.shared_size.next_multiple_of(align) } else { self.shared_size },
            local,
        })
    }

    /// Which functions may be running when one has been called.
    fn reach(&self) -> Vec<Vec<bool>> {
        let count = self.functions.len();
        let mut reach = vec![vec![false; count]; count];
        for (caller, callees) in self.edges.iter().enumerate() {
            for &callee in callees {
                reach[caller][callee as usize] = true;
            }
            if self.indirect[caller] {
                for (callee, code) in self.codes.iter().enumerate() {
                    reach[caller][callee] |= code.address != 0;
                }
            }
        }
        for via in 0..count {
            let row = reach[via].clone();
            for from in &mut reach {
                if from[via] {
                    for (to, &reaches) in from.iter_mut().zip(&row) {
                        *to |= reaches;
                    }
                }
            }
        }
        reach
    }

    /// Local memory of the deepest chain of calls from a function; `None` if there is no deepest.
    fn deepest(&self, from: usize, reach: &[Vec<bool>]) -> Option<u32> {
        let mut depth: Vec<Option<u32>> = vec![None; self.functions.len()];
        self.deepest_of(from, reach, &mut depth)
    }

    fn deepest_of(&self, from: usize, reach: &[Vec<bool>], depth: &mut Vec<Option<u32>>) -> Option<u32> {
        if reach[from][from] {
            return None;
        }
        if let Some(known) = depth[from] {
            return Some(known);
        }
        let mut below = 0;
        for callee in (0..self.functions.len()).filter(|&callee| self.calls_directly(from, callee)) {
            below = below.max(self.deepest_of(callee, reach, depth)?);
        }
        let sum = self.codes[from].local + below;
        depth[from] = Some(sum);
        Some(sum)
    }

    fn calls_directly(&self, from: usize, callee: usize) -> bool {
        self.edges[from].contains(&(callee as u32)) || self.indirect[from] && self.codes[callee].address != 0
    }

    pub(crate) fn call_from_here(&mut self, call: CallSite) -> u32 {
        match call.callee {
            Some(callee) => self.edges[self.number as usize].push(callee),
            None => self.indirect[self.number as usize] = true,
        }
        self.calls.push(call);
        self.callers.push(self.number);
        self.calls.len() as u32 - 1
    }

    pub(crate) fn code_of(&self, number: u32) -> &FunctionCode {
        &self.codes[number as usize]
    }

    fn refuse(&mut self, what: &str, why: &str, line: u32) {
        let function = self.linked.function(self.functions[self.number as usize]).name.to_owned();
        self.refusals.push(Refusal { what: what.to_owned(), why: why.to_owned(), function, line });
    }

    fn statement(&mut self, index: usize, statement: &'p Statement<'p>) {
        match statement {
            Statement::Instruction(instruction) => {
                self.site = self.sites.len() as u32;
                self.sites.push(Site { function: self.number, statement: index as u32 });
                if let Err(why) = self.instruction(instruction) {
                    self.refuse(instruction.opcode.text, &why, instruction.line);
                }
                self.guard = None;
                self.used.clear();
            }
            Statement::Label(name) => self.place_label(name),
            Statement::Register(register) => {
                if let Err(why) = self.scopes.declare_register(register) {
                    self.refuse(&format!(".reg {}", register.name), &why, 0);
                }
            }
            Statement::Variable(variable) => {
                if let Err(why) = self.declare_variable(variable) {
                    self.refuse(&format!("{} {}", variable.space.text(), variable.name), &why, variable.line);
                }
            }
            Statement::Open => {
                self.scopes.open();
                self.labels.open();
            }
            Statement::Close => {
                self.scopes.close();
                self.labels.close();
            }
            Statement::BranchTargets(targets) => {
                self.scopes.declare(targets.label, Symbol::BranchTargets(targets));
            }
            Statement::CallTargets(targets) => self.scopes.declare(targets.label, Symbol::CallTargets),
            Statement::CallPrototype(prototype) => self.scopes.declare(prototype.label, Symbol::Prototype),
            Statement::Unknown(unknown) => self.refuse(unknown.text, "not understood", unknown.line),
            Statement::Loc(_) | Statement::Pragma(_) => {}
        }
    }

    fn instruction(&mut self, instruction: &'p Instruction<'p>) -> Result<(), Refused> {
        let form = Form::new(&instruction.opcode, &instruction.operands);
        let Some(mnemonic) = instruction.opcode.mnemonic else {
            return Err("unknown instruction".to_owned());
        };
        let control = ops::is_control(mnemonic, &instruction.opcode);
        let mut skip = None;
        if let Some(guard) = &instruction.guard {
            let place = self.predicate_of(guard.register)?;
            if ops::reads_own_guard(mnemonic) {
                self.guard = Some(place | u32::from(guard.negated));
            } else if control {
                skip = Some(self.branch_around(place, guard.negated));
            } else {
                let place =
                    if writes(instruction, guard.register) { self.keep_predicate(place) } else { place };
                self.guard = Some(place | u32::from(guard.negated));
            }
        }
        let result = ops::decode(self, mnemonic, form, instruction);
        if let Some(skip) = skip {
            self.land(skip);
        }
        result
    }

    /// Adds an operation, under the instruction's guard.
    pub(crate) fn push(&mut self, mut op: Op) {
        op.site = self.site;
        if let Some(guard) = self.guard {
            op.inner = op.run;
            op.run = pick::<Guarded>(self.isa);
            op.guard = guard;
        }
        self.ops.push(op);
    }

    /// Adds an operation that handles its guard itself.
    pub(crate) fn push_bare(&mut self, mut op: Op) {
        op.site = self.site;
        self.ops.push(op);
    }

    /// The guard of the instruction: its predicate's place, and in bit 0 whether it is negated.
    pub(crate) fn guard(&self) -> Option<u32> {
        self.guard
    }

    fn keep_predicate(&mut self, place: u32) -> u32 {
        let copy = self.temporary(Width::Pred);
        self.push_bare(Op { dst: copy, a: place, ..op(plain::<ops::CopyPredicate>()) });
        copy
    }

    /// Notes an access where shared memory is watched: `op` is the access, which may lie in shared memory alone, or anywhere.
    pub(crate) fn note(&mut self, op: &Op, shared: bool, bytes: u32, kind: Kind) {
        if self.watch {
            let run = if shared { plain::<Note<Shared>>() } else { plain::<Note<Flat>>() };
            self.push(Op { run, a: op.a, imm: op.imm, b: bytes, c: kind.0, ..fields() });
        }
    }

    /// A number for a memory access's cached range.
    pub(crate) fn access(&mut self) -> u32 {
        self.accesses += 1;
        self.accesses - 1
    }
}

fn writes(instruction: &Instruction<'_>, register: &str) -> bool {
    fn names(operand: &Operand<'_>, register: &str) -> bool {
        match operand {
            Operand::Name(name) | Operand::Part { name, .. } => *name == register,
            Operand::Vector(parts) | Operand::List(parts) => parts.iter().any(|part| names(part, register)),
            Operand::Pair(pair) => names(&pair.0, register) || names(&pair.1, register),
            _ => false,
        }
    }
    instruction.operands.first().is_some_and(|first| names(first, register))
}
