//! For tests only: the local cloud, an image builder, faults, a Lambda runtime API.

pub mod cloud;
pub mod faults;
pub mod gateway;
pub mod image;
pub mod inbox;
pub mod json_api;
pub mod measured;
pub mod refusing_api;
pub mod runtime_api;
pub mod toll;
