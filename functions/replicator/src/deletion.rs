//! Deletions at the source: noted when they happen, passed on when their time is over.
//!
//! The event of a deletion only sets a clock. When it has run out, the source is asked: a tag that is
//! back is copied, one that is gone is taken from the targets where it is ours. A source that does
//! not answer has said nothing, and the queue asks it again.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use steward_core::event::incoming::{ImageAction, Incoming, Review};
use steward_core::policy::Policy;
use steward_core::{Digest, ImageRef, Reference, Tag};
use steward_runtime::later::Wait;
use steward_runtime::{Failure, Later, Outcome, RecordContext};

use crate::memory::Memory;
use crate::plan::{Facts, PlannedRemoval, removals};
use crate::{RemoveJob, Removed, Replicator, facts, pushed_at, report, story};

/// What became of the removals of one look.
#[derive(Default)]
struct Removals {
    removed: u32,
    observed: u32,
    not_ours: u32,
    /// When what is left is to be looked at.
    again: Option<Timestamp>,
    failure: Option<Failure>,
}

impl Removals {
    fn wait(&mut self, until: Timestamp) {
        self.again = Some(self.again.map_or(until, |known| known.min(until)));
    }
}

impl Replicator {
    /// Notes a deletion, and sees to it that the targets are looked at when its time is over.
    pub(crate) async fn deleted(
        &self,
        incoming: &Incoming,
        action: &ImageAction,
        tag: &Tag,
    ) -> Result<Outcome, Failure> {
        let policy = self.policy.current().await?;
        let facts = facts(incoming, &action.repository, tag.clone());
        let planned = removals(&facts, &policy);
        let Some(after) = planned.iter().map(|removal| removal.after).min() else {
            return Ok(Outcome::new("not_propagated"));
        };
        let memory = Memory::new(&*self.state, &facts);
        let since = incoming.envelope.time;
        // Noted before anybody asks whose the copies are: a run that is making one at this moment
        // notes the copy first and asks for deletions then, so one of the two sees the other.
        if memory.gone_since().await?.is_none_or(|known| known < since) {
            memory.mark_gone(since).await?;
        }
        let mut ours = false;
        for removal in &planned {
            ours |= memory.ours(&removal.from).await?.is_some();
        }
        if !ours {
            return Ok(Outcome::new("not_ours"));
        }
        let due = later_than(since, after);
        let digest = action.digest.clone();
        self.look_again(incoming, &facts, digest, Some(due)).await?;
        Ok(Outcome::new("deletion_noted").detail(format!(
            "{}:{tag} was deleted; its copies are looked at from {due} on",
            facts.repository
        )))
    }

    /// Notes that a copy is ours. Where the source's tag was deleted while it was made, whoever heard
    /// of that knew of no copy yet: then the tag is looked at when the rule's time is over.
    pub(crate) async fn made(
        &self,
        target: &story::Target<'_>,
        digest: &Digest,
        after: Duration,
    ) -> Result<(), Failure> {
        let (incoming, facts) = (target.incoming, target.facts);
        let memory = Memory::new(&*self.state, facts);
        memory.made(&target.copy.to, digest, (self.clock)()).await;
        let Some(since) = memory.gone_since().await? else {
            return Ok(());
        };
        if since < incoming.envelope.time {
            // Of an earlier life of the tag: it was there after that.
            return memory.clear_gone().await;
        }
        let due = later_than(since, after);
        self.look_again(incoming, facts, facts.digest.clone(), Some(due))
            .await
    }

    /// Looks at a tag that may be gone; one that is there is brought to its targets.
    pub(crate) async fn review(
        &self,
        incoming: &Incoming,
        review: &Review,
        context: &RecordContext,
    ) -> Result<Outcome, Failure> {
        let facts = facts(incoming, &review.repository, review.tag.clone());
        let now = (self.clock)();
        if let Some(due) = review.due.filter(|due| *due > now) {
            self.look_again(incoming, &facts, review.digest.clone(), Some(due))
                .await?;
            return Ok(Outcome::new("waiting"));
        }
        let memory = Memory::new(&*self.state, &facts);
        // Read before the source is asked: a deletion that comes after its answer stays noted.
        let was_gone = memory.gone_since().await?.is_some();
        let reference = Reference::Tag(review.tag.clone());
        let found = self
            .ecr
            .describe_image(&review.repository, &reference)
            .await?;
        if found.is_some() {
            if was_gone {
                memory.clear_gone().await?;
            }
            return self
                .bring_over(incoming, &review.repository, &review.tag, context)
                .await;
        }
        let policy = self.policy.current().await?;
        self.remove_copies(incoming, review, &facts, &policy, context)
            .await
    }

