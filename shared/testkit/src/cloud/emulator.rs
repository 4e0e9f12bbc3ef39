//! The emulator's process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::api::Api;
use super::error::CloudError;
use super::process::{Server, Supervised};
use super::python::Python;

/// How long the emulator gets to answer its first request. A second is usual; on a busy machine with
/// cold caches it is more.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running emulator.
#[derive(Debug)]
pub(crate) struct Emulator {
    process: Supervised,
}

/// How to run an emulator.
pub(crate) struct Settings<'a> {
    pub(crate) name: &'static str,
    pub(crate) port: u16,
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    /// Everything the emulator writes is under this folder.
    pub(crate) folder: &'a Path,
    /// Variables for the functions, which inherit the emulator's environment.
    pub(crate) functions: &'a [(&'a str, String)],
}

impl Emulator {
    /// Starts an emulator. It is not ready yet; see [`Emulator::ready`].
    pub(crate) fn start(python: &Python, settings: &Settings<'_>) -> Result<Self, CloudError> {
        let folder = settings.folder;
        let scratch = |name: &str| -> Result<PathBuf, CloudError> {
            let path = folder.join(name);
            std::fs::create_dir_all(&path).map_err(|source| CloudError::File {
                what: "cannot create",
                path: path.clone(),
                source,
            })?;
            Ok(path)
        };
        let mut command = Command::new(python.program("ministack"));
        command
            .env("BIND_HOST", "127.0.0.1")
            // The name in the addresses that it hands out: queue URLs and subscription links.
            .env("MINISTACK_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", settings.port.to_string())
            .env(
                "AWS_ENDPOINT_URL",
                format!("http://127.0.0.1:{}", settings.port),
            )
            .env("MINISTACK_ACCOUNT_ID", settings.account)
            .env("MINISTACK_REGION", settings.region)
            .env("TMPDIR", scratch("tmp")?)
            .env("HOME", scratch("home")?)
            .env("STATE_DIR", scratch("state")?)
            .env("S3_DATA_DIR", scratch("s3")?)
            .env("LAMBDA_EXECUTOR", "local")
            // Parts that nothing here uses, with ports of their own.
            .env("IOT_MTLS_ENABLED", "0")
            .env("SFTP_ENABLED", "0")
            // It tidies up containers that it takes for its own; this one has none.
            .env("DOCKER_HOST", "unix:///nonexistent");
        for (name, value) in settings.functions {
            command.env(name, value);
        }
        let process = Supervised::start(&Server {
            name: settings.name,
            command: &command,
            folder,
            scratch: None,
        })?;
        Ok(Self { process })
    }

    /// Waits until the emulator answers. `false` when it ended, as it does when another program
    /// took its port in the meantime.
    pub(crate) async fn ready(&mut self, api: &Api) -> Result<bool, CloudError> {
        let deadline = Instant::now() + PATIENCE;
        while !api.is_healthy().await {
            if self.process.ended() {
                return Ok(false);
            }
            if Instant::now() >= deadline {
                return Err(CloudError::NotReady {
                    name: "emulator",
                    seconds: PATIENCE.as_secs(),
                    output: self.log(),
                });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(true)
    }

    /// What the emulator has logged, the functions' own logs included.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }
}
