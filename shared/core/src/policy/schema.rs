//! The JSON Schema of the policy file, for editors.
//!
//! Written by hand beside the decoder, because the two say different things: the schema helps while
//! typing and sees one value at a time; the decoder knows how the parts belong together. Tests hold
//! them together: every field that one knows the other knows, and what the schema refuses the
//! decoder refuses too.

use serde_json::{Map, Value, json};

use crate::event::DetailType;
use crate::mode::{Mode, Severity};

use super::{ActionKind, Policy, RepositoryGlob, TagPattern};

const HEADLINE: &str = "What ecr-steward should do with the images of a registry.";

/// A mapping with known fields, some of which must be there.
fn object(description: &str, required: &[&str], fields: &[(&str, Value)]) -> Value {
    let mut properties = Map::new();
    for (name, schema) in fields {
        properties.insert((*name).to_owned(), schema.clone());
    }
    let mut schema = json!({
        "description": description,
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    if !required.is_empty()
        && let Some(schema) = schema.as_object_mut()
    {
        schema.insert("required".to_owned(), json!(required));
    }
    schema
}

/// A reference to a definition with a description of its own.
fn reference(name: &str, description: &str) -> Value {
    json!({ "description": description, "$ref": format!("#/$defs/{name}") })
}

/// A list of something defined.
fn list(of: &str, min: usize, description: &str) -> Value {
    let items = json!({ "$ref": format!("#/$defs/{of}") });
    json!({ "description": description, "type": "array", "minItems": min, "items": items })
}

fn with(mut schema: Value, key: &str, value: Value) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert(key.to_owned(), value);
    }
    schema
}

/// The whole schema.
pub(super) fn schema() -> Value {
    let root = object(
        HEADLINE,
        &["version"],
        &[
            (
                "version",
                json!({ "description": "The version of the policy language.", "const": 1 }),
            ),
            (
                "mode",
                with(
                    reference(
                        "mode",
                        "Whether decisions are carried out (`enforce`) or only reported \
                         (`observe`). A rule may have a mode of its own.",
                    ),
                    "default",
                    json!(Mode::default().as_str()),
                ),
            ),
            (
                "repositories",
                reference(
                    "repository_set",
                    "The repositories that the steward looks after. The quarantine is always \
                     outside. Default: all.",
                ),
            ),
            (
                "ignore_tags",
                with(
                    list(
                        "tag_pattern",
                        0,
                        "Tags that no rule looks at. The default leaves out the tags that \
                         signatures and attestations are stored under.",
                    ),
                    "default",
                    json!(["sha256-*"]),
                ),
            ),
            ("quarantine", quarantine()),
            (
                "tag_rules",
                list("tag_rule", 0, "Which tags images may have."),
            ),
            (
                "replication",
                list(
                    "replication_rule",
                    0,
                    "Which images are copied, and where to.",
                ),
            ),
            ("notifications", notifications()),
        ],
    );
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ecr-steward policy",
        "$comment": format!("A policy has at most {} bytes.", Policy::MAX_BYTES),
    });
    if let (Some(schema), Value::Object(root)) = (schema.as_object_mut(), root) {
        schema.extend(root);
        schema.insert("$defs".to_owned(), definitions());
    }
    schema
}

fn quarantine() -> Value {
    let template = reference(
        "repository_template",
        "The name of the quarantine repository, in the same registry, made from the name of the \
         image's repository.",
    );
    let template = with(
        template,
        "default",
        json!(super::QuarantineSettings::DEFAULT),
    );
    object(
        "Where quarantined images go.",
        &[],
        &[("repository", template)],
    )
}

