"""The sections of the benchmark: who runs against whom, and what each must have seen."""

import json
import os
import random
import shutil
import time
from pathlib import Path

from core import Failure, Run, complaint, count_lines, measure, output, progress, remove, rounds

FIELDS = r"%p\t%y\t%s\t%T@\t%C@\t%i\t%D\t%m\t%U\t%G\t%n\n"


def snap(trees, tree, name, *arguments):
    target = trees.work / f"{name.replace(' ', '-')}.snap"
    command = [trees.fastdiff, "snap", *arguments, str(tree), "-o", str(target)]
    return Run(f"fastdiff {name}", command, reads_stdout=False, product=target)


def peer(name, command, **more):
    found = shutil.which(command[0])
    run = Run(name, [found or command[0], *command[1:]], **more)
    if found is None:
        run.skipped = f"{command[0]} is not installed"
    return run


def walkers(tree, entries, cold=False):
    """Those who look at every entry."""
    fd = "fdfind" if shutil.which("fdfind") else "fd"
    # A time filter makes fd call statx on every entry; --size asks twice for files and never for directories, `-l`
    # would run ls. fd does not list the root itself.
    return [
        peer("find -printf", ["find", tree, "-printf", FIELDS], lines=entries),
        peer("bfs -printf", ["bfs", tree, "-printf", FIELDS], lines=entries),
        peer("fd -j16" if cold else "fd",
             [fd, "-uu", *(["-j16"] if cold else []), "--changed-before", "2100-01-01 00:00:00", ".", tree],
             lines=entries - 1),
    ]


def checker(trees, sink, entries):
    """A look at what a run has seen: every entry, or it fails."""

    def check(run):
        if run.says_entries:
            saw, wanted, what = json.loads(Path(sink).read_text())["entries"], entries, "entries"
        elif run.lines is None and run.product is None:
            return
        elif run.reads_stdout:
            saw, wanted, what = count_lines(sink), run.lines, "lines"
        else:
            saw, wanted, what = trees.info(run.product)["entries"], entries, "entries"
        if saw != wanted:
            raise Failure(f"{run.name}: {saw} {what} instead of {wanted}; if the tree was edited, remove {trees.work}")

    return check


def full(trees, tree, copy, entries, options, sink):
    """A first look at everything."""
    runs = [
        snap(trees, tree, "snap"),
        Run("floor: the same calls, nothing kept", [trees.floor, str(tree), *threads(options)], says_entries=True),
        snap(trees, tree, "snap --walker portable", "--walker", "portable"),
        *walkers(str(tree), entries),
        # No line at all: it compared every entry with its copy and found all of them equal.
        peer("rsync -ain", ["rsync", "-ain", "--delete", f"{tree}/", f"{copy}/"], lines=0),
    ]
    rounds(runs, options, sink, checker(trees, sink, entries))
    return runs


def threads(options):
    return ["--threads", str(len(os.sched_getaffinity(0)))]


def unchanged(trees, tree, entries, options, sink):
    """A second look, when nothing changed."""
    base = trees.snapshot(tree, "base")
    runs = [
        snap(trees, tree, "snap --base", "--base", str(base), "--source", "walk"),
        Run("floor: open and stat known names", [trees.floor, str(tree), "--known", *threads(options)], says_ms=True,
            says_entries=True),
        *walkers(str(tree), entries),
    ]
    if not options.quick:
        trees.repositories(tree)
        env = trees.environment
        cache = ["-c", "core.untrackedCache=true"]
        runs += [
            peer("git status", [*trees.git, "-c", "core.untrackedCache=false", "status", "--porcelain"], lines=0),
            peer("git status, untracked cache", [*trees.git, *cache, "status", "--porcelain"], lines=0,
                 environment=trees.cached_index),
            peer("restic backup", ["restic", "backup", "-q", str(tree)], environment=env, rounds=2),
            peer("borg create", ["borg", "create", "::{now:%H%M%S%f}", str(tree)], environment=env, rounds=2),
            peer("bup index && bup save", ["sh", "-c", 'bup index "$0" && bup save -q -n tree "$0"', str(tree)],
                 environment=env, rounds=2),
        ]
        if shutil.which("bup") is None:
            runs[-1].skipped = "bup is not installed"
    rounds(runs, options, sink, checker(trees, sink, entries))
    return runs


def hinted(trees, tree, entries, options, sink):
    """A hundred directories are named."""
    base = trees.snapshot(tree, "base")
    hints = trees.hints(tree, base, 100)
    arguments = ["--base", str(base), "--hints", str(hints), "--audit", "0"]
    runs = [
        snap(trees, tree, "snap"),
        snap(trees, tree, "snap --hints", *arguments),
        snap(trees, tree, "snap --hints --overlay", *arguments, "--overlay"),
    ]
    rounds(runs, options, sink, checker(trees, sink, entries))
    return runs


