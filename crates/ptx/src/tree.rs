//! The syntax tree. Names borrow from the text; bodies are flat, with braces as statements, so that nothing recurses.

use std::sync::Arc;

use crate::opcode::Opcode;
use crate::operand::{Immediate, Operand};
use crate::section::Section;
use crate::span::Span;
use crate::types::{Space, Type};

/// A PTX module: what one file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Module<'text> {
    /// `.version` (11.1.1), major and minor.
    pub version: Option<(u32, u32)>,
    /// `.target` (11.1.2): the architecture and its options.
    pub target: Vec<&'text str>,
    /// `.address_size` (11.1.3), in bits.
    pub address_size: Option<u32>,
    /// Everything else, in the order of the text.
    pub items: Vec<Item<'text>>,
}

/// What stands outside of functions.
#[derive(Clone, Debug, PartialEq)]
pub enum Item<'text> {
    /// A kernel or function, defined or only declared.
    Function(Box<Function<'text>>),
    /// A variable.
    Variable(Box<Variable<'text>>),
    /// `.alias name, aliasee;`
    Alias {
        /// The new name.
        name: &'text str,
        /// The function that it names.
        aliasee: &'text str,
    },
    /// `.file`: a source file.
    File(File<'text>),
    /// `.section`: debug information.
    Section(Section<'text>),
    /// `.pragma`.
    Pragma(Vec<&'text str>),
    /// A directive that this crate doesn't know, or couldn't read.
    Unknown(Unknown<'text>),
}

/// Text that could not be read: an error names it. Whatever holds it is not to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown<'text> {
    /// As written, with its `;`.
    pub text: &'text str,
    /// Where it stands.
    pub span: Span,
    /// Its line, from 1.
    pub line: u32,
}

/// `.file` (11.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File<'text> {
    /// The number that `.loc` uses.
    pub index: u32,
    /// The path, as written between the quotes.
    pub name: &'text str,
    /// Time stamp and size, where given.
    pub stamp: Option<(u64, u64)>,
}

/// How other modules see a name (11.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Linkage {
    /// Not at all.
    #[default]
    Local,
    /// `.visible`: it is defined here for all.
    Visible,
    /// `.extern`: it is defined elsewhere.
    Extern,
    /// `.weak`: one of several definitions is taken.
    Weak,
    /// `.common`: definitions are merged, the largest wins.
    Common,
}

/// A kernel or a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Function<'text> {
    /// How other modules see it.
    pub linkage: Linkage,
    /// `.entry` rather than `.func`.
    pub entry: bool,
    /// `.attribute(…)`, each as written.
    pub attributes: Vec<Attribute<'text>>,
    /// What it returns.
    pub returns: Vec<Variable<'text>>,
    /// Its name.
    pub name: &'text str,
    /// What it takes.
    pub parameters: Vec<Variable<'text>>,
    /// What stands between the parameters and the body.
    pub directives: Vec<Directive<'text>>,
    /// `None` for a declaration.
    pub body: Option<Body<'text>>,
    /// From the first word to the end of its head.
    pub span: Span,
    /// The line of its first word, from 1.
    pub line: u32,
}

/// `.attribute(.unified(1, 2))`: one attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute<'text> {
    /// `managed`, `unified`.
    pub name: &'text str,
    /// What stands in its parentheses.
    pub values: Vec<Immediate>,
}

/// A performance directive (11.4) or another word between parameters and body.
#[derive(Clone, Debug, PartialEq)]
pub enum Directive<'text> {
    /// `.maxntid`: at most so many threads a block; what isn't given is 1.
    Maxntid([u32; 3]),
    /// `.reqntid`: exactly so many.
    Reqntid([u32; 3]),
    /// `.minnctapersm`.
    Minnctapersm(u32),
    /// `.maxnctapersm`.
    Maxnctapersm(u32),
    /// `.maxnreg`.
    Maxnreg(u32),
    /// `.reqnctapercluster`.
    Reqnctapercluster([u32; 3]),
    /// `.maxclusterrank`.
    Maxclusterrank(u32),
    /// `.explicitcluster`.
    Explicitcluster,
    /// `.blocksareclusters`.
    Blocksareclusters,
    /// `.noreturn`.
    Noreturn,
    /// `.pragma`.
    Pragma(Vec<&'text str>),
    /// Any other, with its numbers.
    Other {
        /// Without the dot.
        name: &'text str,
        /// What follows it.
        values: Vec<Immediate>,
    },
}

