//! What is told about copies.

use jiff::Timestamp;
use steward_core::event::incoming::Incoming;
use steward_core::event::outgoing::{
    ActionReport, DetailType, Outcome, StewardEvent, StewardEventBuilder,
};
use steward_core::{Digest, ImageRef, Mode, Severity};
use steward_registry::CopyReport;
use steward_runtime::Failure;

use crate::plan::{Facts, PlannedCopy, PlannedRemoval};
use crate::story::Target;

/// Begins an event: what all of them have in common.
fn about(
    detail_type: DetailType,
    incoming: &Incoming,
    facts: &Facts,
    rule: &str,
) -> StewardEventBuilder {
    StewardEvent::caused_by(detail_type, incoming)
        .tag(facts.tag.clone())
        .rule(rule)
}

/// Begins an event about one copy.
fn about_copy(
    detail_type: DetailType,
    incoming: &Incoming,
    facts: &Facts,
    copy: &PlannedCopy,
) -> StewardEventBuilder {
    about(detail_type, incoming, facts, &copy.rule).digest(facts.digest.clone())
}

/// Begins an event about a copy that is removed, or would be.
fn about_removal(
    incoming: &Incoming,
    facts: &Facts,
    removal: &PlannedRemoval,
    digest: &Digest,
    outcome: Outcome,
    mode: Mode,
) -> StewardEventBuilder {
    about(DetailType::ImageCleanedUp, incoming, facts, &removal.rule)
        .digest(Some(digest.clone()))
        .severity(Severity::Info)
        .mode(mode)
        .action(ActionReport::new("untag", outcome).target(removal.from.to_string()))
}

/// A copy that observe mode does not make.
pub(crate) fn observed(incoming: &Incoming, facts: &Facts, copy: &PlannedCopy) -> StewardEvent {
    let explain = format!(
        "{}:{} would be copied to {}.",
        facts.repository,
        facts.tag,
        address(copy)
    );
    let action = ActionReport::new("copy", Outcome::WouldDo).target(address(copy));
    about_copy(DetailType::ImageReplicated, incoming, facts, copy)
        .severity(Severity::Info)
        .mode(Mode::Observe)
        .action(action)
        .explain(explain)
        .dedupe_key(key(facts, &copy.to, "observed"))
        .build()
}

/// A copy as it is told where nothing fails; a copy that is made lacks its numbers.
pub(crate) fn foretold(incoming: &Incoming, facts: &Facts, copy: &PlannedCopy) -> StewardEvent {
    if !copy.mode.acts() {
        return observed(incoming, facts, copy);
    }
    let Facts {
        repository, tag, ..
    } = facts;
    about_copy(DetailType::ImageReplicated, incoming, facts, copy)
        .severity(Severity::Info)
        .mode(Mode::Enforce)
        .action(ActionReport::new("copy", Outcome::Done).target(address(copy)))
        .explain(format!(
            "{repository}:{tag} was copied to {} with the same digest.",
            address(copy)
        ))
        .dedupe_key(key(facts, &copy.to, "replicated"))
        .build()
}

/// A copy that was made.
pub(crate) fn replicated(
    target: &Target<'_>,
    copied: &CopyReport,
    recovered: bool,
) -> StewardEvent {
    let Target {
        incoming,
        facts,
        copy,
        ..
    } = target;
    let what = if recovered {
        "is at last copied to"
    } else {
        "was copied to"
    };
    let how = match &copied.filtered {
        None => "with the same digest".to_owned(),
        Some(filtered) => format!(
            "with {} of its {} parts, so with the digest {}",
            filtered.kept,
            filtered.kept + filtered.dropped,
            copied.digest
        ),
    };
    let blobs = copied.blobs;
    let detail = format!(
        "{} manifests, {} referrers; blobs: {} copied, {} mounted, {} there before",
        copied.manifests, copied.referrers, blobs.copied, blobs.mounted, blobs.present
    );
    let action = ActionReport::new("copy", Outcome::Done)
        .target(address(copy))
        .detail(detail)
        .bytes(copied.bytes)
        .duration(copied.elapsed);
    about_copy(DetailType::ImageReplicated, incoming, facts, copy)
        .severity(Severity::Info)
        .mode(Mode::Enforce)
        .action(action)
        .explain(format!(
            "{} {what} {} {how}.",
            target.source(),
            address(copy)
        ))
        .dedupe_key(key(
            facts,
            &copy.to,
            if recovered { "recovered" } else { "replicated" },
        ))
        .build()
}

