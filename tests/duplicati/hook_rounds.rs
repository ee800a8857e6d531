//! Round after round of random edits and random ends of Duplicati's runs: after each that went well, the newest version
//! is the tree, whatever became of those before.

use proptest::prelude::*;
use proptest::test_runner::Config;

use super::hook::{Ending, Hooked};
use super::options::Options;
use crate::properties::cases;
use crate::properties::edits::{Edit, Tree, changing, making};
use crate::properties::names::{any_name, sayable_name};
use crate::testenv::TestEnv;

/// What happens besides the edits.
#[derive(Debug, Clone, Copy)]
enum Happening {
    Nothing,
    /// A version is deleted: the newest, or the oldest.
    Deleted(bool),
    /// A run that did not ask the hook.
    Unasked(Ending),
    /// The filters change and change back.
    Filtered,
}

#[derive(Debug, Clone)]
struct Round {
    edits: Vec<Edit>,
    meanwhile: Vec<Edit>,
    happening: Happening,
    ending: Ending,
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        8 => Just(Ending::Success),
        2 => Just(Ending::Warning),
        1 => Just(Ending::Error),
        1 => Just(Ending::Fatal),
        1 => Just(Ending::Partial),
        1 => Just(Ending::DryRun),
        1 => Just(Ending::Killed),
        1 => Just(Ending::KilledLate),
        1 => Just(Ending::Nothing),
        1 => Just(Ending::Missing),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        12 => Just(Happening::Nothing),
        1 => any::<bool>().prop_map(Happening::Deleted),
        1 => ending().prop_map(Happening::Unasked),
        1 => Just(Happening::Filtered),
    ]
}

fn rounds(name: &BoxedStrategy<Vec<u8>>) -> impl Strategy<Value = Vec<Round>> {
    let meanwhile = prop_oneof![3 => Just(Vec::new()), 1 => changing(name.clone(), true, 3)];
    let round = (changing(name.clone(), true, 5), meanwhile, happening(), ending());
    let round = round.prop_map(|(edits, meanwhile, happening, ending)| Round { edits, meanwhile, happening, ending });
    proptest::collection::vec(round, 6..12)
}

/// How often there was a list.
fn go(made: &[Edit], rounds: &[Round]) -> Result<usize, TestCaseError> {
    let env = TestEnv::new();
    let root = env.path("tree");
    let mut tree = Tree::new(root.clone());
    tree.edit(made);
    let mut hooked = Hooked::of(env, root, &[]);
    let mut lists = 0;
    // The last ones go well, and nothing else happens in them.
    let last =
        Round { edits: Vec::new(), meanwhile: Vec::new(), happening: Happening::Nothing, ending: Ending::Success };
    for (number, round) in rounds.iter().chain([&last, &last]).enumerate() {
        tree.edit(&round.edits);
        match round.happening {
            Happening::Deleted(newest) if !hooked.job.versions.is_empty() => {
                let number = if newest { hooked.job.versions.len() - 1 } else { 0 };
                hooked.delete_version(number);
            }
            Happening::Unasked(ending) => drop(hooked.run(&Options::none(), ending)),
            Happening::Filtered => {
                hooked.variables.insert("filter", "-*.none".into());
            }
            _ => {}
        }
        if round.ending == Ending::DryRun {
            hooked.variables.insert("dry_run", "true".into());
        }
        let told = hooked.before();
        hooked.variables.remove("filter");
        hooked.variables.remove("dry_run");
        prop_assert_eq!(told.code, 0);
        lists += usize::from(!told.options.changed.is_empty());
        tree.edit(&round.meanwhile);
        let warnings = hooked.run(&told.options, round.ending);
        if round.ending == Ending::Success && round.meanwhile.is_empty() {
            prop_assert!(warnings.is_empty(), "in round {}: {:?}", number + 1, warnings);
            // What a full scan overlooks is right after the next run.
            let is_scan = told.options.changed.is_empty() && number <= rounds.len();
            let mistakes = if is_scan { hooked.mistakes() } else { hooked.job.mistakes() };
            prop_assert!(mistakes.is_empty(), "in round {}: {:?}, after {:?}", number + 1, mistakes, told.log);
        }
    }
    Ok(lists)
}

proptest! {
    // A case starts some twenty processes, and each call of the hook waits for the turn of a second.
    #![proptest_config(Config { max_shrink_iters: 60, ..cases(5) })]

    #[test]
    fn every_run_that_goes_well_leaves_the_tree(
        made in making(sayable_name(), true),
        rounds in rounds(&sayable_name()),
    ) {
        go(&made, &rounds)?;
    }

    #[test]
    fn with_names_that_cannot_be_said_too(made in making(any_name(), true), rounds in rounds(&any_name())) {
        go(&made, &rounds)?;
    }
}

#[test]
fn in_calm_rounds_there_is_a_list_each_time() {
    let mut hooked = Hooked::new();
    hooked.write("a", "first");
    hooked.round().refused();
    for content in ["second", "third", "fourth", "fourth"] {
        hooked.write("a", content);
        hooked.round().listed();
    }
}
