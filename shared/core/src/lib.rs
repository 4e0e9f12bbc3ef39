#![doc = include_str!("../README.md")]

pub mod decision;
pub mod event;
pub mod facts;
pub mod mode;
pub mod names;
pub mod policy;
pub mod scan;

pub use mode::{Mode, Severity};
pub use names::{
    AccountId, Digest, EcrHost, ImageRef, NameError, Reference, Region, RegistryHost,
    RepositoryName, RepositoryPath, RuleName, Tag,
};
