use crate::mode::{Mode, Severity};
use crate::names::{RepositoryName, RuleName};

use super::super::document::{Node, Value};
use super::super::lint;
use super::super::loops::{likely_samples, samples, words_of};
use super::super::rule_index::RuleIndex;
use super::super::{
    Policy, PolicyErrorKind, QuarantineSettings, RepositorySet, RepositoryTemplate, TagPattern,
    TagSet,
};
use super::notifications::notifications;
use super::patterns::{repository_set, tag_patterns_or_none};
use super::replication::{REPOSITORY_TEMPLATE, replication};
use super::tag_rules::tag_rules;
use super::{At, Decoder, Fields};

const FIELDS: [&str; 8] = [
    "version",
    "mode",
    "repositories",
    "ignore_tags",
    "quarantine",
    "tag_rules",
    "replication",
    "notifications",
];

/// The whole document. `None` only where the decoder has a mistake to tell.
pub(in super::super) fn policy(d: &mut Decoder<'_>, root: &Node) -> Option<Policy> {
    let at = At {
        node: root,
        path: String::new(),
    };
    if let Value::Map(entries) = &root.value
        && let Some(version) = entries.iter().find(|entry| entry.key == "version")
    {
        let at = At {
            node: &version.value,
            path: "version".to_owned(),
        };
        // The fields of another version may be others: nothing to say about them.
        if !matches!(&at.node.value, Value::Number(text) if text == "1") {
            let message = match &at.node.value {
                Value::Number(number) => format!("version {number} is not supported"),
                other => format!("found {}", other.describe()),
            };
            d.invalid(&at, message, "the number `1`");
            return None;
        }
    }
    let fields = d.fields(&at, &FIELDS)?;
    let _ = d.required(&fields, "version", "`version: 1`");
    let mode = fields
        .get("mode")
        .and_then(|at| mode(d, &at))
        .unwrap_or_default();
    let scope = fields
        .get("repositories")
        .and_then(|at| repository_set(d, &at));
    let ignore_tags = match fields.get("ignore_tags") {
        Some(at) => TagSet {
            patterns: tag_patterns_or_none(d, &at),
        },
        None => TagSet {
            patterns: TagPattern::glob("sha256-*").into_iter().collect(),
        },
    };
    let quarantine = quarantine(d, &fields);
    let tag_rules = fields
        .get("tag_rules")
        .map(|at| tag_rules(d, &at))
        .unwrap_or_default();
    let replication = fields
        .get("replication")
        .map(|at| replication(d, &at))
        .unwrap_or_default();
    let rule_names: Vec<&str> = named_rules(&fields);
    let notifications = fields
        .get("notifications")
        .map(|at| notifications(d, &at, &rule_names))
        .unwrap_or_default();
    let policy = Policy {
        mode,
        scope: scope.unwrap_or_else(RepositorySet::all),
        ignore_tags,
        quarantine: quarantine?,
        tag_rules,
        replication,
        notifications,
        index: RuleIndex::default(),
    };
    check_quarantine(d, &fields, &policy);
    check_watched_quarantine(d, &fields, &policy);
    if d.errors.is_empty() {
        check_rules(d, &fields, &policy);
    }
    Some(policy)
}

/// The names of all rules, also of those that have a mistake.
fn named_rules<'n>(fields: &Fields<'n>) -> Vec<&'n str> {
    let mut names = Vec::new();
    for list in ["tag_rules", "replication"]
        .iter()
        .filter_map(|field| fields.get(field))
    {
        let Value::List(rules) = &list.node.value else {
            continue;
        };
        for rule in rules {
            let Value::Map(entries) = &rule.value else {
                continue;
            };
            let name = entries
                .iter()
                .find(|entry| entry.key == "name")
                .map(|entry| &entry.value.value);
            if let Some(Value::Text(name)) = name
                && !names.contains(&name.as_str())
            {
                names.push(name.as_str());
            }
        }
    }
    names
}

fn quarantine(d: &mut Decoder<'_>, fields: &Fields<'_>) -> Option<QuarantineSettings> {
    let mut template = None;
    if let Some(at) = fields.get("quarantine") {
        let fields = d.fields(&at, &["repository"])?;
        if let Some(at) = fields.get("repository") {
            let read = d.parsed(&at, REPOSITORY_TEMPLATE, RepositoryTemplate::new)?;
            // A template that can make any name would take every repository out of the scope.
            if ["aa", "aa/bb", "aa/bb/cc"]
                .iter()
                .any(|name| read.could_make(name))
            {
                let message = format!(
                    "`{read}` could be the name of any repository, so all would count as quarantine"
                );
                let expected = "a part of the name that only quarantine has, such as \
                                `quarantine/{repository}`";
                d.fail(
                    PolicyErrorKind::Contradiction,
                    at.node.location,
                    &at.path,
                    message,
                    Some(expected.to_owned()),
                );
                return None;
            }
            template = Some(read);
        }
    }
    let repository = match template {
        Some(template) => template,
        None => RepositoryTemplate::new(QuarantineSettings::DEFAULT).ok()?,
    };
    Some(QuarantineSettings { repository })
}

