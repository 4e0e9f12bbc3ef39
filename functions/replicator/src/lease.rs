//! The right to be the only run at one piece of work.
//!
//! The queue may deliver an event twice, and several events may ask for the same copy: each referrer
//! of an image does. Two runs at one upload would destroy each other's progress.

use std::time::Duration;

use steward_aws::state::{Begin, Claim, StateStore};
use steward_runtime::Failure;

/// How much longer than it is held a right is kept, so that the table forgets those of runs that died.
const KEEP: Duration = Duration::from_secs(3600);

/// The right, until it is given back or its time is over.
pub(crate) struct Lease<'a> {
    state: &'a dyn StateStore,
    claim: Claim,
}

impl<'a> Lease<'a> {
    /// Takes the right for at most `hold`; nothing where another run has it.
    pub(crate) async fn take(
        state: &'a dyn StateStore,
        key: &str,
        hold: Duration,
    ) -> Result<Option<Self>, Failure> {
        Ok(match state.begin(key, hold, hold + KEEP).await? {
            Begin::Claimed(claim) => Some(Self { state, claim }),
            Begin::InProgress | Begin::Completed(_) => None,
        })
    }

    /// Lets the next run have it. Where that fails, it ends by itself.
    pub(crate) async fn give_back(self) {
        if let Err(error) = self.state.release(&self.claim).await {
            tracing::warn!(error = %error, "the state table still takes a copy for one under way");
        }
    }
}
