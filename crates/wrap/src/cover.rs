//! Lays the session over the places that a build names absolutely. Runs in the namespace, before anything of the build does.
//!
//! A folder of tools is the shims and the old folder as one, by the kernel's overlay file system, or entry by entry where
//! the kernel has none for this user. A folder of a toolkit is covered by the session's. All other places appear in the folder
//! above them, which becomes one of the old entries and the new. What is covered cannot be written to itself: a file installed there would be lost with the namespace.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::mount::{
    MountFlags, UnmountFlags, mount, mount_bind, mount_bind_recursive, mount_remount, unmount,
};
use serde::{Deserialize, Serialize};

use crate::file::{MARKER, SessionFile};
use crate::obstacle::{Obstacle, Step};

/// A place that cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unserved {
    /// Where.
    pub path: Utf8PathBuf,
    /// Why, as the end of a sentence that begins with `path`.
    pub why: String,
}

impl Unserved {
    fn covering(path: Utf8PathBuf, error: &io::Error) -> Self {
        Self { path, why: format!("cannot be covered: {error}") }
    }
}

/// What appears at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Put {
    /// A folder, or a symbolic link to it.
    Link(Utf8PathBuf),
    /// A file.
    File(Utf8PathBuf),
}

impl Put {
    const fn source(&self) -> &Utf8PathBuf {
        let (Self::Link(source) | Self::File(source)) = self;
        source
    }

    /// Whether something of the kind is there, over which it can be laid without touching the folder above.
    fn fits(&self, at: &Utf8Path) -> bool {
        fs::symlink_metadata(at).is_ok_and(|old| match self {
            Self::Link(_) => old.is_dir(),
            Self::File(_) => old.is_file(),
        })
    }
}

/// Lays everything; answers which places are served, and which are not.
pub(crate) fn lay(
    folder: &Utf8Path,
    file: &SessionFile,
) -> Result<(Vec<Utf8PathBuf>, Vec<Unserved>), Obstacle> {
    let mut served = Vec::new();
    let (direct, places): (BTreeMap<_, _>, _) =
        places(folder, file).into_iter().partition(|(at, put)| put.fits(at));
    let (places, mut unserved) = group(places);
    keep_reachable(folder, file)?;
    let tools: BTreeSet<Utf8PathBuf> =
        file.under.iter().filter(|covered| is_tools(file, covered)).cloned().collect();
    let folders: BTreeSet<&Utf8PathBuf> = places.keys().chain(&tools).collect();
    // In this order a folder comes before those in it.
    for covered in folders {
        let puts = places.get(covered).cloned().unwrap_or_default();
        let shims = tools.contains(covered).then(|| folder.join("bin"));
        let named = |rest: &Utf8PathBuf| covered.join(rest);
        match cover(covered, &puts, shims.as_deref()) {
            Ok(()) => {
                served.extend(puts.keys().map(named));
                served.extend(shims.map(|_| covered.clone()));
            }
            Err(error) => {
                unserved.extend(puts.keys().map(named).map(|path| Unserved::covering(path, &error)));
                unserved.extend(shims.map(|_| Unserved::covering(covered.clone(), &error)));
            }
        }
    }
    for (at, put) in direct {
        match mount_bind_recursive(put.source().as_str(), at.as_str()) {
            Ok(()) => served.push(at),
            Err(error) => unserved.push(Unserved::covering(at, &error.into())),
        }
    }
    served.sort();
    unserved.sort();
    Ok((served, unserved))
}

fn is_tools(file: &SessionFile, covered: &Utf8Path) -> bool {
    file.places.tools.iter().any(|place| place.canonicalize_utf8().is_ok_and(|place| place == covered))
}

fn places(folder: &Utf8Path, file: &SessionFile) -> BTreeMap<Utf8PathBuf, Put> {
    let toolkit = file.places.toolkit.iter().filter(|_| file.toolkit.is_some());
    let toolkit = toolkit.map(|at| (at.clone(), Put::Link(folder.join("cuda"))));
    let files = file.files.iter().map(|(at, source)| (at.clone(), Put::File(source.clone())));
    toolkit.chain(files).collect()
}

/// The folders to cover, each with what appears in it by its path there.
type Covers = BTreeMap<Utf8PathBuf, BTreeMap<Utf8PathBuf, Put>>;

