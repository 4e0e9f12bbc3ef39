//! What functions do.

use std::borrow::Cow;

use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use crate::policy::condition::Condition;
use crate::policy::condition::function::{Function, TimePart};
use crate::policy::condition::value::Value;
use crate::policy::condition::variable::Missing;

use super::{Answer, fail, overflow};

/// The result of a function.
pub(super) fn call<'a>(function: Function, arguments: Vec<Value<'a>>) -> Answer<'a> {
    let mut arguments = arguments.into_iter();
    let first = arguments
        .next()
        .ok_or_else(|| fail("an argument is missing"))?;
    let second = arguments.next();
    Ok(match (function, first, second) {
        (Function::Size, Value::Text(text), _) => Value::count(text.chars().count()),
        (Function::Size, Value::List(entries), _) => Value::count(entries.len()),
        (Function::Size, Value::Map(map), _) => Value::count(map.len()),
        (Function::Contains, Value::Text(text), Some(Value::Text(part))) => {
            Value::Bool(text.contains(&*part))
        }
        (Function::StartsWith, Value::Text(text), Some(Value::Text(part))) => {
            Value::Bool(text.starts_with(&*part))
        }
        (Function::EndsWith, Value::Text(text), Some(Value::Text(part))) => {
            Value::Bool(text.ends_with(&*part))
        }
        (Function::LowerAscii, Value::Text(text), _) => {
            Value::Text(text.to_ascii_lowercase().into())
        }
        (Function::UpperAscii, Value::Text(text), _) => {
            Value::Text(text.to_ascii_uppercase().into())
        }
        (Function::Trim, Value::Text(text), _) => Value::Text(text.trim().to_owned().into()),
        (Function::Split, Value::Text(text), Some(Value::Text(between))) => split(text, &between)?,
        (Function::Join, Value::List(texts), Some(Value::Text(between))) => {
            let texts: Vec<_> = texts
                .iter()
                .filter_map(|text| match text {
                    Value::Text(text) => Some(&**text),
                    _ => None,
                })
                .collect();
            let length: usize = texts.iter().map(|text| text.len() + between.len()).sum();
            if length > MAX_JOINED {
                return Err(fail("a text becomes too long"));
            }
            Value::Text(texts.join(&between).into())
        }
        (function, first, _) => convert(function, first)?,
    })
}

/// The longest text that `join` makes, in bytes.
const MAX_JOINED: usize = 1 << 20;

fn split<'a>(text: Cow<'a, str>, between: &str) -> Answer<'a> {
    // One more than is allowed tells that there are too many.
    let most = Condition::MAX_ENTRIES + 1;
    let texts: Vec<Value<'a>> = match text {
        Cow::Borrowed(text) if between.is_empty() => {
            let ends = text
                .char_indices()
                .map(|(start, c)| (start, start + c.len_utf8()));
            ends.take(most)
                .filter_map(|(start, end)| text.get(start..end))
                .map(Value::text)
                .collect()
        }
        Cow::Borrowed(text) => text.split(between).take(most).map(Value::text).collect(),
        Cow::Owned(text) if between.is_empty() => {
            let texts = text.chars().take(most);
            texts.map(|c| Value::Text(c.to_string().into())).collect()
        }
        Cow::Owned(text) => {
            let texts = text.split(between).take(most);
            texts
                .map(|part| Value::Text(part.to_owned().into()))
                .collect()
        }
    };
    if texts.len() >= most {
        return Err(fail("a text splits into too many"));
    }
    Ok(Value::List(texts))
}

