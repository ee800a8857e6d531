//! The forms of a list, and who writes each.

use std::io::Write;
use std::path::PathBuf;

use clap::ValueEnum;
use fastdiff::consumers::duplicati::{DuplicatiOptions, duplicati};
use fastdiff::consumers::{self, Emitted, ListPart, PathStyle, TextOptions};
use fastdiff::{Diff, Error, Refusal};

use super::Failure;
use super::job_lists::parts;

/// The form of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people, with a summary
    #[default]
    Text,
    /// A letter and a path a line
    NameStatus,
    /// One JSON object a line
    Json,
    /// The paths to look at: everything but what was removed or is unknown (of a renamed directory only
    /// itself, but for `diff --no-renames`)
    Paths,
    /// The options --changed-files and --deleted-files of Duplicati
    Duplicati,
    /// For rsync -aHI --modify-window=-1 --from0 --files-from=LIST --delete-missing-args --force ROOT/ DEST/
    Rsync,
    /// For rclone sync --files-from-raw LIST ROOT DEST (with -z for --files-from0); files only
    Rclone,
    /// For restic backup --files-from-raw LIST; its snapshot holds only what changed
    Restic,
    /// For borg create --paths-from-stdin --paths-delimiter '\0'; its archive holds only what changed
    Borg,
    /// For tar --create -C ROOT --no-recursion --null -T LIST; its archive holds only what changed
    Tar,
}

/// A part of the list for a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Part {
    /// What is to be read
    Changed,
    /// What is to be deleted
    Deleted,
    /// Both
    All,
}

impl Part {
    /// What stands for the file with it in the command of a job.
    pub(super) fn placeholder(self) -> &'static str {
        match self {
            Self::Changed => "{changed}",
            Self::Deleted => "{deleted}",
            Self::All => "{all}",
        }
    }

    /// The variable of the environment that names that file.
    pub(super) fn variable(self) -> &'static str {
        match self {
            Self::Changed => "FASTDIFF_CHANGED",
            Self::Deleted => "FASTDIFF_DELETED",
            Self::All => "FASTDIFF_ALL",
        }
    }
}

impl Format {
    /// Whether it is a list of paths for a program, of which there are parts.
    pub(super) fn has_parts(self) -> bool {
        matches!(self, Self::Rsync | Self::Rclone | Self::Restic | Self::Borg | Self::Tar)
    }

    /// Whether a rename stands in it as one.
    pub(super) fn knows_renames(self) -> bool {
        self != Self::Duplicati && !self.has_parts()
    }

    /// The part that the program takes.
    pub(super) fn usual_part(self) -> ListPart {
        if matches!(self, Self::Rsync | Self::Rclone) { ListPart::All } else { ListPart::Changed }
    }
}

impl From<Part> for ListPart {
    fn from(part: Part) -> Self {
        match part {
            Part::Changed => Self::Changed,
            Part::Deleted => Self::Deleted,
            Part::All => Self::All,
        }
    }
}

/// How a list is written.
pub(super) struct Form {
    pub(super) format: Format,
    pub(super) style: PathStyle,
    pub(super) nul: bool,
    pub(super) part: Option<Part>,
    pub(super) text: TextOptions,
    pub(super) duplicati_db: Option<PathBuf>,
}

impl Form {
    /// The usual one.
    pub(super) fn new(format: Format) -> Self {
        let (style, text) = (PathStyle::absolute(), TextOptions { color: false, suspects: false });
        Self { format, style, nul: false, part: None, text, duplicati_db: None }
    }

    /// Writes the list of a diff.
    pub(super) fn write(&self, diff: &Diff<'_>, out: &mut dyn Write) -> Result<Emitted, Error> {
        let part = self.part.map_or(self.format.usual_part(), ListPart::from);
        match self.format {
            Format::Text => consumers::text(diff, &self.style, self.text, out),
            Format::NameStatus => consumers::name_status(diff, &self.style, self.nul, out),
            Format::Json => consumers::json(diff, &self.style, out),
            Format::Paths => consumers::paths(diff, &self.style, self.nul, out),
            Format::Duplicati => {
                duplicati(diff, &DuplicatiOptions { database: self.database()?, ..Default::default() }, out)
            }
            Format::Rsync => consumers::rsync(diff, part, out),
            Format::Rclone => consumers::rclone(diff, part, self.nul, out),
            Format::Restic => consumers::restic(diff, part, out),
            Format::Borg => consumers::borg(diff, part, out),
            Format::Tar => consumers::tar(diff, part, out),
        }
    }

    fn database(&self) -> Result<Option<PathBuf>, Error> {
        match &self.duplicati_db {
            None => Err(Error::Refused { consumer: "duplicati", refusal: Refusal::NoDatabase }),
            Some(none) if none.as_os_str() == "none" => Ok(None),
            Some(file) => Ok(Some(file.clone())),
        }
    }
}

/// Refuses combinations that would be ignored or misread.
pub(super) fn check_form(format: Format, nul: bool, part: Option<Part>, relative: bool) -> Result<(), Failure> {
    let usage = |message: &str| Err(Failure::Other(message.to_owned()));
    if nul && !matches!(format, Format::NameStatus | Format::Paths | Format::Rclone) {
        return usage(
            "-z is for --emit name-status, paths and rclone only; restic, borg, rsync and tar always get NUL",
        );
    }
    if part.is_some() && !format.has_parts() {
        return usage("--list is for --emit rsync, rclone, restic, borg and tar only");
    }
    if let Some(part) = part.filter(|part| !parts(format).contains(part)) {
        return Err(Failure::Other(format!(
            "--emit {} has no --list {}: {}",
            format.name(),
            format!("{part:?}").to_lowercase(),
            if format == Format::Tar {
                "one is for tar --files-from, the other for what unpacks it; name one of both"
            } else {
                "it knows no deletions; leave --list out"
            }
        )));
    }
    if relative && (format == Format::Duplicati || format.has_parts()) {
        return usage(
            "--emit duplicati, restic and borg write absolute paths, rsync, rclone and tar relative ones; leave --relative out",
        );
    }
    Ok(())
}