    async fn remove_copies(
        &self,
        incoming: &Incoming,
        review: &Review,
        facts: &Facts,
        policy: &Policy,
        context: &RecordContext,
    ) -> Result<Outcome, Failure> {
        let planned = removals(facts, policy);
        if planned.is_empty() {
            return Ok(Outcome::new("not_propagated"));
        }
        let memory = Memory::new(&*self.state, facts);
        let now = (self.clock)();
        let since = match memory.gone_since().await? {
            Some(since) => since,
            // Nobody told when: from now on, then.
            None => {
                memory.mark_gone(now).await?;
                now
            }
        };
        let mut done = Removals::default();
        for removal in &planned {
            let due = later_than(since, removal.after);
            if due > now {
                done.wait(due);
                continue;
            }
            if let Err(failure) = self
                .remove_copy(incoming, facts, policy, removal, since, &mut done)
                .await
            {
                let failure = failure.context(format!("cannot remove {}", removal.from));
                if context.last_attempt || !failure.is_transient() {
                    let event = report::removal_failed(incoming, facts, removal, &failure);
                    if let Err(untold) = self.events.put(&[event]).await {
                        tracing::warn!(error = %untold, "the failure could not be told");
                    }
                }
                failure.count_in(&mut done.failure);
            }
        }
        if let Some(again) = done.again {
            let digest = review.digest.clone();
            self.look_again(incoming, facts, digest, Some(again))
                .await?;
        }
        let word = match (done.removed, done.again, done.observed) {
            (1.., _, _) => "removed",
            (0, Some(_), _) => "waiting",
            (0, None, 1..) => "observed",
            (0, None, 0) => "not_ours",
        };
        let outcome = Outcome::new(word)
            .detail(format!("{} copies are not ours to remove", done.not_ours))
            .count("CopiesRemoved", f64::from(done.removed));
        match done.failure {
            Some(failure) => Err(failure.after(outcome)),
            None => Ok(outcome),
        }
    }

    async fn remove_copy(
        &self,
        incoming: &Incoming,
        facts: &Facts,
        policy: &Policy,
        removal: &PlannedRemoval,
        since: Timestamp,
        done: &mut Removals,
    ) -> Result<(), Failure> {
        let memory = Memory::new(&*self.state, facts);
        let Some(digest) = memory.ours(&removal.from).await? else {
            done.not_ours += 1;
            return Ok(());
        };
        if !removal.mode.acts() {
            done.observed += 1;
            let event = report::removal_observed(incoming, facts, removal, &digest);
            self.events.put(&[event]).await?;
            return Ok(());
        }
        let target = policy
            .replication
            .iter()
            .find(|rule| rule.name.as_str() == removal.rule)
            .and_then(|rule| rule.to.get(removal.target_index));
        let Some(target) = target else {
            return Ok(());
        };
        let now = (self.clock)();
        let count = memory.count_removal(&removal.rule, now).await?;
        if count > u64::from(removal.max_per_hour) {
            done.wait(in_next_hour(now, &removal.from));
            return Ok(());
        }
        let job = RemoveJob {
            from: &removal.from,
            digest: &digest,
            target,
        };
        match self.copier.remove(&job).await? {
            Removed::Done => {
                done.removed += 1;
                let event = report::removed(incoming, facts, removal, &digest, since);
                self.events.put(&[event]).await?;
                memory.forget_copy(&removal.from).await;
            }
            Removed::NotThere => memory.forget_copy(&removal.from).await,
            Removed::Moved(found) => {
                tracing::info!("{} points to {found} by now and stays", removal.from);
                done.not_ours += 1;
                memory.forget_copy(&removal.from).await;
            }
        }
        Ok(())
    }

    /// Sends the function a message that it looks at the tag again; at once without `due`.
    pub(crate) async fn look_again(
        &self,
        incoming: &Incoming,
        facts: &Facts,
        digest: Option<Digest>,
        due: Option<Timestamp>,
    ) -> Result<(), Failure> {
        let review = Review {
            repository: facts.repository.clone(),
            tag: facts.tag.clone(),
            digest,
            due,
            pushed: pushed_at(incoming),
        };
        let event = review.to_event(&incoming.envelope);
        let now = (self.clock)();
        let due = due.unwrap_or(now);
        let wait = Wait {
            what: format!(
                "{}/{}/{}:{} {due}",
                facts.account, facts.region, facts.repository, facts.tag
            ),
            due: due.into(),
            delay: until(due, now),
        };
        self.queue()?.send(&event, &wait).await?;
        Ok(())
    }

    /// The function's own queue.
    pub(crate) fn queue(&self) -> Result<&dyn Later, Failure> {
        self.later.as_deref().ok_or_else(|| {
            Failure::permanent(
                "no_queue",
                "there is no queue to wait in (STEWARD_QUEUE_URL is not set)",
            )
        })
    }
}

fn later_than(time: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by)
        .ok()
        .and_then(|by| time.checked_add(by).ok())
        .unwrap_or(Timestamp::MAX)
}

/// A time within the next hour of the clock, always the same one for a copy: when thousands wait for
/// their turn, they do not all come at the stroke of the hour.
pub(crate) fn in_next_hour(now: Timestamp, copy: &ImageRef) -> Timestamp {
    let mut hasher = DefaultHasher::new();
    copy.to_string().hash(&mut hasher);
    let within = i64::try_from(hasher.finish() % 3600).unwrap_or_default();
    let hour = now.as_second().div_euclid(3600) + 1;
    Timestamp::from_second(hour.saturating_mul(3600).saturating_add(within))
        .unwrap_or(Timestamp::MAX)
}

/// How long it is from now to a time, in whole seconds that do not end before it.
fn until(due: Timestamp, now: Timestamp) -> Duration {
    let exact = Duration::try_from(due.duration_since(now)).unwrap_or_default();
    let seconds = exact.as_secs() + u64::from(exact.subsec_nanos() > 0);
    Duration::from_secs(seconds)
}
