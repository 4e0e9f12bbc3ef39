//! The types of operators and functions.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, operators};
use jiff::tz::Offset;
use regex::RegexBuilder;

use crate::policy::condition::eval::{SPAN, TIME, span, time};
use crate::policy::condition::function::{Function, Overload, TimePart, names};
use crate::policy::condition::kind::Kind;
use crate::policy::condition::nearest;
use crate::policy::condition::node::{Comparison, Node, Operator};
use crate::policy::condition::syntax::{Fault, Place};

use super::{Checked, Checker, fault};

impl Checker {
    /// Checks an operator or a function.
    pub(super) fn call(&mut self, part: &IdedExpr, call: &CallExpr, depth: usize) -> Checked {
        let name = call.func_name.as_str();
        if call.target.is_some() {
            return self.function(part, call, depth);
        }
        match (name, call.args.as_slice()) {
            (operators::LOGICAL_AND, [a, b]) => {
                let (a, b) = (self.test(a, depth)?, self.test(b, depth)?);
                Ok((Node::And(Box::new(a), Box::new(b)), Kind::Bool))
            }
            (operators::LOGICAL_OR, [a, b]) => {
                let (a, b) = (self.test(a, depth)?, self.test(b, depth)?);
                Ok((Node::Or(Box::new(a), Box::new(b)), Kind::Bool))
            }
            (operators::LOGICAL_NOT, [a]) => {
                Ok((Node::Not(Box::new(self.test(a, depth)?)), Kind::Bool))
            }
            (operators::CONDITIONAL, [test, yes, no]) => self.choice(part, [test, yes, no], depth),
            (operators::NEGATE, [a]) => match self.check(a, depth)? {
                (node, kind @ (Kind::Int | Kind::Double | Kind::Span)) => {
                    Ok((Node::Negate(Box::new(node)), kind))
                }
                (_, kind) => {
                    let message = format!("`-` cannot be put before {}", kind.article());
                    Err(fault(part, message))
                }
            },
            (operators::IN, [a, b]) => self.membership(part, a, b, depth),
            (operators::INDEX, [a, b]) => self.entry_of(part, a, b, depth),
            (_, [a, b]) if comparison(name).is_some() || operator(name).is_some() => {
                self.binary(part, name, [a, b], depth)
            }
            _ => self.function(part, call, depth),
        }
    }

    fn choice(&mut self, part: &IdedExpr, parts: [&IdedExpr; 3], depth: usize) -> Checked {
        let [test, yes, no] = parts;
        let test = self.test(test, depth)?;
        let ((yes, a), (no, b)) = (self.check(yes, depth)?, self.check(no, depth)?);
        let kind = a.join(&b).ok_or_else(|| {
            let message = format!("chooses between {} and {}", a.article(), b.article());
            fault(part, message)
        })?;
        Ok((Node::If(Box::new((test, yes, no))), kind))
    }

    fn membership(&mut self, part: &IdedExpr, a: &IdedExpr, b: &IdedExpr, depth: usize) -> Checked {
        let ((wanted, kind), (within, of)) = (self.check(a, depth)?, self.check(b, depth)?);
        let fits = match &of {
            Kind::List(entry) => kind.is(entry),
            Kind::Map => kind.is(&Kind::Text),
            _ => false,
        };
        if !fits {
            let message = format!("{} cannot be in {}", kind.article(), of.article());
            return Err(fault(part, message));
        }
        Ok((Node::In(Box::new((wanted, within))), Kind::Bool))
    }

    fn entry_of(&mut self, part: &IdedExpr, a: &IdedExpr, b: &IdedExpr, depth: usize) -> Checked {
        let ((of, kind), (at, by)) = (self.check(a, depth)?, self.check(b, depth)?);
        let entry = match (kind, by) {
            (Kind::List(entry), Kind::Int) => *entry,
            (Kind::Map, Kind::Text) => Kind::Text,
            (Kind::List(_), by) => {
                let message = format!("entries of a list have an int, not {}", by.article());
                return Err(fault(b, message));
            }
            (Kind::Map, by) => {
                let message = format!("entries of a map have a string, not {}", by.article());
                return Err(fault(b, message));
            }
            (kind, _) => {
                return Err(fault(part, format!("{} has no entries", kind.article())));
            }
        };
        Ok((Node::Index(Box::new((of, at))), entry))
    }

