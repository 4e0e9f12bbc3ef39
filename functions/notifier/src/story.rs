//! What an event tells, before any channel gives it a form.

use steward_core::event::outgoing::{ActionReport, DetailType, Outcome, StewardEvent};
use steward_core::{Mode, Severity};

/// An event on its way to people.
#[derive(Clone, Debug)]
pub struct Story<'e> {
    /// The event itself.
    pub event: &'e StewardEvent,
    /// The id that EventBridge gave it.
    pub id: &'e str,
    /// When it was put on the bus, as RFC 3339 text.
    pub time: &'e str,
}

impl Story<'_> {
    /// A headline of one line, such as `Image quarantined: prod/app:feature-x`.
    #[must_use]
    pub fn title(&self) -> String {
        let what = match (self.event.detail_type, self.event.mode) {
            (DetailType::TagRuleViolated, Mode::Observe) => "Tag rule violated (observed only)",
            (DetailType::TagRuleViolated, Mode::Enforce) => "Tag rule violated",
            (DetailType::TagRuleEnforced, _) => self.enforced(),
            (DetailType::ImageQuarantined, _) => "Image quarantined",
            (DetailType::ImageReplicated, Mode::Observe) => "Image would be replicated",
            (DetailType::ImageReplicated, Mode::Enforce) => "Image replicated",
            (DetailType::ImageReplicationFailed, _) => "Replication failed",
            (other, _) => other.as_str(),
        };
        match self.image() {
            Some(image) => format!("{what}: {image}"),
            None => what.to_owned(),
        }
    }

    /// What was done where a tag rule was enforced: the deed that changes most.
    fn enforced(&self) -> &'static str {
        let did = |name: &str| {
            self.event
                .actions
                .iter()
                .any(|report| report.action == name && report.outcome == Outcome::Done)
        };
        [
            ("delete", "Image deleted"),
            ("restore", "Tag put back"),
            ("untag", "Tag removed"),
            ("archive", "Image archived"),
            ("derive", "Derived tags moved"),
            ("tag", "Image marked"),
        ]
        .into_iter()
        .find(|(name, _)| did(name))
        .map_or("Tag rule enforced", |(_, title)| title)
    }

    /// The image as people write it: `prod/app:v1.2.3`; nothing where the event is not about one.
    #[must_use]
    pub fn image(&self) -> Option<String> {
        let event = self.event;
        if event.repository.is_empty() {
            return None;
        }
        Some(match (&event.tag, &event.digest) {
            (Some(tag), _) => format!("{}:{tag}", event.repository),
            (None, Some(digest)) => format!("{}@{}", event.repository, digest.short()),
            (None, None) => event.repository.clone(),
        })
    }

    /// Where the image lives: `111122223333, eu-west-1`.
    #[must_use]
    pub fn place(&self) -> Option<String> {
        let account = self.event.account.as_ref()?;
        Some(match &self.event.region {
            Some(region) => format!("{account}, {region}"),
            None => account.to_string(),
        })
    }

    /// What was done, a line an action; telling people is not news to them.
    #[must_use]
    pub fn actions(&self) -> Vec<String> {
        self.event
            .actions
            .iter()
            .filter(|report| report.action != "notify")
            .map(action)
            .collect()
    }

    /// What people can do now, each remedy once.
    #[must_use]
    pub fn remedies(&self) -> Vec<&str> {
        let mut remedies: Vec<&str> = self
            .event
            .actions
            .iter()
            .filter_map(|report| report.remedy.as_deref())
            .collect();
        remedies.dedup();
        remedies
    }
}

fn action(report: &ActionReport) -> String {
    let outcome = match report.outcome {
        Outcome::Done => "done",
        Outcome::Unchanged => "nothing to do",
        Outcome::WouldDo => "would be done (mode: observe)",
        Outcome::Failed => "failed",
        Outcome::Skipped => "skipped",
    };
    let mut line = format!("{}: {outcome}", report.action);
    if let Some(target) = &report.target {
        line.push_str(" → ");
        line.push_str(target);
    }
    if let Some(detail) = &report.detail {
        line.push_str(" (");
        line.push_str(detail);
        line.push(')');
    }
    line
}

/// A colour that shows the severity at a glance, as an emoji short code that Slack knows.
#[must_use]
pub const fn emoji(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => ":white_check_mark:",
        Severity::Low => ":large_blue_circle:",
        Severity::Medium => ":large_yellow_circle:",
        Severity::High => ":large_orange_circle:",
        Severity::Critical => ":red_circle:",
    }
}

/// At most `limit` characters of `text`, an ellipsis where something was cut.
#[must_use]
pub fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(limit.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// At most `limit` lines, with a count of those left out.
#[must_use]
pub fn cut_lines(mut lines: Vec<String>, limit: usize) -> Vec<String> {
    if lines.len() > limit {
        let more = lines.len() - limit;
        lines.truncate(limit);
        lines.push(format!("… and {more} more"));
    }
    lines
}
