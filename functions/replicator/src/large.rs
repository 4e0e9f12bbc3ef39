//! Images that one run cannot copy.
//!
//! A run that comes near its deadline stops in good order and sends the function a message to go on:
//! no failure, and none of the message's tries is used up. Where more is missing than one run should
//! move, each missing blob gets a message of its own, for as many runs as there are at the same time,
//! and one more message looks from time to time whether all of them are there: it writes the
//! manifests, and the tag, last.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use steward_core::event::incoming::{Incoming, Part};
use steward_core::policy::ReplicationTarget;
use steward_registry::{Descriptor, Paused, Verify};
use steward_runtime::{Failure, RecordContext};

use crate::lease::Lease;
use crate::memory::{Memory, Split};
use crate::plan::{Facts, PlannedCopy};
use crate::{Copied, CopyJob, Replicator, story};

/// Time kept for telling the queue and the state table, after the engine has stopped.
pub(crate) const CLOSING: Duration = Duration::from_millis(500);
/// How long to wait between two looks at an image that many runs copy.
const LOOK: SignedDuration = SignedDuration::from_secs(15);
/// How long a look that was sent for is the only one: not quite until it comes, whose clock may differ.
const ALONE: Duration = Duration::from_secs(14);
/// How long the messages of blobs are given before the next blob has to be there: longer than a run.
const PATIENCE: SignedDuration = SignedDuration::from_mins(20);
/// How many times in a row blobs are sent for that come no further.
const ROUNDS: u32 = 3;
/// Messages that come at the same time are handed to one run, so each comes a second later.
const MOST_APART: u64 = 60;

/// What a look at an image in parts said.
pub(crate) enum Parts {
    /// There is nothing to wait for: it is copied as any other.
    None,
    /// Blobs are still on their way.
    Waiting,
}

impl Replicator {
    /// Copies an image as far as this run can, unless another run is at it.
    pub(crate) async fn copy_some(
        &self,
        target: &story::Target<'_>,
        to: &ReplicationTarget,
        size: Option<u64>,
    ) -> Result<Copied, Failure> {
        let Some(job) = job(target.facts, target.copy, to, target.context) else {
            return Ok(Copied::SourceMoved);
        };
        let key = format!("lease#{}", target.copy.to);
        let hold = target.context.deadline.remaining();
        let Some(lease) = Lease::take(&*self.state, &key, hold).await? else {
            return Ok(Copied::Waiting);
        };
        let copied = self.copy_alone(target, job, size).await;
        lease.give_back().await;
        copied
    }

    async fn copy_alone(
        &self,
        target: &story::Target<'_>,
        mut job: CopyJob<'_>,
        size: Option<u64>,
    ) -> Result<Copied, Failure> {
        let to = &target.copy.to;
        let memory = Memory::new(&*self.state, target.facts);
        let split = memory.split(to).await?;
        let uploads = memory.uploads(to, None).await;
        let is_continued = split.is_some() || uploads.is_some();
        let is_large = size.is_some_and(|size| size >= self.split_bytes);
        if (split.is_some() || is_large)
            && matches!(self.parts(target, &job, split).await?, Parts::Waiting)
        {
            return Ok(Copied::Waiting);
        }
        let resume = uploads.unwrap_or_default();
        job.resume = &resume;
        if is_continued {
            // No single run saw all of it arrive, so the last one looks whether it did.
            job.verify = Verify::Full;
        }
        let copied = self.copier.copy(&job).await?;
        let Copied::Paused(paused) = &copied else {
            if is_continued && matches!(copied, Copied::Done(_)) {
                memory.end_split(to).await;
                memory.forget_uploads(to).await;
            }
            return Ok(copied);
        };
        // A run that was over before the image was read knows nothing of the earlier ones' uploads.
        if paused.left.blobs > 0 || !paused.uploads.is_empty() {
            memory.keep_uploads(to, None, &paused.uploads).await;
        }
        if paused.left.bytes >= self.split_bytes && paused.left.blobs > 1 {
            // The next run sends the messages: this one has the time to say so, and no more.
            memory.keep_split(to, &Split::due((self.clock)())).await?;
        }
        Ok(copied)
    }

