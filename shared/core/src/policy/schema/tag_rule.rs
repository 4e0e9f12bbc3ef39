use serde_json::{Value, json};

use super::{list, object, reference, with};
use crate::mode::Severity;
use crate::policy::{ActionKind, Condition};

fn text(description: &str, max: usize) -> Value {
    json!({ "description": description, "type": "string", "minLength": 1, "maxLength": max })
}

fn patterns(description: &str) -> Value {
    list("tag_pattern", 1, description)
}

pub(super) fn tag_rule() -> Value {
    let mut fields = vec![
        (
            "name",
            reference("name", "The rule's name; unique among the tag rules."),
        ),
        (
            "repositories",
            reference("repository_set", "The repositories that the rule watches."),
        ),
    ];
    fields.extend(checks());
    fields.extend(actions());
    let rule = object(
        "Which tags the images of some repositories may have, what the images must be like, and what \
         happens to others.",
        &["name", "repositories"],
        &fields,
    );
    let checks: Vec<Value> = [
        "allow",
        "deny",
        "immutable",
        "protected",
        "derive",
        "image",
        "companion",
        "when",
    ]
    .iter()
    .map(|check| json!({ "required": [check] }))
    .collect();
    with(
        with(rule, "anyOf", json!(checks)),
        "dependentRequired",
        json!({ "mark": ["on_violation"], "delete_after": ["on_violation"] }),
    )
}

fn checks() -> Vec<(&'static str, Value)> {
    let tags = object(
        "The tags that the rule speaks about. Default: every tag.",
        &[],
        &[
            ("allow", patterns("A tag must match one of these.")),
            ("deny", patterns("A tag may match none of these.")),
        ],
    );
    let derive = object(
        "Tags that follow others: `latest` follows the highest release.",
        &["from", "tags"],
        &[
            (
                "from",
                reference(
                    "tag_pattern",
                    "The tags that others follow; without pre-releases.",
                ),
            ),
            (
                "tags",
                json!({
                    "description": "The tags to derive: `{major}`, `{minor}` and `{patch}` are the \
                                    parts of the version, `{tag}` is the tag itself.",
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 20,
                    "uniqueItems": true,
                    "items": {
                        "type": "string",
                        "pattern": "^(?:[A-Za-z0-9._-]|\\{(?:major|minor|patch|tag)\\})+$",
                        "examples": ["{major}.{minor}", "{major}", "latest"],
                    },
                }),
            ),
        ],
    );
    let companion = object(
        "An image with a floating tag must also carry a lasting one.",
        &["floating", "requires"],
        &[
            ("floating", patterns("The tags that may move.")),
            (
                "requires",
                patterns("The image must have a tag that one of these matches."),
            ),
        ],
    );
    vec![
        ("tags", with(tags, "minProperties", json!(1))),
        (
            "allow",
            patterns("A tag must match one of these. Default: every tag may be."),
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
            "immutable",
            patterns("A tag that matches may not move to another image."),
        ),
        (
            "protected",
            patterns("A tag that matches may not be deleted."),
        ),
        ("derive", derive),
        (
            "image",
            reference("image_rule", "What the image must be like."),
        ),
        ("companion", companion),
        (
            "when",
            text(
                "A condition in CEL. Alone it is the violation; beside other checks the rule is \
                 looked at only when it is true.",
                Condition::MAX_LEN,
            ),
        ),
    ]
}

fn actions() -> Vec<(&'static str, Value)> {
    vec![
        (
            "on_violation",
            json!({
                "description": "What to do about a violation. The actions run in the order tag, \
                                restore, quarantine, archive, untag, delete, notify.",
                "type": "array",
                "minItems": 1,
                "uniqueItems": true,
                "items": { "enum": ActionKind::ALL.map(ActionKind::as_str) },
                "default": [ActionKind::Notify.as_str()],
            }),
        ),
        (
            "mark",
            json!({
                "description": "The tag that the action `tag` puts on the image: \
                                `{short_digest}` is the start of its digest, `{tag}` its tag.",
                "type": "string",
                "pattern": "^(?:[A-Za-z0-9._-]|\\{tag\\})*\\{short_digest\\}(?:[A-Za-z0-9._-]|\\{(?:tag|short_digest)\\})*$",
                "examples": ["rejected-{short_digest}"],
            }),
        ),
        (
            "delete_after",
            reference(
                "duration",
                "The age from which the action `delete` may delete an image, counted from its \
                 push; at least a day.",
            ),
        ),
        (
            "exempt",
            list(
                "exemption",
                0,
                "Images that the rule lets pass for a while.",
            ),
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
            text(
                "A sentence for the pusher, added to what would be accepted.",
                1001,
            ),
        ),
    ]
}

pub(super) fn exemption() -> Value {
    object(
        "Images that a rule lets pass until a day.",
        &["until", "reason"],
        &[
            (
                "repositories",
                reference(
                    "repository_set",
                    "Their repositories. Default: all of the rule.",
                ),
            ),
            ("tags", patterns("Their tags. Default: all.")),
            (
                "until",
                json!({
                    "description": "The last day on which the exemption holds, in UTC.",
                    "type": "string",
                    "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
                    "examples": ["2027-01-31"],
                }),
            ),
            ("reason", text("Why, for those who read the reports.", 501)),
        ],
    )
}
