//! Paths as tools print them, made comparable.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

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

/// Whether a text is a relative path that leads below where it starts, in one way to write it: no `.` or `..`, no empty
/// part, nothing that another system reads in its own way.
pub fn is_plain(text: &str) -> bool {
    let plain = |part: &str| !matches!(part, "" | "." | "..") && part.len() <= 255;
    text.len() <= 1024
        && !text.contains('\\')
        && !text.chars().any(char::is_control)
        && text.split('/').all(plain)
}

/// The way from the folder `from` to `to`, both relative to one root: `../../etc/x`.
pub fn relative(from: &Utf8Path, to: &Utf8Path) -> Utf8PathBuf {
    let (from, to): (Vec<_>, Vec<_>) = (from.components().collect(), to.components().collect());
    let common = from.iter().zip(&to).take_while(|(left, right)| left == right).count();
    let up = from[common..].iter().map(|_| "..");
    up.chain(to[common..].iter().map(Utf8Component::as_str)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_stay_below() {
        for path in ["a", "a/b", "a/b..c/...", "usr/bin/g++-11"] {
            assert!(is_plain(path), "`{path}`");
        }
        for path in ["", "/a", "a/", "a//b", "../a", "a/..", "./a", "a\\b", "a\0b", "a\nb", &"a/".repeat(600)]
        {
            assert!(!is_plain(path), "`{path}`");
        }
    }

    #[test]
    fn ways_lead_up_and_down() {
        for (from, to, expected) in [
            ("lib", "lib/a.so", "a.so"),
            ("lib/gcc/11", "lib/x/a.so", "../../x/a.so"),
            ("", "bin/a", "bin/a"),
            ("a/b", "c", "../../c"),
        ] {
            assert_eq!(relative(from.into(), to.into()), expected, "from `{from}` to `{to}`");
        }
    }

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
