//! Round after round of random edits, each with our list and Duplicati's run: every version must be the tree.

use std::collections::BTreeSet;

use fastdiff::consumers::duplicati::Duplicati;
use fastdiff::consumers::{Consumer as _, DatabaseChoice, ListOptions};
use fastdiff::{Diff, Error, Kind, Snapshot};
use proptest::prelude::*;

use super::database;
use super::job::Job;
use super::options::Options;
use crate::properties::cases;
use crate::properties::edits::{Edit, changing, making};
use crate::properties::model::read;
use crate::properties::names::{any_name, sayable_name};
use crate::properties::place::{Boundary, Place, entries, options};

/// A tree that is backed up again and again.
struct Rounds {
    place: Place,
    job: Job,
    baseline: Snapshot,
    /// How many runs took our list.
    with_list: usize,
}

impl Rounds {
    /// The first backup is a full scan: there is no baseline yet.
    fn new(made: &[Edit]) -> Self {
        let place = Place::new(made);
        let mut job = Job::new([place.root()]);
        let baseline = place.snap(Boundary::Settled);
        assert!(job.backup(&Options::none()).is_empty());
        Self { place, job, baseline, with_list: 0 }
    }

    /// What is printed for Duplicati, or why it is to scan by itself.
    fn list(&self, now: &Snapshot, with_database: bool) -> Result<Vec<u8>, Error> {
        let file = self.place.beside("job.sqlite");
        database::write(&self.job, &file);
        let diff = Diff::new(&self.baseline, now, &options(false)).expect("two snapshots of one tree");
        let mut out = Vec::new();
        let database = if with_database { DatabaseChoice::File(file) } else { DatabaseChoice::Without };
        let result = Duplicati.write(&diff, &ListOptions::default().with_database(database), &mut out);
        assert!(result.is_ok() || out.is_empty(), "a refusal comes before the list");
        result.map(|_| out)
    }

    /// Whether there is a reason to refuse: no regular file, or a name in either tree that cannot be said.
    fn may_refuse(&self) -> bool {
        let now = read(self.place.root());
        let mut paths = entries(&self.baseline).into_iter().map(|e| e.path).chain(now.keys().cloned());
        // Names that are not UTF-8 are left out: Duplicati cannot store them.
        let is_sayable = |path: &[u8]| std::str::from_utf8(path).is_ok_and(|text| !text.contains([':', '\n', '\r']));
        let is_storable = |path: &[u8]| std::str::from_utf8(path).is_ok();
        let has_file = now.iter().any(|(path, stat)| stat.kind() == Kind::File && is_storable(path));
        !has_file || !paths.all(|path| is_sayable(&path) || !is_storable(&path))
    }

    /// Edits, a scan, a list, more edits while Duplicati runs, a backup; the baseline moves, since every run
    /// succeeds. Returns the warnings.
    fn round(&mut self, round: &Round, with_database: bool) -> Result<Vec<String>, TestCaseError> {
        self.place.tree.edit(&round.edits);
        // A young scan makes the next list name everything: seldom, or nothing would be carried over.
        let now = self.place.snap(if round.young { Boundary::Now } else { Boundary::Settled });
        let lists = match self.list(&now, with_database) {
            Ok(out) => {
                let lists = Options::parse(&out);
                prop_assert!(!lists.changed.is_empty(), "an empty list is a full scan: then nothing is printed");
                let changed: BTreeSet<_> = lists.changed.iter().collect();
                let deleted: BTreeSet<_> = lists.deleted.iter().collect();
                prop_assert_eq!(changed.len(), lists.changed.len(), "listed twice");
                prop_assert_eq!(deleted.len(), lists.deleted.len(), "deleted twice");
                prop_assert!(changed.is_disjoint(&deleted), "in both lists: {:?}", lists);
                self.with_list += 1;
                lists
            }
            Err(Error::Refused { refusal, .. }) => {
                prop_assert!(self.may_refuse(), "refused: {}", refusal);
                Options::none()
            }
            Err(e) => return Err(TestCaseError::fail(e.to_string())),
        };
        self.place.tree.edit(&round.meanwhile);
        self.baseline = now;
        Ok(self.job.backup(&lists))
    }
}

/// One round of edits.
#[derive(Debug, Clone, Default)]
struct Round {
    edits: Vec<Edit>,
    meanwhile: Vec<Edit>,
    young: bool,
}

fn rounds(name: &BoxedStrategy<Vec<u8>>, meanwhile: usize) -> impl Strategy<Value = Vec<Round>> {
    let round =
        (changing(name.clone(), true, 6), changing(name.clone(), true, meanwhile + 1), proptest::bool::weighted(0.1));
    let round = round.prop_map(|(edits, meanwhile, young)| Round { edits, meanwhile, young });
    proptest::collection::vec(round, 5..9)
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn every_version_is_the_tree(made in making(sayable_name(), true), rounds in rounds(&sayable_name(), 0)) {
        let mut state = Rounds::new(&made);
        for (number, round) in rounds.iter().enumerate() {
            prop_assert_eq!(state.round(round, true)?, Vec::<String>::new(), "in round {}", number + 1);
            prop_assert_eq!(state.job.mistakes(), Vec::<String>::new(), "in round {}", number + 1);
        }
    }

    #[test]
    fn with_names_that_cannot_be_said_every_version_is_the_tree_too(
        made in making(any_name(), true), rounds in rounds(&any_name(), 0),
    ) {
        let mut state = Rounds::new(&made);
        for round in &rounds {
            prop_assert_eq!(state.round(round, true)?, Vec::<String>::new());
            prop_assert_eq!(state.job.mistakes(), Vec::<String>::new());
        }
    }

    #[test]
    fn what_changes_while_duplicati_runs_is_in_the_next_version(
        made in making(sayable_name(), true), rounds in rounds(&sayable_name(), 3),
    ) {
        let mut state = Rounds::new(&made);
        for round in &rounds {
            state.round(round, true)?;
            if round.meanwhile.is_empty() {
                prop_assert_eq!(state.job.mistakes(), Vec::<String>::new());
            }
        }
        state.round(&Round::default(), true)?;
        prop_assert_eq!(state.job.mistakes(), Vec::<String>::new());
    }
}

#[test]
fn without_the_database_a_file_with_two_versions_flips() {
    let mut state = Rounds::new(&[]);
    let write = |state: &Rounds, name: &str, content: &str| {
        std::fs::write(state.place.root().join(name), content).unwrap();
    };
    for content in ["first", "second"] {
        write(&state, "u", content);
        write(&state, "m", content);
        assert_eq!(state.round(&Round::default(), false).unwrap(), [""; 0]);
        assert!(state.job.mistakes().is_empty());
    }
    let root = state.place.root().display().to_string();
    // Only `m` changes. Nobody says that `u` has two versions, so that Duplicati puts the first into the backup.
    write(&state, "m", "third");
    assert_eq!(state.round(&Round::default(), false).unwrap(), [""; 0]);
    assert_eq!(state.job.mistakes(), [format!("not as it is now: {root}/u")]);
    // With the database it is listed, and the version is right again.
    write(&state, "m", "fourth");
    assert_eq!(state.round(&Round::default(), true).unwrap(), [""; 0]);
    assert_eq!(state.job.mistakes(), Vec::<String>::new());
    assert_eq!(state.with_list, 4, "each of these runs had a list");
}
