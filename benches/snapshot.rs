//! What reading a snapshot costs: the checked open, one entry, all entries, every digest.

mod common;

use criterion::{Criterion, criterion_group, criterion_main};
use fastdiff::Snapshot;
use fastdiff::path::to_bytes;

fn snapshot(c: &mut Criterion) {
    let tree = common::Tree::new();
    let snapshot = tree.snap("a.snap");
    let path = snapshot.path().to_owned();
    let wanted = to_bytes(&tree.root().join("7/360/document-7212.txt")).into_owned();
    let mut group = c.benchmark_group("snapshot");
    group.bench_function("open", |b| b.iter(|| Snapshot::open(&path).expect("a snapshot")));
    group.bench_function("find", |b| b.iter(|| snapshot.find(&wanted).expect("whole").expect("there")));
    group
        .bench_function("entries", |b| b.iter(|| snapshot.entries().map(|e| e.expect("whole").stat.size).sum::<u64>()));
    group.bench_function("verify", |b| b.iter(|| snapshot.verify().expect("whole")));
    group.finish();
}

criterion_group!(benches, snapshot);
criterion_main!(benches);
