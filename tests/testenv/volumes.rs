//! File systems of every kind that this machine can mount, each in a file or directory of the test, so that it can be
//! taken away and mounted again.

use std::fs::{self, File};

use super::Mounts;

/// A kind of file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Ext4,
    Xfs,
    Btrfs,
    Overlay,
    Bind,
    Bindfs,
    Ntfs3g,
    Fusefat,
    Fuse2fs,
    Vfat,
    Exfat,
    Ntfs3,
    /// NTFS by a driver for which case does not count; it shows all names in lower case.
    LowNtfs,
    /// xfs for which the case of ASCII letters does not count.
    XfsAnyCase,
    /// ext4 whose directories with the flag `F` take names for one that differ in case or accents.
    Ext4Casefold,
    /// Version 4.2 from this machine itself, whose server exports [`EXPORT`].
    Nfs4,
}

/// What an NFS server on this machine has to export for [`Kind::Nfs4`].
const EXPORT: &str = "/export";

impl Kind {
    pub(crate) const ALL: [Self; 13] = [
        Self::Ext4,
        Self::Xfs,
        Self::Btrfs,
        Self::Overlay,
        Self::Bind,
        Self::Bindfs,
        Self::Ntfs3g,
        Self::Fusefat,
        Self::Fuse2fs,
        Self::Vfat,
        Self::Exfat,
        Self::Ntfs3,
        Self::Nfs4,
    ];

    /// Those for which the case of names does not count.
    pub(crate) const FOLDING: [Self; 5] =
        [Self::LowNtfs, Self::Vfat, Self::Exfat, Self::XfsAnyCase, Self::Ext4Casefold];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
            Self::Overlay => "overlay",
            Self::Bind => "bind mount",
            Self::Bindfs => "bindfs",
            Self::Ntfs3g => "ntfs-3g",
            Self::Fusefat => "fusefat",
            Self::Fuse2fs => "fuse2fs",
            Self::Vfat => "vfat",
            Self::Exfat => "exfat",
            Self::Ntfs3 => "ntfs3",
            Self::LowNtfs => "lowntfs-3g",
            Self::XfsAnyCase => "xfs with version=ci",
            Self::Ext4Casefold => "ext4 with casefold",
            Self::Nfs4 => "nfs4",
        }
    }

    /// Whether it keeps a change time of its own, which no program can set.
    pub(crate) fn keeps_ctime(self) -> bool {
        !matches!(self, Self::Fusefat | Self::Vfat | Self::Exfat)
    }

    /// Whether its image lies in a loop device, the number of which may be another one at the next mount.
    pub(crate) fn on_loop_device(self) -> bool {
        matches!(
            self,
            Self::Ext4
                | Self::Xfs
                | Self::Btrfs
                | Self::Ntfs3g
                | Self::Vfat
                | Self::Exfat
                | Self::Ntfs3
                | Self::LowNtfs
                | Self::XfsAnyCase
                | Self::Ext4Casefold
        )
    }

    /// The size of its image, and the program that makes a file system of it.
    fn image(self) -> Option<(u64, &'static str, &'static [&'static str])> {
        const MIB: u64 = 1 << 20;
        Some(match self {
            Self::Ext4 => (16 * MIB, "mkfs.ext4", &["-q", "-F"]),
            Self::Fuse2fs => (16 * MIB, "mkfs.ext4", &["-q", "-F", "-O", "^metadata_csum"]),
            Self::Xfs => (320 * MIB, "mkfs.xfs", &["-q"]),
            Self::Btrfs => (128 * MIB, "mkfs.btrfs", &["-q"]),
            Self::XfsAnyCase => (320 * MIB, "mkfs.xfs", &["-q", "-n", "version=ci"]),
            Self::Ext4Casefold => (16 * MIB, "mkfs.ext4", &["-q", "-F", "-O", "casefold", "-E", "encoding=utf8"]),
            Self::Ntfs3g | Self::Ntfs3 | Self::LowNtfs => (16 * MIB, "mkfs.ntfs", &["-q", "-Q", "-F"]),
            Self::Fusefat | Self::Vfat => (16 * MIB, "mkfs.vfat", &[]),
            Self::Exfat => (16 * MIB, "mkfs.exfat", &[]),
            Self::Overlay | Self::Bind | Self::Bindfs | Self::Nfs4 => return None,
        })
    }
}

/// A file system of some kind, by the name of its image or directory.
pub(crate) struct Volume<'m, 'e> {
    mounts: &'m Mounts<'e>,
    pub(crate) kind: Kind,
    /// Absolute.
    store: String,
}

