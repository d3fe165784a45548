//! Puts a toolkit together: hard links into the unpacked packages, and what the packages lack.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_toolchain::layout::{Stub, Tree};
use cuferry_toolchain::stub;

use crate::data;
use crate::error::{At, InstallError};

/// Creates `root`, which is not there yet, from `tree`; `packages` are the folders of its parts. `manifest` is
/// a file's name and text.
pub(crate) fn activate(
    root: &Utf8Path,
    tree: &Tree,
    packages: &[Utf8PathBuf],
    manifest: (&str, &str),
) -> Result<(), InstallError> {
    let (temporary, folder) = data::temporary(root)?;
    for (at, from) in &tree.files {
        let at = inside(&folder, at)?;
        let from = packages[from.part].join(&from.path);
        // Not on one file system, no rights to link to another user's file, or too many links: a copy does as well.
        if fs::hard_link(&from, &at).is_err() {
            fs::copy(&from, &at).at("copy", &from)?;
        }
    }
    for (at, to) in &tree.links {
        let at = inside(&folder, at)?;
        symlink(to, &at).at("create", &at)?;
    }
    for stub in &tree.stubs {
        write_stub(&folder, stub)?;
    }
    for (at, text) in &tree.texts {
        let at = inside(&folder, at)?;
        fs::write(&at, text).at("write", &at)?;
        let mode = if text.starts_with("#!") { 0o555 } else { 0o444 };
        fs::set_permissions(&at, Permissions::from_mode(mode)).at("change the mode of", &at)?;
    }
    let path = folder.join(manifest.0);
    fs::write(&path, manifest.1).at("write", &path)?;
    data::sync(&folder)?;
    data::settle(temporary, root)
}

fn write_stub(folder: &Utf8Path, stub: &Stub) -> Result<(), InstallError> {
    let header = folder.join(&stub.header);
    let text = fs::read(&header).at("read", &header)?;
    let functions = stub::functions(stub.driver, &String::from_utf8_lossy(&text));
    let at = inside(folder, &stub.at)?;
    fs::write(&at, stub::shared_object(stub.driver, stub.host, &functions)).at("write", &at)
}

fn inside(folder: &Utf8Path, at: &Utf8Path) -> Result<Utf8PathBuf, InstallError> {
    let path = folder.join(at);
    let above = path.parent().unwrap_or(folder);
    fs::create_dir_all(above).at("create", above)?;
    Ok(path)
}
