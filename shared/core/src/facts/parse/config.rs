use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::facts::{ImageConfig, Platform};

use super::{ManifestError, lenient};

/// An image's configuration (OCI image specification, `config.md`): the members that are asked for.
#[derive(Deserialize)]
pub(super) struct ConfigDocument<'a> {
    #[serde(borrow, default)]
    created: Option<&'a RawValue>,
    #[serde(borrow, default)]
    os: Option<&'a RawValue>,
    #[serde(borrow, default)]
    architecture: Option<&'a RawValue>,
    #[serde(borrow, default)]
    variant: Option<&'a RawValue>,
    #[serde(borrow, default)]
    config: Option<&'a RawValue>,
}

/// How the process is run.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Execution<'a> {
    #[serde(borrow, default)]
    user: Option<&'a RawValue>,
    #[serde(borrow, default)]
    labels: Option<&'a RawValue>,
    #[serde(borrow, default)]
    exposed_ports: Option<&'a RawValue>,
}

impl ConfigDocument<'_> {
    pub(super) fn platform(&self) -> Option<Platform> {
        lenient::platform(self.os, self.architecture, self.variant)
    }

    pub(super) fn into_config(self) -> Result<ImageConfig, ManifestError> {
        let execution: Execution<'_> = self
            .config
            .and_then(|raw| serde_json::from_str(raw.get()).ok())
            .unwrap_or_default();
        let created = lenient::text(self.created);
        Ok(ImageConfig {
            created: created.and_then(|text| text.parse::<Timestamp>().ok()),
            user: lenient::text(execution.user).unwrap_or_default(),
            labels: lenient::texts(execution.labels, "labels")?,
            exposed_ports: lenient::names(execution.exposed_ports, "exposed ports")?,
        })
    }
}
