use steward_core::Tag;
use steward_core::policy::{RepositoryGlob, TagPattern, TextGlob, TextPattern};

use super::outline;

/// Patterns, an empty line, and tags.
pub(super) fn feed(input: &[u8]) -> String {
    let text = String::from_utf8_lossy(input);
    let (patterns, tags) = text.split_once("\n\n").unwrap_or((&text, "1.4.2\nlatest"));
    let tags: Vec<Tag> = tags
        .lines()
        .take(8)
        .filter_map(|line| line.parse().ok())
        .collect();
    let mut answer = String::new();
    for line in patterns.lines().take(8) {
        match TagPattern::new(line) {
            Ok(pattern) => {
                assert!(!pattern.describe().is_empty(), "{line} has no description");
                for tag in &tags {
                    if let Some(example) = pattern.example_near(tag) {
                        let fits = pattern.matches(&example);
                        assert!(
                            fits,
                            "{line} does not match its example {example} near {tag}"
                        );
                    }
                    answer.push(if pattern.matches(tag) { '+' } else { '-' });
                }
            }
            Err(error) => answer.push_str(&outline(&error.to_string())),
        }
        let (glob, pattern) = (TextGlob::new(line), TextPattern::new(line));
        for tag in tags.iter().map(Tag::as_str) {
            let fits = glob.as_ref().is_ok_and(|glob| glob.matches(tag));
            answer.push_str(if fits { "g" } else { "" });
            let fits = pattern.as_ref().is_ok_and(|pattern| pattern.matches(tag));
            answer.push_str(if fits { "p" } else { "" });
        }
        answer.push_str(if RepositoryGlob::new(line).is_ok() {
            "r "
        } else {
            " "
        });
    }
    answer
}
