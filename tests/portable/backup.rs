//! A backup program: this test's own binary, which every system can start. It is called as a test that does nothing
//! unless it is told to.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::exit;
use std::time::Duration;

use super::place::Place;

/// Says what to do.
const WHAT: &str = "FASTDIFF_TEST_BACKUP";

/// The place where it is done.
const WHERE: &str = "FASTDIFF_TEST_PLACE";

/// The words of a command that does this in a place.
pub(crate) fn command(what: &str, place: &Place) -> Vec<String> {
    let own = std::env::current_exe().unwrap();
    let words = [own.to_str().unwrap(), "backup::called", "--exact", "--nocapture", "--quiet"];
    // Without a shell nothing sets variables: two more filters that match no test.
    let told = [format!("{WHAT}={what}"), format!("{WHERE}={}", place.path("").display())];
    words.iter().map(ToString::to_string).chain(told).collect()
}

fn told(name: &str) -> Option<String> {
    std::env::args().find_map(|arg| Some(arg.strip_prefix(name)?.strip_prefix('=')?.to_owned()))
}

/// Copies what the list names, from the root to `copy`.
fn copy(place: &Path) {
    let list = std::env::var_os("FASTDIFF_CHANGED").map(PathBuf::from).expect("a list");
    let root = std::env::var_os("FASTDIFF_ROOT").map(PathBuf::from).expect("a root");
    for name in fs::read_to_string(list).unwrap().lines() {
        let to = place.join("copy").join(name);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(root.join(name), to).unwrap();
    }
}

#[test]
fn called() {
    let (Some(what), Some(place)) = (told(WHAT), told(WHERE).map(PathBuf::from)) else { return };
    match what.as_str() {
        "copy" => copy(&place),
        "fail" => exit(7),
        "big" => exit(256),
        "wait" => {
            fs::write(place.join("waiting"), "").unwrap();
            while !place.join("go").exists() {
                std::thread::sleep(Duration::from_millis(10));
            }
            fs::write(place.join("waited"), "").unwrap();
        }
        other => panic!("unknown: {other}"),
    }
    exit(0);
}
