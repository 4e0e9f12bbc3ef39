use super::super::{ActionKind, PolicyErrorKind, TagRule, TagSet};
use super::patterns::{repository_set, tag_patterns, tag_patterns_or_none};
use super::policy::{mode, rule_name, severity};
use super::{At, Decoder};

const MAX_RULES: usize = 500;

const FIELDS: [&str; 8] = [
    "name",
    "repositories",
    "allow",
    "deny",
    "on_violation",
    "mode",
    "severity",
    "message",
];

/// The list of tag rules.
pub(super) fn tag_rules(d: &mut Decoder, at: &At<'_>) -> Vec<TagRule> {
    let mut names = Vec::new();
    let list = d.list_or_empty(at, MAX_RULES, "tag rules");
    list.iter()
        .filter_map(|at| tag_rule(d, at, &mut names))
        .collect()
}

fn tag_rule(d: &mut Decoder, at: &At<'_>, names: &mut Vec<(String, usize)>) -> Option<TagRule> {
    let fields = d.fields(at, &FIELDS)?;
    let name = rule_name(d, &fields, names);
    let repositories = d
        .required(
            &fields,
            "repositories",
            "a list of globs, such as `[\"prod/**\"]`",
        )
        .and_then(|at| repository_set(d, &at));
    let allow = fields.get("allow");
    let deny = fields.get("deny");
    if allow.is_none() && deny.is_none() {
        let path = &at.path;
        let message = "has neither `allow` nor `deny`, so no tag could violate it";
        let expected = Some("`allow`, `deny` or both".to_owned());
        d.fail(
            PolicyErrorKind::Missing,
            at.node.location,
            path,
            message,
            expected,
        );
    }
    let allow = allow.map(|at| tag_patterns(d, &at)).unwrap_or_default();
    let deny = deny
        .map(|at| tag_patterns_or_none(d, &at))
        .unwrap_or_default();
    let on_violation = match fields.get("on_violation") {
        Some(at) => actions(d, &at),
        None => vec![ActionKind::Notify],
    };
    Some(TagRule {
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
        tags: None,
        allow,
        deny,
        immutable: TagSet::default(),
        protected: TagSet::default(),
        derive: None,
        image: None,
        companion: None,
        when: None,
        mark: None,
        delete_after: None,
        exempt: Vec::new(),
        on_violation,
        location: at.node.location,
    })
}

/// The actions, each once, in the order of execution whatever the order of the list.
fn actions(d: &mut Decoder, at: &At<'_>) -> Vec<ActionKind> {
    let words = ActionKind::ALL.map(|action| (action.as_str(), action));
    let mut found = Vec::new();
    for at in d.list(at, words.len() * 2, "`notify`, `quarantine`, `untag`") {
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
