//! Images that one run cannot copy.
//!
//! A run that comes near its deadline stops in good order and sends the function a message to go on:
//! no failure, and none of the message's tries is used up. Where more is missing than one run should
//! move, each missing blob gets a message of its own, for as many runs as there are at the same time,
//! and one more message looks from time to time whether all of them are there: it writes the
//! manifests, and the tag, last.

use std::time::{Duration, SystemTime};

use jiff::SignedDuration;
use steward_core::ImageRef;
use steward_core::event::incoming::{Incoming, Part};
use steward_core::policy::{Policy, ReplicationTarget};
use steward_registry::{Descriptor, Paused};
use steward_runtime::later::Wait;
use steward_runtime::{Failure, Outcome, RecordContext};

use crate::memory::{Memory, Split};
use crate::plan::{Facts, PlannedCopy};
use crate::{Copied, CopiedBlob, CopyJob, Replicator, facts, story};

/// Time kept for telling the queue and the state table, after the engine has stopped.
pub(crate) const CLOSING: Duration = Duration::from_millis(500);
/// How long to wait between two looks at an image that many runs copy.
const LOOK: SignedDuration = SignedDuration::from_secs(15);
/// How long the messages of blobs are given before the next blob has to be there: longer than a run.
const PATIENCE: SignedDuration = SignedDuration::from_mins(20);
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
    /// Copies an image as far as this run can.
    pub(crate) async fn copy_some(
        &self,
        target: &story::Target<'_>,
        to: &ReplicationTarget,
        size: Option<u64>,
    ) -> Result<Copied, Failure> {
        let memory = Memory::new(&*self.state, target.facts);
        let Some(mut job) = job(target.facts, target.copy, to, target.context) else {
            return Ok(Copied::SourceMoved);
        };
        let split = memory.split(&target.copy.to).await?;
        if let Some(failed) = split.as_ref().and_then(|split| split.failed.as_ref()) {
            memory.end_split(&target.copy.to).await;
            let failed = format!("a part of the image cannot be copied: {failed}");
            return Err(Failure::permanent("part_failed", failed));
        }
        let is_large = size.is_some_and(|size| size >= self.split_bytes);
        if (split.is_some() || is_large)
            && matches!(self.parts(target, &job, split).await?, Parts::Waiting)
        {
            return Ok(Copied::Waiting);
        }
        let resume = memory.uploads(&target.copy.to, None).await;
        job.resume = &resume;
        let copied = self.copier.copy(&job).await?;
        let Copied::Paused(paused) = &copied else {
            return Ok(copied);
        };
        memory
            .keep_uploads(&target.copy.to, None, &paused.uploads)
            .await;
        if paused.left.bytes >= self.split_bytes && paused.left.blobs > 1 {
            self.parts(target, &job, None).await?;
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
        let is_split = split.is_some();
        if missing.is_empty() || (!is_split && (missing.len() < 2 || bytes < self.split_bytes)) {
            if is_split {
                memory.end_split(to).await;
            }
            return Ok(Parts::None);
        }
        let now = (self.clock)();
        let moves = split
            .as_ref()
            .is_some_and(|split| missing.len() < split.left);
        let waits = split.as_ref().is_some_and(|split| now < split.until);
        if !moves && !waits {
            self.send_parts(target, &missing).await?;
        }
        if moves || !waits {
            let until = now.checked_add(PATIENCE).unwrap_or(now);
            let left = missing.len();
            let failed = None;
            let split = Split {
                left,
                until,
                failed,
            };
            memory.keep_split(to, &split).await?;
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

    async fn send_part(
        &self,
        incoming: &Incoming,
        part: &Part,
        delay: Duration,
    ) -> Result<(), Failure> {
        let now: SystemTime = (self.clock)().into();
        let wait = Wait {
            what: format!("{} {}", part.to, part.blob),
            due: now + delay,
            delay,
        };
        let event = part.to_event(&incoming.envelope);
        Ok(self.queue()?.send(&event, &wait).await?)
    }

    /// Sends the function a message to go on with a tag: at once, or to look how far others are.
    pub(crate) async fn go_on(
        &self,
        incoming: &Incoming,
        facts: &Facts,
        waiting: bool,
    ) -> Result<(), Failure> {
        let due = waiting
            .then(|| (self.clock)().checked_add(LOOK).ok())
            .flatten();
        self.look_again(incoming, facts, facts.digest.clone(), due)
            .await
    }

    /// Notes that a blob will not come, so that the look at its image ends with its failure.
    pub(crate) async fn part_failed(
        &self,
        incoming: &Incoming,
        part: &Part,
        failure: &Failure,
    ) -> Result<(), Failure> {
        let facts = facts(incoming, &part.repository, part.tag.clone());
        let split = Split {
            left: 0,
            until: (self.clock)(),
            failed: Some(failure.chain().chars().take(1000).collect()),
        };
        Memory::new(&*self.state, &facts)
            .keep_split(&part.to, &split)
            .await
    }

    /// Copies one blob of an image.
    pub(crate) async fn copy_part(
        &self,
        incoming: &Incoming,
        part: &Part,
        context: &RecordContext,
    ) -> Result<Outcome, Failure> {
        let policy = self.policy.current().await?;
        let mut facts = facts(incoming, &part.repository, part.tag.clone());
        facts.digest = Some(part.digest.clone());
        let Some(target) = target_of(part, &policy) else {
            return Ok(Outcome::new("not_wanted"));
        };
        let copy = PlannedCopy {
            rule: part.rule.clone(),
            target_index: 0,
            to: part.to.clone(),
            referrers: false,
            platforms: Vec::new(),
            mode: steward_core::Mode::Enforce,
        };
        let memory = Memory::new(&*self.state, &facts);
        let Some(mut job) = job(&facts, &copy, target, context) else {
            return Ok(Outcome::new("not_wanted"));
        };
        let resume = memory.uploads(&part.to, Some(&part.blob)).await;
        job.resume = &resume;
        let blob = Descriptor::new(part.media_type.clone(), part.blob.clone(), part.size);
        let copied = self.copier.copy_blob(&job, &blob).await;
        let copied = copied.map_err(|failure| {
            failure.context(format!("cannot copy {} to {}", part.blob, part.to))
        })?;
        #[expect(
            clippy::cast_precision_loss,
            reason = "a metric of bytes needs no last digit"
        )]
        let outcome = |word, bytes: u64| Outcome::new(word).count("BytesCopied", bytes as f64);
        Ok(match copied {
            CopiedBlob::Done(bytes) => outcome("part_copied", bytes),
            CopiedBlob::SourceGone => outcome("source_gone", 0),
            CopiedBlob::Paused(moved, upload) => {
                let moves = moved > 0 || upload != resume.first().cloned();
                if !moves {
                    return Err(no_time());
                }
                let uploads: Vec<_> = upload.into_iter().collect();
                memory
                    .keep_uploads(&part.to, Some(&part.blob), &uploads)
                    .await;
                self.send_part(incoming, part, Duration::ZERO).await?;
                outcome("paused", moved)
            }
        })
    }
}

/// Whether a run that stopped has done anything that the next one need not do.
pub(crate) fn has_moved(paused: &Paused) -> bool {
    paused.moved.bytes > 0 || paused.moved.blobs > 0 || !paused.uploads.is_empty()
}

/// A run that could do nothing at all: the queue's tries are for that.
pub(crate) fn no_time() -> Failure {
    Failure::transient(
        "no_time",
        "the time was over before anything was moved; it is tried again",
    )
}

/// The policy's word on the target of a part, if it still has one.
fn target_of<'p>(part: &Part, policy: &'p Policy) -> Option<&'p ReplicationTarget> {
    let is_target = |to: &ImageRef, target: &ReplicationTarget| {
        target.registry == to.registry
            && target
                .repository_for(&part.repository)
                .is_ok_and(|repository| repository == to.repository)
    };
    policy
        .replication
        .iter()
        .filter(|rule| rule.name.as_str() == part.rule && rule.applies_to(&part.repository))
        .filter(|rule| rule.effective_mode(policy.mode).acts())
        .flat_map(|rule| &rule.to)
        .find(|target| is_target(&part.to, target))
}

fn job<'a>(
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
    })
}
