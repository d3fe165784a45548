//! The headers of cuferry's that a build is given: names that CUDA 13 removed, and ARM's own.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_compat::Header;
use cuferry_toolchain::companion;
use cuferry_translate::Policy;

use super::prepare::CCCL_3;
use super::tree::Tree;
use crate::args::build::Wrapping;
use crate::commands::toolchain::fetch_headers;
use crate::context::Context;
use crate::failure::Failure;

/// Header folders and macros by policy, into `policy`; the texts to write into the session.
pub(super) fn headers(
    context: &Context,
    tree: &Tree,
    args: &Wrapping,
    include: &Utf8Path,
    policy: &mut Policy,
    notes: &mut Vec<String>,
) -> Result<BTreeMap<Utf8PathBuf, String>, Failure> {
    let mut texts = BTreeMap::new();
    let mut add = |folder: &str, headers: &[Header]| {
        texts.extend(
            headers.iter().map(|header| (Utf8Path::new(folder).join(header.path), header.text.to_owned())),
        );
        include.join(folder)
    };
    let compatible = !args.policies.no_compat;
    if compatible && tree.uses_removed_names && policy.release >= CCCL_3 {
        policy.include_first.push(add("cuda13", cuferry_compat::cuda13_headers()));
        notes.push(
            "headers of cuferry's give back names that CUDA 13 removed (`--no-compat` leaves them out)"
                .to_owned(),
        );
    }
    if compatible && tree.uses_cccl && policy.release >= CCCL_3 {
        policy.raise_standard = Some(17);
    }
    if tree.uses_arm_headers || tree.uses_arm_types || args.policies.arm_macros {
        let folder = add("arm", cuferry_compat::arm_headers());
        if tree.uses_arm_types {
            policy.include_files.push(folder.join(cuferry_compat::ARM_TYPES));
        }
        if args.policies.arm_macros {
            policy.include_files.push(folder.join(cuferry_compat::ARM_FEATURES));
        }
        policy.include_first.push(folder);
        if let Some(simde) = companion::named("simde") {
            policy.include_last.push(fetch_headers(context, simde, args.offline)?);
        }
        notes.push(
            "arm_neon.h and its like are served by SIMDe (MIT licence) and headers of cuferry's".to_owned(),
        );
    }
    Ok(texts)
}
