//! Duplicati's side of a change list: a small model of its rules, in our own words, and whether our lists
//! lead it from its last version to one that equals the tree.
//!
//! "consumers" in a comment is the Duplicati part of the project's notes on consumers, which were read from
//! Duplicati's source and seen by running it; where a rule stands in the source alone, the comment says so.

mod backup;
mod database;
mod guide;
mod hook;
mod hook_calls;
mod hook_gates;
mod hook_install;
mod hook_names;
mod hook_obstacles;
mod hook_rounds;
mod hook_silent;
mod hook_words;
mod job;
mod lists;
mod options;
mod outcome;
mod records;
mod refusals;
mod rounds;
mod rules;
mod tree;
