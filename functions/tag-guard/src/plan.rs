//! What to do about one tag: a pure decision.

use serde::{Deserialize, Serialize};
use steward_core::decision::{RuleOutcome, Skip, guard_tag, skip};
use steward_core::event::incoming::ImageAction;
use steward_core::event::outgoing::Violation;
use steward_core::policy::{ActionKind, Policy, TagRule, Verdict};
use steward_core::{Digest, Mode, RepositoryName, Severity, Tag};

/// What the registry says about a tag now; the event only said where to look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The repository that was pushed to.
    pub repository: RepositoryName,
    /// The tag that was pushed.
    pub tag: Tag,
    /// What the tag points to; `None` when it is gone.
    pub image: Option<TaggedImage>,
}

/// The image behind a tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaggedImage {
    /// The image's digest.
    pub digest: Digest,
    /// Every tag of the image, the tag in question among them.
    pub tags: Vec<Tag>,
}

impl Facts {
    /// Takes the event at its word: for explanations without a registry at hand.
    #[must_use]
    pub fn from_event(action: &ImageAction) -> Option<Self> {
        let tag = action.tag.clone()?;
        Some(Self {
            repository: action.repository.clone(),
            image: action.digest.clone().map(|digest| TaggedImage {
                digest,
                tags: vec![tag.clone()],
            }),
            tag,
        })
    }
}

/// Everything decided about one tag: the rules looked at, and one list of actions for all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The repository.
    pub repository: RepositoryName,
    /// The tag.
    pub tag: Tag,
    /// The image behind the tag.
    pub digest: Option<Digest>,
    /// Why no rule was looked at, where that is so.
    pub skipped: Option<Skip>,
    /// Each rule that speaks about the repository, in the policy's order.
    pub rules: Vec<RuleOutcome>,
    /// What is wrong with the tag.
    pub violations: Vec<Violation>,
    /// The highest severity of the violated rules.
    pub severity: Severity,
    /// `enforce` where at least one violated rule may act.
    pub mode: Mode,
    /// What to do, in this order.
    pub actions: Vec<PlannedAction>,
}

/// One action of a [`Plan`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedAction {
    /// What to do.
    #[serde(flatten)]
    pub action: Action,
    /// Whether to do it or only to say so.
    pub mode: Mode,
}

/// What the tag guard can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum Action {
    /// Copy the image to the quarantine repository, verify it there, and only then take the tag
    /// away.
    Quarantine {
        /// Where the image goes.
        to: RepositoryName,
        /// The tags it has there: the pushed one, and one of its own that never moves on.
        tags: Vec<Tag>,
    },
    /// Take the tag away, and keep the image.
    Untag {
        /// The tag that keeps the image, where the tag to remove is its last.
        guard: Option<Tag>,
    },
    /// Tell people.
    Notify,
}

impl Action {
    /// The word used in the policy file, in events and in metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Quarantine { .. } => "quarantine",
            Self::Untag { .. } => "untag",
            Self::Notify => "notify",
        }
    }
}

impl Plan {
    /// Whether the plan changes anything in the registry.
    #[must_use]
    pub fn changes_registry(&self) -> bool {
        self.actions
            .iter()
            .any(|planned| planned.mode.acts() && planned.action != Action::Notify)
    }

    /// The names of the violated rules, as events carry them.
    #[must_use]
    pub fn violated_rules(&self) -> String {
        let names: Vec<&str> = self.violations.iter().map(|v| v.rule.as_str()).collect();
        names.join(", ")
    }
}

