//! Which CUDA release builds a project: as it asks, and as the machine and its GPUs allow; and that one's toolkit, fetched if
//! need be.

use cuferry_arch::{CudaRelease, GpuArch, GpuPolicy};
use cuferry_machine::gpu::Gpus;
use cuferry_machine::toolkit as found;
use cuferry_needs::{Needs, Ranked, library_of_link};
use cuferry_toolchain::package::Role;
use cuferry_toolchain::release_file::{self, ReleaseFile};
use cuferry_toolchain::toolkit::{Toolkit, ToolkitOrigin};

use super::gpu::explicit;
use super::prepare::{CCCL_3, HOST};
use super::tree::Tree;
use crate::args::build::Wrapping;
use crate::commands::toolchain::fetch_toolkit;
use crate::context::Context;
use crate::failure::{Failure, Fault};

/// A release, or a toolkit of it that is here, and why.
pub(super) struct Choice {
    release: CudaRelease,
    present: Option<Toolkit>,
    known: Option<&'static ReleaseFile>,
    /// Why, in a sentence.
    pub(super) reason: String,
    /// Other major releases, the best first.
    pub(super) others: Vec<CudaRelease>,
}

/// Takes `wanted`, or else the release that suits the project best. Of those that suit it as well: the user's own toolkit, or
/// the oldest, since what that one builds runs on the most drivers.
pub(super) fn choose_release(
    context: &Context,
    tree: &Tree,
    args: &Wrapping,
    wanted: Option<CudaRelease>,
    gpus: &Gpus,
) -> Result<Choice, Failure> {
    let here = here(context);
    let releases = releases(&here);
    if let Some(wanted) = wanted
        && !releases.contains(&wanted)
    {
        return Err(unknown(wanted, &releases));
    }
    let gpus_wanted = match &args.gpu {
        Some(GpuPolicy::List(list)) => {
            list.iter().map(|request| GpuArch::base(request.arch().number())).collect()
        }
        _ => gpus.archs(),
    };
    let advice = tree.needs.toolkit(&releases, &gpus_wanted);
    let order: Vec<CudaRelease> = advice.order.iter().map(|ranked| ranked.release).collect();
    let able = |release: &CudaRelease| explicit(args, gpus, *release).is_ok();
    let best = if let Some(best) = wanted.or_else(|| order.iter().copied().find(able)) {
        best
    } else {
        let newest = order.first().or(releases.last()).copied().unwrap_or(CCCL_3);
        explicit(args, gpus, newest)?;
        newest
    };
    let as_good = advice.equals(best).iter().map(|ranked| ranked.release);
    let as_good = as_good.filter(|release| release.major == best.major && able(release));
    let equals: Vec<CudaRelease> = match wanted {
        Some(wanted) => vec![wanted],
        None => as_good.chain([best]).collect(),
    };
    let own = here.iter().filter(|toolkit| toolkit.origin != ToolkitOrigin::Installed);
    let own = own.filter(|toolkit| equals.contains(&toolkit.release));
    let own = own.min_by_key(|toolkit| toolkit.release != best).cloned();
    let oldest = equals.iter().copied().min().unwrap_or(best);
    let release = own.as_ref().map_or(oldest, |toolkit| toolkit.release);
    let installed = || here.iter().find(|toolkit| toolkit.release == release).cloned();
    let asks = |ranked: &&Ranked| {
        ranked.release == best && !(ranked.against.is_empty() && ranked.support.is_empty())
    };
    let asked = || advice.order.iter().find(asks).is_some() || release.major != 13;
    let reason = match wanted {
        Some(_) => "as asked for".to_owned(),
        None => advice
            .why()
            .filter(|_| asked())
            .unwrap_or_else(|| "nothing in the project asks for another".to_owned()),
    };
    let others =
        order.into_iter().filter(|other| *other != release && other.major != release.major).collect();
    let present = own.or_else(installed);
    Ok(Choice { release, present, known: release_file::known_release(release), reason, others })
}

/// The toolkits on this machine that build for x86_64.
fn here(context: &Context) -> Vec<Toolkit> {
    let mut here = found::find(&context.environment);
    here.extend(cuferry_install::installed(&context.data_dir()));
    here.retain(|toolkit| toolkit.include(HOST).is_dir());
    here
}

/// Every release that is here or can be fetched, sorted.
fn releases(here: &[Toolkit]) -> Vec<CudaRelease> {
    let known = release_file::known().iter().map(|file| file.release);
    let mut releases: Vec<CudaRelease> = here.iter().map(|toolkit| toolkit.release).chain(known).collect();
    releases.sort_unstable();
    releases.dedup();
    releases
}

fn unknown(wanted: CudaRelease, releases: &[CudaRelease]) -> Failure {
    let names: Vec<String> = releases.iter().map(ToString::to_string).collect();
    let message = format!("CUDA {wanted} is not on this machine, and how to fetch it is not known");
    let help = format!("install it and set `CUDA_HOME`, or take one of {}", names.join(", "));
    Failure::say(Fault::Usage, "toolchain::unknown_release", message, help)
}

/// The other shared libraries of the same names' owners: NVIDIA's wheel of NPP has eleven, and Debian a package for each.
fn siblings<'a>(file: &'a ReleaseFile, used: &[&str]) -> Vec<&'a str> {
    let names = file
        .packages
        .iter()
        .filter(|package| package.role == Role::Library)
        .flat_map(|package| &package.libraries);
    let owner = |name: &str| library_of_link(name).map(|library| library.name.as_str());
    let is_one =
        |name: &&str| !name.ends_with("_static") && owner(name).is_some_and(|owner| used.contains(&owner));
    names.map(String::as_str).filter(is_one).collect()
}

