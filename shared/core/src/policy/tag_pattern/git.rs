/// What a git commit looks like, for messages.
pub(super) const SHAPE: &str = "7 to 40, or 64, lower-case hex digits";

/// The same as a regular expression.
pub(super) const REGEX: &str = "(?:[0-9a-f]{7,40}|[0-9a-f]{64})";

/// Whether the text is a git commit: SHA-1, whole or shortened to at least 7 digits as `git`
/// does, or a whole SHA-256.
pub(super) fn is_commit(text: &str) -> bool {
    (matches!(text.len(), 7..=40) || text.len() == 64)
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'))
}

/// The commit that a text holds, else some commit.
pub(super) fn example_near(text: &str) -> String {
    text.to_ascii_lowercase()
        .split(|c: char| !c.is_ascii_hexdigit())
        .find(|run| is_commit(run))
        .map_or_else(|| "3f2c1ab".to_owned(), str::to_owned)
}
