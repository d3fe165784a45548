//! The tree back to text, one statement a line. Parsed again it gives the same tree, apart from places, where all was understood.

use std::fmt::{Display, Formatter, Result};

use crate::operand::{Address, Immediate, Operand};
use crate::tree::{
    Attribute, Body, Directive, File, Function, Guard, Initial, Instruction, Item, Linkage, Loc, Module,
    Pointer, Prototype, Register, Statement, Symbol, Targets, Variable,
};

/// Prints values with `separator` between them.
struct Joined<'a, T>(&'a [T], &'static str);

impl<T: Display> Display for Joined<'_, T> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        for (index, value) in self.0.iter().enumerate() {
            formatter.write_str(if index == 0 { "" } else { self.1 })?;
            value.fmt(formatter)?;
        }
        Ok(())
    }
}

/// Prints strings in quotes.
struct Quoted<'a>(&'a [&'a str]);

impl Display for Quoted<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        for (index, value) in self.0.iter().enumerate() {
            write!(formatter, "{}\"{value}\"", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl Display for Module<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        if let Some((major, minor)) = self.version {
            writeln!(formatter, ".version {major}.{minor}")?;
        }
        if !self.target.is_empty() {
            writeln!(formatter, ".target {}", Joined(&self.target, ", "))?;
        }
        if let Some(bits) = self.address_size {
            writeln!(formatter, ".address_size {bits}")?;
        }
        self.items.iter().try_for_each(|item| writeln!(formatter, "{item}"))
    }
}

impl Display for Item<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        match self {
            Self::Function(function) => function.fmt(formatter),
            Self::Variable(variable) => write!(formatter, "{variable};"),
            Self::Alias { name, aliasee } => write!(formatter, ".alias {name}, {aliasee};"),
            Self::File(file) => file.fmt(formatter),
            Self::Section(section) => write!(formatter, ".section {} {{{}}}", section.name, section.body),
            Self::Pragma(pragmas) => write!(formatter, ".pragma {};", Quoted(pragmas)),
            Self::Unknown(unknown) => formatter.write_str(unknown.text),
        }
    }
}

impl Display for File<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        write!(formatter, ".file {} \"{}\"", self.index, self.name)?;
        self.stamp.map_or(Ok(()), |(time, size)| write!(formatter, ", {time}, {size}"))
    }
}

impl Display for Linkage {
    /// With a space behind it.
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        formatter.write_str(match self {
            Self::Local => "",
            Self::Visible => ".visible ",
            Self::Extern => ".extern ",
            Self::Weak => ".weak ",
            Self::Common => ".common ",
        })
    }
}

impl Display for Function<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        write!(formatter, "{}{} ", self.linkage, if self.entry { ".entry" } else { ".func" })?;
        write_attributes(&self.attributes, formatter)?;
        if !self.returns.is_empty() {
            write!(formatter, "({}) ", Joined(&self.returns, ", "))?;
        }
        write!(formatter, "{}({})", self.name, Joined(&self.parameters, ", "))?;
        self.directives.iter().try_for_each(|directive| write!(formatter, " {directive}"))?;
        match &self.body {
            Some(body) => write!(formatter, "\n{{\n{body}}}"),
            None => formatter.write_str(";"),
        }
    }
}

fn write_attributes(attributes: &[Attribute<'_>], formatter: &mut Formatter<'_>) -> Result {
    attributes.iter().try_for_each(|attribute| write!(formatter, ".attribute({attribute}) "))
}

impl Display for Attribute<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        write!(formatter, ".{}", self.name)?;
        if self.values.is_empty() { Ok(()) } else { write!(formatter, "({})", Joined(&self.values, ", ")) }
    }
}

