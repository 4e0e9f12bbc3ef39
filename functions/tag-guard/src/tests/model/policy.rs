//! Policies drawn at random, and a second opinion about the simplest of their rules.

use proptest::prelude::*;
use proptest::sample::subsequence;

use super::super::Policy;

/// The tags that people push.
pub(super) const TAGS: [&str; 5] = ["1.0.0", "1.1.0", "1", "latest", "dev"];

/// Whether a condition holds for a tag.
type Holds = fn(&str) -> bool;

/// Conditions, and what they mean.
const CONDITIONS: [(&str, Holds); 3] = [
    ("tag == \"dev\"", |tag| tag == "dev"),
    ("tag.startsWith(\"1\")", |tag| tag.starts_with('1')),
    ("repository == \"prod/other\"", |_| false),
];

#[derive(Clone, Copy, Debug)]
pub(super) enum Pattern {
    Semver,
    Ones,
    Exactly(&'static str),
}

impl Pattern {
    fn text(self) -> &'static str {
        match self {
            Self::Semver => "semver",
            Self::Ones => "1*",
            Self::Exactly(tag) => tag,
        }
    }

    fn matches(self, tag: &str) -> bool {
        match self {
            Self::Semver => tag.split('.').count() == 3,
            Self::Ones => tag.starts_with('1'),
            Self::Exactly(exactly) => tag == exactly,
        }
    }
}

#[derive(Clone, Debug)]
enum Check {
    Allow(Vec<Pattern>),
    Deny(Vec<Pattern>),
    /// The rule's condition is all there is.
    Condition,
    Immutable(Vec<Pattern>),
    Protected(Vec<Pattern>),
    Derive(Vec<&'static str>),
    Companion,
}

impl Check {
    /// What a rule may do about it. `delete` only about names, for which the second opinion speaks.
    fn actions(&self) -> &'static [&'static str] {
        match self {
            Self::Allow(_) | Self::Deny(_) | Self::Condition => {
                &["notify", "tag", "quarantine", "archive", "untag", "delete"]
            }
            Self::Immutable(_) => &["notify", "restore", "quarantine", "untag"],
            Self::Protected(_) => &["notify", "restore"],
            Self::Derive(_) => &[],
            Self::Companion => &["notify", "tag", "quarantine", "untag"],
        }
    }
}

/// A tag rule.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    check: Check,
    only: Option<Vec<Pattern>>,
    when: Option<usize>,
    actions: Vec<&'static str>,
    observes: bool,
    /// From what age on it deletes.
    days: i64,
}

impl Rule {
    fn does(&self, action: &str) -> bool {
        self.actions.contains(&action)
    }

    fn looks_at(&self, tag: &str) -> bool {
        let only = self.only.as_ref();
        only.is_none_or(|only| any(only, tag))
            && self.when.is_none_or(|when| CONDITIONS[when].1(tag))
    }

    /// Whether the rule refuses a tag for its name.
    fn refuses(&self, tag: &str) -> bool {
        self.looks_at(tag)
            && match &self.check {
                Check::Allow(patterns) => !any(patterns, tag),
                Check::Deny(patterns) => any(patterns, tag),
                Check::Condition => true,
                _ => false,
            }
    }

    /// Whether the rule may ever move or take a tag of this name.
    pub(super) fn may_touch(&self, tag: &str) -> bool {
        let harmless = |action: &&str| matches!(*action, "notify" | "tag");
        !self.observes
            && match &self.check {
                Check::Derive(tags) => {
                    let derived = if tag == "1" { "{major}" } else { tag };
                    tags.contains(&derived)
                }
                _ if self.actions.iter().all(harmless) => false,
                Check::Immutable(patterns) | Check::Protected(patterns) => any(patterns, tag),
                Check::Companion => tag == "latest",
                Check::Allow(_) | Check::Deny(_) | Check::Condition => self.refuses(tag),
            }
    }

    /// Whether the rule names an image with such a tag, of such an age, for deletion.
    pub(super) fn deletes(&self, tag: &str, age: jiff::SignedDuration) -> bool {
        !self.observes
            && self.does("delete")
            && self.refuses(tag)
            && age >= jiff::SignedDuration::from_hours(24 * self.days)
    }

    /// Whether the rule takes a tag of this name away, come what may.
    pub(super) fn takes(&self, tag: &str) -> bool {
        !self.observes && self.refuses(tag) && (self.does("quarantine") || self.does("untag"))
    }

