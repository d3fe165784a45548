//! What a kernel's head says: parameters, and what it demands of a launch.

use cuferry_ptx::{Directive, Function, Statement, Type, Variable};

/// A parameter of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// In bytes, from the first parameter.
    pub offset: u32,
    /// In bytes.
    pub size: u32,
    /// In bytes.
    pub align: u32,
}

/// What is known of a kernel without decoding it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelFacts {
    /// Its name, as the PTX has it.
    pub name: String,
    /// Its parameters, in order.
    pub parameters: Vec<Parameter>,
    /// Bytes of all parameters.
    pub parameter_bytes: u32,
    /// Static shared memory declared in the kernel itself, in bytes.
    pub shared: u32,
    /// Local memory declared in the kernel itself, in bytes.
    pub local: u32,
    /// 32-bit registers that a GPU might need: an estimate from the declarations, which are virtual registers.
    pub registers: u32,
    /// `.maxntid`: at most so many threads a block, by dimension; their product counts.
    pub max_threads: Option<[u32; 3]>,
    /// `.reqntid`: exactly these dimensions.
    pub required_threads: Option<[u32; 3]>,
    /// `.reqnctapercluster`: blocks a cluster.
    pub cluster: Option<[u32; 3]>,
    /// The line of its head, from 1.
    pub line: u32,
}

/// Bytes of a variable and its alignment; `None` where the text leaves it open or it has no size.
pub(crate) fn size_and_align(variable: &Variable<'_>) -> Option<(u64, u32)> {
    let element = u64::from(variable.ty.bits()?.div_ceil(8)) * u64::from(variable.vector.unwrap_or(1));
    // `.v3` doesn't exist in variables; arrays multiply.
    let count = variable
        .dimensions
        .iter()
        .try_fold(1_u64, |product, dimension| product.checked_mul((*dimension)?))?;
    let size = element.checked_mul(count)?;
    let align = variable.align.unwrap_or(u32::try_from(element).ok()?).max(1);
    align.is_power_of_two().then_some((size, align))
}

impl KernelFacts {
    pub(super) fn of(function: &Function<'_>) -> KernelFacts {
        let mut facts =
            KernelFacts { name: function.name.to_owned(), line: function.line, ..KernelFacts::default() };
        for parameter in &function.parameters {
            // Texture, sampler and surface references are handles of 64 bits.
            let (size, align) = size_and_align(parameter).unwrap_or((8, 8));
            let size = u32::try_from(size).unwrap_or(0);
            let offset = facts.parameter_bytes.next_multiple_of(align);
            facts.parameters.push(Parameter { offset, size, align });
            facts.parameter_bytes = offset.saturating_add(size);
        }
        for directive in &function.directives {
            match directive {
                Directive::Maxntid(threads) => facts.max_threads = Some(*threads),
                Directive::Reqntid(threads) => facts.required_threads = Some(*threads),
                Directive::Reqnctapercluster(blocks) => facts.cluster = Some(*blocks),
                _ => {}
            }
        }
        let mut words = 0_u32;
        for statement in function.body.iter().flat_map(|body| &body.statements) {
            match statement {
                Statement::Register(register) if register.ty != Type::Pred => {
                    let bits =
                        register.ty.bits().unwrap_or(64).saturating_mul(register.vector.unwrap_or(1).into());
                    words =
                        words.saturating_add(bits.div_ceil(32).saturating_mul(register.count.unwrap_or(1)));
                }
                Statement::Variable(variable) => {
                    let size = size_and_align(variable)
                        .map_or(0, |(size, _)| u32::try_from(size).unwrap_or(u32::MAX));
                    match variable.space.text() {
                        "shared" => facts.shared = facts.shared.saturating_add(size),
                        "local" => facts.local = facts.local.saturating_add(size),
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        facts.registers = (words / 4).clamp(16, 255);
        facts
    }
}
