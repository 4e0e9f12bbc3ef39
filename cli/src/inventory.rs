//! Inventories: what a registry holds, one image a line, as JSON.
//!
//! [`Entry`] is a line, [`Reader`] reads them one by one with a bound on each, and takes what
//! `aws ecr describe-images` prints too.

mod entry;
mod reader;
mod seen;

pub use entry::{Entry, Place, schema};
pub use reader::{InventoryError, MAX_LINE_BYTES, Reader};
pub use seen::At;
