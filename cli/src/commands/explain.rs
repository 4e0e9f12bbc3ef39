//! `steward explain`.

use crate::cli::ExplainArgs;
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::output::Output;

/// Runs the command.
pub fn run(_args: &ExplainArgs, _output: &mut Output) -> Result<Exit, CliError> {
    Err(CliError::Usage {
        message: "not in this build".into(),
        remedy: "wait".into(),
    })
}
