//! A function: its scopes, labels, parameters and variables.

use std::collections::HashMap;

use cuferry_ptx::{Instruction, Operand, Register, Space, Statement, Targets, Type, Variable};

use super::{Decoder, Field, op};
use crate::code::{Fixed, Op, Site, Width, Words};
use crate::lanes::plain;
use crate::ops;
use crate::program::Meaning;

/// What a name within a function stands for.
#[derive(Clone, Debug)]
pub(crate) enum Symbol<'p> {
    /// A register, and its place once something has used it.
    Register {
        width: Width,
        slot: Option<u32>,
    },
    /// The elements of a vector register.
    Vector {
        width: Width,
        slots: Vec<u32>,
    },
    /// A parameter of a device function, or one that a call passes.
    Words(Words),
    /// A parameter of the kernel: its offset.
    Parameter(u32),
    /// In local memory, from the function's base.
    Local(u32),
    /// In shared memory.
    Shared(u32),
    /// In global or constant memory.
    Memory(u64),
    BranchTargets(&'p Targets<'p>),
    CallTargets,
    Prototype,
}

/// Names, innermost last.
#[derive(Debug, Default)]
pub(super) struct Scopes<'p> {
    levels: Vec<Level<'p>>,
}

#[derive(Debug, Default)]
struct Level<'p> {
    names: HashMap<&'p str, Symbol<'p>>,
    rows: HashMap<&'p str, (Width, u8, u32)>,
}

impl<'p> Scopes<'p> {
    pub(super) fn open(&mut self) {
        self.levels.push(Level::default());
    }

    pub(super) fn close(&mut self) {
        self.levels.pop();
    }

    pub(super) fn declare(&mut self, name: &'p str, symbol: Symbol<'p>) {
        if let Some(level) = self.levels.last_mut() {
            level.names.insert(name, symbol);
        }
    }

    pub(super) fn declare_register(&mut self, register: &Register<'p>) -> Result<(), String> {
        let width =
            register.ty.bits().and_then(Width::of_bits).ok_or("registers of this type are not supported")?;
        let vector = register.vector.unwrap_or(1);
        let Some(level) = self.levels.last_mut() else { return Ok(()) };
        match register.count {
            Some(count) => {
                level.rows.insert(register.name, (width, vector, count));
            }
            None if vector > 1 => {
                level.names.insert(register.name, Symbol::Vector { width, slots: Vec::new() });
                level.rows.insert(register.name, (width, vector, 0));
            }
            None => {
                level.names.insert(register.name, Symbol::Register { width, slot: None });
            }
        }
        Ok(())
    }

