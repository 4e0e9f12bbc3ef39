//! `steward validate`.

use crate::cli::ValidateArgs;
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::output::Output;

/// Runs the command.
pub fn run(_args: &ValidateArgs, _output: &mut Output) -> Result<Exit, CliError> {
    Err(CliError::Usage {
        message: "not in this build".into(),
        remedy: "wait".into(),
    })
}
