//! Jobs.
mod schedule;
