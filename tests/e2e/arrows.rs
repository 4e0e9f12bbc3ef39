//! The arrows between the rooms point one way.

use cargo_metadata::{DependencyKind, MetadataCommand};
use steward_testkit::cloud::paths;

/// What each package may use of the others; the testkit only in tests, and in xtask.
const ALLOWED: &[(&str, &[&str])] = &[
    ("steward-core", &[]),
    ("steward-registry", &["steward-core"]),
    ("steward-aws", &["steward-core"]),
    (
        "steward-runtime",
        &["steward-core", "steward-registry", "steward-aws"],
    ),
    (
        "tag-guard",
        &[
            "steward-core",
            "steward-registry",
            "steward-aws",
            "steward-runtime",
        ],
    ),
    (
        "replicator",
        &[
            "steward-core",
            "steward-registry",
            "steward-aws",
            "steward-runtime",
        ],
    ),
    (
        "notifier",
        &["steward-core", "steward-aws", "steward-runtime"],
    ),
    (
        "steward-cli",
        &[
            "steward-core",
            "steward-registry",
            "steward-aws",
            "steward-runtime",
            "tag-guard",
            "replicator",
            "notifier",
        ],
    ),
    ("steward-testkit", &["steward-core"]),
    (
        "xtask",
        &[
            "steward-core",
            "steward-registry",
            "steward-runtime",
            "steward-testkit",
        ],
    ),
    // The process that the chaos test kills copies images and does nothing else.
    ("steward-tests", &["steward-registry"]),
];

#[test]
fn packages_use_only_what_they_may() {
    let metadata = MetadataCommand::new()
        .manifest_path(paths::root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .unwrap();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for package in &metadata.packages {
        let Some((_, allowed)) = ALLOWED
            .iter()
            .find(|(name, _)| *name == package.name.as_str())
        else {
            wrong.push(format!("{} has no place in the map", package.name));
            continue;
        };
        seen += 1;
        for dependency in &package.dependencies {
            let is_ours = dependency.path.is_some();
            if is_ours
                && dependency.kind == DependencyKind::Normal
                && !allowed.contains(&dependency.name.as_str())
            {
                wrong.push(format!("{} must not use {}", package.name, dependency.name));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(seen, ALLOWED.len(), "every room of the map exists");
}

#[test]
fn the_core_does_no_input_or_output() {
    let text = std::fs::read_to_string(paths::root().join("shared/core/Cargo.toml")).unwrap();
    let dependencies = text.split("[dev-dependencies]").next().unwrap();
    for forbidden in ["tokio", "reqwest", "hyper", "aws-"] {
        assert!(
            !dependencies.contains(forbidden),
            "steward-core must not use {forbidden}"
        );
    }
}

#[test]
fn mains_only_wire() {
    for main in [
        "functions/tag-guard",
        "functions/replicator",
        "functions/notifier",
        "cli",
    ] {
        let text = std::fs::read_to_string(paths::root().join(main).join("src/main.rs")).unwrap();
        assert!(
            text.lines().count() < 40,
            "{main}/src/main.rs has {} lines",
            text.lines().count()
        );
    }
}
