#![doc = include_str!("../README.md")]

mod address;
mod auth;
mod blob;
mod challenge;
mod client;
pub mod copy;
mod endpoint;
mod error;
#[cfg(test)]
mod fake;
mod layout;
mod limit;
mod manifest;
mod origin;
mod place;
mod probes;
mod reply;
mod repository;
mod request;
mod retry;
mod transport;

pub use auth::{Auth, CredentialError, Credentials, NoCredentials, StaticCredentials};
pub use blob::{Ranges, UploadState};
pub use client::{Client, ClientBuilder, certificates_of_pem};
pub use copy::{
    Amount, Batch, BlobAvailability, BlobCounts, BlobOutcome, BlobReport, CopyError, CopyOptions,
    CopyReport, CopyRequest, CreateError, CreateRepository, Filtered, Moved, NoProgress, Outcome,
    Part, Paused, PlatformFilter, Progress, ProgressEvent, RequestCounts, Verify, copy, copy_blob,
    copy_many, missing, part_of,
};
pub use endpoint::{EndpointOverrides, EndpointOverridesError};
pub use error::{BoxError, Exchange, RegistryError};
pub use layout::{Layout, LayoutRef, LayoutRefError};
pub use manifest::{Contents, Descriptor, Manifest, ManifestFault, MediaType, Platform};
pub use place::Place;
pub use repository::Repository;
pub use retry::RetryPolicy;
pub use rustls::pki_types::CertificateDer;
