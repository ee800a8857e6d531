//! What the fuzz targets do with their bytes. tests/attacks/fuzzed.rs replays the corpus and every case that
//! was ever found through the same functions, so that none of them fails again.

use std::io::Write as _;
use std::path::Path;

use fastdiff::consumers::duplicati::Duplicati;
use fastdiff::consumers::{
    Consumer as _, DatabaseChoice, Json, ListOptions, NameStatus, PathStyle, Paths, Text, TextOptions, entry_json,
};
use fastdiff::{Diff, DiffOptions, Error, Result, Snapshot};

/// The lengths of the header, of the part that its digest covers, and of what a directory's digest covers of a
/// child directory: digest, subtree, flags. FORMAT.md has them all.
const HEADER: usize = 272;
const COVERED: usize = HEADER - 16;
const CHILD_ROW: usize = 21;

/// A whole snapshot to compare with.
const WHOLE: &[u8] = include_bytes!("whole.snap");

/// The bytes as they are.
pub(crate) fn open(data: &[u8]) {
    read(data);
}

/// The bytes with every digest made to fit, and the sections where the header says that they are.
pub(crate) fn consistent(data: &[u8]) {
    if let Some(repaired) = repaired(data) {
        read(&repaired);
    }
}

/// Reads a file of these bytes in every way there is. Any answer will do, but it must be one.
fn read(data: &[u8]) {
    let place = if Path::new("/dev/shm").is_dir() { "/dev/shm".into() } else { std::env::temp_dir() };
    let file = |bytes: &[u8]| {
        let mut file = tempfile::NamedTempFile::new_in(&place).expect("a temporary file");
        file.write_all(bytes).expect("room for it");
        file
    };
    let file_of_data = file(data);
    let Ok(snapshot) = Snapshot::open(file_of_data.path()) else { return };
    let verified = snapshot.verify();
    let entries: Result<Vec<_>> = snapshot.entries().collect();
    if let Ok(verified) = &verified {
        let entries = entries.as_ref().expect("what verify passes can be read");
        assert_eq!(entries.len() as u64, verified.entries, "verify counts what is there");
        for entry in entries.iter().take(100) {
            assert!(snapshot.find(&entry.path).is_ok(), "what verify passes can be searched");
        }
    }
    for entry in entries.iter().flatten() {
        std::hint::black_box(entry_json(entry, snapshot.header().system));
    }
    if let Ok(Some(below)) = snapshot.entries_below(b"/tmp/fastdiff-corpus/tree") {
        below.for_each(drop);
    }

    let file_of_whole = file(WHOLE);
    let whole = Snapshot::open(file_of_whole.path()).expect("a whole snapshot");
    for (old, new) in [(&snapshot, &whole), (&whole, &snapshot), (&snapshot, &snapshot)] {
        for (renames, allow_root_change) in [(true, true), (false, false)] {
            let mut options = DiffOptions::default();
            (options.renames, options.allow_root_change) = (renames, allow_root_change);
            let listed = compared(old, new, &options);
            if let Err(Error::Snapshot { problem, .. }) = listed {
                assert!(verified.is_err(), "verify overlooks what the list of changes finds: {problem}");
            }
        }
    }
}

/// Makes a list of changes in every form.
fn compared(old: &Snapshot, new: &Snapshot, options: &DiffOptions) -> Result<()> {
    let diff = Diff::new(old, new, options)?;
    let out = &mut std::io::sink();
    let (plain, nul) = (ListOptions::default(), ListOptions::default().with_nul(true));
    let mut text = TextOptions::default();
    (text.color, text.suspects) = (true, true);
    Json.write(&diff, &plain, out)?;
    Text.write(&diff, &plain.clone().with_text(text), out)?;
    NameStatus.write(&diff, &nul, out)?;
    // These may refuse a name; what they do before counts.
    for refused in [
        NameStatus.write(&diff, &plain, out),
        Paths.write(&diff, &plain, out),
        Duplicati.write(&diff, &plain.clone().with_database(DatabaseChoice::Without), out),
    ] {
        if let Err(error @ Error::Snapshot { .. }) = refused {
            return Err(error);
        }
    }
    if let Ok(style) = PathStyle::relative(&diff) {
        Paths.write(&diff, &nul.with_style(style), out)?;
    }
    Ok(())
}

