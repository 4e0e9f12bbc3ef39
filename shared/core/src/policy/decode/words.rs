//! Names and texts as they are shown in messages.

pub(super) fn join(path: &str, field: &str) -> String {
    let field = shorten(field);
    if path.is_empty() {
        field
    } else {
        format!("{path}.{field}")
    }
}

/// A text from the file as it is shown in a message: bounded and on one line.
pub(super) fn shorten(text: &str) -> String {
    const MAX: usize = 80;
    // Almost every text; reading a policy asks for the path of each field.
    if text.len() <= MAX && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut short: String = text
        .chars()
        .take(MAX)
        .flat_map(char::escape_debug)
        .collect();
    // `escape_debug` also escapes quotes, which need none between backticks.
    short = short
        .replace("\\\"", "\"")
        .replace("\\'", "'")
        .replace("\\\\", "\\");
    if text.chars().nth(MAX).is_some() {
        short.push('…');
    }
    short
}

/// `` `a`, `b` or `c` `` with a word in front.
pub(super) fn one_of(names: &[&str], one: &str, several: &str) -> String {
    const MAX: usize = 20;
    let mut text = String::from(if names.len() == 1 { one } else { several });
    if !text.is_empty() {
        text.push(' ');
    }
    for (i, name) in names.iter().take(MAX).enumerate() {
        if i > 0 {
            text.push_str(", ");
        }
        text.push_str(&format!("`{}`", shorten(name)));
    }
    if names.len() > MAX {
        text.push_str(", …");
    }
    text
}

/// The known name that a text was probably meant to be.
pub(super) fn nearest<'k>(text: &str, known: &[&'k str]) -> Option<&'k str> {
    // Longer texts are no slip of the finger, and the distance costs their product.
    if text.len() > 64 {
        return None;
    }
    let lower = text.to_lowercase().replace('-', "_");
    known
        .iter()
        .map(|name| {
            (
                strsim::osa_distance(&lower, &name.to_lowercase().replace('-', "_")),
                *name,
            )
        })
        .filter(|(distance, name)| *distance <= (name.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
