//! Paths and patterns as a manifest writes them, and the files that a pattern means.
//!
//! `*` and `?` stay inside one folder, `**` crosses folders, `{a,b}` and `[ab]` choose, `\` takes the next one as it is.
//! A pattern that is itself the path of a file means that file, whatever it contains.

use camino::{Utf8Path, Utf8PathBuf};
use globset::{GlobBuilder, GlobSet};

use crate::files::FileTree;
use crate::names;
use crate::project::Language;

/// What makes a text more than a path.
const SPECIAL: [char; 5] = ['*', '?', '[', '{', '\\'];

/// The longest pattern, in bytes: globset descends into `{` by recursion, which a long row of them would overflow.
const LONGEST: usize = 1024;

/// The longest list of files that an error offers.
const MOST_OFFERS: usize = 3;

/// A pattern, checked.
pub(crate) struct Pattern {
    text: Utf8PathBuf,
    glob: Option<GlobSet>,
}

/// Why a text is no pattern.
pub(crate) enum PatternError {
    /// Absolute, or with `..`.
    Outside,
    /// Malformed.
    Malformed(String),
}

impl Pattern {
    /// Reads `text`; `tree` decides whether it is the name of a file.
    pub(crate) fn parse(text: &str, tree: &FileTree) -> Result<Self, PatternError> {
        let path = relative(text).ok_or(PatternError::Outside)?;
        if !text.contains(SPECIAL) || tree.contains(&path) {
            return Ok(Self { text: path, glob: None });
        }
        let glob = matcher(path.as_str(), false).map_err(PatternError::Malformed)?;
        Ok(Self { text: path, glob: Some(glob) })
    }

    pub(crate) fn matches(&self, path: &Utf8Path) -> bool {
        self.glob.as_ref().map_or_else(|| self.text == path, |glob| glob.is_match(path))
    }

    /// Every file that it means, sorted.
    pub(crate) fn files<'t>(&self, tree: &'t FileTree) -> Vec<&'t Utf8Path> {
        tree.paths().iter().map(Utf8PathBuf::as_path).filter(|path| self.matches(path)).collect()
    }

    /// The folder that every match lies in: the folders before the first one with anything special; the folder of a
    /// pattern that names one file.
    pub(crate) fn fixed_folder(&self) -> &Utf8Path {
        if self.glob.is_none() {
            return self.text.parent().unwrap_or(Utf8Path::new(""));
        }
        let special = |folder: &&Utf8Path| !folder.as_str().contains(SPECIAL);
        self.text.ancestors().skip(1).find(special).unwrap_or(Utf8Path::new(""))
    }

    /// Files that may have been meant where none matched: another case, another extension of a source, the same name in
    /// another folder, a name that is nearly the same.
    pub(crate) fn near(&self, tree: &FileTree) -> Vec<Utf8PathBuf> {
        let matching = |pattern: &str| match matcher(pattern, true) {
            Ok(glob) => tree.paths().iter().filter(|path| glob.is_match(path)).take(MOST_OFFERS).collect(),
            Err(_) => Vec::new(),
        };
        let mut found = matching(self.text.as_str());
        if found.is_empty() {
            found = matching(self.text.with_extension("*").as_str());
            found.retain(|path| Language::of(path).is_some());
        }
        if let (true, Some(name)) = (found.is_empty(), self.text.file_name()) {
            found = matching(&format!("**/{name}"));
            found.retain(|path| Language::of(path) == Language::of(&self.text));
        }
        if found.is_empty() && self.glob.is_none() {
            let near = names::nearest(self.text.as_str(), tree.paths().iter().map(|path| path.as_str()));
            return near.into_iter().map(Utf8PathBuf::from).collect();
        }
        found.into_iter().cloned().collect()
    }

    /// Whether it names a folder that holds files.
    pub(crate) fn is_folder(&self, tree: &FileTree) -> bool {
        self.glob.is_none() && tree.has_folder(&self.text)
    }
}

fn matcher(pattern: &str, case_insensitive: bool) -> Result<GlobSet, String> {
    if pattern.len() > LONGEST {
        return Err(format!("it is longer than {LONGEST} bytes"));
    }
    let mut builder = GlobBuilder::new(pattern);
    builder.literal_separator(true).backslash_escape(true).case_insensitive(case_insensitive);
    // A set of one: unlike `Glob::compile_matcher`, it returns an error where the expression grows too large.
    let set = builder.build().and_then(|glob| GlobSet::new([glob]));
    set.map_err(|error| error.kind().to_string())
}

