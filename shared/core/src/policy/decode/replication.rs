mod conflicts;
mod create;

use crate::names::{AccountId, RegistryHost, RuleName};

use super::super::document::Value;
use super::super::{
    Deletes, PolicyErrorKind, Propagation, ReplicationRule, ReplicationTarget, RepositoryTemplate,
    SecretRef, TagFilter, TagTemplate,
};
use super::image_rule::platforms;
use super::patterns::{repository_set, tag_patterns};
use super::policy::{mode, rule_name};
use super::values::{Limits, duration, number};
use super::{At, Decoder};

use create::create;

const MAX_RULES: usize = 200;
const MAX_TARGETS: usize = 50;
/// ECR's quota of images in a repository.
const MAX_NEWEST: u32 = 100_000;

const FIELDS: [&str; 8] = [
    "name",
    "repositories",
    "tags",
    "platforms",
    "referrers",
    "deletes",
    "to",
    "mode",
];

const TARGET_FIELDS: [&str; 7] = [
    "registry",
    "repository",
    "tag",
    "assume_role",
    "external_id",
    "credentials",
    "create",
];

pub(super) const REPOSITORY_TEMPLATE: &str =
    "a name with `{repository}`, `{basename}` or `{prefix}`, such as `dr/{repository}`";

/// The list of replication rules.
pub(super) fn replication(d: &mut Decoder<'_>, at: &At<'_>) -> Vec<ReplicationRule> {
    let mut names = Vec::new();
    let list = d.list_or_empty(at, MAX_RULES, "replication rules");
    let rules: Vec<ReplicationRule> = list
        .iter()
        .filter_map(|at| rule(d, at, &mut names))
        .collect();
    conflicts::check(d, &at.path, &rules);
    rules
}

fn rule(
    d: &mut Decoder<'_>,
    at: &At<'_>,
    names: &mut Vec<(RuleName, usize)>,
) -> Option<ReplicationRule> {
    let fields = d.fields(at, &FIELDS)?;
    let name = rule_name(d, &fields, names);
    let repositories = d
        .required(
            &fields,
            "repositories",
            "a list of globs, such as `[\"prod/**\"]`",
        )
        .and_then(|at| repository_set(d, &at));
    let one_source = repositories
        .as_ref()
        .is_none_or(|set| set.is_exact() && set.include.len() < 2);
    let mut targets: Vec<ReplicationTarget> = Vec::new();
    if let Some(at) = d.required(
        &fields,
        "to",
        "a list of targets with `registry` and `repository`",
    ) {
        for at in d.list(&at, MAX_TARGETS, "targets with `registry` and `repository`") {
            let Some(target) = target(d, &at) else {
                continue;
            };
            check_against_others(d, &at, &target, &targets, one_source);
            targets.push(target);
        }
    }
    let (tags, newest) = fields
        .get("tags")
        .map(|at| tags(d, &at))
        .unwrap_or_default();
    Some(ReplicationRule {
        tags,
        newest,
        platforms: fields
            .get("platforms")
            .map(|at| platforms(d, &at))
            .unwrap_or_default(),
        deletes: fields
            .get("deletes")
            .and_then(|at| deletes(d, &at))
            .unwrap_or_default(),
        referrers: fields
            .get("referrers")
            .and_then(|at| d.boolean(&at))
            .unwrap_or(true),
        mode: fields.get("mode").and_then(|at| mode(d, &at)),
        name: name?,
        repositories: repositories?,
        to: targets,
        location: at.node.location,
    })
}

/// `{allow: […], deny: […], newest: N}`.
fn tags(d: &mut Decoder<'_>, at: &At<'_>) -> (Option<TagFilter>, Option<u32>) {
    let Some(fields) = d.fields(at, &["allow", "deny", "newest"]) else {
        return (None, None);
    };
    let (allow, deny) = (fields.get("allow"), fields.get("deny"));
    let newest = fields.get("newest");
    if allow.is_none() && deny.is_none() && newest.is_none() {
        d.invalid(
            at,
            "has none of `allow`, `deny` and `newest`",
            "at least one of them",
        );
    }
    let filter = (allow.is_some() || deny.is_some()).then(|| TagFilter {
        allow: allow.map(|at| tag_patterns(d, &at)).unwrap_or_default(),
        deny: deny.map(|at| tag_patterns(d, &at)).unwrap_or_default(),
    });
    (filter, newest.and_then(|at| number(d, &at, 1, MAX_NEWEST)))
}

/// `ignore`, `propagate` or `{propagate: {after: …, max_per_hour: …}}`.
fn deletes(d: &mut Decoder<'_>, at: &At<'_>) -> Option<Deletes> {
    const AFTER: Limits = Limits {
        shortest: "1s",
        longest: "30d",
    };
    if !matches!(at.node.value, Value::Map(_)) {
        let words = [
            ("ignore", Deletes::Ignore),
            ("propagate", Deletes::Propagate(Propagation::default())),
        ];
        return d.word(at, "answer to a deletion", &words);
    }
    let fields = d.fields(at, &["propagate"])?;
    let at = d.required(&fields, "propagate", "`propagate: {after: 24h}`")?;
    let fields = d.fields(&at, &["after", "max_per_hour"])?;
    let mut propagation = Propagation::default();
    if let Some(at) = fields.get("after") {
        propagation.after = duration(d, &at, &AFTER)?;
    }
    if let Some(at) = fields.get("max_per_hour") {
        propagation.max_per_hour = number(d, &at, 1, 10_000)?;
    }
    Some(Deletes::Propagate(propagation))
}

