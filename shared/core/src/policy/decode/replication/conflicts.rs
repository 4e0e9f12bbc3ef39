//! Replication rules that cannot both have their way.

use super::super::super::{PolicyErrorKind, ReplicationRule, ReplicationTarget};
use super::Decoder;

/// How many pairs of targets are compared before the search gives up: the time that a policy takes
/// to be read is bounded, whatever it says.
const MAX_COMPARISONS: usize = 200_000;

/// Rules that copy the same images to the same place in two forms: each would undo what the other
/// did, push after push.
pub(super) fn check(d: &mut Decoder<'_>, path: &str, rules: &[ReplicationRule]) {
    let mut comparisons = 0;
    for (i, rule) in rules.iter().enumerate() {
        for other in rules.iter().take(i) {
            comparisons += rule.to.len() * other.to.len();
            if comparisons > MAX_COMPARISONS {
                return;
            }
            if !differ(rule, other) || !surely_meet(rule, other) {
                continue;
            }
            let meeting = rule
                .to
                .iter()
                .position(|target| other.to.iter().any(|known| is_same(target, known)));
            let Some((j, target)) = meeting.and_then(|j| Some((j, rule.to.get(j)?))) else {
                continue;
            };
            let message = format!(
                "the rule `{}` of line {} copies the same images to the same place with other \
                 `platforms`, so each would undo what the other did",
                other.name, other.location.line
            );
            d.fail(
                PolicyErrorKind::Contradiction,
                target.location,
                &format!("{path}[{i}].to[{j}]"),
                message,
                Some("the same `platforms` in both rules, or another target".to_owned()),
            );
        }
    }
}

fn differ(rule: &ReplicationRule, other: &ReplicationRule) -> bool {
    rule.platforms.len() != other.platforms.len()
        || !rule.platforms.iter().all(|p| other.platforms.contains(p))
}

/// Whether there are images that both rules copy, for sure.
fn surely_meet(rule: &ReplicationRule, other: &ReplicationRule) -> bool {
    let repositories = rule.repositories.surely_covers(&other.repositories)
        || other.repositories.surely_covers(&rule.repositories);
    let tags = rule.tags.is_none() || other.tags.is_none() || rule.tags == other.tags;
    repositories && tags
}

fn is_same(target: &ReplicationTarget, other: &ReplicationTarget) -> bool {
    target.registry == other.registry
        && target.repository == other.repository
        && target.tag == other.tag
}
