//! What a simulation keeps: counts, and a few examples of each kind.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use steward_core::decision::Skip;
use steward_core::event::outgoing::Violation;
use steward_core::facts::{EventFacts, EventKind, Facts};
use steward_core::policy::{ActionKind, Policy, TagRule};
use steward_core::{Digest, Mode, RepositoryName, Tag};
use tag_guard::plan::{Action, Plan, plan};

use super::report::{ActionTally, Example, Report, RepositoryTally, RuleTally, Totals};
use crate::inventory::Entry;

/// Examples that are kept for a rule.
const EXAMPLES: usize = 5;

/// The longest message that is kept.
const MAX_MESSAGE: usize = 300;

/// The simulation under way.
pub(super) struct Tally<'p> {
    policy: &'p Policy,
    now: Timestamp,
    totals: Totals,
    skipped: BTreeMap<&'static str, u64>,
    rules: Vec<RuleTally>,
    index: HashMap<&'p str, usize>,
    actions: Vec<ActionTally>,
    repositories: BTreeMap<RepositoryName, Kept>,
    derives: bool,
}

/// What is kept of a repository until the end.
#[derive(Default)]
struct Kept {
    owner: Option<String>,
    images: u64,
    tags: u64,
    violating: u64,
    derived: u64,
    /// Rule and count.
    rules: Vec<(usize, u64)>,
    /// What the tags point to, where a rule derives tags from them.
    pointers: BTreeMap<Tag, Digest>,
}

impl<'p> Tally<'p> {
    pub(super) fn new(policy: &'p Policy, now: Timestamp) -> Self {
        let rules = policy.tag_rules.iter().map(|rule| RuleTally {
            rule: rule.name.to_string(),
            mode: rule.effective_mode(policy.mode),
            severity: rule.severity,
            looked_at: 0,
            violated: 0,
            undecided: 0,
            repositories: 0,
            examples: Vec::new(),
            undecided_example: None,
        });
        let index = policy.tag_rules.iter().enumerate();
        Self {
            policy,
            now,
            totals: Totals::default(),
            skipped: BTreeMap::new(),
            rules: rules.collect(),
            index: index.map(|(at, rule)| (rule.name.as_str(), at)).collect(),
            actions: Vec::new(),
            repositories: BTreeMap::new(),
            derives: policy.tag_rules.iter().any(|rule| rule.derive.is_some()),
        }
    }

    /// Decides about every tag of an image.
    pub(super) fn add(&mut self, entry: Entry) {
        let (place, image) = entry.into_parts();
        let policy = self.policy;
        let is_looked_at = policy.in_scope(&place.repository);
        let derives = self.derives
            && is_looked_at
            && policy
                .tag_rules
                .iter()
                .any(|rule| rule.derive.is_some() && rule.applies_to(&place.repository));
        if !self.repositories.contains_key(&place.repository) {
            self.repositories
                .insert(place.repository.clone(), Kept::default());
        }
        self.totals.images += 1;
        let tags = image.tags.clone();
        if let Some(kept) = self.repositories.get_mut(&place.repository) {
            kept.images += 1;
            kept.tags += tags.len() as u64;
            if derives {
                let pointers = tags.iter().map(|tag| (tag.clone(), image.digest.clone()));
                kept.pointers.extend(pointers);
            }
        }
        let Some((first, rest)) = tags.split_first() else {
            self.totals.untagged_images += 1;
            return;
        };
        let time = image.pushed_at.unwrap_or(self.now).min(self.now);
        let event = EventFacts {
            kind: EventKind::Review,
            time,
            now: self.now,
        };
        let mut facts = Facts {
            registry: place.registry,
            image: Some(image),
            resource_tags: place.resource_tags,
            ..Facts::absent(place.repository, first.clone(), event)
        };
        self.decide(&facts);
        for tag in rest {
            facts.tag = tag.clone();
            self.decide(&facts);
        }
    }