impl<'m, 'e> Volume<'m, 'e> {
    /// Makes an empty one; what the machine lacks if it can't.
    pub(crate) fn new(mounts: &'m Mounts<'e>, kind: Kind, name: &str) -> Result<Self, String> {
        let path = mounts.env.path(name);
        let store = path.to_str().unwrap().to_owned();
        if let Some((size, program, args)) = kind.image() {
            File::create(&path).and_then(|file| file.set_len(size)).map_err(|e| e.to_string())?;
            mounts.command(program, args.iter().chain(&[store.as_str()]))?;
            return Ok(Self { mounts, kind, store });
        }
        match kind {
            Kind::Nfs4 => {
                let store = format!("{EXPORT}/{}-{name}", mounts.env.path("").file_name().unwrap().display());
                fs::create_dir(&store).map_err(|e| format!("no NFS server here: {EXPORT}: {e}"))?;
                return Ok(Self { mounts, kind, store });
            }
            // The layers lie on a file system of which it is known that they can.
            Kind::Overlay => {
                mounts.mount(&["-t", "tmpfs", "none"], name)?;
                for layer in ["lower", "upper", "work"] {
                    mounts.env.dir(format!("{name}/{layer}"));
                }
            }
            _ => {
                mounts.env.dir(name);
            }
        }
        Ok(Self { mounts, kind, store })
    }

    /// Waits until no FUSE server of the image is left: it writes the last to it after umount(8) has returned.
    fn wait_for_server(&self) {
        let serves = |process: fs::DirEntry| {
            let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
            let mut words = command.split(|b| *b == 0);
            words.next().is_some_and(|program| program.starts_with(b"fuse"))
                && words.any(|w| w == self.store.as_bytes())
        };
        for _ in 0..500 {
            if !fs::read_dir("/proc").unwrap().flatten().any(serves) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("the server of {} does not end", self.store);
    }

    /// Mounts it on a directory, which is made.
    pub(crate) fn attach(&self, dir: &str) -> Result<(), String> {
        self.wait_for_server();
        let (mounts, store) = (self.mounts, self.store.as_str());
        let on_loop = |kind, options| mounts.mount(&["-t", kind, "-o", options, store], dir);
        match self.kind {
            Kind::Ext4 | Kind::Ext4Casefold => on_loop("ext4", "loop"),
            Kind::LowNtfs => mounts.mount_by("lowntfs-3g", &["-o", "ignore_case", store], dir),
            Kind::Xfs | Kind::XfsAnyCase => on_loop("xfs", "loop"),
            Kind::Btrfs => on_loop("btrfs", "loop"),
            Kind::Ntfs3g => on_loop("ntfs-3g", "loop"),
            Kind::Vfat => on_loop("vfat", "loop,codepage=437,iocharset=utf8"),
            Kind::Exfat => on_loop("exfat", "loop"),
            Kind::Ntfs3 => on_loop("ntfs3", "loop,force"),
            Kind::Overlay => {
                let layers = format!("lowerdir={store}/lower,upperdir={store}/upper,workdir={store}/work");
                mounts.mount(&["-t", "overlay", "-o", &layers, "overlay"], dir)
            }
            Kind::Bind => mounts.mount(&["--bind", store], dir),
            Kind::Bindfs => mounts.mount_by("bindfs", &["-o", "nonempty", store], dir),
            Kind::Fusefat => mounts.mount_by("fusefat", &["-o", "rw+", store], dir),
            Kind::Fuse2fs => mounts.mount_by("fuse2fs", &["-o", "nonempty", store], dir),
            Kind::Nfs4 => {
                let source = format!("localhost:{}", store.strip_prefix(EXPORT).unwrap());
                mounts.mount(&["-t", "nfs4", "-o", "vers=4.2,soft,timeo=20,retrans=1", &source], dir)
            }
        }
    }

    /// Mounts it on a directory with the device number of another mount, if that can be: somebody else has taken the
    /// number that it had.
    pub(crate) fn attach_elsewhere(&self, dir: &str) -> Result<(), String> {
        let other = self.mounts.env.path("elsewhere.img");
        let (mut held, mut anonymous) = (None, None);
        if self.kind.on_loop_device() {
            File::create(&other).and_then(|file| file.set_len(1 << 20)).unwrap();
            held = Some(self.mounts.command("losetup", ["--find", "--show", other.to_str().unwrap()])?);
        }
        if self.kind == Kind::Btrfs || !self.kind.on_loop_device() && self.kind != Kind::Bind {
            self.mounts.mount(&["-t", "tmpfs", "none"], "elsewhere")?;
            anonymous = Some("elsewhere");
        }
        let attached = self.attach(dir);
        if let Some(device) = held {
            self.mounts.command("losetup", ["--detach", &device])?;
        }
        if let Some(dir) = anonymous {
            self.mounts.unmount(dir);
        }
        attached
    }

    /// The same one after its image was renamed.
    pub(crate) fn renamed(&self, name: &str) -> Self {
        Self { mounts: self.mounts, kind: self.kind, store: self.mounts.env.path(name).to_str().unwrap().to_owned() }
    }

    /// A new one, mounted on a directory; a visible skip where there can be none.
    pub(crate) fn of(mounts: &'m Mounts<'e>, kind: Kind, name: &str, dir: &str) -> Option<Self> {
        let made = Self::new(mounts, kind, name).and_then(|volume| volume.attach(dir).map(|()| volume));
        made.map_err(|reason| super::skip(&format!("no {} here: {reason}", kind.name()))).ok()
    }
}
