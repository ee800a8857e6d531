"""The trees, and what is made beside them once: a copy, repositories, snapshots. Kept from run to run."""

import contextlib
import hashlib
import json
import os
import random
import shutil
import time

from core import Failure, complaint, output, progress, remove


@contextlib.contextmanager
def disk(work):
    """A file system for the trees: an ext4 of 128 GB in a sparse file, kept from run to run. Where nothing can be
    mounted, the directory itself."""
    image, place = work / "disk.img", work / "disk"
    place.mkdir(parents=True, exist_ok=True)
    if place.is_mount():  # by a run that was killed
        output(["umount", str(place)])
    if not image.exists():
        with open(image, "wb") as file:
            file.truncate(128 << 30)
        why = complaint(["mkfs.ext4", "-q", "-F", str(image)])
    else:
        why = None
    why = why or complaint(["mount", "-o", "loop", str(image), str(place)])
    if why is not None:
        progress(f"no file system of its own: {why}")
        remove(image)
        yield work
        return
    try:
        yield place
    finally:
        output(["umount", str(place)])


class Trees:
    """The programs and the directories of the benchmark."""

    def __init__(self, options, files):
        self.options = options
        self.work = options.work if files == options.files else options.work / f"{files}"
        self.work.mkdir(parents=True, exist_ok=True)
        self.fastdiff = self.program("fastdiff")
        self.mktree = self.program("mktree")
        self.floor = self.program("floor")
        self.shape = ["--files", str(files), "--seed", "1"]

    def program(self, name):
        path = self.options.bin_dir / name
        if not path.is_file():
            raise Failure(f"{path} is missing; run: tools/just build")
        return str(path)

    def pristine(self, name):
        """A tree that nobody edits, kept from run to run; its path and what it holds."""
        tree, stamp_file = self.work / name, self.work / f"{name}.json"
        with open(self.mktree, "rb") as program:
            generator = hashlib.file_digest(program, "sha256").hexdigest()
        stamp = {"arguments": self.shape, "generator": generator}
        if stamp_file.exists():
            kept = json.loads(stamp_file.read_text())
            if {key: kept.get(key) for key in stamp} == stamp:
                return tree, kept["made"]
        stamp_file.unlink(missing_ok=True)
        # What was made of the old tree says nothing of the new one.
        for made in ("git", "restic", "borg", "bup", "peers"):
            remove(self.work / made)
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

    def snapshot(self, tree, name, *arguments):
        # The clock that stamps files moves in ticks; what was done in this one would be suspect.
        time.sleep(0.05)
        path = self.work / f"{name}.snap"
        output([self.fastdiff, "snap", *arguments, str(tree), "-o", str(path)])
        return path

    def info(self, snapshot):
        return json.loads(output([self.fastdiff, "info", str(snapshot), "--json"]))

    def hints(self, tree, base, count):
        """Hints that name so many directories, drawn at random from the tree."""
        directories = [str(tree)]
        for path, names, _ in os.walk(tree):
            directories += [os.path.join(path, name) for name in names]
        chosen = random.Random(1).sample(sorted(directories), count)
        file = self.work / "hints"
        file.write_text("\n".join([f"# complete since base {self.info(base)['identity']}", *chosen, ""]))
        return file

    def repositories(self, tree):
        """What the peers need that compare with a run before: each one's first run, made once."""
        done = self.work / "peers"
        made = set(done.read_text().split()) if done.exists() else set()
        self.environment = {
            "HOME": str(self.work), "RESTIC_REPOSITORY": str(self.work / "restic"), "RESTIC_PASSWORD": "bench",
            "BORG_REPO": str(self.work / "borg"), "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
            "BORG_BASE_DIR": str(self.work / "borg-home"), "BUP_DIR": str(self.work / "bup"),
        }
        # To git's status the content is nothing, and adding it would take very long: a copy with empty files.
        copy = self.work / "git"
        self.git = ["git", "-C", str(copy)]
        firsts = {
            "restic": [["restic", "init", "-q"], ["restic", "backup", "-q", str(tree)]],
            "borg": [["borg", "init", "-e", "none"], ["borg", "create", "::first", str(tree)]],
            "bup": [["bup", "init"], ["bup", "index", str(tree)], ["bup", "save", "-q", "-n", "tree", str(tree)]],
            "git": [["cp", "-a", "--attributes-only", str(tree), str(copy)], [*self.git, "init", "-q"],
                    [*self.git, "config", "gc.auto", "0"], [*self.git, "add", "-A"],
                    [*self.git, "-c", "user.name=bench", "-c", "user.email=bench", "commit", "-q", "-m", "all"]],
        }
        for name, commands in firsts.items():
            if shutil.which(name) is None or name in made:
                continue
            progress(f"first run of {name}")
            remove(self.work / name)
            for command in commands:
                output(command, self.environment)
            made.add(name)
            done.write_text(" ".join(sorted(made)))
        # A status without the untracked cache takes it out of the index, and the next one with it would begin anew.
        index, cached = copy / ".git/index", copy / ".git/index-untracked"
        self.cached_index = {"GIT_INDEX_FILE": str(cached)}
        if index.exists() and not cached.exists():
            shutil.copy2(index, cached)
