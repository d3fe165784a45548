//! Folders and roots on this machine's disk.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::process::Command;

use cuferry_artifact::{ArtifactKind, Limits, NodeKind, ProblemKind, open};

use rustix::fs::{Mode, OFlags};

use crate::common::{lacking, opened_path, problems, said, scratch, shown};

#[test]
fn a_folder_is_read_without_leaving_it() {
    let (_guard, folder) = scratch();
    fs::write(folder.join("outside"), "secret").unwrap();
    let inside = folder.join("in");
    fs::create_dir_all(inside.join("b/c")).unwrap();
    fs::write(inside.join("b/c/file"), "content").unwrap();
    fs::write(inside.join("b.txt"), "").unwrap();
    fs::hard_link(inside.join("b/c/file"), inside.join("again")).unwrap();
    symlink("../outside", inside.join("up")).unwrap();
    symlink(folder.join("outside"), inside.join("abs")).unwrap();
    symlink("..", inside.join("parent")).unwrap();
    symlink("b/c/file", inside.join("link")).unwrap();
    let _socket = UnixListener::bind(inside.join("socket")).unwrap();
    let artifact = opened_path(&inside);
    assert_eq!(artifact.kind, ArtifactKind::Folder);
    let tree = &artifact.trees[0];
    assert_eq!(
        shown(tree),
        [
            &*format!("abs -> {folder}/outside"),
            "again = content",
            "b/",
            "b.txt = ",
            "b/c/",
            "b/c/file = content",
            "link -> b/c/file",
            "parent -> ..",
            "socket ?",
            "up -> ../outside"
        ]
    );
    assert_eq!(problems(&artifact), ["special-file 1"]);
    assert_eq!(tree.resolve("link").unwrap().path, "b/c/file");
    assert_eq!(tree.resolve("parent/link").unwrap().path, "b/c/file", "above the root is the root");
    assert!(tree.resolve("up").is_none() && tree.resolve("abs").is_none());
    let id = |path| tree.get(path).unwrap().content_id().unwrap();
    assert!(id("again") == id("b/c/file") && id("again") != id("b.txt"));
}

/// Between the walk and the reading somebody swaps a folder for a link.
#[test]
fn a_link_put_in_a_folders_place_is_not_followed() {
    let (_guard, folder) = scratch();
    fs::create_dir_all(folder.join("in/a")).unwrap();
    fs::write(folder.join("in/a/file"), "harmless").unwrap();
    fs::create_dir(folder.join("secret")).unwrap();
    fs::write(folder.join("secret/file"), "secret").unwrap();
    let artifact = opened_path(&folder.join("in"));
    fs::remove_dir_all(folder.join("in/a")).unwrap();
    symlink(folder.join("secret"), folder.join("in/a")).unwrap();
    let tree = &artifact.trees[0];
    let node = tree.get("a/file").unwrap();
    assert!(said(&tree.head(node, 10).unwrap_err()).starts_with("artifact::unreadable: can't read `a/file`"));
    assert!(tree.bytes(node).is_err());
    // The same for the file itself, and for a pipe, which would hang.
    fs::remove_file(folder.join("in/a")).unwrap();
    fs::create_dir(folder.join("in/a")).unwrap();
    symlink(folder.join("secret/file"), folder.join("in/a/file")).unwrap();
    assert!(tree.bytes(node).is_err());
    fs::remove_file(folder.join("in/a/file")).unwrap();
    assert!(tree.bytes(node).is_err());
    assert!(Command::new("mkfifo").arg(folder.join("in/a/file")).status().unwrap().success());
    assert!(said(&tree.bytes(node).unwrap_err()).contains("no regular file"));
}

#[test]
fn names_that_are_not_text_are_read_all_the_same() {
    let (_guard, folder) = scratch();
    let name = std::ffi::OsStr::from_bytes(b"lib\xff.so");
    fs::create_dir(folder.as_std_path().join(name)).unwrap();
    fs::write(folder.as_std_path().join(name).join("file"), "content").unwrap();
    let artifact = opened_path(&folder);
    assert_eq!(shown(&artifact.trees[0]), ["lib\u{fffd}.so/", "lib\u{fffd}.so/file = content"]);
}

#[test]
fn what_may_not_be_read_is_counted() {
    let (_guard, folder) = scratch();
    fs::create_dir(folder.join("closed")).unwrap();
    fs::write(folder.join("closed/file"), "x").unwrap();
    fs::write(folder.join("secret"), "x").unwrap();
    fs::write(folder.join("open"), "x").unwrap();
    let mode =
        |name: &str, mode| fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
    mode("closed", 0);
    mode("secret", 0);
    if fs::read(folder.join("secret")).is_ok() {
        // The superuser may read anything: what everybody else sees is tried in a process of another user.
        mode("", 0o755);
        mode("closed", 0o700);
        return as_nobody(&folder);
    }
    let artifact = opened_path(&folder);
    mode("closed", 0o700);
    assert_eq!(problems(&artifact), ["unreadable 2"]);
    assert_eq!(shown(&artifact.trees[0]), ["closed/", "open = x", "secret ?"]);
    mode("", 0);
    let error = open(&folder, &Limits::default()).unwrap_err();
    mode("", 0o700);
    assert!(said(&error).starts_with("artifact::denied"), "{}", said(&error));
}

