//! The built command, run as a user or a program runs it.

mod completions;
mod copy;
mod distribution;
mod documentation;
mod explain;
mod files;
mod output;
mod schema;
mod steward;
mod terminal;
mod validate;
