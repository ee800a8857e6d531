//! Placeholder until the tests of `duplicati` are here.
