//! The policy in use.
//!
//! A policy is read at start-up, used for a while, and read again; it is parsed only when it changed.
//! A broken policy never replaces a good one: the last good one stays in use, the mistakes are logged
//! and counted, and one `Steward Unhealthy` event per broken version tells people.

mod location;
#[cfg(feature = "state")]
mod memory;
mod source;
mod unhealthy;

use std::fmt;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use steward_core::policy::{Policy, PolicyError};
use steward_core::{AccountId, Region};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::failure::chain;
use crate::sink::EventSink;

pub use location::PolicyLocation;
#[cfg(feature = "state")]
pub use memory::StateMemory;
pub use source::{AwsPolicySource, PolicyReadError, PolicySource, PolicyText};

/// Why there is no policy at all.
#[derive(Debug, thiserror::Error)]
pub enum PolicyUnavailable {
    /// It could not be read, and none was read before.
    #[error("the policy {location} cannot be read")]
    Unreadable {
        /// Where it is.
        location: String,
        /// Why not.
        #[source]
        source: PolicyReadError,
    },
    /// It has mistakes, and there is no good one from before.
    #[error("the policy {location} has mistakes: {mistakes}")]
    Broken {
        /// Where it is.
        location: String,
        /// All of them.
        mistakes: String,
    },
}

impl PolicyUnavailable {
    /// Always: a policy is repaired while events wait in the queue.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        true
    }

    /// A stable word for logs, metrics and dead letters.
    #[must_use]
    pub const fn error_type(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "policy_unreadable",
            Self::Broken { .. } => "policy_broken",
        }
    }
}

/// Gives out the policy in use.
pub struct PolicyStore {
    source: Arc<dyn PolicySource>,
    refresh: Duration,
    events: Option<Arc<dyn EventSink>>,
    memory: Option<Arc<dyn PolicyMemory>>,
    function: String,
    home: StdMutex<Option<(AccountId, Region)>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    good: Option<Good>,
    broken: Option<Broken>,
    looked: Option<Instant>,
}

/// Remembers the last good policy beyond the life of one function instance.
#[async_trait]
pub trait PolicyMemory: Send + Sync {
    /// Keeps the text of a good policy. That it could not is logged, no more.
    async fn keep(&self, text: &str);

    /// The text that was kept last.
    async fn recall(&self) -> Option<String>;
}

struct Good {
    policy: Arc<Policy>,
    version: String,
    /// The text, until it is kept.
    unkept: Option<String>,
    /// Whether it was checked against the registry it looks after.
    home_checked: bool,
}

struct Broken {
    version: String,
    mistakes: String,
    told: Told,
}

/// Whether people know of a broken policy.
enum Told {
    Not,
    /// An attempt failed then.
    Tried(Instant),
    Yes,
}

impl Told {
    /// Whether to try now. A bus that is down is not asked again at every event.
    fn is_due(&self, pause: Duration) -> bool {
        match self {
            Self::Not => true,
            Self::Tried(at) => at.elapsed() >= pause,
            Self::Yes => false,
        }
    }
}

impl fmt::Debug for PolicyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyStore")
            .field("location", &self.source.location())
            .finish_non_exhaustive()
    }
}

impl PolicyStore {
    /// Reads from `source`, and looks for changes every `refresh`. `events` is told of broken
    /// policies.
    #[must_use]
    pub fn new(
        source: Arc<dyn PolicySource>,
        refresh: Duration,
        events: Option<Arc<dyn EventSink>>,
        function: impl Into<String>,
    ) -> Self {
        Self {
            source,
            refresh,
            events,
            memory: None,
            function: function.into(),
            home: StdMutex::default(),
            state: Mutex::default(),
        }
    }

    /// A policy that never changes, for tests and tools.
    #[must_use]
    pub fn fixed(policy: Policy) -> Self {
        let store = Self::new(Arc::new(source::Nowhere), Duration::MAX, None, "");
        Self {
            state: Mutex::new(State {
                good: Some(Good {
                    policy: Arc::new(policy),
                    version: String::new(),
                    unkept: None,
                    home_checked: true,
                }),
                broken: None,
                looked: Some(Instant::now()),
            }),
            ..store
        }
    }

    /// Tells the store which registry the policy looks after; a policy that would feed itself there
    /// is broken.
    pub fn set_home(&self, account: AccountId, region: Region) {
        *self.home.lock().unwrap_or_else(PoisonError::into_inner) = Some((account, region));
    }

    /// The policy to use now.
    ///
    /// # Errors
    ///
    /// When none can be read, and none that was read before is good.
    pub async fn current(&self) -> Result<Arc<Policy>, PolicyUnavailable> {
        let mut state = self.state.lock().await;
        // `looked` alone does not tell: a look that was cut off by a deadline found nothing.
        let due = state.good.is_none() || state.looked.is_none_or(|x| x.elapsed() >= self.refresh);
        let read_error = if due {
            self.look(&mut state).await
        } else {
            None
        };
        self.check_home(&mut state);
        self.tell(&mut state).await;
        self.remember(&mut state).await;
        if let Some(good) = &state.good {
            return Ok(good.policy.clone());
        }
        // Nothing to fall back on: look again at the next event, not after the interval.
        state.looked = None;
        match (read_error, &state.broken) {
            (Some(source), _) => Err(PolicyUnavailable::Unreadable {
                location: self.source.location(),
                source,
            }),
            (None, broken) => Err(PolicyUnavailable::Broken {
                location: self.source.location(),
                mistakes: broken
                    .as_ref()
                    .map(|x| x.mistakes.clone())
                    .unwrap_or_default(),
            }),
        }
    }

