//! The client that pushes.

use std::path::{Path, PathBuf};
use std::process::Command;

use steward_testkit::cloud::debian::SKOPEO;
use steward_testkit::cloud::{command, paths};

use crate::{cargo, term};

/// A client that copies from an OCI layout to a registry.
pub(crate) enum Pusher {
    /// Debian's skopeo, a client that others wrote.
    Skopeo(PathBuf),
    /// Our own command.
    Steward(PathBuf),
}

impl Pusher {
    /// skopeo where it is, else `steward copy`, which is built first.
    pub(crate) fn find() -> anyhow::Result<Self> {
        if let Some(program) = SKOPEO.find() {
            return Ok(Self::Skopeo(program));
        }
        term::step("building `steward`, because skopeo is not installed here");
        cargo::run(
            cargo::cargo()
                .args(["build", "--quiet", "--locked", "--package", "steward-cli"])
                .env("CARGO_TARGET_DIR", paths::target()),
        )?;
        Ok(Self::Steward(paths::target().join("debug/steward")))
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Skopeo(_) => "skopeo copy",
            Self::Steward(_) => "steward copy",
        }
    }

    /// Pushes the image `demo` of a layout, with all its platforms.
    pub(crate) fn push(&self, layout: &Path, to: &str) -> anyhow::Result<()> {
        let source = format!("oci:{}:demo", layout.display());
        let mut copy = match self {
            Self::Skopeo(program) => {
                let mut copy = Command::new(program);
                copy.args(["copy", "--quiet", "--all", "--dest-tls-verify=false"])
                    .args([source, format!("docker://{to}")]);
                copy
            }
            Self::Steward(program) => {
                let mut copy = Command::new(program);
                copy.args(["copy", &source, to]);
                copy
            }
        };
        command::run(&mut copy, "it was there a moment ago")?;
        Ok(())
    }
}
