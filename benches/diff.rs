//! A comparison: of equal trees, and with 1 % and 10 % of the files changed all over the tree.

mod common;

use criterion::{Criterion, criterion_group, criterion_main};
use fastdiff::{Diff, DiffOptions, Snapshot};

fn compare(old: &Snapshot, new: &Snapshot) -> usize {
    Diff::new(old, new, &DiffOptions::default()).expect("comparable").changes().count()
}

fn diff(c: &mut Criterion) {
    let tree = common::Tree::new();
    let old = tree.snap("a.snap");
    let same = tree.snap("b.snap");
    tree.edit(100);
    let one_percent = tree.snap("c.snap");
    tree.edit(10);
    let ten_percent = tree.snap("d.snap");
    let mut group = c.benchmark_group("diff");
    for (name, new) in [("unchanged", &same), ("1 percent", &one_percent), ("10 percent", &ten_percent)] {
        group.bench_function(name, |b| b.iter(|| compare(&old, new)));
    }
    group.finish();
}

criterion_group!(benches, diff);
criterion_main!(benches);
