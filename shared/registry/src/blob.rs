//! Blobs: their digests, and their ways down and up.

mod body;
mod download;
mod flow;
mod hasher;
mod loan;
mod ranges;
mod resume;
mod upload;

use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;

use crate::error::RegistryError;

pub(crate) use download::Download;
pub(crate) use flow::Flow;
pub(crate) use hasher::{digest_of, verify};
pub use ranges::Ranges;
pub use resume::UploadState;
pub(crate) use upload::{Part, Started, UploadSession};

/// The bytes of a blob as they arrive.
pub(crate) type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, RegistryError>> + Send>>;
