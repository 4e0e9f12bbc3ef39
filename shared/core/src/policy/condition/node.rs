use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use regex::Regex;

use super::function::{Function, TimePart};
use super::variable::Variable;

/// A part of a checked condition. What could be computed while checking, has been.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(String),
    Time(Timestamp),
    Span(SignedDuration),
    List(Vec<Node>),
    Variable(&'static Variable),
    /// The entry that a loop is at; loops do not stand in one another, so there is but one.
    Entry,
    Has(&'static Variable),
    Not(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    If(Box<(Node, Node, Node)>),
    Compare(Comparison, Box<(Node, Node)>),
    Compute(Operator, Box<(Node, Node)>),
    Negate(Box<Node>),
    In(Box<(Node, Node)>),
    Index(Box<(Node, Node)>),
    Call(Function, Vec<Node>),
    Matches(Box<Node>, Box<Regex>),
    Part(TimePart, Box<Node>, Offset),
    Loop(Box<Loop>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// Something done with each entry of a list, or each name of a mapping.
#[derive(Clone, Debug)]
pub(super) struct Loop {
    pub(super) over: Node,
    pub(super) body: Body,
}

#[derive(Clone, Debug)]
pub(super) enum Body {
    All(Node),
    Exists(Node),
    ExistsOne(Node),
    /// The results for those entries for which the condition holds; without one, for all.
    Collect {
        when: Option<Node>,
        result: Node,
    },
}