def tables(trees, entries, options, sink):
    """What the inode tables save: nothing changed, 100 files, 5,000 files, cold. The reason if they cannot be read
    here."""
    tree = trees.work / "edited"
    trees.make(tree)
    # The tree is seconds old: without a short window all of it would rightly be read.
    window = ["--racy-window", "1s"]
    time.sleep(1.2)
    base = trees.snapshot(tree, "tables", *window)
    arguments = ["--base", str(base), *window, "--overlay"]

    def look(name, source):
        return snap(trees, tree, name, *arguments, "--source", source)

    if (why := complaint(look("first", "inodes").command)) is not None:
        remove(tree)
        return None, why
    chosen = some_files(tree, 5000)
    known = ["--known", *threads(options)]
    sections = [
        [look("snap --base by inode tables", "inodes"),
         Run("floor: open and stat known names", [trees.floor, str(tree), *known], says_ms=True, says_entries=True),
         peer("find -printf", ["find", str(tree), "-printf", FIELDS], lines=entries)],
        [look("snap --base by inode tables, 100 files", "inodes"), look("snap --base by walk, 100 files", "walk")],
        [look("snap --base by inode tables, 5,000 files", "inodes"), look("snap --base by walk, 5,000 files", "walk")],
    ]
    for changed, runs in zip((0, 100, 5000), sections):
        for file in chosen[:changed]:
            os.utime(file)
        rounds(runs, options, sink, checker(trees, sink, entries))
    # Nothing changed since this one.
    time.sleep(1.2)
    trees.snapshot(tree, "tables", *window)
    frozen = [look("snap --base by inode tables, cold", "inodes"), look("snap --base by walk, cold", "walk"),
              walkers(str(tree), entries, cold=True)[2]]
    cold_rounds(trees, tree, entries, options, sink, frozen)
    remove(tree)
    return [*sections, frozen], None


def some_files(tree, count):
    """So many files at random. Not all of them at once: what this program takes counts as memory of those it starts."""
    draw, chosen = random.Random(1), []
    paths = (os.path.join(path, name) for path, _, names in os.walk(tree) for name in names)
    for number, path in enumerate(path for path in paths if not os.path.islink(path)):
        if number < count:
            chosen.append(path)
        elif (place := draw.randrange(number + 1)) < count:
            chosen[place] = path
    draw.shuffle(chosen)
    return chosen


def diffs(trees, options, sink):
    """Two snapshots compared; with each run the snapshot and the number of edits."""
    tree = trees.work / "edited"
    trees.make(tree)
    # The tree is seconds old: without a window of 0 its entries would rightly be suspects.
    window = ["--racy-window", "0"]
    first, pairs = trees.snapshot(tree, "A", *window), []
    pairs.append(("nothing changed", trees.snapshot(tree, "B", *window), 0))
    edits = trees.mutate(tree, 1, 1)
    pairs.append(("1 % changed", trees.snapshot(tree, "C", *window), edits))
    edits += trees.mutate(tree, 9, 2)
    pairs.append(("10 % changed", trees.snapshot(tree, "D", *window), edits))
    remove(tree)
    runs = [
        Run(f"diff, {what}", [trees.fastdiff, "diff", str(first), str(new), "--emit", "name-status"],
            lines=0 if edits == 0 else None)
        for what, new, edits in pairs
    ]

    def check(run):
        run.changes = count_lines(sink)
        if (run.lines == 0) != (run.changes == 0):
            raise Failure(f"{run.name}: {run.changes} changes were listed")

    rounds(runs, options, sink, check)
    return first, [(run, new, edits) for run, (_, new, edits) in zip(runs, pairs)]


def cold(trees, tree, entries, options, sink):
    """Nothing in memory; needs root."""
    runs = [snap(trees, tree, "snap")]
    runs += [snap(trees, tree, f"snap --threads {n}", "--threads", str(n)) for n in (2, 4, 8, 16, 32)]
    runs += walkers(str(tree), entries, cold=True)
    cold_rounds(trees, tree, entries, options, sink, runs)
    return runs


def cold_rounds(trees, tree, entries, options, sink, runs):
    """Rounds with empty caches."""
    drop = Path("/proc/sys/vm/drop_caches")
    if not options.cold_rounds or not os.access(drop, os.W_OK):
        for run in runs:
            run.skipped = "only root may empty the caches" if options.cold_rounds else "no cold rounds were asked for"
        return

    def empty():
        # Of this file system alone: syncfs(2).
        output(["sync", "-f", str(tree)])
        drop.write_text("3\n")

    class Few:
        rounds, warm_up = options.cold_rounds, 0

    rounds(runs, Few, sink, checker(trees, sink, entries), before=empty)


def growth(trees_of, sizes, options, sink):
    """Snap at several sizes: time and memory."""
    rows = []
    for files in sizes:
        trees = trees_of(files)
        free = os.statvfs(trees.work)
        if free.f_bavail * free.f_frsize < files * 2500 or free.f_favail < files * 1.2:
            rows.append((files, None, "too little space or too few inodes"))
            continue
        tree, made = trees.pristine("tree")
        runs = [snap(trees, tree, "snap"), *walkers(str(tree), made["entries"])[:1]]
        rounds(runs, options, sink, checker(trees, sink, made["entries"]))
        rows.append((made["entries"], runs, ""))
    return rows


def warm(tree, sink):
    """Brings a tree into memory."""
    progress("reading the tree into memory")
    measure([shutil.which("find"), str(tree), "-printf", FIELDS], sink)


def ratios(runs):
    """How much longer each took than the first."""
    return {run.name: run.median / runs[0].median for run in runs if not run.skipped}


def load(path):
    return json.loads(path.read_text()) if path.exists() else {}
