//! Tag rules: their checks, and whether their actions fit them.

use crate::names::RuleName;

use super::super::{
    ActionKind, Companion, Condition, Derive, DerivedTag, Exemption, Mark, PolicyErrorKind,
    TagRule, TagSet,
};
use super::image_rule::image_rule;
use super::patterns::{
    repository_set, source_pattern, tag_filter, tag_patterns, tag_patterns_or_none,
};
use super::policy::{mode, rule_name, severity};
use super::values::{Limits, date, duration};
use super::{At, Decoder, Fields};

const MAX_RULES: usize = 500;
const MAX_DERIVED: usize = 20;
const MAX_EXEMPTIONS: usize = 200;

/// The fields that a tag or an image can violate.
const CHECKS: [&str; 7] = [
    "allow",
    "deny",
    "immutable",
    "protected",
    "image",
    "companion",
    "when",
];

const FIELDS: [&str; 18] = [
    "name",
    "repositories",
    "tags",
    "allow",
    "deny",
    "immutable",
    "protected",
    "derive",
    "image",
    "companion",
    "when",
    "on_violation",
    "mark",
    "delete_after",
    "exempt",
    "mode",
    "severity",
    "message",
];

/// An image is deleted no sooner than a day after its push, whatever a policy says.
const DELETE_AFTER: Limits = Limits {
    shortest: "1d",
    longest: "3650d",
};

/// The list of tag rules.
pub(super) fn tag_rules(d: &mut Decoder<'_>, at: &At<'_>) -> Vec<TagRule> {
    let mut names = Vec::new();
    let list = d.list_or_empty(at, MAX_RULES, "tag rules");
    list.iter()
        .filter_map(|at| tag_rule(d, at, &mut names))
        .collect()
}

fn tag_rule(
    d: &mut Decoder<'_>,
    at: &At<'_>,
    names: &mut Vec<(RuleName, usize)>,
) -> Option<TagRule> {
    let fields = d.fields(at, &FIELDS)?;
    let name = rule_name(d, &fields, names);
    let repositories = d
        .required(
            &fields,
            "repositories",
            "a list of globs, such as `[\"prod/**\"]`",
        )
        .and_then(|at| repository_set(d, &at));
    let checks: Vec<&str> = CHECKS
        .into_iter()
        .filter(|field| fields.get(field).is_some())
        .collect();
    if checks.is_empty() && fields.get("derive").is_none() {
        let message = "has no check, so nothing could violate it";
        let expected = format!(
            "{} or `derive`",
            super::one_of(&CHECKS, "", "one or more of")
        );
        let (kind, location) = (PolicyErrorKind::Missing, at.node.location);
        d.fail(kind, location, &at.path, message, Some(expected));
    }
    let patterns = |d: &mut Decoder<'_>, field| {
        let at = fields.get(field);
        at.map(|at| tag_patterns(d, &at)).unwrap_or_default()
    };
    let rule = TagRule {
        tags: fields.get("tags").and_then(|at| tag_filter(d, &at)),
        allow: patterns(d, "allow"),
        deny: fields
            .get("deny")
            .map(|at| tag_patterns_or_none(d, &at))
            .unwrap_or_default(),
        immutable: TagSet {
            patterns: patterns(d, "immutable"),
        },
        protected: TagSet {
            patterns: patterns(d, "protected"),
        },
        derive: fields.get("derive").and_then(|at| derive(d, &at)),
        image: fields.get("image").and_then(|at| image_rule(d, &at)),
        companion: fields.get("companion").and_then(|at| companion(d, &at)),
        when: fields.get("when").and_then(|at| condition(d, &at)),
        mark: fields.get("mark").and_then(|at| mark(d, &at)),
        delete_after: fields
            .get("delete_after")
            .and_then(|at| duration(d, &at, &DELETE_AFTER)),
        exempt: fields
            .get("exempt")
            .map(|at| exemptions(d, &at))
            .unwrap_or_default(),
        on_violation: match fields.get("on_violation") {
            Some(at) => actions(d, &at),
            None => vec![ActionKind::Notify],
        },
        mode: fields.get("mode").and_then(|at| mode(d, &at)),
        severity: fields
            .get("severity")
            .and_then(|at| severity(d, &at))
            .unwrap_or_default(),
        message: fields
            .get("message")
            .and_then(|at| d.prose(&at, 1000, "a sentence for the pusher")),
        name: name?,
        repositories: repositories?,
        location: at.node.location,
    };
    actions_fit(d, &fields, &checks, &rule);
    Some(rule)
}

