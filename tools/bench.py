#!/usr/bin/env python3
"""Measures fastdiff against its peers on one generated tree and prints the medians as Markdown.

All contenders of a section run interleaved, round by round, after warm-up rounds: what disturbs the machine disturbs
all of them. Wall time and peak memory come from wait4. Every contender must have seen every entry, or the run fails.
Needs the release build of the workspace; peers that are not installed get a row that says so.
"""

import argparse
import functools
import hashlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
FIELDS = r"%p\t%y\t%s\t%T@\t%C@\t%i\t%D\t%m\t%U\t%G\t%n\n"
MB = 1e6


class Failure(Exception):
    """The benchmark can't go on; the text says why."""


@dataclass
class Run:
    """One contender's command and what was measured."""

    name: str
    command: list
    reads_stdout: bool = True  # its lines are counted; otherwise it writes `product`
    lines: int | None = None  # how many lines it must print
    product: Path | None = None
    skipped: str = ""
    seconds: list = field(default_factory=list)
    peak: int = 0  # bytes
    changes: int = 0  # lines of a diff

    @property
    def median(self):
        return statistics.median(self.seconds)


class Bench:
    """The programs, the directories, and the steps of the benchmark."""

    def __init__(self, options):
        self.options = options
        self.work = options.work
        self.work.mkdir(parents=True, exist_ok=True)
        self.fastdiff = self.program("fastdiff")
        self.mktree = self.program("mktree")
        self.shape = ["--files", str(options.files), "--seed", "1"]
        self.snap_help = output([self.fastdiff, "snap", "--help"])

    def program(self, name):
        path = self.options.bin_dir / name
        if not path.is_file():
            raise Failure(f"{path} is missing; run: tools/just build")
        return str(path)

    # Trees

    def pristine(self, name):
        """A tree that nobody edits, kept from run to run; its path and how many entries it has, itself included."""
        tree, stamp_file = self.work / name, self.work / f"{name}.json"
        with open(self.mktree, "rb") as program:
            generator = hashlib.file_digest(program, "sha256").hexdigest()
        stamp = {"arguments": self.shape, "generator": generator}
        if stamp_file.exists():
            kept = json.loads(stamp_file.read_text())
            if {key: kept.get(key) for key in stamp} == stamp:
                return tree, kept["made"]
        stamp_file.unlink(missing_ok=True)
        made = self.make(tree)
        stamp_file.write_text(json.dumps(stamp | {"made": made}))
        return tree, made

    def make(self, tree):
        progress(f"making {tree}")
        remove(tree)
        return json.loads(output([self.mktree, str(tree), *self.shape]))

    def mutate(self, tree, percent, seed):
        progress(f"editing {percent} % of {tree}")
        return json.loads(output([self.mktree, str(tree), "--mutate", str(percent), "--seed", str(seed)]))["edits"]

    # Walking

    def walkers(self, tree, copy, entries):
        """The contenders that look at every entry of the tree."""

        def snap(name, *arguments):
            target = self.work / f"{name.replace(' ', '-')}.snap"
            command = [self.fastdiff, "snap", *arguments, str(tree), "-o", str(target)]
            return Run(f"fastdiff {name}", command, reads_stdout=False, product=target)

        runs = [snap("snap"), snap("snap --walker portable", "--walker", "portable")]
        if "--base" in self.snap_help:
            base = self.work / "base.snap"
            output([self.fastdiff, "snap", str(tree), "-o", str(base)])
            runs.append(snap("snap --base", "--base", str(base)))
        tree = str(tree)
        fd = shutil.which("fdfind") or shutil.which("fd")
        # A time filter makes fd call statx on every entry (strace -c shows it); --size asks twice for files
        # and never for directories, `-l` would run ls. fd does not list the root itself.
        runs += [
            Run("find -printf", [shutil.which("find"), tree, "-printf", FIELDS], lines=entries),
            Run("bfs -printf", [shutil.which("bfs"), tree, "-printf", FIELDS], lines=entries),
            Run("fd", [fd, "-uu", "--changed-before", "2100-01-01 00:00:00", ".", tree], lines=entries - 1),
            # No line at all: it compared every entry with its copy and found all of them equal.
            Run("rsync -ain", [shutil.which("rsync"), "-ain", "--delete", f"{tree}/", f"{copy}/"], lines=0),
        ]
        for run in runs:
            if run.command[0] is None:
                run.skipped = f"{run.name.split()[0]} is not installed"
        return runs

    def entries_of(self, snapshot):
        return json.loads(output([self.fastdiff, "info", str(snapshot), "--json"]))["entries"]

    # Diffs

    def diffs(self, sink):
        """The contenders that compare two snapshots, and the number of edits between these."""
        tree = self.work / "edited"
        self.make(tree)
        # The tree is seconds old: without a window of 0 its entries would rightly be suspects.
        window = ["--racy-window", "0"] if "--racy-window" in self.snap_help else []

        def snapshot(name):
            path = self.work / f"{name}.snap"
            output([self.fastdiff, "snap", *window, str(tree), "-o", str(path)])
            return str(path)

        pairs = []
        first, same = snapshot("A"), snapshot("B")
        pairs.append(("nothing changed", same, 0))
        edits = self.mutate(tree, 1, 1)
        pairs.append(("1 % changed", snapshot("C"), edits))
        edits += self.mutate(tree, 9, 2)
        pairs.append(("10 % changed", snapshot("D"), edits))
        remove(tree)
        return first, [
            (Run(f"diff, {what}", [self.fastdiff, "diff", first, new, "--emit", "name-status", "-o", str(sink)],
                 reads_stdout=False, lines=0 if edits == 0 else None, product=sink), new, edits)
            for what, new, edits in pairs
        ]

    # Measuring

    def rounds(self, runs, sink, check):
        """Runs all contenders in turn; `check` looks at each one's output after every round."""
        active = [run for run in runs if not run.skipped]
        for number in range(self.options.warm_up + self.options.rounds):
            progress(f"round {number + 1} of {self.options.warm_up + self.options.rounds}")
            start = number % len(active)  # nobody always runs after the same neighbour's clean-up
            for run in active[start:] + active[:start]:
                seconds, peak = measure(run.command, sink if run.reads_stdout else os.devnull)
                check(run)
                if number >= self.options.warm_up:
                    run.seconds.append(seconds)
                    run.peak = max(run.peak, peak)

    @functools.cached_property
    def floor(self):
        """A child starts in the memory of this interpreter, and the kernel counts that: smaller peaks can't be seen."""
        return measure([shutil.which("true")], os.devnull)[1]

    def memory(self, run):
        return f"< {self.floor / MB:.0f} MB" if run.peak <= self.floor else f"{run.peak / MB:.0f} MB"


