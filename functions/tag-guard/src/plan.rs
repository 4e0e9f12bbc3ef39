//! What to do about one tag: a pure decision.
//!
//! [`plan`] looks at every rule of the policy that speaks about the repository, and makes one list
//! of actions from all violations. It reads no clock and no registry: everything it knows is in the
//! [`Facts`].

mod action;
mod actions;
mod derive;
mod judge;
mod why;

use jiff::Timestamp;
use serde::Serialize;
use steward_core::decision::{RuleOutcome, Skip, skip};
use steward_core::event::incoming::Incoming;
use steward_core::event::outgoing::Violation;
use steward_core::facts::{EventFacts, EventKind, Home, ImageFacts};
use steward_core::policy::{ActionKind, Policy, TagRule};
use steward_core::{Digest, Mode, RepositoryName, RuleName, Severity, Tag};

pub use action::{Action, PlannedAction, Source};
pub use steward_core::facts::{Facts, Pusher};
pub use why::Why;

use judge::Judged;

/// Takes an event at its word: for explanations without a registry at hand. Nothing for an event
/// that names no tag, or about which this function decides nothing.
#[must_use]
pub fn said_by(incoming: &Incoming, now: Timestamp) -> Option<Facts> {
    let action = incoming
        .image_action()
        .filter(|_| incoming.is_push() || incoming.is_delete())?;
    let (tag, digest) = (action.tag.clone()?, action.digest.clone());
    let envelope = &incoming.envelope;
    let (kind, previous) = if incoming.is_delete() {
        (EventKind::Deleted, digest.clone())
    } else {
        (EventKind::Pushed, None)
    };
    let event = EventFacts {
        kind,
        time: envelope.time,
        now,
    };
    Some(Facts {
        registry: Some(Home {
            account: envelope.account.clone(),
            region: envelope.region.clone(),
        }),
        image: digest
            .filter(|_| kind == EventKind::Pushed)
            .map(|digest| ImageFacts::new(digest, vec![tag.clone()])),
        previous,
        ..Facts::absent(action.repository.clone(), tag, event)
    })
}

/// Everything decided about one tag: the rules looked at, and one list of actions for all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The repository.
    pub repository: RepositoryName,
    /// The tag.
    pub tag: Tag,
    /// The image behind the tag; of a deleted tag, the image that it had.
    pub digest: Option<Digest>,
    /// Who owns the repository, by its resource tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Who pushed the image, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pusher: Option<Pusher>,
    /// Why no rule was looked at, where that is so.
    pub skipped: Option<Skip>,
    /// Each rule that speaks about the repository, in the policy's order.
    pub rules: Vec<RuleOutcome<Why>>,
    /// What is wrong, rule by rule, each with its severity and mode.
    pub violations: Vec<Violation>,
    /// What an exemption lets pass that ends soon; told, and nothing else.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Violation>,
    /// The highest severity of the violated rules.
    pub severity: Severity,
    /// `enforce` where at least one violated rule, or one that keeps derived tags, may act.
    pub mode: Mode,
    /// When to look again, because a grace period or a minimum age ends then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recheck_at: Option<Timestamp>,
    /// What to do, in this order.
    pub actions: Vec<PlannedAction>,
    /// The rules that keep derived tags here.
    #[serde(skip)]
    pub(crate) derived_by: Vec<RuleName>,
    /// Whether the digest is to be remembered as what the tag means.
    #[serde(skip)]
    pub(crate) remember: Option<Remember>,
    /// Whether the tag moved, nothing else is wrong, and no rule may act: once that is told, it means
    /// what it means now.
    #[serde(skip)]
    pub(crate) accepts: bool,
}

/// How the digest of a tag is remembered for later decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remember {
    /// The first digest stays: the tag may not move.
    First,
    /// The latest digest counts: the tag may move, and not go.
    Latest,
}

impl Plan {
    fn blank(facts: &Facts) -> Self {
        Self {
            repository: facts.repository.clone(),
            tag: facts.tag.clone(),
            digest: facts.digest().cloned(),
            owner: facts.owner().map(str::to_owned),
            pusher: facts.pusher.clone(),
            skipped: None,
            rules: Vec::new(),
            violations: Vec::new(),
            notices: Vec::new(),
            severity: Severity::Info,
            mode: Mode::Observe,
            recheck_at: None,
            actions: Vec::new(),
            derived_by: Vec::new(),
            remember: None,
            accepts: false,
        }
    }

    /// Leaves a deleted tag alone, because ecr-steward itself took it away: nothing is wrong, and only
    /// the tags that followed it are put right.
    pub fn let_go(&mut self) {
        for rule in self.rules.iter_mut().filter(|rule| rule.matched) {
            rule.matched = false;
            rule.why = Why::OfTag("ecr-steward itself took ", self.tag.clone(), " away");
        }
        self.violations.clear();
        self.severity = Severity::Info;
        let (tag, had) = (self.tag.clone(), self.digest.clone());
        self.actions.retain(|planned| {
            matches!(
                &planned.action,
                Action::Derive { tag: derived, digest, .. }
                    if *derived != tag || had.as_ref() != Some(digest)
            )
        });
    }

    /// Does not bring a deleted tag back, because it cannot be known whether ecr-steward itself took
    /// it away.
    pub fn hold_back(&mut self) {
        let tag = self.tag.clone();
        self.actions.retain(
            |planned| !matches!(&planned.action, Action::Derive { tag: derived, .. } if *derived == tag),
        );
        for planned in &mut self.actions {
            if matches!(planned.action, Action::RestoreDeleted { .. }) {
                planned.action = Action::Blocked {
                    wanted: ActionKind::Restore,
                    reason: "the state table cannot be read, so it is not known whether \
                             ecr-steward itself took the tag away"
                        .to_owned(),
                    remedy: "mend the state table, then send the event again".to_owned(),
                };
            }
        }
    }

