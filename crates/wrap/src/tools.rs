//! Which tool of this machine serves each name.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_translate::{Tool, ToolKind};
use rustix::fs::{Access, access};

use crate::file::{Served, SessionFile, marked};
use crate::names::{is_launcher, names};

/// Finds the tool for every name; a name that nothing serves is absent. `covered` are folders over which shims will lie.
pub(crate) fn served(
    session: &SessionFile,
    path: &OsStr,
    more: &[String],
    covered: &[Utf8PathBuf],
    under: &Utf8Path,
) -> BTreeMap<String, Served> {
    let names = names(session.policy.host, more);
    let mut finder = Finder::new(path);
    let found: BTreeMap<&String, Found> = names
        .iter()
        .filter_map(|(name, candidates)| {
            Some((name, candidates.iter().find_map(|candidate| finder.find(candidate))?))
        })
        .collect();
    let program = |tool: &Utf8Path| reachable(tool, covered, under, |name| names.contains_key(name));
    found
        .into_iter()
        .map(|(name, found)| {
            let compiler = found.compiler.as_deref().map(program);
            (name.clone(), Served { program: program(&found.tool), found: found.tool, compiler })
        })
        .collect()
}

/// The compilers that the user names by their paths, by path, but for those that serve their names anyhow. One that makes ARM
/// code is none of them, nor is nvcc, which is the toolkit's.
pub(crate) fn by_path(
    by_name: &BTreeMap<String, Served>,
    named: &[Utf8PathBuf],
    covered: &[Utf8PathBuf],
    under: &Utf8Path,
) -> BTreeMap<String, Served> {
    let mut found = BTreeMap::new();
    for path in named.iter().filter_map(|path| spelled(path)) {
        let name = path.file_name().unwrap_or_default();
        let serving = by_name.get(name).and_then(|served| spelled(&served.found));
        let is_plain = Tool::of(name).is_some_and(|tool| !tool.arm && tool.kind != ToolKind::Nvcc);
        let is_shim = path.parent().is_some_and(|folder| marked(folder).is_some());
        if serving.as_ref() == Some(&path) || !is_plain || is_shim || !is_executable(&path) {
            continue;
        }
        let program = reachable(&path, covered, under, |name| by_name.contains_key(name));
        found.insert(path.to_string(), Served { found: path, program, compiler: None });
    }
    found
}

/// A tool's path with links in its folder looked through, as the kernel names it.
pub(crate) fn spelled(path: &Utf8Path) -> Option<Utf8PathBuf> {
    let folder = path.parent().filter(|_| path.is_absolute())?.canonicalize_utf8().ok()?;
    Some(folder.join(path.file_name()?))
}

fn is_executable(path: &Utf8Path) -> bool {
    path.is_file() && access(path.as_std_path(), Access::EXEC_OK).is_ok()
}

/// The path by which `tool` is still reached when shims lie over `covered`.
pub(crate) fn reachable(
    tool: &Utf8Path,
    covered: &[Utf8PathBuf],
    under: &Utf8Path,
    is_shim: impl Fn(&str) -> bool,
) -> Utf8PathBuf {
    let folder = tool.parent().and_then(|folder| folder.canonicalize_utf8().ok());
    let Some(folder) = folder.filter(|folder| covered.contains(folder)) else { return tool.to_owned() };
    // A script may look at its own name, which the file at the end of its links need not have.
    let real = if is_script(tool) { None } else { tool.canonicalize_utf8().ok() };
    let real = real.unwrap_or_else(|| folder.join(tool.file_name().unwrap_or_default()));
    let is_covered = real.parent().is_some_and(|folder| covered.iter().any(|covered| covered == folder));
    if is_covered && real.file_name().is_some_and(is_shim) { below(under, &real) } else { real }
}

/// Where a path that may be covered is found all the same.
pub(crate) fn below(under: &Utf8Path, path: &Utf8Path) -> Utf8PathBuf {
    under.join(path.strip_prefix("/").unwrap_or(path))
}

fn is_script(tool: &Utf8Path) -> bool {
    let mut start = [0; 2];
    File::open(tool).is_ok_and(|mut file| file.read_exact(&mut start).is_ok()) && start == *b"#!"
}

/// A tool on PATH.
#[derive(Clone)]
struct Found {
    tool: Utf8PathBuf,
    /// The first on PATH that is no launcher, where `tool` is one.
    compiler: Option<Utf8PathBuf>,
}

/// PATH, and what was looked for in it already.
struct Finder {
    /// Each folder, with the session whose shims lie in it.
    folders: Vec<(Utf8PathBuf, Option<SessionFile>)>,
    known: BTreeMap<String, Option<Found>>,
}