impl Display for Directive<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        match self {
            Self::Maxntid([x, y, z]) => write!(formatter, ".maxntid {x}, {y}, {z}"),
            Self::Reqntid([x, y, z]) => write!(formatter, ".reqntid {x}, {y}, {z}"),
            Self::Reqnctapercluster([x, y, z]) => write!(formatter, ".reqnctapercluster {x}, {y}, {z}"),
            Self::Minnctapersm(count) => write!(formatter, ".minnctapersm {count}"),
            Self::Maxnctapersm(count) => write!(formatter, ".maxnctapersm {count}"),
            Self::Maxnreg(count) => write!(formatter, ".maxnreg {count}"),
            Self::Maxclusterrank(count) => write!(formatter, ".maxclusterrank {count}"),
            Self::Explicitcluster => formatter.write_str(".explicitcluster"),
            Self::Blocksareclusters => formatter.write_str(".blocksareclusters"),
            Self::Noreturn => formatter.write_str(".noreturn"),
            Self::Pragma(pragmas) => write!(formatter, ".pragma {};", Quoted(pragmas)),
            Self::Other { name, values } => {
                write!(
                    formatter,
                    ".{name}{}{}",
                    if values.is_empty() { "" } else { " " },
                    Joined(values, ", ")
                )
            }
        }
    }
}

impl Display for Body<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        for statement in &self.statements {
            match statement {
                Statement::Loc(id) => self.loc(*id).map_or(Ok(()), |loc| writeln!(formatter, "\t{loc}"))?,
                Statement::Label(name) => writeln!(formatter, "{name}:")?,
                statement => writeln!(formatter, "\t{statement}")?,
            }
        }
        Ok(())
    }
}

impl Display for Loc<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        write!(formatter, ".loc {} {} {}", self.file, self.line, self.column)?;
        let Some(inlined) = self.inlined else { return Ok(()) };
        write!(formatter, ", function_name {}", inlined.function)?;
        if inlined.offset != 0 {
            write!(formatter, "+{}", inlined.offset)?;
        }
        write!(formatter, ", inlined_at {} {} {}", inlined.file, inlined.line, inlined.column)
    }
}

impl Display for Statement<'_> {
    /// A `.loc` prints nothing: its body has it.
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        match self {
            Self::Instruction(instruction) => write!(formatter, "{instruction};"),
            Self::Label(name) => write!(formatter, "{name}:"),
            Self::Register(register) => write!(formatter, "{register};"),
            Self::Variable(variable) => write!(formatter, "{variable};"),
            Self::Open => formatter.write_str("{"),
            Self::Close => formatter.write_str("}"),
            Self::Loc(_) => Ok(()),
            Self::Pragma(pragmas) => write!(formatter, ".pragma {};", Quoted(pragmas)),
            Self::BranchTargets(targets) => write_targets(targets, ".branchtargets", formatter),
            Self::CallTargets(targets) => write_targets(targets, ".calltargets", formatter),
            Self::CallPrototype(prototype) => write!(formatter, "{prototype};"),
            Self::Unknown(unknown) => formatter.write_str(unknown.text),
        }
    }
}

fn write_targets(targets: &Targets<'_>, directive: &str, formatter: &mut Formatter<'_>) -> Result {
    write!(formatter, "{}: {directive} {};", targets.label, Joined(&targets.targets, ", "))
}

impl Display for Prototype<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        write!(formatter, "{}: .callprototype ", self.label)?;
        if !self.returns.is_empty() {
            write!(formatter, "({}) ", Joined(&self.returns, ", "))?;
        }
        write!(formatter, "_ ({})", Joined(&self.parameters, ", "))?;
        self.directives.iter().try_for_each(|directive| write!(formatter, " {directive}"))
    }
}

impl Display for Register<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        formatter.write_str(".reg ")?;
        write_vector(self.vector, formatter)?;
        write!(formatter, ".{} {}", self.ty, self.name)?;
        write_row(self.count, formatter)
    }
}

fn write_vector(width: Option<u8>, formatter: &mut Formatter<'_>) -> Result {
    width.map_or(Ok(()), |width| write!(formatter, ".v{width} "))
}

fn write_row(count: Option<u32>, formatter: &mut Formatter<'_>) -> Result {
    count.map_or(Ok(()), |count| write!(formatter, "<{count}>"))
}

