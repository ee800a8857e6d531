//! Jobs: what schedules them, and how they stand back.

mod nice;
mod schedule;
