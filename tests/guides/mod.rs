//! The pages of docs/ do what they say: every `sh` block of a page is run, in order, by `/bin/sh -e`, in one
//! environment a page. What a block exports and the directory that it leads to hold for the next one, as if the page
//! was typed into a terminal. HOME is a new directory with some files in `~/Documents`; `fastdiff` is on the PATH, and
//! nothing else but the system's programs.
//!
//! In the page, for nobody to see:
//!
//! - `<!-- test: needs rsync jq -->` in its first lines: without these programs it is skipped, visibly;
//! - `<!-- test: exit 7 -->` on the line before a block: that is its exit code, not 0.
//!
//! `console` blocks show what comes out and are not run; `toml` blocks have to be definitions that `fastdiff job list`
//! reads.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::testenv::{BINARY, TestEnv, skip};

/// Pages that name commands and are tried out elsewhere.
const ELSEWHERE: [(&str, &str); 4] = [
    ("duplicati", "duplicati/guide.rs, with a stand-in for Duplicati"),
    ("hints", "attacks/hints.rs, with the real watchman"),
    ("schedule", "jobs/schedule, without the schedulers of the system"),
    ("volume-snapshots", "jobs/snapshot_roots.rs, with a btrfs of its own"),
];

/// A fenced block.
struct Block {
    language: String,
    /// The line of the page that it begins on.
    line: usize,
    text: String,
    exit: i32,
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

/// What `<!-- test: … -->` says.
fn remark(line: &str) -> Option<&str> {
    line.trim().strip_prefix("<!-- test: ")?.strip_suffix(" -->")
}

fn blocks(page: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut open: Option<Block> = None;
    let mut before = "";
    for (number, line) in page.lines().enumerate() {
        let fence = line.strip_prefix("```");
        assert!(fence.is_some() || !line.trim_start().starts_with("```"), "line {}: an indented block", number + 1);
        match (&mut open, fence) {
            (None, Some(language)) => {
                let exit = remark(before).and_then(|r| r.strip_prefix("exit ")).map_or(0, |code| code.parse().unwrap());
                open = Some(Block { language: language.to_owned(), line: number + 1, text: String::new(), exit });
            }
            (Some(_), Some("")) => found.extend(open.take()),
            (Some(block), _) => block.text.extend([line, "\n"]),
            (None, None) => {}
        }
        before = line;
    }
    assert!(open.is_none(), "a block is not closed");
    found
}

/// The programs that a page needs and that are not there.
fn missing(page: &str) -> Vec<&str> {
    let needs = page.lines().filter_map(remark).filter_map(|r| r.strip_prefix("needs "));
    let is_there = |name: &&str| ["/usr/bin", "/bin"].iter().any(|dir| Path::new(dir).join(name).exists());
    needs.flat_map(str::split_whitespace).filter(|name| !is_there(name)).collect()
}

/// A home with documents.
pub(crate) fn home() -> TestEnv {
    let env = TestEnv::new();
    env.write("home/Documents/letter.txt", "Dear reader");
    env.write("home/Documents/taxes/2026.csv", "income;1\n");
    env.write("home/Documents/taxes/2025.csv", "income;2\n");
    env.write("home/Documents/#odd name\n", "with a newline");
    env.symlink("letter.txt", "home/Documents/newest");
    env.symlink(BINARY, "bin/fastdiff");
    env.write("carried", "cd ~\n");
    env
}

fn run(env: &TestEnv, block: &Block) -> Output {
    let carried = env.path("carried");
    // In the trap, so that it is carried over from a block that fails as well.
    let script = format!(
        ". '{0}'\ntrap 'code=$?; {{ export -p; echo \"cd \\\"$PWD\\\"\"; }} >\"{0}.new\"; mv \"{0}.new\" \"{0}\"; exit $code' EXIT\n{1}",
        carried.display(),
        block.text
    );
    let path = format!("{}:/usr/bin:/bin", env.path("bin").display());
    let mut shell = Command::new("/bin/sh");
    shell.args(["-e", "-c", &script]).env_clear().env("HOME", env.path("home")).env("PATH", path);
    shell.current_dir(env.path("home")).stdin(Stdio::null()).output().unwrap()
}

/// Tries out a page in a new home.
fn try_out(name: &str) {
    try_out_in(&home(), name);
}

/// Tries out a page in a [`home`].
pub(crate) fn try_out_in(env: &TestEnv, name: &str) {
    let page = fs::read_to_string(docs().join(name).with_extension("md")).unwrap();
    let missing = missing(&page);
    if !missing.is_empty() {
        skip(&format!("docs/{name}.md: {} is not installed", missing.join(", ")));
        return;
    }
    let blocks = blocks(&page);
    for block in &blocks {
        let at = format!("docs/{name}.md, line {}", block.line);
        match block.language.as_str() {
            "sh" => {
                let output = run(env, block);
                let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let (out, err) = (said(&output.stdout), said(&output.stderr));
                assert_eq!(output.status.code(), Some(block.exit), "{at}\n{}{out}{err}", block.text);
            }
            "toml" => {
                let file = env.write("example.toml", &block.text);
                let mut list = env.command();
                list.args(["job", "list", "--config"]).arg(file).args(["--state-dir", "example-state"]);
                let listed = env.finish(&mut list).success();
                assert!(!listed.is_empty(), "{at} defines no job");
            }
            "console" | "text" => {}
            other => panic!("{at}: a block in {other:?} is neither run nor said not to be"),
        }
    }
    let last = blocks.iter().rfind(|block| block.language == "sh");
    assert!(last.is_some(), "docs/{name}.md has no command that is run");
}

macro_rules! pages {
    ($($page:ident)*) => {
        const PAGES: &[&str] = &[$(stringify!($page)),*];

        $(#[test]
        fn $page() {
            try_out(stringify!($page));
        })*
    };
}

pages! { borg jobs rclone restic rsync scripts tar }

#[test]
fn no_page_that_names_commands_is_forgotten() {
    let mut pages: Vec<_> = fs::read_dir(docs())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "md"))
        .filter(|path| {
            let text = fs::read_to_string(path).unwrap();
            text.lines().any(|line| line.starts_with("```sh") || line.starts_with("    fastdiff "))
        })
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    pages.sort();
    let mut known: Vec<_> = PAGES.iter().copied().chain(ELSEWHERE.iter().map(|(page, _)| *page)).collect();
    known.sort_unstable();
    assert_eq!(pages, known, "a page of docs/ is in no test, or in one without being there");
}

