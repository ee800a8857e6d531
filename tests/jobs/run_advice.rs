//! `fastdiff run`: what it says of full lists, of timers and of another command.

use super::Jobs;

#[test]
fn what_makes_up_for_a_full_list_names_the_roots_and_the_filters() {
    let jobs = Jobs::new();
    let (root, other) = (jobs.env.path("tree"), jobs.env.dir("an other"));
    let define = |more: &str| {
        let text = format!("[jobs.j]\nroots = [{root:?}, {other:?}]\nconsumer = \"rsync\"\n{more}");
        jobs.env.write("fastdiff.toml", text);
    };
    define("");
    jobs.settle();
    define("exclude = [\"*.o\"]\n");
    let told = jobs.begin(&[]).stderr;
    let command = "`rsync -aHIR --modify-window=-1 --delete [ROOT]/tree '[ROOT]/an other' DEST/` once without a list, with --exclude for";
    assert!(told.contains(command), "{told}");
}

#[test]
fn no_timer_is_made_for_a_command_that_could_not_run_and_no_walk_for_a_list_that_there_is_not() {
    let jobs = Jobs::new();
    let root = jobs.env.path("tree");
    let define = |more: &str| jobs.env.write("fastdiff.toml", format!("[jobs.j]\nroots = [{root:?}]\n{more}"));
    define("consumer = \"restic\"\ncommand = [\"restic\", \"backup\", \"{all}\"]\n");
    let line = jobs.run(["job", "schedule", "j", "--every", "15min"]).failure(2);
    assert!(line.contains("asks for {all}, which the consumer restic does not have"), "{line}");
    let line = jobs.run(["begin", "j", "--list", "deleted"]).failure(2);
    assert!(line.contains("--emit restic has no --list deleted"), "{line}");
    define("exclude = [\"[[:alpha:]]\"]\n");
    assert!(jobs.run(["begin", "j"]).failure(2).contains("job j: key exclude: pattern \"[[:alpha:]]\": "));
    define("exclude-from = [\"/nothing/here\"]\n");
    assert!(jobs.run(["begin", "j"]).failure(2).contains("job j: key exclude-from: cannot read /nothing/here: "));
    assert!(jobs.files().is_empty());
}

#[test]
fn another_command_is_told_of_and_a_full_list_can_be_asked_for() {
    let jobs = Jobs::new();
    jobs.env.write("tree/a", "");
    jobs.env.write("tree/b", "");
    assert_eq!(jobs.start(&["--", "true"]).code, Some(0));
    jobs.env.write("tree/a", "1");
    let run = jobs.start(&["--", "sh", "-c", "cat $FASTDIFF_ALL"]);
    assert!(
        run.stderr.contains("the command differs from that of run 1: if it writes to another place, "),
        "{}",
        run.stderr
    );
    assert!(!run.stdout.contains("tree/b"), "{}", run.stdout);
    let run = jobs.start(&["--full", "--", "sh", "-c", "cat $FASTDIFF_ALL"]);
    assert!(run.stderr.contains("the list is a full one: it was asked for"), "{}", run.stderr);
    assert!(run.stdout.contains("tree/b"), "{}", run.stdout);
    let run = jobs.begin(&["--full", "--relative"]);
    assert!(run.stdout.contains("A\tb\n"), "{}{}", run.stdout, run.stderr);
}