fn definitions() -> Value {
    json!({
        "mode": {
            "description": "`observe`: decide and report. `enforce`: also act.",
            "enum": [Mode::Observe.as_str(), Mode::Enforce.as_str()],
        },
        "severity": {
            "description": "How much something matters, from least to most.",
            "enum": Severity::ALL.map(Severity::as_str),
        },
        "name": {
            "description": "Letters, digits, `.`, `_` and `-`, beginning with a letter or digit.",
            "type": "string",
            "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        },
        "repository_glob": {
            "description": "A glob over repository names: `*` stays within one path component, \
                            `**` crosses slashes.",
            "type": "string",
            "maxLength": RepositoryGlob::MAX_LEN,
            "pattern": "^[a-z0-9._*?\\[\\]{},!^-]+(/[a-z0-9._*?\\[\\]{},!^-]+)*$",
            "examples": ["prod/**", "*/api", "team/web"],
        },
        "repository_set": repository_set(),
        "tag_pattern": tag_pattern(),
        "repository_template": {
            "description": "A repository name in which `{repository}`, `{basename}` and `{prefix}` \
                            stand for the source's name and its parts.",
            "type": "string",
            "maxLength": 512,
            "pattern": "^(?:[a-z0-9._/-]|\\{(?:repository|basename|prefix)\\})+$",
            "examples": ["dr/{repository}", "mirror/{basename}"],
        },
        "secret": {
            "description": "Where a secret is kept; never the secret itself.",
            "type": "string",
            "pattern": "^(?:secretsmanager:[A-Za-z0-9/_+=.@:-]+(?:#.+)?|ssm:[A-Za-z0-9/_.:-]+)$",
            "examples": ["secretsmanager:steward/slack", "ssm:/steward/token"],
        },
        "endpoint": {
            "description": "The address of a webhook (`https`; `http` only to a loopback address), \
                            or where it is kept as a secret.",
            "type": "string",
            "pattern": "^(?:https?://.+|secretsmanager:[A-Za-z0-9/_+=.@:-]+(?:#.+)?|ssm:[A-Za-z0-9/_.:-]+)$",
        },
        "tag_rule": tag_rule(),
        "replication_rule": replication_rule(),
        "replication_target": replication_target(),
        "channel": channel(),
        "route": route(),
    })
}

fn repository_set() -> Value {
    let globs = list("repository_glob", 1, "The globs of the repositories.");
    let fields = object(
        "Repositories that an `include` matches and no `exclude` does.",
        &[],
        &[
            (
                "include",
                with(
                    list(
                        "repository_glob",
                        1,
                        "Globs of the repositories that belong to the set.",
                    ),
                    "default",
                    json!(["**"]),
                ),
            ),
            (
                "exclude",
                list(
                    "repository_glob",
                    0,
                    "Globs of those that do not, although included.",
                ),
            ),
        ],
    );
    json!({ "description": "Repositories, by globs.", "anyOf": [globs, fields] })
}

fn tag_pattern() -> Value {
    let text = json!({
        "description": "`semver`, `calver`, `git`, a tag, a glob (`release-*`), a pattern with \
                        placeholders (`sha-{git}`), or a regular expression between slashes, which \
                        must match the whole tag (`/pr-[0-9]+/`).",
        "type": "string",
        "minLength": 1,
        "maxLength": TagPattern::MAX_LEN,
        "examples": ["semver", "calver", "git", "sha-{git}", "latest", "release-*", "/pr-[0-9]+/"],
    });
    let string = |description: &str| json!({ "description": description, "type": "string", "minLength": 1, "maxLength": TagPattern::MAX_LEN });
    let semver = object(
        "A semantic version with options.",
        &[],
        &[
            (
                "range",
                string("Which versions, such as `>=1.4, <3` or `~2.1`. Default: all."),
            ),
            (
                "prerelease",
                json!({
                    "description": "Whether `1.2.3-rc.1` is accepted.",
                    "type": "boolean",
                    "default": true,
                }),
            ),
        ],
    );
    let scheme = json!({
        "description": "The words of calver.org that make the version, such as `YYYY.0M.MICRO`.",
        "type": "string",
        "pattern": "^(?:YYYY|YY|0Y|MM|0M|WW|0W|DD|0D|MAJOR|MINOR|MICRO|MODIFIER|[._-])+$",
        "maxLength": 128,
    });
    let calver = object(
        "A calendar version of one scheme.",
        &["scheme"],
        &[("scheme", scheme)],
    );
    let options = object(
        "A pattern of one kind, with its options.",
        &[],
        &[
            ("semver", semver),
            ("calver", calver),
            (
                "exact",
                string("One tag, whatever its text means elsewhere."),
            ),
            ("glob", string("A glob.")),
            (
                "regex",
                string("A regular expression, without the slashes."),
            ),
        ],
    );
    let options = with(options, "minProperties", json!(1));
    let options = with(options, "maxProperties", json!(1));
    json!({ "description": "A pattern over tags.", "anyOf": [text, options] })
}

fn tag_rule() -> Value {
    let rule = object(
        "Which tags the images of some repositories may have.",
        &["name", "repositories"],
        &[
            (
                "name",
                reference("name", "The rule's name; unique among the tag rules."),
            ),
            (
                "repositories",
                reference("repository_set", "The repositories that the rule watches."),
            ),
            (
                "allow",
                list(
                    "tag_pattern",
                    1,
                    "A tag must match one of these. Default: every tag may be.",
                ),
            ),
            (
                "deny",
                list(
                    "tag_pattern",
                    0,
                    "A tag may match none of these, even where `allow` matches.",
                ),
            ),
            (
                "on_violation",
                json!({
                    "description": "What to do about a violation. The actions run in the order \
                                    notify, quarantine, untag.",
                    "type": "array",
                    "minItems": 1,
                    "uniqueItems": true,
                    "items": { "enum": ActionKind::ALL.map(ActionKind::as_str) },
                    "default": [ActionKind::Notify.as_str()],
                }),
            ),
            (
                "mode",
                reference("mode", "The rule's own mode. Default: the policy's."),
            ),
            (
                "severity",
                with(
                    reference("severity", "How much a violation matters."),
                    "default",
                    json!(Severity::default().as_str()),
                ),
            ),
            (
                "message",
                json!({
                    "description": "A sentence for the pusher, added to what would be accepted.",
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 1001,
                }),
            ),
        ],
    );
    with(
        rule,
        "anyOf",
        json!([{ "required": ["allow"] }, { "required": ["deny"] }]),
    )
}

fn replication_rule() -> Value {
    let tags = object(
        "The tags to copy. Default: every tag that `ignore_tags` does not match.",
        &[],
        &[
            (
                "allow",
                list("tag_pattern", 1, "A tag must match one of these."),
            ),
            (
                "deny",
                list("tag_pattern", 1, "A tag may match none of these."),
            ),
        ],
    );
    object(
        "Which images are copied, and where to.",
        &["name", "repositories", "to"],
        &[
            (
                "name",
                reference(
                    "name",
                    "The rule's name; unique among the replication rules.",
                ),
            ),
            (
                "repositories",
                reference("repository_set", "The repositories to copy from."),
            ),
            ("tags", with(tags, "minProperties", json!(1))),
            (
                "referrers",
                json!({
                    "description": "Whether signatures, SBOMs and other referrers travel too.",
                    "type": "boolean",
                    "default": true,
                }),
            ),
            (
                "to",
                list(
                    "replication_target",
                    1,
                    "Where to; every target gets every image.",
                ),
            ),
            (
                "mode",
                reference("mode", "The rule's own mode. Default: the policy's."),
            ),
        ],
    )
}

fn replication_target() -> Value {
    let flag = |description: &str| json!({ "description": description, "type": "boolean", "default": false });
    let create = object(
        "How to create a missing ECR repository. Without it the repository must exist.",
        &[],
        &[
            ("immutable", flag("Whether its tags cannot be moved.")),
            (
                "scan_on_push",
                flag("Whether an image is scanned when it is pushed."),
            ),
            (
                "tags",
                json!({
                    "description": "Its resource tags.",
                    "type": "object",
                    "maxProperties": 50,
                    "additionalProperties": { "type": "string", "minLength": 1, "maxLength": 256 },
                }),
            ),
        ],
    );
    let target = object(
        "One place that images are copied to.",
        &["registry", "repository"],
        &[
            (
                "registry",
                json!({
                    "description": "The registry's address, without a scheme.",
                    "type": "string",
                    "pattern": "^[a-z0-9.:\\[\\]-]+$",
                    "examples": ["444455556666.dkr.ecr.eu-central-1.amazonaws.com", "ghcr.io"],
                }),
            ),
            (
                "repository",
                reference("repository_template", "The repository's name there."),
            ),
            (
                "tag",
                json!({
                    "description": "The tag's name there, with `{tag}` for the tag here. Default: \
                                    the same.",
                    "type": "string",
                    "pattern": "^[A-Za-z0-9._-]*\\{tag\\}(?:[A-Za-z0-9._-]|\\{tag\\})*$",
                }),
            ),
            (
                "assume_role",
                json!({
                    "description": "The IAM role to assume for an ECR registry of another account.",
                    "type": "string",
                    "pattern": "^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$",
                }),
            ),
            (
                "external_id",
                json!({
                    "description": "The external id that the role's trust policy asks for.",
                    "type": "string",
                    "minLength": 2,
                    "maxLength": 1224,
                    "pattern": "^[A-Za-z0-9_+=,.@:/-]+$",
                }),
            ),
            (
                "credentials",
                reference(
                    "secret",
                    "User name and password for a registry that is not ECR.",
                ),
            ),
            ("create", create),
        ],
    );
    with(
        target,
        "dependentRequired",
        json!({ "external_id": ["assume_role"] }),
    )
}

fn notifications() -> Value {
    let channels = json!({
        "description": "The places that messages go to, by name.",
        "type": "object",
        "maxProperties": 100,
        "propertyNames": { "$ref": "#/$defs/name" },
        "additionalProperties": { "$ref": "#/$defs/channel" },
    });
    object(
        "Who is told what.",
        &[],
        &[
            ("channels", channels),
            (
                "routes",
                list(
                    "route",
                    0,
                    "Which events go to which channels. Every route that matches counts; where \
                     none does, every channel gets the event.",
                ),
            ),
            (
                "repeat_after",
                json!({
                    "description": "How long the same story is not told again.",
                    "type": "string",
                    "pattern": "^[0-9]+[smhd]$",
                    "default": "24h",
                }),
            ),
        ],
    )
}

fn channel() -> Value {
    let arn = |description: &str| {
        json!({
            "description": description,
            "type": "string",
            "pattern": "^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$",
        })
    };
    let topic = object(
        "The topic with options.",
        &["topic"],
        &[("topic", arn("The ARN of the topic."))],
    );
    let sns = json!({
        "description": "An SNS topic: e-mail, Amazon Q in chat applications, and whatever else \
                        subscribes to it.",
        "anyOf": [arn("The ARN of the topic."), topic],
    });
    let slack = object(
        "An incoming webhook of Slack.",
        &["webhook"],
        &[(
            "webhook",
            reference("endpoint", "The webhook's address; keep it as a secret."),
        )],
    );
    let headers = json!({
        "description": "Headers to send: a text, or where a secret is kept.",
        "type": "object",
        "maxProperties": 20,
        "additionalProperties": { "type": "string", "minLength": 1, "maxLength": 4096 },
    });
    let webhook = object(
        "A generic webhook: the event as JSON.",
        &["url"],
        &[
            ("url", reference("endpoint", "The address.")),
            ("headers", headers),
        ],
    );
    let channel = object(
        "One place that messages go to.",
        &[],
        &[("sns", sns), ("slack", slack), ("webhook", webhook)],
    );
    with(
        with(channel, "minProperties", json!(1)),
        "maxProperties",
        json!(1),
    )
}

fn route() -> Value {
    let items = |description: &str, items: Value| json!({ "description": description, "type": "array", "minItems": 1, "items": items });
    let matches = object(
        "What an event must be; a field that is left out does not matter.",
        &[],
        &[
            ("severity", list("severity", 1, "One of these severities.")),
            (
                "detail_type",
                items(
                    "One of these detail types.",
                    json!({ "enum": DetailType::ALL.map(DetailType::as_str) }),
                ),
            ),
            (
                "repositories",
                list(
                    "repository_glob",
                    1,
                    "A repository that one of these matches.",
                ),
            ),
            (
                "rules",
                items(
                    "An event of one of these rules.",
                    json!({ "$ref": "#/$defs/name" }),
                ),
            ),
        ],
    );
    object(
        "Sends the events that match to some channels.",
        &["to"],
        &[
            ("match", matches),
            ("to", list("name", 1, "The names of the channels.")),
        ],
    )
}

#[cfg(test)]
mod tests;