/// Runs this test again as another user.
fn as_nobody(folder: &camino::Utf8Path) {
    let copy = folder.join("it");
    fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(folder.join("tmp")).unwrap();
    fs::set_permissions(folder.join("tmp"), fs::Permissions::from_mode(0o777)).unwrap();
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&copy)
        .args(["--exact", "folders::what_may_not_be_read_is_counted"])
        .env("TMPDIR", folder.join("tmp"))
        .current_dir("/")
        .output();
    match output {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && text.contains("1 passed"), "{text}");
        }
        Err(_) => lacking("`setpriv` is not on PATH, and this is the superuser"),
    }
}

#[test]
fn a_root_is_told_by_what_is_in_it() {
    let (_guard, folder) = scratch();
    fs::create_dir_all(folder.join("etc")).unwrap();
    fs::create_dir_all(folder.join("usr/lib")).unwrap();
    assert_eq!(opened_path(&folder).kind, ArtifactKind::Folder);
    fs::write(folder.join("usr/lib/os-release"), "ID=ubuntu").unwrap();
    symlink("../usr/lib/os-release", folder.join("etc/os-release")).unwrap();
    let artifact = opened_path(&folder);
    assert_eq!(artifact.kind, ArtifactKind::Root);
    assert_eq!(artifact.trees[0].resolve("/etc/os-release").unwrap().path, "usr/lib/os-release");
    fs::remove_dir_all(folder.join("usr/lib")).unwrap();
    assert_eq!(opened_path(&folder).kind, ArtifactKind::Root, "a link to what is missing is a sign, too");
}

/// The kernel's file systems, and others that are mounted in a root.
#[test]
fn mounts_in_a_root_are_left_out_by_kind() {
    let (_guard, folder) = scratch();
    for name in ["etc", "usr/lib", "proc", "dev", "home", "mnt/proc"] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    fs::write(folder.join("usr/lib/os-release"), "").unwrap();
    fs::write(folder.join("proc/kept"), "x").unwrap();
    let artifact = opened_path(&folder);
    assert!(artifact.trees[0].get("proc/kept").is_some(), "in an unpacked root it is a folder like others");
    let program = r#"
        mount -t proc proc "$0/proc"; mount -t proc proc "$0/mnt/proc"; mount -t tmpfs tmpfs "$0/dev"; mount -t tmpfs tmpfs "$0/home"
        touch "$0/dev/null" "$0/home/file"; exec "$@""#;
    let exe = std::env::current_exe().unwrap();
    let output = Command::new("unshare")
        .args(["-m", "sh", "-ec", program])
        .arg(&folder)
        .arg(exe)
        .args(["--exact", "--ignored", "folders::reads_the_root_given"])
        .env("CUFERRY_TEST_ROOT", &folder)
        .output();
    match output {
        Ok(output) if output.status.success() => {
            assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
        }
        Ok(output) if String::from_utf8_lossy(&output.stderr).contains("ermi") => {
            lacking("mounting is not allowed here");
        }
        Ok(output) => {
            panic!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
        }
        Err(_) => lacking("`unshare` is not on PATH"),
    }
}

#[test]
#[ignore = "runs among the mounts that another test makes"]
#[expect(clippy::disallowed_methods, reason = "the other test says by this where the root is")]
fn reads_the_root_given() {
    let folder = std::env::var("CUFERRY_TEST_ROOT").unwrap();
    let artifact = opened_path(folder.as_str().into());
    assert_eq!(artifact.kind, ArtifactKind::Root);
    let problem = &artifact.problems()[0];
    assert_eq!((problem.kind, problem.count), (ProblemKind::KernelFileSystem, 3));
    let mut examples = problem.examples.clone();
    examples.sort();
    assert_eq!(examples, ["dev", "mnt/proc", "proc"]);
    assert!(artifact.trees[0].get("home/file").is_some(), "a disk of its own belongs to the machine");
    assert!(artifact.trees[0].get("proc").is_some_and(|node| node.kind == NodeKind::Directory));
    // A folder that is no root: only what the kernel makes up.
    fs::remove_file(format!("{folder}/usr/lib/os-release")).unwrap();
    let artifact = opened_path(folder.as_str().into());
    assert_eq!((&artifact.kind, artifact.problems()[0].count), (&ArtifactKind::Folder, 2));
}

#[test]
fn deep_folders_end_somewhere() {
    let (_guard, folder) = scratch();
    // Deeper than one path can say, as some build systems' loops make them.
    let mut place = rustix::fs::open(folder.as_std_path(), OFlags::DIRECTORY, Mode::empty()).unwrap();
    for _ in 0..300 {
        let name = "deep-folder-with-a-name";
        rustix::fs::mkdirat(&place, name, Mode::from_raw_mode(0o755)).unwrap();
        place = rustix::fs::openat(&place, name, OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
    let artifact = opened_path(&folder);
    assert_eq!(problems(&artifact), ["too-long-path 1"]);
}
