//! One list of actions from everything that the rules ask for.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use steward_core::decision::{guard_tag, is_guard_tag};
use steward_core::facts::{EventKind, Facts, ImageFacts};
use steward_core::policy::{ActionKind, Policy};
use steward_core::{Digest, ImageRef, Mode, Tag};

use super::action::{Action, PlannedAction, Source};
use super::judge::{Judged, violates_as};
use super::{derive, earlier};

/// What is to be done, and when to look again for what is not due yet.
pub(super) struct Made {
    pub(super) actions: Vec<PlannedAction>,
    pub(super) recheck_at: Option<Timestamp>,
}

/// One action of each wanted kind, in the documented order: what keeps an image before what takes it
/// away.
pub(super) fn actions(facts: &Facts, policy: &Policy, judged: &[Judged<'_>]) -> Made {
    let mut maker = Maker {
        facts,
        policy,
        judged,
        violated: judged.iter().filter(|j| j.violation.is_some()).collect(),
        actions: Vec::new(),
        recheck_at: None,
    };
    match &facts.image {
        Some(image) => maker.for_image(image),
        None => maker.for_deleted(),
    }
    if let Some(mode) = maker.mode_of(ActionKind::Notify) {
        maker.add(Action::Notify, mode);
    }
    Made {
        actions: maker.actions,
        recheck_at: maker.recheck_at,
    }
}

struct Maker<'a, 'p> {
    facts: &'a Facts,
    policy: &'a Policy,
    judged: &'a [Judged<'p>],
    /// Those of them that are violated: few, where many are looked at.
    violated: Vec<&'a Judged<'p>>,
    actions: Vec<PlannedAction>,
    recheck_at: Option<Timestamp>,
}

/// When a rule may delete the image.
fn deletion_due(image: &ImageFacts, judged: &Judged<'_>) -> Option<Timestamp> {
    let after = SignedDuration::try_from(judged.rule.delete_after?).ok()?;
    image.pushed_at?.checked_add(after).ok()
}

impl Maker<'_, '_> {
    fn add(&mut self, action: Action, mode: Mode) {
        self.actions.push(PlannedAction { action, mode });
    }

    fn blocked(&mut self, wanted: ActionKind, mode: Mode, reason: String, remedy: &str) {
        let action = Action::Blocked {
            wanted,
            reason,
            remedy: remedy.to_owned(),
        };
        self.add(action, mode);
    }

    /// The mode of an action, where a violated rule asks for it: it may act when one of those may.
    fn mode_of(&self, kind: ActionKind) -> Option<Mode> {
        self.modes(|judged| judged.wants(kind))
    }

