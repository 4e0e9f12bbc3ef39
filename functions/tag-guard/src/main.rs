//! The tag-guard Lambda function: wiring only.

use std::process::ExitCode;
use std::sync::Arc;

use steward_runtime::{Init, InitError, run};
use tag_guard::{RegistryMover, TagGuard};

fn main() -> ExitCode {
    run("tag-guard", |init: Init| async move {
        let ecr = init.ecr();
        Ok::<_, InitError>(TagGuard {
            mover: Arc::new(RegistryMover::new(init.registry(ecr.clone()))),
            ecr: ecr.home(),
            state: init.state()?,
            policy: init.policy,
            events: init.events,
        })
    })
}
