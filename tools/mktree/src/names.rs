//! Names as in real trees: a mixture of lengths, words, digests, camera numbers, a few spaces, a few letters beyond
//! ASCII.

use std::collections::HashSet;

use fastrand::Rng;

const WORDS: &[&str] = &[
    "report", "final", "draft", "main", "index", "test", "data", "config", "util", "helper", "invoice", "photo",
    "notes", "backup", "module", "client", "server", "letter", "summary", "project", "old", "new", "copy", "meeting",
    "budget", "image", "table", "query", "cache", "model", "view", "event", "user", "account", "order", "README",
    "Makefile", "lib", "holiday", "music", "track", "scan", "page", "chapter", "figure", "result", "plan", "list",
    "v2", "tmp", "a", "x",
];

const WORDS_BEYOND_ASCII: &[&str] = &[
    "Übersicht",
    "Straße",
    "café",
    "naïve",
    "résumé",
    "señor",
    "año",
    "żółw",
    "Ελλάδα",
    "отчёт",
    "фото",
    "写真",
    "日本語",
    "报告",
    "데이터",
    "🎉",
    "re\u{301}sume\u{301}",
];

const EXTENSIONS: &[&str] = &[
    "txt", "md", "rs", "c", "h", "py", "js", "ts", "json", "xml", "html", "css", "jpg", "jpg", "jpg", "png", "pdf",
    "docx", "xlsx", "mp3", "flac", "mp4", "zip", "gz", "tar.gz", "o", "so", "log", "bak", "sqlite", "yaml", "toml",
    "svg", "class",
];

/// The names of one directory: each is given once.
#[derive(Debug)]
pub(crate) struct Namer {
    rng: Rng,
    mean: usize,
    taken: HashSet<String>,
}

impl Namer {
    /// Names of `mean` bytes on average for files, somewhat shorter for directories.
    pub(crate) fn new(rng: Rng, mean: usize) -> Self {
        Self { rng, mean, taken: HashSet::new() }
    }

    /// A name for a file.
    pub(crate) fn file(&mut self) -> String {
        let length = self.length(self.mean);
        let extension = if self.rng.u8(0..100) < 78 { pick(&mut self.rng, EXTENSIONS) } else { "" };
        let with_dot = if extension.is_empty() { 0 } else { extension.len() + 1 };
        if with_dot < length {
            let stem = self.stem(length - with_dot);
            self.unique(&stem, extension)
        } else {
            let stem = self.stem(length);
            self.unique(&stem, "")
        }
    }

    /// A name for a directory.
    pub(crate) fn directory(&mut self) -> String {
        let length = self.length((self.mean * 3 / 5).max(1));
        let stem = self.stem(length);
        let hidden = stem.len() > 1 && self.rng.u8(0..100) < 3;
        if hidden { self.unique(&format!(".{stem}"), "") } else { self.unique(&stem, "") }
    }

    /// Four groups of lengths whose mean is 20, scaled to the mean that was asked for.
    fn length(&mut self, mean: usize) -> usize {
        let twentieth = match self.rng.u8(0..20) {
            0..=4 => self.rng.usize(6..=12),
            5..=13 => self.rng.usize(12..=22),
            14..=17 => self.rng.usize(22..=34),
            _ => self.rng.usize(36..=54),
        };
        ((twentieth * mean + 10) / 20).clamp(1, 240)
    }

    /// A stem of at most `length` bytes, and nearly that many.
    fn stem(&mut self, length: usize) -> String {
        let rng = &mut self.rng;
        let mut stem = String::with_capacity(length + 16);
        let (words, separator) = match rng.u8(0..100) {
            0..10 => {
                while stem.len() < length {
                    stem.push(char::from(b"0123456789abcdef"[rng.usize(0..16)]));
                }
                return stem;
            }
            10..18 => {
                stem.push_str("IMG_20");
                while stem.len() < length {
                    stem.push(char::from(b'0' + rng.u8(0..10)));
                }
                return cut(&stem, length).to_owned();
            }
            18..22 => (WORDS_BEYOND_ASCII, " "),
            22..28 => (WORDS, " "),
            28..55 => (WORDS, "_"),
            55..78 => (WORDS, "-"),
            78..83 => (WORDS, "."),
            _ => (WORDS, ""),
        };
        while stem.len() < length {
            stem.push_str(pick(rng, words));
            if rng.u8(0..4) == 0 {
                stem.push_str(&rng.u16(0..1_000).to_string());
            }
            stem.push_str(separator);
        }
        let cut = cut(&stem, length).trim_end_matches([' ', '.', '-', '_']);
        if cut.is_empty() { "x".to_owned() } else { cut.to_owned() }
    }

    /// Puts a number between stem and extension when the name is taken.
    fn unique(&mut self, stem: &str, extension: &str) -> String {
        let dot = if extension.is_empty() { "" } else { "." };
        let mut name = format!("{stem}{dot}{extension}");
        let mut number = self.taken.len();
        while !self.taken.insert(name.clone()) {
            name = format!("{stem}{number}{dot}{extension}");
            number += 1;
        }
        name
    }

    /// Marks a name as given, so that it won't be given again.
    pub(crate) fn take(&mut self, name: &str) {
        self.taken.insert(name.to_owned());
    }
}

fn pick(rng: &mut Rng, from: &'static [&'static str]) -> &'static str {
    from[rng.usize(0..from.len())]
}

/// The longest start of `text` with at most `length` bytes that ends between two characters.
fn cut(text: &str, length: usize) -> &str {
    &text[..text.floor_char_boundary(length)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_and_have_about_the_mean_length() {
        for mean in [5, 20, 60] {
            let mut namer = Namer::new(Rng::with_seed(3), mean);
            let names: Vec<String> = (0..20_000).map(|_| namer.file()).collect();
            let bytes: usize = names.iter().map(String::len).sum();
            let measured = bytes * 10 / names.len();
            assert!((mean * 8..=mean * 12 + 20).contains(&measured), "mean {mean}: {measured} tenths");
            assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
            assert!(names.iter().all(|name| name.len() <= 255 && !name.contains('/') && name != "." && name != ".."));
        }
    }

    #[test]
    fn some_names_have_spaces_and_letters_beyond_ascii() {
        let mut namer = Namer::new(Rng::with_seed(3), 20);
        let names: Vec<String> = (0..2_000).map(|_| namer.file()).collect();
        assert!(names.iter().any(|name| name.contains(' ')));
        assert!(names.iter().any(|name| !name.is_ascii()));
    }
}
