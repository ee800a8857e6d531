//! The forms that no backup program owns: for people, for scripts and for programs of one's own.

mod json;
mod name_status;
mod paths;
mod text;

pub use json::{entry_json, json, rfc3339};
pub use name_status::name_status;
pub use paths::paths;
pub use text::{TextOptions, text};
