//! How busy the processors are, and which disks rotate. From that follows how many threads a walk should have.

use std::path::Path;
#[cfg(not(windows))]
use std::time::Duration;

/// The processor time of all threads so far; none if the system does not say.
#[cfg(target_os = "linux")]
#[expect(clippy::unnecessary_wraps, reason = "other systems do not say")]
pub(crate) fn processor_time() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32))
}

#[cfg(windows)]
pub(crate) use super::windows::process::processor_time;

/// The processor time of all threads so far: not known here.
#[cfg(not(any(target_os = "linux", windows)))]
pub(crate) fn processor_time() -> Option<Duration> {
    None
}

/// Whether a file system (`st_dev`) lies on a rotating disk. The disks of virtual machines claim to rotate, too; their
/// vendor gives them away, or is missing.
pub(crate) fn is_rotating(dev: u64) -> bool {
    let device = Path::new("/sys/dev/block").join(format!("{}:{}", dev >> 32, dev & 0xffff_ffff));
    device.canonicalize().is_ok_and(|disk| is_rotating_disk(&disk, 4))
}

/// How many bytes wait in memory to be written to any disk, as far as the system tells.
pub(crate) fn unwritten_bytes() -> u64 {
    unwritten(&std::fs::read_to_string("/proc/meminfo").unwrap_or_default())
}

/// Lines such as `Dirty:   1234 kB`.
fn unwritten(table: &str) -> u64 {
    let of = |line: &str| {
        let (name, value) = line.split_once(':')?;
        let kib: u64 = value.trim().strip_suffix(" kB")?.parse().ok()?;
        matches!(name, "Dirty" | "Writeback").then_some(kib << 10)
    };
    table.lines().filter_map(of).sum()
}

/// How the vendor names of virtual disks begin.
const VIRTUAL: [&str; 6] = ["0x", "QEMU", "VMware", "Msft", "VBOX", "Google"];

fn is_rotating_disk(disk: &Path, layers: u8) -> bool {
    let read = |name: &str| std::fs::read_to_string(disk.join(name)).ok().map(|text| text.trim().to_owned());
    // Encrypted and logical volumes lie on others.
    let mut below = std::fs::read_dir(disk.join("slaves")).into_iter().flatten().flatten();
    if let Some(disk) = below.next().filter(|_| layers > 0) {
        return disk.path().canonicalize().is_ok_and(|disk| is_rotating_disk(&disk, layers - 1));
    }
    if disk.join("partition").exists() {
        return disk.parent().is_some_and(|whole| is_rotating_disk(whole, 0));
    }
    let is_real = read("device/vendor").is_some_and(|v| !v.is_empty() && !VIRTUAL.iter().any(|n| v.starts_with(n)));
    is_real && read("queue/rotational").as_deref() == Some("1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_to_be_written_is_dirty_or_on_its_way() {
        let table = "MemTotal:  8 kB\nDirty:      1024 kB\nWriteback:     4 kB\nWritebackTmp:   9 kB\nDirty: x kB\n";
        assert_eq!(unwritten(table), 1028 << 10);
        assert!(unwritten_bytes() > 0 || cfg!(not(target_os = "linux")), "something always is");
    }

    #[cfg(unix)]
    #[test]
    fn only_a_real_disk_that_says_so_rotates() {
        let dir = tempfile::tempdir().expect("a directory");
        let disk = |name: &str, vendor: Option<&str>, rotational: &str| {
            let disk = dir.path().join(name);
            std::fs::create_dir_all(disk.join("queue")).expect("mkdir");
            std::fs::create_dir_all(disk.join("device")).expect("mkdir");
            std::fs::write(disk.join("queue/rotational"), format!("{rotational}\n")).expect("write");
            if let Some(vendor) = vendor {
                std::fs::write(disk.join("device/vendor"), format!("{vendor}\n")).expect("write");
            }
            disk
        };
        let sda = disk("sda", Some("ATA     "), "1");
        assert!(is_rotating_disk(&sda, 4));
        assert!(!is_rotating_disk(&disk("sdb", Some("ATA"), "0"), 4), "it has no platters");
        assert!(!is_rotating_disk(&disk("vda", Some("0x1af4"), "1"), 4), "virtio");
        assert!(!is_rotating_disk(&disk("sdc", Some("QEMU"), "1"), 4));
        assert!(!is_rotating_disk(&disk("loop0", None, "1"), 4));
        let partition = sda.join("sda1");
        std::fs::create_dir(&partition).expect("mkdir");
        std::fs::write(partition.join("partition"), "1\n").expect("write");
        assert!(is_rotating_disk(&partition, 4));
        let volume = dir.path().join("dm-0");
        std::fs::create_dir_all(volume.join("slaves")).expect("mkdir");
        std::os::unix::fs::symlink(&partition, volume.join("slaves/sda1")).expect("symlink");
        assert!(is_rotating_disk(&volume, 4));
    }

    #[test]
    fn the_time_of_the_processors_moves() {
        let Some(before) = processor_time() else { return };
        let mut sum = 0_u64;
        while processor_time() == Some(before) {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(processor_time() > Some(before));
    }
}
