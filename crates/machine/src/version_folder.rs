//! Folders with a version in their names that are here with another one: `/usr/include/pcl-1.10` on a machine that has
//! `/usr/include/pcl-1.13`.

use camino::{Utf8Path, Utf8PathBuf};

/// For a path in `parent` whose first folder below it is not there: that folder, and the one of the same name with the highest
/// other version. None where it is there, or nothing of the kind is.
pub fn other_version(parent: &Utf8Path, path: &Utf8Path) -> Option<(Utf8PathBuf, Utf8PathBuf)> {
    let name = path.strip_prefix(parent).ok()?.components().next()?.as_str();
    let absent = parent.join(name);
    let (stem, _) = split(name)?;
    if absent.exists() {
        return None;
    }
    let entries = parent.read_dir_utf8().ok()?.flatten().filter(|entry| entry.path().is_dir());
    let same = entries.filter_map(|entry| {
        let (other, version) = split(entry.file_name())?;
        (other == stem).then(|| (version, entry.path().to_owned()))
    });
    let (_, here) = same.max()?;
    Some((absent, here))
}

/// `pcl-` and 1.10 of `pcl-1.10`.
fn split(name: &str) -> Option<(&str, Vec<u64>)> {
    let stem = name.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    let version = &name[stem.len()..];
    let numbers: Vec<u64> = version.split('.').map(|number| number.parse().ok()).collect::<Option<_>>()?;
    (stem.len() > 1).then_some((stem, numbers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_other_version_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let parent = Utf8Path::from_path(folder.path()).unwrap();
        for name in ["pcl-1.9", "pcl-1.13", "pclx-2", "python3.11", "vtk-9.1", "plain"] {
            std::fs::create_dir(parent.join(name)).unwrap();
        }
        std::fs::write(parent.join("pcl-3.0"), "a file").unwrap();
        let other = |name: &str| {
            let (absent, here) = other_version(parent, &parent.join(name))?;
            Some(format!("{} {}", absent.file_name()?, here.file_name()?))
        };
        assert_eq!(other("pcl-1.10/pcl/io").as_deref(), Some("pcl-1.10 pcl-1.13"));
        assert_eq!(other("python3.8").as_deref(), Some("python3.8 python3.11"));
        for none in ["pcl-1.13/pcl", "vtk-9.1", "eigen3", "plain", "pcl", "3", "", "../pcl-1.10"] {
            assert_eq!(other(none), None, "{none}");
        }
        assert_eq!(other_version("/nowhere".into(), "/nowhere/a-1".into()), None);
        assert_eq!(other_version(parent, "/usr/include/pcl-1.10".into()), None);
    }
}
