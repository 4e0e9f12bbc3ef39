//! The text: bounded before it is parsed, because the parser calls itself for what stands in it.

use cel::IdedExpr;
use cel::parser::pratt_parser::{Lexer, TokenKind};
use cel::parser::{ParseError, ParseErrors, PrattParser};

use super::{Condition, ConditionError};

/// Most `? :` in a condition: the parser calls itself for each.
const MAX_CHOICES: usize = 16;

/// A mistake in a tree that was parsed.
#[derive(Debug)]
pub(super) struct Fault {
    /// The part that is wrong, by the parser's number.
    pub(super) part: u64,
    /// What of that part.
    pub(super) place: Place,
    pub(super) message: String,
}

/// What of a part is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The part itself.
    Part,
    /// The field behind the dot that the part begins with.
    Field,
    /// This name, before the parenthesis that the part begins with.
    Method(String),
}

/// Parses a text within the limits.
pub(super) fn parse(text: &str) -> Result<IdedExpr, ConditionError> {
    let fail = |message: String, byte: usize| ConditionError {
        message,
        offset: Some(characters(text, byte)),
    };
    if text.len() > Condition::MAX_LEN {
        let message = format!("is longer than {} bytes", Condition::MAX_LEN);
        return Err(fail(message, Condition::MAX_LEN));
    }
    let mut lexer = Lexer::new(text);
    let (mut tokens, mut choices) = (0_usize, 0_usize);
    loop {
        let token = lexer.lex();
        match token.kind {
            TokenKind::TokEnd => break,
            TokenKind::TokError => {
                let reason = lexer.get_error().map_or("", |error| &error.message);
                return Err(fail(format!("is not CEL: {reason}"), token.start));
            }
            TokenKind::TokWhitespace | TokenKind::TokComment => continue,
            TokenKind::TokQuestion => choices += 1,
            _ => {}
        }
        tokens += 1;
        if tokens > Condition::MAX_TOKENS {
            let limit = Condition::MAX_TOKENS;
            return Err(fail(
                format!("has more than {limit} words and signs"),
                token.start,
            ));
        }
        if choices > MAX_CHOICES {
            return Err(fail(
                format!("has more than {MAX_CHOICES} choices `? :`"),
                token.start,
            ));
        }
    }
    if tokens == 0 {
        return Err(ConditionError {
            message: "is empty".to_owned(),
            offset: None,
        });
    }
    parser().parse(text).map_err(|errors| reason(text, &errors))
}

fn parser() -> PrattParser {
    PrattParser::new()
        .max_recursion_depth(u16::try_from(Condition::MAX_DEPTH).unwrap_or(u16::MAX))
        .max_expression_node_count(8 * Condition::MAX_TOKENS)
        .enable_ident_escape_syntax(true)
}

/// The parser's first complaint. That something is nested too deep comes without a place, and with
/// others that follow from it.
fn reason(text: &str, errors: &ParseErrors) -> ConditionError {
    let is_deep = |error: &ParseError| error.msg.contains("recursion limit");
    if errors.errors.iter().any(is_deep) {
        return ConditionError {
            message: format!("has parts nested more than {} deep", Condition::MAX_DEPTH),
            offset: None,
        };
    }
    let Some(error) = errors.errors.first() else {
        return ConditionError {
            message: "is not CEL".to_owned(),
            offset: None,
        };
    };
    let said = error.msg.trim_start_matches("Syntax error: ");
    let offset = (error.pos.0 > 0).then(|| {
        let line = usize::try_from(error.pos.0 - 1).unwrap_or(0);
        let column = usize::try_from(error.pos.1 - 1).unwrap_or(0);
        let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
        characters(text, start + column)
    });
    ConditionError {
        message: format!("is not CEL: {}", said.replace("<EOF>", "the end")),
        offset,
    }
}

/// Says where a mistake is.
pub(super) fn locate(text: &str, fault: Fault) -> ConditionError {
    ConditionError {
        offset: place(text, &fault).map(|byte| characters(text, byte)),
        message: fault.message,
    }
}

fn place(text: &str, fault: &Fault) -> Option<usize> {
    // The parser tells the places of the parts only together with a mistake in the text. So this
    // parses once more, with a mistake behind the end; the parts keep their numbers.
    let errors = parser().parse(&format!("{text}\n)")).err()?;
    let source = errors.errors.into_iter().find_map(|e| e.source_info)?;
    let start = usize::try_from(source.offset_for(fault.part)?.0).ok()?;
    match &fault.place {
        Place::Part => Some(start),
        Place::Field => {
            let behind = text.get(start..)?.strip_prefix('.')?;
            Some(text.len() - behind.trim_start().len())
        }
        Place::Method(name) => Some(text.get(..start)?.rfind(name.as_str()).unwrap_or(start)),
    }
}

/// How many characters come before a byte.
fn characters(text: &str, byte: usize) -> usize {
    text.char_indices()
        .take_while(|(start, _)| *start < byte)
        .count()
}
