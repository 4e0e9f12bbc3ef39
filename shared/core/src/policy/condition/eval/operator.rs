//! What operators do.

use std::cmp::Ordering;

use crate::policy::condition::node::{Comparison, Operator};
use crate::policy::condition::value::Value;
use crate::policy::condition::variable::Missing;

use super::{Answer, fail, overflow};

/// The answer of a comparison.
pub(super) fn compare(comparison: Comparison, a: &Value<'_>, b: &Value<'_>) -> bool {
    let order = || a.order(b);
    match comparison {
        Comparison::Equal => a.equals(b),
        Comparison::NotEqual => !a.equals(b),
        Comparison::Less => order() == Some(Ordering::Less),
        Comparison::LessOrEqual => matches!(order(), Some(Ordering::Less | Ordering::Equal)),
        Comparison::Greater => order() == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => matches!(order(), Some(Ordering::Greater | Ordering::Equal)),
    }
}

/// The result of an operator.
pub(super) fn compute<'a>(operator: Operator, a: Value<'a>, b: Value<'a>) -> Answer<'a> {
    use Operator::{Add, Divide, Multiply, Remainder, Subtract};
    Ok(match (operator, a, b) {
        (_, Value::Int(a), Value::Int(b)) => Value::Int(integer(operator, a, b)?),
        (Add, Value::Double(a), Value::Double(b)) => Value::Double(a + b),
        (Subtract, Value::Double(a), Value::Double(b)) => Value::Double(a - b),
        (Multiply, Value::Double(a), Value::Double(b)) => Value::Double(a * b),
        (Divide, Value::Double(a), Value::Double(b)) => Value::Double(a / b),
        (Remainder, Value::Double(a), Value::Double(b)) => Value::Double(a % b),
        (Add, Value::Text(a), Value::Text(b)) => Value::Text(a + b),
        (Add, Value::List(mut a), Value::List(b)) => {
            a.extend(b);
            Value::List(a)
        }
        (Add, Value::Time(time), Value::Span(span))
        | (Add, Value::Span(span), Value::Time(time)) => {
            Value::Time(time.checked_add(span).map_err(|_| overflow())?)
        }
        (Subtract, Value::Time(time), Value::Span(span)) => {
            Value::Time(time.checked_sub(span).map_err(|_| overflow())?)
        }
        (Subtract, Value::Time(a), Value::Time(b)) => Value::Span(a.duration_since(b)),
        (Add, Value::Span(a), Value::Span(b)) => {
            Value::Span(a.checked_add(b).ok_or_else(overflow)?)
        }
        (Subtract, Value::Span(a), Value::Span(b)) => {
            Value::Span(a.checked_sub(b).ok_or_else(overflow)?)
        }
        _ => return Err(fail("the sides do not go together")),
    })
}

fn integer(operator: Operator, a: i64, b: i64) -> Result<i64, Missing> {
    let divides = matches!(operator, Operator::Divide | Operator::Remainder);
    if divides && b == 0 {
        return Err(fail("it divides by zero"));
    }
    match operator {
        Operator::Add => a.checked_add(b),
        Operator::Subtract => a.checked_sub(b),
        Operator::Multiply => a.checked_mul(b),
        Operator::Divide => a.checked_div(b),
        Operator::Remainder => a.checked_rem(b),
    }
    .ok_or_else(overflow)
}

/// The entry of a list or mapping.
pub(super) fn index<'a>(of: Value<'a>, at: &Value<'a>) -> Answer<'a> {
    match (of, at) {
        (Value::Map(map), Value::Text(name)) => map.get(name).map(Value::text).ok_or_else(|| {
            let name: String = name.chars().take(128).collect();
            Missing::Absent(format!("there is no `{name}`"))
        }),
        (Value::List(mut entries), Value::Int(at)) => {
            let position = usize::try_from(*at).ok().filter(|at| *at < entries.len());
            match position {
                Some(position) => Ok(entries.swap_remove(position)),
                None => {
                    let length = entries.len();
                    Err(fail(&format!(
                        "there is no entry {at} in a list of {length}"
                    )))
                }
            }
        }
        _ => Err(fail("it has no entries")),
    }
}
