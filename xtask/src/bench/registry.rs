//! A CNCF Distribution registry for one benchmark.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// A running registry; it ends with this value.
pub(super) struct Registry {
    address: String,
    log: PathBuf,
    process: Child,
}

impl Registry {
    /// Starts a registry whose content is below `folder`.
    pub(super) fn start(program: &Path, folder: &Path) -> anyhow::Result<Self> {
        // Free now; another program could take it before the registry does, and then this fails.
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let configuration = serde_json::json!({
            "version": 0.1,
            "log": { "level": "info", "accesslog": { "disabled": true } },
            "storage": { "filesystem": { "rootdirectory": folder.join("content") } },
            "http": { "addr": address, "secret": "one server has nobody to share it with" },
        });
        std::fs::create_dir_all(folder)?;
        let file = folder.join("config.yml");
        std::fs::write(&file, configuration.to_string())?;
        let log = folder.join("log");
        let output = File::create(&log)?;
        let process = Command::new(program)
            .arg("serve")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("cannot start docker-registry")?;
        let registry = Self {
            address,
            log,
            process,
        };
        let begin = Instant::now();
        while std::net::TcpStream::connect(&registry.address).is_err() {
            if begin.elapsed() > Duration::from_secs(20) {
                bail!("docker-registry does not answer at {}", registry.address);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(registry)
    }

    /// `host:port`.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// How many requests it has answered.
    pub(super) fn requests(&self) -> anyhow::Result<usize> {
        let log = std::fs::read_to_string(&self.log)?;
        Ok(log
            .lines()
            .filter(|line| line.contains("response completed"))
            .count())
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
