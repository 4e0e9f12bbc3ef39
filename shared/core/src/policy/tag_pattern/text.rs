//! What can be said about a pattern from its text alone, without an engine.

use std::ops::Range;

use super::Matcher;

/// What a glob or a pattern with placeholders takes for more than a character.
const WILDCARDS: [char; 9] = ['*', '?', '[', ']', '{', '}', ',', '!', '^'];

/// Where in a pattern's text stands what every tag that matches begins with. Nine of ten tags are
/// told apart by it, for a fiftieth of what an engine takes.
pub(super) fn literal_start(text: &str, matcher: &Matcher) -> Range<usize> {
    match matcher {
        Matcher::Exact => 0..text.len(),
        Matcher::Prefix | Matcher::Stars | Matcher::Glob(_) | Matcher::Composed(_) => {
            0..text.find(WILDCARDS).unwrap_or(text.len())
        }
        Matcher::Regex(_) => {
            let inner = text.strip_prefix('/').and_then(|t| t.strip_suffix('/'));
            1..1 + plain_start(inner.unwrap_or_default())
        }
        Matcher::Semver(_)
        | Matcher::AnyCalver
        | Matcher::Calver(_)
        | Matcher::Git
        | Matcher::Any => 0..0,
    }
}

/// How many bytes at the start of a regular expression are plain characters.
fn plain_start(regex: &str) -> usize {
    if regex.contains('|') {
        return 0;
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let end = regex.find(|c| !is_plain(c)).unwrap_or(regex.len());
    let behind = regex.get(end..).unwrap_or_default();
    // What is repeated may be missing.
    let repeated = behind.starts_with(['?', '*', '+', '{']);
    end.saturating_sub(usize::from(repeated))
}

/// Whether a glob whose only wildcards are `*` matches a text.
pub(super) fn matches_stars(glob: &str, text: &str) -> bool {
    let Some((start, behind)) = glob.split_once('*') else {
        return glob == text;
    };
    let (middle, end) = behind.rsplit_once('*').unwrap_or(("", behind));
    let inner = text
        .strip_prefix(start)
        .and_then(|rest| rest.strip_suffix(end));
    let Some(mut rest) = inner else {
        return false;
    };
    // The first place where a piece is found leaves the most to the pieces behind it.
    middle.split('*').all(|piece| {
        let found = rest.split_once(piece);
        rest = found.map_or("", |(_, behind)| behind);
        found.is_some()
    })
}

#[cfg(test)]
mod tests {
    use globset::GlobBuilder;
    use proptest::prelude::*;
    use regex::Regex;

    use super::super::TagPattern;
    use super::*;
    use crate::names::Tag;

    #[test]
    fn a_regular_expression_begins_with_what_is_plain() {
        for (regex, start) in [
            ("/pr-[0-9]+/", "pr-"),
            ("/feature-12(-[a-z]+)?/", "feature-12"),
            ("/release/", "release"),
            ("/ab?c/", "a"),
            ("/ab*/", "a"),
            ("/ab{0,2}/", "a"),
            ("/a.b/", "a"),
            ("/a\\.b/", "a"),
            ("/(?i)abc/", ""),
            ("/main|master/", ""),
            ("/x(a|b)/", ""),
            ("/[ab]c/", ""),
        ] {
            assert_eq!(
                TagPattern::new(regex).unwrap().literal_start(),
                start,
                "{regex}"
            );
        }
    }

    proptest! {
        #[test]
        fn stars_match_as_the_glob_engine_does(glob in "[ab*.-]{1,8}", text in "[ab][ab.-]{0,8}") {
            let engine = GlobBuilder::new(&glob).build().unwrap().compile_matcher();
            prop_assert_eq!(matches_stars(&glob, &text), engine.is_match(&text));
        }

        #[test]
        fn what_a_regular_expression_matches_begins_so(
            inner in "([ab]|[ab][?*+]|[ab]\\{0,1\\}|\\(b\\)|\\(a\\)\\?|\\||\\.){1,6}",
            text in "[ab]{1,6}",
        ) {
            let Ok(engine) = Regex::new(&format!("^(?:{inner})$")) else {
                return Ok(());
            };
            let pattern = TagPattern::regex(&inner).unwrap();
            let tag: Tag = text.parse().unwrap();
            prop_assert_eq!(pattern.matches(&tag), engine.is_match(&text), "{} {}", inner, text);
        }
    }
}
