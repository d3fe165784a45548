//! Absolute paths and compiler prefixes that a build file names: what a wrapped build must be served.

use std::sync::LazyLock;

use camino::Utf8PathBuf;
use regex::bytes::Regex;

use super::collector::Collector;
use super::file_kind::Kind;
use super::text::Text;
use crate::pattern::bytes;

/// Folders of toolkits and cross compilers, what only a Jetson has, and header folders with a version in their names.
static PATH: LazyLock<Regex> = LazyLock::new(|| {
    bytes(concat!(
        r"(?:^|[^\w./})-]|-I|-L|-B|-isystem)(",
        r"/usr/local/cuda[\w.+/-]*|/usr/(?:s?bin|lib|include)/(?:aarch64|arm)-[\w.+/-]*|/usr/aarch64-[\w.+/-]*|",
        r"/opt/[\w.+-][\w.+/-]*|/etc/nv_tegra_release|/usr/src/(?:jetson|tegra)_multimedia_api[\w.+/-]*|",
        r"/usr/src/nvidia[\w.+/-]*|/usr/lib/(?:tegra|nvidia)[\w.+/-]*|/usr/share/cuda[\w.+/-]*|",
        r"/usr/(?:local/)?include/[A-Za-z][A-Za-z+_-]*\d[\w.+/-]*|",
        r"/usr/lib/cuda[\w.+/-]*|/usr/bin/nvcc|/proc/device-tree/[\w.+/-]*|/sys/module/tegra_fuse[\w.+/-]*",
        r")",
    ))
});

/// `aarch64-linux-gnu-` before a tool, or at the end of a word.
static PREFIX: LazyLock<Regex> = LazyLock::new(|| {
    bytes(concat!(
        r"(?m)\b((?:aarch64|armv[78][a-z]*|arm)(?:-[a-z0-9_]+){1,3}-)",
        r#"(?:(?:gcc|g\+\+|cc|c\+\+|cpp|ld|ar|as|nm|strip|ranlib|objcopy|objdump|readelf|gfortran|clang|clang\+\+)\b|["'\s)$;]|$)"#,
    ))
});

pub(crate) fn read(text: &Text<'_>, collector: &mut Collector) {
    // A Dockerfile's paths are of the image that it makes.
    if text.kind == Kind::Docker {
        return;
    }
    for captures in PATH.captures_iter(text.code()) {
        let path = captures.get(1).expect("not optional");
        let Ok(named) = std::str::from_utf8(path.as_bytes()) else { continue };
        let named = named.trim_end_matches(['.', '-', '+', '/']);
        if text.when(path.start()).is_some() {
            let places = collector.needs.paths.entry(Utf8PathBuf::from(named)).or_default();
            places.push(text.place(path.start()));
        }
    }
    for captures in PREFIX.captures_iter(text.code()) {
        let prefix = captures.get(1).expect("not optional");
        let Ok(named) = std::str::from_utf8(prefix.as_bytes()) else { continue };
        let tool = ["linux", "gnu", "eabi", "gnueabihf", "none", "musl"];
        if !named.split('-').any(|part| tool.contains(&part)) {
            continue;
        }
        if text.when(prefix.start()).is_some() {
            let places = collector.needs.prefixes.entry(named.to_owned()).or_default();
            places.push(text.place(prefix.start()));
        }
    }
}