fn convert<'a>(function: Function, value: Value<'a>) -> Answer<'a> {
    let unreadable = |text: &str, what: &str| {
        let text: String = text.chars().take(64).collect();
        fail(&format!("`{text}` is not {what}"))
    };
    Ok(match (function, value) {
        (Function::ToInt, Value::Int(value)) => Value::Int(value),
        (Function::ToInt, Value::Double(value)) => Value::Int(truncate(value)?),
        (Function::ToInt, Value::Text(text)) => {
            Value::Int(text.parse().map_err(|_| unreadable(&text, "a number"))?)
        }
        (Function::ToInt, Value::Time(time)) => Value::Int(time.as_second()),
        (Function::ToDouble, Value::Double(value)) => Value::Double(value),
        (Function::ToDouble, Value::Int(value)) => Value::Double(float(value)),
        (Function::ToDouble, Value::Text(text)) => {
            Value::Double(text.parse().map_err(|_| unreadable(&text, "a number"))?)
        }
        (Function::ToText, value @ Value::Text(_)) => value,
        (Function::ToText, Value::Bool(value)) => Value::Text(value.to_string().into()),
        (Function::ToText, Value::Int(value)) => Value::Text(value.to_string().into()),
        (Function::ToText, Value::Double(value)) => Value::Text(value.to_string().into()),
        (Function::ToText, Value::Time(time)) => Value::Text(time.to_string().into()),
        (Function::ToText, Value::Span(span)) => Value::Text(seconds(span).into()),
        (Function::ToTime, Value::Time(time)) => Value::Time(time),
        (Function::ToTime, Value::Int(at)) => {
            Value::Time(Timestamp::from_second(at).map_err(|_| overflow())?)
        }
        (Function::ToTime, Value::Text(text)) => {
            Value::Time(time(&text).ok_or_else(|| unreadable(&text, TIME))?)
        }
        (Function::ToSpan, Value::Span(span)) => Value::Span(span),
        (Function::ToSpan, Value::Text(text)) => {
            Value::Span(span(&text).ok_or_else(|| unreadable(&text, SPAN))?)
        }
        (Function::SpanPart(part), Value::Span(span)) => Value::Int(span_part(part, span)),
        _ => return Err(fail("a function cannot take this")),
    })
}

pub(in crate::policy::condition) const TIME: &str = "a time such as `2026-11-23T12:00:00Z`";
pub(in crate::policy::condition) const SPAN: &str = "a duration such as `1h30m`";

/// A time as it is written in conditions.
pub(in crate::policy::condition) fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// A duration as it is written in conditions.
pub(in crate::policy::condition) fn span(text: &str) -> Option<SignedDuration> {
    text.parse().ok()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the bounds are those of the type"
)]
fn truncate(value: f64) -> Result<i64, Missing> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if value > -LIMIT && value < LIMIT {
        Ok(value as i64)
    } else {
        Err(overflow())
    }
}

#[expect(clippy::cast_precision_loss, reason = "CEL defines it so")]
fn float(value: i64) -> f64 {
    value as f64
}

/// As CEL writes durations: seconds, with a fraction where there is one.
fn seconds(span: SignedDuration) -> String {
    let sign = if span.is_negative() { "-" } else { "" };
    let fraction = format!("{:09}", span.subsec_nanos().unsigned_abs());
    let fraction = fraction.trim_end_matches('0');
    let dot = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{}{dot}{fraction}s", span.as_secs().unsigned_abs())
}

fn span_part(part: TimePart, span: SignedDuration) -> i64 {
    match part {
        TimePart::Hours => span.as_secs() / 3600,
        TimePart::Minutes => span.as_secs() / 60,
        TimePart::Milliseconds => i64::try_from(span.as_millis()).unwrap_or(i64::MAX),
        _ => span.as_secs(),
    }
}

/// A part of a time, in a time zone.
pub(super) fn time_part(part: TimePart, time: Timestamp, offset: Offset) -> i64 {
    let time = offset.to_datetime(time);
    // As in CEL: months and days of a month, of a week (from Sunday), of a year count from 0.
    match part {
        TimePart::FullYear => i64::from(time.year()),
        TimePart::Month => i64::from(time.month()) - 1,
        TimePart::Date => i64::from(time.day()),
        TimePart::DayOfMonth => i64::from(time.day()) - 1,
        TimePart::DayOfWeek => i64::from(time.weekday().to_sunday_zero_offset()),
        TimePart::DayOfYear => i64::from(time.day_of_year()) - 1,
        TimePart::Hours => i64::from(time.hour()),
        TimePart::Minutes => i64::from(time.minute()),
        TimePart::Seconds => i64::from(time.second()),
        TimePart::Milliseconds => i64::from(time.millisecond()),
    }
}
