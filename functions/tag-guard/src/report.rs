//! What is told about a decision.

mod explain;

use serde_json::{Value, json};
use steward_core::Mode;
use steward_core::event::incoming::Incoming;
use steward_core::event::outgoing::{ActionReport, DetailType, Outcome, StewardEvent};
use steward_core::policy::ActionKind;
use steward_runtime::Failure;

use crate::plan::{Action, Plan};

/// The report of one action that was carried out, or, in observe mode, would be.
pub(crate) fn of(action: &Action, mode: Mode) -> ActionReport {
    let outcome = match (action, mode) {
        // People are told in either mode.
        (Action::Notify, _) => Outcome::Done,
        (Action::Blocked { .. }, Mode::Enforce) => Outcome::Failed,
        (_, Mode::Enforce) => Outcome::Done,
        (_, Mode::Observe) => Outcome::WouldDo,
    };
    let report = ActionReport::new(action.name(), outcome);
    match action {
        Action::Tag { mark } => report.target(mark.as_str()),
        Action::Restore { to, guard } => {
            let report = report.target(to.as_str());
            match guard {
                Some(guard) => report.detail(format!("the new image is kept as {guard}")),
                None => report,
            }
        }
        Action::RestoreDeleted { to, .. } => report.target(to.as_str()),
        Action::Quarantine { to, .. } => report.target(to.as_str()),
        Action::Archive { guard: Some(guard) } | Action::Untag { guard: Some(guard) } => {
            report.detail(format!("the image is kept as {guard}"))
        }
        Action::Derive { tag, from, .. } => report
            .target(tag.as_str())
            .detail(format!("it follows {from}")),
        Action::Blocked { reason, remedy, .. } => report
            .detail(reason.clone())
            .remedy(remedy.clone())
            .error_type("action_impossible"),
        Action::Untag { guard: None }
        | Action::Archive { guard: None }
        | Action::Delete { .. }
        | Action::Notify => report,
    }
}

/// The report of an action that failed.
pub(crate) fn failure(
    report: ActionReport,
    failure: &Failure,
    remedy: Option<String>,
) -> ActionReport {
    let remedy = remedy.unwrap_or_else(|| {
        if failure.is_transient() {
            "it is tried again; if that fails too, mend the cause, then send the event again from \
             the dead-letter queue"
        } else {
            "mend the cause, then send the event again from the dead-letter queue"
        }
        .to_owned()
    });
    ActionReport {
        outcome: Outcome::Failed,
        ..report
    }
    .detail(failure.chain())
    .error_type(failure.error_type())
    .remedy(remedy)
}

/// Reports where everything that changes the registry failed for good.
pub(crate) fn failed(plan: &Plan, cause: &Failure) -> Vec<ActionReport> {
    let report = |planned: &crate::plan::PlannedAction| {
        let report = of(&planned.action, planned.mode);
        if planned.mode.acts() && planned.action.changes_registry() {
            failure(report, cause, None)
        } else {
            report
        }
    };
    plan.actions.iter().map(report).collect()
}

/// The event of a decision: one, however many rules are violated and actions taken. `note` is what
/// has to be said beside it.
pub(crate) fn event(
    incoming: &Incoming,
    plan: &Plan,
    reports: Vec<ActionReport>,
    note: Option<&str>,
) -> StewardEvent {
    let detail_type = detail_type(plan, &reports);
    let failed = reports
        .iter()
        .find(|report| report.outcome == Outcome::Failed);
    let error_type = failed.and_then(|report| report.error_type.clone());
    let outcome = match &error_type {
        Some(error_type) => error_type.clone(),
        None => plan.mode.as_str().to_owned() + &taken(&reports),
    };
    let envelope = &incoming.envelope;
    let digest = plan.digest.as_ref().map_or("", |digest| digest.as_str());
    let rules = plan.rules_of_event();
    StewardEvent::caused_by(detail_type, incoming)
        .tag(plan.tag.clone())
        .digest(plan.digest.clone())
        .owner(plan.owner.clone())
        .pusher(plan.pusher.clone())
        .rule(rules.clone())
        .severity(plan.severity)
        .mode(plan.mode)
        .violations(plan.told().cloned())
        .explain(explain::sentence(plan, &reports, note))
        .dedupe_key(format!(
            "tag-guard/{}/{}/{}:{}@{digest}/{rules}/{outcome}",
            envelope.account, envelope.region, plan.repository, plan.tag,
        ))
        .error_type(error_type)
        .actions(reports)
        .build()
}

/// What takes the tag or the image away, or would. It is news even where the violation was told
/// before: an image may wait for its deletion for a month.
fn taken(reports: &[ActionReport]) -> String {
    const TAKING: [ActionKind; 4] = [
        ActionKind::Quarantine,
        ActionKind::Archive,
        ActionKind::Untag,
        ActionKind::Delete,
    ];
    let words = reports.iter().filter(|report| {
        matches!(report.outcome, Outcome::Done | Outcome::WouldDo)
            && TAKING.iter().any(|kind| kind.as_str() == report.action)
    });
    words.map(|report| format!("+{}", report.action)).collect()
}

/// Whether a report says that a tag was put back.
pub(crate) fn restores(event: &StewardEvent) -> bool {
    let restore = ActionKind::Restore.as_str();
    event.actions.iter().any(|report| report.action == restore)
}

fn detail_type(plan: &Plan, reports: &[ActionReport]) -> DetailType {
    let did = |name: &str| {
        reports
            .iter()
            .any(|report| report.action == name && report.outcome == Outcome::Done)
    };
    let changed = reports
        .iter()
        .any(|report| report.outcome == Outcome::Done && report.action != Action::Notify.name());
    if did("quarantine") {
        DetailType::ImageQuarantined
    } else if changed || plan.told().next().is_none() {
        DetailType::TagRuleEnforced
    } else {
        DetailType::TagRuleViolated
    }
}

/// The form in which a report is kept: the detail-type travels beside the detail.
pub(crate) fn write(event: &StewardEvent) -> Value {
    json!({ "detail_type": event.detail_type, "detail": event.to_put_events_detail() })
}

/// Reads what [`write`] wrote.
pub(crate) fn read(kept: &Value) -> Option<StewardEvent> {
    let detail_type = DetailType::from_name(kept.get("detail_type")?.as_str()?)?;
    let detail: Value = serde_json::from_str(kept.get("detail")?.as_str()?).ok()?;
    StewardEvent::from_detail(detail_type, &detail).ok()
}
