//! The types: from the parser's tree to one that can be evaluated without surprises.

mod call;

use std::collections::BTreeSet;

use cel::IdedExpr;
use cel::common::ast::{ComprehensionExpr, Expr, ListExpr, LiteralValue, SelectExpr, operators};

use super::kind::Kind;
use super::node::{Body, Loop, Node};
use super::syntax::{Fault, Place};
use super::variable::Variable;
use super::{Condition, nearest};

type Checked = Result<(Node, Kind), Fault>;

/// Checks one condition.
#[derive(Default)]
pub(super) struct Checker {
    /// The name and type of the entry of the loop around.
    entry: Option<(String, Kind)>,
    loops: usize,
    facts: BTreeSet<String>,
}

impl Checker {
    /// The paths of the facts behind the variables that were used.
    pub(super) fn into_facts(self) -> BTreeSet<String> {
        self.facts
    }

    /// Checks a part.
    pub(super) fn check(&mut self, part: &IdedExpr, depth: usize) -> Checked {
        if depth > Condition::MAX_DEPTH {
            let limit = Condition::MAX_DEPTH;
            return Err(fault(
                part,
                format!("has parts nested more than {limit} deep"),
            ));
        }
        let depth = depth + 1;
        match &part.expr {
            Expr::Literal(literal) => constant(part, literal),
            Expr::Ident(name) => self.name(part, name),
            Expr::Select(select) => self.select(part, select, depth),
            Expr::Call(call) => self.call(part, call, depth),
            Expr::List(list) => self.list(part, list, depth),
            Expr::Comprehension(parts) => self.comprehension(part, parts, depth),
            Expr::Map(_) => Err(fault(
                part,
                "mappings cannot be written here; compare the entries one by one",
            )),
            Expr::Struct(_) => Err(fault(part, "there are no messages to build here")),
            Expr::Unspecified => Err(fault(part, "is not CEL")),
        }
    }

    fn name(&mut self, part: &IdedExpr, name: &str) -> Checked {
        if let Some((entry, kind)) = &self.entry
            && entry == name
        {
            return Ok((Node::Entry, kind.clone()));
        }
        if let Some(variable) = Variable::named(name) {
            return Ok(self.variable(variable));
        }
        let parts: Vec<&str> = Variable::parts(name).collect();
        if !parts.is_empty() {
            let parts = parts.join("`, `");
            let message = format!("`{name}` cannot be used as a whole; it has the parts `{parts}`");
            return Err(fault(part, message));
        }
        let roots = Variable::roots();
        let entry = self.entry.as_ref().map(|(entry, _)| entry.as_str());
        let message = match nearest(name, roots.iter().copied().chain(entry)) {
            Some(near) => format!("`{name}` does not exist; did you mean `{near}`?"),
            None => {
                let known = roots.into_iter().collect::<Vec<_>>().join("`, `");
                format!("`{name}` does not exist; there are `{known}`")
            }
        };
        Err(fault(part, message))
    }

    fn variable(&mut self, variable: &'static Variable) -> (Node, Kind) {
        self.facts.insert(variable.fact.to_owned());
        (Node::Variable(variable), variable.kind.clone())
    }

