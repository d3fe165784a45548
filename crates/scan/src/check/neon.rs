//! Intrinsics of ARM: which exist, and which the headers for x86_64 have.

use cuferry_compat as compat;

use crate::matcher::Bounds;

/// The types in the names of NEON's intrinsics, as they end or go on with `_`.
const SUFFIXES: &[&str] = &[
    "_s8", "_s16", "_s32", "_s64", "_u8", "_u16", "_u32", "_u64", "_f16", "_f32", "_f64", "_p8", "_p16",
    "_p64", "_p128", "_bf16",
];

/// Whether `name` is an intrinsic that the headers have.
pub(crate) fn is_available(name: &[u8]) -> bool {
    known(name) == Some(true)
}

/// Whether `name` is an intrinsic that they lack.
pub(crate) fn is_missing(name: &[u8]) -> bool {
    known(name) == Some(false)
}

fn known(name: &[u8]) -> Option<bool> {
    if !name.starts_with(b"v") && !name.starts_with(b"__") {
        return None;
    }
    compat::intrinsic(str::from_utf8(name).ok()?).map(|intrinsic| intrinsic.available)
}

/// The words that tell; `test` sorts out what only looks like an intrinsic.
pub(crate) fn triggers(test: fn(&[u8]) -> bool) -> Vec<(String, Bounds)> {
    let neon = SUFFIXES.iter().map(|suffix| ((*suffix).to_owned(), Bounds::Identifier(test)));
    let acle = compat::acle().iter().map(|intrinsic| (intrinsic.name.to_owned(), Bounds::Identifier(test)));
    neon.chain(acle).collect()
}

/// Whether `name` has the form of an intrinsic or type of SVE: `svadd_f32_x`, `svptrue_b8`, `svfloat32_t`.
pub(crate) fn is_sve(name: &[u8]) -> bool {
    let Some(rest) = str::from_utf8(name).ok().and_then(|name| name.strip_prefix("sv")) else { return false };
    if let Some(element) = rest.strip_suffix("_t") {
        let base = element.trim_end_matches(|letter: char| letter.is_ascii_digit());
        return matches!(base, "float" | "int" | "uint" | "bfloat" | "bool")
            && (base == "bool" || base != element);
    }
    if matches!(rest, "cntb" | "cnth" | "cntw" | "cntd") {
        return true;
    }
    let mut parts = rest.split('_');
    let base = parts.next().unwrap_or_default();
    let lower = base.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let is_type = |part: &str| {
        let (kind, bits) =
            part.split_at(part.find(|letter: char| letter.is_ascii_digit()).unwrap_or(part.len()));
        matches!(kind, "s" | "u" | "f" | "b" | "bf") && matches!(bits, "8" | "16" | "32" | "64")
    };
    base.len() >= 2 && lower && parts.any(is_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sve_is_known_by_its_form() {
        for name in
            ["svadd_f32_x", "svptrue_b8", "svfloat32_t", "svbool_t", "svcntw", "svld1_u8", "svdup_n_f64"]
        {
            assert!(is_sve(name.as_bytes()), "{name}");
        }
        for name in ["svc", "svd_solve", "svg_t", "svm_f", "svAdd_f32", "sv_f32", "svfloat_t"] {
            assert!(!is_sve(name.as_bytes()), "{name}");
        }
    }
}