    fn binary(
        &mut self,
        part: &IdedExpr,
        name: &str,
        sides: [&IdedExpr; 2],
        depth: usize,
    ) -> Checked {
        let [(a, left), (b, right)] = [self.check(sides[0], depth)?, self.check(sides[1], depth)?];
        let sides = Box::new((a, b));
        let sign = name.trim_matches('_');
        let joined = left.join(&right);
        if let Some(comparison) = comparison(name) {
            let Some(kind) = joined else {
                let message = format!(
                    "`{sign}` compares {} with {}; both sides must be of one type",
                    left.article(),
                    right.article()
                );
                return Err(fault(part, message));
            };
            let is_equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
            if !is_equality && !kind.is_ordered() {
                let message = format!("`{sign}` cannot compare {kind}s; they have no order");
                return Err(fault(part, message));
            }
            return Ok((Node::Compare(comparison, sides), Kind::Bool));
        }
        let computed = operator(name).zip(result(name, &left, &right));
        let Some((operator, kind)) = computed else {
            let message = format!(
                "`{sign}` cannot take {} and {}",
                left.article(),
                right.article()
            );
            return Err(fault(part, message));
        };
        Ok((Node::Compute(operator, sides), kind))
    }

    fn function(&mut self, part: &IdedExpr, call: &CallExpr, depth: usize) -> Checked {
        let name = call.func_name.as_str();
        let is_method = call.target.is_some();
        let mut nodes = Vec::new();
        let mut kinds = Vec::new();
        for argument in call.target.as_deref().into_iter().chain(&call.args) {
            let (node, kind) = self.check(argument, depth)?;
            nodes.push(node);
            kinds.push(kind);
        }
        let here = |message: String| Fault {
            part: part.id,
            place: if is_method {
                Place::Method(name.to_owned())
            } else {
                Place::Part
            },
            message,
        };
        if name == "matches" && kinds.len() == 2 && kinds.iter().all(|kind| kind.is(&Kind::Text)) {
            return matches(nodes).map_err(here);
        }
        if let Some(part) = TimePart::named(name).filter(|_| is_method) {
            return time_part(part, name, nodes, &kinds).map_err(here);
        }
        let fits = |overload: &&Overload| {
            overload.takes.len() == kinds.len()
                && overload
                    .takes
                    .iter()
                    .zip(&kinds)
                    .all(|(want, kind)| kind.is(&want.kind()))
        };
        if let Some(overload) = Overload::named(name, is_method).find(fits) {
            let node = fold(overload.function, nodes).map_err(here)?;
            return Ok((node, overload.gives.kind()));
        }
        Err(here(no_overload(name, is_method, &kinds)))
    }
}

/// Why there is no function of that name for those arguments.
fn no_overload(name: &str, is_method: bool, kinds: &[Kind]) -> String {
    let known: Vec<String> = Overload::named(name, is_method)
        .map(|overload| format!("`{}`", overload.signature(is_method)))
        .collect();
    if !known.is_empty() {
        let given = kinds.iter().map(Kind::to_string).collect::<Vec<_>>();
        return format!(
            "`{name}` cannot take ({}); there is {}",
            given.join(", "),
            known.join(", ")
        );
    }
    if name == "matches" {
        return "`matches` is used as in `text.matches(\"regular expression\")`".to_owned();
    }
    if names(!is_method).any(|other| other == name) {
        return if is_method {
            format!("`{name}` is called as `{name}(…)`, and not behind a dot")
        } else {
            format!("`{name}` is called as `value.{name}(…)`")
        };
    }
    match nearest(name, names(is_method)) {
        Some(near) => format!("there is no function `{name}`; did you mean `{near}`?"),
        None => {
            let mut all: Vec<&str> = names(is_method).collect();
            all.dedup();
            format!(
                "there is no function `{name}`; there are `{}`",
                all.join("`, `")
            )
        }
    }
}

