//! Paths as tools print them, made comparable.

use camino::{Utf8Path, Utf8PathBuf};

/// The path without `..` and `.`: `bin/../nvvm` is `nvvm`. By its text alone, so only for paths without links.
pub fn normalize(path: &Utf8Path) -> Utf8PathBuf {
    let mut normal = Utf8PathBuf::new();
    for component in path.components() {
        if component.as_str() == ".." {
            normal.pop();
        } else {
            normal.push(component);
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_go() {
        for (path, expected) in
            [("/a/bin/../nvvm/./x", "/a/nvvm/x"), ("/a/b/../../c/", "/c"), ("/..", "/"), ("a", "a")]
        {
            let normal = normalize(Utf8Path::new(path));
            assert_eq!(normal, expected, "`{path}`");
        }
    }
}