/// Refuses actions that miss what they need, or that could never do anything.
fn actions_fit(d: &mut Decoder<'_>, fields: &Fields<'_>, checks: &[&str], rule: &TagRule) {
    let has = |action| rule.on_violation.contains(&action);
    for (action, field, expected) in [
        (
            ActionKind::Tag,
            "mark",
            "`mark` beside it, such as `rejected-{short_digest}`",
        ),
        (
            ActionKind::Delete,
            "delete_after",
            "`delete_after` beside it: the age from which an image may be deleted, such as `30d`",
        ),
    ] {
        match (has(action), fields.get(field)) {
            (true, None) => {
                let message = format!("the action `{action}` needs the field `{field}`");
                contradiction(d, fields, "on_violation", message, expected);
            }
            (false, Some(_)) => {
                let message = format!("is only for the action `{action}`, which the rule has not");
                let expected = format!("`{action}` in `on_violation`, or no `{field}`");
                contradiction(d, fields, field, message, &expected);
            }
            _ => {}
        }
    }
    if fields.get("on_violation").is_some() && checks.is_empty() {
        if fields.get("derive").is_some() {
            let message = "nothing violates a rule that only derives tags";
            let expected = "no `on_violation`, or a check beside `derive`";
            contradiction(d, fields, "on_violation", message.to_owned(), expected);
        }
        return;
    }
    if has(ActionKind::Restore) && !checks.contains(&"immutable") && !checks.contains(&"protected")
    {
        let message = "only a tag that moved or was deleted can be restored";
        let expected = "`immutable` or `protected` in the rule, or another action";
        contradiction(d, fields, "on_violation", message.to_owned(), expected);
    }
    let only_protected = checks
        .iter()
        .all(|check| matches!(*check, "protected" | "when"))
        && checks.contains(&"protected");
    let useless = rule
        .on_violation
        .iter()
        .find(|action| !matches!(action, ActionKind::Restore | ActionKind::Notify));
    if let Some(action) = useless.filter(|_| only_protected) {
        let message = format!("a tag that was deleted leaves nothing that `{action}` could act on");
        contradiction(
            d,
            fields,
            "on_violation",
            message,
            "`restore`, `notify` or both",
        );
    }
}

fn contradiction(
    d: &mut Decoder<'_>,
    fields: &Fields<'_>,
    field: &str,
    message: String,
    expected: &str,
) {
    let location = fields
        .get(field)
        .map_or(fields.location, |at| at.node.location);
    let (kind, path) = (PolicyErrorKind::Contradiction, fields.path_of(field));
    d.fail(kind, location, &path, message, Some(expected.to_owned()));
}

/// `{from: …, tags: […]}`.
fn derive(d: &mut Decoder<'_>, at: &At<'_>) -> Option<Derive> {
    const TEMPLATE: &str = "a tag with `{major}`, `{minor}`, `{patch}` or `{tag}`, or a plain one \
                            such as `latest`";
    let fields = d.fields(at, &["from", "tags"])?;
    let from = d
        .required(
            &fields,
            "from",
            "the tags that others follow, such as `semver`",
        )
        .and_then(|at| source_pattern(d, &at));
    let mut tags: Vec<DerivedTag> = Vec::new();
    if let Some(at) = d.required(&fields, "tags", "the tags to derive, such as `[latest]`") {
        for at in d.list(
            &at,
            MAX_DERIVED,
            "tags such as `{major}.{minor}` or `latest`",
        ) {
            let Some(tag) = d.parsed(&at, TEMPLATE, DerivedTag::new) else {
                continue;
            };
            if let Some(from) = &from
                && tag.needs_version()
                && !from.has_semantic_versions()
            {
                let message = format!("`{tag}` asks for a version, which `{from}` has not");
                d.fail(
                    PolicyErrorKind::Contradiction,
                    at.node.location,
                    &at.path,
                    message,
                    Some("`semver` or a pattern with `{semver}` in `from`".to_owned()),
                );
            }
            if tags.contains(&tag) {
                let message = format!("`{tag}` is there twice");
                let kind = PolicyErrorKind::Duplicate;
                d.fail(kind, at.node.location, &at.path, message, None);
            } else {
                tags.push(tag);
            }
        }
    }
    Some(Derive { from: from?, tags })
}

