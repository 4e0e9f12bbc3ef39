//! A simulation for a person at a terminal.

use std::fmt::Write as _;

use steward_core::Mode;

use super::report::Report;
use crate::output::{plural, style};

/// Repositories that the table shows; all of them are in the JSON form.
const SHOWN_REPOSITORIES: usize = 20;
/// Characters of an example's message.
const SHOWN_MESSAGE: usize = 100;

/// Writes the summary.
pub(super) fn render(report: &Report) -> String {
    let mut text = String::new();
    heading(&mut text, report);
    rules(&mut text, report);
    actions(&mut text, report);
    repositories(&mut text, report);
    text
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn heading(text: &mut String, report: &Report) {
    let faint = style::FAINT;
    let totals = &report.totals;
    let mut field = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{faint}{name:<8}{faint:#} {value}");
    };
    field(
        "policy",
        &format!("{}, mode {}", report.policy, report.mode),
    );
    field("images", &report.source);
    field(
        "",
        &format!(
            "{} of {} in {}",
            plural(totals.tags, "tag"),
            plural(totals.images, "image"),
            plural(totals.repositories, "repository").replace("repositorys", "repositories"),
        ),
    );
    if totals.untagged_images > 0 {
        let count = plural(totals.untagged_images, "image");
        field(
            "",
            &format!("{count} without a tag, which no rule looks at"),
        );
    }
    if !report.skipped.is_empty() {
        let skipped: Vec<String> = report
            .skipped
            .iter()
            .map(|(why, count)| format!("{count} {why}"))
            .collect();
        field("left out", &format!("tags: {}", skipped.join(", ")));
    }
    if report.skipped_lines > 0 {
        let count = plural(report.skipped_lines, "line");
        field("", &format!("{count} of the inventory"));
    }
}

fn rules(text: &mut String, report: &Report) {
    let (strong, good, bad, caution, faint) = (
        style::STRONG,
        style::GOOD,
        style::BAD,
        style::CAUTION,
        style::FAINT,
    );
    line(text, &format!("\n{strong}by rule{strong:#}"));
    if report.rules.is_empty() {
        return line(text, "  the policy has no tag rules");
    }
    let width = report.rules.iter().map(|rule| rule.rule.len()).max();
    let width = width.unwrap_or_default().min(40);
    for rule in &report.rules {
        let name = &rule.rule;
        let kind = format!("{} {}", rule.mode, rule.severity);
        let of = rule.looked_at;
        let said = if rule.violated > 0 {
            let places =
                plural(rule.repositories, "repository").replace("repositorys", "repositories");
            format!(
                "{bad}{} violated{bad:#} of {of}, in {places}",
                rule.violated
            )
        } else if of == 0 {
            format!("{caution}never looked at{caution:#}")
        } else {
            format!("{good}none violated{good:#} of {of}")
        };
        line(text, &format!("  {name:<width$}  {kind:<16}  {said}"));
        for example in &rule.examples {
            let (repository, tag) = (&example.repository, &example.tag);
            let message = cut(&example.message);
            line(
                text,
                &format!("      {repository}:{tag}  {faint}{message}{faint:#}"),
            );
        }
        if let Some(example) = &rule.undecided_example {
            let count = plural(rule.undecided, "tag");
            line(
                text,
                &format!(
                    "      {caution}no answer{caution:#} for {count}, such as {}:{}  {faint}{}{faint:#}",
                    example.repository,
                    example.tag,
                    cut(&example.message)
                ),
            );
        }
    }
}

fn actions(text: &mut String, report: &Report) {
    let (strong, caution) = (style::STRONG, style::CAUTION);
    line(text, &format!("\n{strong}actions{strong:#}"));
    if report.actions.is_empty() {
        return line(text, "  none");
    }
    for action in &report.actions {
        let name = action.action;
        let mut said = Vec::new();
        if action.enforced > 0 {
            said.push(plural(action.enforced, "tag"));
        }
        if action.observed > 0 {
            let observed = action.observed;
            said.push(format!("{observed} only reported ({})", Mode::Observe));
        }
        if action.blocked > 0 {
            said.push(format!("{caution}{} impossible{caution:#}", action.blocked));
        }
        line(text, &format!("  {name:<10}  {}", said.join(", ")));
    }
}

fn repositories(text: &mut String, report: &Report) {
    let (strong, faint) = (style::STRONG, style::FAINT);
    line(text, &format!("\n{strong}by repository{strong:#}"));
    if report.repositories.is_empty() {
        return line(text, "  nothing is violated anywhere");
    }
    let shown = report.repositories.iter().take(SHOWN_REPOSITORIES);
    let width = shown.clone().map(|tally| tally.repository.len()).max();
    let width = width.unwrap_or_default().min(60);
    for tally in shown {
        let rules: Vec<String> = tally
            .rules
            .iter()
            .map(|(rule, count)| format!("{rule} {count}"))
            .chain((tally.derived_tags > 0).then(|| format!("derived tags {}", tally.derived_tags)))
            .collect();
        let owner = tally.owner.as_deref().map(|owner| format!(" ({owner})"));
        line(
            text,
            &format!(
                "  {:<width$}  {:>6} of {:<6}  {}{faint}{}{faint:#}",
                tally.repository,
                tally.violating_tags,
                tally.tags,
                rules.join(", "),
                owner.unwrap_or_default(),
            ),
        );
    }
    let more = report.repositories.len().saturating_sub(SHOWN_REPOSITORIES);
    if more > 0 {
        line(
            text,
            &format!("  {faint}and {more} more: see --html or --format json{faint:#}"),
        );
    }
}

fn cut(message: &str) -> String {
    let mut text: String = message.chars().take(SHOWN_MESSAGE).collect();
    if text.len() < message.len() {
        text.push('…');
    }
    text
}
