//! Lets what runs in a namespace write in some folders alone: everything else is mounted read-only there. For an install step
//! that is to fill a staging folder, and may not keep to it.

use std::collections::BTreeSet;
use std::fs;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{StatVfsMountFlags, statvfs};
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount_bind_recursive, mount_remount};

use crate::cover::unescape;
use crate::obstacle::{Obstacle, Step};

/// File systems that hold no files, but the kernel's own settings and devices: nothing is installed there, and some may not
/// be mounted anew by anybody.
const KERNELS: [&str; 14] = [
    "proc",
    "sysfs",
    "devpts",
    "mqueue",
    "cgroup",
    "cgroup2",
    "securityfs",
    "debugfs",
    "tracefs",
    "configfs",
    "pstore",
    "bpf",
    "binfmt_misc",
    "fusectl",
];

/// One line of proc(5), `/proc/self/mountinfo`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mounted {
    at: Utf8PathBuf,
    flags: MountFlags,
    system: String,
}

/// From here on only what lies in `writable` can be written to.
pub(crate) fn confine(writable: &[Utf8PathBuf]) -> Result<(), Obstacle> {
    let failed = |path: &Utf8Path, error: Errno| Obstacle::at(Step::Mount, path.as_str(), &error.into());
    let mut kept = BTreeSet::new();
    for folder in writable {
        // Links lead to where the kernel sees the mount.
        let Ok(folder) = folder.canonicalize_utf8() else { continue };
        if !kept.contains(&folder) {
            mount_bind_recursive(folder.as_str(), folder.as_str()).map_err(|error| failed(&folder, error))?;
            kept.insert(folder);
        }
    }
    let table = fs::read("/proc/self/mountinfo")
        .map_err(|error: io::Error| Obstacle::at(Step::Folder, "/proc/self/mountinfo", &error))?;
    for mounted in mounts(&String::from_utf8_lossy(&table)) {
        if kept.iter().any(|folder| mounted.at.starts_with(folder)) || KERNELS.contains(&&*mounted.system) {
            continue;
        }
        let flags = mounted.flags | MountFlags::BIND | MountFlags::RDONLY;
        match mount_remount(mounted.at.as_str(), flags, "") {
            // Another mount lies over it: nobody can reach it.
            Ok(()) | Err(Errno::NOENT | Errno::INVAL | Errno::NOTDIR) => {}
            Err(error) => return Err(failed(&mounted.at, error)),
        }
        let seen = statvfs(mounted.at.as_str());
        if seen.is_ok_and(|seen| !seen.f_flag.contains(StatVfsMountFlags::RDONLY)) {
            return Err(failed(&mounted.at, Errno::BUSY));
        }
    }
    Ok(())
}

/// What is mounted where, outermost first.
fn mounts(table: &str) -> Vec<Mounted> {
    table.lines().filter_map(mounted).collect()
}

fn mounted(line: &str) -> Option<Mounted> {
    let (fields, rest) = line.split_once(" - ")?;
    let mut fields = fields.split(' ').skip(4);
    let (at, options) = (unescape(fields.next()?), fields.next()?);
    let mut flags = MountFlags::empty();
    // Those that a user namespace does not allow to be taken away; times of access stay as they are by themselves.
    for option in options.split(',') {
        match option {
            "nosuid" => flags |= MountFlags::NOSUID,
            "nodev" => flags |= MountFlags::NODEV,
            "noexec" => flags |= MountFlags::NOEXEC,
            _ => {}
        }
    }
    Some(Mounted { at: at.into(), flags, system: rest.split(' ').next()?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_table_is_read() {
        let table = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/a rw
23 22 0:20 / /proc rw,nosuid,nodev,noexec - proc proc rw
24 22 0:21 /x /a\\040b ro,nosuid master:3 - tmpfs tmpfs rw
broken
";
        let found = mounts(table);
        let of = |at: &str, flags: MountFlags, system: &str| Mounted {
            at: at.into(),
            flags,
            system: system.to_owned(),
        };
        let all = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        let expected = [
            of("/", MountFlags::empty(), "ext4"),
            of("/proc", all, "proc"),
            of("/a b", MountFlags::NOSUID, "tmpfs"),
        ];
        assert_eq!(found, expected);
    }

    proptest::proptest! {
        #[test]
        fn no_table_panics(table in "([0-9a-z/\\\\ é,-]{0,30}\n){0,4}") {
            let _ = mounts(&table);
        }
    }
}