    /// Whether what the rule does about a tag depends on the other tags of its image, or on a look at
    /// another tag: derived tags that the rule itself does not speak about are put right when a
    /// release is looked at.
    pub(super) fn hangs_on_others(&self) -> bool {
        let derives_aside =
            matches!(self.check, Check::Derive(_)) && (self.only.is_some() || self.when.is_some());
        matches!(self.check, Check::Companion)
            || derives_aside
            || self.does("archive")
            || self.does("delete")
    }

    fn render(&self, number: usize) -> String {
        let list = |words: Vec<&str>| {
            let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
            format!("[{}]", quoted.join(", "))
        };
        let of = |patterns: &[Pattern]| list(patterns.iter().map(|p| p.text()).collect());
        let mut fields = vec![
            format!("name: r{number}"),
            "repositories: [\"prod/**\"]".to_owned(),
        ];
        match &self.check {
            Check::Allow(patterns) => fields.push(format!("allow: {}", of(patterns))),
            Check::Deny(patterns) => fields.push(format!("deny: {}", of(patterns))),
            Check::Condition => {}
            Check::Immutable(patterns) => fields.push(format!("immutable: {}", of(patterns))),
            Check::Protected(patterns) => fields.push(format!("protected: {}", of(patterns))),
            Check::Derive(tags) => {
                let tags = list(tags.clone());
                fields.push(format!("derive: {{from: semver, tags: {tags}}}"));
            }
            Check::Companion => {
                fields.push("companion: {floating: [latest], requires: [semver]}".to_owned());
            }
        }
        if let Some(only) = &self.only {
            fields.push(format!("tags: {{allow: {}}}", of(only)));
        }
        if let Some(when) = self.when {
            fields.push(format!("when: '{}'", CONDITIONS[when].0));
        }
        if !self.actions.is_empty() {
            fields.push(format!("on_violation: {}", list(self.actions.clone())));
        }
        if self.does("tag") {
            fields.push("mark: \"bad-{short_digest}\"".to_owned());
        }
        if self.does("delete") {
            fields.push(format!("delete_after: {}d", self.days));
        }
        if self.observes {
            fields.push("mode: observe".to_owned());
        }
        format!("{{{}}}", fields.join(", "))
    }
}

fn any(patterns: &[Pattern], tag: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(tag))
}

/// Rules that a policy may have together: those that it refuses beside the ones before are left out.
#[derive(Clone, Debug)]
pub(super) struct Drawn {
    pub(super) rules: Vec<Rule>,
    pub(super) text: String,
}

impl Drawn {
    fn new(rules: Vec<Rule>) -> Self {
        let text = |rules: &[Rule]| {
            let rules = rules.iter().enumerate();
            let rules: Vec<String> = rules.map(|(number, rule)| rule.render(number)).collect();
            format!(
                "version: 1\nmode: enforce\ntag_rules: [{}]\n",
                rules.join(", ")
            )
        };
        let mut kept = Vec::new();
        for rule in rules {
            kept.push(rule);
            if Policy::parse(&text(&kept), "policy.yaml").is_err() {
                kept.pop();
            }
        }
        Self {
            text: text(&kept),
            rules: kept,
        }
    }
}

fn patterns() -> impl Strategy<Value = Vec<Pattern>> {
    let all = [Pattern::Semver, Pattern::Ones].into_iter();
    let all: Vec<Pattern> = all.chain(TAGS.map(Pattern::Exactly)).collect();
    subsequence(all, 1..3)
}

fn check() -> impl Strategy<Value = Check> {
    prop_oneof![
        3 => patterns().prop_map(Check::Allow),
        3 => patterns().prop_map(Check::Deny),
        1 => Just(Check::Condition),
        2 => patterns().prop_map(Check::Immutable),
        2 => patterns().prop_map(Check::Protected),
        2 => subsequence(vec!["{major}", "latest"], 1..=2).prop_map(Check::Derive),
        1 => Just(Check::Companion),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    let actions = |check: Check| {
        let all = check.actions().to_vec();
        let least = usize::from(!all.is_empty());
        let most = all.len().min(3);
        (Just(check), subsequence(all, least..=most))
    };
    (
        check().prop_flat_map(actions),
        proptest::option::weighted(0.2, patterns()),
        proptest::option::weighted(0.15, 0..CONDITIONS.len()),
        proptest::bool::weighted(0.15),
        1..4_i64,
    )
        .prop_map(|((check, actions), only, when, observes, days)| Rule {
            when: match check {
                Check::Condition => Some(when.unwrap_or(0)),
                _ => when,
            },
            check,
            only,
            actions,
            observes,
            days,
        })
}

/// One to four rules.
pub(super) fn policy() -> impl Strategy<Value = Drawn> {
    proptest::collection::vec(rule(), 1..=4).prop_map(Drawn::new)
}