/// Decides about one tag.
///
/// Every violated rule is in the plan, but each kind of action only once: it may act when one of
/// the rules that ask for it may act. Where a rule asks for quarantine, `untag` is part of it.
#[must_use]
pub fn plan(facts: &Facts, policy: &Policy) -> Plan {
    let mut plan = Plan {
        repository: facts.repository.clone(),
        tag: facts.tag.clone(),
        digest: facts.image.as_ref().map(|image| image.digest.clone()),
        skipped: None,
        rules: Vec::new(),
        violations: Vec::new(),
        severity: Severity::Info,
        mode: Mode::Observe,
        actions: Vec::new(),
    };
    let digest = facts.image.as_ref().map(|image| &image.digest);
    plan.skipped = skip(policy, &facts.repository, &facts.tag, digest);
    let Some(image) = facts.image.as_ref().filter(|_| plan.skipped.is_none()) else {
        return plan;
    };

    let mut wanted: Vec<(ActionKind, Mode)> = Vec::new();
    for rule in policy
        .tag_rules
        .iter()
        .filter(|rule| rule.applies_to(&facts.repository))
    {
        let mode = rule.effective_mode(policy.mode);
        let (outcome, violation) = judge(rule, mode, &facts.tag);
        plan.rules.push(outcome);
        let Some(violation) = violation else { continue };
        plan.severity = plan.severity.max(rule.severity);
        if mode.acts() {
            plan.mode = Mode::Enforce;
        }
        plan.violations.push(violation);
        for kind in &rule.on_violation {
            match wanted.iter_mut().find(|(known, _)| known == kind) {
                Some((_, known)) if mode.acts() => *known = mode,
                Some(_) => {}
                None => wanted.push((*kind, mode)),
            }
        }
    }
    plan.actions = actions(&wanted, facts, image, policy);
    plan
}

fn judge(rule: &TagRule, mode: Mode, tag: &Tag) -> (RuleOutcome, Option<Violation>) {
    let verdict = rule.check(tag);
    let why = match &verdict {
        Verdict::Allowed { by: Some(by) } => format!("{tag} is {}", by.describe()),
        Verdict::Allowed { by: None } => format!("nothing in the rule denies {tag}"),
        Verdict::NotAllowed { .. } => format!("{tag} matches nothing that the rule allows"),
        Verdict::Denied { by, .. } => format!("the rule denies {tag}: it is {}", by.describe()),
    };
    let violation = (!verdict.is_allowed()).then(|| Violation {
        rule: rule.name.clone(),
        message: rule.message.clone().unwrap_or_else(|| why.clone()),
        accepted: verdict.accepted().map(str::to_owned),
    });
    let outcome = RuleOutcome {
        rule: rule.name.clone(),
        matched: violation.is_some(),
        why,
        mode,
    };
    (outcome, violation)
}

/// One action of each wanted kind, the one that keeps the image before the one that takes it away.
fn actions(
    wanted: &[(ActionKind, Mode)],
    facts: &Facts,
    image: &TaggedImage,
    policy: &Policy,
) -> Vec<PlannedAction> {
    let mode_of = |kind| {
        wanted
            .iter()
            .find(|(known, _)| *known == kind)
            .map(|(_, mode)| *mode)
    };
    let mut actions = Vec::new();
    let quarantine = mode_of(ActionKind::Quarantine).and_then(|mode| {
        let to = policy.quarantine_repository(&facts.repository)?;
        // The pushed tag moves on with the next quarantined image; this one does not.
        let own = facts
            .tag
            .with_suffix(&format!("-{}", image.digest.short()))
            .ok()?;
        let tags = vec![own, facts.tag.clone()];
        Some(PlannedAction {
            action: Action::Quarantine { to, tags },
            mode,
        })
    });
    let quarantine_acts = quarantine
        .as_ref()
        .is_some_and(|planned| planned.mode.acts());
    actions.extend(quarantine);
    if let Some(mode) = mode_of(ActionKind::Untag)
        && !quarantine_acts
    {
        let is_last = image.tags.iter().all(|tag| *tag == facts.tag);
        let guard = if is_last {
            guard_tag(&image.digest).ok()
        } else {
            None
        };
        actions.push(PlannedAction {
            action: Action::Untag { guard },
            mode,
        });
    }
    if let Some(mode) = mode_of(ActionKind::Notify) {
        actions.push(PlannedAction {
            action: Action::Notify,
            mode,
        });
    }
    actions
}

#[cfg(test)]
mod tests;
