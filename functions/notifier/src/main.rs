//! The notifier Lambda function: wiring only.

use std::process::ExitCode;
use std::sync::Arc;

use notifier::Notifier;
use notifier::http::Webhooks;
use steward_runtime::{Init, InitError, run};

fn main() -> ExitCode {
    run("notifier", |init: Init| async move {
        let webhooks = Webhooks::new().map_err(|source| InitError::Client {
            what: "webhook",
            source,
        })?;
        Ok::<_, InitError>(Notifier {
            state: init.state()?,
            sns: init.sns(),
            webhooks: Arc::new(webhooks),
            secrets: init.secrets(),
            policy: init.policy,
        })
    })
}
