//! Seeing to what is missing, at a bounded rate.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use replicator::plan::Facts;
use replicator::{Copied, Copier as _, CopyJob, RegistryCopier};
use serde_json::json;
use steward_aws::sqs::{QueueMessage, SdkSqs, Sqs as _};
use steward_core::event::incoming::ImageAction;
use steward_core::event::outgoing::SOURCE;
use steward_core::policy::Policy;
use steward_core::{RepositoryName, Tag};
use steward_registry::Batch;
use steward_runtime::{Deadline, Failure};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::journal::Journal;
use super::report::Report;
use crate::error::CliError;
use crate::output::Output;
use crate::replication::{Comparison, Missing, Sides};

/// No copy may take longer: then it is a failure, and the next run goes on.
const LONGEST: Duration = Duration::from_secs(6 * 3600);

/// Blobs that travel at once for each image that does.
const BLOBS: usize = 4;
/// Blobs that are remembered as copied.
const REMEMBERED: usize = 20_000;

/// The work of one backfill.
pub(super) struct Work<'a> {
    pub(super) policy: &'a Policy,
    pub(super) sides: &'a Sides,
    pub(super) journal: Option<Journal>,
    pub(super) pause: Duration,
    pub(super) jobs: usize,
    pub(super) progress: ProgressBar,
}

/// One copy to make.
struct Task {
    rule: String,
    target_index: usize,
    missing: Missing,
    name: String,
}

impl Work<'_> {
    /// What is left to do after what earlier runs did.
    fn tasks(&self, found: Comparison, report: &mut Report) -> Vec<Task> {
        let mut tasks = Vec::new();
        for pair in found.pairs {
            for missing in pair.missing {
                let name = missing.to.to_string();
                if self.journal.as_ref().is_some_and(|done| done.has(&name)) {
                    report.skipped += 1;
                    self.progress.inc(1);
                    continue;
                }
                tasks.push(Task {
                    rule: pair.rule.clone(),
                    target_index: pair.target_index,
                    missing,
                    name,
                });
            }
        }
        // The newest first: they are what somebody waits for.
        tasks.sort_by_key(|task| std::cmp::Reverse(task.missing.pushed_at));
        tasks
    }

    /// Copies from here.
    pub(super) async fn copy(
        &mut self,
        found: Comparison,
        report: &mut Report,
    ) -> Result<(), CliError> {
        let tasks = self.tasks(found, report);
        // Images of one team tend to share their layers: each moves once.
        let batch = Batch::new(self.jobs * BLOBS, REMEMBERED);
        let copier = RegistryCopier::new(Arc::clone(&self.sides.access), None).sharing(batch);
        let (policy, sides, progress) = (self.policy, self.sides, self.progress.clone());
        let ticks = paced(self.pause);
        let copies = stream::unfold((tasks.into_iter(), ticks), |(mut tasks, mut ticks)| async {
            let task = tasks.next()?;
            ticks.tick().await;
            Some((task, (tasks, ticks)))
        })
        .map(|task| {
            let copier = &copier;
            async move {
                let copied = copy_one(copier, policy, sides, &task).await;
                (task, copied)
            }
        })
        .buffer_unordered(self.jobs);
        let mut copies = std::pin::pin!(copies);
        while let Some((task, copied)) = copies.next().await {
            progress.inc(1);
            match copied {
                Ok(Copied::Done(copied)) if copied.unchanged => report.unchanged += 1,
                Ok(Copied::Done(copied)) => {
                    report.done += 1;
                    report.bytes += copied.bytes;
                }
                // The next event, or the next run, is about what the tag means now.
                Ok(Copied::SourceMoved | Copied::OtherPlatform(_)) => report.unchanged += 1,
                Ok(Copied::Paused(_) | Copied::Waiting) => {
                    report.fail(&task.name, &unfinished());
                    continue;
                }
                Err(failure) => {
                    report.fail(&task.name, &failure);
                    continue;
                }
            }
            if let Some(journal) = &mut self.journal {
                journal.note(&task.name)?;
            }
        }
        Ok(())
    }

    /// Lets the replicator copy: one message for each tag, which brings it to all its targets. No
    /// journal is kept: that a message was sent does not say that its copy was made.
    pub(super) async fn send(&self, queue: &str, found: Comparison, report: &mut Report) {
        let tasks = self.tasks(found, report);
        let sqs = SdkSqs::new(&self.sides.sdk);
        let mut ticks = paced(self.pause);
        let mut sent: HashMap<(RepositoryName, Tag), bool> = HashMap::new();
        for task in tasks {
            self.progress.inc(1);
            let source = (task.missing.repository.clone(), task.missing.tag.clone());
            if let Some(sent) = sent.get(&source) {
                report.done += u64::from(*sent);
                report.failed += u64::from(!*sent);
                continue;
            }
            ticks.tick().await;
            let message = QueueMessage {
                queue_url: queue.to_owned(),
                body: self.event(&task.missing).to_string(),
                ..QueueMessage::default()
            };
            let answer = sqs.send(&message).await;
            sent.insert(source, answer.is_ok());
            match answer {
                Ok(_) => report.done += 1,
                Err(error) => report.fail(&task.name, &Failure::from(error)),
            }
        }
    }

    /// The event that ECR put, or should have put, when the image was pushed.
    fn event(&self, missing: &Missing) -> serde_json::Value {
        let ecr = &self.sides.ecr;
        let (repository, tag) = (&missing.repository, &missing.tag);
        let detail = ImageAction::pushed(
            repository.clone(),
            missing.digest.clone(),
            Some(tag.clone()),
        );
        json!({
            "version": "0",
            "id": format!("backfill-{repository}:{tag}-{}", missing.digest.short()),
            "detail-type": "ECR Image Action",
            "source": SOURCE,
            "account": ecr.account,
            "time": Timestamp::now(),
            "region": ecr.region,
            "resources": [],
            "detail": detail,
        })
    }
}

async fn copy_one(
    copier: &RegistryCopier,
    policy: &Policy,
    sides: &Sides,
    task: &Task,
) -> Result<Copied, Failure> {
    let rule = policy
        .replication
        .iter()
        .find(|rule| rule.name.as_str() == task.rule);
    let target = rule.and_then(|rule| Some((rule, rule.to.get(task.target_index)?)));
    let Some((rule, target)) = target else {
        return Ok(Copied::SourceMoved);
    };
    let facts = Facts {
        account: sides.ecr.account.clone(),
        region: sides.ecr.region.clone(),
        repository: task.missing.repository.clone(),
        tag: task.missing.tag.clone(),
        digest: Some(task.missing.digest.clone()),
        siblings: None,
    };
    copier
        .copy(&CopyJob {
            facts: &facts,
            digest: &task.missing.digest,
            to: &task.missing.to,
            target,
            referrers: rule.referrers,
            platforms: &rule.platforms,
            deadline: Deadline::after(LONGEST),
            resume: &[],
            verify: steward_registry::Verify::Answers,
        })
        .await
}

fn unfinished() -> Failure {
    Failure::transient("copy_unfinished", "the copy took too long; run it again")
}

fn paced(pause: Duration) -> Interval {
    let mut ticks = interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// A bar on a terminal; nothing elsewhere.
pub(super) fn bar(output: &Output, quiet: bool, what: &'static str) -> ProgressBar {
    if quiet || !output.notes_on_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = format!("{{spinner}} {{pos}}/{{len}} {what} {{wide_bar}} {{per_sec}} {{eta}}");
    bar.with_style(
        ProgressStyle::with_template(&style).unwrap_or_else(|_| ProgressStyle::default_bar()),
    )
}
