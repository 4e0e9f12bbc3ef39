//! The events, against real shapes, their schemas, and arbitrary input.

mod fixtures;
mod incoming;
mod outgoing;
mod properties;
mod samples;
mod schemas;