    /// Looks which blobs are missing, and sees to it that they come.
    async fn parts(
        &self,
        target: &story::Target<'_>,
        job: &CopyJob<'_>,
        split: Option<Split>,
    ) -> Result<Parts, Failure> {
        let to = &target.copy.to;
        let memory = Memory::new(&*self.state, target.facts);
        let missing = self.copier.missing(job).await?;
        let bytes: u64 = missing.iter().map(|blob| blob.size).sum();
        let now = (self.clock)();
        let split = match split {
            Some(split) if !missing.is_empty() => split,
            None if missing.len() > 1 && bytes >= self.split_bytes => Split::due(now),
            Some(_) | None => return Ok(Parts::None),
        };
        // Only now: of an image that is whole, an old failure says nothing.
        if let Some(failed) = &split.failed {
            memory.end_split(to).await;
            return Err(part_failed(failed));
        }
        let moves = missing.len() < split.left;
        if !moves && now < split.until {
            return Ok(Parts::Waiting);
        }
        if !moves && split.rounds >= ROUNDS {
            memory.end_split(to).await;
            let lost = format!(
                "{} blobs did not come further, though each was sent for {ROUNDS} times",
                missing.len()
            );
            return Err(part_failed(&lost));
        }
        let next = Split {
            left: missing.len(),
            until: patience(now),
            rounds: if moves { 0 } else { split.rounds + 1 },
            failed: None,
        };
        // Before the messages: a run that dies while it sends them would have each sent once more.
        memory.keep_split(to, &next).await?;
        if !moves && let Err(failure) = self.send_parts(target, &missing).await {
            memory.keep_split(to, &split).await?;
            return Err(failure);
        }
        Ok(Parts::Waiting)
    }

    async fn send_parts(
        &self,
        target: &story::Target<'_>,
        missing: &[Descriptor],
    ) -> Result<(), Failure> {
        let Some(digest) = &target.facts.digest else {
            return Ok(());
        };
        for (delay, blob) in (0..).zip(missing) {
            let part = Part {
                repository: target.facts.repository.clone(),
                tag: target.facts.tag.clone(),
                digest: digest.clone(),
                rule: target.copy.rule.clone(),
                to: target.copy.to.clone(),
                blob: blob.digest.clone(),
                media_type: blob.media_type.clone(),
                size: blob.size,
            };
            let delay = Duration::from_secs(std::cmp::min(delay, MOST_APART));
            self.send_part(target.incoming, &part, delay).await?;
        }
        tracing::info!(
            "{} is copied to {} by {} messages, one a blob",
            target.source(),
            target.copy.to,
            missing.len()
        );
        Ok(())
    }

    /// Sends the function a message to go on with a tag: at once, or to look how far others are.
    pub(crate) async fn go_on(
        &self,
        incoming: &Incoming,
        facts: &Facts,
        waiting: bool,
    ) -> Result<(), Failure> {
        let digest = facts.digest.clone();
        if !waiting {
            return self.look_again(incoming, facts, digest, None).await;
        }
        // One look that is still to come is enough for all who wait: it sees what each would see.
        let key = Memory::new(&*self.state, facts).look_key();
        let Some(place) = Lease::take(&*self.state, &key, ALONE).await? else {
            return Ok(());
        };
        let due = (self.clock)().checked_add(LOOK).ok();
        let sent = self.look_again(incoming, facts, digest, due).await;
        if sent.is_err() {
            place.give_back().await;
        }
        sent
    }
}

/// Whether a run has no time left to begin anything.
pub(crate) fn is_over(context: &RecordContext) -> bool {
    context.deadline.earlier(CLOSING).remaining().is_zero()
}

/// Until when the messages of blobs are waited for.
pub(crate) fn patience(now: Timestamp) -> Timestamp {
    now.checked_add(PATIENCE).unwrap_or(now)
}

fn part_failed(what: &str) -> Failure {
    let what = format!("a part of the image cannot be copied: {what}");
    Failure::permanent("part_failed", what)
}

/// Whether a run that stopped has done anything that the next one need not do.
pub(crate) fn has_moved(paused: &Paused) -> bool {
    paused.moved.bytes > 0 || paused.moved.blobs > 0 || !paused.uploads.is_empty()
}

/// A run that could do nothing at all: the queue's tries are for that.
pub(crate) fn no_time() -> Failure {
    Failure::transient(
        "no_time",
        "the time was over before anything was moved; it is tried again (a layer that is too large \
         for one run at a registry that takes no parts is best copied with `steward copy`)",
    )
}

pub(crate) fn job<'a>(
    facts: &'a Facts,
    copy: &'a PlannedCopy,
    target: &'a ReplicationTarget,
    context: &RecordContext,
) -> Option<CopyJob<'a>> {
    Some(CopyJob {
        facts,
        digest: facts.digest.as_ref()?,
        to: &copy.to,
        target,
        referrers: copy.referrers,
        platforms: &copy.platforms,
        deadline: context.deadline.earlier(CLOSING),
        resume: &[],
        verify: Verify::Answers,
    })
}
