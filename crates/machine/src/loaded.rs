//! The shared libraries that this process has loaded: where the loader found them, which it alone knows.

use camino::{Utf8Path, Utf8PathBuf};

/// The file of the first library that is loaded and whose name begins so; none if there is none.
pub fn library(name: &str) -> Option<Utf8PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    maps.lines().find_map(|line| mapped(line, name))
}

/// The path at the end of a line of `/proc/self/maps` (proc(5)), if it is that of such a file.
fn mapped(line: &str, name: &str) -> Option<Utf8PathBuf> {
    let path = Utf8Path::new(&line[line.find('/')?..]);
    path.file_name().is_some_and(|file| file.starts_with(name)).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loader_tells_what_it_loaded() {
        let path = "/usr/lib/x86_64-linux-gnu/libcuda.so.580.95.05";
        let line = format!("7f0000000000-7f0000001000 r-xp 00000000 08:01 131090   {path}");
        assert_eq!(mapped(&line, "libcuda.so").as_deref(), Some(Utf8Path::new(path)));
        assert_eq!(mapped(&line, "libcudart.so"), None);
        assert_eq!(mapped("7f0000000000-7f0000001000 rw-p 00000000 00:00 0", "libcuda.so"), None);
        let own = library("libc.so.6").expect("tests are linked with the C library");
        assert!(own.is_file(), "{own}");
    }
}
