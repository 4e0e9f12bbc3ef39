#![doc = include_str!("../README.md")]

#[cfg(feature = "api")]
mod api;
pub mod config;
#[cfg(feature = "ecr")]
pub mod ecr;
pub mod error;
#[cfg(feature = "events")]
pub mod events;
mod http;
#[cfg(feature = "s3")]
pub mod s3;
#[cfg(feature = "scans")]
pub mod scans;
#[cfg(feature = "scheduler")]
pub mod scheduler;
#[cfg(feature = "secrets")]
pub mod secrets;
#[cfg(feature = "sns")]
pub mod sns;
#[cfg(feature = "sqs")]
pub mod sqs;
#[cfg(feature = "ssm")]
pub mod ssm;
#[cfg(feature = "state")]
pub mod state;
#[cfg(test)]
mod testing;

pub use aws_types::SdkConfig;
pub use error::{Kind, ServiceError};
