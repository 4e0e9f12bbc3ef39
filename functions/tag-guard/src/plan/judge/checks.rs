use jiff::Timestamp;
use steward_core::facts::{Facts, ImageFacts};
use steward_core::policy::{Companion, ImageRule, TagPattern, TagRule, Verdict};
use steward_core::{Digest, Tag};

/// What the checks of a rule found.
#[derive(Default)]
pub(super) struct Found {
    /// What is wrong.
    pub(super) wrong: Vec<String>,
    /// What is in order, or does not concern the rule.
    right: Vec<String>,
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
    pub(super) fn why_not(self) -> String {
        let mut reasons = self.unknown;
        reasons.extend(self.right);
        reasons.join("; ")
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
        found.right.push("the tag is there".to_owned());
    }
    if let Some(companion) = &rule.companion {
        accompanied(companion, &facts.tag, image, found);
    }
    if let Some(wanted) = &rule.image {
        made(wanted, image, facts.event.now, found);
    }
    if let Some(derive) = &rule.derive {
        found.right.push(if derive.is_source(&facts.tag) {
            format!("{} is one that others follow", facts.tag)
        } else {
            format!("no tag follows {}", facts.tag)
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
        found.right.push("the tag is gone".to_owned());
    }
}

fn name(rule: &TagRule, tag: &Tag, found: &mut Found) {
    let verdict = rule.check(tag);
    let why = match &verdict {
        Verdict::Allowed { by: Some(by) } => format!("{tag} is {}", by.describe()),
        Verdict::Allowed { by: None } => format!("nothing in the rule denies {tag}"),
        Verdict::NotAllowed { .. } => format!("{tag} matches nothing that the rule allows"),
        Verdict::Denied { by, .. } => format!("the rule denies {tag}: it is {}", by.describe()),
    };
    if verdict.is_allowed() {
        found.right.push(why);
    } else {
        found.accepted = verdict.accepted().map(str::to_owned);
        found.wrong.push(why);
    }
}

fn moved(rule: &TagRule, facts: &Facts, now: &Digest, found: &mut Found) {
    let tag = &facts.tag;
    if !rule.immutable.contains(tag) {
        return found.right.push(format!("{tag} may move"));
    }
    match &facts.previous {
        None => found
            .right
            .push(format!("nothing is known of an earlier image of {tag}")),
        Some(before) if before == now => found.right.push(format!("{tag} has not moved")),
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
        return found.right.push(format!("{tag} may stand alone"));
    }
    let by = companion.companion_among(&image.tags);
    match by {
        Some(by) => found
            .right
            .push(format!("the image of {tag} has the tag {by}")),
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
        found.right.push(format!(
            "what must refer to the image may still come until {at}"
        ));
    } else if verdict.is_fine() {
        found.right.push("the image is as the rule asks".to_owned());
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
