//! Running what waits for registries and services, until it is done or Ctrl-C.

use std::future::Future;

use crate::error::CliError;

/// Runs a future to its end; Ctrl-C ends it with [`CliError::Interrupted`] and this remedy.
pub fn to_the_end<T>(
    work: impl Future<Output = Result<T, CliError>>,
    remedy: &'static str,
) -> Result<T, CliError> {
    // One thread moves 700 MB/s, more than a link gives; a second one costs a tenth more CPU for each
    // byte and a quarter more memory (`cargo xtask bench copy`).
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| CliError::Internal {
            what: "start the asynchronous runtime",
            source: source.into(),
        })?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            // In this order, Ctrl-C is listened for before anything is begun.
            biased;
            () = interrupted() => Err(CliError::Interrupted { remedy }),
            outcome = work => outcome,
        }
    });
    // A credential helper or a name look-up that hangs must not delay the end.
    runtime.shutdown_background();
    outcome
}

async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Without a handler, Ctrl-C ends the process by itself.
        std::future::pending::<()>().await;
    }
}