    fn decide(&mut self, facts: &Facts) {
        self.totals.tags += 1;
        let plan = plan(facts, self.policy);
        if let Some(skip) = &plan.skipped {
            *self.skipped.entry(reason(skip)).or_default() += 1;
            return;
        }
        for outcome in &plan.rules {
            let Some(rule) = self
                .index
                .get(outcome.rule.as_str())
                .and_then(|at| self.rules.get_mut(*at))
            else {
                continue;
            };
            // What is derived is counted at the end, when all tags are known.
            let only_derives = outcome.undecided && facts.siblings.is_none() && {
                let rule = self
                    .policy
                    .tag_rules
                    .iter()
                    .find(|r| r.name == outcome.rule);
                rule.is_some_and(|rule| rule.derive.is_some())
            };
            rule.looked_at += 1;
            if outcome.undecided && !only_derives {
                rule.undecided += 1;
                if rule.undecided_example.is_none() {
                    rule.undecided_example = Some(example(&plan, &outcome.why.to_string()));
                }
            }
        }
        if let Some(kept) = self.repositories.get_mut(&plan.repository) {
            if kept.owner.is_none() {
                kept.owner.clone_from(&plan.owner);
            }
            if !plan.violations.is_empty() {
                kept.violating += 1;
                self.totals.violating_tags += 1;
            }
            for violation in &plan.violations {
                let Some(at) = self.index.get(violation.rule.as_str()).copied() else {
                    continue;
                };
                let is_new = match kept.rules.iter_mut().find(|(known, _)| *known == at) {
                    Some((_, count)) => {
                        *count += 1;
                        false
                    }
                    None => {
                        kept.rules.push((at, 1));
                        true
                    }
                };
                let Some(rule) = self.rules.get_mut(at) else {
                    continue;
                };
                rule.violated += 1;
                rule.repositories += u64::from(is_new);
                // Examples of several repositories say more than those of one.
                if rule.examples.len() < EXAMPLES && (is_new || rule.examples.len() < 2) {
                    rule.examples.push(example(&plan, &said(violation)));
                }
            }
        }
        for planned in &plan.actions {
            self.count(&planned.action, planned.mode);
        }
    }

    fn count(&mut self, action: &Action, mode: Mode) {
        let name = action.name();
        let at = match self.actions.iter().position(|known| known.action == name) {
            Some(at) => at,
            None => {
                self.actions.push(ActionTally {
                    action: name,
                    enforced: 0,
                    observed: 0,
                    blocked: 0,
                });
                self.actions.len() - 1
            }
        };
        let Some(tally) = self.actions.get_mut(at) else {
            return;
        };
        match action {
            Action::Blocked { .. } => tally.blocked += 1,
            // People are told in either mode.
            Action::Notify => tally.enforced += 1,
            _ if mode.acts() => tally.enforced += 1,
            _ => tally.observed += 1,
        }
    }

    /// Looks at the derived tags, now that all tags are known, and sums up.
    pub(super) fn finish(mut self, policy: String, source: String) -> Report {
        if self.derives {
            self.derive();
        }
        let names: Vec<String> = self.rules.iter().map(|rule| rule.rule.clone()).collect();
        self.totals.repositories = self.repositories.len() as u64;
        let mut repositories: Vec<RepositoryTally> = self
            .repositories
            .into_iter()
            .filter(|(_, kept)| kept.violating > 0 || kept.derived > 0)
            .map(|(name, kept)| RepositoryTally {
                repository: name.to_string(),
                owner: kept.owner,
                images: kept.images,
                tags: kept.tags,
                violating_tags: kept.violating,
                derived_tags: kept.derived,
                rules: kept
                    .rules
                    .into_iter()
                    .filter_map(|(at, count)| Some((names.get(at)?.clone(), count)))
                    .collect(),
            })
            .collect();
        // Stable: names stay in order where the counts are the same.
        repositories
            .sort_by_key(|tally| std::cmp::Reverse((tally.violating_tags, tally.derived_tags)));
        self.actions.sort_by_key(|tally| order(tally.action));
        Report {
            policy,
            mode: self.policy.mode,
            source,
            now: self.now,
            totals: self.totals,
            skipped: self.skipped,
            rules: self.rules,
            actions: self.actions,
            repositories,
            skipped_lines: 0,
        }
    }

