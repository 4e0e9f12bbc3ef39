//! How to start a local cloud.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::error::CloudError;
use super::paths;

/// Which ports a local cloud listens on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ports {
    /// Any that are free: for tests, of which several run at a time.
    #[default]
    Free,
    /// The same ones every time where they are free, so that people can learn them.
    Familiar,
}

/// The familiar ports: emulator, registry, mirror, inbox, the other account's registry.
pub(crate) const FAMILIAR: [u16; 5] = [4566, 5100, 5101, 8100, 5102];

impl Ports {
    /// The familiar port at this place, when it is wanted.
    pub(crate) fn preferred(self, place: usize) -> Option<u16> {
        match self {
            Self::Free => None,
            Self::Familiar => FAMILIAR.get(place).copied(),
        }
    }
}

/// Which policy is deployed first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PolicyText {
    /// The example policy.
    #[default]
    Example,
    /// A file.
    File(PathBuf),
    /// The text itself.
    Text(String),
}

impl PolicyText {
    pub(crate) fn read(&self) -> Result<String, CloudError> {
        let path = match self {
            Self::Text(text) => return Ok(text.clone()),
            Self::Example => &paths::example_policy(),
            Self::File(path) => path,
        };
        std::fs::read_to_string(path).map_err(|source| CloudError::File {
            what: "cannot read",
            path: path.clone(),
            source,
        })
    }
}

/// Tells what is being done.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(&str) + Send + Sync>);

impl Progress {
    /// Calls `tell` with one line at the beginning of each step.
    pub fn new(tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    pub(crate) fn tell(&self, line: &str) {
        (self.0)(line);
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new(|_| {})
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}

/// How to start a local cloud.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which ports.
    pub ports: Ports,
    /// Which policy.
    pub policy: PolicyText,
    /// How often an event is tried before it goes to the dead-letter queue.
    pub max_receives: u32,
    /// Seconds before the first retry; each further one waits twice as long.
    pub retry_base: u32,
    /// Seconds that one run of the replicator may take.
    pub replicator_timeout: u32,
    /// The size in bytes from which the replicator copies an image by many runs.
    pub split_bytes: Option<u64>,
    /// Makes the way of the functions to the mirror slow: each 64 KiB takes so long.
    pub mirror_delay: Option<Duration>,
    /// Whether the registry wants ECR's token, as ECR does. Without it `docker push` needs no login.
    pub require_auth: bool,
    /// The functions' log filter.
    pub log: String,
    /// Told of each step.
    pub progress: Progress,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ports: Ports::default(),
            policy: PolicyText::default(),
            max_receives: 8,
            retry_base: 2,
            replicator_timeout: 900,
            split_bytes: None,
            mirror_delay: None,
            require_auth: false,
            log: "info".to_owned(),
            progress: Progress::default(),
        }
    }
}
