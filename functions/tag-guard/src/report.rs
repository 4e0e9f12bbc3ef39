//! What is told about a decision.

use serde_json::{Value, json};
use steward_core::Mode;
use steward_core::event::incoming::Incoming;
use steward_core::event::outgoing::{ActionReport, DetailType, Outcome, StewardEvent};
use steward_runtime::Failure;

use crate::DONE;
use crate::plan::{Action, Plan};

/// The report of one action that was carried out, or, in observe mode, would be.
pub(crate) fn of(action: &Action, mode: Mode) -> ActionReport {
    let outcome = match (action, mode) {
        // People are told in either mode.
        (Action::Notify, _) | (_, Mode::Enforce) => DONE,
        (_, Mode::Observe) => Outcome::WouldDo,
    };
    let report = ActionReport::new(action.name(), outcome);
    match action {
        Action::Quarantine { to, .. } => report.target(to.as_str()),
        Action::Untag { guard: Some(guard) } => {
            report.detail(format!("the image is kept as {guard}"))
        }
        Action::Tag { mark } => report.target(mark.as_str()),
        Action::Restore { to, .. } | Action::RestoreDeleted { to, .. } => {
            report.target(to.as_str())
        }
        Action::Derive { tag, from, .. } => report
            .target(tag.as_str())
            .detail(format!("it follows {from}")),
        Action::Blocked { reason, remedy, .. } => ActionReport {
            outcome: if mode.acts() {
                Outcome::Failed
            } else {
                Outcome::WouldDo
            },
            ..report
        }
        .detail(reason.clone())
        .remedy(remedy.clone())
        .error_type("action_blocked"),
        Action::Untag { guard: None }
        | Action::Archive { .. }
        | Action::Delete { .. }
        | Action::Notify => report,
    }
}

/// Reports where the actions that change the registry failed for good.
pub(crate) fn failed(plan: &Plan, failure: &Failure) -> Vec<ActionReport> {
    let report = |planned: &crate::plan::PlannedAction| {
        let report = of(&planned.action, planned.mode);
        if report.outcome != DONE || planned.action == Action::Notify {
            return report;
        }
        ActionReport {
            outcome: Outcome::Failed,
            ..report
        }
        .detail(failure.chain())
        .error_type(failure.error_type())
        .remedy("mend the cause, then send the event again from the dead-letter queue")
    };
    plan.actions.iter().map(report).collect()
}

/// The event of a decision: one, however many rules are violated and actions taken.
pub(crate) fn event(incoming: &Incoming, plan: &Plan, reports: Vec<ActionReport>) -> StewardEvent {
    let did = |name: &str| {
        reports
            .iter()
            .any(|r| r.action == name && r.outcome == DONE)
    };
    let detail_type = if did("quarantine") {
        DetailType::ImageQuarantined
    } else if did("untag") {
        DetailType::TagRuleEnforced
    } else {
        DetailType::TagRuleViolated
    };
    let failed = reports
        .iter()
        .find(|report| report.outcome == Outcome::Failed);
    let error_type = failed.and_then(|report| report.error_type.clone());
    let outcome = error_type.as_deref().unwrap_or(plan.mode.as_str());
    let envelope = &incoming.envelope;
    let digest = plan.digest.as_ref().map_or("", |digest| digest.as_str());
    StewardEvent::caused_by(detail_type, incoming)
        .tag(plan.tag.clone())
        .digest(plan.digest.clone())
        .rule(plan.violated_rules())
        .severity(plan.severity)
        .mode(plan.mode)
        .violations(plan.violations.clone())
        .explain(explain(plan, &reports))
        .dedupe_key(format!(
            "tag-guard/{}/{}/{}:{}@{digest}/{}/{outcome}",
            envelope.account,
            envelope.region,
            plan.repository,
            plan.tag,
            plan.violated_rules()
        ))
        .error_type(error_type)
        .actions(reports)
        .build()
}

/// One or two sentences for a person.
fn explain(plan: &Plan, reports: &[ActionReport]) -> String {
    let Plan {
        repository, tag, ..
    } = plan;
    let mut text = format!("{repository}:{tag} violates {}", plan.violated_rules());
    if let [violation] = plan.violations.as_slice() {
        text = format!("{text}: {}", violation.message.trim_end_matches('.'));
    }
    for report in reports.iter().filter(|report| report.action != "notify") {
        let to = report.target.as_deref().unwrap_or_default();
        text.push_str(&match (report.action.as_str(), report.outcome) {
            ("quarantine", Outcome::Done) => {
                format!(". The image is in {to} now and the tag is gone from {repository}")
            }
            ("quarantine", Outcome::WouldDo) => format!(". The image would be moved to {to}"),
            ("untag", Outcome::Done) => ". The tag was removed and the image is kept".to_owned(),
            ("untag", Outcome::WouldDo) => ". The tag would be removed".to_owned(),
            (action, outcome) => format!(". {action}: {outcome}"),
        });
    }
    text.push('.');
    text
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
