//! A real registry: Debian's `docker-registry` (CNCF Distribution) on a port of its own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

/// The name of the file with the certificate, beside everything else of a registry.
const CERTIFICATE: &str = "certificate.pem";

/// How long a registry may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running registry; dropping it ends the process and removes what it holds.
pub(crate) struct Distribution {
    process: Child,
    address: String,
    folder: TempDir,
}

impl Distribution {
    /// A registry that anybody may use.
    pub(crate) fn start() -> Self {
        Self::with(|_, _| {})
    }

    /// A registry that speaks TLS with a certificate of its own for `localhost`.
    pub(crate) fn with_certificate() -> Self {
        Self::with(|folder, configuration| {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            let (certificate, key) = (folder.join(CERTIFICATE), folder.join("key.pem"));
            fs::write(&certificate, made.cert.pem()).unwrap();
            fs::write(&key, made.signing_key.serialize_pem()).unwrap();
            configuration["http"]["tls"] =
                serde_json::json!({ "certificate": certificate, "key": key });
        })
    }

    /// A registry that only takes this line of an htpasswd file (bcrypt).
    pub(crate) fn with_user(htpasswd: &str) -> Self {
        Self::with(|folder, configuration| {
            let file = folder.join("htpasswd");
            fs::write(&file, htpasswd).unwrap();
            configuration["auth"] =
                serde_json::json!({ "htpasswd": { "realm": "test", "path": file } });
        })
    }

    fn with(change: impl FnOnce(&Path, &mut serde_json::Value)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let configuration = configuration(folder.path(), change);
        let mut process = match Command::new("docker-registry")
            .arg("serve")
            .arg(configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
        {
            Ok(process) => process,
            Err(error) => panic!("docker-registry: {error}; apt-get install docker-registry"),
        };
        let stderr = BufReader::new(process.stderr.take().unwrap());
        let (tell, told) = mpsc::channel();
        // Reads on after the address was seen, so that the registry never waits for a reader.
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if let Some(address) = address(&line) {
                    let _ = tell.send(address);
                }
            }
        });
        let address = told
            .recv_timeout(PATIENCE)
            .expect("docker-registry listens");
        Self {
            process,
            address,
            folder,
        }
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The file with the certificate of a registry that speaks TLS.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path().join(CERTIFICATE)
    }

    /// Whether the registry holds a tag, read from its storage rather than by our own client.
    pub(crate) fn digest_of(&self, repository: &str, tag: &str) -> Option<String> {
        let link = self.folder.path().join(format!(
            "storage/docker/registry/v2/repositories/{repository}/_manifests/tags/{tag}/current/link"
        ));
        fs::read_to_string(link).ok()
    }
}

impl Drop for Distribution {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn configuration(folder: &Path, change: impl FnOnce(&Path, &mut serde_json::Value)) -> PathBuf {
    let mut configuration = serde_json::json!({
        "version": 0.1,
        "log": { "level": "info", "formatter": "text" },
        "storage": { "filesystem": { "rootdirectory": folder.join("storage") } },
        "http": { "addr": "127.0.0.1:0", "secret": "none" },
    });
    change(folder, &mut configuration);
    // JSON is YAML.
    let path = folder.join("config.yml");
    fs::write(&path, configuration.to_string()).unwrap();
    path
}

/// The address in `… msg="listening on 127.0.0.1:41234" …`.
fn address(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("listening on ")?;
    let address: String = rest
        .chars()
        .take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':'))
        .collect();
    address
        .parse::<std::net::SocketAddr>()
        .ok()
        .map(|address| address.to_string())
}
