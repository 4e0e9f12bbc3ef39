//! One blob of an image that many runs copy.

use std::time::{Duration, SystemTime};

use steward_core::ImageRef;
use steward_core::event::incoming::{Incoming, Part};
use steward_core::policy::{Policy, ReplicationTarget};
use steward_registry::Descriptor;
use steward_runtime::later::Wait;
use steward_runtime::{Failure, Outcome, RecordContext};

use crate::large::{job, no_time, patience};
use crate::lease::Lease;
use crate::memory::Memory;
use crate::plan::PlannedCopy;
use crate::{CopiedBlob, CopyJob, Replicator, facts};

impl Replicator {
    pub(crate) async fn send_part(
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

    /// Notes that a blob will not come, so that the look at its image ends with its failure.
    pub(crate) async fn part_failed(
        &self,
        incoming: &Incoming,
        part: &Part,
        failure: &Failure,
    ) -> Result<(), Failure> {
        let facts = facts(incoming, &part.repository, part.tag.clone());
        let failed = failure.chain().chars().take(1000).collect();
        Memory::new(&*self.state, &facts)
            .change_split(&part.to, |split| split.failed = Some(failed))
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
        let memory = Memory::new(&*self.state, &facts);
        let now = (self.clock)();
        let Some(target) = target_of(part, &policy) else {
            // The policy changed meanwhile. The next look sends for what it says by now.
            memory
                .change_split(&part.to, |split| split.until = now)
                .await?;
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
        let Some(job) = job(&facts, &copy, target, context) else {
            return Ok(Outcome::new("not_wanted"));
        };
        let key = format!(
            "lease#{}/{}@{}",
            part.to.registry, part.to.repository, part.blob
        );
        let hold = context.deadline.remaining();
        let Some(lease) = Lease::take(&*self.state, &key, hold).await? else {
            // The other run's messages go on. A second chain of them would take up the same upload.
            return Ok(Outcome::new("in_progress"));
        };
        let copied = self.copy_blob_alone(&memory, part, job).await;
        // Before the message to go on, which would find it taken otherwise.
        lease.give_back().await;
        let (word, bytes) = match copied? {
            CopiedBlob::Done(bytes) => ("part_copied", bytes),
            CopiedBlob::SourceGone => ("source_gone", 0),
            CopiedBlob::Paused(moved, _) => {
                self.send_part(incoming, part, Duration::ZERO).await?;
                ("paused", moved)
            }
        };
        #[expect(
            clippy::cast_precision_loss,
            reason = "a metric of bytes needs no last digit"
        )]
        let bytes = bytes as f64;
        Ok(Outcome::new(word).count("BytesCopied", bytes))
    }

    /// Copies the blob, and notes what that means for its image and for the next run.
    async fn copy_blob_alone(
        &self,
        memory: &Memory<'_>,
        part: &Part,
        mut job: CopyJob<'_>,
    ) -> Result<CopiedBlob, Failure> {
        let resume = memory.uploads(&part.to, Some(&part.blob)).await;
        let resume = resume.unwrap_or_default();
        job.resume = &resume;
        let blob = Descriptor::new(part.media_type.clone(), part.blob.clone(), part.size);
        let copied = self.copier.copy_blob(&job, &blob).await;
        let copied = copied.map_err(|failure| {
            failure.context(format!("cannot copy {} to {}", part.blob, part.to))
        })?;
        match &copied {
            CopiedBlob::Done(_) => {}
            CopiedBlob::SourceGone => {
                let gone = format!("the source does not have {} any more", part.blob);
                memory
                    .change_split(&part.to, |split| split.failed = Some(gone))
                    .await?;
            }
            CopiedBlob::Paused(moved, upload) => {
                if *moved == 0 && upload.as_ref() == resume.first() {
                    return Err(no_time());
                }
                let uploads: Vec<_> = upload.iter().cloned().collect();
                memory
                    .keep_uploads(&part.to, Some(&part.blob), &uploads)
                    .await;
                // A layer that needs many runs is not lost as long as it comes further.
                let until = patience((self.clock)());
                memory
                    .change_split(&part.to, |split| {
                        split.until = until;
                        split.rounds = 0;
                    })
                    .await?;
            }
        }
        Ok(copied)
    }
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
