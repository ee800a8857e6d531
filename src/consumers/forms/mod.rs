//! The forms that no backup program owns: for people, for scripts and for programs of one's own.

mod json;
mod name_status;
mod paths;
mod text;

pub use json::{Json, entry_json, rfc3339};
pub use name_status::NameStatus;
pub use paths::Paths;
pub use text::{Text, TextOptions};
