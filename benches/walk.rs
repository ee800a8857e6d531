//! A scan, from the open of the root to the durable snapshot.

mod common;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fastdiff::{NoMonitor, WalkerKind, scan};

fn walk(c: &mut Criterion) {
    let tree = common::Tree::new();
    let output = tree.dir.path().join("out.snap");
    let mut group = c.benchmark_group("walk");
    group.throughput(Throughput::Elements(common::FILES as u64)).sample_size(20);
    for (name, walker) in [("native", WalkerKind::Native), ("portable", WalkerKind::Portable)] {
        let options = tree.options(walker);
        group.bench_function(name, |b| b.iter(|| scan(&options, None, &output, &NoMonitor).expect("a scan")));
    }
    group.finish();
}

criterion_group!(benches, walk);
criterion_main!(benches);
