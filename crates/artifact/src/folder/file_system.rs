//! What kind of file system a folder lies on: a disk's, the kernel's own, or one that shows what lies elsewhere.

use std::io;
use std::os::fd::AsFd;

use rustix::fs::fstatfs;

/// What a file system is to those who look for files on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileSystem {
    /// A disk's, or memory.
    Usual,
    /// Made up by the kernel; its name.
    Kernel(&'static str),
    /// A network's, a host's as its guest sees it, or a container's, whose files lie somewhere on this disk.
    Elsewhere,
}

/// `f_type` of the kernel's own (statfs(2), and `linux/magic.h`).
const KERNEL: &[(u64, &str)] = &[
    (0x0000_9fa0, "proc"),
    (0x6265_6572, "sysfs"),
    (0x0000_1cd1, "devpts"),
    (0x0027_e0eb, "cgroup"),
    (0x6367_7270, "cgroup2"),
    (0x6462_6720, "debugfs"),
    (0x7472_6163, "tracefs"),
    (0x7363_6673, "securityfs"),
    (0xcafe_4a11, "bpf"),
    (0x6165_676c, "pstore"),
    (0x1980_0202, "mqueue"),
    (0x6265_6570, "configfs"),
    (0xde5e_81e4, "efivarfs"),
    (0x6573_5543, "fusectl"),
    (0x4249_4e4d, "binfmt_misc"),
    (0x9584_58f6, "hugetlbfs"),
    (0x0000_0187, "autofs"),
    (0x6e73_6673, "nsfs"),
    (0xf97c_ff8c, "selinuxfs"),
    (0x6759_6969, "rpc_pipefs"),
    (0x0765_5821, "resctrl"),
];

/// `f_type` of those that show what lies elsewhere: NFS, SMB in three versions, FUSE, Ceph, AFS in two, 9P, Lustre, GPFS,
/// `BeeGFS`, overlayfs.
const ELSEWHERE: &[u64] = &[
    0x0000_6969,
    0x0000_517b,
    0xff53_4d42,
    0xfe53_4d42,
    0x6573_5546,
    0x00c3_6400,
    0x5346_414f,
    0x6b41_4653,
    0x0102_1997,
    0x0bd0_0bd0,
    0x4750_4653,
    0x1983_0326,
    0x794c_7630,
];

impl FileSystem {
    pub(crate) fn of(folder: impl AsFd) -> io::Result<Self> {
        // The kernel's number has 32 bits; where the field is wider its sign may be spread.
        #[expect(clippy::cast_sign_loss, reason = "a bit pattern, not a number")]
        let magic = fstatfs(folder)?.f_type as u64 & 0xffff_ffff;
        let kernel = KERNEL.iter().find(|(number, _)| *number == magic);
        Ok(match kernel {
            Some((_, name)) => Self::Kernel(name),
            None if ELSEWHERE.contains(&magic) => Self::Elsewhere,
            None => Self::Usual,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn proc_is_the_kernels() {
        assert_eq!(FileSystem::of(File::open("/proc").unwrap()).unwrap(), FileSystem::Kernel("proc"));
        assert_eq!(FileSystem::of(File::open("/sys").unwrap()).unwrap(), FileSystem::Kernel("sysfs"));
        let folder = tempfile::tempdir().unwrap();
        assert_ne!(FileSystem::of(File::open(folder.path()).unwrap()).unwrap(), FileSystem::Kernel("proc"));
    }
}
