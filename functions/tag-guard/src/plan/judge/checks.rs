use std::mem;

use jiff::Timestamp;
use steward_core::facts::{Facts, ImageFacts};
use steward_core::policy::{Companion, ImageRule, TagPattern, TagRule, Verdict};
use steward_core::{Digest, Tag};

use super::Why;

/// What the checks of a rule found.
#[derive(Default)]
pub(super) struct Found {
    /// What is wrong.
    pub(super) wrong: Vec<String>,
    /// What is in order, or does not concern the rule.
    right: Why,
    /// What could not be found out.
    pub(super) unknown: Vec<String>,
    /// What would have been accepted.
    pub(super) accepted: Option<String>,
    /// When a grace period ends.
    pub(super) recheck_at: Option<Timestamp>,
    /// Whether the tag moved or went.
    pub(super) lost: bool,
}

impl Found {
    /// Why nothing is wrong.
    pub(super) fn why_not(self) -> Why {
        let unknown = self.unknown.into_iter().map(Why::from);
        let known = Some(self.right).filter(|right| *right != Why::default());
        unknown.chain(known).fold(Why::default(), Why::and)
    }

    fn right(&mut self, why: impl Into<Why>) {
        self.right = mem::take(&mut self.right).and(why.into());
    }
}

/// Whether a rule has checks beside its condition.
pub(super) fn has_any(rule: &TagRule) -> bool {
    !rule.allow.is_empty()
        || !rule.deny.is_empty()
        || !rule.immutable.patterns.is_empty()
        || !rule.protected.patterns.is_empty()
        || rule.derive.is_some()
        || rule.image.is_some()
        || rule.companion.is_some()
}

/// Makes every check of a rule.
pub(super) fn look(rule: &TagRule, facts: &Facts, found: &mut Found) {
    let Some(image) = &facts.image else {
        return gone(rule, facts, found);
    };
    if !rule.allow.is_empty() || !rule.deny.is_empty() {
        name(rule, &facts.tag, found);
    }
    if !rule.immutable.patterns.is_empty() {
        moved(rule, facts, &image.digest, found);
    }
    if !rule.protected.patterns.is_empty() {
        found.right("the tag is there");
    }
    if let Some(companion) = &rule.companion {
        accompanied(companion, &facts.tag, image, found);
    }
    if let Some(wanted) = &rule.image {
        made(wanted, image, facts.event.now, found);
    }
    if let Some(derive) = &rule.derive {
        let tag = facts.tag.clone();
        found.right(if derive.is_source(&tag) {
            Why::OfTag("", tag, " is one that others follow")
        } else {
            Why::OfTag("no tag follows ", tag, "")
        });
    }
}

fn gone(rule: &TagRule, facts: &Facts, found: &mut Found) {
    let tag = &facts.tag;
    if rule.protected.contains(tag) {
        let had = facts.previous.as_ref();
        let had = had.map(|digest| format!(", which was on {},", short(digest)));
        found
            .wrong
            .push(format!("{tag}{} was deleted", had.unwrap_or_default()));
        found.accepted = Some(format!("{} stays", describe(&rule.protected.patterns, tag)));
        found.lost = true;
    } else {
        found.right("the tag is gone");
    }
}

fn name(rule: &TagRule, tag: &Tag, found: &mut Found) {
    match rule.check(tag) {
        Verdict::Allowed { by: Some(by) } => found.right(Why::Matches(tag.clone(), by.clone())),
        Verdict::Allowed { by: None } => {
            found.right(Why::OfTag("nothing in the rule denies ", tag.clone(), ""));
        }
        Verdict::NotAllowed { accepted } => {
            let why = format!("{tag} matches nothing that the rule allows");
            found.wrong.push(why);
            found.accepted = Some(accepted);
        }
        Verdict::Denied { by, accepted } => {
            let why = format!("the rule denies {tag}: it is {}", by.describe());
            found.wrong.push(why);
            found.accepted = accepted;
        }
    }
}

fn moved(rule: &TagRule, facts: &Facts, now: &Digest, found: &mut Found) {
    let tag = &facts.tag;
    if !rule.immutable.contains(tag) {
        return found.right(Why::OfTag("", tag.clone(), " may move"));
    }
    match &facts.previous {
        None => {
            let before = "nothing is known of an earlier image of ";
            found.right(Why::OfTag(before, tag.clone(), ""));
        }
        Some(before) if before == now => {
            found.right(Why::OfTag("", tag.clone(), " has not moved"));
        }
        Some(before) => {
            found.wrong.push(format!(
                "{tag} moved from {} to {}",
                short(before),
                short(now)
            ));
            found.accepted = Some(format!(
                "a tag of its own for each image; {} does not move",
                describe(&rule.immutable.patterns, tag)
            ));
            found.lost = true;
        }
    }
}

fn accompanied(companion: &Companion, tag: &Tag, image: &ImageFacts, found: &mut Found) {
    if !companion.is_floating(tag) {
        return found.right(Why::OfTag("", tag.clone(), " may stand alone"));
    }
    let by = companion.companion_among(&image.tags);
    match by {
        Some(by) => found.right(format!("the image of {tag} has the tag {by}")),
        None => {
            let wanted: Vec<String> = companion
                .requires
                .iter()
                .map(TagPattern::describe)
                .collect();
            let wanted = wanted.join(" or ");
            found
                .wrong
                .push(format!("the image of {tag} has no tag that is {wanted}"));
            found.accepted.get_or_insert(wanted);
        }
    }
}

fn made(rule: &ImageRule, image: &ImageFacts, now: Timestamp, found: &mut Found) {
    let verdict = rule.check(image, now);
    if let Some(at) = verdict.recheck_at {
        found.recheck_at = Some(at);
        found.right(format!(
            "what must refer to the image may still come until {at}"
        ));
    } else if verdict.is_fine() {
        found.right("the image is as the rule asks");
    }
    found.wrong.extend(
        verdict
            .violations
            .into_iter()
            .map(|text| text.trim_end_matches('.').to_owned()),
    );
    if !verdict.unknown.is_empty() {
        let unknown = verdict.unknown.join(", ");
        found.unknown.push(format!("not known: {unknown}"));
    }
}

/// The pattern that a tag matches, for a person.
fn describe(patterns: &[TagPattern], tag: &Tag) -> String {
    patterns
        .iter()
        .find(|pattern| pattern.matches(tag))
        .map_or_else(|| tag.to_string(), TagPattern::describe)
}

fn short(digest: &Digest) -> &str {
    digest.short()
}
