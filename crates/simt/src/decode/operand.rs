//! Operands: from what the text has to a place in the register file.

use cuferry_ptx::{Operand, Type};

use super::function::{DYNAMIC, Symbol, width_of};
use super::{Decoder, Refused, op};
use crate::code::{Fixed, Op, Special, Width};
use crate::lanes::{pick, plain};
use crate::ops;
use crate::program::bits_of;

/// A destination: where the operation writes, and what follows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Destination {
    pub(crate) place: u32,
    /// The register, if it is wider than the value.
    wider: Option<(Width, u32)>,
}

impl<'p> Decoder<'p> {
    /// The place of a source operand of this type.
    pub(crate) fn source(&mut self, operand: &'p Operand<'p>, ty: Type) -> Result<u32, Refused> {
        let width = width_of(ty)?;
        match operand {
            Operand::Immediate(number) => {
                let bits = bits_of(*number, ty);
                if width == Width::Pred {
                    return Ok(self.fixed(Fixed::Truth(bits != 0)));
                }
                Ok(self.constant(width, bits))
            }
            Operand::Not(name) if width == Width::Pred => {
                let place = self.predicate_of(name)?;
                let copy = self.temporary(Width::Pred);
                self.push_bare(Op { dst: copy, a: place, ..op(plain::<ops::NotPredicate>()) });
                Ok(copy)
            }
            _ => {
                let (own, place) = self.value(operand)?;
                self.fit(own, place, width)
            }
        }
    }

    /// A source, in a register that is at least as wide as the type: what is above is not looked at.
    fn fit(&mut self, own: Width, place: u32, width: Width) -> Result<u32, Refused> {
        if own == width {
            return Ok(place);
        }
        if own < width || width == Width::Pred {
            return Err(format!(
                "an operand of {} bits where {} are needed",
                own.bytes() * 8,
                width.bytes() * 8
            ));
        }
        let narrow = self.temporary(width);
        let run = ops::resize(self.isa, own, width, false)
            .ok_or("an operand of this width is not supported here")?;
        self.push_bare(Op { dst: narrow, a: place, ..op(run) });
        Ok(narrow)
    }

    /// The width and place of what a name stands for.
    pub(crate) fn value(&mut self, operand: &'p Operand<'p>) -> Result<(Width, u32), Refused> {
        match operand {
            Operand::Name(name) => {
                if let Some(found) = self.register(name) {
                    return Ok(found);
                }
                if name.starts_with('%')
                    && let Some(found) = self.special(name, None)
                {
                    return Ok(found);
                }
                self.address_of_symbol(name, 0)
            }
            Operand::Part { name, part } => {
                if let Some((width, places)) = self.vector_register(name) {
                    let index = match *part {
                        "x" | "r" => 0,
                        "y" | "g" => 1,
                        "z" | "b" => 2,
                        "w" | "a" => 3,
                        _ => return Err(format!("`.{part}` of a vector is not supported")),
                    };
                    let place = *places.get(index).ok_or("the vector has fewer elements")?;
                    return Ok((width, place));
                }
                self.special(name, Some(part)).ok_or_else(|| format!("`{name}.{part}` is not supported"))
            }
            Operand::Offset { name, offset } => self.address_of_symbol(name, *offset),
            Operand::Immediate(number) => {
                let bits = bits_of(*number, Type::B64);
                Ok((Width::W64, self.constant(Width::W64, bits)))
            }
            _ => Err("an operand of this kind is not supported here".to_owned()),
        }
    }

