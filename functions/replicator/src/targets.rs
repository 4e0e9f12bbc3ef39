//! All targets of one tag, in one run or in several.

use std::collections::BTreeMap;
use std::time::SystemTime;

use jiff::Timestamp;
use steward_core::decision::Skip;
use steward_core::event::incoming::{Detail, Incoming};
use steward_core::policy::Policy;
use steward_core::{Reference, RepositoryName, Tag};
use steward_runtime::{Failure, RecordContext};

use crate::memory::Memory;
use crate::plan::{Facts, Plan, PlannedCopy, plan};
use crate::{Replicator, Tally, as_json, facts, large, push, report, story};

impl Replicator {
    /// Brings all targets of one tag up to date. The digest of the facts is a hint.
    pub(crate) async fn replicate(
        &self,
        incoming: &Incoming,
        mut facts: Facts,
        policy: &Policy,
        context: &RecordContext,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let hint = plan(&facts, policy);
        let undecided = hint.rules.iter().any(|rule| rule.undecided);
        // Without a digest in the event the hint knows nothing yet.
        if hint.copies.is_empty() && !undecided && hint.skipped != Some(Skip::Gone) {
            // Nothing that the registry could say would change this: spare it the question.
            tally.skipped = hint.skipped.as_ref().map(Skip::to_string);
            return Ok(());
        }
        let reference = Reference::Tag(facts.tag.clone());
        let image = self
            .ecr
            .describe_image(&facts.repository, &reference)
            .await?;
        let size = image.as_ref().and_then(|image| image.size);
        facts.digest = image.map(|image| image.digest);
        let mut plan = plan(&facts, policy);
        if plan.rules.iter().any(|rule| rule.undecided) {
            facts.siblings = Some(self.siblings(&facts.repository).await?);
            plan = crate::plan::plan(&facts, policy);
        }
        tracing::info!(plan = %as_json(&plan), "decided about {}:{}", facts.repository, facts.tag);
        if let Some(skip) = &plan.skipped {
            tally.skipped = Some(skip.to_string());
        }
        let unfinished = tally.unfinished;
        for copy in self.order(&plan, &facts, incoming, context).await {
            let target = story::Target {
                replicator: self,
                incoming,
                facts: &facts,
                copy,
                context,
            };
            if !copy.mode.acts() {
                tally.observed += 1;
                self.events
                    .put(&[report::observed(incoming, &facts, copy)])
                    .await?;
            } else if large::is_over(context) {
                tally.unfinished += 1;
            } else {
                self.copy(&target, policy, size, tally).await;
            }
        }
        if tally.unfinished == unfinished {
            return Ok(());
        }
        if let Some(slow) = tally.slow.take()
            && plan.copies.len() > 1
        {
            Memory::new(&*self.state, &facts).keep_turn(&slow).await;
        }
        if !tally.progressed && !tally.waiting {
            return Err(large::no_time());
        }
        self.go_on(incoming, &facts, !tally.progressed).await
    }

    /// The copies of a plan in the order in which they are made. Where an earlier run was over before
    /// all were tried, those after the one that took its time come first: one slow target does not
    /// hold up the others.
    async fn order<'p>(
        &self,
        plan: &'p Plan,
        facts: &Facts,
        incoming: &Incoming,
        context: &RecordContext,
    ) -> Vec<&'p PlannedCopy> {
        let mut copies: Vec<_> = plan.copies.iter().collect();
        let goes_on = matches!(incoming.detail, Detail::Review(_)) || context.receive_count > 1;
        if copies.len() > 1 && goes_on {
            let slow = Memory::new(&*self.state, facts).turn().await;
            let slow = copies
                .iter()
                .position(|copy| Some(&copy.to) == slow.as_ref());
            copies.rotate_left(slow.map_or(0, |at| at + 1));
        }
        copies
    }

    /// Tells of every copy that a run which was cut off did not finish.
    pub(crate) async fn tell_unfinished(
        &self,
        incoming: &Incoming,
        failure: &Failure,
        context: &RecordContext,
    ) -> Result<(), Failure> {
        let (repository, tag) = match (&incoming.detail, push(incoming)) {
            (Detail::Review(review), _) => (&review.repository, &review.tag),
            (_, Some(push)) => match &push.tag {
                Some(tag) => (&push.repository, tag),
                None => return Ok(()),
            },
            (_, None) => return Ok(()),
        };
        let policy = self.policy.current().await?;
        let mut facts = facts(incoming, repository, tag.clone());
        facts.digest = match push(incoming) {
            Some(push) => push.digest.clone(),
            // A look may be one at a tag that is gone, of which no copy is missing.
            None => {
                let reference = Reference::Tag(tag.clone());
                let image = self.ecr.describe_image(repository, &reference).await?;
                image.map(|image| image.digest)
            }
        };
        let plan = plan(&facts, &policy);
        for copy in plan.copies.iter().filter(|copy| copy.mode.acts()) {
            let target = story::Target {
                replicator: self,
                incoming,
                facts: &facts,
                copy,
                context,
            };
            target.unfinished(failure).await?;
        }
        Ok(())
    }

    /// Every tag of a repository, with its age.
    async fn siblings(
        &self,
        repository: &RepositoryName,
    ) -> Result<BTreeMap<Tag, Option<Timestamp>>, Failure> {
        let times = self.ecr.tag_times(repository).await?;
        let age = |at: Option<SystemTime>| at.and_then(|at| Timestamp::try_from(at).ok());
        Ok(times.into_iter().map(|(tag, at)| (tag, age(at))).collect())
    }
}