    /// The variable that `record.field` names, where `record` is something that has parts.
    fn part_of(
        &self,
        part: &IdedExpr,
        select: &SelectExpr,
    ) -> Result<Option<&'static Variable>, Fault> {
        let Expr::Ident(record) = &select.operand.expr else {
            return Ok(None);
        };
        let is_entry = self
            .entry
            .as_ref()
            .is_some_and(|(entry, _)| entry == record);
        let mut parts = Variable::parts(record).peekable();
        if is_entry || parts.peek().is_none() {
            return Ok(None);
        }
        let field = &select.field;
        if let Some(variable) = Variable::named(&format!("{record}.{field}")) {
            return Ok(Some(variable));
        }
        let message = match nearest(field, Variable::parts(record)) {
            Some(near) => format!("`{record}` has no `{field}`; did you mean `{near}`?"),
            None => {
                let parts = parts.collect::<Vec<_>>().join("`, `");
                format!("`{record}` has no `{field}`; it has `{parts}`")
            }
        };
        // `has` wraps the selection, and so begins elsewhere.
        let place = if select.test {
            Place::Part
        } else {
            Place::Field
        };
        Err(Fault {
            part: part.id,
            place,
            message,
        })
    }

    fn select(&mut self, part: &IdedExpr, select: &SelectExpr, depth: usize) -> Checked {
        if let Some(variable) = self.part_of(part, select)? {
            let (node, kind) = self.variable(variable);
            return Ok(if select.test {
                (Node::Has(variable), Kind::Bool)
            } else {
                (node, kind)
            });
        }
        let (of, kind) = self.check(&select.operand, depth)?;
        let field = Node::Text(select.field.clone());
        match kind {
            Kind::Map if select.test => Ok((Node::In(Box::new((field, of))), Kind::Bool)),
            Kind::Map => Ok((Node::Index(Box::new((of, field))), Kind::Text)),
            kind => Err(Fault {
                part: part.id,
                place: if select.test {
                    Place::Part
                } else {
                    Place::Field
                },
                message: format!("{} has no field `{}`", kind.article(), select.field),
            }),
        }
    }

    fn list(&mut self, part: &IdedExpr, list: &ListExpr, depth: usize) -> Checked {
        let mut nodes = Vec::new();
        let mut common = Kind::Any;
        for element in &list.elements {
            let (node, kind) = self.check(element, depth)?;
            common = common.join(&kind).ok_or_else(|| {
                let message = format!(
                    "is {} in a list of {common}s; all entries must be of one type",
                    kind.article()
                );
                fault(element, message)
            })?;
            nodes.push(node);
        }
        if !list.optional_indices.is_empty() {
            return Err(fault(part, "optional entries are not supported"));
        }
        Ok((Node::List(nodes), Kind::list(common)))
    }

    /// A loop. The parser writes each as a fold; these are the shapes of its folds.
    fn comprehension(
        &mut self,
        part: &IdedExpr,
        parts: &ComprehensionExpr,
        depth: usize,
    ) -> Checked {
        let range = &parts.iter_range;
        if self.entry.is_some() {
            return Err(fault(range, "loops cannot stand in one another"));
        }
        self.loops += 1;
        if self.loops > Condition::MAX_LOOPS {
            let message = format!("has more than {} loops", Condition::MAX_LOOPS);
            return Err(fault(range, message));
        }
        let (over, kind) = self.check(range, depth)?;
        let entry = match kind {
            Kind::List(entry) => *entry,
            Kind::Map => Kind::Text,
            kind => {
                let message = format!("is {}; loops go over lists and maps", kind.article());
                return Err(fault(range, message));
            }
        };
        let name = &parts.iter_var;
        if Variable::roots().contains(name.as_str()) {
            let message = format!("a loop's `{name}` would hide the variable of this name");
            return Err(fault(range, message));
        }
        self.entry = Some((name.clone(), entry));
        let body = self.body(part, parts, depth);
        self.entry = None;
        let (body, kind) = body?;
        Ok((Node::Loop(Box::new(Loop { over, body })), kind))
    }

    fn body(
        &mut self,
        part: &IdedExpr,
        parts: &ComprehensionExpr,
        depth: usize,
    ) -> Result<(Body, Kind), Fault> {
        let unknown = || fault(part, "is a loop of an unknown shape");
        let Expr::Call(step) = &parts.loop_step.expr else {
            return Err(unknown());
        };
        let args = step.args.as_slice();
        match (&parts.accu_init.expr, step.func_name.as_str(), args) {
            (Expr::Literal(_), operators::LOGICAL_AND, [_, test]) => {
                Ok((Body::All(self.test(test, depth)?), Kind::Bool))
            }
            (Expr::Literal(_), operators::LOGICAL_OR, [_, test]) => {
                Ok((Body::Exists(self.test(test, depth)?), Kind::Bool))
            }
            (Expr::Literal(_), operators::CONDITIONAL, [test, _, _]) => {
                Ok((Body::ExistsOne(self.test(test, depth)?), Kind::Bool))
            }
            (Expr::List(_), operators::ADD, [_, result]) => {
                let (result, kind) = self.check(single(result).ok_or_else(unknown)?, depth)?;
                Ok((Body::Collect { when: None, result }, Kind::list(kind)))
            }
            (Expr::List(_), operators::CONDITIONAL, [test, add, _]) => {
                let Expr::Call(add) = &add.expr else {
                    return Err(unknown());
                };
                let result = add.args.get(1).and_then(single).ok_or_else(unknown)?;
                let when = Some(self.test(test, depth)?);
                let (result, kind) = self.check(result, depth)?;
                Ok((Body::Collect { when, result }, Kind::list(kind)))
            }
            _ => Err(unknown()),
        }
    }

    /// Checks a part that must be true or false.
    fn test(&mut self, part: &IdedExpr, depth: usize) -> Result<Node, Fault> {
        let (node, kind) = self.check(part, depth)?;
        if !kind.is(&Kind::Bool) {
            let message = format!("is {}; it must be true or false", kind.article());
            return Err(fault(part, message));
        }
        Ok(node)
    }
}

/// The only entry of a list that the parser wrote.
fn single(part: &IdedExpr) -> Option<&IdedExpr> {
    match &part.expr {
        Expr::List(list) => match list.elements.as_slice() {
            [only] => Some(only),
            _ => None,
        },
        _ => None,
    }
}

fn constant(part: &IdedExpr, literal: &LiteralValue) -> Checked {
    match literal {
        LiteralValue::Boolean(value) => Ok((Node::Bool(*value.inner()), Kind::Bool)),
        LiteralValue::Int(value) => Ok((Node::Int(*value.inner()), Kind::Int)),
        LiteralValue::Double(value) => Ok((Node::Double(*value.inner()), Kind::Double)),
        LiteralValue::String(text) => Ok((Node::Text(text.inner().to_owned()), Kind::Text)),
        LiteralValue::UInt(_) => Err(fault(part, "numbers have no `u` behind them here")),
        LiteralValue::Bytes(_) => Err(fault(part, "there are no bytes here; write a string")),
        LiteralValue::Null => Err(fault(
            part,
            "nothing is null here; ask with `has(…)` whether there is a value",
        )),
    }
}

fn fault(part: &IdedExpr, message: impl Into<String>) -> Fault {
    Fault {
        part: begin(part).id,
        place: Place::Part,
        message: message.into(),
    }
}

/// Where a part begins that the parser places at a dot or a parenthesis; an operator stays where it
/// is.
fn begin(part: &IdedExpr) -> &IdedExpr {
    match &part.expr {
        Expr::Select(select) if !select.test => begin(&select.operand),
        Expr::Call(call) => call.target.as_deref().map_or(part, begin),
        Expr::Comprehension(parts) => begin(&parts.iter_range),
        _ => part,
    }
}
