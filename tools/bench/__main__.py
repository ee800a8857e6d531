#!/usr/bin/env python3
"""Measures fastdiff against the floor and its peers on one generated tree and prints the medians as Markdown.

All contenders of a section run interleaved, round by round, after warm-up rounds: what disturbs the machine disturbs
all of them. Wall time and peak memory come from wait4. Every contender must have seen every entry, or the run fails.
Needs the release build of the workspace; peers that are not installed are installed by root with apt-get, else skipped.
"""

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import chart
import sections
from core import MB, PROJECT, Failure, machine, output, progress, smallest_peak, table, versions
from trees import Trees, disk

PEERS = {
    "bfs": "bfs", "fdfind": "fd-find", "rsync": "rsync", "git": "git", "restic": "restic", "borg": "borgbackup",
    "bup": "bup",
}
RATIOS = PROJECT / "tools/bench/ratios.json"
LIMITS = PROJECT / "tools/bench/limits.json"

# So much further than the repository's figure no ratio may fall behind.
SLACK = 1.25


def install_peers():
    missing = [package for program, package in PEERS.items() if shutil.which(program) is None]
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        progress(f"installing {' '.join(missing)}")
        command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
                       env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"})


def show(title, runs, floor):
    """The table of a section; the first run is what the others are compared with."""
    def memory(run):
        return f"< {floor / MB:.0f} MB" if run.peak <= floor * 1.02 else f"{run.peak / MB:.0f} MB"

    print(f"{title}\n")
    first = next(run for run in runs if not run.skipped) if any(not run.skipped for run in runs) else None
    table(["", "ms", "min–max", "ratio", "peak memory"], [
        [run.name, f"skipped: {run.skipped}", "", "", ""] if run.skipped else
        [run.name, f"{run.median * 1000:.1f}" if run.median < 0.1 else f"{run.median * 1000:.0f}", run.spread,
         f"{run.median / first.median:.2f}", memory(run)]
        for run in runs])


def figures_of(walks, again, named, first, diffs, entries):
    """Every figure that has a limit."""
    snap, base = walks[0], again[0]
    figures = {
        "snap, as a multiple of the floor": snap.median / walks[1].median,
        "snap --base, as a multiple of the floor of known names": base.median / again[1].median,
        "snapshot on disk, per entry": snap.product.stat().st_size / entries,
        "peak memory of snap": snap.peak / MB,
        "snap --hints of 100 directories, as a part of snap: 1 /": named[0].median / named[1].median,
        "snap --hints --overlay of 100 directories, as a part of snap: 1 /": named[0].median / named[2].median,
    }
    figures |= {f"snap is faster than {run.name} by": run.median / snap.median for run in walks[3:] if not run.skipped}
    figures |= {f"snap --base is faster than {run.name} by": run.median / base.median
                for run in again[2:] if not run.skipped}
    figures |= {f"snap is faster than {run.name} by": run.median / snap.median
                for run in again[2:] if run.name.split()[0] in ("restic", "borg", "bup") and not run.skipped}
    figures |= {f"{run.name}, as a part of snap: 1 /": snap.median / run.median for run, _, _ in diffs}
    # Pages of the mapped files count as memory of the process, as far as they were touched.
    mapped = Path(first).stat().st_size
    figures["peak memory of diff beyond the mapped files"] = max(
        0.0, max((run.peak - mapped - Path(new).stat().st_size) / MB for run, new, _ in diffs))
    return figures


def of_tables(by_tables, again):
    """The figures of the inode tables."""
    (same, known, find), few, many, frozen = by_tables
    figures = {
        "snap --base by inode tables, as a part of the floor: 1 /": known.median / same.median,
        "the same, as a part of find -printf: 1 /": find.median / same.median,
        "snap --base by inode tables, 100 files changed, as a part of the floor: 1 /": known.median / few[0].median,
        "the same, 5,000 files changed, as a multiple of the walk": many[0].median / many[1].median,
        "peak memory of snap --base by inode tables, as a multiple of that by walk": same.peak / few[1].peak,
    }
    git = next((run for run in again if run.name == "git status, untracked cache" and not run.skipped), None)
    if git is not None:
        figures["the same, as a part of git status with untracked cache: 1 /"] = git.median / same.median
    if not any(run.skipped for run in frozen):
        figures["the same, cold, is faster than the walk and than fd by"] = (
            min(frozen[1].median, frozen[2].median) / frozen[0].median)
    return figures


