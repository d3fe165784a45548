//! The linker: which definition a name means, over all modules, and where variables lie.

use std::collections::{HashMap, HashSet};

use cuferry_ptx::{
    Function, Initial, Item, Linkage, Mnemonic, Module, Operand, Space, Statement, Symbol, Variable,
};

use super::facts::{KernelFacts, size_and_align};
use super::globals::{Global, initial_bytes};
use super::{LoadError, Source};
use crate::memory::{Kind, Memory};

/// A function that has a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FunctionIndex(pub(crate) usize);

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    Function(FunctionIndex),
    /// A variable in global or constant memory: its address.
    Memory(u64),
    /// A variable in shared memory: the module and item that declare it.
    Shared(usize, usize),
    /// A texture, sampler or surface reference.
    Reference,
}

#[derive(Clone, Copy, Debug)]
enum Definition {
    Function(FunctionIndex),
    Variable(usize),
    Shared(usize, usize),
    Reference,
    Alias(usize, usize),
}

/// Modules with their names resolved.
pub(crate) struct Linked<'text> {
    modules: Vec<Module<'text>>,
    files: Vec<HashMap<u32, &'text str>>,
    /// Function: its module, and its item there.
    functions: Vec<(usize, usize)>,
    /// What each module defines, for itself or all.
    own: Vec<HashMap<&'text str, (Linkage, Definition)>>,
    /// What is defined for all.
    exported: HashMap<&'text str, (Linkage, usize, Definition)>,
    variables: Vec<Global>,
    /// Of each variable: its module, and its item there.
    places: Vec<(usize, usize)>,
    visible: HashMap<&'text str, usize>,
    addressed: Vec<FunctionIndex>,
    /// Where functions' addresses begin: [`FUNCTION_SIZE`] bytes each.
    code_base: u64,
}

/// Bytes between the addresses of functions.
const FUNCTION_SIZE: u64 = 16;