def count_lines(path):
    with open(path, "rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def measure(command, sink):
    """Runs a command with its output in a file; returns wall seconds and peak memory in bytes."""
    with tempfile.TemporaryFile() as messages:
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(sink), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
            (os.POSIX_SPAWN_DUP2, messages.fileno(), 2),
        ]
        start = time.perf_counter()
        process = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
        _, status, usage = os.wait4(process, 0)
        seconds = time.perf_counter() - start
        code = os.waitstatus_to_exitcode(status)
        if code != 0:
            messages.seek(0)
            raise Failure(f"{' '.join(command)}: exit {code}\n{messages.read().decode(errors='replace')}")
    return seconds, usage.ru_maxrss * 1024


def output(command):
    """The standard output of a command that must succeed."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        raise Failure(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr.decode(errors='replace')}")
    return done.stdout.decode(errors="replace")


def remove(tree):
    if tree.exists():
        shutil.rmtree(tree)


def progress(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def spread(run):
    return f"{min(run.seconds) * 1000:.1f}–{max(run.seconds) * 1000:.1f}"


def versions():
    """The first line that each peer says about itself."""
    found = []
    for names in (["find"], ["bfs"], ["fdfind", "fd"], ["rsync"]):
        path = next(filter(None, map(shutil.which, names)), None)
        if path:
            found.append(" ".join(output([path, "--version"]).splitlines()[0].split(" protocol")[0].split()))
    return ", ".join(found)


def filesystem(path):
    return output(["df", "--output=fstype", str(path)]).split()[-1]


def judge(figures, skipped):
    """Prints every figure beside its limit; returns whether all measured ones are within."""
    good, rows = True, []
    for limit in json.loads((PROJECT / "tools/bench-limits.json").read_text()):
        name, unit = limit["figure"], limit["unit"]
        bound = f"≥ {limit['min']}" if "min" in limit else f"≤ {limit['max']}"
        if name not in figures:
            rows.append([name, "skipped", f"{bound} {unit}", skipped.get(name, "not measured")])
            continue
        value = figures[name]
        within = limit.get("min", value) <= value <= limit.get("max", value)
        good &= within
        rows.append([name, f"{value:.2f} {unit}", f"{bound} {unit}", "ok" if within else "**missed**"])
    table(["figure", "measured", "limit", ""], rows)
    return good


def bench(options, scratch):
    steps = Bench(options)
    sink = scratch / "output"
    tree, made = steps.pristine("tree")
    copy, _ = steps.pristine("copy")
    entries = made["entries"]

    walkers = steps.walkers(tree, copy, entries)

    def check_walker(run):
        if run.reads_stdout:
            saw, wanted, what = count_lines(sink), run.lines, "lines"
        else:
            saw, wanted, what = steps.entries_of(run.product), entries, "entries"
        if saw != wanted:
            raise Failure(f"{run.name}: {saw} {what} instead of {wanted}; if the tree was edited, remove {steps.work}")

    steps.rounds(walkers, sink, check_walker)

    first, diffs = steps.diffs(sink)

    def check_diff(run):
        run.changes = count_lines(sink)
        if (run.lines == 0) != (run.changes == 0):
            raise Failure(f"{run.name}: {run.changes} changes were listed")

    steps.rounds([run for run, _, _ in diffs], sink, check_diff)

    snap = walkers[0]
    print(f"Walking {entries:,} entries, warm, medians of {options.rounds} interleaved rounds:\n")
    table(["", "ms", "min–max", "× snap", "peak memory"], [
        [run.name, f"skipped: {run.skipped}", "", "", ""] if run.skipped else
        [run.name, f"{run.median * 1000:.0f}", spread(run), f"{run.median / snap.median:.2f}", steps.memory(run)]
        for run in walkers])
    print("Comparing two snapshots, `--emit name-status`:\n")
    table(["", "ms", "min–max", "% of snap", "edits", "lines", "peak memory"], [
        [f"fastdiff {run.name}", f"{run.median * 1000:.1f}", spread(run), f"{run.median / snap.median * 100:.2f}",
         f"{edits:,}", f"{run.changes:,}", steps.memory(run)]
        for run, _, edits in diffs])

    figures, skipped = {}, {}
    for run in walkers[1:]:
        name = f"snap is faster than {run.name} by"
        if run.skipped:
            skipped[name] = run.skipped
        else:
            figures[name] = run.median / snap.median
    for run, _, _ in diffs:
        figures[f"{run.name}, takes of a snap"] = run.median / snap.median * 100
    figures["snapshot on disk, per entry"] = snap.product.stat().st_size / entries
    figures["peak memory of snap"] = snap.peak / MB
    # Pages of the mapped files count as memory of the process, as far as they were touched.
    mapped = Path(first).stat().st_size
    figures["peak memory of diff beyond the mapped files"] = max(
        0.0, max((run.peak - mapped - Path(new).stat().st_size) / MB for run, new, _ in diffs))
    good = judge(figures, skipped)

    print(f"Tree: {made['regular']:,} regular files, {made['directories']:,} directories in {made['levels']} levels, "
          f"{made['symlinks']:,} symlinks, {made['hardlinks']:,} hard links, largest directory {made['largest']:,} "
          f"files, names of {made['mean_name']} bytes on average.")
    print(f"Machine: {len(os.sched_getaffinity(0))} cores, Linux {platform.release()}, {filesystem(tree)}. "
          f"{output([steps.fastdiff, '--version']).strip()}; peers: {versions()}.")
    return good


def main():
    target = Path(os.environ.get("CARGO_TARGET_DIR", PROJECT / "target"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=500_000, help="size of the tree (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=7, help="measured rounds (default %(default)s)")
    parser.add_argument("--warm-up", type=int, default=1, help="rounds before these (default %(default)s)")
    parser.add_argument("--work", type=Path, default=PROJECT / "target/bench",
                        help="where the trees are kept; on a disk (default %(default)s)")
    parser.add_argument("--bin-dir", type=Path, default=target / "release", help="where fastdiff and mktree are")
    parser.add_argument("--check", action="store_true", help="exit 1 when a limit of tools/bench-limits.json is missed")
    options = parser.parse_args()
    if options.rounds < 1 or options.warm_up < 0 or options.files < 100:
        parser.error("at least 1 round, 0 warm-up rounds and 100 files")
    options.work = options.work.resolve()
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # what find and the others print goes here
    try:
        with tempfile.TemporaryDirectory(prefix="fastdiff-bench-", dir=memory) as scratch:
            good = bench(options, Path(scratch))
    except Failure as failure:
        sys.exit(f"bench: {failure}")
    if options.check and not good:
        sys.exit("bench: a limit was missed")


if __name__ == "__main__":
    main()
