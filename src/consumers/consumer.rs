//! What every backup program and every form of a list must say about itself. One file implements it for one program.

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;

use super::forms::TextOptions;
use super::names::ListPass;
use super::{CommandCheck, CommandLine, Emitted, ListPart, PathStyle, refuse};
use crate::diff::Diff;
use crate::metadata::Fields;
use crate::{Error, Refusal, Result, System};

/// A backup program, or a form of the list for people or scripts: who takes a list, and what is true of it.
///
/// The methods without a body are what each consumer must say. The others begin with what is usual.
pub trait Consumer: fmt::Debug + Sync {
    /// Its name on the command line and in the definition of a job: lower case, no blanks.
    fn name(&self) -> &'static str;

    /// Its name in a sentence.
    fn title(&self) -> &'static str {
        self.name()
    }

    /// What its list is, or what to know about it: one line of help.
    fn about(&self) -> &'static str;

    /// The command that takes the whole list. `LIST`, `ROOT` and `DEST` stand for what the user writes there. None for
    /// a form that no command belongs to.
    fn command(&self) -> Option<&'static str> {
        None
    }

    /// The command of a job, with placeholders. `destination` is what the user wrote, safe for a shell. None for a form
    /// that no command belongs to.
    fn job_command(&self, destination: Option<&str>) -> Option<String> {
        let command = self.command()?.replace("LIST", self.usual_part().placeholder());
        let command = command.replace("ROOT", ListPart::ROOT_PLACEHOLDER);
        Some(match destination {
            Some(destination) => command.replace("DEST/", "DEST").replace("DEST", destination),
            None => command,
        })
    }

    /// The parts of its list that a command can take as files, the usual one among them.
    fn parts(&self) -> &'static [ListPart];

    /// The part that is written if none is asked for.
    fn usual_part(&self) -> ListPart;

    /// Whether each part is a list by itself, which may be asked for alone.
    fn has_separate_parts(&self) -> bool {
        true
    }

    /// Why it gets no list on a kind of system, if that is so.
    fn why_not_on(&self, _system: System) -> Option<&'static str> {
        None
    }

    /// Why it has no list of the other parts, for the error about one.
    fn why_no_other_part(&self) -> &'static str {
        "it does not delete"
    }

    /// Whether a rename stands in its list as one. Otherwise it is a removal and an addition.
    fn knows_renames(&self) -> bool {
        false
    }

    /// The fields of an entry that it can store. What provably changed in no other is not listed.
    fn stored_fields(&self) -> Fields {
        Fields::all()
    }

    /// Whether people read its list, so that it may have colours and a summary.
    fn is_for_people(&self) -> bool {
        false
    }

    /// What its paths are relative to.
    fn paths(&self) -> PathChoice;

    /// Whether names may end with a newline or with NUL, as the user likes.
    fn has_nul_choice(&self) -> bool {
        false
    }

    /// Whether it keeps a database that its list must be checked against: see [`ListOptions::database`].
    fn needs_database(&self) -> bool {
        false
    }

    /// Whether it starts its backups by itself, and a hook of this program gives it its lists.
    fn has_hook(&self) -> bool {
        false
    }

    /// The exit codes that mean success.
    fn success_codes(&self) -> &'static [i32] {
        &[0]
    }

    /// What it makes of a list without entries.
    fn empty_list(&self) -> EmptyList {
        EmptyList::Harmless
    }

    /// What it makes of two names that its destination may take for one.
    fn colliding_names(&self) -> CollidingNames {
        CollidingNames::Unknown
    }

    /// What a full list, one that names everything there is, means to it. `roots` are those of the job.
    fn full_list(&self, _roots: &[PathBuf]) -> FullList {
        FullList::Complete
    }

    /// What can be said of a command that is to take its list, before anything is read.
    fn check_command(&self, command: &CommandLine<'_>) -> CommandCheck {
        super::command::check_form(command)
    }

    /// How many regular files it stored, if a line of its output says that: see [`CommandCheck::counts`]. A count may
    /// be too high, never too low.
    fn stored_files(&self, _line: &[u8]) -> Option<u64> {
        None
    }

    /// Writes a part of the list.
    ///
    /// # Errors
    /// [`Error::Refused`] for what its list cannot express, and [`Error::NothingToList`]: both before the first write.
    /// A damaged snapshot; what writing gives.
    fn write(&self, diff: &Diff<'_>, options: &ListOptions, out: &mut dyn Write) -> Result<Emitted>;

    /// Writes several parts, each to its own place.
    ///
    /// # Errors
    /// As [`write`](Self::write). [`Error::NothingToList`] only if no part has an entry.
    fn write_parts(&self, diff: &Diff<'_>, options: &ListOptions, parts: &mut [PartOutput<'_>]) -> Result<Emitted> {
        let mut all = Emitted::default();
        let mut nothing = None;
        let mut is_empty = true;
        for PartOutput { part, out } in parts {
            let mut out = Watched { out, has_written: false };
            match self.write(diff, &options.clone().with_part(*part), &mut out) {
                Err(error @ Error::NothingToList { .. }) => nothing = Some(error),
                written => {
                    let written = written?;
                    all.summary = written.summary;
                    all.files = written.files.or(all.files);
                    all.notes
                        .extend(written.notes.into_iter().filter(|note| !all.notes.contains(note)).collect::<Vec<_>>());
                }
            }
            is_empty &= !out.has_written;
        }
        match nothing {
            Some(Error::NothingToList { misread, .. }) if !is_empty => {
                Err(refuse(self.name(), Refusal::OnlyRemovals { misread }))
            }
            Some(nothing) => Err(nothing),
            None => Ok(all),
        }
    }
}