/// A copy that failed: the first time, or for good.
pub(crate) fn failed(target: &Target<'_>, failure: &Failure, is_final: bool) -> StewardEvent {
    let Target {
        incoming,
        facts,
        copy,
        ..
    } = target;
    let (what, remedy) = if is_final {
        (
            "could not be copied to",
            "mend the cause, then send the event again from the dead-letter queue",
        )
    } else {
        (
            "cannot be copied yet to",
            "nothing: it is tried again, and the success will be told",
        )
    };
    let action = ActionReport::new("copy", Outcome::Failed)
        .target(address(copy))
        .detail(failure.chain())
        .error_type(failure.error_type())
        .remedy(remedy);
    let state = if is_final {
        // A duplicate of the event that fails as well tells nothing new.
        format!("final/{}/{}", incoming.id(), failure.error_type())
    } else {
        "failing".to_owned()
    };
    about_copy(DetailType::ImageReplicationFailed, incoming, facts, copy)
        .severity(if is_final {
            Severity::High
        } else {
            Severity::Medium
        })
        .mode(Mode::Enforce)
        .action(action)
        .error_type(Some(failure.error_type().to_owned()))
        .explain(format!(
            "{} {what} {}: {}.",
            target.source(),
            address(copy),
            failure.chain()
        ))
        .dedupe_key(key(facts, &copy.to, &state))
        .build()
}

/// A copy that was removed, because the source's tag is gone.
pub(crate) fn removed(
    incoming: &Incoming,
    facts: &Facts,
    removal: &PlannedRemoval,
    digest: &Digest,
    since: Timestamp,
) -> StewardEvent {
    about_removal(
        incoming,
        facts,
        removal,
        digest,
        Outcome::Done,
        Mode::Enforce,
    )
    .explain(format!(
        "{}:{} was deleted at {since}, so its copy {} was removed.",
        facts.repository, facts.tag, removal.from
    ))
    .dedupe_key(key(facts, &removal.from, &format!("removed/{since}")))
    .build()
}

/// A copy that observe mode does not remove.
pub(crate) fn removal_observed(
    incoming: &Incoming,
    facts: &Facts,
    removal: &PlannedRemoval,
    digest: &Digest,
) -> StewardEvent {
    about_removal(
        incoming,
        facts,
        removal,
        digest,
        Outcome::WouldDo,
        Mode::Observe,
    )
    .explain(format!(
        "{}:{} was deleted; its copy {} would be removed.",
        facts.repository, facts.tag, removal.from
    ))
    .dedupe_key(key(facts, &removal.from, "would-remove"))
    .build()
}

/// A copy that could not be removed, for good.
pub(crate) fn removal_failed(
    incoming: &Incoming,
    facts: &Facts,
    removal: &PlannedRemoval,
    failure: &Failure,
) -> StewardEvent {
    let action = ActionReport::new("untag", Outcome::Failed)
        .target(removal.from.to_string())
        .detail(failure.chain())
        .error_type(failure.error_type())
        .remedy("remove the copy by hand, or say `deletes: ignore` in the rule");
    about(
        DetailType::ImageReplicationFailed,
        incoming,
        facts,
        &removal.rule,
    )
    .severity(Severity::Medium)
    .mode(Mode::Enforce)
    .action(action)
    .error_type(Some(failure.error_type().to_owned()))
    .explain(format!(
        "{}:{} was deleted, and its copy {} stays: {}.",
        facts.repository,
        facts.tag,
        removal.from,
        failure.chain()
    ))
    .dedupe_key(key(
        facts,
        &removal.from,
        &format!("not-removed/{}", failure.error_type()),
    ))
    .build()
}

/// The target without the digest, which says nothing new.
fn address(copy: &PlannedCopy) -> String {
    let mut to = copy.to.clone();
    to.digest = None;
    to.to_string()
}

fn key(facts: &Facts, to: &ImageRef, state: &str) -> String {
    let Facts {
        account,
        region,
        repository,
        ..
    } = facts;
    format!("replicator/{account}/{region}/{repository}>{to}/{state}")
}
