//! The evaluation of a checked condition. It ends after a bounded number of steps, and never panics:
//! what has no value is [`Missing`].

mod call;
mod operator;

use std::cell::Cell;

use crate::facts::Facts;

use super::Condition;
use super::node::{Body, Loop, Node};
use super::value::Value;
use super::variable::Missing;

pub(super) use call::{SPAN, TIME, span, time};
use call::{call, time_part};
use operator::{compare, compute, index};

/// How many steps an evaluation may take: one for each part, and one for each 16 bytes looked at.
/// That is some 20 ms at most; real conditions take a hundred.
const STEPS: usize = 1_000_000;

/// One evaluation.
pub(super) struct Evaluation<'a> {
    facts: &'a Facts,
    steps: Cell<usize>,
}

type Answer<'a> = Result<Value<'a>, Missing>;
/// The entry that the loop around a part is at.
type Entry<'e, 'a> = Option<&'e Value<'a>>;

impl<'a> Evaluation<'a> {
    pub(super) fn new(facts: &'a Facts) -> Self {
        Self {
            facts,
            steps: Cell::new(STEPS),
        }
    }

    /// The truth of a whole condition.
    pub(super) fn truth(&self, node: &'a Node) -> Result<bool, Missing> {
        self.holds(node, None)
    }

    fn spend(&self, steps: usize) -> Result<(), Missing> {
        let left = self.steps.get().checked_sub(steps);
        self.steps.set(left.unwrap_or(0));
        left.map(|_| ())
            .ok_or_else(|| fail("the facts are so large that it would cost too much"))
    }

    fn holds(&self, node: &'a Node, entry: Entry<'_, 'a>) -> Result<bool, Missing> {
        match self.eval(node, entry)? {
            Value::Bool(truth) => Ok(truth),
            _ => Err(fail("it is not a truth value")),
        }
    }

