//! A job that backs up a tree three times, each time only what changed. Run it with `cargo run --example backup_loop`.

use std::error::Error;
use std::fs;

use fastdiff::consumers::{Consumer, ListOptions, Rsync};
use fastdiff::jobs::{Commit, JobStore, RunRequest, RunResult};
use fastdiff::{NoMonitor, ScanOptions};

/// Stands for the backup program, which may fail.
fn backup(list: &[u8], works: bool) -> bool {
    println!("  backup of {} names {}", list.split(|b| *b == 0).count() - 1, if works { "succeeds" } else { "fails" });
    works
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let tree = dir.path().join("tree");
    fs::create_dir(&tree)?;
    fs::write(tree.join("letter.txt"), "Dear reader")?;

    // The name of the job is free. Its state lies in the directory of the store.
    let job = JobStore::open(dir.path().join("state"))?.job("documents")?;
    let request = RunRequest::new(ScanOptions::new([&tree]), Rsync.name());

    for works in [true, false, true] {
        // While the job is locked no other process can run it.
        let locked = job.lock()?;
        let started = locked.begin(&request, &NoMonitor)?;
        match &started.full {
            Some(reason) => println!("run {}: a full list ({reason})", started.run),
            None => println!("run {}: {}", started.run, started.summary()),
        }

        let mut list = Vec::new();
        Rsync.write(started.diff(), &ListOptions::default(), &mut list)?;
        if started.is_complete() && backup(&list, works) {
            locked.commit(&Commit::run(started.run))?;
        } else {
            // Without a commit the next list holds the same changes again.
            locked.failed(Some(started.run), &RunResult::default())?;
        }
        fs::write(tree.join(format!("letter {}.txt", started.run)), "Dear writer")?;
    }
    Ok(())
}
