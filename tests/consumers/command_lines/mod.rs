//! Command lines made at random from a table of options for each program, wrong and missing ones included, run for real
//! by a user without rights in namespaces of their own. Whatever the check of the command lets pass and the program
//! calls a success holds every listed file.
//!
//! The form of the tables: a line `right` holds the alternatives of one part of a right command, and lines `wrong`
//! those that are wrong; `-` leaves the part out, a comma separates words. Each other line is an option that may be
//! added; `~` is a blank in a word. Nothing in a table deletes sources or starts programs.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use super::{program, script};
use crate::attacks::draw::Random;
use crate::testenv::{BINARY, TestEnv, is_root, skip};

/// At most so many options stand in a table.
const OPTIONS: usize = 60;

/// Makes the namespaces: only /mnt/w can be written to, there is no network, and /mnt/w is gone at the end.
const SANDBOX: &str = r#"
mount -t tmpfs -o mode=755 none /mnt
touch /mnt/fastdiff; mount --bind "$FASTDIFF" /mnt/fastdiff
mkdir /mnt/w /mnt/prepared; chown 65534:65534 /mnt/w; mount --bind "$PREPARED" /mnt/prepared
mount -t tmpfs none /tmp
mount -t proc proc /proc
mount -o remount,bind,ro /
exec setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
    env -i PATH=/usr/bin:/bin PROGRAM="$PROGRAM" bash /mnt/prepared/case.sh "$@"
"#;

/// A part of a right command.
struct Slot {
    right: Vec<Vec<String>>,
    wrong: Vec<Vec<String>>,
}

/// The table of a program.
struct Table {
    slots: Vec<Slot>,
    options: Vec<Vec<String>>,
}

impl Table {
    fn read(text: &str) -> Self {
        let mut table = Self { slots: Vec::new(), options: Vec::new() };
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let alternatives = |text: &str| -> Vec<Vec<String>> {
                let words = |one: &str| match one {
                    "-" => Vec::new(),
                    one => one.split(',').map(str::to_owned).collect(),
                };
                text.split_whitespace().map(words).collect()
            };
            if let Some(right) = line.strip_prefix("right ") {
                table.slots.push(Slot { right: alternatives(right), wrong: Vec::new() });
            } else if let Some(wrong) = line.strip_prefix("wrong ") {
                table.slots.last_mut().unwrap().wrong.extend(alternatives(wrong));
            } else {
                table.options.push(line.split(' ').map(|word| word.replace('~', " ")).collect());
            }
        }
        assert!(table.options.len() <= OPTIONS, "{} options", table.options.len());
        table
    }
}

/// One command line, as choices, so that it can be made smaller.
#[derive(Clone)]
struct Line {
    /// For each slot the alternative, and whether it is a wrong one.
    slots: Vec<(bool, usize)>,
    /// Options with the slot that they stand behind.
    options: Vec<(usize, usize)>,
    wrapper: usize,
}

impl Line {
    fn draw(table: &Table, random: &mut Random) -> Self {
        let wrong = [0, 0, 0, 1, 1, 2][random.below(6)];
        let mut slots: Vec<_> = table.slots.iter().map(|slot| (false, random.below(slot.right.len()))).collect();
        for _ in 0..wrong {
            let at = random.below(slots.len());
            if !table.slots[at].wrong.is_empty() {
                slots[at] = (true, random.below(table.slots[at].wrong.len()));
            }
        }
        let options = (0..[0, 1, 1, 1, 2, 3][random.below(6)])
            .map(|_| (random.below(slots.len() - 1), random.below(table.options.len())))
            .collect();
        // Most are plain, so that the options matter.
        Self { slots, options, wrapper: random.below(10) }
    }

    fn words(&self, name: &str, table: &Table) -> Vec<String> {
        let mut words = Vec::new();
        for (at, (is_wrong, chosen)) in self.slots.iter().enumerate() {
            let slot = &table.slots[at];
            words.extend(if *is_wrong { slot.wrong[*chosen].clone() } else { slot.right[*chosen].clone() });
            for (_, option) in self.options.iter().filter(|(behind, _)| *behind == at) {
                words.extend(table.options[*option].clone());
            }
        }
        if words.first().is_none_or(|first| first != name) {
            words.insert(0, name.to_owned());
        }
        match self.wrapper {
            0 => [vec!["env".to_owned(), "A=b".to_owned()], words].concat(),
            1 => [vec!["nice".to_owned(), "-n".to_owned(), "5".to_owned()], words].concat(),
            2 => {
                let quoted: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
                vec!["sh".to_owned(), "-c".to_owned(), quoted.join(" ")]
            }
            _ => words,
        }
    }

    /// The right line, that with each option, and that with each wrong part.
    fn singles(table: &Table) -> Vec<Self> {
        let right = Self { slots: vec![(false, 0); table.slots.len()], options: Vec::new(), wrapper: 9 };
        let mut lines = vec![right.clone()];
        for option in 0..table.options.len() {
            lines.push(Self { options: vec![(0, option)], ..right.clone() });
        }
        for (at, slot) in table.slots.iter().enumerate() {
            for wrong in 0..slot.wrong.len() {
                let mut line = right.clone();
                line.slots[at] = (true, wrong);
                lines.push(line);
            }
        }
        lines
    }

