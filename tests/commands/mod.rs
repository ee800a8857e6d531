//! The commands as their user meets them, on real trees.

mod bad_input;
mod closed_pipe;
mod damage;
mod diff_changes;
mod diff_formats;
mod diff_guards;
mod diff_output;
mod diff_parts;
mod diff_racy;
mod diff_renames;
mod faults;
mod info_verify;
mod layers;
mod show;
mod snap_base;
mod snap_big;
mod snap_entries;
mod snap_filter;
mod snap_filter_git;
mod snap_hints;
mod snap_interrupt;
mod snap_mounts;
mod snap_output;
mod snap_roots;
mod terminal;
mod unreadable;