/// Where a part of a list goes.
pub struct PartOutput<'o> {
    /// The part.
    pub part: ListPart,
    /// Its place.
    pub out: &'o mut dyn Write,
}

impl fmt::Debug for PartOutput<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartOutput").field("part", &self.part).finish_non_exhaustive()
    }
}

/// Notices whether anything is written.
struct Watched<'o> {
    out: &'o mut dyn Write,
    has_written: bool,
}

impl Write for Watched<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.has_written |= !bytes.is_empty();
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// How to write a list. The default is the usual form of the consumer.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ListOptions {
    /// The part; none for the usual one.
    pub part: Option<ListPart>,
    /// End names with NUL, if the consumer leaves the choice.
    pub nul: bool,
    /// How paths are written, if the consumer leaves the choice.
    pub style: PathStyle,
    /// How the list for people looks.
    pub text: TextOptions,
    /// The database of a consumer that needs one.
    pub database: DatabaseChoice,
    /// Which entries of the list are written, for a consumer that [needs two passes](CollidingNames::TwoPasses).
    pub pass: ListPass,
}

impl ListOptions {
    /// The same for one part.
    #[must_use]
    pub fn with_part(mut self, part: ListPart) -> Self {
        self.part = Some(part);
        self
    }

    /// The same with names that NUL ends.
    #[must_use]
    pub fn with_nul(mut self, nul: bool) -> Self {
        self.nul = nul;
        self
    }

    /// The same with paths in another style.
    #[must_use]
    pub fn with_style(mut self, style: PathStyle) -> Self {
        self.style = style;
        self
    }

    /// The same with another look of the list for people.
    #[must_use]
    pub fn with_text(mut self, text: TextOptions) -> Self {
        self.text = text;
        self
    }

    /// The same for one of two passes.
    #[must_use]
    pub fn with_pass(mut self, pass: ListPass) -> Self {
        self.pass = pass;
        self
    }

    /// The same with the database of the consumer.
    #[must_use]
    pub fn with_database(mut self, database: DatabaseChoice) -> Self {
        self.database = database;
        self
    }
}

/// The database that a consumer keeps of its own backups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum DatabaseChoice {
    /// It was not given: a consumer that needs one refuses its list.
    #[default]
    NotGiven,
    /// Do without it, and take the risk.
    Without,
    /// This file.
    File(PathBuf),
}

/// What the paths of a list are relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathChoice {
    /// To what the user chooses: see [`ListOptions::style`].
    Any,
    /// To nothing: they are absolute.
    Absolute,
    /// To the root; to `/` if there are several.
    Relative,
}

/// What a consumer makes of a list without entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EmptyList {
    /// It does nothing, or nothing that harms.
    Harmless,
    /// It does something with it: what. It gets no empty list.
    Misread(&'static str),
}

/// What a consumer makes of two names that its destination may take for one, such as `a` and `A`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CollidingNames {
    /// It stores the names in a place of its own, where each is another.
    Kept,
    /// It writes files of these names, and deletes what is gone. Its command runs in two passes if something that is
    /// gone and something that is there may be one: see [`ListPass`].
    TwoPasses,
    /// Nothing is known of it.
    Unknown,
}

/// What a full list means to a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FullList {
    /// It holds all that the consumer needs.
    Complete,
    /// It is not written: without a list the consumer looks at everything by itself.
    NotWritten,
    /// It does not name what was deleted. This command makes up for that, once, without a list.
    Mirror(MirrorCommand),
    /// It does not name what was deleted: an archive made of it must be unpacked into an empty directory.
    Unpack,
}

/// A command that makes a destination equal to the roots without a list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MirrorCommand {
    /// The program and its options, safe for a shell as they are.
    pub program: &'static str,
    /// What it reads. If this is empty, the user runs the command once for each root.
    pub sources: Vec<PathBuf>,
    /// What follows the sources: `DEST` stands for the destination.
    pub destination: &'static str,
    /// Its option that leaves out what the job leaves out.
    pub exclude_option: &'static str,
}
