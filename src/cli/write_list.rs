//! Writes the list of a diff to its destination.

use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use fastdiff::consumers::Emitted;
use fastdiff::{Diff, Error};

use super::format::Form;
use super::output::Output;
use super::{Failure, output_failure, passes, print_message, signals};

/// Writes a list, and prints its notes.
pub(super) fn write_list(diff: &Diff<'_>, form: Form, destination: &PathBuf) -> Result<Emitted, Failure> {
    let output = Output::open(Some(destination))?;
    write_list_to(diff, form, output, destination)
}

/// The same for a destination that was opened before.
pub(super) fn write_list_to(
    diff: &Diff<'_>,
    mut form: Form,
    mut output: Output,
    destination: &Path,
) -> Result<Emitted, Failure> {
    let for_people = form.format.is_for_people();
    if !for_people {
        output = output.harmless_on_terminals();
    }
    if !output.is_standard() {
        signals::catch();
    }
    let is_standard = output.is_standard();
    form.options.text.color = is_standard && for_people && colored();
    let mut checked = Checked { diff, out: output.writer(), piece: Vec::with_capacity(PIECE), broken: None };
    let emitted = form.write(diff, &mut checked).and_then(|emitted| match checked.flush() {
        Ok(()) => Ok(emitted),
        Err(source) => Err(Error::WriteList(source)),
    });
    let emitted = emitted.map_err(|e| checked.broken.take().unwrap_or(e)).map_err(|e| match e {
        Error::WriteList(io) if is_standard => output_failure(&io, for_people),
        other => Failure::Library(about(other, destination)),
    })?;
    output.finish(for_people)?;
    for note in &emitted.notes {
        print_message("note", note);
    }
    passes::tell_of_order(diff, &form)?;
    Ok(emitted)
}

/// Passes a list on in pieces. Before each piece it checks that the snapshots did not change: what has gone into a
/// pipe cannot be taken back.
struct Checked<'o, 'd, 's> {
    diff: &'d Diff<'s>,
    out: &'o mut dyn Write,
    piece: Vec<u8>,
    /// Why it was not passed on.
    broken: Option<Error>,
}

/// In bytes. A list of a usual size is one piece.
const PIECE: usize = 1 << 16;

impl Write for Checked<'_, '_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.piece.len() + bytes.len() > PIECE {
            self.flush()?;
        }
        self.piece.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Err(error) = self.diff.check_unchanged() {
            self.broken = Some(error);
            return Err(io::Error::other("a snapshot was changed"));
        }
        self.out.write_all(&self.piece)?;
        self.piece.clear();
        self.out.flush()
    }
}

/// Says where a changed inode alone does not count.
pub(super) fn tell_of_renumbered(diff: &Diff<'_>) {
    for device in diff.renumbered() {
        print_message(
            "warning",
            format_args!(
                "{} gave its entries other inode numbers than before: there, a changed inode alone is not listed, and renames are not found",
                device.identity.escape_debug()
            ),
        );
    }
}

/// Names the destination in the error of a failed write.
pub(super) fn about(error: Error, destination: &Path) -> Error {
    match error {
        Error::WriteList(source) => Error::Io { operation: "write", path: destination.to_owned(), source },
        other => other,
    }
}

/// Whether standard output takes colours: it is a terminal, and colours are not turned off.
fn colored() -> bool {
    io::stdout().is_terminal() && anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
}
