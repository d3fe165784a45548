//! Variables of modules: what they start with, as bytes.

use cuferry_ptx::{Immediate, Initial, Type, Variable};

use super::facts::size_and_align;

/// A variable in device memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Global {
    /// Its name, as the PTX has it.
    pub name: String,
    /// Its address.
    pub address: u64,
    /// In bytes.
    pub size: u64,
    /// Whether it is in constant memory.
    pub constant: bool,
    /// Whether it is managed: the host may use its address.
    pub managed: bool,
}

/// The bytes that a variable starts with. `address` says where a name lies.
pub(super) fn initial_bytes(
    variable: &Variable<'_>,
    mut address: impl FnMut(&str) -> Option<u64>,
) -> Result<Vec<u8>, String> {
    let (size, _) = size_and_align(variable).ok_or("its size is not known")?;
    let size = usize::try_from(size).map_err(|_| "it is too large")?;
    let mut bytes = vec![0; size];
    let Some(initial) = &variable.initial else { return Ok(bytes) };
    let element = variable.ty.bits().ok_or("its type has no size")?.div_ceil(8) as usize;
    let mut dimensions: Vec<usize> =
        variable.dimensions.iter().map(|dimension| dimension.unwrap_or(0) as usize).collect();
    if let Some(vector) = variable.vector {
        dimensions.push(vector.into());
    }
    put(&mut bytes, 0, initial, &dimensions, element, variable.ty, &mut address)?;
    Ok(bytes)
}

fn put(
    bytes: &mut [u8],
    at: usize,
    initial: &Initial<'_>,
    dimensions: &[usize],
    element: usize,
    ty: Type,
    address: &mut impl FnMut(&str) -> Option<u64>,
) -> Result<(), String> {
    let too_many = || "it has more initial values than elements".to_owned();
    match initial {
        Initial::List(list) => {
            // A row's size; a flat list in an array of several dimensions fills it in order.
            let inner = dimensions.get(1..).unwrap_or_default();
            let nested = list.iter().any(|item| matches!(item, Initial::List(_)));
            let step = if nested { element * inner.iter().product::<usize>() } else { element };
            for (index, item) in list.iter().enumerate() {
                put(bytes, at + index * step, item, inner, element, ty, address)?;
            }
            Ok(())
        }
        Initial::Number(number) => {
            let value = bits_of(*number, ty);
            let target = bytes.get_mut(at..at + element).ok_or_else(too_many)?;
            let source = value.to_le_bytes();
            for (target, source) in target.iter_mut().zip(source) {
                *target = source;
            }
            Ok(())
        }
        Initial::Symbol(symbol) => {
            let base =
                address(symbol.name).ok_or_else(|| format!("`{}` has no address here", symbol.name))?;
            let whole = base.wrapping_add_signed(symbol.offset);
            let value = match symbol.mask {
                None => whole,
                Some(mask) => (whole & mask) >> mask.trailing_zeros().min(63),
            };
            let target = bytes.get_mut(at..at + element).ok_or_else(too_many)?;
            for (target, source) in target.iter_mut().zip(value.to_le_bytes()) {
                *target = source;
            }
            Ok(())
        }
    }
}

/// A number as the bits of a type.
pub(crate) fn bits_of(number: Immediate, ty: Type) -> u64 {
    match (ty, number) {
        (Type::F32, Immediate::F64(_)) => (number.float() as f32).to_bits().into(),
        (Type::F64, Immediate::F32(_)) => number.float().to_bits(),
        (_, Immediate::F32(bits)) => bits.into(),
        (_, Immediate::F64(bits)) => bits,
        (Type::F32, _) => (number.float() as f32).to_bits().into(),
        (Type::F64, _) => number.float().to_bits(),
        _ => number.integer().unwrap_or(0),
    }
}
