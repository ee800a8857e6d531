# The one way to do each thing; `tools/just RECIPE` works on a machine without just. CI and the README call these.

set positional-arguments

# Lists the recipes
[private]
default:
    @{{ quote(just_executable()) }} --justfile {{ quote(justfile()) }} --list --unsorted

# Before each commit: format, lints, unit tests and the fast integration tests. Leaves out documentation, attacks, other
# programs, rounds with Duplicati, crashes, file systems, fuzzing and measurements: .ci/run has them
[doc("Before each commit, two minutes: format, lints, unit tests, fast integration tests")]
quick:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    tools/test --quick

# Format, lints, documentation: whatever needs no test run
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
    tools/long-lines

# Lints every set of Cargo features: none, each one, the default, all
features:
    tools/features

# Checks with the oldest Rust that Cargo.toml promises, which has to be installed
minimum-rust:
    cargo "+$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)" check --workspace --all-targets --locked

# Licences, bans and sources of the dependencies; --advisories asks for known faults instead
deny *ARGS:
    tools/deny "$@"

# Unit, integration and property tests, then the examples in the documentation
test:
    tools/test

# Builds and runs every example in examples/
examples:
    tools/examples

# The integration tests on ext4, xfs, btrfs, tmpfs and others; needs root; --quick: only what depends on them
test-fs *TESTS:
    tools/test-fs "$@"

# Attacks every promise and prints a table; --check: a tenth of the tries, --long: at length everywhere
test-faults *TESTS:
    tools/test-faults "$@"

# The integration tests as a user without rights; needs root to become one; --quick: only what depends on rights
test-unprivileged *TESTS:
    tools/test-unprivileged "$@"

# The property tests with many cases, and the biggest trees: some 20 minutes
test-properties CASES="2000":
    FASTDIFF_PROFILE=long PROPTEST_CASES={{ CASES }} tools/run-tests properties:: jobs::mirror:: duplicati::rounds::
    FASTDIFF_PROFILE=long PROPTEST_CASES=60 tools/run-tests duplicati::hook_rounds::
    FASTDIFF_PROFILE=long FASTDIFF_ATTACKS=full tools/run-tests consumers::command_lines::
    FASTDIFF_PROFILE=long FASTDIFF_SLOW=1 tools/run-tests commands::snap_big::

# The tests that walk under ThreadSanitizer; needs the nightly compiler with its rust-src
test-tsan *TESTS:
    tools/test-tsan "$@"

# Lints and builds for Windows and runs tests there: under Wine, or on Windows itself; --quick: a smoke run
test-windows *TESTS:
    tools/test-windows "$@"

# The same for macOS (links, never run), ARM under qemu and static musl: tools/just test-cross [aarch64|musl|macos]
test-cross *PARTS:
    tools/test-cross "$@"

# NFS, vfat, exfat and ntfs3 in a small virtual machine, which is put together from Debian's packages; some minutes
test-vm *ARGS:
    tools/test-vm "$@"

# Fuzzes the snapshot reader, each target for so many seconds; needs the nightly compiler
fuzz SECONDS="60":
    tools/fuzz {{ SECONDS }}

# Breaks the code in one place after the other and shows that the tests notice
test-mutants *NAMES:
    tools/mutants "$@"

# All that is too long for .ci/run, part by part: tools/just nightly [PART]
nightly *PARTS:
    tools/nightly "$@"

# Criterion benchmarks of walk, snapshot, diff and emit
bench *ARGS:
    cargo bench --package fastdiff --bench '*' -- "$@"

# Each Criterion benchmark once, not optimised: shows only that they work
bench-once:
    cargo test --quiet --package fastdiff --bench '*'

# Measures against the floor, find, bfs, fd, rsync, git, restic, borg and bup on a tree of 500,000 files
bench-peers *ARGS: build
    python3 tools/bench "$@"

# Counts instructions with callgrind and compares them with tools/instructions.json
instructions *ARGS: build
    tools/instructions "$@"

# The release build
build:
    cargo build --release --workspace

# Snapshots DIR, which may be relative; from the second time on, shows what changed since the last time
[no-cd]
try DIR:
    {{ quote(justfile_directory() / "tools/try") }} "$1"

# Everything .ci/run does after its installs: 30 minutes on two processors
ci:
    .ci/run --no-install