    /// What the rules that derive tags would put right.
    fn derive(&mut self) {
        let policy = self.policy;
        let mut acts: Vec<(Mode, u64)> = Vec::new();
        for (name, kept) in &mut self.repositories {
            let pointers = std::mem::take(&mut kept.pointers);
            let rules: Vec<&TagRule> = policy
                .tag_rules
                .iter()
                .filter(|rule| rule.applies_to(name))
                .collect();
            for rule in &rules {
                let Some(derive) = &rule.derive else { continue };
                let spoken_of: BTreeMap<Tag, Digest> = pointers
                    .iter()
                    .filter(|(tag, _)| rule.speaks_of(tag) && !policy.ignores_tag(tag))
                    .map(|(tag, digest)| (tag.clone(), digest.clone()))
                    .collect();
                let wanted = derive.all_wanted(&spoken_of);
                let moved = wanted
                    .iter()
                    .filter(|(tag, (_, digest))| pointers.get(*tag) != Some(digest))
                    .filter(|(tag, _)| !policy.ignores_tag(tag))
                    .filter(|(tag, _)| !rules.iter().any(|rule| takes(rule, tag, policy)))
                    .count() as u64;
                kept.derived += moved;
                acts.push((rule.effective_mode(policy.mode), moved));
            }
            self.totals.derived_tags += kept.derived;
        }
        let enforced = acts.iter().filter(|(mode, _)| mode.acts());
        let enforced: u64 = enforced.map(|(_, moved)| moved).sum();
        let all: u64 = acts.iter().map(|(_, moved)| moved).sum();
        if all > 0 {
            self.actions.push(ActionTally {
                action: crate::cases::DERIVE,
                enforced,
                observed: all - enforced,
                blocked: 0,
            });
        }
    }
}

/// Whether a rule that acts would take a tag away again for its name.
fn takes(rule: &TagRule, tag: &Tag, policy: &Policy) -> bool {
    const TAKING: [ActionKind; 3] = [
        ActionKind::Quarantine,
        ActionKind::Untag,
        ActionKind::Delete,
    ];
    rule.effective_mode(policy.mode).acts()
        && rule.speaks_of(tag)
        && TAKING.iter().any(|kind| rule.on_violation.contains(kind))
        && !rule.check(tag).is_allowed()
}

/// The order in which actions are carried out.
fn order(action: &str) -> usize {
    const ORDER: [&str; 8] = [
        "tag",
        "restore",
        "quarantine",
        "archive",
        "untag",
        "delete",
        "derive",
        "notify",
    ];
    ORDER
        .iter()
        .position(|known| *known == action)
        .unwrap_or(ORDER.len())
}

fn reason(skip: &Skip) -> &'static str {
    match skip {
        Skip::OutOfScope { .. } => "out of scope",
        Skip::Quarantine { .. } => "in quarantine",
        Skip::IgnoredTag { .. } => "ignored tag",
        Skip::GuardTag { .. } => "guard tag",
        Skip::Mark { .. } => "own mark",
        Skip::Gone => "gone",
        Skip::Untagged => "untagged",
    }
}

fn said(violation: &Violation) -> String {
    match &violation.accepted {
        Some(accepted) => format!("{} (accepted: {accepted})", violation.message),
        None => violation.message.clone(),
    }
}

fn example(plan: &Plan, message: &str) -> Example {
    let mut text: String = message.chars().take(MAX_MESSAGE).collect();
    if text.len() < message.len() {
        text.push('…');
    }
    Example {
        repository: plan.repository.to_string(),
        tag: plan.tag.to_string(),
        message: text,
    }
}
