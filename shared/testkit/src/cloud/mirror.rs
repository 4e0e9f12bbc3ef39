//! The registry that is not ECR: CNCF Distribution.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::alone::DistributionOptions;
use super::error::CloudError;
use super::process::{Server, Supervised};

const PATIENCE: Duration = Duration::from_secs(20);

/// A Distribution registry on the loopback interface. It can be stopped and started again with what
/// it holds, for tests of an outage.
#[derive(Debug)]
pub(crate) struct Mirror {
    program: PathBuf,
    folder: PathBuf,
    port: u16,
    options: DistributionOptions,
    process: Option<Supervised>,
}

impl Mirror {
    /// Prepares the registry; see [`Mirror::start`].
    pub(crate) fn new(program: PathBuf, folder: &Path, port: u16) -> Self {
        Self {
            program,
            folder: folder.to_owned(),
            port,
            options: DistributionOptions::default(),
            process: None,
        }
    }

    pub(crate) fn with(self, options: DistributionOptions) -> Self {
        Self { options, ..self }
    }

    /// Starts the registry and waits until it answers. `false` when it ended at once, as it does
    /// when another program took its port.
    pub(crate) async fn start(&mut self) -> Result<bool, CloudError> {
        let configuration = self.configure()?;
        let mut command = Command::new(&self.program);
        command.arg("serve").arg(configuration);
        let mut process = Supervised::start(&Server {
            name: "mirror",
            command: &command,
            folder: &self.folder,
            scratch: None,
        })?;
        let deadline = Instant::now() + PATIENCE;
        while !self.answers().await {
            if process.ended() {
                return Ok(false);
            }
            if Instant::now() >= deadline {
                return Err(CloudError::NotReady {
                    name: "mirror registry",
                    seconds: PATIENCE.as_secs(),
                    output: process.log(),
                });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.process = Some(process);
        Ok(true)
    }

    /// Ends the registry's process; its images stay.
    pub(crate) fn stop(&mut self) {
        self.process = None;
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn configure(&self) -> Result<PathBuf, CloudError> {
        let storage = self.folder.join("mirror");
        let path = self.folder.join("mirror.yml");
        let passwords = self.folder.join("mirror.htpasswd");
        let auth = self
            .options
            .accounts
            .map(|_| serde_json::json!({ "htpasswd": { "realm": "mirror", "path": passwords } }));
        let (driver, settings) = if self.options.in_memory {
            ("inmemory", serde_json::json!({}))
        } else {
            (
                "filesystem",
                serde_json::json!({ "rootdirectory": storage }),
            )
        };
        // JSON is YAML, and quotes whatever the path holds.
        let mut text = serde_json::json!({
            "version": 0.1,
            "log": { "level": "info", "accesslog": { "disabled": false } },
            "storage": {
                driver: settings,
                "delete": { "enabled": true },
                "maintenance": { "uploadpurging": { "enabled": false } },
            },
            "http": { "addr": self.address(), "secret": "one server has nobody to share it with" },
        });
        if let (Some(text), Some(auth)) = (text.as_object_mut(), auth) {
            text.insert("auth".to_owned(), auth);
        }
        let accounts = self.options.accounts.unwrap_or_default();
        std::fs::create_dir_all(&storage)
            .and_then(|()| std::fs::write(passwords, accounts))
            .and_then(|()| std::fs::write(&path, text.to_string()))
            .map_err(|source| CloudError::File {
                what: "cannot write",
                path: path.clone(),
                source,
            })?;
        Ok(path)
    }

    /// Whether `GET /v2/` is answered with success, or with a wish for an account where it has some.
    /// Checked by hand, because a listening socket alone may be another program's.
    async fn answers(&self) -> bool {
        let exchange = async {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
            let mut stream = TcpStream::connect(address).await?;
            let request =
                format!("GET /v2/ HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            let mut answer = Vec::new();
            stream.take(4096).read_to_end(&mut answer).await?;
            std::io::Result::Ok(answer)
        };
        let expected: &[u8] = match self.options.accounts {
            Some(_) => b"HTTP/1.1 401",
            None => b"HTTP/1.1 200",
        };
        let answer = tokio::time::timeout(Duration::from_secs(2), exchange).await;
        matches!(answer, Ok(Ok(answer)) if answer.starts_with(expected))
    }
}