    /// The address of a variable or function, as a value.
    fn address_of_symbol(&mut self, name: &'p str, offset: i64) -> Result<(Width, u32), Refused> {
        match self.symbol(name)? {
            Symbol::Memory(address) => {
                Ok((Width::W64, self.constant(Width::W64, address.wrapping_add_signed(offset))))
            }
            Symbol::Shared(DYNAMIC) => {
                let place = self.temporary(Width::W64);
                self.push_bare(Op {
                    dst: place,
                    imm: offset.cast_unsigned(),
                    ..op(plain::<ops::DynamicSharedAddress>())
                });
                Ok((Width::W64, place))
            }
            Symbol::Shared(at) => {
                Ok((Width::W64, self.constant(Width::W64, u64::from(at).wrapping_add_signed(offset))))
            }
            Symbol::Local(at) => {
                let place = self.temporary(Width::W64);
                let imm = u64::from(at).wrapping_add_signed(offset);
                self.push_bare(Op { dst: place, imm, ..op(plain::<ops::LocalAddress>()) });
                Ok((Width::W64, place))
            }
            Symbol::Parameter(at) => {
                let at =
                    u32::try_from(i64::from(at) + offset).map_err(|_| "an offset before the parameters")?;
                Ok((Width::W64, self.fixed(Fixed::ParameterAddress(at))))
            }
            Symbol::Words(_) => Err(format!("the address of parameter `{name}` is not supported")),
            _ => Err(format!("`{name}` is not a value")),
        }
    }

    pub(crate) fn constant(&mut self, width: Width, bits: u64) -> u32 {
        let bits = match width {
            Width::Pred => bits & 1,
            Width::W16 => bits & 0xffff,
            Width::W32 => bits & 0xffff_ffff,
            Width::W64 | Width::W128 => bits,
        };
        self.fixed(Fixed::Value(width, bits))
    }

    /// The place of a predicate that is read.
    pub(crate) fn predicate(&mut self, operand: &'p Operand<'p>) -> Result<u32, Refused> {
        self.source(operand, Type::Pred)
    }

    pub(super) fn predicate_of(&mut self, name: &'p str) -> Result<u32, Refused> {
        match self.register(name) {
            Some((Width::Pred, place)) => Ok(place),
            _ if name == "%pt" => Ok(self.fixed(Fixed::Truth(true))),
            _ => Err(format!("`{name}` is not a predicate")),
        }
    }

    /// Where a value of this type goes. [`Decoder::settle`] has to follow the operation.
    pub(crate) fn destination(&mut self, operand: &'p Operand<'p>, ty: Type) -> Result<Destination, Refused> {
        let width = width_of(ty)?;
        let (own, place) = match operand {
            Operand::Sink => (width, self.sink(width)),
            Operand::Name("_") => (width, self.sink(width)),
            Operand::Name(name) => {
                self.register(name).ok_or_else(|| format!("`{name}` is not a register"))?
            }
            Operand::Part { .. } => self.value(operand)?,
            _ => return Err("a destination of this kind is not supported".to_owned()),
        };
        if own == width {
            return Ok(Destination { place, wider: None });
        }
        if own < width || width == Width::Pred {
            return Err(format!(
                "a destination of {} bits where {} are needed",
                own.bytes() * 8,
                width.bytes() * 8
            ));
        }
        Ok(Destination { place: self.temporary(width), wider: Some((own, place)) })
    }

    /// Widens what an operation wrote into a register that is wider than the type.
    pub(crate) fn settle(&mut self, destination: Destination, ty: Type) -> Result<(), Refused> {
        if let Some((own, place)) = destination.wider {
            let run = ops::resize(self.isa, width_of(ty)?, own, ty.is_signed())
                .ok_or("this width is not supported")?;
            self.push(Op { dst: place, a: destination.place, ..op(run) });
        }
        Ok(())
    }

    /// A register that nobody reads.
    pub(crate) fn sink(&mut self, width: Width) -> u32 {
        self.temporary(width)
    }

