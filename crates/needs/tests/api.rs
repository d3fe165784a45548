//! `data/api.toml` against the toolkits themselves: what it says that CUDA 11.8 lacks, 11.8 lacks, and a 13.x has.

use std::collections::BTreeSet;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use cuferry_arch::{CudaRelease, Host};

/// Every identifier in the headers of a folder and below it, and the paths of the headers.
fn headers(folder: &Utf8Path) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut names, mut paths) = (BTreeSet::new(), BTreeSet::new());
    for entry in walkdir::WalkDir::new(folder).follow_links(true).into_iter().filter_map(Result::ok) {
        let Some(path) = Utf8Path::from_path(entry.path()).filter(|path| path.is_file()) else { continue };
        let path = path.strip_prefix(folder).expect("the walk began there");
        paths.insert(path.strip_prefix("cccl").unwrap_or(path).to_string());
        let own = path.components().count() <= 2 && !path.starts_with("cccl");
        if own && let Ok(text) = std::fs::read_to_string(folder.join(path)) {
            let words = text.split(|char: char| !char.is_ascii_alphanumeric() && char != '_');
            names.extend(words.filter(|word| word.len() > 3).map(ToOwned::to_owned));
        }
    }
    (names, paths)
}

fn include(root: &Utf8Path) -> Utf8PathBuf {
    root.join("targets/x86_64-linux/include")
}

fn options(root: &Utf8Path) -> String {
    let output = Command::new(root.join("bin/nvcc")).arg("--help").output().expect("nvcc runs");
    String::from_utf8(output.stdout).expect("its help is text")
}

#[test]
fn names_came_after_the_release_that_is_said_to_lack_them() {
    let data: toml::Table = toml::from_str(include_str!("../data/api.toml")).unwrap();
    let list = |key: &str| -> Vec<&str> {
        data[key].as_array().unwrap().iter().filter_map(|name| name.as_str()).collect()
    };
    let release = |key: &str| data[key].as_str().unwrap().parse::<CudaRelease>().unwrap();
    let libraries = ["cublas", "nvrtc"];
    let newest = CudaRelease::new(13, 5);
    let Some(old) = cuferry_testkit::toolkit(release("lacks"), &[Host::X86_64], &libraries) else { return };
    let Some(new) = cuferry_testkit::toolkit(release("has"), &[Host::X86_64], &[]) else { return };
    let Some(with_libraries) = cuferry_testkit::toolkit(newest, &[Host::X86_64], &libraries) else { return };
    let (old_names, old_paths) = headers(&include(&old));
    let (new_names, new_paths) = headers(&include(&new));
    let (more_names, _) = headers(&include(&with_libraries));
    for name in list("names") {
        assert!(!old_names.contains(name), "CUDA {} has {name}", release("lacks"));
        assert!(new_names.contains(name) || more_names.contains(name), "no CUDA 13 has {name}");
    }
    for path in list("headers") {
        assert!(!old_paths.contains(path), "CUDA {} has {path}", release("lacks"));
        assert!(new_paths.contains(path), "CUDA {} lacks {path}", release("has"));
    }
    let (old_options, new_options) = (options(&old), options(&new));
    for option in list("options") {
        let spelt = format!("--{option}");
        assert!(!old_options.contains(&spelt) && new_options.contains(&spelt), "{option}");
    }
}