/// `{floating: […], requires: […]}`.
fn companion(d: &mut Decoder<'_>, at: &At<'_>) -> Option<Companion> {
    let fields = d.fields(at, &["floating", "requires"])?;
    let floating = d.required(
        &fields,
        "floating",
        "the tags that may move, such as `[latest]`",
    );
    let requires = d.required(
        &fields,
        "requires",
        "the tags that go with them, such as `[semver]`",
    );
    Some(Companion {
        floating: tag_patterns(d, &floating?),
        requires: tag_patterns(d, &requires?),
    })
}

/// A condition, with the place of its mistake inside the text.
fn condition(d: &mut Decoder<'_>, at: &At<'_>) -> Option<Condition> {
    const EXPECTED: &str = "a condition in CEL that is true or false, such as \
                            `image.size > 1000000000`";
    let text = d.text(at, EXPECTED)?;
    if text.len() > Condition::MAX_LEN {
        let message = format!("the condition is longer than {} bytes", Condition::MAX_LEN);
        d.invalid(at, message, EXPECTED);
        return None;
    }
    match Condition::new(text) {
        Ok(condition) => Some(condition),
        Err(error) => {
            let location = error
                .offset
                .map_or(at.node.location, |offset| d.place_in(at, text, offset));
            let kind = PolicyErrorKind::InvalidValue;
            d.fail(
                kind,
                location,
                &at.path,
                error.message,
                Some(EXPECTED.to_owned()),
            );
            None
        }
    }
}

fn mark(d: &mut Decoder<'_>, at: &At<'_>) -> Option<Mark> {
    d.parsed(
        at,
        "a tag with `{short_digest}`, such as `rejected-{short_digest}`",
        Mark::new,
    )
}

/// `[{repositories: …, tags: […], until: …, reason: …}]`.
fn exemptions(d: &mut Decoder<'_>, at: &At<'_>) -> Vec<Exemption> {
    let list = d.list_or_empty(at, MAX_EXEMPTIONS, "exemptions with `until` and `reason`");
    list.iter().filter_map(|at| exemption(d, at)).collect()
}

fn exemption(d: &mut Decoder<'_>, at: &At<'_>) -> Option<Exemption> {
    let fields = d.fields(at, &["repositories", "tags", "until", "reason"])?;
    let repositories = match fields.get("repositories") {
        None => Some(None),
        Some(at) => repository_set(d, &at).map(Some),
    };
    let tags = fields.get("tags").map(|at| TagSet {
        patterns: tag_patterns(d, &at),
    });
    let until = d
        .required(&fields, "until", "its last day, such as `2027-01-31`")
        .and_then(|at| date(d, &at));
    let reason = d
        .required(&fields, "reason", "why, for those who read the reports")
        .and_then(|at| d.prose(&at, 500, "why, for those who read the reports"));
    Some(Exemption {
        repositories: repositories?,
        tags,
        until: until?,
        reason: reason?,
    })
}

/// The actions, each once, in the order of execution whatever the order of the list.
fn actions(d: &mut Decoder<'_>, at: &At<'_>) -> Vec<ActionKind> {
    let words = ActionKind::ALL.map(|action| (action.as_str(), action));
    let mut found = Vec::new();
    for at in d.list(at, words.len() * 2, "actions such as `notify`") {
        let Some(action) = d.word(&at, "action", &words) else {
            continue;
        };
        if found.contains(&action) {
            let message = format!("`{action}` is there twice");
            d.fail(
                PolicyErrorKind::Duplicate,
                at.node.location,
                &at.path,
                message,
                None,
            );
        } else {
            found.push(action);
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests;
