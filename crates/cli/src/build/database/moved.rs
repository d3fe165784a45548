//! A database that was written in another folder, or on another machine: its paths, as they are here.

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_project::database::Entry;

/// A folder that lies elsewhere now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) from: Utf8PathBuf,
    pub(super) to: Utf8PathBuf,
}

/// Where the project lay when the entries were written, if not in `root`. Fails with an entry whose source is nowhere.
pub(super) fn moved<'a>(
    entries: &'a [Entry],
    root: &Utf8Path,
    is_file: &dyn Fn(&Utf8Path) -> bool,
) -> Result<Option<Moved>, &'a Entry> {
    let mut moved: Option<Moved> = None;
    for entry in entries {
        let source = entry.source();
        let here = moved.as_ref().map_or_else(|| source.clone(), |moved| moved.path(&source));
        if is_file(&here) {
            continue;
        }
        // One move explains all, or the database is of another project.
        if moved.is_some() {
            return Err(entry);
        }
        moved = Some(found(&source, root, is_file).ok_or(entry)?);
    }
    Ok(moved)
}

/// The longest end of `source` that is a file below `root`.
fn found(source: &Utf8Path, root: &Utf8Path, is_file: &dyn Fn(&Utf8Path) -> bool) -> Option<Moved> {
    let mut from = Utf8PathBuf::from("/");
    let mut rest = source.strip_prefix("/").ok()?.components();
    loop {
        if rest.as_path().as_str().is_empty() {
            return None;
        }
        if from != "/" && is_file(&root.join(rest.as_path())) {
            return Some(Moved { from, to: root.to_owned() });
        }
        from.push(rest.next()?);
    }
}

impl Moved {
    pub(super) fn entry(&self, entry: &mut Entry) {
        entry.directory = self.path(&entry.directory);
        entry.file = self.path(&entry.file);
        entry.words.iter_mut().for_each(|word| *word = self.word(word));
    }

    pub(super) fn path(&self, path: &Utf8Path) -> Utf8PathBuf {
        match path.strip_prefix(&self.from) {
            Ok(rest) if rest.as_str().is_empty() => self.to.clone(),
            Ok(rest) => self.to.join(rest),
            Err(_) => path.to_owned(),
        }
    }

    /// A word with the folder in it: `-I/robot/include`, `-DDATA="/robot/data"`, `-Wl,-L/robot/lib`.
    pub(super) fn word(&self, word: &str) -> String {
        let mut out = String::new();
        let mut rest = word;
        while let Some(at) = rest.find(self.from.as_str()) {
            let end = at + self.from.as_str().len();
            let (before, after) = (&rest[..at], &rest[end..]);
            out.push_str(before);
            // `/robotics` is another folder than `/robot`; and so is `/mnt/robot`.
            let ends = after.chars().next().is_none_or(|next| !is_name(next));
            out.push_str(if ends && starts_path(&out) { self.to.as_str() } else { self.from.as_str() });
            rest = after;
        }
        out + rest
    }
}

fn is_name(letter: char) -> bool {
    letter.is_alphanumeric() || "_-.+".contains(letter)
}

/// Whether a path begins after `before`: at the start, after a mark, or after an option's own letters.
fn starts_path(before: &str) -> bool {
    let piece = before.rsplit(['=', ',', ':', ';', '"', '\'', '@', ' ', '(']).next().unwrap_or_default();
    piece.is_empty() || (piece.starts_with('-') && !piece.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn robot() -> Moved {
        Moved { from: "/home/nvidia/robot".into(), to: "/src".into() }
    }

    #[test]
    fn words_with_the_folder_in_them() {
        for (word, expected) in [
            ("/home/nvidia/robot/a.cpp", "/src/a.cpp"),
            ("-I/home/nvidia/robot", "-I/src"),
            ("-isystem=/home/nvidia/robot/x", "-isystem=/src/x"),
            ("-Wl,-rpath,/home/nvidia/robot/lib:/home/nvidia/robot/b", "-Wl,-rpath,/src/lib:/src/b"),
            ("-DDATA=\"/home/nvidia/robot/data\"", "-DDATA=\"/src/data\""),
            ("-I/home/nvidia/robotics", "-I/home/nvidia/robotics"),
            ("/mnt/home/nvidia/robot/a", "/mnt/home/nvidia/robot/a"),
            ("-I/mnt/home/nvidia/robot/a", "-I/mnt/home/nvidia/robot/a"),
            ("-O2", "-O2"),
        ] {
            assert_eq!(robot().word(word), expected, "{word}");
        }
    }

    #[test]
    fn the_folder_is_found_by_the_sources() {
        let entry = |number: usize, file: &str| Entry {
            number,
            directory: "/home/nvidia/robot/build".into(),
            file: file.into(),
            words: vec!["g++".to_owned()],
        };
        let here = |path: &Utf8Path| ["/src/a.cpp", "/src/lib/b.cpp", "/usr/c.cpp"].contains(&path.as_str());
        let entries =
            [entry(1, "../a.cpp"), entry(2, "/home/nvidia/robot/lib/b.cpp"), entry(3, "/usr/c.cpp")];
        assert_eq!(moved(&entries, "/src".into(), &here), Ok(Some(robot())));
        let odd = [entry(1, "../a.cpp"), entry(2, "/elsewhere/lib/b.cpp")];
        assert_eq!(moved(&odd, "/src".into(), &here), Err(&odd[1]));
        assert_eq!(moved(&[entry(1, "../none.cpp")], "/src".into(), &here), Err(&entry(1, "../none.cpp")));
        assert_eq!(moved(&[entry(1, "/usr/c.cpp")], "/src".into(), &here), Ok(None));
    }

    proptest::proptest! {
        #[test]
        fn any_word_is_taken(word in "(/home/nvidia/robot|/|-I|=|é|x){0,6}") {
            let _ = robot().word(&word);
        }
    }
}
