//! The forms of a list, for 10 % of the files changed.

mod common;

use std::io;

use criterion::{Criterion, criterion_group, criterion_main};
use fastdiff::consumers::{DatabaseChoice, ListOptions};
use fastdiff::{Diff, DiffOptions, consumers};

fn emit(c: &mut Criterion) {
    let tree = common::Tree::new();
    let old = tree.snap("a.snap");
    tree.edit(10);
    let new = tree.snap("b.snap");
    let diff = Diff::new(&old, &new, &DiffOptions::default()).expect("comparable");
    let options = ListOptions::default().with_nul(true).with_database(DatabaseChoice::Without);
    let mut group = c.benchmark_group("emit");
    for consumer in consumers::FORMS.iter().copied().chain(consumers::find("duplicati")) {
        group.bench_function(consumer.name(), |b| {
            b.iter(|| consumer.write(&diff, &options, &mut io::sink()).expect("a list"));
        });
    }
    group.finish();
}

criterion_group!(benches, emit);
criterion_main!(benches);
