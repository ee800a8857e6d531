//! Patterns, ready to be asked: the last that matches decides, and each notes that it matched something.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};

use globset::{Candidate, GlobSet};

use super::glob::TranslatedPattern;

/// More globs than these in one set only make its automaton slow.
const MOST_IN_A_SET: usize = 4096;

/// Compiled patterns.
#[derive(Debug)]
pub(super) struct Matcher {
    /// Each with the number of its first pattern. One set takes only so many: its automaton has a limit.
    sets: Vec<(usize, GlobSet)>,
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    negated: bool,
    only_dirs: bool,
    /// Whether it matched anything that was asked about.
    has_matched: AtomicBool,
}

thread_local! {
    /// The numbers of the globs that match, for one question at a time.
    static FOUND: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

impl Matcher {
    /// For patterns in order.
    ///
    /// # Errors
    /// The number of a pattern that cannot be compiled, and why.
    pub(super) fn new(patterns: Vec<TranslatedPattern>) -> Result<Self, (usize, String)> {
        let mut sets = Vec::new();
        let mut rules = Vec::with_capacity(patterns.len());
        let mut globs = Vec::with_capacity(patterns.len());
        for TranslatedPattern { glob, negated, only_dirs } in patterns {
            rules.push(Rule { negated, only_dirs, has_matched: AtomicBool::new(false) });
            globs.push(glob);
        }
        for (number, piece) in globs.chunks(MOST_IN_A_SET).enumerate() {
            add_sets(piece, number * MOST_IN_A_SET, &mut sets)?;
        }
        Ok(Self { sets, rules })
    }

    /// Whether the patterns leave out the entry at a path relative to its root, whose parents are not left out.
    pub(super) fn leaves_out(&self, path: &[u8], is_dir: bool) -> bool {
        let decides = self.decides(path, is_dir, |rule| {
            // Other threads read the same line of memory: it is written once.
            if !rule.has_matched.load(Ordering::Relaxed) {
                rule.has_matched.store(true, Ordering::Relaxed);
            }
        });
        decides.is_some_and(|number| !self.rules[number].negated)
    }

    /// The number of the pattern that leaves out a directory, none if it is kept. Notes nothing.
    pub(super) fn leaves_out_dir(&self, path: &str) -> Option<usize> {
        self.decides(path.as_bytes(), true, |_| {}).filter(|number| !self.rules[*number].negated)
    }

    /// The number of the last pattern that matches; each that does is passed on.
    fn decides(&self, path: &[u8], is_dir: bool, matched: impl Fn(&Rule)) -> Option<usize> {
        let candidate = Candidate::from_bytes(path);
        FOUND.with_borrow_mut(|found| {
            let mut last = None;
            for (first, set) in self.sets.iter().rev() {
                set.matches_candidate_into(&candidate, found);
                for number in found.iter().rev().map(|place| first + place) {
                    let rule = &self.rules[number];
                    if is_dir || !rule.only_dirs {
                        matched(rule);
                        last = last.or(Some(number));
                    }
                }
            }
            last
        })
    }

    /// Whether a pattern brings back.
    pub(super) fn is_negated(&self, number: usize) -> bool {
        self.rules[number].negated
    }

    /// The numbers of the patterns that matched nothing so far.
    pub(super) fn unmatched(&self) -> impl Iterator<Item = usize> {
        self.rules.iter().enumerate().filter(|(_, rule)| !rule.has_matched.load(Ordering::Relaxed)).map(|(n, _)| n)
    }
}

/// Compiles globs into one set, or into several if they are too much for one.
fn add_sets(globs: &[globset::Glob], first: usize, sets: &mut Vec<(usize, GlobSet)>) -> Result<(), (usize, String)> {
    match GlobSet::new(globs) {
        Ok(set) => sets.push((first, set)),
        Err(_) if globs.len() > 1 => {
            let (low, high) = globs.split_at(globs.len() / 2);
            add_sets(low, first, sets)?;
            add_sets(high, first + low.len(), sets)?;
        }
        Err(e) => return Err((first, e.kind().to_string())),
    }
    Ok(())
}
