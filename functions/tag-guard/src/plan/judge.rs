//! What one rule says to one tag and its image.

mod checks;

use jiff::Timestamp;
use steward_core::decision::RuleOutcome;
use steward_core::event::outgoing::Violation;
use steward_core::facts::{EventKind, Facts};
use steward_core::policy::{ActionKind, Exemption, ExemptionState, TagRule};
use steward_core::{Mode, Severity, Tag};

use super::Why;
use checks::Found;

/// What one rule says.
pub(super) struct Judged<'p> {
    pub(super) rule: &'p TagRule,
    pub(super) outcome: RuleOutcome<Why>,
    pub(super) violation: Option<Box<Violation>>,
    /// What would be a violation but for an exemption that ends soon.
    pub(super) notice: Option<Box<Violation>>,
    pub(super) recheck_at: Option<Timestamp>,
    /// Whether the rule looks at this tag: its `tags` and its condition let it.
    pub(super) speaks: bool,
    /// Whether what is wrong is that the tag moved or went.
    pub(super) lost: bool,
    /// Whether an exemption lets pass that it did.
    pub(super) pardoned: bool,
    /// Whether the tag may not move.
    pub(super) fixes: bool,
    /// Whether the tag may not go.
    pub(super) protects: bool,
}

impl Judged<'_> {
    pub(super) fn mode(&self) -> Mode {
        self.outcome.mode
    }

    /// Whether the rule is violated and asks for an action.
    pub(super) fn wants(&self, kind: ActionKind) -> bool {
        self.violation.is_some() && self.rule.on_violation.contains(&kind)
    }
}

/// Looks at one rule.
pub(super) fn judge<'p>(rule: &'p TagRule, mode: Mode, facts: &Facts) -> Judged<'p> {
    let tag = &facts.tag;
    let mut judged = Judged {
        rule,
        outcome: RuleOutcome {
            rule: rule.name.clone(),
            matched: false,
            why: Why::default(),
            mode,
            undecided: false,
        },
        violation: None,
        notice: None,
        recheck_at: None,
        speaks: false,
        lost: false,
        pardoned: false,
        fixes: false,
        protects: false,
    };
    if !rule.speaks_of(tag) {
        judged.outcome.why = Why::OfTag("the rule does not speak about ", tag.clone(), "");
        return judged;
    }
    let mut found = Found::default();
    match condition(rule, facts) {
        Condition::Holds => {}
        Condition::Violated(why) => found.wrong.push(why),
        Condition::Passes(why) => {
            judged.outcome.why = why;
            return judged;
        }
        Condition::Undecided(why) => {
            judged.outcome.undecided = true;
            judged.outcome.why = why;
            return judged;
        }
    }
    judged.speaks = true;
    judged.fixes = rule.immutable.contains(tag);
    judged.protects = rule.protected.contains(tag);
    checks::look(rule, facts, &mut found);
    judged.recheck_at = found.recheck_at;
    judged.lost = found.lost;
    if found.wrong.is_empty() {
        judged.outcome.undecided = !found.unknown.is_empty();
        judged.outcome.why = found.why_not();
        return judged;
    }
    let mut why = found.wrong.join("; ");
    let mut message = match &rule.message {
        // Added to what is wrong, never in its place.
        Some(own) => format!("{why}. {own}"),
        None => why.clone(),
    };
    let exemption = rule.exemption(&facts.repository, tag, facts.event.now);
    if let Some((exemption, state)) = exemption {
        let text = exempt(exemption, state);
        if state.holds() {
            let why = format!("{why}, but {text}");
            if state.ends_soon() {
                let notice = Violation::new(rule.name.clone(), why.as_str());
                judged.notice = Some(Box::new(notice.weighed(Severity::Low, Mode::Observe)));
            }
            judged.outcome.why = why.into();
            judged.pardoned = judged.lost;
            judged.lost = false;
            return judged;
        }
        why = format!("{why}; {text}");
        message = format!("{}; {text}", message.trim_end_matches('.'));
    }
    judged.outcome.matched = true;
    judged.outcome.why = why.into();
    judged.violation = Some(Box::new(Violation {
        accepted: found.accepted,
        ..Violation::new(rule.name.clone(), message).weighed(rule.severity, mode)
    }));
    judged
}

fn exempt(exemption: &Exemption, state: ExemptionState) -> String {
    let Exemption { until, reason, .. } = exemption;
    let left = match state {
        ExemptionState::Ended { .. } => {
            return format!("the exemption ended on {until} ({reason})");
        }
        ExemptionState::Holds { days_left: 0 } => ", today is its last day".to_owned(),
        ExemptionState::Holds { days_left: 1 } => ", 1 day left".to_owned(),
        ExemptionState::Holds { days_left } if state.ends_soon() => {
            format!(", {days_left} days left")
        }
        ExemptionState::Holds { .. } => String::new(),
    };
    format!("it is exempt until {until}{left} ({reason})")
}

/// Whether the checks are to be made, by the rule's condition.
enum Condition {
    Holds,
    /// The condition is all there is, and it holds.
    Violated(String),
    Passes(Why),
    Undecided(Why),
}

fn condition(rule: &TagRule, facts: &Facts) -> Condition {
    let Some(condition) = &rule.when else {
        return Condition::Holds;
    };
    let alone = !checks::has_any(rule);
    if alone && facts.image.is_none() {
        return Condition::Passes("the tag is gone".into());
    }
    match condition.holds(facts) {
        Err(undecided) => {
            tracing::warn!(rule = %rule.name, %undecided, "a rule is not decided");
            Condition::Undecided(undecided.to_string().into())
        }
        Ok(false) => {
            let why = format!("its condition does not hold: {}", condition.as_str());
            Condition::Passes(why.into())
        }
        Ok(true) if alone => {
            Condition::Violated(format!("its condition holds: {}", condition.as_str()))
        }
        Ok(true) => Condition::Holds,
    }
}

/// Whether an image with another tag instead would violate the rule as well: an action that takes the
/// whole image must not take a tag away that is in order.
pub(super) fn violates_as(rule: &TagRule, mode: Mode, facts: &Facts, other: &Tag) -> bool {
    let facts = Facts {
        tag: other.clone(),
        previous: None,
        event: steward_core::facts::EventFacts {
            kind: EventKind::Review,
            ..facts.event.clone()
        },
        ..facts.clone()
    };
    judge(rule, mode, &facts).violation.is_some()
}