/// The inside of a function.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Body<'text> {
    /// In the order of the text.
    pub statements: Vec<Statement<'text>>,
    /// The places that `.loc` names, in the order of the text; [`LocId`] counts them.
    pub locs: Vec<Loc<'text>>,
}

impl<'text> Body<'text> {
    /// The place that an instruction or statement names.
    pub fn loc(&self, id: LocId) -> Option<&Loc<'text>> {
        self.locs.get(id.0 as usize)
    }

    /// The instructions, without what stands between them.
    pub fn instructions(&self) -> impl Iterator<Item = &Instruction<'text>> {
        self.statements.iter().filter_map(|statement| match statement {
            Statement::Instruction(instruction) => Some(instruction),
            _ => None,
        })
    }
}

/// Which `.loc` of a body, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocId(pub u32);

/// `.loc` (11.5.3): the place in the sources that the instructions behind it come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Loc<'text> {
    /// The number of a `.file`.
    pub file: u32,
    /// From 1; 0 where the compiler has none.
    pub line: u32,
    /// From 1; 0 where the compiler has none.
    pub column: u32,
    /// Where it was inlined, if it was.
    pub inlined: Option<Inlined<'text>>,
}

/// `function_name label, inlined_at file line column`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Inlined<'text> {
    /// A label in `.debug_str`; [`Module::debug_string`] reads the name there.
    pub function: &'text str,
    /// Bytes behind the label.
    pub offset: u32,
    /// The number of a `.file`.
    pub file: u32,
    /// The line of the call.
    pub line: u32,
    /// The column of the call.
    pub column: u32,
}

/// What stands in a function.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement<'text> {
    /// An instruction, known or not.
    Instruction(Instruction<'text>),
    /// `name:`
    Label(&'text str),
    /// `.reg`: one register or a numbered row of them.
    Register(Register<'text>),
    /// A variable of any other space.
    Variable(Box<Variable<'text>>),
    /// `{`: names declared from here on end with the `}` that belongs to it. Braces are balanced.
    Open,
    /// `}`
    Close,
    /// `.loc`: [`Body::locs`] has it.
    Loc(LocId),
    /// `.pragma`
    Pragma(Vec<&'text str>),
    /// `label: .branchtargets a, b;`: where `brx.idx` may go.
    BranchTargets(Targets<'text>),
    /// `label: .calltargets f, g;`: what an indirect `call` may call.
    CallTargets(Targets<'text>),
    /// `label: .callprototype …;`: what an indirect `call` passes.
    CallPrototype(Box<Prototype<'text>>),
    /// A statement that couldn't be read; an error names it.
    Unknown(Unknown<'text>),
}

/// A list of labels or functions, with a name of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Targets<'text> {
    /// Its name.
    pub label: &'text str,
    /// In the order of the text.
    pub targets: Vec<&'text str>,
}

/// `.callprototype` (11.3.3).
#[derive(Clone, Debug, PartialEq)]
pub struct Prototype<'text> {
    /// Its name.
    pub label: &'text str,
    /// What the function returns.
    pub returns: Vec<Variable<'text>>,
    /// What it takes.
    pub parameters: Vec<Variable<'text>>,
    /// `.noreturn` and its like.
    pub directives: Vec<Directive<'text>>,
}

/// `.reg .b32 %r<12>`: the registers `%r0` to `%r11`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register<'text> {
    /// The type of each element.
    #[doc(alias = "type")]
    pub ty: Type,
    /// The elements of a `.v2` or `.v4`.
    pub vector: Option<u8>,
    /// The name, or what stands before the number.
    pub name: &'text str,
    /// How many there are, numbered from 0; `None` for a single one.
    pub count: Option<u32>,
}

/// A variable or parameter: all but `.reg` inside of functions.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable<'text> {
    /// How other modules see it.
    pub linkage: Linkage,
    /// Where it lies. A function's parameters may be `.reg`.
    pub space: Space,
    /// `.attribute(.managed)` and its like.
    pub attributes: Vec<Attribute<'text>>,
    /// In bytes, where given.
    pub align: Option<u32>,
    /// The elements of a `.v2`, `.v4`.
    pub vector: Option<u8>,
    /// The type of each element.
    #[doc(alias = "type")]
    pub ty: Type,
    /// `.ptr`: what a kernel's parameter points to.
    pub pointer: Option<Pointer>,
    /// Its name; `_` in a prototype.
    pub name: &'text str,
    /// `name<4>`: a numbered row of variables.
    pub count: Option<u32>,
    /// The elements of an array, outermost first; `None` where the text leaves it open.
    pub dimensions: Vec<Option<u64>>,
    /// What it starts with; zeroes without one.
    pub initial: Option<Initial<'text>>,
    /// Where it is declared.
    pub span: Span,
    /// The line of its name, from 1.
    pub line: u32,
}

/// `.ptr .global .align 8` (5.4.?: kernel parameter attributes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// The space that it points into; generic without one.
    pub space: Option<Space>,
    /// How what it points to is aligned, in bytes.
    pub align: Option<u32>,
}

/// What a variable starts with (5.4.4).
#[derive(Clone, Debug, PartialEq)]
pub enum Initial<'text> {
    /// A number.
    Number(Immediate),
    /// An address.
    Symbol(Box<Symbol<'text>>),
    /// `{1, 2}`: elements; those left out are zero. Lists in lists are the rows of arrays.
    List(Vec<Self>),
}

/// `0xFF(generic(name)+8)`: an address in an initialiser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbol<'text> {
    /// A variable or function.
    pub name: &'text str,
    /// `generic(…)`: as a generic address.
    pub generic: bool,
    /// In bytes, added.
    pub offset: i64,
    /// Which byte of the address is meant: `0xFF00(name)` is the second.
    pub mask: Option<u64>,
}

/// `@%p1`, `@!%p1`: the predicate that an instruction waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Guard<'text> {
    /// The predicate register.
    pub register: &'text str,
    /// Whether it has to be false.
    pub negated: bool,
}

/// One instruction.
#[derive(Clone, Debug, PartialEq)]
pub struct Instruction<'text> {
    /// What has to hold for it to run.
    pub guard: Option<Guard<'text>>,
    /// What it is.
    pub opcode: Arc<Opcode<'text>>,
    /// What it works on, in the order of the text: destinations first.
    pub operands: Vec<Operand<'text>>,
    /// From the guard to the last operand.
    pub span: Span,
    /// Its line in the PTX, from 1.
    pub line: u32,
    /// The `.loc` before it.
    pub loc: Option<LocId>,
}

