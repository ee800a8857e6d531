# The one way to do each thing; `tools/just RECIPE` works on a machine without just. CI and the README call these.

set positional-arguments

# Lists the recipes
[private]
default:
    @{{ quote(just_executable()) }} --justfile {{ quote(justfile()) }} --list --unsorted

# Format, lints, documentation: whatever needs no test run
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# Unit, integration and property tests, then the examples in the documentation
test:
    if cargo nextest --version >/dev/null 2>&1; then cargo nextest run --workspace; else cargo test --workspace --all-targets; fi
    cargo test --workspace --doc

# The integration tests on loop-mounted ext4, xfs and btrfs and on tmpfs; needs root, shows what it skips
test-fs *TESTS:
    tools/test-fs "$@"

# Attacks every promise of docs/guarantees.md hundreds of times and prints a table; needs root for some, shows what it skips
test-faults *TESTS:
    tools/test-faults "$@"

# The integration tests as a user without rights; needs root to become one
test-unprivileged *TESTS:
    tools/test-unprivileged "$@"

# The tests that walk under ThreadSanitizer; needs the nightly compiler with its rust-src
test-tsan *TESTS:
    tools/test-tsan "$@"

# NFS, vfat, exfat and ntfs3 in a small virtual machine, which is put together from Debian's packages; some minutes
test-vm *ARGS:
    tools/test-vm "$@"

# Fuzzes the snapshot reader, each target for so many seconds; needs the nightly compiler
fuzz SECONDS="60":
    tools/fuzz {{ SECONDS }}

# Breaks the code in one place after the other and shows that the tests notice
test-mutants *NAMES:
    tools/mutants "$@"

# Criterion benchmarks of walk, snapshot, diff and emit
bench *ARGS:
    cargo bench --package fastdiff --bench '*' -- "$@"

# Measures the release build against the floor, find, bfs, fd, rsync, git, restic, borg and bup on a tree of 500,000 files
bench-peers *ARGS: build
    python3 tools/bench "$@"

# Counts instructions with callgrind and compares them with tools/instructions.json
instructions *ARGS: build
    tools/instructions "$@"

# The release build
build:
    cargo build --release --workspace

# Snapshots DIR; from the second time on, shows what changed since the last time
[no-cd]
try DIR:
    {{ quote(justfile_directory() / "tools/try") }} "$1"

# Everything .ci/run does after its installs
ci:
    .ci/run --no-install
