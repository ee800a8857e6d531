//! `fastdiff info`: roots, filters, times, counts and sizes of a snapshot.

use std::fmt::Write as _;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fastdiff::consumers::rfc3339;
use fastdiff::path::{PathExt as _, to_bytes};
use fastdiff::{Digest, FORMAT_VERSION, Snapshot};
use indicatif::{HumanBytes, HumanCount};
use serde_json::json;

use super::output::Output;
use super::{DONE, Outcome, open, output_failure};

/// Show the roots, filters, times, counts and sizes of a snapshot.
#[derive(clap::Args)]
pub(super) struct InfoArgs {
    /// The snapshot
    snap: PathBuf,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &InfoArgs) -> Outcome {
    let snapshot = open(&args.snap)?;
    let mut output = Output::open(None)?.harmless_on_terminals();
    let text = if args.json { as_json(&snapshot) } else { as_text(&snapshot) };
    output.writer().write_all(text.as_bytes()).map_err(|e| output_failure(&e, !args.json))?;
    output.finish(!args.json)?;
    Ok(DONE)
}

fn hex(digest: &Digest) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn roots(snapshot: &Snapshot) -> Vec<String> {
    let system = snapshot.header().system;
    let shown = |root: &Vec<u8>| String::from_utf8_lossy(&system.quoted(root)).into_owned();
    snapshot.meta().roots.iter().map(shown).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn bytes_per_entry(snapshot: &Snapshot) -> f64 {
    snapshot.header().file_len as f64 / snapshot.header().counts.entries.max(1) as f64
}

fn as_json(snapshot: &Snapshot) -> String {
    let (h, m) = (snapshot.header(), snapshot.meta());
    let c = &h.counts;
    let lossless = m.roots.iter().all(|root| std::str::from_utf8(root).is_ok());
    let devices: Vec<_> = m.devices.iter().map(|d| json!({ "kind": d.kind, "identity": d.identity })).collect();
    let value = json!({
        "format_version": FORMAT_VERSION,
        "host": m.host,
        "roots": m.roots.iter().map(|root| String::from_utf8_lossy(&h.system.shown(root)).into_owned()).collect::<Vec<_>>(),
        "roots_b64": (!lossless).then(|| m.roots.iter().map(|root| STANDARD.encode(root)).collect::<Vec<_>>()),
        "exclude": m.patterns,
        "exclude_caches": m.exclude_caches,
        "exclude_if_present": m.exclude_if_present,
        "one_file_system": m.one_file_system,
        "walker": snapshot.header().walker.name(),
        "system": h.system.name(),
        "started": rfc3339(h.started),
        "finished": rfc3339(h.finished),
        "boundary": rfc3339(h.boundary),
        "racy_window_seconds": h.racy_window.as_secs_f64(),
        "entries": c.entries,
        "files": c.files,
        "directories": c.dirs,
        "symlinks": c.symlinks,
        "other": c.other,
        "bytes": c.bytes,
        "racy": c.racy,
        "unknown": c.unknown,
        "file_size": h.file_len,
        "bytes_per_entry": (bytes_per_entry(snapshot) * 100.0).round() / 100.0,
        "file_systems": devices,
        "identity": hex(&h.identity),
        "hints_since": rfc3339(h.hints_since),
        "watchman_clock": m.watchman_clock,
        "overlay_of": snapshot.overlay_base().map(|base| String::from_utf8_lossy(&to_bytes(base.path())).into_owned()),
        "root_digest": hex(&h.root_digest),
        "scan_fingerprint": hex(&h.scan_fingerprint),
    });
    format!("{value:#}\n")
}

fn as_text(snapshot: &Snapshot) -> String {
    let (h, m) = (snapshot.header(), snapshot.meta());
    let c = &h.counts;
    let mut rows = vec![("host", m.host.clone())];
    rows.extend(roots(snapshot).into_iter().map(|root| ("root", root)));
    rows.extend(m.patterns.iter().map(|p| ("exclude", p.escape_debug().to_string())));
    rows.extend(m.exclude_if_present.iter().map(|n| ("exclude if present", n.escape_debug().to_string())));
    for (on, name) in [(m.exclude_caches, "exclude caches"), (m.one_file_system, "one file system")] {
        if on {
            rows.push((name, "yes".into()));
        }
    }
    rows.extend(m.devices.iter().map(|d| {
        ("file system", if d.identity.is_empty() { "unknown".into() } else { d.identity.escape_debug().to_string() })
    }));
    rows.extend([
        ("started", rfc3339(h.started)),
        ("finished", rfc3339(h.finished)),
        ("boundary", rfc3339(h.boundary)),
        ("racy window", humantime::format_duration(h.racy_window).to_string()),
        ("walker", snapshot.header().walker.name().into()),
        ("system", h.system.name().into()),
        ("entries", HumanCount(c.entries).to_string()),
        ("files", format!("{} with {}", HumanCount(c.files), HumanBytes(c.bytes))),
        ("directories", HumanCount(c.dirs).to_string()),
        ("symlinks", HumanCount(c.symlinks).to_string()),
        ("others", HumanCount(c.other).to_string()),
        ("racy", HumanCount(c.racy).to_string()),
        ("unknown", HumanCount(c.unknown).to_string()),
        ("size", format!("{} ({:.1} bytes per entry)", HumanBytes(h.file_len), bytes_per_entry(snapshot))),
        ("format version", FORMAT_VERSION.to_string()),
        ("root digest", hex(&h.root_digest)),
        ("identity", hex(&h.identity)),
        ("hints since", rfc3339(h.hints_since)),
    ]);
    rows.extend(m.watchman_clock.as_ref().map(|clock| ("watchman clock", clock.escape_debug().to_string())));
    rows.extend(snapshot.overlay_base().map(|base| ("overlay of", base.path().shown().to_string())));
    rows.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "{name:<19} {value}");
        text
    })
}
