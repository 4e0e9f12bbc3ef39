//! Images that are said to be older than they are.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};
use steward_core::Digest;

use super::{Images, Refusal, Repository, holder};
use crate::gateway::registry::Registry;

/// By how many seconds.
#[derive(Debug, Default)]
pub(super) struct Ages(Mutex<HashMap<(Registry, String, Digest), u64>>);

impl Images {
    /// Says from now on that an image was pushed so many seconds earlier than it was: no test waits
    /// for days.
    pub(crate) async fn age(
        &self,
        at: &Repository,
        reference: &str,
        seconds: u64,
    ) -> Result<Digest, Refusal> {
        let _guard = self.writing(&at.registry).await;
        let images = self.images(at).await?;
        let digest = holder(&images, reference).ok_or(Refusal::ManifestUnknown)?;
        let key = (at.registry.clone(), at.name.to_string(), digest.clone());
        let mut aged = self.ages.0.lock().unwrap_or_else(PoisonError::into_inner);
        aged.insert(key, seconds);
        Ok(digest.clone())
    }

    /// Of a deleted image nothing is remembered: pushed again, it is new.
    pub(super) fn forget(&self, at: &Repository, digest: &Digest) {
        let key = (at.registry.clone(), at.name.to_string(), digest.clone());
        let mut aged = self.ages.0.lock().unwrap_or_else(PoisonError::into_inner);
        aged.remove(&key);
    }

    /// When an image was pushed, as far as anybody is told.
    pub(super) fn pushed_at(
        &self,
        at: &Repository,
        digest: &Digest,
        truth: Option<&Value>,
    ) -> Value {
        let truth = truth.cloned().unwrap_or(json!(0));
        let key = (at.registry.clone(), at.name.to_string(), digest.clone());
        let aged = self.ages.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (aged.get(&key), truth.as_f64()) {
            #[expect(clippy::cast_precision_loss, reason = "a time in this century")]
            (Some(seconds), Some(truth)) => json!(truth - *seconds as f64),
            _ => truth,
        }
    }
}
