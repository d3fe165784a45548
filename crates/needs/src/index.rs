//! Finds the row of a table by a name, where rows hold exact names, names that end in `*`, and folders of headers.

use std::collections::HashMap;

/// Names to rows. Where several fit, the longest pattern wins.
#[derive(Debug)]
pub(crate) struct Index<T: 'static> {
    exact: HashMap<&'static str, &'static T>,
    /// Beginnings of names, the longest first.
    prefixes: Vec<(&'static str, &'static T)>,
}

impl<T> Default for Index<T> {
    fn default() -> Self {
        Self { exact: HashMap::new(), prefixes: Vec::new() }
    }
}

impl<T> Index<T> {
    /// The index of `rows` by the names that `names` gives of each. Of rows that share a name the first has it.
    pub(crate) fn new(rows: &'static [T], names: impl Fn(&'static T) -> Vec<&'static str>) -> Self {
        let mut index = Self::default();
        for row in rows {
            for name in names(row) {
                if let Some(prefix) = name.strip_suffix('*') {
                    index.prefixes.push((prefix, row));
                } else if name.ends_with('/') {
                    index.prefixes.push((name, row));
                } else {
                    index.exact.entry(name).or_insert(row);
                }
            }
        }
        index.prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        index
    }

    /// The row of a name.
    pub(crate) fn get(&self, name: &str) -> Option<&'static T> {
        let longest = || self.prefixes.iter().find(|(prefix, _)| name.starts_with(prefix));
        self.exact.get(name).copied().or_else(|| longest().map(|(_, row)| *row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_pattern_wins() {
        static ROWS: [&[&str]; 3] = [&["gst/", "z"], &["gst/app/"], &["nvinfer_*", "z"]];
        let index = Index::new(&ROWS, |row| row.to_vec());
        let place = |name: &str| index.get(name).and_then(|row| ROWS.iter().position(|other| other == row));
        assert_eq!(place("gst/gst.h"), Some(0));
        assert_eq!(place("gst/app/app.h"), Some(1));
        assert_eq!(place("nvinfer_plugin"), Some(2));
        assert_eq!(place("nvinfer"), None);
        assert_eq!(place("z"), Some(0));
        assert_eq!(place(""), None);
    }
}
