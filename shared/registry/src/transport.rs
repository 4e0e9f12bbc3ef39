//! stub
use std::time::Duration;
use rustls::pki_types::CertificateDer;
use url::Url;
use crate::error::RegistryError;
pub(crate) struct TransportSettings { pub(crate) connect_timeout: Duration, pub(crate) idle_timeout: Duration, pub(crate) extra_roots: Vec<CertificateDer<'static>>, pub(crate) https_proxy: Option<Url>, pub(crate) user_agent: String }
impl Default for TransportSettings { fn default() -> Self { Self { connect_timeout: Duration::from_secs(10), idle_timeout: Duration::from_secs(60), extra_roots: Vec::new(), https_proxy: None, user_agent: concat!("ecr-steward/", env!("CARGO_PKG_VERSION")).to_owned() } } }
pub(crate) struct Transport;
impl Transport { pub(crate) fn new(_: TransportSettings) -> Result<Self, RegistryError> { Ok(Self) } }
