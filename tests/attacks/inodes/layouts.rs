//! The file systems whose inode tables can be read, as they can be made and mounted.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::testenv::Mounts;

/// A layout: how the file system is made and mounted.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) name: &'static str,
    kind: &'static str,
    make: &'static [&'static str],
    options: &'static str,
    /// Stamps have nanoseconds.
    pub(super) fine_stamps: bool,
    /// What the base knows holds for one mount.
    pub(super) is_of_mount: bool,
    /// In MiB: each has a smallest size.
    size: u64,
}

const fn ext4(name: &'static str, make: &'static [&'static str], options: &'static str) -> Layout {
    Layout { name, kind: "ext4", make, options, fine_stamps: true, is_of_mount: false, size: 64 }
}

const fn xfs(name: &'static str, make: &'static [&'static str], options: &'static str) -> Layout {
    Layout { kind: "xfs", size: 320, ..ext4(name, make, options) }
}

const fn btrfs(name: &'static str, make: &'static [&'static str], options: &'static str) -> Layout {
    Layout { kind: "btrfs", size: 128, is_of_mount: true, ..ext4(name, make, options) }
}

/// So many of them, the first ones, belong to each run of the tests.
pub(super) const USUAL: usize = 4;

/// All of them.
pub(super) const LAYOUTS: &[Layout] = &[
    ext4("the defaults", &[], "loop"),
    btrfs("btrfs", &[], "loop"),
    xfs("xfs", &[], "loop"),
    Layout { fine_stamps: false, ..ext4("inodes of 128 bytes", &["-I", "128"], "loop") },
    ext4("noatime", &[], "loop,noatime"),
    ext4("strictatime", &[], "loop,strictatime"),
    ext4("dirsync", &[], "loop,dirsync"),
    ext4("sync", &[], "loop,sync"),
    ext4("lazytime", &[], "loop,lazytime"),
    ext4("data=journal", &[], "loop,data=journal"),
    ext4("data=writeback", &[], "loop,data=writeback"),
    ext4("nodelalloc", &[], "loop,nodelalloc"),
    ext4("journal_async_commit", &[], "loop,journal_async_commit"),
    ext4("no metadata_csum", &["-O", "^metadata_csum"], "loop"),
    ext4("metadata_csum_seed", &["-O", "metadata_csum_seed"], "loop"),
    ext4("no 64bit", &["-O", "^64bit"], "loop"),
    ext4("no flex_bg", &["-O", "^flex_bg"], "loop"),
    ext4("meta_bg", &["-O", "meta_bg,^resize_inode"], "loop"),
    ext4("bigalloc", &["-O", "bigalloc"], "loop"),
    ext4("no journal", &["-O", "^has_journal"], "loop"),
    ext4("ea_inode", &["-O", "ea_inode"], "loop"),
    ext4("fast_commit", &["-O", "fast_commit"], "loop"),
    ext4("orphan_file", &["-O", "orphan_file"], "loop"),
    ext4("uninit_bg", &["-O", "^metadata_csum,uninit_bg"], "loop"),
    ext4("sparse_super2", &["-O", "sparse_super2"], "loop"),
    ext4("encrypt", &["-O", "encrypt"], "loop"),
    ext4("quota", &["-O", "quota"], "loop"),
    ext4("project", &["-O", "project,quota"], "loop"),
    ext4("mmp", &["-O", "mmp"], "loop"),
    ext4("large_dir", &["-O", "large_dir"], "loop"),
    ext4("inodes of 512 bytes", &["-I", "512"], "loop"),
    ext4("inodes of 1024 bytes", &["-I", "1024"], "loop"),
    ext4("blocks of 1024 bytes", &["-b", "1024"], "loop"),
    ext4("blocks of 2048 bytes", &["-b", "2048"], "loop"),
    ext4("blocks of 1024 bytes and meta_bg", &["-b", "1024", "-O", "meta_bg,^resize_inode"], "loop"),
    ext4("few blocks in a group", &["-b", "1024", "-g", "512", "-N", "4000"], "loop"),
    Layout { kind: "ext3", fine_stamps: false, ..ext4("ext3", &["-t", "ext3", "-I", "128"], "loop") },
    Layout { kind: "ext2", fine_stamps: false, ..ext4("ext2", &["-t", "ext2", "-I", "128"], "loop") },
    btrfs("btrfs with compression", &[], "loop,compress-force=zstd"),
    btrfs("btrfs without copies on write", &[], "loop,nodatacow"),
    btrfs("btrfs without inline data", &["--nodesize", "4096"], "loop,max_inline=0"),
    btrfs("btrfs without a log", &[], "loop,notreelog,flushoncommit,noatime"),
    btrfs("btrfs with mixed groups", &["--mixed"], "loop,autodefrag,strictatime"),
    btrfs("btrfs, lazytime", &[], "loop,lazytime,commit=1"),
    xfs("xfs of version 4 in its times", &["-m", "bigtime=0"], "loop"),
    xfs("xfs without finobt and reflink", &["-m", "finobt=0,reflink=0,rmapbt=0,inobtcount=0"], "loop"),
    xfs("xfs with inodes of 2048 bytes", &["-i", "size=2048"], "loop,noatime"),
    xfs("xfs with sparse inodes", &["-i", "sparse=1"], "loop,wsync"),
    xfs("xfs, lazytime", &[], "loop,lazytime,inode32"),
];

/// Where it is mounted, and its image.
const DISK: &str = "disk";
const IMAGE: &str = "layout.img";

impl Layout {
    /// Makes the file system and mounts it; why not otherwise.
    pub(super) fn make(&self, mounts: &Mounts<'_>) -> Result<PathBuf, String> {
        let image = mounts.env.path(IMAGE);
        File::create(&image).and_then(|file| file.set_len(self.size << 20)).map_err(|e| e.to_string())?;
        let (command, force) = match self.kind {
            "btrfs" => ("mkfs.btrfs", "-f"),
            "xfs" => ("mkfs.xfs", "-f"),
            _ => ("mkfs.ext4", "-F"),
        };
        let usual = ["-q", force];
        let args = usual.iter().chain(self.make).map(AsRef::<std::ffi::OsStr>::as_ref);
        mounts.command(command, args.chain([image.as_os_str()]))?;
        mounts.mount(&["-t", self.kind, "-o", self.options, image.to_str().unwrap()], DISK)?;
        Ok(mounts.env.path(DISK))
    }

    /// Between two snapshots: memory is given up, or the file system is mounted again, each now and then. True if it
    /// was mounted again.
    pub(super) fn disturb(&self, mounts: &Mounts<'_>, disk: &Path, round: u32) -> bool {
        if round.is_multiple_of(5) {
            mounts.unmount(DISK);
            let image = mounts.env.path(IMAGE);
            mounts.mount(&["-t", self.kind, "-o", self.options, image.to_str().unwrap()], DISK).unwrap();
            assert!(super::is_mounted(disk));
        } else if round.is_multiple_of(3) {
            let _ = fs::write("/proc/sys/vm/drop_caches", "3\n");
        }
        round.is_multiple_of(5)
    }

    /// Unmounts it, if it is mounted, and removes the image.
    pub(super) fn remove(&self, mounts: &Mounts<'_>) {
        if super::is_mounted(&mounts.env.path(DISK)) {
            mounts.unmount(DISK);
        }
        let _ = fs::remove_file(mounts.env.path(IMAGE));
        println!("{} is done", self.name);
    }
}
