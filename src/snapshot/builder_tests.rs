use std::path::Path;

use super::{Builder, BuiltDir};
use crate::metadata::{DeviceIndex, Flags, Kind, Stat, Time};
use crate::monitor::NoMonitor;
use crate::snapshot::{Child, Device, Header, Meta, Snapshot};
use crate::sys::durable::{Access, AtomicFile};

fn stat(kind: Kind, number: u64) -> Stat {
    let time = Time::new(1_700_000_000 + number.cast_signed() % 1000, (number * 7919 % 1_000_000_000) as u32);
    Stat {
        mode: kind.mode_bits() | 0o644,
        nlink: 1,
        size: number * 31 % 100_000,
        ino: number,
        mtime: time,
        ctime: time,
        ..Stat::default()
    }
}

/// Builds a tree of this many directories, ten children each and ten directories in one, with up to `limit` bytes of
/// blocks in memory; the snapshot lies at `output`.
fn build(directories: u64, limit: usize, output: &Path) {
    let builder = Builder::with_limit(None, false, output, limit);
    let file = AtomicFile::create(output, Access::Private).expect("a file");
    let mut level: Vec<BuiltDir> = Vec::new();
    let mut number = 0;
    let mut left = directories;
    while left > 0 {
        let mut next = Vec::new();
        for below in
            if level.is_empty() { vec![&[][..]; left as usize * 9 / 10 + 1] } else { level.chunks(10).collect() }
        {
            let names: Vec<_> = (0..below.len() + 12).map(|n| format!("some name of usual length {n:03}")).collect();
            let children = names.iter().enumerate().map(|(at, name)| {
                let kind = if at < below.len() { Kind::Dir } else { Kind::File };
                Child { name: name.as_bytes(), stat: stat(kind, number + at as u64), flags: Flags::empty() }
            });
            next.push(builder.directory(number as usize, DeviceIndex::new(0), None, children, below));
            number += 13;
        }
        left = if level.is_empty() { left / 10 } else { left.saturating_sub(next.len() as u64) };
        let is_last = next.len() == 1;
        level = next;
        if is_last {
            break;
        }
    }
    while level.len() > 1 {
        let below: Vec<_> = level.drain(..10.min(level.len())).collect();
        let names: Vec<_> = (0..below.len()).map(|n| format!("{n:02}")).collect();
        let children =
            names.iter().map(|n| Child { name: n.as_bytes(), stat: stat(Kind::Dir, 1), flags: Flags::empty() });
        level.push(builder.directory(0, DeviceIndex::new(0), None, children, &below));
    }
    let root = [Child { name: b"/root", stat: stat(Kind::Dir, 2), flags: Flags::empty() }];
    let top = builder.top(root.into_iter(), &level);
    let devices = [Device { kind: "ext4".into(), identity: "ext4:x".into(), boundary: (1, 2), mark: None }];
    let meta = Meta { roots: vec![b"/root".to_vec()], ..Meta::default() };
    builder.write(top, &devices, meta, Header::default(), false, file, &NoMonitor).expect("room");
}

#[test]
fn the_bytes_are_the_same_whatever_leaves_memory() {
    let dir = tempfile::tempdir().expect("a directory");
    let [all, some, none] = [(usize::MAX / 2, "all"), (2 << 20, "some"), (0, "none")].map(|(limit, name)| {
        let output = dir.path().join(name);
        build(4000, limit, &output);
        assert!(Snapshot::open(&output).expect("a snapshot").verify().expect("undamaged").entries > 40_000);
        std::fs::read(output).expect("the file")
    });
    assert!(all.len() > 2 << 20 && all == some && all == none);
}

/// To measure memory, run this test alone: `FASTDIFF_DIRECTORIES=400000 /usr/bin/time -v`.
#[test]
fn as_many_directories_as_asked_for_fit() {
    let Some(number) = std::env::var("FASTDIFF_DIRECTORIES").ok().and_then(|n| n.parse().ok()) else { return };
    let dir = tempfile::tempdir().expect("a directory");
    build(number, super::IN_MEMORY, &dir.path().join("snapshot"));
}
