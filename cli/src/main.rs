//! The `steward` command; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    steward_cli::run(std::env::args_os())
}
