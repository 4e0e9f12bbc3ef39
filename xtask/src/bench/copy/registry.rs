//! A CNCF Distribution registry for one benchmark.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::case::Pushed;
use super::certificate::Certificate;

/// A running registry; it ends with this value.
pub(super) struct Registry {
    address: String,
    log: PathBuf,
    content: PathBuf,
    process: Child,
}

impl Registry {
    /// Starts a registry whose content is below `folder`; with a certificate it speaks TLS.
    pub(super) fn start(
        program: &Path,
        folder: &Path,
        certificate: Option<&Certificate>,
    ) -> anyhow::Result<Self> {
        // Free now; another program could take it before the registry does, and then this fails.
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let host = if certificate.is_some() {
            "localhost"
        } else {
            "127.0.0.1"
        };
        let address = format!("{host}:{port}");
        let mut configuration = serde_json::json!({
            "version": 0.1,
            "log": { "level": "info", "accesslog": { "disabled": true } },
            "storage": { "filesystem": { "rootdirectory": folder.join("content") } },
            "http": { "addr": address, "secret": "one server has nobody to share it with" },
        });
        if let Some(Certificate { chain, key }) = certificate {
            configuration["http"]["tls"] = serde_json::json!({ "certificate": chain, "key": key });
        }
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
            content: folder.join("content"),
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

    /// What it has answered since its start, as its log tells.
    pub(super) fn answered(&self) -> anyhow::Result<Answered> {
        let log = std::fs::read_to_string(&self.log)?;
        let mut answered = Answered::default();
        for line in log
            .lines()
            .filter(|line| line.contains("response completed"))
        {
            answered.requests += 1;
            answered.bytes_sent += number(line, "http.response.written=").unwrap_or_default();
        }
        Ok(answered)
    }

    /// Whether an image is there, whole: the tag, every manifest and every blob.
    pub(super) fn check(&self, pushed: &Pushed) -> anyhow::Result<()> {
        let Pushed { name, tag, image } = pushed;
        let root = self.content.join("docker/registry/v2");
        let link = root
            .join("repositories")
            .join(name)
            .join("_manifests/tags")
            .join(tag)
            .join("current/link");
        let tagged = std::fs::read_to_string(&link).unwrap_or_default();
        if tagged != image.digest().to_string() {
            bail!("it ended well, and {name}:{tag} is not the image: {tagged:?}");
        }
        let mut open = vec![image];
        while let Some(image) = open.pop() {
            let blobs = image
                .blobs()
                .iter()
                .map(|blob| (blob.digest(), blob.size()));
            let manifest = (image.digest(), image.manifest().len() as u64);
            for (digest, size) in blobs.chain([manifest]) {
                let prefix = digest.hex().get(..2).unwrap_or_default();
                let data = root.join("blobs/sha256").join(prefix).join(digest.hex());
                let length = std::fs::metadata(data.join("data")).map(|data| data.len());
                if length.ok() != Some(size) {
                    bail!("it ended well, and {digest} of {name}:{tag} is not there");
                }
            }
            open.extend(image.children());
        }
        Ok(())
    }

    /// Bytes of everything that it keeps.
    pub(super) fn stored(&self) -> anyhow::Result<u64> {
        let mut open = vec![self.content.clone()];
        let mut bytes = 0;
        while let Some(folder) = open.pop() {
            let entries = match std::fs::read_dir(&folder) {
                Ok(entries) => entries,
                // Nothing was pushed yet.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error.into()),
            };
            for entry in entries {
                let entry = entry?;
                let kind = entry.metadata()?;
                if kind.is_dir() {
                    open.push(entry.path());
                } else {
                    bytes += kind.len();
                }
            }
        }
        Ok(bytes)
    }
}

/// What a registry has answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Answered {
    pub(super) requests: u64,
    /// Bytes of bodies.
    pub(super) bytes_sent: u64,
}

/// The number behind a name in a line of the log.
fn number(line: &str, name: &str) -> Option<u64> {
    let (_, rest) = line.split_once(name)?;
    rest.split(' ').next()?.parse().ok()
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_read_from_a_line_of_the_log() {
        let line = "time=\"2026-11-23\" level=info msg=\"response completed\" \
            http.response.status=200 http.response.written=4711 instance.id=1";
        assert_eq!(number(line, "http.response.written="), Some(4711));
        assert_eq!(number(line, "http.request.length="), None);
    }
}