    /// The innermost meaning of a name. A register of a numbered row gets its own entry on first use.
    pub(super) fn find(&mut self, name: &'p str) -> Option<&mut Symbol<'p>> {
        let stem = name.trim_end_matches(|digit: char| digit.is_ascii_digit());
        let number: Option<u32> = name[stem.len()..].parse().ok();
        for level in self.levels.iter_mut().rev() {
            if !level.names.contains_key(name)
                && let Some(number) = number
            {
                // `%r12` may be of the row `%r` or, rarely, of `%r1`.
                let row = (stem.len()..name.len()).find_map(|end| {
                    let (width, vector, count) = *level.rows.get(&name[..end])?;
                    let number: u32 = if end == stem.len() { number } else { name[end..].parse().ok()? };
                    (number < count).then_some((width, vector))
                });
                if let Some((width, vector)) = row {
                    let symbol = if vector > 1 {
                        Symbol::Vector { width, slots: vec![0; vector.into()] }
                    } else {
                        Symbol::Register { width, slot: None }
                    };
                    level.names.insert(name, symbol);
                }
            }
            if level.names.contains_key(name) {
                return level.names.get_mut(name);
            }
        }
        None
    }

    /// Elements of a declared vector register.
    pub(super) fn vector_size(&self, name: &str) -> Option<u8> {
        self.levels.iter().rev().find_map(|level| level.rows.get(name).map(|row| row.1))
    }
}

/// Labels: each belongs to the braces that it stands in.
#[derive(Debug, Default)]
pub(super) struct Labels<'p> {
    /// Label: the braces, and its number.
    known: HashMap<(u32, &'p str), u32>,
    /// Number: its place in the code, once known.
    places: Vec<Option<u32>>,
    /// Braces: those around them.
    parents: Vec<u32>,
    current: u32,
    next: u32,
}

impl<'p> Labels<'p> {
    /// Looks through a body for all labels, since a branch may come first.
    pub(super) fn new(statements: &'p [Statement<'p>]) -> Labels<'p> {
        let mut labels = Labels { parents: vec![0], ..Labels::default() };
        for statement in statements {
            match statement {
                Statement::Open => labels.open(),
                Statement::Close => labels.close(),
                Statement::Label(name) => {
                    labels.known.insert((labels.current, name), labels.places.len() as u32);
                    labels.places.push(None);
                }
                _ => {}
            }
        }
        labels.parents.truncate(1);
        labels.current = 0;
        labels.next = 0;
        labels
    }

    pub(super) fn open(&mut self) {
        self.next += 1;
        self.parents.push(self.current);
        self.current = self.next;
    }

    pub(super) fn close(&mut self) {
        self.current = self.parents[self.current as usize];
    }

    fn find(&self, name: &str) -> Option<u32> {
        let mut level = self.current;
        loop {
            if let Some(&number) = self.known.get(&(level, name)) {
                return Some(number);
            }
            if level == 0 {
                return None;
            }
            level = self.parents[level as usize];
        }
    }
}

