//! One pure function a kind of channel: from a story to what the receiver takes.

pub mod email;
pub mod slack;
pub mod webhook;

/// How many lines of a list a message shows.
const MAX_LINES: usize = 10;

#[cfg(test)]
mod tests;