/// Finds for each place the deepest folder above it that there is.
fn group(places: BTreeMap<Utf8PathBuf, Put>) -> (Covers, Vec<Unserved>) {
    let (mut covers, mut unserved) = (Covers::new(), Vec::new());
    for (place, put) in places {
        let mut above = place.ancestors().skip(1);
        let found = above.find_map(|above| {
            above.canonicalize_utf8().ok().filter(|real| real.is_dir()).map(|real| (above, real))
        });
        let refuse = |why: &str| Unserved { path: place.clone(), why: why.to_owned() };
        match found {
            Some((_, real)) if real == "/" => {
                unserved.push(refuse("lies in the root folder, which cannot be covered"));
            }
            Some((above, real)) => {
                let rest = place.strip_prefix(above).unwrap_or(&place).to_owned();
                covers.entry(real).or_default().insert(rest, put);
            }
            None => unserved.push(refuse("is not an absolute path")),
        }
    }
    (covers, unserved)
}

/// Makes the folders that will be covered reachable below `under/`.
fn keep_reachable(folder: &Utf8Path, file: &SessionFile) -> Result<(), Obstacle> {
    if file.under.is_empty() {
        return Ok(());
    }
    let under = folder.join("under");
    let failed = |path: &Utf8Path| {
        let path = path.to_owned();
        move |error: io::Error| Obstacle::at(Step::Mount, path.as_str(), &error)
    };
    mount_tmpfs(&under).map_err(failed(&under))?;
    for covered in &file.under {
        let at = crate::tools::below(&under, covered);
        fs::create_dir_all(&at).map_err(failed(&at))?;
        mount_bind_recursive(covered.as_str(), at.as_str()).map_err(|error| failed(covered)(error.into()))?;
    }
    Ok(())
}

fn cover(folder: &Utf8Path, puts: &BTreeMap<Utf8PathBuf, Put>, shims: Option<&Utf8Path>) -> io::Result<()> {
    match shims {
        Some(shims) if puts.is_empty() => {
            overlay(folder, shims).or_else(|_| refill(folder, puts, Some(shims)))
        }
        shims => refill(folder, puts, shims),
    }
}

/// Lays `shims` over `folder` as one file system, and what was mounted in it over that again.
fn overlay(folder: &Utf8Path, shims: &Utf8Path) -> io::Result<()> {
    let mounted = mounted_below(folder)?;
    std::env::set_current_dir(folder)?;
    let escaped = |path: &Utf8Path| {
        let mut text = String::new();
        for character in path.as_str().chars() {
            if [':', ',', '\\'].contains(&character) {
                text.push('\\');
            }
            text.push(character);
        }
        text
    };
    let options = format!("lowerdir={}:{}", escaped(shims), escaped(folder));
    let options = std::ffi::CString::new(options)?;
    mount("overlay", folder.as_str(), "overlay", MountFlags::RDONLY, Some(options.as_c_str()))?;
    // The working directory is still the old folder.
    let bring = |rest: &Utf8PathBuf| mount_bind_recursive(rest.as_str(), folder.join(rest).as_str());
    or_uncover(folder, mounted.iter().try_for_each(bring).map_err(io::Error::from))
}

/// A folder that is covered by half would break a build that does not even name it.
fn or_uncover(folder: &Utf8Path, covered: io::Result<()>) -> io::Result<()> {
    covered.inspect_err(|_| _ = unmount(folder.as_str(), UnmountFlags::DETACH))
}

/// What is mounted in `folder`, outermost first: proc(5), `/proc/self/mountinfo`.
fn mounted_below(folder: &Utf8Path) -> io::Result<Vec<Utf8PathBuf>> {
    let table = fs::read("/proc/self/mountinfo")?;
    Ok(mount_points(&String::from_utf8_lossy(&table), folder))
}

fn mount_points(table: &str, folder: &Utf8Path) -> Vec<Utf8PathBuf> {
    let mut found = BTreeSet::new();
    for line in table.lines() {
        let Some(path) = line.split(' ').nth(4) else { continue };
        let path = unescape(path);
        if let Ok(rest) = Utf8Path::new(&path).strip_prefix(folder)
            && !rest.as_str().is_empty()
            && !found.iter().any(|outer: &Utf8PathBuf| rest.starts_with(outer))
        {
            found.insert(rest.to_owned());
        }
    }
    found.into_iter().collect()
}

/// Blanks, tabs, line ends and backslashes stand as `\040` and so on.
pub(crate) fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let code = rest.get(at + 1..at + 4).and_then(|code| u8::from_str_radix(code, 8).ok());
        plain.push(code.map_or('\\', char::from));
        rest = &rest[at + if code.is_some() { 4 } else { 1 }..];
    }
    plain + rest
}