fn number<const N: usize>(data: &[u8], at: usize) -> Option<[u8; N]> {
    data.get(at..)?.first_chunk().copied()
}

fn u64_at(data: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u64::from_le_bytes(number(data, at)?)).ok()
}

/// The digest of bytes in the order in which a snapshot holds it.
fn digest(bytes: &[u8]) -> [u8; 16] {
    let mut digest = xxhash_rust::xxh3::xxh3_128(bytes).to_le_bytes();
    digest.reverse();
    digest
}

/// One of the four vectors of the index, which ends with them: where it begins, and its length.
fn column(data: &[u8], index_end: usize, number: usize) -> Option<(usize, usize)> {
    let at = index_end.checked_sub(64)? + 16 * number;
    let offset = isize::try_from(i64::from_le_bytes(self::number(data, at)?)).ok()?;
    Some((at.checked_add_signed(offset)?, u64_at(data, at + 8)?))
}

/// Sets lengths, offsets and digests to what fits the rest; none if there is too little of it.
pub(crate) fn repaired(data: &[u8]) -> Option<Vec<u8>> {
    let mut data = data.to_vec();
    let len = data.len();
    // The sections stand at the end. So bytes can be added to the blocks and removed from them.
    let meta_at = len.checked_sub(u64_at(&data, 48)?)?;
    let index_at = meta_at.checked_sub(u64_at(&data, 32)?).filter(|at| *at >= HEADER)?;
    data[..16].copy_from_slice(&WHOLE[..16]);
    data[16..24].copy_from_slice(&(len as u64).to_le_bytes());
    data[24..32].copy_from_slice(&(index_at as u64).to_le_bytes());
    data[40..48].copy_from_slice(&(meta_at as u64).to_le_bytes());
    // The same scope, so that there is a list. With a mark in `hints_since` the scopes are compared.
    if data[176] == 0 {
        data[240..256].copy_from_slice(&WHOLE[240..256]);
    }
    let meta_digest = digest(&data[meta_at..]);
    data[224..240].copy_from_slice(&meta_digest);
    directories(&mut data, index_at, meta_at);
    let header_digest = digest(&data[..COVERED]);
    data[COVERED..HEADER].copy_from_slice(&header_digest);
    Some(data)
}

/// Sets the digest of each directory as far as the index can be read, and what the header says of the last.
fn directories(data: &mut [u8], index_at: usize, index_end: usize) -> Option<()> {
    let [ends, subtrees, flags, digests] = [0, 1, 2, 3].map(|number| column(data, index_end, number));
    let ((ends, _), (subtrees, _), (flags, _), (digests, rows)) = (ends?, subtrees?, flags?, digests?);
    let subtree = |data: &[u8], row: usize| -> Option<usize> {
        usize::try_from(u32::from_le_bytes(number(data, subtrees.checked_add(4 * row)?)?)).ok()
    };
    let mut start = HEADER;
    for row in 0..rows.min(data.len()) {
        let end = HEADER.checked_add(u64_at(data, ends.checked_add(8 * row)?)?)?;
        let mut covered = data.get(start..end.min(index_at)).unwrap_or_default().to_vec();
        start = end;
        let mut children = Vec::new();
        let first = (row + 1).checked_sub(subtree(data, row)?)?;
        let mut after = row;
        while after > first {
            let child = after - 1;
            let mut bytes = [0; CHILD_ROW];
            bytes[..16].copy_from_slice(&number::<16>(data, digests.checked_add(16 * child)?)?);
            bytes[16..20].copy_from_slice(&number::<4>(data, subtrees + 4 * child)?);
            bytes[20] = *data.get(flags.checked_add(child)?)?;
            children.push(bytes);
            after = (child + 1).checked_sub(subtree(data, child)?.max(1))?;
        }
        covered.extend(children.iter().rev().flatten());
        let at = digests.checked_add(16 * row)?;
        data.get_mut(at..at.checked_add(16)?)?.copy_from_slice(&digest(&covered));
    }
    let top = rows.checked_sub(1)?;
    data[56..60].copy_from_slice(&u32::try_from(rows).ok()?.to_le_bytes());
    data[60] = *data.get(flags.checked_add(top)?)?;
    let root_digest = number::<16>(data, digests.checked_add(16 * top)?)?;
    data[208..224].copy_from_slice(&root_digest);
    Some(())
}