impl<'p> Decoder<'p> {
    /// Gives a function's parameters and results their places, so that calls of it can be decoded before it is.
    pub(super) fn declare_parameters(&mut self, number: u32) {
        let function = self.linked.function(self.functions[number as usize]);
        if function.entry {
            return;
        }
        let mut words = |variable: &Variable<'_>| {
            let bytes = crate::program::variable_layout(variable).map_or(0, |(size, _)| size);
            let count = bytes.div_ceil(4).max(1) as u32;
            Words { offset: self.layout.words(count), count }
        };
        let parameters: Vec<Words> = function.parameters.iter().map(&mut words).collect();
        let returns: Vec<Words> = function.returns.iter().map(&mut words).collect();
        let code = &mut self.codes[number as usize];
        (code.parameters, code.returns) = (parameters, returns);
    }

    /// Decodes a function.
    pub(super) fn function(&mut self, number: usize) {
        let index = self.functions[number];
        let function = self.linked.function(index);
        self.number = number as u32;
        self.module = self.linked.module_of(index);
        self.scopes = Scopes::default();
        self.scopes.open();
        self.local = 0;
        self.carry = None;
        self.registers.clear();
        self.temporaries.clear();
        self.codes[number].entry = self.ops.len() as u32;
        let Some(body) = &function.body else { return };
        self.labels = Labels::new(&body.statements);
        self.defined = definitions(&body.statements);
        if let Err(why) = self.declare_head(number) {
            self.refuse(function.name, &why, function.line);
        }
        for (index, statement) in body.statements.iter().enumerate() {
            self.statement(index, statement);
        }
        // Falling off the end returns.
        self.site = self.sites.len() as u32;
        self.sites
            .push(Site { function: self.number, statement: body.statements.len().saturating_sub(1) as u32 });
        self.push_bare(Op { guard: u32::MAX, ..op(plain::<ops::Return>()) });
        self.settle_labels();
        let local = self.local.next_multiple_of(16);
        self.codes[number].local = local;
        let mut registers = std::mem::take(&mut self.registers);
        for words in self.codes[number].parameters.iter().chain(&self.codes[number].returns) {
            registers
                .extend((0..words.count).map(|word| (words.offset + word * Width::W32.slot(), Width::W32)));
        }
        self.codes[number].registers = registers;
    }

    fn declare_head(&mut self, number: usize) -> Result<(), String> {
        let function = self.linked.function(self.functions[number]);
        if function.entry {
            let mut offset = 0_u32;
            for parameter in &function.parameters {
                let (size, align) = crate::program::variable_layout(parameter).unwrap_or((8, 8));
                offset = offset.next_multiple_of(align);
                self.scopes.declare(parameter.name, Symbol::Parameter(offset));
                offset += u32::try_from(size).map_err(|_| "its parameters are too large")?;
            }
            return Ok(());
        }
        let code = self.codes[number].clone();
        let all =
            function.parameters.iter().zip(code.parameters).chain(function.returns.iter().zip(code.returns));
        for (variable, words) in all {
            if variable.space == Space::Reg {
                return Err("parameters in registers are not supported".to_owned());
            }
            self.scopes.declare(variable.name, Symbol::Words(words));
        }
        Ok(())
    }

    pub(super) fn declare_variable(&mut self, variable: &'p Variable<'p>) -> Result<(), String> {
        let open = variable.space == Space::Shared && variable.dimensions.first() == Some(&None);
        if variable.space == Space::Shared {
            let offset = self.place_shared(&format!("{}.{}", self.number, variable.name), variable, open)?;
            self.scopes.declare(variable.name, Symbol::Shared(offset));
            return Ok(());
        }
        let (size, align) = crate::program::variable_layout(variable).ok_or("its size is not known")?;
        let size = u32::try_from(size).map_err(|_| "it is too large")?;
        let count = variable.count.unwrap_or(1);
        match variable.space {
            Space::Local => {
                self.local = self.local.next_multiple_of(align);
                self.scopes.declare(variable.name, Symbol::Local(self.local));
                self.local =
                    self.local.checked_add(size).filter(|&sum| sum < 1 << 24).ok_or("it is too large")?;
            }
            Space::Param if count == 1 => {
                let words = Words {
                    offset: self.layout.words(size.div_ceil(4).max(1)),
                    count: size.div_ceil(4).max(1),
                };
                self.registers.extend(
                    (0..words.count).map(|word| (words.offset + word * Width::W32.slot(), Width::W32)),
                );
                self.scopes.declare(variable.name, Symbol::Words(words));
            }
            _ => return Err(format!("variables in `.{}` are not supported here", variable.space)),
        }
        Ok(())
    }

    /// The offset of a variable in shared memory.
    fn place_shared(&mut self, key: &str, variable: &Variable<'_>, open: bool) -> Result<u32, String> {
        if let Some(&offset) = self.shared.get(&(self.module, key.to_owned())) {
            return Ok(offset);
        }
        if open {
            // All open arrays start at one place, behind everything else, which only the end of decoding knows.
            self.dynamic = true;
            self.shared_align = self.shared_align.max(variable.align.unwrap_or(1));
            return Ok(DYNAMIC);
        }
        let (size, align) = crate::program::variable_layout(variable).ok_or("its size is not known")?;
        let offset = self.shared_size.next_multiple_of(align);
        let end = u64::from(offset) + size;
        self.shared_size = u32::try_from(end)
            .ok()
            .filter(|&end| end <= DYNAMIC)
            .ok_or("it does not fit into shared memory")?;
        self.shared_align = self.shared_align.max(align);
        self.shared.insert((self.module, key.to_owned()), offset);
        Ok(offset)
    }

    /// What a name means here: of the function, its module, or another module.
    pub(crate) fn symbol(&mut self, name: &'p str) -> Result<Symbol<'p>, String> {
        if let Some(symbol) = self.scopes.find(name) {
            return Ok(symbol.clone());
        }
        match self.linked.meaning(self.module, name) {
            Some(Meaning::Memory(address)) => Ok(Symbol::Memory(address)),
            Some(Meaning::Function(function)) => Ok(Symbol::Memory(self.linked.function_address(function))),
            Some(Meaning::Shared(module, item)) => {
                let variable = self.linked.shared(module, item).ok_or("it is not declared")?;
                let open = variable.dimensions.first() == Some(&None);
                let key = format!("{module}.{item}");
                let here = std::mem::replace(&mut self.module, module);
                let offset = self.place_shared(&key, variable, open);
                self.module = here;
                Ok(Symbol::Shared(offset?))
            }
            Some(Meaning::Reference) => Err(format!("`{name}`: texture references are not supported")),
            None => Err(format!("`{name}` is not declared, or in no module that was loaded")),
        }
    }

    /// The place of a register.
    pub(crate) fn register(&mut self, name: &'p str) -> Option<(Width, u32)> {
        let Symbol::Register { width, slot } = self.scopes.find(name)? else { return None };
        let width = *width;
        if let Some(slot) = *slot {
            return Some((width, slot));
        }
        let place = self.layout.place(width);
        self.registers.push((place, width));
        if let Some(Symbol::Register { slot, .. }) = self.scopes.find(name) {
            *slot = Some(place);
        }
        Some((width, place))
    }

    /// The elements of a vector register.
    pub(crate) fn vector_register(&mut self, name: &'p str) -> Option<(Width, Vec<u32>)> {
        let size = self.scopes.vector_size(name);
        let Symbol::Vector { width, slots } = self.scopes.find(name)? else { return None };
        let (width, mut places) = (*width, slots.clone());
        if places.is_empty() || places.iter().all(|&place| place == 0) {
            let count = if places.is_empty() { usize::from(size?) } else { places.len() };
            places = (0..count).map(|_| self.layout.place(width)).collect();
            self.registers.extend(places.iter().map(|&place| (place, width)));
            if let Some(Symbol::Vector { slots, .. }) = self.scopes.find(name) {
                slots.clone_from(&places);
            }
        }
        Some((width, places))
    }

    /// Lets a register that is written once be the same as a fixed one. `false`: it can't.
    pub(crate) fn alias(&mut self, name: &'p str, width: Width, place: u32) -> bool {
        if self.guard.is_some() || self.defined.get(name) != Some(&1) {
            return false;
        }
        match self.scopes.find(name) {
            Some(Symbol::Register { width: own, slot: slot @ None }) if *own == width => {
                *slot = Some(place);
                true
            }
            _ => false,
        }
    }

    /// A register that nothing else uses while this instruction is decoded.
    pub(crate) fn temporary(&mut self, width: Width) -> u32 {
        let used = self.used.entry(width).or_default();
        let key = (width, *used);
        *used += 1;
        if let Some(&place) = self.temporaries.get(&key) {
            return place;
        }
        let place = self.layout.place(width);
        self.temporaries.insert(key, place);
        self.registers.push((place, width));
        place
    }

    /// A register that nothing else uses, in this function.
    pub(crate) fn lasting(&mut self, width: Width) -> u32 {
        let place = self.layout.place(width);
        self.registers.push((place, width));
        place
    }

    /// A row of 32-bit registers that nothing else uses.
    pub(crate) fn row(&mut self, count: u32) -> u32 {
        let place = self.layout.words(count);
        self.registers.extend((0..count).map(|word| (place + word * Width::W32.slot(), Width::W32)));
        place
    }

    /// A register that holds one value in all lanes for good.
    pub(crate) fn fixed(&mut self, fixed: Fixed) -> u32 {
        if let Some(&place) = self.fixed.get(&fixed) {
            return place;
        }
        let width = match fixed {
            Fixed::Value(width, _) | Fixed::Special(_, width) | Fixed::Parameter { width, .. } => width,
            Fixed::Truth(_) => Width::Pred,
            Fixed::ParameterAddress(_) => Width::W64,
        };
        let place = self.layout.place(width);
        self.fixed.insert(fixed, place);
        self.fixed_order.push((fixed, place));
        self.fixed_places.insert(place, fixed);
        place
    }

    /// The width of a register, without giving it a place.
    pub(crate) fn width_of_register(&mut self, name: &'p str) -> Option<(Width, bool)> {
        match self.scopes.find(name)? {
            Symbol::Register { width, slot } => Some((*width, slot.is_some())),
            _ => None,
        }
    }

    /// The constant that a place holds, if it does.
    pub(crate) fn constant_at(&self, place: u32) -> Option<u64> {
        match self.fixed_places.get(&place)? {
            Fixed::Value(_, bits) => Some(*bits),
            _ => None,
        }
    }

    /// Whether a place holds a value that is fixed for good.
    pub(crate) fn is_fixed(&self, place: u32) -> bool {
        self.fixed_places.contains_key(&place)
    }

    pub(super) fn place_label(&mut self, name: &str) {
        // Whoever comes from above meets here those who came by a jump.
        self.push_bare(op(plain::<ops::Join>()));
        if let Some(number) = self.labels.find(name) {
            self.labels.places[number as usize] = Some(self.ops.len() as u32);
        }
    }

    /// Has an operation's field filled with the place of a label, once that is known.
    pub(crate) fn refer(&mut self, operation: usize, field: Field, label: &str) -> Result<(), String> {
        let number = self.labels.find(label).ok_or_else(|| format!("there is no label `{label}`"))?;
        self.fixups.push((operation, field, number));
        Ok(())
    }

    fn settle_labels(&mut self) {
        for (operation, field, label) in std::mem::take(&mut self.fixups) {
            let place = self.labels.places[label as usize].unwrap_or(0);
            match field {
                Field::C => {
                    self.ops[operation].c = place;
                    self.ops[operation].b = u32::from(place <= operation as u32);
                }
                Field::Table(table, index) => self.tables[table][index] = place,
            }
        }
    }

    /// Jumps over what follows, where a predicate has this value. Gives what [`Decoder::land`] needs.
    pub(super) fn branch_around(&mut self, predicate: u32, when: bool) -> usize {
        let at = self.ops.len();
        let guard = predicate | u32::from(!when);
        self.push_bare(Op { a: guard, d: at as u32 + 1, ..op(plain::<ops::Branch>()) });
        at
    }

    /// Ends a [`Decoder::branch_around`].
    pub(super) fn land(&mut self, branch: usize) {
        self.push_bare(op(plain::<ops::Join>()));
        self.ops[branch].c = self.ops.len() as u32;
    }
}

/// Stands for the start of dynamic shared memory until that is known.
pub(crate) const DYNAMIC: u32 = 1 << 23;

/// How often each name is written.
fn definitions<'p>(statements: &'p [Statement<'p>]) -> HashMap<&'p str, u32> {
    fn note<'p>(operand: &Operand<'p>, counts: &mut HashMap<&'p str, u32>) {
        match operand {
            Operand::Name(name) | Operand::Part { name, .. } => *counts.entry(name).or_default() += 1,
            Operand::Vector(parts) | Operand::List(parts) => parts.iter().for_each(|part| note(part, counts)),
            Operand::Pair(pair) => {
                note(&pair.0, counts);
                note(&pair.1, counts);
            }
            _ => {}
        }
    }
    let mut counts = HashMap::new();
    for statement in statements {
        if let Statement::Instruction(Instruction { operands, .. }) = statement
            && let Some(first) = operands.first()
        {
            note(first, &mut counts);
        }
    }
    counts
}

/// Whether a type's values are at most so wide that a 16-bit register holds them.
pub(crate) fn width_of(ty: Type) -> Result<Width, String> {
    ty.bits().and_then(Width::of_bits).ok_or_else(|| format!("`.{ty}` is not supported here"))
}
