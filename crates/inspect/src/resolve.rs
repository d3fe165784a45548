//! Where the loader would find the libraries that a file needs, inside a root that need not be this machine's.
//!
//! Follows ld.so(8): `DT_RPATH` and `DT_RUNPATH` with their tokens, `LD_LIBRARY_PATH`, `/etc/ld.so.conf`, the default folders.

use cuferry_arch::library;

use crate::inventory::{HostPart, Machine};

/// A library that a file needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    /// As `DT_NEEDED` has it.
    pub name: String,
    /// What became of it.
    pub place: Place,
}

/// Where a needed library is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// At this path of the root.
    At(String),
    /// With the driver: it is mounted into containers, and never part of an image.
    Driver,
    /// With every system: glibc's and gcc's, which a package leaves out.
    System,
    /// Nowhere that the loader looks.
    Missing,
}

/// What the loader looks through besides the file's own folders. All paths are absolute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folders {
    /// `LD_LIBRARY_PATH`.
    pub environment: Vec<String>,
    /// From `/etc/ld.so.conf` and what it includes.
    pub configured: Vec<String>,
}

/// Whether every system that runs the file has this library: glibc's own, and gcc's. Packages never bring them.
pub fn is_system(name: &str) -> bool {
    const NAMES: [&str; 11] = [
        "libc.so.6",
        "libm.so.6",
        "libdl.so.2",
        "libpthread.so.0",
        "librt.so.1",
        "libutil.so.1",
        "libresolv.so.2",
        "libnsl.so.1",
        "libgcc_s.so.1",
        "libstdc++.so.6",
        "libgomp.so.1",
    ];
    NAMES.contains(&name) || name.starts_with("ld-linux")
}

/// The libraries that `host` needs. `path` is the file's own, from the root and with a slash before it; `is_file` tells
/// whether there is a file at such a path, and follows links.
pub fn resolve(
    host: &HostPart,
    path: &str,
    folders: &Folders,
    is_file: impl Fn(&str) -> bool,
) -> Vec<Needed> {
    let origin = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let own = host.search.iter().map(|folder| expand(folder, origin));
    let defaults = defaults(host.machine).into_iter().map(str::to_owned);
    let all: Vec<String> = own
        .chain(folders.environment.iter().cloned())
        .chain(folders.configured.iter().cloned())
        .chain(defaults)
        .collect();
    let place = |name: &str| {
        if library::by_soname(name).is_some_and(|row| row.driver) {
            return Place::Driver;
        }
        if name.contains('/') {
            let path = expand(name, origin);
            return if is_file(&path) { Place::At(path) } else { Place::Missing };
        }
        let mut paths = all.iter().map(|folder| normal(&format!("{folder}/{name}")));
        paths.find(|path| is_file(path)).map_or(Place::Missing, Place::At)
    };
    host.needed.iter().map(|name| Needed { name: name.clone(), place: place(name) }).collect()
}

/// The folders that `/etc/ld.so.conf` names, and the patterns that it includes (ldconfig(8)).
pub fn ld_so_conf(text: &str) -> (Vec<String>, Vec<String>) {
    let (mut folders, mut includes) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        match line.strip_prefix("include") {
            Some(rest) if rest.starts_with([' ', '\t']) => {
                includes.extend(rest.split_whitespace().map(str::to_owned));
            }
            _ if line.starts_with('/') => folders.push(normal(line)),
            _ => {}
        }
    }
    (folders, includes)
}

/// What the loader of this machine searches without being told (Debian's and Fedora's builds of glibc).
fn defaults(machine: Machine) -> Vec<&'static str> {
    let mut folders = match machine {
        Machine::Host(host) => match host {
            cuferry_arch::Host::X86_64 => vec!["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu"],
            cuferry_arch::Host::Aarch64 => vec!["/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu"],
        },
        Machine::Arm32 => vec!["/lib/arm-linux-gnueabihf", "/usr/lib/arm-linux-gnueabihf"],
        Machine::Other(_) | Machine::None => Vec::new(),
    };
    folders.extend(["/lib64", "/usr/lib64", "/lib", "/usr/lib"]);
    folders
}

/// Dynamic string tokens (ld.so(8)); an empty folder is the current one, which is nobody's wish.
fn expand(folder: &str, origin: &str) -> String {
    let mut path = folder.to_owned();
    for (token, value) in [("ORIGIN", origin), ("LIB", "lib")] {
        path = path.replace(&format!("${{{token}}}"), value).replace(&format!("${token}"), value);
    }
    normal(&path)
}

/// Without `.`, `..` and doubled slashes.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use cuferry_arch::Host;

    use super::*;

    #[track_caller]
    fn check(search: &[&str], name: &str, files: &[&str], expected: Place) {
        let host = HostPart {
            machine: Machine::Host(Host::Aarch64),
            needed: vec![name.to_owned()],
            search: search.iter().map(|folder| (*folder).to_owned()).collect(),
            ..HostPart::default()
        };
        let folders =
            Folders { environment: vec!["/opt/env".to_owned()], configured: vec!["/opt/conf".to_owned()] };
        let found = resolve(&host, "/opt/app/bin/prog", &folders, |path| files.contains(&path));
        assert_eq!(found, [Needed { name: name.to_owned(), place: expected }]);
    }

    #[test]
    fn looks_where_the_loader_does_and_in_its_order() {
        let at = |path: &str| Place::At(path.to_owned());
        check(&["$ORIGIN/../lib"], "liba.so", &["/opt/app/lib/liba.so"], at("/opt/app/lib/liba.so"));
        check(&["${ORIGIN}"], "liba.so", &["/opt/app/bin/liba.so"], at("/opt/app/bin/liba.so"));
        check(&[], "liba.so", &["/opt/conf/liba.so", "/opt/env/liba.so"], at("/opt/env/liba.so"));
        check(&[], "liba.so", &["/usr/lib/liba.so", "/opt/conf/liba.so"], at("/opt/conf/liba.so"));
        check(&[], "liba.so", &["/lib/aarch64-linux-gnu/liba.so"], at("/lib/aarch64-linux-gnu/liba.so"));
        check(&[], "liba.so", &["/lib/x86_64-linux-gnu/liba.so"], Place::Missing);
        check(&[], "/opt/x/liba.so", &["/opt/x/liba.so"], at("/opt/x/liba.so"));
        check(&[], "libcuda.so.1", &["/usr/lib/libcuda.so.1"], Place::Driver);
    }

    #[test]
    fn reads_the_loaders_configuration() {
        let text = "# a comment\ninclude /etc/ld.so.conf.d/*.conf\n/usr/local/lib  # ours\n\nhwcap 1 x\n/opt//a/../b/\n";
        let (folders, includes) = ld_so_conf(text);
        assert_eq!(folders, ["/usr/local/lib", "/opt/b"]);
        assert_eq!(includes, ["/etc/ld.so.conf.d/*.conf"]);
    }
}