/// `text` as a path inside the project, without `.` and doubled `/`; the project's own folder is `.`. `None` where it is
/// absolute or climbs with `..`.
pub(crate) fn relative(text: &str) -> Option<Utf8PathBuf> {
    if text.starts_with('/') || text.split('/').any(|part| part == "..") {
        return None;
    }
    let parts: Vec<_> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    Some(if parts.is_empty() { Utf8PathBuf::from(".") } else { Utf8PathBuf::from(parts.join("/")) })
}

/// `text` as an absolute path of the image, without `.` and doubled `/`. `None` where it is relative or climbs.
pub(crate) fn absolute(text: &str) -> Option<Utf8PathBuf> {
    let path = relative(text.strip_prefix('/')?.trim_start_matches('/'))?;
    Some(if path == "." { Utf8PathBuf::from("/") } else { Utf8Path::new("/").join(path) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> FileTree {
        FileTree::new(
            ["src/main.cu", "src/gpu/sum.cu", "src/gpu/Blur.CU", "src/io.cc", "odd[1].cu", "data/x/y.bin"]
                .map(Utf8PathBuf::from),
        )
    }

    #[track_caller]
    fn check(pattern: &str, expected: &[&str], folder: &str) {
        let tree = tree();
        let pattern = Pattern::parse(pattern, &tree).unwrap_or_else(|_| panic!("`{pattern}` refused"));
        assert_eq!((pattern.files(&tree), pattern.fixed_folder().as_str()), (paths(expected), folder));
    }

    fn paths<'a>(texts: &'a [&'a str]) -> Vec<&'a Utf8Path> {
        texts.iter().map(Utf8Path::new).collect()
    }

    #[test]
    fn patterns_mean_files() {
        check("src/*.cu", &["src/main.cu"], "src");
        check("./src//**/*.cu", &["src/gpu/sum.cu", "src/main.cu"], "src");
        check("**/*.{cu,cc}", &["odd[1].cu", "src/gpu/sum.cu", "src/io.cc", "src/main.cu"], "");
        check("odd[1].cu", &["odd[1].cu"], "");
        check("data/x/y.bin", &["data/x/y.bin"], "data/x");
        check("data/*/y.bin", &["data/x/y.bin"], "data");
        check("src", &[], "");
    }

    #[test]
    fn hostile_patterns_are_refused() {
        let tree = tree();
        for pattern in
            ["{".repeat(100_000) + &"}".repeat(100_000), "{a,b}*".repeat(100_000), "[".repeat(9_000)]
        {
            let refused = Pattern::parse(&pattern, &tree).is_err();
            assert!(refused, "{}… was taken", &pattern[..9]);
        }
    }

    #[test]
    fn near_files_are_offered() {
        let tree = tree();
        let near = |pattern: &str| {
            let pattern = Pattern::parse(pattern, &tree).unwrap_or_else(|_| panic!("refused"));
            pattern.near(&tree).iter().map(|path| path.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(near("src/Main.cu"), ["src/main.cu"]);
        assert_eq!(near("src/gpu/B*.cu"), ["src/gpu/Blur.CU"]);
        assert_eq!(near("src/io.cpp"), ["src/io.cc"]);
        assert_eq!(near("sum.cu"), ["src/gpu/sum.cu"]);
        assert_eq!(near("src/mian.cu"), ["src/main.cu"]);
        assert!(near("nothing/*.rs").is_empty());
    }

    #[test]
    fn paths_stay_in_their_place() {
        for (text, expected) in
            [("a/./b//c/", Some("a/b/c")), (".", Some(".")), ("/a", None), ("a/../b", None), ("..", None)]
        {
            assert_eq!(relative(text).as_deref(), expected.map(Utf8Path::new), "`{text}`");
        }
        for (text, expected) in
            [("/app//x/", Some("/app/x")), ("//", Some("/")), ("app", None), ("/a/../../b", None)]
        {
            assert_eq!(absolute(text).as_deref(), expected.map(Utf8Path::new), "`{text}`");
        }
    }
}
