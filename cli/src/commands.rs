//! One module per command: `run` reads, decides through pure functions, and writes the result.

pub mod backfill;
pub mod completions;
pub mod copy;
pub mod explain;
pub mod inventory;
pub mod replication;
pub mod schema;
pub mod simulate;
pub mod test;
pub mod validate;
