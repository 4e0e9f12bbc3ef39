//! Looking at a tag again: when a grace period or a minimum age ends, and when the past of a tag
//! could not be read.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use steward_core::event::incoming::{Incoming, Review};
use steward_runtime::Failure;
use steward_runtime::later::Wait;

use crate::plan::Plan;
use crate::subject::Subject;
use crate::{History, TagGuard};

/// When a tag is looked at again whose past could not be read: each time as long as it is since the
/// event, within these.
const HISTORY_AGAIN: (SignedDuration, SignedDuration) =
    (SignedDuration::from_mins(5), SignedDuration::from_hours(6));
/// How long after its time a review that did not come is not waited for any more.
const OVERDUE: Duration = Duration::from_secs(3600);

impl TagGuard {
    /// Whether a review is due; one that comes too early is sent on.
    pub(crate) async fn is_due(
        &self,
        incoming: &Incoming,
        review: &Review,
    ) -> Result<bool, Failure> {
        let now = (self.clock)();
        let Some(due) = review.due.filter(|due| *due > now) else {
            if let Some(digest) = &review.digest {
                let subject = Subject::of_review(review);
                self.memory(incoming).end_review(&subject, digest).await;
            }
            return Ok(true);
        };
        self.send_review(incoming, review, due, now).await?;
        Ok(false)
    }

    /// Sees to it that the tag is looked at again, where the plan has a time for that.
    pub(crate) async fn look_again(
        &self,
        incoming: &Incoming,
        subject: &Subject,
        plan: &Plan,
        history: &History,
    ) -> Result<(), Failure> {
        let now = (self.clock)();
        let missed = history
            .previous
            .failure()
            .and_then(|_| now.checked_add(pause(incoming, now)).ok());
        let Some(due) = plan.recheck_at.into_iter().chain(missed).min() else {
            return Ok(());
        };
        let Some(digest) = &plan.digest else {
            return Ok(());
        };
        let memory = self.memory(incoming);
        if memory
            .review(subject, digest)
            .await
            .is_some_and(|on_its_way| on_its_way <= due)
        {
            return Ok(());
        }
        let review = Review {
            repository: subject.repository.clone(),
            tag: subject.tag.clone(),
            digest: Some(digest.clone()),
            due: Some(due),
            pushed: None,
        };
        // Sent before it is written down: one review too many costs little, a lost one a decision.
        self.send_review(incoming, &review, due, now).await?;
        let keep = wait(due, now).saturating_add(OVERDUE);
        memory.begin_review(subject, digest, due, keep).await;
        Ok(())
    }

    async fn send_review(
        &self,
        incoming: &Incoming,
        review: &Review,
        due: Timestamp,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let Some(later) = &self.later else {
            tracing::warn!(
                "{}:{} should be looked at again at {due}, and there is no queue to wait in \
                 (STEWARD_QUEUE_URL is not set)",
                review.repository,
                review.tag
            );
            return Ok(());
        };
        let envelope = &incoming.envelope;
        let image = match &review.digest {
            Some(digest) => format!("{}:{}@{digest}", review.repository, review.tag),
            None => format!("{}:{}", review.repository, review.tag),
        };
        let wait = Wait {
            what: format!("{}/{}/{image}/{due}", envelope.account, envelope.region),
            due: due.into(),
            delay: wait(due, now),
        };
        later.send(&review.to_event(envelope), &wait).await?;
        Ok(())
    }
}

fn pause(incoming: &Incoming, now: Timestamp) -> SignedDuration {
    let (shortest, longest) = HISTORY_AGAIN;
    let since = now.duration_since(incoming.envelope.time);
    since.max(shortest).min(longest)
}

/// How long it is from now to a time, in whole seconds that do not end before it.
fn wait(due: Timestamp, now: Timestamp) -> Duration {
    let exact = Duration::try_from(due.duration_since(now)).unwrap_or_default();
    let seconds = exact.as_secs() + u64::from(exact.subsec_nanos() > 0);
    Duration::from_secs(seconds)
}
