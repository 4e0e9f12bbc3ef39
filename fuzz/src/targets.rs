//! What is fed. Each target takes bytes, panics where something does not hold, and otherwise says
//! what became of them.

mod conditions;
mod events;
mod manifests;
mod patterns;
mod policy;

/// One thing to feed.
pub(crate) struct Target {
    /// Its name, and that of its folder in the corpus.
    pub(crate) name: &'static str,
    /// Further files and folders with inputs, from the root of the repository.
    pub(crate) fixtures: &'static [&'static str],
    /// The longest input, in bytes.
    pub(crate) longest: usize,
    /// Says what became of an input. Inputs with different answers are of different kinds.
    pub(crate) feed: fn(&[u8]) -> String,
}

/// Every target.
pub(crate) static ALL: [Target; 5] = [
    Target {
        name: "policy",
        fixtures: &["infra/policy.example.yaml", "tests/e2e/policy.yaml"],
        longest: 16 << 10,
        feed: policy::feed,
    },
    Target {
        name: "patterns",
        fixtures: &[],
        longest: 4 << 10,
        feed: patterns::feed,
    },
    Target {
        name: "events",
        fixtures: &["tests/fixtures/events"],
        longest: 16 << 10,
        feed: events::feed,
    },
    Target {
        name: "conditions",
        fixtures: &[],
        longest: 3 << 10,
        feed: conditions::feed,
    },
    Target {
        name: "manifests",
        fixtures: &[],
        longest: 16 << 10,
        feed: manifests::feed,
    },
];

/// The names of the targets.
pub(crate) fn names() -> Vec<&'static str> {
    ALL.iter().map(|target| target.name).collect()
}

/// A message without what differs from input to input: numbers and quotations.
fn outline(message: &str) -> String {
    let mut outline = String::new();
    let mut quote = None;
    for c in message.chars() {
        match (quote, c) {
            (None, '`' | '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (Some(_), _) => {}
            (None, c) if c.is_ascii_digit() => {
                if !outline.ends_with('0') {
                    outline.push('0');
                }
            }
            (None, c) => outline.push(c),
        }
    }
    outline
}