    /// Whether the plan changes anything in the registry.
    #[must_use]
    pub fn changes_registry(&self) -> bool {
        self.actions
            .iter()
            .any(|planned| planned.mode.acts() && planned.action.changes_registry())
    }

    /// Whether there is anything to tell: something is wrong, or something is done.
    #[must_use]
    pub fn has_news(&self) -> bool {
        !self.violations.is_empty() || !self.notices.is_empty() || !self.actions.is_empty()
    }

    /// Whether a quarantine leaves the tag, because it is put back on another image.
    #[must_use]
    pub(crate) fn keeps_tag(&self) -> bool {
        self.actions.iter().any(
            |planned| matches!(planned.action, Action::Quarantine { keeps_tag, .. } if keeps_tag),
        )
    }

    /// The rules that an event is about: those that are violated, or will be when an exemption ends,
    /// or else those that keep derived tags.
    #[must_use]
    pub(crate) fn rules_of_event(&self) -> String {
        let mut spoken: Vec<&str> = self.told().map(|v| v.rule.as_str()).collect();
        if spoken.is_empty() {
            spoken = self.derived_by.iter().map(RuleName::as_str).collect();
        }
        spoken.join(", ")
    }

    /// What an event lists: what is wrong, and what will be.
    pub(crate) fn told(&self) -> impl Iterator<Item = &Violation> {
        self.violations.iter().chain(&self.notices)
    }
}

/// Decides about one tag.
///
/// Every violated rule is in the plan, but each kind of action only once: it may act when one of
/// the rules that ask for it may act. Where a rule asks for quarantine, `untag` is part of it.
#[must_use]
pub fn plan(facts: &Facts, policy: &Policy) -> Plan {
    let mut plan = Plan::blank(facts);
    let skipped = skip(policy, &facts.repository, &facts.tag, facts.digest());
    let deleted = facts.event.kind == EventKind::Deleted && facts.image.is_none();
    plan.skipped = match skipped {
        // What may not be deleted is looked for where it is gone.
        Some(Skip::Gone) if deleted => None,
        Some(skip) => Some(skip),
        None => facts
            .digest()
            .filter(|digest| policy.is_mark(&facts.repository, &facts.tag, digest))
            .map(|_| Skip::Mark {
                tag: facts.tag.clone(),
            }),
    };
    if plan.skipped.is_some() {
        return plan;
    }
    // The rules first: then the room for what is said of them is made once.
    let rules: Vec<&TagRule> = policy.tag_rules_for(&facts.repository).collect();
    let judged: Vec<Judged<'_>> = rules
        .into_iter()
        .map(|rule| judge::judge(rule, rule.effective_mode(policy.mode), facts))
        .collect();
    plan.digest = facts.digest().or(facts.previous.as_ref()).cloned();
    for judged in &judged {
        plan.recheck_at = earlier(plan.recheck_at, judged.recheck_at);
        if let Some(notice) = &judged.notice {
            plan.severity = plan.severity.max(Severity::Low);
            plan.notices.push(Violation::clone(notice));
        }
        let Some(violation) = &judged.violation else {
            continue;
        };
        plan.severity = plan.severity.max(judged.rule.severity);
        if judged.mode().acts() {
            plan.mode = Mode::Enforce;
        }
        plan.violations.push(Violation::clone(violation));
    }
    let made = actions::actions(facts, policy, &judged);
    plan.recheck_at = earlier(plan.recheck_at, made.recheck_at);
    plan.actions = made.actions;
    if deleted && plan.actions.is_empty() && !judged.iter().any(|judged| judged.protects) {
        plan.skipped = Some(Skip::Gone);
        return plan;
    }
    if plan.violations.is_empty() && plan.actions.iter().any(|planned| planned.mode.acts()) {
        plan.mode = Mode::Enforce;
    }
    plan.derived_by = judged
        .iter()
        .filter(|judged| judged.speaks && judged.rule.derive.is_some())
        .map(|judged| judged.rule.name.clone())
        .collect();
    plan.remember = remember(facts, &judged, &plan);
    // With another violation beside it, the same event once more would tell of that one alone.
    plan.accepts = facts.image.is_some()
        && judged.iter().any(|judged| judged.lost)
        && judged
            .iter()
            .all(|judged| judged.violation.is_none() || judged.lost)
        && !judged
            .iter()
            .any(|judged| judged.lost && judged.mode().acts());
    plan.rules = judged.into_iter().map(|judged| judged.outcome).collect();
    plan
}

/// What to remember, once the plan is carried out: nothing about a tag that is taken away or put
/// back.
fn remember(facts: &Facts, judged: &[Judged<'_>], plan: &Plan) -> Option<Remember> {
    facts.image.as_ref()?;
    let taken = plan
        .actions
        .iter()
        .any(|planned| planned.mode.acts() && planned.action.takes_tag());
    if taken {
        None
    } else if judged.iter().any(|judged| judged.pardoned) && !judged.iter().any(|j| j.lost) {
        // A move that was let pass is not undone when the exemption ends.
        Some(Remember::Latest)
    } else if judged.iter().any(|judged| judged.fixes) {
        Some(Remember::First)
    } else if judged.iter().any(|judged| judged.protects) {
        Some(Remember::Latest)
    } else if facts.event.kind == EventKind::Pushed
        && facts.previous.is_some()
        && !judged.iter().any(|judged| judged.outcome.undecided)
    {
        // A rule held the tag once, and its condition does not hold now: the tag moves freely.
        Some(Remember::Latest)
    } else {
        None
    }
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests;