impl Display for Variable<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        write!(formatter, "{}.{} ", self.linkage, self.space)?;
        write_attributes(&self.attributes, formatter)?;
        if let Some(align) = self.align {
            write!(formatter, ".align {align} ")?;
        }
        write_vector(self.vector, formatter)?;
        write!(formatter, ".{} ", self.ty)?;
        if let Some(pointer) = self.pointer {
            write!(formatter, "{pointer} ")?;
        }
        formatter.write_str(self.name)?;
        write_row(self.count, formatter)?;
        for dimension in &self.dimensions {
            match dimension {
                Some(length) => write!(formatter, "[{length}]")?,
                None => formatter.write_str("[]")?,
            }
        }
        self.initial.as_ref().map_or(Ok(()), |initial| write!(formatter, " = {initial}"))
    }
}

impl Display for Pointer {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        formatter.write_str(".ptr")?;
        if let Some(space) = self.space {
            write!(formatter, " .{space}")?;
        }
        self.align.map_or(Ok(()), |align| write!(formatter, " .align {align}"))
    }
}

impl Display for Initial<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        match self {
            Self::Number(number) => number.fmt(formatter),
            Self::Symbol(symbol) => symbol.fmt(formatter),
            Self::List(values) => write!(formatter, "{{{}}}", Joined(values, ", ")),
        }
    }
}

impl Display for Symbol<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        if let Some(mask) = self.mask {
            write!(formatter, "{mask:#X}(")?;
        }
        if self.generic {
            write!(formatter, "generic({})", self.name)?;
        } else {
            formatter.write_str(self.name)?;
        }
        if self.offset != 0 {
            write_offset(self.offset, formatter)?;
        }
        formatter.write_str(if self.mask.is_some() { ")" } else { "" })
    }
}

fn write_offset(offset: i64, formatter: &mut Formatter<'_>) -> Result {
    write!(formatter, "+{}", Immediate::Signed(offset))
}

impl Display for Guard<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        write!(formatter, "@{}{}", if self.negated { "!" } else { "" }, self.register)
    }
}

impl Display for Instruction<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        if let Some(guard) = self.guard {
            write!(formatter, "{guard} ")?;
        }
        formatter.write_str(self.opcode.text)?;
        formatter.write_str(if self.operands.is_empty() { "" } else { " " })?;
        Joined(&self.operands, ", ").fmt(formatter)
    }
}

impl Display for Operand<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        match self {
            Self::Name(name) => formatter.write_str(name),
            Self::Part { name, part } => write!(formatter, "{name}.{part}"),
            Self::Element { name, index } => write!(formatter, "{name}[{index}]"),
            Self::Offset { name, offset } => {
                formatter.write_str(name)?;
                write_offset(*offset, formatter)
            }
            Self::Immediate(number) => number.fmt(formatter),
            Self::Address(address) => address.fmt(formatter),
            Self::Vector(operands) => write!(formatter, "{{{}}}", Joined(operands, ", ")),
            Self::List(operands) => write!(formatter, "({})", Joined(operands, ", ")),
            Self::Pair(pair) => write!(formatter, "{}|{}", pair.0, pair.1),
            Self::Not(name) => write!(formatter, "!{name}"),
            Self::Minus(operand) => write!(formatter, "-{operand}"),
            Self::Sink => formatter.write_str("_"),
        }
    }
}

impl Display for Address<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        write!(formatter, "[{}", self.base)?;
        if self.offset != 0 {
            write_offset(self.offset, formatter)?;
        }
        self.more.iter().try_for_each(|operand| write!(formatter, ", {operand}"))?;
        formatter.write_str(if self.unified { "].unified" } else { "]" })
    }
}

impl Display for Immediate {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        match self {
            // its absolute value is no signed number, so that a sign before it would be one of an unsigned number
            Self::Signed(i64::MIN) => write!(formatter, "{}-1", i64::MIN + 1),
            Self::Signed(value) => value.fmt(formatter),
            Self::Unsigned(value) => write!(formatter, "{value}U"),
            Self::F32(bits) => write!(formatter, "0f{bits:08X}"),
            Self::F64(bits) => write!(formatter, "0d{bits:016X}"),
        }
    }
}
