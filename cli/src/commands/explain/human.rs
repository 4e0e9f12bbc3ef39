//! An explanation for a person.

use std::fmt::Write as _;

use anstyle::Style;
use steward_core::RepositoryName;
use steward_core::decision::RuleOutcome;
use steward_core::policy::Policy;
use tag_guard::plan::Action;

use super::{Answer, Explanation, Source, Told};
use crate::output::style;

/// Writes the whole explanation.
pub(super) fn render(explanation: &Explanation, policy: &Policy, policy_name: &str) -> String {
    let mut page = Page::default();
    page.heading(explanation, policy_name);
    page.tag_guard(&explanation.functions.tag_guard, policy);
    page.replicator(&explanation.functions.replicator, policy);
    page.notifier(&explanation.functions.notifier, policy);
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
}

/// How a rule that was looked at is called, by whether it matched.
struct Words {
    matched: (&'static str, Style),
    not: (&'static str, Style),
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn field(&mut self, name: &str, value: &str) {
        let faint = style::FAINT;
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{faint}{name:<7}{faint:#} {value}");
    }

    fn function(&mut self, name: &str) {
        let strong = style::STRONG;
        let _ = writeln!(self.text, "\n{strong}{name}{strong:#}");
    }

    fn heading(&mut self, explanation: &Explanation, policy_name: &str) {
        let event = &explanation.event;
        let action = event.action.as_deref().map(|action| format!(", {action}"));
        self.field(
            "event",
            &format!(
                "{}{} ({}, account {}, {}, {})",
                event.detail_type,
                action.unwrap_or_default(),
                event.source,
                event.account,
                event.region,
                event.time
            ),
        );
        if let Some(repository) = &event.repository {
            let tag = event
                .tag
                .as_ref()
                .map(|tag| format!(":{tag}"))
                .unwrap_or_default();
            let digest = event
                .digest
                .as_ref()
                .map(|d| format!(" {d}"))
                .unwrap_or_default();
            self.field("image", &format!("{repository}{tag}{digest}"));
        }
        self.field(
            "policy",
            &format!("{policy_name}, mode {}", explanation.mode),
        );
        match explanation.facts {
            Source::None => {}
            Source::File => self.field("facts", "from --facts"),
            Source::Event => self.field(
                "facts",
                "the event is taken at its word; the functions ask the registry (see --facts)",
            ),
        }
    }

    fn tag_guard(&mut self, answer: &Answer<tag_guard::plan::Plan>, policy: &Policy) {
        self.function("tag-guard");
        let (plan, tells) = match answer {
            Answer::Nothing { nothing } => return self.nothing(nothing),
            Answer::Plan { plan, tells } => (plan, tells),
        };
        if let Some(skip) = &plan.skipped {
            return self.nothing(&skip.to_string());
        }
        let words = Words {
            matched: ("violated", style::BAD),
            not: ("kept", style::GOOD),
        };
        for outcome in &plan.rules {
            self.rule(outcome, &words);
            let accepted = plan.violations.iter().find(|v| v.rule == outcome.rule);
            if let Some(accepted) = accepted.and_then(|violation| violation.accepted.as_ref()) {
                self.line(&format!("             accepted: {accepted}"));
            }
        }
        let others = policy
            .tag_rules
            .iter()
            .filter(|rule| !rule.applies_to(&plan.repository));
        self.other_rules(others.map(|rule| rule.name.as_str()), &plan.repository);
        let mut steps = Vec::new();
        for planned in &plan.actions {
            let what = match &planned.action {
                Action::Quarantine { to, tags, .. } => {
                    let tags: Vec<&str> = tags.iter().map(AsRef::as_ref).collect();
                    format!(
                        "copy the image to {to} as {}, verify it there, then remove the tag {}",
                        tags.join(" and "),
                        plan.tag
                    )
                }
                Action::Untag { guard: Some(guard) } => {
                    format!(
                        "keep the image under the tag {guard}, then remove the tag {}",
                        plan.tag
                    )
                }
                Action::Untag { guard: None } => {
                    format!("remove the tag {}; others keep the image", plan.tag)
                }
                Action::Tag { mark } => format!("put the tag {mark} on the image"),
                Action::Restore { to, .. } => {
                    format!("put the tag {} back on {to}", plan.tag)
                }
                Action::RestoreDeleted { to, .. } => {
                    format!("bring the tag {} back on {to}", plan.tag)
                }
                Action::Archive { .. } => "move the image to the archive".to_owned(),
                Action::Delete { .. } => "delete the image".to_owned(),
                Action::Derive { tag, from, .. } => format!("point {tag} to the image of {from}"),
                Action::Blocked { reason, .. } => format!("not possible: {reason}"),
                Action::Notify => "tell people".to_owned(),
            };
            steps.push((
                planned.action.name(),
                planned.mode.acts() || planned.action == Action::Notify,
                what,
            ));
        }
        self.steps(&steps);
        self.tells(tells, policy);
    }

    fn replicator(&mut self, answer: &Answer<replicator::plan::Plan>, policy: &Policy) {
        self.function("replicator");
        let (plan, tells) = match answer {
            Answer::Nothing { nothing } => return self.nothing(nothing),
            Answer::Plan { plan, tells } => (plan, tells),
        };
        if let Some(skip) = &plan.skipped {
            return self.nothing(&skip.to_string());
        }
        let words = Words {
            matched: ("selects", style::GOOD),
            not: ("passes", style::FAINT),
        };
        for outcome in &plan.rules {
            self.rule(outcome, &words);
        }
        let others = policy
            .replication
            .iter()
            .filter(|rule| !rule.applies_to(&plan.repository));
        self.other_rules(others.map(|rule| rule.name.as_str()), &plan.repository);
        let steps: Vec<_> = plan
            .copies
            .iter()
            .map(|copy| {
                let mut to = copy.to.clone();
                to.digest = None;
                let with = if copy.referrers {
                    " with its referrers"
                } else {
                    ""
                };
                (
                    "copy",
                    copy.mode.acts(),
                    format!("to {to}{with} (rule {})", copy.rule),
                )
            })
            .collect();
        self.steps(&steps);
        self.tells(tells, policy);
    }

    fn notifier(&mut self, answer: &Answer<notifier::plan::Plan>, policy: &Policy) {
        self.function("notifier");
        match answer {
            Answer::Nothing { nothing } => self.nothing(nothing),
            Answer::Plan { plan, .. } => {
                let whom = whom(plan, policy);
                self.line(&format!("  {whom}"));
            }
        }
    }

    fn nothing(&mut self, why: &str) {
        let faint = style::FAINT;
        self.line(&format!("  nothing to do: {faint}{why}{faint:#}"));
    }

    fn rule(&mut self, outcome: &RuleOutcome, words: &Words) {
        let RuleOutcome {
            rule,
            matched,
            why,
            mode,
            ..
        } = outcome;
        let (word, style) = if *matched { words.matched } else { words.not };
        self.line(&format!(
            "  {style}{word:<8}{style:#}  {rule} ({mode}): {why}"
        ));
    }

    fn other_rules<'a>(
        &mut self,
        names: impl Iterator<Item = &'a str>,
        repository: &RepositoryName,
    ) {
        let faint = style::FAINT;
        for name in names {
            self.line(&format!(
                "  {faint}other     {name}: does not speak about {repository}{faint:#}"
            ));
        }
    }

    /// Numbered actions; those that observe mode only reports say so.
    fn steps(&mut self, steps: &[(&str, bool, String)]) {
        if steps.is_empty() {
            return self.line("  plan: nothing to do");
        }
        self.line("  plan:");
        let caution = style::CAUTION;
        for (number, (name, acts, what)) in steps.iter().enumerate() {
            let number = number + 1;
            let mode = if *acts {
                String::new()
            } else {
                format!("{caution}would{caution:#} ")
            };
            self.line(&format!("    {number}. {mode}{name}: {what}"));
        }
    }

    fn tells(&mut self, tells: &[Told], policy: &Policy) {
        for told in tells {
            let detail = |name: &str| told.detail.get(name).and_then(|value| value.as_str());
            let severity = detail("severity").unwrap_or_default();
            self.line(&format!("  tells: {} ({severity})", told.detail_type));
            if let Some(explain) = detail("explain") {
                self.line(&format!("    {explain:?}"));
            }
            let whom = whom(&told.notifications, policy);
            self.line(&format!("    {whom}"));
        }
    }
}

fn whom(plan: &notifier::plan::Plan, policy: &Policy) -> String {
    if let Some(silence) = &plan.silent {
        return format!("to nobody: {silence}");
    }
    let channels: Vec<String> = plan
        .deliveries
        .iter()
        .map(|delivery| {
            let kind = policy.notifications.channels.get(&delivery.channel);
            let kind = kind.map_or("unknown", |channel| channel.kind());
            format!("{} ({kind})", delivery.channel)
        })
        .collect();
    format!("to {}", channels.join(", "))
}
