//! One event of every detail-type, made as the functions make them.

use std::time::Duration;

use steward_core::event::incoming::parse;
use steward_core::event::{
    ActionReport, DetailType, Incoming, Outcome, StewardEvent, StewardEventBuilder, Violation,
};
use steward_core::facts::Pusher;
use steward_core::{Mode, Severity};

use crate::fixtures::named;

pub(crate) fn push() -> Incoming {
    parse(named("ecr-image-action-push")).unwrap()
}

pub(crate) fn begin(detail_type: DetailType) -> StewardEventBuilder {
    StewardEvent::caused_by(detail_type, &push())
}

/// At least one event per detail-type, and both modes.
pub(crate) fn all() -> Vec<StewardEvent> {
    vec![
        violated(Mode::Observe, Outcome::WouldDo),
        violated(Mode::Enforce, Outcome::Done),
        enforced(),
        replicated(),
        replication_failed(),
        quarantined(),
        scan(),
        baselined(),
        cleaned_up(),
        deployed(),
        unhealthy(),
    ]
}

fn violated(mode: Mode, outcome: Outcome) -> StewardEvent {
    begin(DetailType::TagRuleViolated)
        .mode(mode)
        .severity(Severity::High)
        .violation(
            Violation::new("releases-only", "tag v1.2.3 is not allowed")
                .accepted("sha-<commit>")
                .weighed(Severity::High, mode),
        )
        .owner((mode == Mode::Enforce).then(|| "payments".to_owned()))
        .pusher((mode == Mode::Enforce).then(|| Pusher {
            arn: "arn:aws:sts::111122223333:assumed-role/ci/build-7".to_owned(),
            source_ip: Some("198.51.100.7".to_owned()),
            user_agent: Some("docker/29.0".to_owned()),
        }))
        .violation(Violation::new("no-v", "tag v1.2.3 starts with v"))
        .action(ActionReport::new("quarantine", outcome).target("quarantine/team/app:v1.2.3"))
        .action(ActionReport::new("notify", Outcome::Done))
        .link(
            "AWS console",
            "https://eu-west-1.console.aws.amazon.com/ecr/",
        )
        .build()
}

fn enforced() -> StewardEvent {
    begin(DetailType::TagRuleEnforced)
        .mode(Mode::Enforce)
        .rule("releases-only")
        .action(ActionReport::new("untag", Outcome::Done).detail("kept under steward-keep-1"))
        .explain("team/app:v1.2.3 breaks releases-only, so the tag was taken away.")
        .build()
}

fn replicated() -> StewardEvent {
    begin(DetailType::ImageReplicated)
        .mode(Mode::Enforce)
        .severity(Severity::Info)
        .rule("disaster-recovery")
        .action(
            ActionReport::new("copy", Outcome::Done)
                .target("444455556666.dkr.ecr.eu-central-1.amazonaws.com/dr/team/app:v1.2.3")
                .bytes(73_400_320)
                .duration(Duration::from_millis(1_234)),
        )
        .action(
            ActionReport::new("copy", Outcome::Unchanged).target("mirror.example.com/app:v1.2.3"),
        )
        .build()
}

fn replication_failed() -> StewardEvent {
    begin(DetailType::ImageReplicationFailed)
        .mode(Mode::Enforce)
        .severity(Severity::High)
        .rule("disaster-recovery")
        .action(
            ActionReport::new("copy", Outcome::Failed)
                .target("mirror.example.com/app:v1.2.3")
                .detail("connection refused")
                .remedy("check that the registry is up and reachable")
                .error_type("registry_unreachable"),
        )
        .build()
}

fn quarantined() -> StewardEvent {
    begin(DetailType::ImageQuarantined)
        .mode(Mode::Enforce)
        .rule("releases-only")
        .action(ActionReport::new("quarantine", Outcome::Done).target("quarantine/team/app:v1.2.3"))
        .build()
}

fn scan() -> StewardEvent {
    begin(DetailType::ScanThresholdExceeded)
        .severity(Severity::Critical)
        .violation(Violation::new("production", "CVE-2024-6119 is fixable"))
        .build()
}

fn baselined() -> StewardEvent {
    StewardEvent::builder(DetailType::RepositoryBaselined, "team/app", "schedule")
        .rule("defaults")
        .action(ActionReport::new("set-tag-mutability", Outcome::Done).target("IMMUTABLE"))
        .build()
}

fn cleaned_up() -> StewardEvent {
    StewardEvent::builder(DetailType::ImageCleanedUp, "team/app", "schedule")
        .rule("unused")
        .action(ActionReport::new("archive", Outcome::Skipped).detail("a cluster still runs it"))
        .build()
}

fn deployed() -> StewardEvent {
    begin(DetailType::DeploymentStarted)
        .rule("shop")
        .action(ActionReport::new("update-service", Outcome::Done).target("prod/shop"))
        .build()
}

fn unhealthy() -> StewardEvent {
    StewardEvent::builder(DetailType::StewardUnhealthy, "", "start")
        .rule("policy")
        .severity(Severity::Critical)
        .error_type("policy_invalid".to_owned())
        .explain("The policy cannot be read; the last good one stays in force.")
        .build()
}
