//! The events, against real shapes, their schemas, and arbitrary input.
//!
//! The modules carry `cfg(test)` so that clippy knows their helpers for tests too.

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod incoming;
#[cfg(test)]
mod outgoing;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod schemas;
