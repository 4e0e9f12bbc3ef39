//! Blobs: their digests, and their ways down and up.

mod hasher;

pub(crate) use hasher::{Hasher, digest_of};