    /// A special register (10), or one that is computed when read.
    fn special(&mut self, name: &str, part: Option<&str>) -> Option<(Width, u32)> {
        let axis = match part {
            None => None,
            Some("x") => Some(0),
            Some("y") => Some(1),
            Some("z") => Some(2),
            Some("w") => Some(3),
            Some(_) => return None,
        };
        if axis == Some(3) {
            return Some((Width::W32, self.constant(Width::W32, 0)));
        }
        let fixed = match (name, axis) {
            ("%tid", Some(axis)) => Special::Tid(axis),
            ("%ntid", Some(axis)) => Special::Ntid(axis),
            ("%ctaid", Some(axis)) => Special::Ctaid(axis),
            ("%nctaid", Some(axis)) => Special::Nctaid(axis),
            ("%clusterid", Some(axis)) => Special::ClusterId(axis),
            ("%nclusterid", Some(axis)) => Special::NclusterId(axis),
            ("%cluster_ctaid", Some(axis)) => Special::ClusterCtaid(axis),
            ("%cluster_nctaid", Some(axis)) => Special::ClusterNctaid(axis),
            ("%cluster_ctarank", None) => Special::ClusterCtarank,
            ("%cluster_nctarank", None) => Special::ClusterNctarank,
            ("%laneid", None) => Special::LaneId,
            ("%warpid", None) => Special::WarpId,
            ("%nwarpid", None) => Special::NwarpId,
            ("%smid", None) => Special::SmId,
            ("%nsmid", None) => Special::NsmId,
            ("%lanemask_eq", None) => Special::LanemaskEq,
            ("%lanemask_le", None) => Special::LanemaskLe,
            ("%lanemask_lt", None) => Special::LanemaskLt,
            ("%lanemask_ge", None) => Special::LanemaskGe,
            ("%lanemask_gt", None) => Special::LanemaskGt,
            ("%total_smem_size", None) => Special::TotalSmemSize,
            ("%aggr_smem_size", None) => Special::AggrSmemSize,
            ("%dynamic_smem_size", None) => Special::DynamicSmemSize,
            ("%gridid", None) => {
                return Some((Width::W64, self.fixed(Fixed::Special(Special::GridId, Width::W64))));
            }
            ("%pt", None) => return Some((Width::Pred, self.fixed(Fixed::Truth(true)))),
            ("%is_explicit_cluster", None) => {
                return Some((
                    Width::Pred,
                    self.fixed(Fixed::Special(Special::IsExplicitCluster, Width::Pred)),
                ));
            }
            (
                "%reserved_smem_offset_begin" | "%reserved_smem_offset_end" | "%reserved_smem_offset_cap",
                None,
            ) => Special::ReservedSmem(0),
            ("%reserved_smem_offset_0" | "%reserved_smem_offset_1", None) => Special::ReservedSmem(1),
            (
                "%clock" | "%clock_hi" | "%clock64" | "%globaltimer" | "%globaltimer_lo" | "%globaltimer_hi",
                None,
            ) => {
                return Some(self.clock(name));
            }
            _ => match name.strip_prefix("%envreg").and_then(|number| number.parse().ok()) {
                Some(number @ 0..32) if axis.is_none() => Special::Envreg(number),
                _ => return None,
            },
        };
        Some((Width::W32, self.fixed(Fixed::Special(fixed, Width::W32))))
    }

    fn clock(&mut self, name: &str) -> (Width, u32) {
        let width = if matches!(name, "%clock64" | "%globaltimer") { Width::W64 } else { Width::W32 };
        let place = self.temporary(width);
        let global = u64::from(name.starts_with("%globaltimer"));
        let high = u32::from(name.ends_with("_hi"));
        let run = if width == Width::W64 { plain::<ops::Clock64>() } else { plain::<ops::Clock32>() };
        self.push_bare(Op { dst: place, imm: global, b: high, ..op(run) });
        (width, place)
    }

    /// Pushes an operation of one build per instruction set.
    pub(crate) fn work<W: crate::lanes::Exec>(&mut self, fields: Op) {
        self.push(Op { run: pick::<W>(self.isa), ..fields });
    }
}

/// An operation with no handler yet.
pub(crate) fn fields() -> Op {
    op(plain::<ops::Join>())
}
