//! The state table in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::Value;

use super::{Begin, Claim, StateError, StateStore, new_owner};
use crate::error::{Kind, ServiceError};

/// State in memory, with a clock that tests can push.
#[derive(Debug)]
pub struct FakeState {
    items: Mutex<BTreeMap<String, Item>>,
    offset: Mutex<Duration>,
    failing: std::sync::atomic::AtomicBool,
    started: Instant,
}

#[derive(Clone, Debug)]
struct Item {
    content: Content,
    expires: Duration,
}

#[derive(Clone, Debug)]
enum Content {
    Claimed { owner: String, until: Duration },
    Completed(Value),
}

impl Default for FakeState {
    fn default() -> Self {
        Self {
            items: Mutex::default(),
            offset: Mutex::default(),
            failing: std::sync::atomic::AtomicBool::new(false),
            started: Instant::now(),
        }
    }
}

impl FakeState {
    /// Lets time pass.
    pub fn advance(&self, time: Duration) {
        *lock(&self.offset) += time;
    }

    /// Whether every call fails from now on.
    pub fn fail(&self, failing: bool) {
        self.failing
            .store(failing, std::sync::atomic::Ordering::SeqCst);
    }

    /// The keys that have data and have not expired.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let now = self.now();
        lock(&self.items)
            .iter()
            .filter(|(_, x)| x.expires > now && matches!(x.content, Content::Completed(_)))
            .map(|(key, _)| key.clone())
            .collect()
    }

    fn now(&self) -> Duration {
        self.started.elapsed() + *lock(&self.offset)
    }

    fn items(
        &self,
        operation: &'static str,
    ) -> Result<MutexGuard<'_, BTreeMap<String, Item>>, StateError> {
        if self.failing.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(ServiceError::new(
                "dynamodb",
                operation,
                Kind::Unavailable,
                "failing on request",
            )
            .into());
        }
        Ok(lock(&self.items))
    }
}

#[async_trait]
impl StateStore for FakeState {
    async fn get(&self, key: &str) -> Result<Option<Value>, StateError> {
        let now = self.now();
        Ok(match self.items("GetItem")?.get(key) {
            Some(Item {
                content: Content::Completed(data),
                expires,
            }) if *expires > now => Some(data.clone()),
            _ => None,
        })
    }

    async fn put(&self, key: &str, data: &Value, keep: Duration) -> Result<(), StateError> {
        let expires = self.now() + keep;
        self.items("PutItem")?.insert(
            key.to_owned(),
            Item {
                content: Content::Completed(data.clone()),
                expires,
            },
        );
        Ok(())
    }

    async fn put_new(
        &self,
        key: &str,
        data: &Value,
        keep: Duration,
    ) -> Result<Option<Value>, StateError> {
        if let Some(known) = self.get(key).await? {
            return Ok(Some(known));
        }
        self.put(key, data, keep).await?;
        Ok(None)
    }

    async fn count(&self, key: &str, keep: Duration) -> Result<u64, StateError> {
        let now = self.now();
        let mut items = self.items("UpdateItem")?;
        let known = items.get(key).filter(|item| item.expires > now);
        let (count, expires) = match known {
            Some(Item {
                content: Content::Completed(count),
                expires,
            }) => (count.as_u64().unwrap_or_default(), *expires),
            _ => (0, now + keep),
        };
        items.insert(
            key.to_owned(),
            Item {
                content: Content::Completed((count + 1).into()),
                expires,
            },
        );
        Ok(count + 1)
    }

    async fn delete(&self, key: &str) -> Result<(), StateError> {
        self.items("DeleteItem")?.remove(key);
        Ok(())
    }

    async fn begin(&self, key: &str, hold: Duration, keep: Duration) -> Result<Begin, StateError> {
        let now = self.now();
        let mut items = self.items("PutItem")?;
        match items
            .get(key)
            .filter(|x| x.expires > now)
            .map(|x| &x.content)
        {
            Some(Content::Completed(data)) => return Ok(Begin::Completed(data.clone())),
            Some(Content::Claimed { until, .. }) if *until > now => return Ok(Begin::InProgress),
            _ => {}
        }
        let owner = new_owner();
        items.insert(
            key.to_owned(),
            Item {
                content: Content::Claimed {
                    owner: owner.clone(),
                    until: now + hold,
                },
                expires: now + keep,
            },
        );
        Ok(Begin::Claimed(Claim {
            key: key.to_owned(),
            owner,
        }))
    }

    async fn complete(
        &self,
        claim: &Claim,
        data: &Value,
        keep: Duration,
    ) -> Result<(), StateError> {
        let expires = self.now() + keep;
        let mut items = self.items("PutItem")?;
        match items.get(&claim.key).map(|x| &x.content) {
            None => {}
            Some(Content::Claimed { owner, .. }) if *owner == claim.owner => {}
            Some(_) => {
                return Err(StateError::ClaimLost {
                    key: claim.key.clone(),
                });
            }
        }
        items.insert(
            claim.key.clone(),
            Item {
                content: Content::Completed(data.clone()),
                expires,
            },
        );
        Ok(())
    }

    async fn release(&self, claim: &Claim) -> Result<(), StateError> {
        let mut items = self.items("DeleteItem")?;
        if let Some(Item {
            content: Content::Claimed { owner, .. },
            ..
        }) = items.get(&claim.key)
            && *owner == claim.owner
        {
            items.remove(&claim.key);
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
