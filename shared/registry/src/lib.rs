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
mod manifest;
mod origin;
mod place;
mod reply;
mod repository;
mod request;
mod retry;
mod transport;

pub use auth::{Auth, CredentialError, Credentials, NoCredentials, StaticCredentials};
pub use client::{Client, ClientBuilder};
pub use copy::{
    BlobAvailability, BlobCounts, CopyError, CopyOptions, CopyReport, CopyRequest, CreateError,
    CreateRepository, Moved, NoProgress, Outcome, Progress, ProgressEvent, RequestCounts, copy,
};
pub use endpoint::{EndpointOverrides, EndpointOverridesError};
pub use error::{BoxError, Exchange, RegistryError};
pub use layout::{Layout, LayoutRef, LayoutRefError};
pub use manifest::{Contents, Descriptor, Manifest, ManifestFault, MediaType, Platform};
pub use place::Place;
pub use repository::Repository;
pub use retry::RetryPolicy;
