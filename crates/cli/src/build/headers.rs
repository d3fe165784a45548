//! The headers of cuferry's that a build is given: names that CUDA 13 removed, and ARM's own.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_compat::Header;
use cuferry_toolchain::companion;
use cuferry_toolchain::toolkit::Toolkit;
use cuferry_translate::Policy;

use super::prepare::{CCCL_3, HOST};
use super::tree::Tree;
use crate::args::build::Wrapping;
use crate::commands::toolchain::fetch_headers;
use crate::context::Context;
use crate::failure::Failure;

/// The folder of headers that give back what CUDA 13 removed.
const CUDA13: &str = "cuda13";

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
        policy.include_first.push(add(CUDA13, cuferry_compat::cuda13_headers()));
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

/// What NPP's headers of the toolkit lack, made from them.
pub(super) fn npp_headers(
    toolkit: &Toolkit,
    include: &Utf8Path,
    policy: &mut Policy,
    texts: &mut BTreeMap<Utf8PathBuf, String>,
    notes: &mut Vec<String>,
) {
    let folder = toolkit.include(HOST);
    let entries = folder.read_dir_utf8().into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_owned()).filter(|name| name.starts_with("npp"));
    let read = |name: String| Some((name.clone(), std::fs::read_to_string(folder.join(name)).ok()?));
    let headers = cuferry_compat::npp_headers(&names.filter_map(read).collect());
    if headers.is_empty() {
        return;
    }
    let ours = include.join(CUDA13);
    if !policy.include_first.contains(&ours) {
        policy.include_first.push(ours);
        let header = |header: &Header| (Utf8Path::new(CUDA13).join(header.path), header.text.to_owned());
        texts.extend(cuferry_compat::cuda13_headers().iter().map(header));
    }
    texts.extend(headers.into_iter().map(|(name, text)| (Utf8Path::new(CUDA13).join(name), text)));
    notes.push(
        "headers of cuferry's give back NPP's functions without a stream context (`--no-compat` leaves them out)".to_owned(),
    );
}