/// The parts of a `call`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Call<'tree, 'text> {
    /// Where the results go.
    pub returns: &'tree [Operand<'text>],
    /// A function's name, or a register that holds an address.
    pub target: &'text str,
    /// What is passed.
    pub arguments: &'tree [Operand<'text>],
    /// Of an indirect call: the label of its `.calltargets` or `.callprototype`.
    pub prototype: Option<&'text str>,
}

impl<'text> Instruction<'text> {
    /// The parts of a `call`; `None` for another instruction, or a call that is not written as the manual says.
    pub fn call(&self) -> Option<Call<'_, 'text>> {
        if self.opcode.mnemonic != Some(crate::Mnemonic::Call) {
            return None;
        }
        let (returns, rest) = match self.operands.as_slice() {
            [Operand::List(returns), rest @ ..] => (returns.as_slice(), rest),
            rest => (&[][..], rest),
        };
        let (target, rest) = match rest {
            [Operand::Name(target), rest @ ..] => (*target, rest),
            _ => return None,
        };
        let (arguments, rest) = match rest {
            [Operand::List(arguments), rest @ ..] => (arguments.as_slice(), rest),
            rest => (&[][..], rest),
        };
        let prototype = match rest {
            [] => None,
            [Operand::Name(prototype)] => Some(*prototype),
            _ => return None,
        };
        Some(Call { returns, target, arguments, prototype })
    }
}

impl<'text> Module<'text> {
    /// Kernels and functions, in the order of the text; one may be declared and defined.
    pub fn functions(&self) -> impl Iterator<Item = &Function<'text>> {
        self.items.iter().filter_map(|item| match item {
            Item::Function(function) => Some(function.as_ref()),
            _ => None,
        })
    }

    /// Variables outside of functions.
    pub fn variables(&self) -> impl Iterator<Item = &Variable<'text>> {
        self.items.iter().filter_map(|item| match item {
            Item::Variable(variable) => Some(variable.as_ref()),
            _ => None,
        })
    }

    /// The path of a source file, by the number that `.loc` uses.
    pub fn file(&self, index: u32) -> Option<&'text str> {
        self.items.iter().find_map(|item| match item {
            Item::File(file) if file.index == index => Some(file.name),
            _ => None,
        })
    }

    /// The bytes up to a zero that stand `offset` bytes behind a label of `.debug_str`.
    pub fn debug_string(&self, label: &str, offset: u32) -> Option<Vec<u8>> {
        self.items.iter().find_map(|item| match item {
            Item::Section(section) if section.name == ".debug_str" => section.string(label, offset as usize),
            _ => None,
        })
    }
}
