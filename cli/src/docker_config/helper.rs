//! The credential helper protocol: `docker-credential-<name> get`, the server address on standard
//! input, `{"ServerURL", "Username", "Secret"}` on standard output.

use std::ffi::OsStr;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::Credential;

/// A helper may have to ask a cloud for a token; a person waits no longer than this.
const TIMEOUT: Duration = Duration::from_secs(20);

/// No answer of a helper is larger than this.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

/// The user name that says "the secret is an identity token".
const TOKEN_USER: &str = "<token>";

/// How a credential helper failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HelperError {
    /// The configured name could lead out of `PATH`.
    #[error("{name:?} is not the name of a credential helper (letters, digits, `.`, `_` and `-`)")]
    BadName {
        /// The configured name.
        name: String,
    },
    /// The program is not installed.
    #[error("docker-credential-{name} is not in PATH")]
    Missing {
        /// The configured name.
        name: String,
    },
    /// The program cannot be run or talked to.
    #[error("cannot run docker-credential-{name}")]
    Run {
        /// The configured name.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The program did not answer in time and was stopped.
    #[error("docker-credential-{name} did not answer within {} seconds", TIMEOUT.as_secs())]
    TimedOut {
        /// The configured name.
        name: String,
    },
    /// The program reported a failure.
    #[error("docker-credential-{name} failed ({status}): {message}")]
    Failed {
        /// The configured name.
        name: String,
        /// Its exit status.
        status: String,
        /// The first line it wrote to standard error.
        message: String,
    },
    /// The program answered something else than the protocol says.
    #[error("docker-credential-{name} answered something else than a credential")]
    BadAnswer {
        /// The configured name.
        name: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: SecretString,
}

/// Asks a helper for the credential of a server; `None` when it has none.
pub(super) async fn get(
    name: &str,
    server: &str,
    path: Option<&OsStr>,
) -> Result<Option<Credential>, HelperError> {
    let well_named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || !name.chars().all(well_named) {
        return Err(HelperError::BadName {
            name: name.to_owned(),
        });
    }
    match tokio::time::timeout(TIMEOUT, ask(name, server, path)).await {
        Ok(answer) => answer,
        Err(_) => Err(HelperError::TimedOut {
            name: name.to_owned(),
        }),
    }
}

async fn ask(
    name: &str,
    server: &str,
    path: Option<&OsStr>,
) -> Result<Option<Credential>, HelperError> {
    let failed_to_run = |source| HelperError::Run {
        name: name.to_owned(),
        source,
    };
    let mut command = Command::new(format!("docker-credential-{name}"));
    command
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if let Some(path) = path {
        command.env("PATH", path);
    }
    let mut child = command.spawn().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => HelperError::Missing {
            name: name.to_owned(),
        },
        _ => failed_to_run(source),
    })?;
    let mut stdin = child.stdin.take();
    let mut stdout = child.stdout.take();
    let mut stderr = child.stderr.take();
    let send = async {
        if let Some(mut stdin) = stdin.take() {
            // A helper that answers without reading closes its end: that is its right.
            let _ = stdin.write_all(server.as_bytes()).await;
            let _ = stdin.shutdown().await;
        }
    };
    let ((), answer, complaint) = tokio::join!(send, bounded(&mut stdout), bounded(&mut stderr));
    let answer = answer.map_err(failed_to_run)?;
    let complaint = complaint.map_err(failed_to_run)?;
    // What is past the bound was not read: the helper must not wait for a reader for ever.
    drop((stdout, stderr));
    let status = child.wait().await.map_err(failed_to_run)?;
    if status.success() {
        return parse(name, &answer);
    }
    if says_not_found(&answer) || says_not_found(&complaint) {
        return Ok(None);
    }
    // Standard output is where the secret would be, so only standard error is quoted.
    let message = String::from_utf8_lossy(&complaint)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned();
    Err(HelperError::Failed {
        name: name.to_owned(),
        status: status.to_string(),
        message,
    })
}

async fn bounded<R: tokio::io::AsyncRead + Unpin>(stream: &mut Option<R>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        stream
            .take(MAX_ANSWER_BYTES)
            .read_to_end(&mut bytes)
            .await?;
    }
    Ok(bytes)
}

fn parse(name: &str, answer: &[u8]) -> Result<Option<Credential>, HelperError> {
    let answer: Answer = serde_json::from_slice(answer).map_err(|_| HelperError::BadAnswer {
        name: name.to_owned(),
    })?;
    Ok(Some(if answer.username == TOKEN_USER {
        Credential::IdentityToken(answer.secret)
    } else {
        Credential::Basic {
            username: answer.username,
            password: answer.secret,
        }
    }))
}

/// The sentence of `docker-credential-helpers` for "I have nothing for this server".
fn says_not_found(output: &[u8]) -> bool {
    String::from_utf8_lossy(output).contains("credentials not found")
}
