//! A list of everything is the same as a comparison with an empty tree.

use fastdiff::consumers::{
    Borg, Consumer, Json, ListOptions, ListPart, NameStatus, PathStyle, Rclone, Restic, Rsync, Tar, Text,
};
use fastdiff::{ChangeKind, Diff, DiffOptions, Snapshot};

use crate::testenv::TestEnv;

fn tree() -> TestEnv {
    let env = TestEnv::new();
    env.snap("empty.snap");
    env.write("tree/a/b", "four");
    env.write("tree/a/deep/c", "");
    env.dir("tree/a-b");
    env.symlink("a", "tree/link");
    env.fifo("tree/odd\n");
    env.hard_link("tree/a/b", "tree/z");
    env.snap("full.snap");
    env
}

fn open(env: &TestEnv, name: &str) -> Snapshot {
    Snapshot::open(env.path(name)).unwrap()
}

fn relative(diff: &Diff<'_>) -> ListOptions {
    ListOptions::default().with_style(PathStyle::relative(diff).unwrap())
}

fn text(env: &TestEnv, diff: &Diff<'_>) -> String {
    let mut out = Vec::new();
    Text.write(diff, &relative(diff), &mut out).unwrap();
    String::from_utf8(out).unwrap().replace(env.path("").to_str().unwrap(), "[ROOT]")
}

#[test]
fn everything_is_added_once_in_tree_order_the_root_too() {
    let env = tree();
    let snapshot = open(&env, "full.snap");
    let diff = Diff::everything(&snapshot);
    let listed: Vec<_> = diff.changes().map(|change| change.unwrap().path).collect();
    let there: Vec<_> = snapshot.entries().map(|entry| entry.unwrap().path).collect();
    assert_eq!(listed, there);
    assert_eq!((diff.removed(), diff.unknown(), diff.renumbered().len()), (0, 0, 0));
    insta::assert_snapshot!(text(&env, &diff), @r#"
    A  ./
    A  a/
    A  a/b  (4 B)
    A  a/deep/
    A  a/deep/c  (0 B)
    A  a-b/
    A  link
    A  "odd\n"
    A  z  (4 B)

    9 added: 3 files, 4 directories, 1 symlink, 1 other, 8 B
    "#);
}

#[test]
fn it_is_what_a_comparison_with_an_empty_tree_says_but_for_the_root() {
    let env = tree();
    let (empty, full) = (open(&env, "empty.snap"), open(&env, "full.snap"));
    let compared = Diff::new(&empty, &full, &DiffOptions::default()).unwrap();
    let everything = Diff::everything(&full);
    let changes = |diff: &Diff<'_>| diff.changes().map(Result::unwrap).collect::<Vec<_>>();
    let (compared, listed) = (changes(&compared), changes(&everything));
    assert_eq!(compared[1..], listed[1..]);
    assert_eq!((compared[0].kind, listed[0].kind), (ChangeKind::Modified, ChangeKind::Added));
    assert_eq!(listed, everything.changes_without_renames().map(Result::unwrap).collect::<Vec<_>>());
}

#[test]
fn what_could_not_be_read_is_unknown_in_it_too() {
    let env = TestEnv::new();
    env.snap_as_nobody("empty.snap", &[]).success();
    env.write("tree/closed/a", "1");
    env.chmod("tree/closed", 0);
    env.snap_as_nobody("full.snap", &[]);
    let snapshot = open(&env, "out/full.snap");
    let diff = Diff::everything(&snapshot);
    assert_eq!(diff.unknown(), 1);
    let mut out = Vec::new();
    NameStatus.write(&diff, &relative(&diff), &mut out).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), "A\t.\nU\tclosed\n");
    let empty = open(&env, "out/empty.snap");
    let compared = Diff::new(&empty, &snapshot, &DiffOptions::default()).unwrap();
    assert_eq!(compared.unknown(), diff.unknown());
    let kinds = |diff: &Diff<'_>| diff.changes().skip(1).map(|change| change.unwrap().kind).collect::<Vec<_>>();
    assert_eq!(kinds(&compared), kinds(&diff));
}

#[test]
fn each_program_gets_all_that_it_can_be_told_of() {
    let env = tree();
    let snapshot = open(&env, "full.snap");
    let diff = Diff::everything(&snapshot);
    let list = |consumer: &dyn Consumer, part: ListPart| {
        let mut out = Vec::new();
        let options = ListOptions::default().with_nul(true).with_part(part);
        consumer.write(&diff, &options, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap().replace(env.path("tree").to_str().unwrap(), "[ROOT]");
        text.split_terminator('\0').map(|path| path.replace('\n', "\\n")).collect::<Vec<_>>().join(" ")
    };
    let (all, changed) = (ListPart::All, ListPart::Changed);
    insta::assert_snapshot!(list(&Rsync, all), @r"/a /a/b /a/deep /a/deep/c /a-b /link /odd\n /z");
    insta::assert_snapshot!(list(&Rclone, all), @"a/b a/deep/c link link.rclonelink z");
    insta::assert_snapshot!(list(&Restic, changed), @r"[ROOT]/a/b [ROOT]/a/deep/c [ROOT]/a-b [ROOT]/link [ROOT]/odd\n [ROOT]/z");
    insta::assert_snapshot!(list(&Borg, changed), @r"[ROOT] [ROOT]/a [ROOT]/a/b [ROOT]/a/deep [ROOT]/a/deep/c [ROOT]/a-b [ROOT]/link [ROOT]/odd\n [ROOT]/z");
    insta::assert_snapshot!(list(&Tar, changed), @r". a a/b a/deep a/deep/c a-b link odd\n z");
    insta::assert_snapshot!(list(&Tar, ListPart::Deleted), @"");
    let mut json = Vec::new();
    Json.write(&diff, &relative(&diff), &mut json).unwrap();
    for line in String::from_utf8(json).unwrap().lines() {
        let change: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((change["change"].as_str(), change.get("old")), (Some("added"), None), "{line}");
    }
}

#[test]
fn damage_is_an_error_when_the_changes_come_to_it() {
    let env = tree();
    let mut bytes = env.read("full.snap");
    let at = bytes.windows(4).position(|name| name == b"deep").unwrap();
    bytes[at] ^= 1;
    env.write("damaged.snap", bytes);
    let snapshot = open(&env, "damaged.snap");
    let diff = Diff::everything(&snapshot);
    assert!(diff.changes().any(|change| change.is_err()));
    let mut out = Vec::new();
    assert!(Rsync.write(&diff, &ListOptions::default(), &mut out).is_err());
    assert!(out.is_empty(), "not a byte of a list that lacks something");
}