fn comparison(name: &str) -> Option<Comparison> {
    Some(match name {
        operators::EQUALS => Comparison::Equal,
        operators::NOT_EQUALS => Comparison::NotEqual,
        operators::LESS => Comparison::Less,
        operators::LESS_EQUALS => Comparison::LessOrEqual,
        operators::GREATER => Comparison::Greater,
        operators::GREATER_EQUALS => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

fn operator(name: &str) -> Option<Operator> {
    Some(match name {
        operators::ADD => Operator::Add,
        operators::SUBSTRACT => Operator::Subtract,
        operators::MULTIPLY => Operator::Multiply,
        operators::DIVIDE => Operator::Divide,
        operators::MODULO => Operator::Remainder,
        _ => return None,
    })
}

/// The type that an operator computes from two.
fn result(name: &str, a: &Kind, b: &Kind) -> Option<Kind> {
    let is_sum = matches!(name, operators::ADD | operators::SUBSTRACT);
    match (a, b) {
        (Kind::Int, Kind::Int) => Some(Kind::Int),
        (Kind::Double, Kind::Double) => (name != operators::MODULO).then_some(Kind::Double),
        (Kind::Text, Kind::Text) => (name == operators::ADD).then_some(Kind::Text),
        (Kind::List(_), Kind::List(_)) if name == operators::ADD => a.join(b),
        (Kind::Time, Kind::Time) => (name == operators::SUBSTRACT).then_some(Kind::Span),
        (Kind::Time, Kind::Span) => is_sum.then_some(Kind::Time),
        (Kind::Span, Kind::Time) => (name == operators::ADD).then_some(Kind::Time),
        (Kind::Span, Kind::Span) => is_sum.then_some(Kind::Span),
        _ => None,
    }
}

/// `text.matches(regex)`: the regular expression is compiled here, once, within limits.
fn matches(nodes: Vec<Node>) -> Result<(Node, Kind), String> {
    let mut nodes = nodes.into_iter();
    let (Some(text), Some(Node::Text(pattern))) = (nodes.next(), nodes.next()) else {
        return Err("the regular expression of `matches` must be written out".to_owned());
    };
    let regex = RegexBuilder::new(&pattern)
        .size_limit(128 << 10)
        .dfa_size_limit(256 << 10)
        .nest_limit(64)
        .build()
        .map_err(|error| {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default();
            let reason = reason.trim().trim_start_matches("error: ");
            format!("`{pattern}` is not a regular expression: {reason}")
        })?;
    Ok((Node::Matches(Box::new(text), Box::new(regex)), Kind::Bool))
}

/// `time.getHours()`, `time.getHours("+02:00")` and `duration.getHours()`.
fn time_part(
    part: TimePart,
    name: &str,
    nodes: Vec<Node>,
    kinds: &[Kind],
) -> Result<(Node, Kind), String> {
    let mut nodes = nodes.into_iter();
    let first = nodes.next().unwrap_or(Node::Bool(false));
    let offset = match (kinds, nodes.next()) {
        ([Kind::Span], _) if part.is_unit() => {
            let call = Node::Call(Function::SpanPart(part), vec![first]);
            return Ok((call, Kind::Int));
        }
        ([Kind::Time], _) => Offset::UTC,
        ([Kind::Time, Kind::Text], Some(Node::Text(zone))) => offset(&zone).ok_or_else(|| {
            format!("`{zone}` is not a time zone here; write `UTC` or an offset such as `+02:00`")
        })?,
        ([Kind::Time, Kind::Text], _) => {
            return Err("the time zone must be written out".to_owned());
        }
        _ => {
            let of = if part.is_unit() {
                "timestamp or duration"
            } else {
                "timestamp"
            };
            return Err(format!("`{name}` is for a {of}"));
        }
    };
    Ok((Node::Part(part, Box::new(first), offset), Kind::Int))
}

/// `UTC`, or hours and minutes from it. Names of regions need a data base that functions lack.
fn offset(zone: &str) -> Option<Offset> {
    if zone == "UTC" {
        return Some(Offset::UTC);
    }
    let (sign, rest) = match zone.split_at_checked(1)? {
        ("-", rest) => (-1, rest),
        ("+", rest) => (1, rest),
        _ => (1, zone),
    };
    let (hours, minutes) = rest.split_once(':')?;
    let number = |text: &str, most: i32| {
        let is_number = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        let number = is_number.then(|| text.parse::<i32>().ok()).flatten();
        number.filter(|number| *number <= most)
    };
    let seconds = number(hours, 14)? * 3600 + number(minutes, 59)? * 60;
    Offset::from_seconds(sign * seconds).ok()
}

/// Computes what is the same for every image, so that a mistake in it is found now.
fn fold(function: Function, nodes: Vec<Node>) -> Result<Node, String> {
    match (function, nodes.as_slice()) {
        (Function::ToTime, [Node::Text(text)]) => {
            let time = time(text).ok_or_else(|| format!("`{text}` is not {TIME}"))?;
            Ok(Node::Time(time))
        }
        (Function::ToSpan, [Node::Text(text)]) => {
            let span = span(text).ok_or_else(|| format!("`{text}` is not {SPAN}"))?;
            Ok(Node::Span(span))
        }
        _ => Ok(Node::Call(function, nodes)),
    }
}
