//! The forms of a list, for 10 % of the files changed.

mod common;

use std::io;

use criterion::{Criterion, criterion_group, criterion_main};
use fastdiff::consumers::duplicati::{DuplicatiOptions, duplicati};
use fastdiff::consumers::{PathStyle, TextOptions, json, name_status, paths, text};
use fastdiff::{Diff, DiffOptions};

fn emit(c: &mut Criterion) {
    let tree = common::Tree::new();
    let old = tree.snap("a.snap");
    tree.edit(10);
    let new = tree.snap("b.snap");
    let diff = Diff::new(&old, &new, &DiffOptions::default()).expect("comparable");
    let style = PathStyle::absolute();
    let mut group = c.benchmark_group("emit");
    group.bench_function("text", |b| {
        b.iter(|| text(&diff, &style, TextOptions::default(), &mut io::sink()).expect("a list"));
    });
    group.bench_function("name-status", |b| {
        b.iter(|| name_status(&diff, &style, true, &mut io::sink()).expect("a list"));
    });
    group.bench_function("json", |b| b.iter(|| json(&diff, &style, &mut io::sink()).expect("a list")));
    group.bench_function("paths", |b| b.iter(|| paths(&diff, &style, true, &mut io::sink()).expect("a list")));
    let options = DuplicatiOptions::default();
    group.bench_function("duplicati", |b| b.iter(|| duplicati(&diff, &options, &mut io::sink()).expect("a list")));
    group.finish();
}

criterion_group!(benches, emit);
criterion_main!(benches);
