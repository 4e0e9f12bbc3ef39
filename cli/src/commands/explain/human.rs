//! An explanation for a person.

use std::fmt::{Display, Write as _};

use anstyle::Style;
use steward_core::decision::RuleOutcome;
use steward_core::policy::Policy;
use steward_core::{RepositoryName, Tag};
use tag_guard::plan::Action;

use super::{Answer, EventSummary, Explanation, Source, Told, known};
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
        if let Some(event) = &explanation.event {
            self.event(event);
        }
        if let Some(image) = &explanation.image {
            let digest = image.digest.as_ref().map(|digest| format!(" {digest}"));
            self.field(
                "image",
                &format!(
                    "{}/{}:{}{}",
                    image.registry,
                    image.repository,
                    image.tag,
                    digest.unwrap_or_default()
                ),
            );
        }
        self.field(
            "policy",
            &format!("{policy_name}, mode {}", explanation.mode),
        );
        match explanation.facts {
            Source::None => {}
            Source::File => self.field("facts", "from --facts"),
            Source::Registry => self.field(
                "facts",
                "from the registry; what the tag meant before and who pushed it is not there",
            ),
            Source::Event => self.field(
                "facts",
                "the event is taken at its word; the functions ask the registry (see --facts)",
            ),
        }
        if explanation.facts != Source::Event {
            for (name, value) in explanation.facts_used.iter().flat_map(known::lines) {
                self.field("", &format!("{name:<9} {value}"));
            }
        }
    }

    fn event(&mut self, event: &EventSummary) {
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
            let tag = event.tag.as_ref().map(|tag| format!(":{tag}"));
            let digest = event.digest.as_ref().map(|digest| format!(" {digest}"));
            self.field(
                "image",
                &format!(
                    "{repository}{}{}",
                    tag.unwrap_or_default(),
                    digest.unwrap_or_default()
                ),
            );
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
            let accepted = plan
                .violations
                .iter()
                .find(|v| v.rule == outcome.rule.as_str());
            if let Some(accepted) = accepted.and_then(|violation| violation.accepted.as_ref()) {
                self.line(&format!("             accepted: {accepted}"));
            }
        }
        let others = policy
            .tag_rules
            .iter()
            .filter(|rule| !rule.applies_to(&plan.repository));
        self.other_rules(others.map(|rule| rule.name.as_str()), &plan.repository);
        let steps: Vec<_> = plan
            .actions
            .iter()
            .map(|planned| {
                let acts = planned.mode.acts() || planned.action == Action::Notify;
                (
                    planned.action.name(),
                    acts,
                    step(&planned.action, &plan.tag),
                )
            })
            .collect();
        self.steps(&steps);
        if let Some(time) = plan.recheck_at {
            self.line(&format!("  looks again at {time}"));
        }
        if let Some(owner) = &plan.owner {
            self.line(&format!("  owner: {owner}"));
        }
        if let Some(pusher) = &plan.pusher {
            self.line(&format!("  pushed by: {}", pusher.arn));
        }
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

    fn rule(&mut self, outcome: &RuleOutcome<impl Display>, words: &Words) {
        let RuleOutcome {
            rule,
            matched,
            why,
            mode,
            undecided,
        } = outcome;
        let (word, style) = match (undecided, matched) {
            (true, _) => ("unknown", style::CAUTION),
            (false, true) => words.matched,
            (false, false) => words.not,
        };
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

/// What an action of the tag guard does, in words.
fn step(action: &Action, tag: &Tag) -> String {
    match action {
        Action::Tag { mark } => format!("put the tag {mark} on the image"),
        Action::Restore { to, guard } => {
            let kept = guard.as_ref().map(|guard| {
                format!("; the image that it is on now is kept under the tag {guard}")
            });
            format!("put the tag {tag} back on {to}{}", kept.unwrap_or_default())
        }
        Action::RestoreDeleted { to, from } => {
            let places: Vec<String> = from.iter().map(source).collect();
            format!(
                "bring the tag {tag} back on {to}, from {}",
                places.join(" or ")
            )
        }
        Action::Quarantine {
            to,
            tags,
            keeps_tag,
        } => {
            let tags: Vec<&str> = tags.iter().map(AsRef::as_ref).collect();
            let tags = tags.join(" and ");
            if *keeps_tag {
                format!("copy the image to {to} as {tags} and verify it there")
            } else {
                format!(
                    "copy the image to {to} as {tags}, verify it there, then remove the tag {tag}"
                )
            }
        }
        Action::Archive { guard: Some(guard) } => {
            format!("move the image to the archive, kept under the tag {guard}")
        }
        Action::Archive { guard: None } => "move the image to the archive".to_owned(),
        Action::Untag { guard: Some(guard) } => {
            format!("keep the image under the tag {guard}, then remove the tag {tag}")
        }
        Action::Untag { guard: None } => format!("remove the tag {tag}; others keep the image"),
        Action::Delete { tags } => {
            let tags: Vec<&str> = tags.iter().map(AsRef::as_ref).collect();
            format!("delete the image with its tags {}", tags.join(", "))
        }
        Action::Derive { tag, digest, from } => {
            format!("point the tag {tag} to the image of {from} ({digest})")
        }
        Action::Blocked { reason, remedy, .. } => format!("not possible: {reason}; {remedy}"),
        Action::Notify => "tell people".to_owned(),
    }
}

fn source(place: &tag_guard::plan::Source) -> String {
    use tag_guard::plan::Source;

    match place {
        Source::Repository => "its own repository".to_owned(),
        Source::Quarantine { repository } => format!("quarantine {repository}"),
        Source::Replica { image, rule, .. } => format!("the replica {image} (rule {rule})"),
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