    fn modes(&self, asks: impl Fn(&Judged<'_>) -> bool) -> Option<Mode> {
        let asking = || self.violated.iter().filter(|judged| asks(judged));
        asking().next()?;
        Some(if asking().any(|judged| judged.mode().acts()) {
            Mode::Enforce
        } else {
            Mode::Observe
        })
    }

    /// Whether a planned action of this kind is carried out.
    fn acts(&self, is: impl Fn(&Action) -> bool) -> bool {
        self.actions
            .iter()
            .any(|planned| planned.mode.acts() && is(&planned.action))
    }

    fn for_image(&mut self, image: &ImageFacts) {
        self.marks(image);
        let restored = self.restore(image);
        let quarantined = self.quarantine(image, restored);
        let untag = self
            .mode_of(ActionKind::Untag)
            .filter(|mode| !(mode.acts() && (restored || quarantined)));
        let delete = self.delete(image, restored, quarantined);
        let deleted = delete.as_ref().is_some_and(|delete| {
            delete.mode.acts() && matches!(delete.action, Action::Delete { .. })
        });
        let untag = untag.map(|mode| (mode, self.guard(image)));
        self.archive(image, restored || quarantined || deleted, untag.as_ref());
        if let Some((mode, guard)) = untag
            && !(deleted && mode.acts())
        {
            let archived = mode.acts() && self.acts(|a| matches!(a, Action::Archive { .. }));
            let guard = guard.filter(|_| !archived);
            self.add(Action::Untag { guard }, mode);
        }
        self.actions.extend(delete);
        self.derive();
    }

    fn marks(&mut self, image: &ImageFacts) {
        let mut seen = BTreeSet::new();
        let violated = self.violated.clone();
        for judged in violated.iter().filter(|j| j.wants(ActionKind::Tag)) {
            let Some(mark) = &judged.rule.mark else {
                continue;
            };
            match mark.render(&self.facts.tag, &image.digest) {
                Ok(mark) => {
                    if image.tags.contains(&mark) || !seen.insert(mark.clone()) {
                        continue;
                    }
                    let mode = self.modes(|other| {
                        other.wants(ActionKind::Tag)
                            && other.rule.mark.as_ref().is_some_and(|template| {
                                template.render(&self.facts.tag, &image.digest).as_ref()
                                    == Ok(&mark)
                            })
                    });
                    self.add(Action::Tag { mark }, mode.unwrap_or_default());
                }
                Err(error) => self.blocked(
                    ActionKind::Tag,
                    judged.mode(),
                    format!("the mark {mark} is no tag here: {error}"),
                    "choose a shorter mark in the policy",
                ),
            }
        }
    }

    /// Whether the tag is put back.
    fn restore(&mut self, image: &ImageFacts) -> bool {
        let lost = |judged: &Judged<'_>| judged.lost && judged.wants(ActionKind::Restore);
        let (Some(mode), Some(before)) = (self.modes(lost), &self.facts.previous) else {
            return false;
        };
        let action = Action::Restore {
            to: before.clone(),
            guard: self.guard(image),
        };
        self.add(action, mode);
        mode.acts()
    }

    /// Whether the quarantine takes the image.
    fn quarantine(&mut self, image: &ImageFacts, restored: bool) -> bool {
        let Some(mode) = self.mode_of(ActionKind::Quarantine) else {
            return false;
        };
        let facts = self.facts;
        let Some(to) = self.policy.quarantine_repository(&facts.repository) else {
            self.blocked(
                ActionKind::Quarantine,
                mode,
                format!(
                    "the name of the quarantine repository for {} would be longer than ECR allows",
                    facts.repository
                ),
                "set quarantine.repository in the policy to a shorter name",
            );
            // What would come after the quarantine must not be done without it.
            return mode.acts();
        };
        // The pushed tag moves on with the next quarantined image; this one does not.
        let suffix = format!("-{}", image.digest.short());
        let own = facts.tag.with_suffix(&suffix).ok();
        let action = Action::Quarantine {
            to,
            tags: own.into_iter().chain([facts.tag.clone()]).collect(),
            keeps_tag: restored && mode.acts(),
        };
        self.add(action, mode);
        mode.acts()
    }

    fn archive(&mut self, image: &ImageFacts, dropped: bool, untag: Option<&(Mode, Option<Tag>)>) {
        let kind = ActionKind::Archive;
        let Some(mode) = self.mode_of(kind) else {
            return;
        };
        if dropped && mode.acts() {
            return;
        }
        if let Some(other) = self.tag_in_order(image, kind) {
            return self.blocked(
                kind,
                mode,
                format!("the image has the tag {other} as well, which is in order"),
                "remove the other tag if the image may be archived",
            );
        }
        let untag = untag.filter(|(untag, _)| untag.acts() && mode.acts());
        let guard = untag.and_then(|(_, guard)| guard.clone());
        self.add(Action::Archive { guard }, mode);
    }

    /// The deletion, where the image is old enough; otherwise when it will be.
    fn delete(
        &mut self,
        image: &ImageFacts,
        restored: bool,
        quarantined: bool,
    ) -> Option<PlannedAction> {
        let kind = ActionKind::Delete;
        let now = self.facts.event.now;
        let asking = || self.violated.iter().filter(|judged| judged.wants(kind));
        asking().next()?;
        let is_due = |judged: &Judged<'_>| {
            judged.wants(kind) && deletion_due(image, judged).is_some_and(|at| at <= now)
        };
        let mode = self.modes(is_due);
        if !mode.is_some_and(Mode::acts) {
            let next = asking()
                .filter_map(|judged| deletion_due(image, judged))
                .filter(|at| *at > now)
                .min();
            self.recheck_at = earlier(self.recheck_at, next);
        }
        let mode = mode?;
        let planned = |action| Some(PlannedAction { action, mode });
        // The image goes with its last tag to quarantine, or the tag is given back to another one.
        if mode.acts() && (restored || (quarantined && self.others(image).next().is_none())) {
            return None;
        }
        // The image waits for the tag whose time is over last.
        let waits = self
            .others(image)
            .filter_map(|other| self.deletion_of(image, other))
            .filter(|at| *at > now)
            .max();
        if waits.is_some() {
            self.recheck_at = earlier(self.recheck_at, waits);
            return None;
        }
        match self.tag_in_order(image, kind) {
            Some(other) => planned(Action::Blocked {
                wanted: kind,
                reason: format!("the image has the tag {other} as well, which is in order"),
                remedy: "remove the other tag if the image may be deleted".to_owned(),
            }),
            None => planned(Action::Delete {
                tags: image.tags.clone(),
            }),
        }
    }

    /// The image's tags beside the one in question and those that ecr-steward itself put there.
    fn others<'i>(&'i self, image: &'i ImageFacts) -> impl Iterator<Item = &'i Tag> {
        image.tags.iter().filter(|tag| {
            **tag != self.facts.tag
                && !is_guard_tag(tag, &image.digest)
                && !self
                    .policy
                    .is_mark(&self.facts.repository, tag, &image.digest)
        })
    }

