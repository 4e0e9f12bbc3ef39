//! Backfill and replication status, from ECR's API over a real registry to another real registry.

use std::fs;

use assert_cmd::Command;
use steward_testkit::image::{Image, Layer, LayoutEntry, write_layout};
use steward_testkit::json_api::JsonApi;

use crate::distribution::Distribution;
use crate::ecr_api;
use crate::files::Folder;
use crate::steward::{Ran, run, steward};

const ECR: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";

struct World {
    folder: Folder,
    source: Distribution,
    target: Distribution,
    api: JsonApi,
}

impl World {
    /// Two releases and a branch at the source, of which the target has nothing.
    fn new() -> Self {
        let (source, target) = (Distribution::start(), Distribution::start());
        let folder = Folder::new();
        let policy = format!(
            "version: 1\nreplication:\n- name: mirror\n  repositories: [\"prod/**\"]\n  \
             tags: {{allow: [semver]}}\n  to: [{{registry: \"{}\", repository: \"mirror/{{basename}}\"}}]\n",
            target.address()
        );
        folder.write("policy.yaml", &policy);
        for tag in ["v1.0.0", "v2.0.0", "main"] {
            let image = Image::builder()
                .layer(Layer::file("app/version", tag))
                .build();
            let entry = LayoutEntry {
                image: &image,
                tag: Some(tag),
            };
            write_layout(&folder.path().join(tag), &[entry]).unwrap();
            let to = format!("{}/prod/app:{tag}", source.address());
            run(steward(folder.path()).args(["copy", &format!("oci:{tag}:{tag}"), &to])).expect(0);
        }
        let digest = |tag| source.digest_of("prod/app", tag).unwrap();
        let api = ecr_api::start(vec![(
            "prod/app",
            vec![
                (digest("v1.0.0"), vec!["v1.0.0"]),
                (digest("v2.0.0"), vec!["v2.0.0"]),
                (digest("main"), vec!["main"]),
            ],
        )]);
        Self {
            folder,
            source,
            target,
            api,
        }
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command: Command = steward(self.folder.path());
        run(command
            .args(arguments)
            .args(["--policy", "policy.yaml", "--registry", ECR])
            .args(["--format", "json"])
            .env(
                "STEWARD_REGISTRY_ENDPOINTS",
                format!("{ECR}=http://{}", self.source.address()),
            )
            .env("AWS_ENDPOINT_URL_ECR", self.api.url())
            .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "example"))
    }

    fn copied(&self, tag: &str) -> bool {
        let here = self.source.digest_of("prod/app", tag);
        here.is_some() && here == self.target.digest_of("mirror/app", tag)
    }
}

#[test]
fn what_a_rule_should_have_copied_is_found_copied_and_in_step() {
    let world = World::new();
    let status = world.run(&["replication", "status"]).expect(9).json();
    assert_eq!(status["targets"][0]["state"], "behind");
    assert_eq!(status["targets"][0]["missing"], 2);
    assert!(status["targets"][0]["behind_since"].is_string());

    let plan = world.run(&["backfill", "--dry-run"]).expect(0).json();
    assert_eq!(plan["missing"], 2);
    assert_eq!(plan["examples"].as_array().unwrap().len(), 2);
    assert!(!world.copied("v1.0.0"));

    let done = world
        .run(&["backfill", "--rate", "100", "--resume", "done.txt"])
        .expect(0)
        .json();
    assert_eq!(done["done"], 2, "{done}");
    assert!(world.copied("v1.0.0") && world.copied("v2.0.0"));
    assert_eq!(world.target.digest_of("mirror/app", "main"), None);
    let journal = fs::read_to_string(world.folder.path().join("done.txt")).unwrap();
    assert_eq!(journal.lines().count(), 2, "{journal}");

    let status = world.run(&["replication", "status"]).expect(0).json();
    assert_eq!(status["targets"][0]["state"], "in_step");
    assert_eq!(status["targets"][0]["in_step"], 2);
    let again = world.run(&["backfill"]).expect(0).json();
    assert_eq!((&again["missing"], &again["done"]), (&0.into(), &0.into()));
}

#[test]
fn a_journal_leaves_out_what_an_earlier_run_has_done() {
    let world = World::new();
    let digest = world.source.digest_of("prod/app", "v2.0.0").unwrap();
    let line = format!("{}/mirror/app:v2.0.0@{digest}\n", world.target.address());
    world.folder.write("done.txt", &line);
    let done = world
        .run(&["backfill", "--resume", "done.txt"])
        .expect(0)
        .json();
    assert_eq!((&done["done"], &done["skipped"]), (&1.into(), &1.into()));
    assert!(world.copied("v1.0.0") && !world.copied("v2.0.0"));
}

#[test]
fn rules_and_registries_that_are_none_are_usage() {
    let world = World::new();
    let ran = world.run(&["backfill", "--rule", "mirrors"]).expect(2);
    assert!(ran.stderr.contains("it has mirror"), "{}", ran.stderr);
    let mut command = steward(world.folder.path());
    let ran = run(command.args([
        "backfill",
        "--policy",
        "policy.yaml",
        "--registry",
        "ghcr.io",
    ]))
    .expect(2);
    assert!(
        ran.stderr.contains("is not an ECR registry"),
        "{}",
        ran.stderr
    );
}