impl Finder {
    fn new(path: &OsStr) -> Self {
        let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute());
        let folders = folders.filter_map(|folder| Utf8PathBuf::from_path_buf(folder).ok());
        let owner = |folder: &Utf8Path| SessionFile::read(&marked(folder)?).ok();
        let folders = folders.map(|folder| (folder.clone(), owner(&folder))).collect();
        Self { folders, known: BTreeMap::new() }
    }

    fn find(&mut self, name: &str) -> Option<Found> {
        if let Some(known) = self.known.get(name) {
            return known.clone();
        }
        let found = self.look_for(name);
        self.known.insert(name.to_owned(), found.clone());
        found
    }

    fn look_for(&self, name: &str) -> Option<Found> {
        let mut tools = self.folders.iter().filter_map(|(folder, session)| {
            let path = folder.join(name);
            // A build that was itself started by cuferry: its shims stand for tools that can be reached otherwise.
            let shim = session.as_ref().and_then(|session| session.tools.get(name));
            let tool = shim.map_or(path, |served| served.program.clone());
            is_executable(&tool).then_some(tool)
        });
        let tool = tools.next()?;
        let launches = |tool: &Utf8Path| {
            tool.canonicalize_utf8().is_ok_and(|real| real.file_name().is_some_and(is_launcher))
        };
        let compiler = if launches(&tool) { tools.find(|next| !launches(next)) } else { None };
        Some(Found { tool, compiler })
    }
}

/// The first executable file of that name on PATH.
pub(crate) fn on_path(path: &OsStr, name: &str) -> Option<Utf8PathBuf> {
    Finder::new(path).find(name).map(|found| found.tool)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use cuferry_arch::Host;

    use super::*;
    use crate::testing;

    fn tool(path: &Utf8Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn each_name_is_served_by_what_is_there() {
        let (_guard, root) = cuferry_testkit::scratch();
        let (bin, under) = (root.join("bin"), root.join("under"));
        tool(&bin.join("x86_64-linux-gnu-gcc-12"), "ELF");
        symlink("x86_64-linux-gnu-gcc-12", bin.join("gcc-12")).unwrap();
        symlink("gcc-12", bin.join("gcc")).unwrap();
        tool(&bin.join("g++"), "ELF");
        tool(&bin.join("ar"), "#!/bin/sh");
        fs::write(bin.join("ld"), "not executable").unwrap();
        let session = testing::session_file(Host::X86_64);
        let path = format!("relative:/nowhere:{bin}");
        let names = |covered: &[Utf8PathBuf]| served(&session, path.as_ref(), &[], covered, &under);

        let open = names(&[]);
        let found = |name: &str| open.get(name).map(|served| served.found.as_str().replace(bin.as_str(), ""));
        assert_eq!(found("aarch64-linux-gnu-gcc").as_deref(), Some("/gcc"));
        assert_eq!(found("gcc-12").as_deref(), Some("/gcc-12"));
        assert_eq!(found("gcc-9").as_deref(), Some("/gcc"));
        assert_eq!(found("aarch64-linux-gnu-gcc-ar").as_deref(), Some("/ar"));
        assert_eq!((found("clang"), found("ld"), found("aarch64-linux-gnu-ld")), (None, None, None));
        assert_eq!(open["gcc"].program, bin.join("gcc"));

        let covered = names(std::slice::from_ref(&bin));
        assert_eq!(covered["gcc"].program, bin.join("x86_64-linux-gnu-gcc-12"));
        assert_eq!(covered["g++"].program, below(&under, &bin.join("g++")), "its own name is a shim's");
        assert_eq!(covered["aarch64-linux-gnu-ar"].program, bin.join("ar"), "no shim has its plain name");
    }

    #[test]
    fn a_compiler_cache_is_used_once() {
        let (_guard, root) = cuferry_testkit::scratch();
        tool(&root.join("bin/ccache"), "ELF");
        tool(&root.join("bin/gcc"), "ELF");
        fs::create_dir(root.join("cache")).unwrap();
        symlink("../bin/ccache", root.join("cache/gcc")).unwrap();
        let session = testing::session_file(Host::X86_64);
        let path = format!("{root}/cache:{root}/bin");
        let served = served(&session, path.as_ref(), &[], &[], "/under".into());
        assert_eq!(served["gcc"].program, root.join("cache/gcc"));
        assert_eq!(served["gcc"].compiler, Some(root.join("bin/gcc")));
    }

    #[test]
    fn shims_of_another_session_lead_to_their_tools() {
        let (_guard, root) = cuferry_testkit::scratch();
        tool(&root.join("bin/gcc"), "ELF");
        let mut outer = testing::session_file(Host::X86_64);
        outer.tools = served(&outer, root.join("bin").as_ref(), &[], &[], "/under".into());
        tool(&root.join("outer/bin/gcc"), "shim");
        outer.write(&root.join("outer")).unwrap();
        fs::write(root.join("outer/bin").join(crate::file::MARKER), root.join("outer").as_str()).unwrap();
        let path = format!("{root}/outer/bin:{root}/bin");
        assert_eq!(on_path(path.as_ref(), "gcc"), Some(root.join("bin/gcc")));
    }
}
