//! The line of a source that a mistake is on, with a mark under the place.

use unicode_width::UnicodeWidthStr as _;

use crate::output::style;

/// Lines are cut to this many columns around the mark.
const MAX_WIDTH: usize = 120;

/// Renders three lines: a margin, the source line, and the mark.
///
/// `line` and `column` count from 1, the column in characters. `None` where the source has no such
/// line.
#[must_use]
pub fn render(source: &str, line: usize, column: usize) -> Option<String> {
    let text = source.lines().nth(line.checked_sub(1)?)?;
    let before: String = text.chars().take(column.saturating_sub(1)).collect();
    let token = token(text.get(before.len()..).unwrap_or_default());
    let (shown, indent) = if text.width() <= MAX_WIDTH {
        // A tab in the margin stays one, so that the mark stands under it whatever its width.
        let indent: String = before
            .chars()
            .map(|c| {
                if c == '\t' {
                    "\t".to_owned()
                } else {
                    " ".repeat(width(c))
                }
            })
            .collect();
        (printable(text), indent)
    } else {
        let rest: String = text
            .chars()
            .skip(column.saturating_sub(1))
            .take(MAX_WIDTH / 2)
            .collect();
        (format!("…{}", printable(&rest)), " ".to_owned())
    };
    let marks = "^".repeat(token.width().clamp(1, MAX_WIDTH / 2));
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    let (faint, bad) = (style::FAINT, style::BAD);
    Some(format!(
        "{faint}{margin} |{faint:#}\n{faint}{number} |{faint:#} {shown}\n\
         {faint}{margin} |{faint:#} {indent}{bad}{marks}{bad:#}"
    ))
}

/// What the mark underlines: a quoted text with its quotes, or up to the next delimiter of YAML.
fn token(rest: &str) -> &str {
    let Some(first) = rest.chars().next() else {
        return "";
    };
    let end = if matches!(first, '"' | '\'') {
        rest.get(1..)
            .and_then(|inner| inner.find(first))
            .map(|at| at + 2)
    } else {
        rest.find(|c: char| c.is_whitespace() || matches!(c, ',' | ']' | '}' | '#'))
            .map(|end| {
                if rest.get(..end).is_some_and(|t| t.ends_with(':')) {
                    end - 1
                } else {
                    end
                }
            })
    };
    let whole = rest.trim_end();
    let whole = if end.is_none() {
        whole.strip_suffix(':').unwrap_or(whole)
    } else {
        whole
    };
    end.and_then(|end| rest.get(..end)).unwrap_or(whole)
}

/// Control characters of a hostile file do not reach the terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

fn width(c: char) -> usize {
    let mut buffer = [0; 4];
    c.encode_utf8(&mut buffer).width()
}

#[cfg(test)]
mod tests {
    use super::render;

    fn plain(source: &str, line: usize, column: usize) -> String {
        let styled = render(source, line, column).unwrap();
        anstream::adapter::strip_str(&styled).to_string()
    }

    #[test]
    fn the_word_at_the_place_is_marked() {
        insta::assert_snapshot!(plain("version: 1\nmode: enforced # no\n", 2, 7), @r"
          |
        2 | mode: enforced # no
          |       ^^^^^^^^
        ");
    }

    #[test]
    fn a_key_is_marked_without_its_colon_and_a_quoted_text_with_its_quotes() {
        insta::assert_snapshot!(plain("  moed: x", 1, 3), @r"
          |
        1 |   moed: x
          |   ^^^^
        ");
        insta::assert_snapshot!(plain(r#"tags: ["a b, c", d]"#, 1, 8), @r#"
          |
        1 | tags: ["a b, c", d]
          |        ^^^^^^^^
        "#);
        insta::assert_snapshot!(plain("moed:", 1, 1), @r"
          |
        1 | moed:
          | ^^^^
        ");
    }

    #[test]
    fn wide_characters_and_tabs_keep_the_mark_in_its_place() {
        insta::assert_snapshot!(plain("日本: x", 1, 5), @r"
          |
        1 | 日本: x
          |       ^
        ");
        assert_eq!(plain("a:\tx", 1, 4), "  |\n1 | a:\tx\n  |   \t^");
    }

    #[test]
    fn the_end_of_a_line_and_of_the_file_can_be_marked() {
        assert_eq!(plain("a:", 1, 3), "  |\n1 | a:\n  |   ^");
        assert_eq!(plain("a:", 1, 99), "  |\n1 | a:\n  |   ^");
        assert_eq!(render("a:", 2, 1), None);
        assert_eq!(render("a:", 0, 0), None);
    }

    #[test]
    fn long_lines_are_cut_and_control_characters_replaced() {
        let long = format!("{}bad{}", "x".repeat(500), " y".repeat(500));
        let shown = plain(&long, 1, 501);
        assert!(shown.contains("| …bad y y"), "{shown}");
        assert!(shown.ends_with("|  ^^^"), "{shown}");
        assert!(
            shown.lines().all(|line| line.chars().count() < 80),
            "{shown}"
        );
        assert!(!plain("a: \u{1b}[2Jx", 1, 1).contains('\u{1b}'));
    }
}
