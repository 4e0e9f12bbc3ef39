//! A decision in a few sentences.

use steward_core::event::outgoing::{ActionReport, Outcome};

use crate::plan::Plan;

/// What is wrong, what was done about it, and who it was.
pub(super) fn sentence(plan: &Plan, reports: &[ActionReport], note: Option<&str>) -> String {
    let Plan {
        repository, tag, ..
    } = plan;
    let mut sentences = Vec::new();
    match plan.violations.as_slice() {
        [] => {}
        [violation] => sentences.push(format!(
            "{repository}:{tag} violates {}: {}",
            violation.rule,
            violation.message.trim_end_matches('.')
        )),
        violations => {
            let each = violations.iter().map(|violation| {
                let message = violation.message.trim_end_matches('.');
                format!("{}: {message}", violation.rule)
            });
            let all = each.collect::<Vec<_>>().join("; ");
            sentences.push(format!("{repository}:{tag} violates {all}"));
        }
    }
    for notice in &plan.notices {
        sentences.push(format!(
            "{repository}:{tag} will violate {}: {}",
            notice.rule, notice.message
        ));
    }
    for report in reports.iter().filter(|report| report.action != "notify") {
        sentences.push(deed(plan, report));
    }
    sentences.extend(note.map(str::to_owned));
    if let Some(pusher) = &plan.pusher {
        sentences.push(format!("It was pushed by {}", pusher.arn));
    }
    let mut text = sentences.join(". ");
    text.push('.');
    text
}

fn deed(plan: &Plan, report: &ActionReport) -> String {
    let Plan {
        repository, tag, ..
    } = plan;
    let to = report.target.as_deref().unwrap_or_default();
    let short = |digest: &str| {
        digest
            .chars()
            .skip("sha256:".len())
            .take(12)
            .collect::<String>()
    };
    match (report.action.as_str(), report.outcome) {
        ("quarantine", Outcome::Done) if plan.keeps_tag() => format!("The image is in {to} now"),
        ("quarantine", Outcome::Done) => {
            format!("The image is in {to} now and the tag is gone from {repository}")
        }
        ("quarantine", Outcome::WouldDo) => format!("The image would be moved to {to}"),
        ("untag", Outcome::Done) => "The tag was removed and the image is kept".to_owned(),
        ("untag", Outcome::WouldDo) => "The tag would be removed".to_owned(),
        ("restore", Outcome::Done) => format!("{tag} is back on {}", short(to)),
        ("restore", Outcome::WouldDo) => format!("{tag} would be put back on {}", short(to)),
        ("tag", Outcome::Done) => format!("The image has the tag {to} now"),
        ("tag", Outcome::WouldDo) => format!("The image would get the tag {to}"),
        ("archive", Outcome::Done) => "The image is in the archive now".to_owned(),
        ("archive", Outcome::WouldDo) => "The image would be archived".to_owned(),
        ("delete", Outcome::Done) => "The image was deleted".to_owned(),
        ("delete", Outcome::WouldDo) => "The image would be deleted".to_owned(),
        ("derive", Outcome::Done) => {
            format!("{repository}:{to} follows {tag} now", tag = from(plan, to))
        }
        ("derive", Outcome::WouldDo) => {
            format!("{repository}:{to} would follow {tag}", tag = from(plan, to))
        }
        (action, outcome) => match &report.detail {
            Some(detail) => format!("{action} {outcome}: {}", detail.trim_end_matches('.')),
            None => format!("{action}: {outcome}"),
        },
    }
}

/// The release that a derived tag follows.
fn from<'p>(plan: &'p Plan, derived: &str) -> &'p str {
    plan.actions
        .iter()
        .find_map(|planned| match &planned.action {
            crate::plan::Action::Derive { tag, from, .. } if tag.as_str() == derived => {
                Some(from.as_str())
            }
            _ => None,
        })
        .unwrap_or_default()
}
