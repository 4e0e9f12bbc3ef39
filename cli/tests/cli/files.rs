//! Policies and events that several tests use.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

pub(crate) const POLICY: &str = r#"version: 1
mode: enforce
tag_rules:
  - name: releases-only
    repositories: ["prod/**"]
    allow: [semver]
    on_violation: [notify, quarantine]
    severity: high
  - name: no-wip
    repositories: ["**"]
    deny: ["wip-*"]
    on_violation: [untag]
    mode: observe
  - name: team-tags
    repositories: ["team/**"]
    allow: ["pr-*"]
    on_violation: [notify]
replication:
  - name: disaster-recovery
    repositories: ["prod/**"]
    tags: { allow: [semver] }
    to:
      - registry: 444455556666.dkr.ecr.eu-central-1.amazonaws.com
        repository: "dr/{repository}"
notifications:
  channels:
    chat: { slack: { webhook: secretsmanager:steward/slack } }
    mail: { sns: "arn:aws:sns:eu-west-1:111122223333:security" }
  routes:
    - to: [chat]
    - match: { severity: [high, critical] }
      to: [mail]
"#;

pub(crate) const A: &str =
    "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub(crate) const B: &str =
    "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// A folder with files, which is also the home of who runs the command.
pub(crate) struct Folder {
    folder: TempDir,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).unwrap();
        }
        fs::write(&path, text).unwrap();
        path
    }
}

/// The event of a push as ECR sends it.
pub(crate) fn push(repository: &str, tag: Option<&str>) -> String {
    let mut detail = serde_json::json!({
        "result": "SUCCESS",
        "repository-name": repository,
        "image-digest": A,
        "action-type": "PUSH",
    });
    if let Some(tag) = tag {
        detail["image-tag"] = tag.into();
    }
    event("aws.ecr", "ECR Image Action", detail)
}

/// An event in its envelope.
pub(crate) fn event(source: &str, detail_type: &str, detail: serde_json::Value) -> String {
    serde_json::json!({
        "version": "0",
        "id": "3f2b7c1e-0000-4000-8000-000000000001",
        "detail-type": detail_type,
        "source": source,
        "account": "111122223333",
        "time": "2026-08-01T10:00:00Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": detail,
    })
    .to_string()
}
