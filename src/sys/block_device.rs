//! Block devices, read through the page cache that their file system uses, too. Only that shows what the file system
//! changed a moment ago: another view of the same disk, or a direct read, has an older state.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Advice, OFlags, fadvise};

/// A device that is open for reading.
#[derive(Debug)]
pub(crate) struct BlockDevice {
    file: File,
    path: PathBuf,
}

impl BlockDevice {
    /// Opens the device that a file system with this `st_dev` lies on. `source` is what the mount table calls it.
    ///
    /// # Errors
    /// `Unsupported` for a file system without a device of its own; `NotFound` if no name of it is known here.
    pub(crate) fn open(dev: u64, source: &Path) -> io::Result<Self> {
        let (major, minor) = numbers(dev);
        if major == 0 {
            return Err(io::Error::from(io::ErrorKind::Unsupported));
        }
        let name = device_name(dev).map(|name| Path::new("/dev").join(name));
        let by_number = Path::new("/dev/block").join(format!("{major}:{minor}"));
        let mut problem = io::Error::from(io::ErrorKind::NotFound);
        for path in name.into_iter().chain([by_number, source.to_owned()]).filter(|path| path.is_absolute()) {
            match Self::open_at(&path, dev) {
                Ok(device) => return Ok(device),
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => problem = e,
            }
        }
        Err(problem)
    }

    fn open_at(path: &Path, dev: u64) -> io::Result<Self> {
        // Whatever else stands there must not block.
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
        let file = File::options().read(true).custom_flags(flags).open(path)?;
        let found = file.metadata()?;
        let (major, minor) = (rustix::fs::major(found.rdev()), rustix::fs::minor(found.rdev()));
        if !found.file_type().is_block_device() || (major, minor) != numbers(dev) {
            return Err(io::Error::new(io::ErrorKind::NotFound, "it is another device"));
        }
        Ok(Self { file, path: path.to_owned() })
    }

    /// The name that it was opened by.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Fills `buffer` from `place` on, in bytes.
    ///
    /// # Errors
    /// Also if the device ends before.
    pub(crate) fn read(&self, buffer: &mut [u8], place: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, place)
    }

    /// Says that these bytes will be read soon. The system may read them ahead.
    pub(crate) fn will_read(&self, place: u64, len: u64) {
        let _ = fadvise(&self.file, place, std::num::NonZeroU64::new(len), Advice::WillNeed);
    }
}

/// The two numbers of a device, from an `st_dev`.
fn numbers(dev: u64) -> (u32, u32) {
    ((dev >> 32) as u32, dev as u32)
}

/// The kernel's name of a device, such as `sda1`.
pub(crate) fn device_name(dev: u64) -> Option<String> {
    let (major, minor) = numbers(dev);
    let link = std::fs::read_link(format!("/sys/dev/block/{major}:{minor}")).ok()?;
    // Slashes are written so in /sys.
    Some(link.file_name()?.to_str()?.replace('!', "/"))
}
