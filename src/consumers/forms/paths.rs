//! `paths`: what to look at, for programs that take a list of names.

use std::io::Write;

use super::super::{Consumer, Emitted, ListOptions, ListPart, PathChoice, for_each_change, put, refuse, written};
use crate::diff::{ChangeKind, Diff};
use crate::path::to_path;
use crate::{Refusal, Result};

/// The paths to look at.
#[derive(Debug, Clone, Copy)]
pub struct Paths;

impl Consumer for Paths {
    fn name(&self) -> &'static str {
        "paths"
    }

    fn about(&self) -> &'static str {
        "The paths to look at: all but what was removed or is unknown; of a renamed directory only the directory, unless renames are \
         left out"
    }

    fn parts(&self) -> &'static [ListPart] {
        &[ListPart::Changed]
    }

    fn usual_part(&self) -> ListPart {
        ListPart::Changed
    }

    fn has_separate_parts(&self) -> bool {
        false
    }

    fn knows_renames(&self) -> bool {
        true
    }

    fn paths(&self) -> PathChoice {
        PathChoice::Any
    }

    fn has_nul_choice(&self) -> bool {
        true
    }

    /// Writes each path once: the new one of what was renamed. Refuses a name with a newline, unless NUL ends names.
    fn write(&self, diff: &Diff<'_>, options: &ListOptions, out: &mut dyn Write) -> Result<Emitted> {
        if !options.nul {
            check_newlines(self, diff)?;
        }
        let end = if options.nul { 0 } else { b'\n' };
        let style = options.style.of(diff);
        let mut last = Vec::new();
        let emitted = for_each_change(diff, |change| {
            // A renamed and edited entry comes twice in a row.
            if is_wanted(change.kind) && change.path != last {
                put(out, &style.shown(&change.path), end)?;
                last.clone_from(&change.path);
            }
            Ok(())
        })?;
        written(out.flush())?;
        Ok(emitted)
    }
}

fn is_wanted(kind: ChangeKind) -> bool {
    !matches!(kind, ChangeKind::Removed | ChangeKind::Unknown)
}

fn check_newlines(consumer: &dyn Consumer, diff: &Diff<'_>) -> Result<()> {
    for change in diff.changes() {
        let change = change?;
        if is_wanted(change.kind) && change.path.contains(&b'\n') {
            return Err(refuse(consumer.name(), Refusal::Newline(to_path(&change.path).into_owned())));
        }
    }
    Ok(())
}
