use serde_json::{Value, json};

use super::{list, object, with};
use crate::policy::TagPattern;

pub(super) fn repository_set() -> Value {
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

pub(super) fn tag_pattern() -> Value {
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
