//! The replicator Lambda function: wiring only.

use std::process::ExitCode;
use std::sync::Arc;

use replicator::{RegistryCopier, Replicator};
use steward_runtime::{Init, InitError, run};

fn main() -> ExitCode {
    run("replicator", |init: Init| async move {
        let ecr = init.ecr();
        Ok::<_, InitError>(Replicator {
            copier: Arc::new(RegistryCopier::new(
                init.registry(ecr.clone()),
                init.region(),
            )),
            ecr: ecr.home(),
            state: init.state()?,
            later: init.later(),
            clock: Arc::new(jiff::Timestamp::now),
            split_bytes: init.settings.split_bytes,
            policy: init.policy,
            events: init.events,
        })
    })
}