/// NVIDIA's libraries that an x86_64 build can use, but for those that are in every toolkit.
fn fetchable(needs: &Needs) -> Vec<&'static str> {
    let used = needs.libraries.iter().filter(|(_, used)| !used.is_arm_only() && !used.what.base);
    used.map(|(name, _)| *name).collect()
}

/// NVIDIA's libraries that can wait until a build is seen to fail for want of them: only the linker asks for them, and it will
/// hardly come that far, since a library among the sources is not for x86_64. Some of them are half a gigabyte.
pub(super) fn held_back(needs: &Needs, with: &[String]) -> Vec<&'static str> {
    if needs.unlinkable().next().is_none() {
        return Vec::new();
    }
    let held = needs.libraries.iter().filter(|(_, used)| used.is_link_only()).map(|(name, _)| *name);
    held.filter(|name| !with.iter().any(|wanted| wanted == name)).collect()
}

/// The toolkit, with NVIDIA's libraries that the project uses, but for those that are `held` back.
pub(super) fn take_toolkit(
    context: &Context,
    tree: &Tree,
    args: &Wrapping,
    choice: &Choice,
    held: &mut Vec<&'static str>,
    notes: &mut Vec<String>,
) -> Result<Toolkit, Failure> {
    let used = fetchable(&tree.needs);
    let Some(file) = choice.known else {
        return choice.present.clone().ok_or_else(|| {
            let message = format!("CUDA {} is not on this machine", choice.release);
            Failure::say(
                Fault::Machine,
                "toolchain::unknown_release",
                message,
                "set `CUDA_HOME` to where it lies",
            )
        });
    };
    let optional = used
        .into_iter()
        .filter(|name| file.package_with(name).is_none_or(|package| package.role == Role::Library));
    let (mut libraries, unknown): (Vec<&str>, Vec<&str>) =
        optional.partition(|name| file.package_with(name).is_some());
    // What the user names is fetched or refused.
    libraries.extend(args.policies.with.iter().map(String::as_str));
    libraries.sort_unstable();
    libraries.dedup();
    let foreign = choice.present.as_ref().filter(|toolkit| toolkit.origin != ToolkitOrigin::Installed);
    if let Some(toolkit) = foreign {
        held.clear();
        return Ok(toolkit.clone());
    }
    held.retain(|name| libraries.contains(name));
    libraries.retain(|name| !held.contains(name));
    if let (Some(path), false) = (tree.needs.unlinkable().next(), held.is_empty()) {
        notes.push(format!(
            "{} is not fetched, since the link will hardly come so far: `{path}` is not for x86_64",
            held.join(", ")
        ));
    }
    if !unknown.is_empty() {
        notes.push(format!(
            "not among what cuferry can fetch for CUDA {}: {}",
            choice.release,
            unknown.join(", ")
        ));
    }
    if !libraries.is_empty() {
        notes.push(format!("the toolkit is taken with {}, which the project uses", libraries.join(", ")));
    }
    libraries.extend(siblings(file, &libraries));
    let libraries: Vec<String> = libraries.into_iter().map(str::to_owned).collect();
    fetch_toolkit(context, file, &[HOST], &libraries, args.offline)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_toolkit_has_is_not_asked_for() {
        let source = "#include <cublas_v2.h>\n#include <cuda_runtime.h>\n#include <nvtx3/nvToolsExt.h>\n";
        assert_eq!(fetchable(&cuferry_needs::read([("a.cu", source)])), ["cublas"]);
    }

    #[test]
    fn what_only_a_hopeless_link_asks_for_can_wait() {
        const ARM: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\xb7\0";
        const X86_64: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0";
        let held = |files: &[(&str, &[u8])], with: &[&str]| {
            let with: Vec<String> = with.iter().map(ToString::to_string).collect();
            held_back(&cuferry_needs::read(files.iter().copied()), &with).join(" ")
        };
        let makefile: (&str, &[u8]) = ("Makefile", b"demo: a.o\n\tg++ a.o lib/libx.so -lcudnn -o demo\n");
        let arm = ("lib/libx.so", ARM);
        assert_eq!(held(&[makefile, arm], &[]), "cudnn");
        assert_eq!(held(&[makefile, arm], &["cudnn"]), "");
        assert_eq!(held(&[makefile], &[]), "");
        assert_eq!(held(&[makefile, arm, ("x86/libx.so", X86_64)], &[]), "");
        assert_eq!(held(&[makefile, arm, ("a.cpp", b"#include <cudnn.h>\n")], &[]), "");
        let pointer: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";
        assert_eq!(held(&[makefile, ("lib/libx.so", pointer)], &[]), "cudnn");
        assert_eq!(held(&[makefile, ("build/a.o", ARM)], &[]), "");
    }

    #[test]
    fn a_library_of_many_packages_is_taken_whole() {
        let of = |release: &str, used: &[&str]| {
            let release = release.parse().unwrap();
            siblings(release_file::known_release(release).unwrap(), used).join(" ")
        };
        let npp = "nppc nppial nppicc nppidei nppif nppig nppim nppist nppisu nppitc npps";
        assert_eq!(of("11.8", &["nppc"]), npp);
        assert_eq!(of("13.0", &["nppc"]), npp);
        assert_eq!(of("11.8", &["curand"]), "curand");
        assert_eq!(of("11.8", &[]), "");
    }
}