def judge(figures):
    """Prints every figure beside its target."""
    rows = []
    for limit in sections.load(LIMITS):
        name, unit = limit["figure"], limit["unit"]
        bound = f"≥ {limit['min']}" if "min" in limit else f"≤ {limit['max']}"
        if name not in figures:
            rows.append([name, "not measured", f"{bound} {unit}", "skipped"])
            continue
        value = figures[name]
        within = limit.get("min", value) <= value <= limit.get("max", value)
        rows.append([name, f"{value:.2f} {unit}", f"{bound} {unit}", "ok" if within else "**missed**"])
    table(["target", "measured", "limit", ""], rows)


def gate(figures):
    """Compares the ratios with those of the repository; returns whether none is far behind."""
    good, rows = RATIOS.exists(), []
    if not good:
        progress(f"{RATIOS} is missing, there is nothing to compare with; --save writes it")
    for name, kept in sections.load(RATIOS).items():
        if name not in figures:
            continue
        # Of the floor more is worse, of a peer less.
        behind = figures[name] / kept if "multiple" in name else kept / figures[name]
        good &= behind <= SLACK
        verdict = "ok" if behind <= SLACK else f"**{(behind - 1) * 100:.0f} % behind**"
        rows.append([name, f"{figures[name]:.2f}", f"{kept:.2f}", verdict])
    table(["ratio", "measured", "in the repository", ""], rows)
    return good


def bench(options, scratch):
    sink, floor = scratch / "output", smallest_peak()
    install_peers()
    trees = Trees(options, options.files)
    tree, made = trees.pristine("tree")
    copy, _ = trees.pristine("copy")
    entries = made["entries"]
    sections.warm(tree, sink)
    sections.warm(copy, sink)

    walks = sections.full(trees, tree, copy, entries, options, sink)
    show(f"Walking {entries:,} entries, warm, medians of {options.rounds} interleaved rounds:", walks, floor)
    again = sections.unchanged(trees, tree, entries, options, sink)
    show("The same when nothing changed since the base, or since the run before:", again, floor)
    named = sections.hinted(trees, tree, entries, options, sink)
    show("With hints that name 100 directories:", named, floor)
    by_tables, why = sections.tables(trees, entries, options, sink)
    if by_tables is None:
        print(f"SKIP inode tables: {why}\n")
    else:
        titles = ["By the inode tables, nothing changed:", "The same with 100 changed files:",
                  "The same with 5,000 changed files:", "Cold, nothing changed:"]
        for title, runs in zip(titles, by_tables):
            show(title, runs, floor)
    first, diffs = sections.diffs(trees, options, sink)
    print("Comparing two snapshots, `--emit name-status`:\n")
    table(["", "ms", "min–max", "% of snap", "edits", "lines", "peak memory"], [
        [f"fastdiff {run.name}", f"{run.median * 1000:.1f}", run.spread, f"{run.median / walks[0].median * 100:.2f}",
         f"{edits:,}", f"{run.changes:,}", f"{run.peak / MB:.0f} MB"] for run, _, edits in diffs])
    frozen = []
    if options.cold_rounds:
        frozen = sections.cold(trees, tree, entries, options, sink)
        show(f"Cold (caches emptied before each run), medians of {options.cold_rounds} rounds:", frozen, floor)
    figures = figures_of(walks, again, named, first, diffs, entries)
    if frozen and not frozen[0].skipped:
        fixed = min(run.median for run in frozen[1:6])
        figures["snap, cold, as a multiple of the best number of threads"] = frozen[0].median / fixed
        fastest = min(run.median for run in frozen[6:] if not run.skipped)
        figures["snap, cold, is faster than every peer by"] = fastest / frozen[0].median
    if by_tables is not None:
        figures |= of_tables(by_tables, again)
    judge(figures)
    if options.full:
        grown = sections.growth(lambda files: Trees(options, files), (50_000, 500_000, 5_000_000), options, sink)
        print("Growth, warm:\n")
        table(["entries", "snap, ms", "find, ms", "peak memory of snap"], [
            [f"{size:,}", f"{runs[0].median * 1000:.0f}", f"{runs[1].median * 1000:.0f}",
             f"{runs[0].peak / MB:.0f} MB"] if runs
            else [f"{size:,}", f"skipped: {why}", "", ""] for size, runs, why in grown])
    print(f"Tree: {made['regular']:,} regular files, {made['directories']:,} directories in {made['levels']} levels, "
          f"{made['symlinks']:,} symlinks, {made['hardlinks']:,} hard links, largest directory {made['largest']:,} "
          f"files, names of {made['mean_name']} bytes on average.")
    print(f"Machine: {machine(tree)}. {output([trees.fastdiff, '--version']).strip()}; peers: {versions()}.\n")
    if options.svg:
        pairs = lambda runs: [(run.name, None if run.skipped else run.median) for run in runs]
        chart.draw(options.svg, [
            (f"{entries:,} entries, warm", pairs(walks)),
            ("Nothing changed since the base, or since the run before", pairs(again)),
            *([("By the inode tables, nothing changed", pairs(by_tables[0]))] if by_tables else []),
            ("Cold", pairs(frozen)),
            *([("By the inode tables, cold", pairs(by_tables[3]))] if by_tables else []),
        ])
    if options.save:
        import json
        kept = {name: round(value, 2) for name, value in figures.items()
                if "multiple of the floor" in name or name.endswith("find -printf by")}
        RATIOS.write_text(json.dumps(kept, indent=2) + "\n")
    return gate(figures)