    fn eval(&self, node: &'a Node, entry: Entry<'_, 'a>) -> Answer<'a> {
        self.spend(1)?;
        Ok(match node {
            Node::Bool(value) => Value::Bool(*value),
            Node::Int(value) => Value::Int(*value),
            Node::Double(value) => Value::Double(*value),
            Node::Text(text) => Value::text(text),
            Node::Time(time) => Value::Time(*time),
            Node::Span(span) => Value::Span(*span),
            Node::List(nodes) => Value::List(self.all(nodes, entry)?),
            Node::Variable(variable) => {
                let value = variable.read(self.facts)?;
                if matches!(value, Value::List(_)) {
                    self.weigh(&value)?;
                }
                value
            }
            Node::Entry => {
                let value = entry.ok_or_else(|| fail("there is no entry"))?;
                self.weigh(value)?;
                value.clone()
            }
            Node::Has(variable) => match variable.read(self.facts) {
                Ok(_) => Value::Bool(true),
                Err(Missing::Absent(_)) => Value::Bool(false),
                Err(unknown) => return Err(unknown),
            },
            Node::Not(node) => Value::Bool(!self.holds(node, entry)?),
            Node::And(a, b) => Value::Bool(self.both(a, b, false, entry)?),
            Node::Or(a, b) => Value::Bool(self.both(a, b, true, entry)?),
            Node::If(parts) => {
                let (condition, yes, no) = &**parts;
                let chosen = if self.holds(condition, entry)? {
                    yes
                } else {
                    no
                };
                self.eval(chosen, entry)?
            }
            Node::Compare(comparison, sides) => {
                let (a, b) = (self.eval(&sides.0, entry)?, self.eval(&sides.1, entry)?);
                self.weigh(&a)?;
                self.weigh(&b)?;
                Value::Bool(compare(*comparison, &a, &b))
            }
            Node::Compute(operator, sides) => {
                let (a, b) = (self.eval(&sides.0, entry)?, self.eval(&sides.1, entry)?);
                self.weigh(&a)?;
                self.weigh(&b)?;
                compute(*operator, a, b)?
            }
            Node::Negate(node) => match self.eval(node, entry)? {
                Value::Int(value) => Value::Int(value.checked_neg().ok_or_else(overflow)?),
                Value::Double(value) => Value::Double(-value),
                Value::Span(span) => Value::Span(span.checked_neg().ok_or_else(overflow)?),
                _ => return Err(fail("it is no number")),
            },
            Node::In(sides) => {
                let (wanted, within) = (self.eval(&sides.0, entry)?, self.eval(&sides.1, entry)?);
                self.weigh(&within)?;
                Value::Bool(match (&wanted, &within) {
                    (Value::Text(name), Value::Map(map)) => map.get(name).is_some(),
                    (_, Value::List(entries)) => entries.iter().any(|e| e.equals(&wanted)),
                    _ => false,
                })
            }
            Node::Index(sides) => {
                let (of, at) = (self.eval(&sides.0, entry)?, self.eval(&sides.1, entry)?);
                index(of, &at)?
            }
            Node::Call(function, arguments) => {
                let arguments = self.all(arguments, entry)?;
                for argument in &arguments {
                    self.weigh(argument)?;
                }
                call(*function, arguments)?
            }
            Node::Matches(node, regex) => {
                let value = self.eval(node, entry)?;
                let Value::Text(text) = value else {
                    return Err(fail("it is no text"));
                };
                // A regular expression costs more for each byte than anything else.
                self.spend(text.len() / 2)?;
                Value::Bool(regex.is_match(&text))
            }
            Node::Part(part, node, offset) => match self.eval(node, entry)? {
                Value::Time(time) => Value::Int(time_part(*part, time, *offset)),
                _ => return Err(fail("it is no time")),
            },
            Node::Loop(parts) => self.iterate(parts)?,
        })
    }

    fn all(&self, nodes: &'a [Node], entry: Entry<'_, 'a>) -> Result<Vec<Value<'a>>, Missing> {
        nodes.iter().map(|node| self.eval(node, entry)).collect()
    }

    fn weigh(&self, value: &Value<'_>) -> Result<(), Missing> {
        self.spend(value.weight() / 16)
    }

    /// `&&` and `||`: where one side alone decides, it does not matter that the other has no value.
    fn both(
        &self,
        a: &'a Node,
        b: &'a Node,
        decisive: bool,
        entry: Entry<'_, 'a>,
    ) -> Result<bool, Missing> {
        let a = self.holds(a, entry);
        if a == Ok(decisive) {
            return a;
        }
        let b = self.holds(b, entry);
        if b == Ok(decisive) {
            return b;
        }
        a.and(b)
    }

    fn iterate(&self, parts: &'a Loop) -> Answer<'a> {
        let entries = match self.eval(&parts.over, None)? {
            Value::List(entries) => entries,
            Value::Map(map) => map.names(),
            _ => return Err(fail("it is no list")),
        };
        if entries.len() > Condition::MAX_ENTRIES {
            return Err(fail("the list is too long"));
        }
        Ok(match &parts.body {
            Body::All(test) => Value::Bool(self.quantify(&entries, test, false)?),
            Body::Exists(test) => Value::Bool(self.quantify(&entries, test, true)?),
            Body::ExistsOne(test) => {
                let mut count = 0;
                for entry in &entries {
                    count += usize::from(self.holds(test, Some(entry))?);
                }
                Value::Bool(count == 1)
            }
            Body::Collect { when, result } => {
                let mut results = Vec::new();
                for entry in &entries {
                    let wanted = when.as_ref().map(|test| self.holds(test, Some(entry)));
                    if wanted.unwrap_or(Ok(true))? {
                        results.push(self.eval(result, Some(entry))?);
                    }
                }
                Value::List(results)
            }
        })
    }

    /// As `&&` or `||` between the results for all entries.
    fn quantify(
        &self,
        entries: &[Value<'a>],
        test: &'a Node,
        decisive: bool,
    ) -> Result<bool, Missing> {
        let mut so_far = Ok(!decisive);
        for entry in entries {
            let result = self.holds(test, Some(entry));
            if result == Ok(decisive) {
                return result;
            }
            so_far = so_far.and(result);
        }
        so_far
    }
}

fn fail(reason: &str) -> Missing {
    Missing::Unknown(reason.to_owned())
}

fn overflow() -> Missing {
    fail("a number is out of range")
}