fn check_against_others(
    d: &mut Decoder<'_>,
    at: &At<'_>,
    target: &ReplicationTarget,
    others: &[ReplicationTarget],
    one_source: bool,
) {
    let same = |other: &ReplicationTarget| {
        other.registry == target.registry
            && other.repository == target.repository
            && other.tag == target.tag
    };
    if let Some(other) = others.iter().find(|other| same(other)) {
        let message = format!("is the same target as that of line {}", other.location.line);
        d.fail(
            PolicyErrorKind::Duplicate,
            at.node.location,
            &at.path,
            message,
            None,
        );
    }
    if target.repository.is_constant() && !one_source {
        let message = format!(
            "`{}` is the same for every repository of the rule, so their tags would overwrite \
             each other",
            target.repository
        );
        let path = format!("{}.repository", at.path);
        let expected = Some(REPOSITORY_TEMPLATE.to_owned());
        d.fail(
            PolicyErrorKind::Contradiction,
            target.location,
            &path,
            message,
            expected,
        );
    }
}

fn target(d: &mut Decoder<'_>, at: &At<'_>) -> Option<ReplicationTarget> {
    const HOST: &str = "host[:port], such as `444455556666.dkr.ecr.eu-central-1.amazonaws.com`";
    const ROLE: &str = "the ARN of an IAM role, such as `arn:aws:iam::444455556666:role/name`";
    const EXTERNAL_ID: &str = "2 to 1224 letters, digits and characters of `_+=,.@:/-`";
    const TAG: &str = "a tag with `{tag}`, such as `eu-{tag}`";

    let fields = d.fields(at, &TARGET_FIELDS)?;
    let registry = d
        .required(&fields, "registry", HOST)
        .and_then(|at| registry(d, &at, HOST));
    let repository = d
        .required(&fields, "repository", REPOSITORY_TEMPLATE)
        .and_then(|at| d.parsed(&at, REPOSITORY_TEMPLATE, RepositoryTemplate::new));
    let tag = fields
        .get("tag")
        .and_then(|at| d.parsed(&at, TAG, TagTemplate::new));
    let assume_role = fields.get("assume_role").and_then(|at| {
        d.parsed(&at, ROLE, |text| {
            if is_role_arn(text) {
                Ok(text.to_owned())
            } else {
                Err("is not the ARN of an IAM role")
            }
        })
    });
    let external_id = fields.get("external_id").and_then(|at| {
        d.parsed(&at, EXTERNAL_ID, |text| {
            let fits = (2..=1224).contains(&text.len())
                && text
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c));
            if fits {
                Ok(text.to_owned())
            } else {
                Err("is not an external id")
            }
        })
    });
    let credentials = fields
        .get("credentials")
        .and_then(|at| d.parsed_secretly(&at, SecretRef::EXPECTED, str::parse::<SecretRef>));
    let create = fields.get("create").and_then(|at| create(d, &at));

    let mut misplaced = |field: &str, message: &str, expected: &str| {
        if let Some(at) = fields.get(field) {
            let expected = Some(expected.to_owned());
            let kind = PolicyErrorKind::Contradiction;
            d.fail(kind, at.node.location, &at.path, message, expected);
        }
    };
    if let Some(registry) = &registry {
        if registry.ecr().is_some() {
            misplaced(
                "credentials",
                "an ECR registry is entered with AWS credentials, not with a stored password",
                "`assume_role`, or nothing for the function's own role",
            );
        } else {
            for field in ["assume_role", "external_id", "create"] {
                misplaced(
                    field,
                    "only an ECR registry knows this field",
                    "`credentials`, or nothing for a registry that is open",
                );
            }
        }
    }
    if fields.get("assume_role").is_none() {
        misplaced(
            "external_id",
            "there is no role that it could be for",
            "`assume_role` beside it",
        );
    }
    Some(ReplicationTarget {
        registry: registry?,
        repository: repository?,
        tag,
        assume_role,
        external_id,
        credentials,
        create,
        location: at.node.location,
    })
}

fn registry(d: &mut Decoder<'_>, at: &At<'_>, expected: &str) -> Option<RegistryHost> {
    let text = d.text(at, expected)?;
    text.parse::<RegistryHost>()
        .map_err(|error| {
            let expected = error.reason.trim_start_matches("expected ");
            d.invalid(
                at,
                format!("`{}` is not a registry", super::shorten(text)),
                expected,
            );
        })
        .ok()
}

/// `arn:<partition>:iam::<account>:role/<path and name>`.
fn is_role_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, resource] = parts.as_slice() else {
        return false;
    };
    let name = resource.strip_prefix("role/").unwrap_or_default();
    partition.starts_with("aws")
        && account.parse::<AccountId>().is_ok()
        && (1..=576).contains(&name.len())
        && !name.ends_with('/')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_+=,.@/-".contains(c))
}

#[cfg(test)]
mod tests;
