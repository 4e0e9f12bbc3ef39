//! The tag-guard Lambda function: wiring only.

use std::process::ExitCode;
use std::sync::Arc;

use steward_runtime::{Init, InitError, run};
use tag_guard::{RegistryContent, RegistryMover, ResourceTags, TagGuard};

fn main() -> ExitCode {
    run("tag-guard", |init: Init| async move {
        let ecr = init.ecr();
        let registry = init.registry(ecr.clone());
        Ok::<_, InitError>(TagGuard {
            ecr: ecr.home(),
            mover: Arc::new(RegistryMover::new(registry.clone())),
            content: Arc::new(RegistryContent::new(registry, init.region())),
            state: init.state()?,
            role: init.settings.role.clone(),
            later: init.later(),
            policy: init.policy,
            events: init.events,
            resource_tags: ResourceTags::default(),
            clock: Arc::new(jiff::Timestamp::now),
        })
    })
}
