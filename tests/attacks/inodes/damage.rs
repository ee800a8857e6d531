//! Damaged file systems: whatever the tables hold, a change that a walk sees is seen.
