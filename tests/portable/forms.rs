//! The commands and the forms of a list.

use super::place::{Place, here};

fn changed() -> Place {
    let place = Place::new();
    for name in ["same", "docs/letter", "docs/gone", "old/name"] {
        place.write(format!("tree/{name}"), name);
    }
    place.snap("old.fds", &[]);
    place.write("tree/docs/letter", "longer than before");
    std::fs::remove_file(place.path("tree/docs/gone")).unwrap();
    std::fs::rename(place.path("tree/old/name"), place.path("tree/old/other")).unwrap();
    place.write("tree/docs/new", "new");
    place.snap("new.fds", &["--base", "old.fds"]);
    place
}

#[test]
fn each_form_writes_paths_as_this_system_does() {
    let place = changed();
    let root = here("[ROOT]/tree");
    let text = place.run(["diff", "old.fds", "new.fds"]).success();
    for line in [
        format!("M  {}  (", here("[ROOT]/tree/docs/")),
        format!("D  {}\n", here("[ROOT]/tree/docs/gone")),
        format!("M  {}  (size", here("[ROOT]/tree/docs/letter")),
        format!("A  {}  (3 B)\n", here("[ROOT]/tree/docs/new")),
        format!("R  {} → {}\n", here("[ROOT]/tree/old/name"), here("[ROOT]/tree/old/other")),
    ] {
        assert!(text.contains(&line), "{line:?} is not in\n{text}");
    }
    let names = place.changes("old.fds", "new.fds");
    let expected = ["M docs", "D docs/gone", "M docs/letter", "A docs/new", "M old", "R old/name old/other"];
    assert_eq!(names, expected.map(|line| here(line) + "\n").concat());
    let json = place.command(["diff", "old.fds", "new.fds", "--emit", "json"]).output().unwrap();
    let json = String::from_utf8(json.stdout).unwrap();
    let first: serde_json::Value = serde_json::from_str(json.lines().nth(1).unwrap()).unwrap();
    let path = first["path"].as_str().unwrap();
    assert_eq!(path, place.path("tree/docs/gone").to_str().unwrap(), "an absolute path of this system");
    let show = place.run(["show", "new.fds", "tree/docs"]).success();
    assert!(show.contains(&format!("{root}{}", here("/docs/letter"))), "{show}");
    let info = place.run(["info", "new.fds"]).success();
    let system = if cfg!(windows) { "windows" } else { "unix" };
    assert!(info.contains(&format!("system              {system}\n")) && info.contains(&root), "{info}");
    let verify = place.run(["verify", "new.fds"]);
    assert!(verify.code == Some(0) && verify.stderr.contains("new.fds: 7 entries in 4 "), "{verify:?}");
}

#[test]
fn lists_of_programs_hold_what_they_can_open() {
    let place = changed();
    let list = |emit: &[&str]| {
        let output = place.command(["diff", "old.fds", "new.fds", "--emit"].iter().chain(emit)).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    // restic takes absolute names, each ended by NUL.
    let restic: Vec<_> = list(&["restic"]).split_terminator('\0').map(std::path::PathBuf::from).collect();
    let expected = ["tree/docs/letter", "tree/docs/new", "tree/old/other"].map(|name| place.path(name));
    assert_eq!(restic, expected);
    assert!(restic.iter().all(|path| path.is_absolute() && path.exists()));
    // rclone and tar take names relative to the root, with slashes on every system.
    let rclone = list(&["rclone", "--list", "changed"]);
    assert!(rclone.lines().eq(["docs/letter", "docs/new", "old/other"]), "{rclone}");
    let tar = list(&["tar", "--list", "changed"]);
    assert!(tar.split_terminator('\0').any(|name| name.ends_with("docs/new")), "{tar}");
    for name in tar.split_terminator('\0') {
        assert!(place.path("tree").join(name).exists(), "{name}");
    }
}

#[test]
fn programs_that_are_not_there_get_no_list() {
    let place = changed();
    for consumer in ["borg", "rsync"] {
        let run = place.run(["diff", "old.fds", "new.fds", "--emit", consumer]);
        if cfg!(windows) {
            assert!(run.failure(3).contains("WSL"));
        } else {
            run.success();
        }
    }
}

#[test]
fn a_snapshot_of_another_system_is_read_and_gets_no_list_for_programs() {
    let place = Place::new();
    let (file, root) = if cfg!(windows) { ("v4.snap", "/") } else { ("windows.snap", "C:\\") };
    let fixture = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(file);
    std::fs::copy(fixture, place.path("other.fds")).unwrap();
    assert_eq!(place.run(["verify", "other.fds"]).code, Some(0));
    let shown = place.run(["show", "other.fds"]).success();
    assert!(shown.lines().next().unwrap().contains(root), "{shown}");
    place.run(["diff", "other.fds", "other.fds", "--emit", "json"]);
    let refused = place.run(["diff", "other.fds", "other.fds", "--emit", "restic"]);
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    assert!(refused.stderr.contains("another system"), "{}", refused.stderr);
}

#[test]
fn patterns_take_the_slashes_of_this_system() {
    let place = changed();
    for pattern in ["docs/", "/docs", "docs/*"] {
        let args = ["snap", "tree", "-o", "less.fds", "-q", "--exclude", pattern];
        place.run(args).success();
        let shown = place.run(["show", "less.fds"]).success();
        assert!(!shown.contains("letter") && shown.contains("same"), "{pattern}: {shown}");
    }
}

#[test]
fn bad_input_names_the_file_or_option() {
    let place = changed();
    place.write("text", "no snapshot");
    place.write("empty", "");
    for (args, what) in [
        (&["snap", "nowhere", "-o", "x"][..], "nowhere"),
        (&["snap", "text", "-o", "x"], "text"),
        (&["snap", "tree", "-o", "tree"], "tree"),
        (&["snap", "tree", "-o", "nowhere/x"], "nowhere"),
        (&["diff", "old.fds", "nowhere"], "nowhere"),
        (&["diff", "old.fds", "text"], "text"),
        (&["diff", "old.fds", "empty"], "empty"),
        (&["diff", "old.fds", "tree"], "tree"),
        (&["show", "old.fds", "tree/nowhere"], "nowhere"),
    ] {
        let error = place.run(args).failure(2);
        assert!(error.contains(what), "{args:?}: {error}");
    }
    assert!(!place.path("x").exists());
}
