//! Debian packages: unpacked into a folder in memory, and nothing lies beside it.
#![no_main]

use std::fs;

use camino::Utf8Path;
use cuferry_install::unpack_deb;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir_in("/dev/shm").expect("Linux has a folder in memory");
    let folder = Utf8Path::from_path(folder.path()).expect("its name is plain");
    let into = folder.join("into");
    fs::create_dir(&into).expect("the folder is fresh");
    // One file in four is not wanted.
    let wanted = |path: &Utf8Path, _: Option<&Utf8Path>| path.as_str().len() % 4 != 0;
    let _ = unpack_deb(bytes, bytes.len() as u64, "a.deb", &into, &wanted);
    assert_eq!(folder.read_dir_utf8().expect("it is there").count(), 1);
});
