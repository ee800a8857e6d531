"""What every part of the benchmark needs: running and measuring commands, tables, failures."""

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

PROJECT = Path(__file__).resolve().parent.parent.parent
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
    says_ms: bool = False  # its own figure counts, which it prints as JSON: what it did before is no part of it
    says_entries: bool = False  # it prints as JSON how many entries it has seen
    environment: dict = field(default_factory=dict)
    rounds: int | None = None  # of its own, where it is slow
    seconds: list = field(default_factory=list)
    peak: int = 0  # bytes
    changes: int = 0  # lines of a diff

    @property
    def median(self):
        return statistics.median(self.seconds)

    @property
    def spread(self):
        return f"{min(self.seconds) * 1000:.1f}–{max(self.seconds) * 1000:.1f}"


def measure(command, sink, environment=None):
    """Runs a command with its output in a file; returns wall seconds and peak memory in bytes."""
    with tempfile.TemporaryFile() as messages:
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(sink), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
            (os.POSIX_SPAWN_DUP2, messages.fileno(), 2),
        ]
        start = time.perf_counter()
        process = os.posix_spawn(command[0], command, os.environ | (environment or {}), file_actions=actions)
        _, status, usage = os.wait4(process, 0)
        seconds = time.perf_counter() - start
        code = os.waitstatus_to_exitcode(status)
        if code != 0:
            messages.seek(0)
            raise Failure(f"{' '.join(command)}: exit {code}\n{messages.read().decode(errors='replace')}")
    return seconds, usage.ru_maxrss * 1024


def rounds(runs, options, sink, check, before=lambda: None):
    """Runs all contenders in turn; `check` looks at each one's output after every round."""
    active = [run for run in runs if not run.skipped]
    for number in range(options.warm_up + options.rounds):
        progress(f"round {number + 1} of {options.warm_up + options.rounds}")
        start = number % len(active)  # nobody always runs after the same neighbour's clean-up
        for run in active[start:] + active[:start]:
            if run.rounds is not None and number >= options.warm_up + run.rounds:
                continue
            before()
            seconds, peak = measure(run.command, sink if run.reads_stdout else os.devnull, run.environment)
            if run.says_ms:
                seconds = json.loads(Path(sink).read_text())["ms"] / 1000
            check(run)
            if number >= options.warm_up:
                run.seconds.append(seconds)
                run.peak = max(run.peak, peak)


def output(command, environment=None):
    """The standard output of a command that must succeed."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False,
                          env=os.environ | (environment or {}))
    if done.returncode != 0:
        raise Failure(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stderr.decode(errors='replace')}")
    return done.stdout.decode(errors="replace")


def count_lines(path):
    with open(path, "rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def complaint(command):
    """Why a command fails; none if it does not."""
    if shutil.which(command[0]) is None:
        return f"{command[0]} is not installed"
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    return None if done.returncode == 0 else (done.stderr.strip() or "it failed").splitlines()[-1]


def remove(tree):
    if tree.is_dir():
        shutil.rmtree(tree)
    else:
        tree.unlink(missing_ok=True)


def progress(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def smallest_peak():
    """A child starts in the memory of this interpreter, and the kernel counts that: smaller peaks can't be seen."""
    return measure([shutil.which("true")], os.devnull)[1]


def versions():
    """The first line that each peer says about itself."""
    found = []
    asked = (["find", "--version"], ["bfs", "--version"], ["fdfind", "--version"], ["rsync", "--version"],
             ["git", "--version"], ["restic", "version"], ["borg", "--version"], ["bup", "--version"])
    for name, question in asked:
        path = shutil.which(name)
        if path:
            first = output([path, question]).splitlines()[0].split(" protocol")[0].split(" compiled")[0]
            found.append(" ".join(first.split()) if name != "bup" else f"bup {first}")
    return ", ".join(found)


def machine(tree):
    cores = len(os.sched_getaffinity(0))
    fs = output(["df", "--output=fstype", str(tree)]).split()[-1]
    return f"{cores} cores, Linux {platform.release()}, {fs}"