/// Refuses rules of which every repository is a quarantine: they could never do anything, because
/// the quarantine is always outside the scope.
fn check_quarantine(d: &mut Decoder<'_>, fields: &Fields<'_>, policy: &Policy) {
    let words = words_of(policy);
    let tag_rules = policy
        .tag_rules
        .iter()
        .map(|rule| ("tag_rules", &rule.repositories, rule.location));
    let replication = policy
        .replication
        .iter()
        .map(|rule| ("replication", &rule.repositories, rule.location));
    for (list, repositories, location) in tag_rules.chain(replication) {
        // Nearly every rule is told to be none here, without any glob being compiled for it.
        let is_other = |name: &RepositoryName| {
            let mut excluded = repositories.exclude.iter();
            !policy.is_quarantine(name) && !excluded.any(|glob| glob.matches(name.as_str()))
        };
        if likely_samples(repositories, &words).any(|name| is_other(&name)) {
            continue;
        }
        let mut samples = samples(repositories, &words).peekable();
        if samples.peek().is_none() || !samples.all(|name| policy.is_quarantine(&name)) {
            continue;
        }
        let Some(at) = fields.get(list) else { continue };
        let Value::List(rules) = &at.node.value else {
            continue;
        };
        let Some(index) = rules.iter().position(|rule| rule.location == location) else {
            continue;
        };
        d.fail(
            PolicyErrorKind::Contradiction,
            location,
            &format!("{list}[{index}].repositories"),
            format!(
                "every repository of the rule is a quarantine (`{}`), which is always outside the \
                 scope",
                policy.quarantine.repository
            ),
            Some("repositories outside the quarantine".to_owned()),
        );
    }
}

/// Refuses a quarantine among the repositories that are watched by name: with `prod/**` watched and
/// `prod/{basename}` as quarantine, every `prod/<name>` would count as one and nobody would look after
/// it.
fn check_watched_quarantine(d: &mut Decoder<'_>, fields: &Fields<'_>, policy: &Policy) {
    let template = &policy.quarantine.repository;
    let (own, _) = template.as_str().split_once('{').unwrap_or_default();
    let Some(at) = fields.get("quarantine").filter(|_| !own.is_empty()) else {
        return;
    };
    let words = words_of(policy);
    let rules = policy.tag_rules.iter().map(|rule| &rule.repositories);
    let copies = policy.replication.iter().map(|rule| &rule.repositories);
    let sets = std::iter::once(&policy.scope).chain(rules).chain(copies);
    // What a glob names before its first wildcard has to end before the quarantine's own part does.
    let names_it = |glob: &str| {
        let (named, _) = glob.split_at(glob.find(['*', '?', '[', '{']).unwrap_or(glob.len()));
        named.starts_with(own)
    };
    let swallowed = sets
        .filter(|set| set.include.iter().any(|glob| names_it(glob.as_str())))
        .flat_map(|set| samples(set, &words).filter(|name| name.as_str().starts_with(own)))
        .find(|name| policy.is_quarantine(name));
    let Some(name) = swallowed else { return };
    d.fail(
        PolicyErrorKind::Contradiction,
        at.node.location,
        &at.path,
        format!(
            "`{template}` lies within the watched repositories: {name}, for one, would count as a \
             quarantine, and nobody would look after it"
        ),
        Some(format!(
            "a part of the name that no watched repository has, such as `{own}quarantine/{{repository}}`"
        )),
    );
}

/// Refuses rules that are well written and cannot work.
fn check_rules(d: &mut Decoder<'_>, fields: &Fields<'_>, policy: &Policy) {
    let Some(list) = fields.get("tag_rules") else {
        return;
    };
    let Value::List(rules) = &list.node.value else {
        return;
    };
    for finding in lint::findings(policy) {
        let mut path = format!("tag_rules[{}]", finding.rule);
        let mut location = rules
            .get(finding.rule)
            .map_or(list.node.location, |r| r.location);
        if let Some(Value::Map(entries)) = rules.get(finding.rule).map(|rule| &rule.value)
            && let Some(entry) = entries.iter().find(|entry| entry.key == finding.field)
        {
            path = format!("{path}.{}", finding.field);
            location = entry.value.location;
        }
        let kind = PolicyErrorKind::Contradiction;
        d.fail(
            kind,
            location,
            &path,
            finding.message,
            Some(finding.expected),
        );
    }
}

/// The name of a rule; `names` holds those before it with their lines.
pub(super) fn rule_name(
    d: &mut Decoder<'_>,
    fields: &Fields<'_>,
    names: &mut Vec<(RuleName, usize)>,
) -> Option<RuleName> {
    let at = d.required(fields, "name", RuleName::EXPECTED)?;
    let name = d.parsed(&at, RuleName::EXPECTED, |text| {
        text.parse::<RuleName>()
            .map_err(|_| "is not a name for a rule")
    })?;
    if let Some((_, line)) = names.iter().find(|(other, _)| *other == name) {
        d.fail(
            PolicyErrorKind::Duplicate,
            at.node.location,
            &at.path,
            format!("the rule of line {line} is named `{name}` as well"),
            Some("a name of its own for each rule".to_owned()),
        );
    }
    names.push((name.clone(), at.node.location.line));
    Some(name)
}

/// `observe` or `enforce`.
pub(super) fn mode(d: &mut Decoder<'_>, at: &At<'_>) -> Option<Mode> {
    let words = [Mode::Observe, Mode::Enforce].map(|mode| (mode.as_str(), mode));
    d.word(at, "mode", &words)
}

/// One of the severities.
pub(super) fn severity(d: &mut Decoder<'_>, at: &At<'_>) -> Option<Severity> {
    d.word(
        at,
        "severity",
        &Severity::ALL.map(|severity| (severity.as_str(), severity)),
    )
}
