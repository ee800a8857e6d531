//! Damaged file systems: whatever the tables hold, what a walk sees is seen.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;

use fastdiff::{Snapshot, SourceChoice};

use super::super::draw::Random;
use super::super::report::{Attack, Promise, times};
use super::{Look, differences, has_fine_stamps};
use crate::testenv::{Mounts, TestEnv, skip};

/// A place of the image where a bit is flipped: in the superblock, the group descriptors, or an inode table.
fn place(random: &mut Random, number: u32) -> u64 {
    let (start, len) = match number % 3 {
        0 => (1024, 1024),
        1 => (4096, 4096),
        // Where mke2fs puts the first tables of such a small file system: behind the bitmaps.
        _ => (4096, 2 << 20),
    };
    start + random.below(len) as u64
}

fn look(mounts: &Mounts<'_>, source: SourceChoice, base: Option<&Snapshot>, output: &str) -> Option<Snapshot> {
    let root = mounts.env.path("damaged/tree");
    let look = Look { env: mounts.env, root, source, nothing_is_racy: has_fine_stamps() };
    look.scan(base, output).ok().map(|(_, snapshot)| snapshot)
}

fn attack(mounts: &Mounts<'_>, attack: &mut Attack) -> Result<(), String> {
    let env = mounts.env;
    let image = env.path("image");
    File::create(&image).and_then(|file| file.set_len(8 << 20)).map_err(|e| e.to_string())?;
    mounts.command("mkfs.ext4", ["-q", "-F", "-O", "^metadata_csum,^has_journal", image.to_str().unwrap()])?;
    let attach = |options: &str| mounts.mount(&["-t", "ext4", "-o", options, image.to_str().unwrap()], "damaged");
    attach("loop")?;
    for number in 0..200 {
        env.write(format!("damaged/tree/{}/{number}", number % 9), "1");
    }
    let base = look(mounts, SourceChoice::Walk, None, "base.snap").ok_or("no snapshot of the file system")?;
    for number in (0..200).step_by(7) {
        env.write(format!("damaged/tree/{}/{number}", number % 9), "22");
    }
    mounts.unmount("damaged");
    let good = fs::read(&image).unwrap();
    let mut random = Random(3);
    for number in 0..times(60, 1000) {
        let file = File::options().read(true).write(true).open(&image).unwrap();
        for _ in 0..=random.below(3) {
            let at = place(&mut random, number);
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).unwrap();
            file.write_all_at(&[byte[0] ^ 1 << random.below(8)], at).unwrap();
        }
        drop(file);
        // What the system itself does not take is no case.
        if attach("loop,ro,errors=continue").is_ok() {
            let new = look(mounts, SourceChoice::Auto, Some(&base), "new.snap");
            let truth = look(mounts, SourceChoice::Walk, Some(&base), "truth.snap");
            match (new, truth) {
                (Some(new), Some(truth)) => attack.tried(differences(&new, &truth)),
                (new, truth) => attack.check(new.is_none() == truth.is_none(), || format!("{new:?} {truth:?}")),
            }
            mounts.unmount("damaged");
        }
        fs::write(&image, &good).unwrap();
    }
    Ok(())
}

#[test]
fn flipped_bits_in_a_file_system_hide_no_change() {
    let env = TestEnv::new();
    let mut tried = Attack::on(Promise::TablesHideNothing, "flipped bits in an ext4, by inode tables");
    let mut reason = Some("nothing can be mounted".to_owned());
    env.with_own_mounts(|mounts| reason = attack(mounts, &mut tried).err());
    if let Some(reason) = reason {
        skip(&reason);
        tried.skipped();
    }
}