    /// Lets functions that start later fall back on the last good policy, as this one does.
    #[must_use]
    pub fn remembering(mut self, memory: Arc<dyn PolicyMemory>) -> Self {
        self.memory = Some(memory);
        self
    }

    /// Keeps a policy that proved good; recalls one where the newest is broken and this instance has
    /// seen no other.
    async fn remember(&self, state: &mut State) {
        let Some(memory) = &self.memory else { return };
        if let Some(good) = &mut state.good {
            if let Some(text) = good.unkept.take() {
                memory.keep(&text).await;
            }
        } else if state.broken.is_some()
            && let Some(text) = memory.recall().await
            && let Ok(policy) = Policy::parse(&text, &self.source.location())
        {
            tracing::warn!("the last good policy, kept by an earlier run, is in use");
            state.good = Some(Good {
                policy: Arc::new(policy),
                version: String::new(),
                unkept: None,
                home_checked: false,
            });
        }
    }

    /// Whether the newest policy is not usable.
    pub async fn is_broken(&self) -> bool {
        self.state.lock().await.broken.is_some()
    }

    async fn look(&self, state: &mut State) -> Option<PolicyReadError> {
        state.looked = Some(Instant::now());
        let known = match (&state.broken, &state.good) {
            (Some(broken), _) => Some(broken.version.as_str()),
            (None, Some(good)) => Some(good.version.as_str()),
            (None, None) => None,
        };
        match self.source.read(known).await {
            Ok(PolicyText::Unchanged) => None,
            Ok(PolicyText::Text { text, version }) => {
                self.take(state, text, version).await;
                None
            }
            Err(error) => {
                tracing::warn!(
                    policy.location = self.source.location(),
                    policy.in_use = state.good.is_some(),
                    error = chain(&error),
                    "cannot read the policy {}: {}",
                    self.source.location(),
                    chain(&error)
                );
                Some(error)
            }
        }
    }

    async fn take(&self, state: &mut State, text: String, version: String) {
        if let Some(good) = &state.good
            && good.version == version
        {
            // Somebody took the broken one back.
            state.broken = None;
            return;
        }
        // On another thread: connections are made meanwhile, and it is the longest part of a start.
        let location = self.source.location();
        let parsing = tokio::task::spawn_blocking(move || {
            let parsed = Policy::parse(&text, &location).map_err(|x| x.to_string());
            parsed.map(|policy| (policy, text))
        });
        let parsed = parsing.await.unwrap_or_else(|error| Err(chain(&error)));
        let checked = parsed.and_then(|(policy, text)| match self.home() {
            Some((account, region)) => match mistakes(&policy.check_home(&account, &region)) {
                Some(mistakes) => Err(mistakes),
                None => Ok((policy, text, true)),
            },
            None => Ok((policy, text, false)),
        });
        match checked {
            Ok((policy, text, home_checked)) => {
                tracing::info!(
                    policy.location = self.source.location(),
                    policy.version = version,
                    policy.mode = policy.mode.as_str(),
                    "policy {} in use",
                    self.source.location()
                );
                state.broken = None;
                state.good = Some(Good {
                    policy: Arc::new(policy),
                    version,
                    unkept: Some(text),
                    home_checked,
                });
            }
            Err(mistakes) => self.broken(state, version, mistakes),
        }
    }

    fn broken(&self, state: &mut State, version: String, mistakes: String) {
        if state.broken.as_ref().is_some_and(|x| x.version == version) {
            return;
        }
        tracing::error!(
            policy.location = self.source.location(),
            policy.version = version,
            policy.in_use = state.good.is_some(),
            error = mistakes,
            error_type = "policy_broken",
            "policy {} has mistakes; {}",
            self.source.location(),
            if state.good.is_some() {
                "the last good one stays in use"
            } else {
                "there is no other to use"
            }
        );
        state.broken = Some(Broken {
            version,
            mistakes,
            told: Told::Not,
        });
    }

    fn home(&self) -> Option<(AccountId, Region)> {
        self.home
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The first policy is read before the function knows its account.
    fn check_home(&self, state: &mut State) {
        let Some((account, region)) = self.home() else {
            return;
        };
        let Some(good) = state.good.as_mut().filter(|x| !x.home_checked) else {
            return;
        };
        good.home_checked = true;
        if let Some(mistakes) = mistakes(&good.policy.check_home(&account, &region)) {
            let version = good.version.clone();
            state.good = None;
            self.broken(state, version, mistakes);
        }
    }

    /// Puts the event about a broken policy, until it was put once.
    async fn tell(&self, state: &mut State) {
        let in_use = state.good.is_some();
        let Some(broken) = state
            .broken
            .as_mut()
            .filter(|x| x.told.is_due(self.refresh))
        else {
            return;
        };
        let Some(events) = &self.events else {
            broken.told = Told::Yes;
            return;
        };
        let event = unhealthy::event(
            &unhealthy::Facts {
                location: &self.source.location(),
                version: &broken.version,
                mistakes: &broken.mistakes,
                function: &self.function,
                in_use,
            },
            self.home(),
        );
        match events.put(&[event]).await {
            Ok(()) => broken.told = Told::Yes,
            Err(error) => {
                broken.told = Told::Tried(Instant::now());
                tracing::warn!(
                    error = chain(&error),
                    "cannot tell that the policy is broken: {}",
                    chain(&error)
                );
            }
        }
    }
}

fn mistakes(errors: &[PolicyError]) -> Option<String> {
    if errors.is_empty() {
        return None;
    }
    Some(
        errors
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n"),
    )
}

#[cfg(test)]
mod tests;
