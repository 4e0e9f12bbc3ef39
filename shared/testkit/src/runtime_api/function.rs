use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::logs::Logs;
use super::server::{Invocation, RuntimeApi, RuntimeError};
use crate::measured::{peak_bytes, resident_bytes};

/// How many log lines an error quotes.
const QUOTED_LINES: usize = 20;
/// How long a child that has exited may take to have its output read.
const LAST_OUTPUT: Duration = Duration::from_secs(2);

/// How a function is started.
#[derive(Clone, Debug)]
pub struct FunctionOptions {
    /// The function's name, for its environment and ARN.
    pub name: String,
    /// Arguments of the binary, for an interpreter.
    pub arguments: Vec<String>,
    /// Its memory size in MiB. It is told, not enforced.
    pub memory_mib: u32,
    /// Its timeout: it makes the deadline of each invocation, and bounds the waiting for an answer.
    pub timeout: Duration,
    /// How long it may take until the first poll. Lambda allows 10 s.
    pub init_timeout: Duration,
    /// Variables besides those that Lambda sets. Nothing else of the environment is passed on.
    pub environment: BTreeMap<String, String>,
}

impl Default for FunctionOptions {
    fn default() -> Self {
        Self {
            name: "function".to_owned(),
            arguments: Vec::new(),
            memory_mib: 128,
            timeout: Duration::from_secs(30),
            init_timeout: Duration::from_secs(10),
            environment: BTreeMap::new(),
        }
    }
}

/// How long a start took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Startup {
    /// From just before the process is made to its first poll of the runtime API.
    pub until_first_poll: Duration,
}