    /// A tag of the image for which no rule asks for `kind`.
    fn tag_in_order<'i>(&'i self, image: &'i ImageFacts, kind: ActionKind) -> Option<&'i Tag> {
        self.others(image)
            .find(|other| self.asking_for(other, kind).next().is_none())
    }

    /// The rules that ask for `kind` where the image has another tag, in the mode in which it is
    /// planned. No rule speaks about a tag that the policy ignores.
    fn asking_for<'i>(
        &'i self,
        other: &'i Tag,
        kind: ActionKind,
    ) -> impl Iterator<Item = &'i Judged<'i>> {
        let acts = self.mode_of(kind).is_some_and(Mode::acts);
        self.judged.iter().filter(move |judged| {
            !self.policy.ignores_tag(other)
                && judged.mode().acts() == acts
                && judged.rule.on_violation.contains(&kind)
                && violates_as(judged.rule, judged.mode(), self.facts, other)
        })
    }

    /// When another tag of the image no longer keeps it from deletion; nothing where it always does.
    fn deletion_of(&self, image: &ImageFacts, other: &Tag) -> Option<Timestamp> {
        self.asking_for(other, ActionKind::Delete)
            .filter_map(|judged| deletion_due(image, judged))
            .min()
    }

    /// The tag that keeps the image once the tag in question is gone: none where another one does.
    fn guard(&self, image: &ImageFacts) -> Option<Tag> {
        let marked = self.acts(|action| matches!(action, Action::Tag { .. }));
        let is_last = image.tags.iter().all(|tag| *tag == self.facts.tag);
        if is_last && !marked {
            guard_tag(&image.digest).ok()
        } else {
            None
        }
    }

    fn derive(&mut self) {
        let restored = |action: &Action| {
            matches!(
                action,
                Action::Restore { .. } | Action::RestoreDeleted { .. }
            )
        };
        // What should be taken away, and cannot be, is followed by nothing new.
        if self.facts.image.is_some()
            && self.acts(|action| matches!(action, Action::Blocked { .. }))
        {
            return;
        }
        // What is put back is what other tags follow, and what is taken away they leave.
        let now = if self.acts(restored) {
            derive::Now::Means(self.facts.previous.as_ref())
        } else if self.acts(Action::takes_tag) {
            derive::Now::Goes
        } else {
            derive::Now::Stays
        };
        let derived = derive::wanted(self.facts, self.policy, self.judged, now);
        self.actions.extend(derived);
    }

    fn for_deleted(&mut self) {
        let facts = self.facts;
        debug_assert_eq!(facts.event.kind, EventKind::Deleted);
        let lost = |judged: &Judged<'_>| judged.lost && judged.wants(ActionKind::Restore);
        if let Some(mode) = self.modes(lost) {
            match &facts.previous {
                _ if derive::taken_away(&facts.tag, facts, self.policy) => self.blocked(
                    ActionKind::Restore,
                    mode,
                    "another rule that acts would take the tag away again".to_owned(),
                    "leave the tag out of one of the two rules",
                ),
                Some(before) => {
                    let from = self.sources(before);
                    let to = before.clone();
                    self.add(Action::RestoreDeleted { to, from }, mode);
                }
                None => self.blocked(
                    ActionKind::Restore,
                    mode,
                    "nothing is known of the image that the tag had".to_owned(),
                    "push the image again",
                ),
            }
        }
        self.derive();
        // A derived tag follows its releases; what it meant before does not matter.
        let tag = &self.facts.tag;
        let follows =
            self.acts(|a| matches!(a, Action::Derive { tag: derived, .. } if derived == tag));
        if follows {
            self.actions
                .retain(|planned| !matches!(planned.action, Action::RestoreDeleted { .. }));
        }
    }

    /// Where the image of a deleted tag may be, the nearest place first.
    fn sources(&self, digest: &Digest) -> Vec<Source> {
        let Facts {
            repository, tag, ..
        } = self.facts;
        let mut sources = vec![Source::Repository];
        sources.extend(
            self.policy
                .quarantine_repository(repository)
                .map(|repository| Source::Quarantine { repository }),
        );
        for rule in &self.policy.replication {
            if !rule.applies_to(repository) || !rule.accepts_tag(tag) {
                continue;
            }
            for target in &rule.to {
                let Ok(there) = target.repository_for(repository) else {
                    continue;
                };
                sources.push(Source::Replica {
                    rule: rule.name.to_string(),
                    image: ImageRef {
                        registry: target.registry.clone(),
                        repository: there,
                        tag: None,
                        digest: Some(digest.clone()),
                    },
                    target: Box::new(target.clone()),
                });
            }
        }
        sources
    }
}