    /// Smaller lines: with one option less, or one wrong part put right.
    fn smaller(&self) -> Vec<Self> {
        let mut smaller = Vec::new();
        for at in 0..self.options.len() {
            let mut line = self.clone();
            line.options.remove(at);
            smaller.push(line);
        }
        for at in 0..self.slots.len() {
            if self.slots[at] != (false, 0) {
                let mut line = self.clone();
                line.slots[at] = (false, 0);
                smaller.push(line);
            }
        }
        if self.wrapper < 3 {
            smaller.push(Self { wrapper: 9, ..self.clone() });
        }
        smaller
    }
}

/// What became of a case, as `case.sh` says it.
fn outcome(env: &TestEnv, name: &str, words: &[String]) -> String {
    let output = Command::new("/usr/bin/unshare")
        .args(["--mount", "--net", "--ipc", "--uts", "--pid", "--fork", "--propagation", "private"])
        .args(["/bin/sh", "-e", "-c", SANDBOX, "sh"])
        .args(words)
        .env_clear()
        .envs([("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), ("PROGRAM", name), ("FASTDIFF", BINARY)])
        .env("PREPARED", env.path("prepared"))
        .output()
        .unwrap();
    let last = String::from_utf8_lossy(&output.stdout).lines().last().unwrap_or_default().to_owned();
    assert!(!last.is_empty(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    last
}

/// How many cases: `few` ordinarily, 25 times as many at length.
fn cases(few: u32) -> u32 {
    match std::env::var("FASTDIFF_COMMAND_LINES") {
        Ok(number) => number.parse().unwrap(),
        Err(_) if std::env::var_os("FASTDIFF_ATTACKS").is_some_and(|value| value == "full") => few * 25,
        Err(_) => few,
    }
}

/// The property, for one program.
fn what_passes_and_succeeds_holds_all(name: &str, table: &str, few: u32, prepare: &str) {
    if program(name).is_none() {
        return;
    }
    if !is_root() {
        return skip("namespaces for another user need root");
    }
    let env = TestEnv::new();
    env.dir("prepared");
    env.write("prepared/case.sh", include_str!("case.sh"));
    script(&env, &format!("cd prepared; {prepare}chmod -R a+rX ."));
    let table = Table::read(table);
    let mut counts = std::collections::BTreeMap::<String, u32>::new();
    let drawn = |number: u32| Line::draw(&table, &mut Random(u64::from(number)));
    let lines: Vec<_> = Line::singles(&table).into_iter().chain((0..cases(few)).map(drawn)).collect();
    let all = u32::try_from(lines.len()).unwrap();
    for (number, mut line) in lines.into_iter().enumerate() {
        let mut came = outcome(&env, name, &line.words(name, &table));
        if std::env::var_os("FASTDIFF_SURVEY").is_some() {
            println!("{came:40} {}", line.words(name, &table).join(" "));
            continue;
        }
        let is_loss = |came: &str| came.starts_with("lost") && !came.contains("not checked");
        if is_loss(&came) {
            while let Some((smaller, it)) = line.smaller().into_iter().find_map(|line| {
                let it = outcome(&env, name, &line.words(name, &table));
                is_loss(&it).then_some((line, it))
            }) {
                (line, came) = (smaller, it);
            }
            panic!("case {number}: {came}: {}", line.words(name, &table).join(" "));
        }
        let kind = came.split(' ').next().unwrap_or_default().to_owned();
        let kind = if came.contains("not checked") { format!("{kind}, not checked") } else { kind };
        *counts.entry(kind).or_default() += 1;
    }
    let mut text = String::new();
    for (kind, count) in &counts {
        write!(text, "{kind}: {count}; ").unwrap();
    }
    println!("{name}: {text}");
    // Otherwise it would show nothing.
    let of = |kind: &str| counts.get(kind).copied().unwrap_or(0);
    assert!(of("held") * 6 >= all, "too few were let pass and succeeded: {text}");
    assert!(of("refused") * 6 >= all, "too few were refused: {text}");
    let unchecked: u32 = counts.iter().filter(|(kind, _)| kind.contains("not checked")).map(|(_, count)| count).sum();
    assert!(unchecked * 12 <= all, "the check does not know the options of its own table: {text}");
    let _ = fs::remove_dir_all(env.path("prepared"));
}

#[test]
fn what_passes_and_succeeds_by_rsync_holds_all() {
    what_passes_and_succeeds_holds_all("rsync", include_str!("rsync.txt"), 40, "");
}

#[test]
fn what_passes_and_succeeds_by_tar_holds_all() {
    what_passes_and_succeeds_holds_all("tar", include_str!("tar.txt"), 40, "");
}

#[test]
fn what_passes_and_succeeds_by_restic_holds_all() {
    what_passes_and_succeeds_holds_all("restic", include_str!("restic.txt"), 15, "restic init -q -r repo; ");
}

#[test]
fn what_passes_and_succeeds_by_borg_holds_all() {
    what_passes_and_succeeds_holds_all("borg", include_str!("borg.txt"), 15, "borg init -e none repo; ");
}

#[test]
fn what_passes_and_succeeds_by_rclone_holds_all() {
    what_passes_and_succeeds_holds_all("rclone", include_str!("rclone.txt"), 25, "");
}