impl<'text> Linked<'text> {
    pub(super) fn new(
        sources: &'text [Source],
        memory: &Memory,
        allocations: &mut Vec<u64>,
    ) -> Result<Linked<'text>, LoadError> {
        let mut modules = Vec::new();
        for source in sources {
            let parsed = cuferry_ptx::parse(&source.text);
            if let Some(error) = parsed.errors.first() {
                let message = error.kind.to_string();
                return Err(LoadError::Parse {
                    module: source.name.clone(),
                    line: error.line as usize,
                    message,
                });
            }
            modules.push(parsed.module);
        }
        for (module, source) in modules.iter().zip(sources) {
            if module.address_size.is_some_and(|bits| bits != 64) {
                let message = "only `.address_size 64` is supported".to_owned();
                return Err(LoadError::Parse { module: source.name.clone(), line: 1, message });
            }
        }
        let mut linked = Linked {
            files: modules.iter().map(files).collect(),
            own: vec![HashMap::new(); modules.len()],
            modules: Vec::new(),
            functions: Vec::new(),
            exported: HashMap::new(),
            variables: Vec::new(),
            places: Vec::new(),
            visible: HashMap::new(),
            addressed: Vec::new(),
            code_base: 0,
        };
        linked.places = linked.define(&modules, sources)?;
        linked.modules = modules;
        linked.code_base =
            memory.allocate(FUNCTION_SIZE * linked.functions.len() as u64, 16, Kind::Window)?;
        allocations.push(linked.code_base);
        linked.place(sources, memory, allocations)?;
        linked.initialise(sources, memory, |_| true)?;
        linked.find_addressed();
        Ok(linked)
    }

    /// Notes every definition. Gives the variables that need memory: module and item.
    fn define(
        &mut self,
        modules: &[Module<'text>],
        sources: &[Source],
    ) -> Result<Vec<(usize, usize)>, LoadError> {
        let mut places = Vec::new();
        for (module, tree) in modules.iter().enumerate() {
            for (item, found) in tree.items.iter().enumerate() {
                let (name, linkage, definition) = match found {
                    Item::Function(function) if function.body.is_some() => {
                        self.functions.push((module, item));
                        let index = FunctionIndex(self.functions.len() - 1);
                        let linkage = if function.entry { Linkage::Visible } else { function.linkage };
                        (function.name, linkage, Definition::Function(index))
                    }
                    Item::Variable(variable) if variable.linkage != Linkage::Extern => {
                        let definition = match variable.space {
                            Space::Shared => Definition::Shared(module, item),
                            Space::Tex => Definition::Reference,
                            _ if variable.ty.bits().is_none() => Definition::Reference,
                            _ => {
                                places.push((module, item));
                                Definition::Variable(places.len() - 1)
                            }
                        };
                        (variable.name, variable.linkage, definition)
                    }
                    // Dynamic shared memory is declared `.extern`.
                    Item::Variable(variable) if variable.space == Space::Shared => {
                        (variable.name, Linkage::Local, Definition::Shared(module, item))
                    }
                    Item::Alias { name, .. } => (*name, Linkage::Visible, Definition::Alias(module, item)),
                    _ => continue,
                };
                let twice = |first: usize| LoadError::Duplicate {
                    name: name.to_owned(),
                    first: sources[first].name.clone(),
                    second: sources[module].name.clone(),
                };
                if self.own[module].insert(name, (linkage, definition)).is_some() {
                    return Err(twice(module));
                }
                if linkage == Linkage::Local {
                    continue;
                }
                match self.exported.get(name) {
                    Some((Linkage::Visible, first, _)) if linkage == Linkage::Visible => {
                        return Err(twice(*first));
                    }
                    Some((Linkage::Visible, ..)) => {}
                    Some(_) if linkage != Linkage::Visible => {}
                    _ => {
                        self.exported.insert(name, (linkage, module, definition));
                    }
                }
            }
        }
        Ok(places)
    }

    /// Gives every variable its memory.
    fn place(
        &mut self,
        sources: &[Source],
        memory: &Memory,
        allocations: &mut Vec<u64>,
    ) -> Result<(), LoadError> {
        for &(module, item) in &self.places {
            let Some(variable) = self.variable(module, item) else { continue };
            let Some((size, align)) = size_and_align(variable) else {
                return Err(LoadError::Variable {
                    module: sources[module].name.clone(),
                    line: variable.line,
                    name: variable.name.to_owned(),
                    why: "its size is not known".to_owned(),
                });
            };
            let constant = variable.space == Space::Const;
            let managed = variable.attributes.iter().any(|attribute| attribute.name == "managed");
            let kind = match (constant, managed) {
                (true, _) => Kind::Constant,
                (_, true) => Kind::Managed,
                _ => Kind::Global,
            };
            let name = variable.name.to_owned();
            let address = memory.allocate(size, align.into(), kind)?;
            allocations.push(address);
            self.variables.push(Global { name, address, size, constant, managed });
        }
        let visible =
            |(name, (_, _, definition)): (&&'text str, &(Linkage, usize, Definition))| match definition {
                Definition::Variable(index) => Some((*name, *index)),
                _ => None,
            };
        self.visible = self.exported.iter().filter_map(visible).collect();
        // What one module keeps to itself the host still finds by name, if nothing else has it.
        for own in &self.own {
            for (name, (_, definition)) in own {
                if let Definition::Variable(index) = definition {
                    self.visible.entry(name).or_insert(*index);
                }
            }
        }
        Ok(())
    }

    /// Gives variables what they start with.
    pub(super) fn initialise(
        &self,
        sources: &[Source],
        memory: &Memory,
        wanted: impl Fn(&Global) -> bool,
    ) -> Result<(), LoadError> {
        let variables = self.places.iter().zip(&self.variables);
        for (&(module, item), global) in variables.filter(|(_, global)| wanted(global)) {
            let Some(variable) = self.variable(module, item) else { continue };
            let bytes = initial_bytes(variable, |name| match self.meaning(module, name)? {
                Meaning::Memory(address) => Some(address),
                Meaning::Function(function) => Some(self.function_address(function)),
                Meaning::Shared(..) | Meaning::Reference => None,
            });
            let bytes = bytes.map_err(|why| LoadError::Variable {
                module: sources[module].name.clone(),
                line: variable.line,
                name: variable.name.to_owned(),
                why,
            })?;
            memory.write(global.address, &bytes)?;
        }
        Ok(())
    }

    /// Notes the functions whose address something takes.
    fn find_addressed(&mut self) {
        let mut found = HashSet::new();
        for (module, tree) in self.modules.iter().enumerate() {
            let mut note = |name: &str| {
                if let Some(Meaning::Function(function)) = self.meaning(module, name) {
                    found.insert(function);
                }
            };
            for item in &tree.items {
                match item {
                    Item::Variable(variable) => {
                        symbols(variable.initial.as_ref(), &mut |symbol| note(symbol.name));
                    }
                    Item::Function(function) => {
                        for statement in function.body.iter().flat_map(|body| &body.statements) {
                            let Statement::Instruction(instruction) = statement else { continue };
                            if instruction.opcode.mnemonic == Some(Mnemonic::Mov)
                                && let Some(Operand::Name(name)) = instruction.operands.get(1)
                            {
                                note(name);
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
        self.addressed = found.into_iter().collect();
        self.addressed.sort_unstable();
    }

    fn variable(&self, module: usize, item: usize) -> Option<&Variable<'text>> {
        match self.modules[module].items.get(item) {
            Some(Item::Variable(variable)) => Some(variable),
            _ => None,
        }
    }

    /// What a name means in a module.
    pub(crate) fn meaning(&self, module: usize, name: &str) -> Option<Meaning> {
        let own = self.own[module].get(name);
        let definition = match own {
            Some((Linkage::Local, definition)) => *definition,
            _ => match self.exported.get(name) {
                Some((_, _, definition)) => *definition,
                None => own?.1,
            },
        };
        Some(match definition {
            Definition::Function(function) => Meaning::Function(function),
            Definition::Variable(index) => Meaning::Memory(self.variables.get(index)?.address),
            Definition::Shared(module, item) => Meaning::Shared(module, item),
            Definition::Reference => Meaning::Reference,
            Definition::Alias(module, item) => match self.modules[module].items.get(item) {
                // An alias of an alias isn't allowed (11.6.?), so that this ends.
                Some(Item::Alias { aliasee, .. }) => match self.own[module].get(aliasee)?.1 {
                    Definition::Function(function) => Meaning::Function(function),
                    _ => return None,
                },
                _ => return None,
            },
        })
    }

    pub(crate) fn function(&self, index: FunctionIndex) -> &Function<'text> {
        let (module, item) = self.functions[index.0];
        match &self.modules[module].items[item] {
            Item::Function(function) => function,
            _ => unreachable!("`functions` lists functions"),
        }
    }

    pub(crate) fn module_of(&self, index: FunctionIndex) -> usize {
        self.functions[index.0].0
    }

    /// A declaration of shared memory.
    pub(crate) fn shared(&self, module: usize, item: usize) -> Option<&Variable<'text>> {
        self.variable(module, item)
    }

    pub(crate) fn file(&self, module: usize, index: u32) -> Option<&'text str> {
        self.files[module].get(&index).copied()
    }

    /// The address that a function has for kernels.
    pub(crate) fn function_address(&self, index: FunctionIndex) -> u64 {
        self.code_base + FUNCTION_SIZE * index.0 as u64
    }

    /// The same, if something takes it; else 0.
    pub(crate) fn address_of(&self, index: FunctionIndex) -> u64 {
        if self.addressed.binary_search(&index).is_ok() { self.function_address(index) } else { 0 }
    }

    pub(crate) fn addressed(&self) -> &[FunctionIndex] {
        &self.addressed
    }

    pub(super) fn kernels(&self) -> impl Iterator<Item = (FunctionIndex, KernelFacts)> + '_ {
        let functions =
            (0..self.functions.len()).map(FunctionIndex).filter(|&index| self.function(index).entry);
        functions.map(|index| (index, KernelFacts::of(self.function(index))))
    }

    pub(super) fn global(&self, name: &str) -> Option<&Global> {
        self.visible.get(name).map(|&index| &self.variables[index])
    }

    pub(super) fn globals(&self) -> impl Iterator<Item = &Global> {
        self.variables.iter()
    }
}

fn files<'text>(module: &Module<'text>) -> HashMap<u32, &'text str> {
    let files = module.items.iter().filter_map(|item| match item {
        Item::File(file) => Some((file.index, file.name)),
        _ => None,
    });
    files.collect()
}

fn symbols<'text>(initial: Option<&Initial<'text>>, note: &mut impl FnMut(&Symbol<'text>)) {
    match initial {
        Some(Initial::Symbol(symbol)) => note(symbol),
        Some(Initial::List(list)) => list.iter().for_each(|item| symbols(Some(item), note)),
        Some(Initial::Number(_)) | None => {}
    }
}
