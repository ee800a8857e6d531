//! Round after round of random edits, each with a list and Duplicati's run: every version must be the tree.

use std::fs;
use std::time::Duration;

use fastdiff::consumers::duplicati::Duplicati;
use fastdiff::consumers::{Consumer as _, DatabaseChoice, ListOptions};
use fastdiff::{Diff, DiffOptions, Error, NoMonitor, ScanOptions, Snapshot, scan};
use proptest::prelude::*;

use super::database;
use super::job::Job;
use super::options::Options;
use crate::model::{Edit, Tree, edits};
use crate::place::{Place, settle};

struct Rounds {
    place: Place,
    tree: Tree,
    job: Job,
    baseline: Option<Snapshot>,
    number: u32,
    listed: u32,
}

impl Rounds {
    fn new() -> Self {
        let place = Place::new();
        let tree = Tree { root: place.path("tree") };
        let job = Job::new([&tree.root]);
        Self { place, tree, job, baseline: None, number: 0, listed: 0 }
    }

    /// A scan, a list if there can be one, and a backup. Gives the warnings, and the list.
    fn round(&mut self) -> Result<(Vec<String>, Options), Error> {
        settle();
        self.number += 1;
        let mut options = ScanOptions::new([&self.tree.root]);
        options.racy_window = Some(Duration::ZERO);
        let output = self.place.path(format!("{}.fds", self.number));
        scan(&options, self.baseline.as_ref(), &output, &NoMonitor)?;
        let now = Snapshot::open(output)?;
        let mut lists = Options::none();
        if let Some(old) = &self.baseline {
            let file = self.place.path("job.sqlite");
            database::write(&self.job, &file);
            let mut out = Vec::new();
            let mut all = DiffOptions::default();
            all.allow_root_change = true;
            let diff = Diff::new(old, &now, &all)?;
            let options = ListOptions::default().with_database(DatabaseChoice::File(file));
            match Duplicati.write(&diff, &options, &mut out) {
                Ok(_) => {
                    // The hook ends lines as Duplicati wants them.
                    let ends = if cfg!(windows) { "\r\n" } else { "\n" };
                    let text = String::from_utf8(out).unwrap().replace('\n', ends);
                    lists = Options::parse(text.as_bytes());
                    self.listed += 1;
                }
                Err(Error::Refused { .. }) => {}
                Err(e) => return Err(e),
            }
        }
        self.baseline = Some(now);
        settle();
        Ok((self.job.backup(&lists), lists))
    }
}

fn cases() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(if cfg!(windows) { 12 } else { 24 }) }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn every_version_is_the_tree(rounds in proptest::collection::vec(edits(8), 3..7)) {
        let mut state = Rounds::new();
        state.tree.edit(&[Edit::always_a_file()]);
        for edits in &rounds {
            state.tree.edit(edits);
            let (warnings, lists) = state.round().unwrap();
            prop_assert!(warnings.is_empty() || lists.changed.is_empty(), "{:?}: {:?}", warnings, lists);
            prop_assert_eq!(state.job.mistakes(), Vec::<String>::new(), "after {:?}", lists);
        }
    }
}

#[test]
fn lists_are_as_duplicati_spells_paths_here() {
    let mut state = Rounds::new();
    state.place.write("tree/docs/letter", "1");
    state.place.write("tree/docs/gone/old", "1");
    state.round().unwrap();
    state.place.write("tree/docs/letter", "22");
    fs::remove_dir_all(state.place.path("tree/docs/gone")).unwrap();
    let (warnings, lists) = state.round().unwrap();
    assert_eq!(warnings, [""; 0]);
    let spelled = |names: &[&str]| -> Vec<Vec<u8>> {
        let root = state.place.path("tree");
        let spell = |name: &&str| format!("{}{}", root.display(), crate::place::here(name)).into_bytes();
        names.iter().map(spell).collect()
    };
    assert_eq!(lists.changed, spelled(&["/", "/docs/", "/docs/letter"]));
    assert_eq!(lists.deleted, spelled(&["/docs/gone/", "/docs/gone/old"]));
    assert_eq!((state.job.mistakes(), state.listed), (Vec::new(), 1));
}

#[test]
fn a_name_that_a_list_cannot_hold_means_a_full_scan() {
    let mut state = Rounds::new();
    state.place.write("tree/a", "1");
    state.round().unwrap();
    let name = if cfg!(windows) { "tree/semi;colon" } else { "tree/co:lon" };
    state.place.write(name, "1");
    let (warnings, lists) = state.round().unwrap();
    assert_eq!((warnings, lists), (Vec::new(), Options::none()));
    assert_eq!((state.job.mistakes(), state.listed), (Vec::new(), 0));
}