/// Covers `folder` with an empty one, and puts into it what was there, one by one, and what is new.
fn refill(folder: &Utf8Path, puts: &BTreeMap<Utf8PathBuf, Put>, shims: Option<&Utf8Path>) -> io::Result<()> {
    let shims = match shims {
        Some(shims) => {
            entries(shims)?.into_iter().map(|(name, _)| (name.clone(), shims.join(name))).collect()
        }
        None => BTreeMap::new(),
    };
    let old = entries(folder)?;
    // From here on the old folder is `.`, whatever lies over its path.
    std::env::set_current_dir(folder)?;
    mount_tmpfs(folder)?;
    or_uncover(folder, fill(folder, old, puts, &shims))
}

fn fill(
    folder: &Utf8Path,
    old: Vec<(String, fs::FileType)>,
    puts: &BTreeMap<Utf8PathBuf, Put>,
    shims: &BTreeMap<String, Utf8PathBuf>,
) -> io::Result<()> {
    for (name, kind) in old {
        let replaced = puts.contains_key(Utf8Path::new(&name)) || shims.contains_key(&name);
        if !replaced {
            bring(Utf8Path::new(&name), kind, &folder.join(&name))?;
        }
    }
    for (name, shim) in shims {
        let at = folder.join(name);
        if name == MARKER {
            fs::copy(shim, at)?;
        } else {
            bind_file(shim, &at)?;
        }
    }
    for (rest, put) in puts {
        let at = folder.join(rest);
        fs::create_dir_all(at.parent().unwrap_or(folder))?;
        match put {
            Put::Link(target) => symlink(target, at)?,
            Put::File(source) => bind_file(source, &at)?,
        }
    }
    mount_remount(
        folder.as_str(),
        MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV,
        "",
    )?;
    Ok(())
}

fn entries(folder: &Utf8Path) -> io::Result<Vec<(String, fs::FileType)>> {
    let entries = folder.read_dir_utf8()?;
    entries
        .map(|entry| entry.and_then(|entry| Ok((entry.file_name().to_owned(), entry.file_type()?))))
        .collect()
}

/// Brings an entry of the old folder into the new one.
fn bring(old: &Utf8Path, kind: fs::FileType, at: &Utf8Path) -> io::Result<()> {
    if kind.is_symlink() {
        symlink(fs::read_link(old)?, at)
    } else if kind.is_dir() {
        fs::create_dir(at)?;
        Ok(mount_bind_recursive(old.as_str(), at.as_str())?)
    } else {
        bind_file(old, at)
    }
}

fn bind_file(source: &Utf8Path, at: &Utf8Path) -> io::Result<()> {
    File::create(at)?;
    Ok(mount_bind(source.as_str(), at.as_str())?)
}

fn mount_tmpfs(at: &Utf8Path) -> io::Result<()> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    Ok(mount("tmpfs", at.as_str(), "tmpfs", flags, Some(c"mode=0755"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_put_into_the_deepest_folder_that_there_is() {
        let (_guard, root) = cuferry_testkit::scratch();
        fs::create_dir_all(root.join("usr/local/cuda/bin")).unwrap();
        symlink(root.join("usr"), root.join("link")).unwrap();
        let put = |path: &str| (Utf8PathBuf::from(path.replace('@', root.as_str())), Put::Link("/x".into()));
        let (covers, unserved) = group(
            [
                put("@/usr/local/cuda"),
                put("@/link/local/cuda-10.2"),
                put("@/opt/nvidia/cuda"),
                put("/no-such/cuda"),
            ]
            .into(),
        );
        let rests = |folder: &str| {
            let puts = &covers[&root.join(folder)];
            puts.keys().map(Utf8PathBuf::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(rests("usr/local"), "cuda cuda-10.2");
        assert_eq!(rests(""), "opt/nvidia/cuda");
        assert_eq!(unserved.len(), 1);
        assert_eq!(unserved[0].path, "/no-such/cuda");
    }

    #[test]
    fn mounts_in_a_folder_are_found() {
        let table = "1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 8:1 /x /usr/bin/nvidia-smi rw - ext4 /dev/a rw\n\
                     3 1 8:1 /x /usr/bin/a\\040b rw - ext4 /dev/a rw\n4 3 8:1 /x /usr/bin/a\\040b/c rw - ext4 /dev/a rw\n\
                     5 1 8:1 /x /usr/binary rw - ext4 /dev/a rw\nbroken\n";
        assert_eq!(mount_points(table, "/usr/bin".into()), ["a b", "nvidia-smi"]);
    }

    proptest::proptest! {
        #[test]
        fn no_table_panics(table in "([0-9a-z/\\\\ é]{0,20}\n){0,4}") {
            let _ = mount_points(&table, "/usr".into());
        }
    }
}
