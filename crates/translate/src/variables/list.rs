//! Lists of GPUs as builds spell them: `53 62 72`, `8.7+PTX`, `sm_87`, `87-real`.

use std::collections::BTreeSet;

use cuferry_arch::{DeviceCode, GpuArch};

use super::table::Kind;
use crate::Policy;
use crate::gpu::{self, Asked, Code, Form, Making, Named};
use crate::rules::Reason;

/// How one element is spelt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// `87`.
    Number,
    /// `8.7`.
    Dotted,
    /// `sm_87` or `compute_87`.
    Prefixed,
}

/// The same list for the GPUs asked for, with the reason. Nothing where it serves, and where it cannot be read: whoever
/// reads it then says so.
pub(super) fn translate(value: &str, kind: Kind, policy: &Policy) -> Option<(String, &'static Reason)> {
    let mut found = step(value, kind, policy)?;
    // A list without PTX of its own says less than what is wanted, so what it now says may need one more GPU.
    for _ in 0..MAX_STEPS {
        match step(&found.0, kind, policy) {
            Some((now, _)) if now != found.0 => found.0 = now,
            _ => break,
        }
    }
    Some(found)
}

/// Each step adds a GPU at least, and policies name few.
const MAX_STEPS: usize = 16;

fn step(value: &str, kind: Kind, policy: &Policy) -> Option<(String, &'static Reason)> {
    let separator = [';', ',', ' '].into_iter().find(|separator| value.trim().contains(*separator));
    let elements: Vec<&str> = value
        .split([separator.unwrap_or(';'), ' '])
        .map(str::trim)
        .filter(|element| !element.is_empty())
        .collect();
    let mut asked = Asked::default();
    let mut spelling = match kind {
        Kind::TorchGpus => Spelling::Dotted,
        _ => Spelling::Number,
    };
    match elements.as_slice() {
        [] => return None,
        ["native" | "Native" | "Auto" | "auto" | "common"] if kind == Kind::CmakeGpus => {
            asked.named = Some(Named::Native);
        }
        ["all" | "all-major" | "All"] if kind == Kind::CmakeGpus => asked.named = Some(Named::All),
        elements => {
            for element in elements {
                spelling = read(element, kind, &mut asked)?;
            }
        }
    }
    let one = kind == Kind::Gpu || (matches!(kind, Kind::Gpus | Kind::Arch) && elements.len() == 1);
    if !one && matches!(kind, Kind::Gpus | Kind::Arch) {
        // Such builds make PTX of the highest by themselves, as NVIDIA's samples do.
        let highest = asked.virtuals.last().copied()?;
        asked.codes.insert(Code { form: Form::Virtual, arch: highest });
    }
    let making = if one || kind == Kind::PtxGpus { Making::OneVirtual } else { Making::Many };
    let decision = gpu::decide(&asked, making, policy).ok()??;
    let code = match making {
        Making::Many => decision.code.clone(),
        _ => DeviceCode { real: BTreeSet::new(), ptx: decision.code.ptx.clone() },
    };
    let separator =
        separator.unwrap_or(if kind == Kind::CmakeGpus || kind == Kind::TorchGpus { ';' } else { ' ' });
    let now =
        write(&code, kind, spelling, elements.first().is_some_and(|first| first.starts_with("compute")));
    Some((now.join(&separator.to_string()), decision.reason(making)))
}

/// Adds what one element asks for.
fn read(element: &str, kind: Kind, asked: &mut Asked) -> Option<Spelling> {
    let (name, forms): (&str, &[Form]) = match kind {
        Kind::CmakeGpus => match element.split_once('-') {
            Some((name, "real")) => (name, &[Form::Real]),
            Some((name, "virtual")) => (name, &[Form::Virtual]),
            Some(_) => return None,
            None => (element, &[Form::Real, Form::Virtual]),
        },
        Kind::TorchGpus => match element.strip_suffix("+PTX") {
            Some(name) => (name, &[Form::Real, Form::Virtual]),
            None => (element, &[Form::Real]),
        },
        Kind::PtxGpus => (element, &[Form::Virtual]),
        _ => (element, &[Form::Real]),
    };
    let (spelling, number) = match name.strip_prefix("sm_").or_else(|| name.strip_prefix("compute_")) {
        Some(number) => (Spelling::Prefixed, number),
        None if name.contains('.') => (Spelling::Dotted, name),
        None => (Spelling::Number, name),
    };
    // A single digit or a year is no GPU: `ARCH=2020`.
    let arch: GpuArch = number.parse().ok().filter(|arch: &GpuArch| (20..=199).contains(&arch.number()))?;
    asked.virtuals.insert(arch);
    let forms = if name.starts_with("compute_") { &[Form::Virtual] } else { forms };
    asked.codes.extend(forms.iter().map(|form| Code { form: *form, arch }));
    Some(spelling)
}

fn write(code: &DeviceCode, kind: Kind, spelling: Spelling, compute: bool) -> Vec<String> {
    let all: BTreeSet<GpuArch> = code.real.union(&code.ptx).copied().collect();
    let text = |arch: GpuArch| {
        let suffix = arch.suffix_form();
        match spelling {
            Spelling::Number => suffix,
            Spelling::Dotted => {
                let digits = suffix.trim_end_matches(['a', 'f']);
                format!("{}{}", arch.capability(), &suffix[digits.len()..])
            }
            Spelling::Prefixed if compute => arch.virtual_(),
            Spelling::Prefixed => arch.real(),
        }
    };
    let each = all.into_iter().map(|arch| {
        let name = text(arch);
        match kind {
            Kind::CmakeGpus => match (code.real.contains(&arch), code.ptx.contains(&arch)) {
                (true, true) => name,
                (true, false) => format!("{name}-real"),
                (false, _) => format!("{name}-virtual"),
            },
            Kind::TorchGpus if code.ptx.contains(&arch) => format!("{name}+PTX"),
            _ => name,
        }
    });
    each.collect()
}
