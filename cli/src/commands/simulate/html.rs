//! A simulation as one page that needs nothing else: no script, no font, no picture from elsewhere.

use std::fmt::{self, Write as _};

use super::report::{Example, Report, RepositoryTally, RuleTally};

/// Repositories on the page; all of them are in the JSON form.
const SHOWN_REPOSITORIES: usize = 2000;

const STYLE: &str = include_str!("page.css");

/// Writes the page.
pub(super) fn render(report: &Report) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write_page(&mut page, report);
    page
}

/// Text that stays text in a page.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c if c.is_control() && c != '\n' => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// A number with thin spaces between thousands.
struct Grouped(u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_char('\u{202f}')?;
            }
            f.write_char(digit)?;
        }
        Ok(())
    }
}

fn write_page(page: &mut String, report: &Report) -> fmt::Result {
    let totals = &report.totals;
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>Simulation of {policy}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <header>\n<h1>What <code>{policy}</code> would do</h1>\n\
         <p>{source}, seen at {now}. The policy's mode is <b>{mode}</b>.</p>\n</header>\n",
        policy = Escaped(&report.policy),
        source = Escaped(&report.source),
        now = report.now.strftime("%Y-%m-%d %H:%M UTC"),
        mode = report.mode,
    )?;
    page.push_str("<section class=\"cards\">\n");
    for (number, what, is_bad) in [
        (totals.repositories, "repositories", false),
        (totals.images, "images", false),
        (totals.tags, "tags", false),
        (
            totals.violating_tags,
            "tags violate a rule",
            totals.violating_tags > 0,
        ),
    ] {
        let class = if is_bad { "card bad" } else { "card" };
        writeln!(
            page,
            "<div class=\"{class}\"><b>{}</b><span>{what}</span></div>",
            Grouped(number)
        )?;
    }
    page.push_str("</section>\n");
    left_out(page, report)?;
    write_rules(page, report)?;
    write_actions(page, report)?;
    write_repositories(page, report)?;
    page.push_str("</main>\n</body>\n</html>\n");
    Ok(())
}

fn left_out(page: &mut String, report: &Report) -> fmt::Result {
    let mut parts: Vec<String> = report
        .skipped
        .iter()
        .map(|(why, count)| format!("{} tags: {why}", Grouped(*count)))
        .collect();
    if report.totals.untagged_images > 0 {
        let count = Grouped(report.totals.untagged_images);
        parts.push(format!("{count} images without a tag"));
    }
    if report.skipped_lines > 0 {
        let count = Grouped(report.skipped_lines);
        parts.push(format!("{count} lines of the inventory that are no image"));
    }
    if parts.is_empty() {
        return Ok(());
    }
    writeln!(
        page,
        "<p class=\"note\">Left out: {}.</p>",
        parts.join("; ")
    )
}

fn write_rules(page: &mut String, report: &Report) -> fmt::Result {
    page.push_str(
        "<section>\n<h2>By rule</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th>Rule</th>\
         <th>Mode</th><th>Severity</th><th class=\"n\">Violated</th><th class=\"n\">Looked at</th>\
         <th class=\"n\">Repositories</th><th>Examples</th></tr></thead>\n<tbody>\n",
    );
    for rule in &report.rules {
        write_rule(page, rule)?;
    }
    if report.rules.is_empty() {
        page.push_str("<tr><td colspan=\"7\">The policy has no tag rules.</td></tr>\n");
    }
    page.push_str("</tbody>\n</table></div>\n</section>\n");
    Ok(())
}

fn write_rule(page: &mut String, rule: &RuleTally) -> fmt::Result {
    let class = if rule.violated > 0 { "n bad" } else { "n" };
    write!(
        page,
        "<tr><td><code>{}</code></td><td><span class=\"tag {mode}\">{mode}</span></td>\
         <td><span class=\"tag {severity}\">{severity}</span></td><td class=\"{class}\">{}</td>\
         <td class=\"n\">{}</td><td class=\"n\">{}</td><td>",
        Escaped(&rule.rule),
        Grouped(rule.violated),
        Grouped(rule.looked_at),
        Grouped(rule.repositories),
        mode = rule.mode,
        severity = rule.severity,
    )?;
    if !rule.examples.is_empty() {
        page.push_str("<ul>");
        for example in &rule.examples {
            write_example(page, example)?;
        }
        page.push_str("</ul>");
    } else if rule.looked_at == 0 {
        page.push_str("<span class=\"note\">never looked at</span>");
    }
    if let Some(example) = &rule.undecided_example {
        write!(
            page,
            "<p class=\"note\">No answer for {} tags, such as:</p><ul>",
            Grouped(rule.undecided)
        )?;
        write_example(page, example)?;
        page.push_str("</ul>");
    }
    page.push_str("</td></tr>\n");
    Ok(())
}

