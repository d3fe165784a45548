//! Whether a file or a root comes from a Jetson, and from which JetPack: what says so, not a guess without a witness.

use cuferry_arch::jetpack::{self, JetPack, L4tVersion};
use cuferry_arch::{GpuArch, Host, table, tegra};

use crate::inventory::{CodeKind, Inventory, Machine};
use crate::verdict::tegra_needs;

/// Where a file or a root was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The L4T version, where it is written down.
    pub l4t: Option<L4tVersion>,
    /// The JetPacks that fit, oldest first; empty where nothing tells them apart.
    pub jetpacks: Vec<&'static JetPack>,
    /// What says so, in order of weight.
    pub evidence: Vec<Evidence>,
}

/// A witness of the origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// `/etc/nv_tegra_release`, or another file that states the L4T version.
    ReleaseFile(String),
    /// A variable of an image: `NVIDIA_REQUIRE_JETPACK`.
    Variable(String),
    /// Needs a library that only Jetson has.
    Library(String),
    /// Searches for libraries in a folder that only L4T has.
    Folder(String),
    /// Machine code for Jetson GPUs, and for no other.
    Code(Vec<GpuArch>),
}

/// The origin of a single file. None if nothing points to a Jetson.
pub fn of_file(inventory: &Inventory) -> Option<Origin> {
    let host = inventory.host.as_ref();
    if host.is_some_and(|host| host.machine != Machine::Host(Host::Aarch64)) {
        return None;
    }
    let mut evidence: Vec<Evidence> =
        tegra_needs(inventory).into_iter().map(|(name, _)| Evidence::Library(name.to_owned())).collect();
    let folders = host.into_iter().flat_map(|host| &host.search);
    evidence.extend(folders.filter(|folder| tegra::in_folder(folder)).cloned().map(Evidence::Folder));
    let codes: Vec<GpuArch> = inventory.archs(CodeKind::Sass).into_iter().collect();
    if !codes.is_empty() && codes.iter().all(|arch| table::gpu(*arch).is_some_and(|gpu| gpu.jetson)) {
        evidence.push(Evidence::Code(codes.clone()));
    }
    if evidence.is_empty() {
        return None;
    }
    let release = host.and_then(|host| match &host.runtime {
        crate::inventory::Runtime::Static { release } => *release,
        _ => None,
    });
    let release = release.or_else(|| inventory.newest_toolkit());
    let jetpacks = release.into_iter().flat_map(jetpack::by_cuda);
    let fits = |jetpack: &&JetPack| codes.iter().all(|arch| jetpack.archs.contains(arch));
    Some(Origin { l4t: None, jetpacks: jetpacks.filter(fits).collect(), evidence })
}

/// The origin of a root: `release_file` is the text of `etc/nv_tegra_release`, `environment` an image's variables.
pub fn of_root<'a>(
    release_file: Option<&str>,
    environment: impl IntoIterator<Item = &'a str>,
) -> Option<Origin> {
    let l4t = release_file.and_then(L4tVersion::from_release_file);
    let mut evidence = Vec::new();
    if release_file.is_some() {
        evidence.push(Evidence::ReleaseFile("etc/nv_tegra_release".to_owned()));
    }
    let variables = environment.into_iter().filter(|variable| variable.starts_with("NVIDIA_REQUIRE_JETPACK"));
    evidence.extend(variables.map(|variable| Evidence::Variable(variable.to_owned())));
    if evidence.is_empty() {
        return None;
    }
    Some(Origin { l4t, jetpacks: l4t.and_then(jetpack::by_l4t).into_iter().collect(), evidence })
}

impl std::fmt::Display for Evidence {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ReleaseFile(path) => write!(formatter, "{path}"),
            Self::Variable(variable) => write!(formatter, "the image sets {variable}"),
            Self::Library(name) => write!(formatter, "needs {name}"),
            Self::Folder(folder) => write!(formatter, "looks for libraries in {folder}"),
            Self::Code(archs) => {
                let names: Vec<_> = archs.iter().map(|arch| arch.real()).collect();
                write!(formatter, "machine code for {} alone", names.join(", "))
            }
        }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.l4t {
            Some(l4t) => write!(formatter, "Jetson, L4T {l4t}")?,
            None => write!(formatter, "Jetson")?,
        }
        let names: Vec<_> = self.jetpacks.iter().map(|jetpack| jetpack.jetpack.as_str()).collect();
        match names.as_slice() {
            [] => {}
            names => write!(formatter, ", JetPack {}", names.join(" or "))?,
        }
        let evidence: Vec<_> = self.evidence.iter().take(3).map(ToString::to_string).collect();
        write!(formatter, " ({})", evidence.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_l4t_says_of_itself() {
        let text = "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, DATE: Wed Jan  8 01:49:37 UTC 2025\n";
        let origin = of_root(Some(text), []).unwrap();
        assert_eq!(origin.l4t, Some(L4tVersion::new(36, 4, 3)));
        assert!(origin.to_string().starts_with("Jetson, L4T 36.4.3, JetPack 6."), "{origin}");
    }

    #[test]
    fn variables_of_an_image_tell_too() {
        let origin = of_root(None, ["PATH=/bin", "NVIDIA_REQUIRE_JETPACK_HOST_MOUNTS="]).unwrap();
        assert_eq!(origin.evidence.len(), 1);
        assert_eq!(of_root(None, ["PATH=/bin"]), None);
    }
}