#[test]
fn where_else_a_page_is_tried_out_exists() {
    for (page, place) in ELSEWHERE {
        let place = place.split(',').next().unwrap();
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(place).exists(), "{page}: {place}");
    }
}

#[test]
fn blocks_are_found_as_they_are_meant() {
    let page = "text\n```sh\na\nb\n```\n<!-- test: exit 7 -->\n```sh\nc\n```\n\n```toml\n```\n";
    let found: Vec<_> = blocks(page).into_iter().map(|b| (b.language, b.line, b.text, b.exit)).collect();
    let block = |language: &str, line, text: &str, exit| (language.to_owned(), line, text.to_owned(), exit);
    assert_eq!(found, [block("sh", 2, "a\nb\n", 0), block("sh", 7, "c\n", 7), block("toml", 11, "", 0)]);
    assert_eq!(missing("<!-- test: needs sh no-such-program -->"), ["no-such-program"]);
}

#[test]
fn a_block_hands_its_environment_and_directory_to_the_next() {
    let env = home();
    let block = |text: &str, exit| Block { language: "sh".into(), line: 1, text: text.into(), exit };
    let code = |text: &str| run(&env, &block(text, 0)).status.code();
    assert_eq!(code("export SAID='a b'\ncd Documents\nfalse\nexit 0\n"), Some(1), "-e holds");
    assert_eq!(code("test \"$SAID\" = 'a b'\ntest -e letter.txt\nfastdiff --version\n"), Some(0));
}