fn write_example(page: &mut String, example: &Example) -> fmt::Result {
    write!(
        page,
        "<li><code>{}:{}</code> {}</li>",
        Escaped(&example.repository),
        Escaped(&example.tag),
        Escaped(&example.message)
    )
}

fn write_actions(page: &mut String, report: &Report) -> fmt::Result {
    page.push_str(
        "<section>\n<h2>Actions</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th>Action</th>\
         <th class=\"n\">Carried out</th><th class=\"n\">Only reported</th>\
         <th class=\"n\">Impossible</th></tr></thead>\n<tbody>\n",
    );
    for action in &report.actions {
        writeln!(
            page,
            "<tr><td><code>{}</code></td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td></tr>",
            action.action,
            Grouped(action.enforced),
            Grouped(action.observed),
            Grouped(action.blocked)
        )?;
    }
    if report.actions.is_empty() {
        page.push_str("<tr><td colspan=\"4\">Nothing would be done.</td></tr>\n");
    }
    page.push_str("</tbody>\n</table></div>\n</section>\n");
    Ok(())
}

fn write_repositories(page: &mut String, report: &Report) -> fmt::Result {
    page.push_str(
        "<section>\n<h2>By repository</h2>\n<div class=\"scroll\"><table>\n<thead><tr>\
         <th>Repository</th><th>Owner</th><th class=\"n\">Violating tags</th>\
         <th class=\"n\">Tags</th><th class=\"n\">Images</th><th>Rules</th></tr></thead>\n<tbody>\n",
    );
    for tally in report.repositories.iter().take(SHOWN_REPOSITORIES) {
        write_repository(page, tally)?;
    }
    if report.repositories.is_empty() {
        page.push_str("<tr><td colspan=\"6\">Nothing is violated anywhere.</td></tr>\n");
    }
    page.push_str("</tbody>\n</table></div>\n");
    let more = report.repositories.len().saturating_sub(SHOWN_REPOSITORIES);
    if more > 0 {
        writeln!(
            page,
            "<p class=\"note\">And {} more repositories with fewer violations.</p>",
            Grouped(more as u64)
        )?;
    }
    page.push_str("</section>\n");
    Ok(())
}

fn write_repository(page: &mut String, tally: &RepositoryTally) -> fmt::Result {
    let share = (tally.violating_tags * 100)
        .checked_div(tally.tags)
        .unwrap_or_default();
    write!(
        page,
        "<tr><td><code>{}</code></td><td>{}</td><td class=\"n\">\
         <span class=\"bar\" style=\"--share:{share}%\">{}</span></td><td class=\"n\">{}</td>\
         <td class=\"n\">{}</td><td>",
        Escaped(&tally.repository),
        Escaped(tally.owner.as_deref().unwrap_or("–")),
        Grouped(tally.violating_tags),
        Grouped(tally.tags),
        Grouped(tally.images)
    )?;
    for (rule, count) in &tally.rules {
        write!(
            page,
            "<span class=\"chip\">{} <b>{}</b></span> ",
            Escaped(rule),
            Grouped(*count)
        )?;
    }
    if tally.derived_tags > 0 {
        write!(
            page,
            "<span class=\"chip\">derived tags <b>{}</b></span>",
            Grouped(tally.derived_tags)
        )?;
    }
    page.push_str("</td></tr>\n");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_stays_text() {
        let hostile = "<script>alert('x')</script>&\"\u{1b}";
        let escaped = Escaped(hostile).to_string();
        assert_eq!(
            escaped,
            "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;\u{fffd}"
        );
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let shown = |number| Grouped(number).to_string().replace('\u{202f}', " ");
        assert_eq!(shown(0), "0");
        assert_eq!(shown(999), "999");
        assert_eq!(shown(1000), "1 000");
        assert_eq!(shown(1_234_567), "1 234 567");
    }
}