/// Why a function could not be started or has no answer.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// The runtime API could not listen.
    #[error("cannot serve the runtime API")]
    Serve(#[source] std::io::Error),
    /// The binary could not be executed.
    #[error("cannot execute {}", binary.display())]
    Execute {
        /// The binary.
        binary: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It did not poll in time.
    #[error("no poll of the runtime API within {} ms; its last output:\n{output}", after.as_millis())]
    NeverPolled {
        /// How long it was waited.
        after: Duration,
        /// What it wrote.
        output: String,
    },
    /// The process ended.
    #[error("the process ended with {status}; its last output:\n{output}")]
    Exited {
        /// How it ended.
        status: ExitStatus,
        /// What it wrote.
        output: String,
    },
    /// The protocol's part of it.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The process cannot be observed.
    #[error("cannot observe the process")]
    Observe(#[source] std::io::Error),
}

/// A function binary as a running child process. It is killed, by its id, when this is dropped.
#[derive(Debug)]
pub struct FunctionProcess {
    api: RuntimeApi,
    child: Child,
    logs: Logs,
    readers: Vec<JoinHandle<()>>,
    startup: Startup,
    timeout: Duration,
}

impl FunctionProcess {
    /// Starts a binary with defaults and these variables, and waits for its first poll.
    ///
    /// # Errors
    /// [`FunctionError`].
    pub async fn start<K: Into<String>, V: Into<String>>(
        binary: &Path,
        environment: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, FunctionError> {
        let environment = environment
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Self::start_with(
            binary,
            FunctionOptions {
                environment,
                ..FunctionOptions::default()
            },
        )
        .await
    }

    /// Starts a binary and waits for its first poll.
    ///
    /// # Errors
    /// [`FunctionError`].
    pub async fn start_with(
        binary: &Path,
        options: FunctionOptions,
    ) -> Result<Self, FunctionError> {
        let api = RuntimeApi::start(&options.name)
            .await
            .map_err(FunctionError::Serve)?;
        let mut command = Command::new(binary);
        command
            .args(&options.arguments)
            .env_clear()
            .envs(lambda_environment(&options, api.addr()))
            .envs(&options.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let begun = Instant::now();
        let mut child = command.spawn().map_err(|source| FunctionError::Execute {
            binary: binary.to_owned(),
            source,
        })?;
        let logs = Logs::default();
        let mut readers = Vec::new();
        readers.extend(child.stdout.take().map(|stream| logs.follow(stream)));
        readers.extend(child.stderr.take().map(|stream| logs.follow(stream)));
        let startup = Startup {
            until_first_poll: Duration::ZERO,
        };
        let mut function = Self {
            api,
            child,
            logs,
            readers,
            startup,
            timeout: options.timeout,
        };
        let first_poll = function.until_first_poll(options.init_timeout).await?;
        function.startup.until_first_poll = first_poll.saturating_duration_since(begun);
        Ok(function)
    }

    async fn until_first_poll(&mut self, patience: Duration) -> Result<Instant, FunctionError> {
        let polled = tokio::select! {
            biased;
            polled = tokio::time::timeout(patience, self.api.first_poll()) => polled,
            exited = self.child.wait() => return Err(self.exited(exited).await),
        };
        match polled {
            Ok(polled) => Ok(polled?),
            Err(_) => {
                let output = self.logs.tail(QUOTED_LINES);
                Err(FunctionError::NeverPolled {
                    after: patience,
                    output,
                })
            }
        }
    }

    /// How long the start took.
    #[must_use]
    pub fn startup(&self) -> Startup {
        self.startup
    }

    /// The id of the process, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// The memory of the process that is in RAM now (`VmRSS`), in bytes.
    ///
    /// # Errors
    /// [`FunctionError::Observe`], also after the process ended.
    pub fn rss_bytes(&self) -> Result<u64, FunctionError> {
        resident_bytes(self.running()?).map_err(FunctionError::Observe)
    }

    /// The most memory of the process that was ever in RAM (`VmHWM`), in bytes.
    ///
    /// # Errors
    /// [`FunctionError::Observe`], also after the process ended.
    pub fn peak_rss_bytes(&self) -> Result<u64, FunctionError> {
        peak_bytes(self.running()?).map_err(FunctionError::Observe)
    }

    fn running(&self) -> Result<u32, FunctionError> {
        let ended = || FunctionError::Observe(std::io::Error::other("the process has ended"));
        self.child.id().ok_or_else(ended)
    }

    /// Sends an event and waits for what becomes of it.
    ///
    /// # Errors
    /// [`FunctionError::Exited`] when the process ends instead, [`FunctionError::Runtime`] when it
    /// does not answer in time or not with JSON.
    pub async fn invoke(&mut self, event: &Value) -> Result<Invocation, FunctionError> {
        self.invoke_timed(event)
            .await
            .map(|(invocation, _)| invocation)
    }

    /// As [`FunctionProcess::invoke`], and says how long it took.
    ///
    /// # Errors
    /// As [`FunctionProcess::invoke`].
    pub async fn invoke_timed(
        &mut self,
        event: &Value,
    ) -> Result<(Invocation, Duration), FunctionError> {
        let begun = Instant::now();
        let answered = tokio::select! {
            biased;
            answered = self.api.invoke(event, self.timeout) => answered,
            exited = self.child.wait() => return Err(self.exited(exited).await),
        };
        Ok((answered?, begun.elapsed()))
    }

    /// The newest lines that the process wrote to its standard output and error.
    #[must_use]
    pub fn logs(&self) -> Vec<String> {
        self.logs.lines()
    }

    /// Kills the process and waits for its end; returns its last output.
    ///
    /// # Errors
    /// [`FunctionError::Observe`].
    pub async fn stop(mut self) -> Result<Vec<String>, FunctionError> {
        self.child.kill().await.map_err(FunctionError::Observe)?;
        self.read_to_end().await;
        Ok(self.logs.lines())
    }

    async fn exited(&mut self, status: std::io::Result<ExitStatus>) -> FunctionError {
        match status {
            Ok(status) => {
                self.read_to_end().await;
                FunctionError::Exited {
                    status,
                    output: self.logs.tail(QUOTED_LINES),
                }
            }
            Err(error) => FunctionError::Observe(error),
        }
    }

    /// A grandchild may hold the pipes open, so the wait for their end is bounded.
    async fn read_to_end(&mut self) {
        let readers = std::mem::take(&mut self.readers);
        let all = async {
            for reader in readers {
                let _ = reader.await;
            }
        };
        let _ = tokio::time::timeout(LAST_OUTPUT, all).await;
    }
}

/// What Lambda sets for `provided.al2023`, with example values.
///
/// Source: "Defined runtime environment variables" in the Lambda developer guide.
pub(super) fn lambda_environment(
    options: &FunctionOptions,
    api: SocketAddr,
) -> Vec<(&'static str, String)> {
    [
        ("AWS_LAMBDA_RUNTIME_API", api.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", options.name.clone()),
        (
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            options.memory_mib.to_string(),
        ),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        (
            "AWS_LAMBDA_LOG_GROUP_NAME",
            format!("/aws/lambda/{}", options.name),
        ),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "local".to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_REGION", "eu-west-1".to_owned()),
        ("AWS_DEFAULT_REGION", "eu-west-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "111122223333".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ("_HANDLER", "bootstrap".to_owned()),
        ("LANG", "en_US.UTF-8".to_owned()),
        ("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin".to_owned()),
        ("TZ", ":UTC".to_owned()),
    ]
    .into()
}