def main():
    target = Path(os.environ.get("CARGO_TARGET_DIR", PROJECT / "target"))
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=500_000, help="size of the tree (default %(default)s)")
    parser.add_argument("--rounds", type=int, help="measured rounds (default 7, with --quick 5)")
    parser.add_argument("--warm-up", type=int, default=1, help="rounds before these (default %(default)s)")
    parser.add_argument("--cold-rounds", type=int,
                        help="rounds with empty caches, 0 for none (default 2, with --quick 1)")
    parser.add_argument("--work", type=Path,
                        help="where the trees are kept; on a disk (default: a file system in target/bench/disk.img)")
    parser.add_argument("--bin-dir", type=Path, default=target / "release", help="where fastdiff, floor and mktree are")
    parser.add_argument("--quick", action="store_true",
                        help="without git, restic, borg and bup, whose first runs take minutes")
    parser.add_argument("--full", action="store_true", help="also with 50,000 and 5,000,000 files")
    parser.add_argument("--svg", type=Path, help="draw the walks into this file")
    parser.add_argument("--check", action="store_true",
                        help="exit 1 when a ratio is 25 %% behind tools/bench/ratios.json")
    parser.add_argument("--save", action="store_true", help="write tools/bench/ratios.json")
    options = parser.parse_args()
    if options.rounds is None:
        options.rounds = 5 if options.quick else 7
    if options.rounds < 1 or options.warm_up < 0 or options.files < 2000:
        parser.error("at least 1 round, 0 warm-up rounds and 2000 files")
    if options.cold_rounds is None:
        options.cold_rounds = 1 if options.quick else 2
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # what find and the others print goes here
    try:
        place = contextlib.nullcontext(options.work) if options.work else disk(PROJECT / "target/bench")
        with place as work, tempfile.TemporaryDirectory(prefix="fastdiff-bench-", dir=memory) as scratch:
            options.work = work.resolve()
            good = bench(options, Path(scratch))
    except Failure as failure:
        sys.exit(f"bench: {failure}")
    if options.check and not good:
        sys.exit("bench: a ratio is too far behind")


if __name__ == "__main__":
    main()
