//! Backfill, from ECR's API over a real registry to another real registry.

use std::fs;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use steward_testkit::image::{Image, Layer};
use steward_testkit::json_api::JsonApi;

use crate::steward::{run, steward};
use crate::world::World;

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

#[test]
fn a_target_that_does_not_answer_is_told_and_holds_nothing_up() {
    let world = World::new();
    // Nothing listens there.
    world.extend_policy("  - {registry: \"127.0.0.1:9\", repository: \"away/{basename}\"}\n");
    let status = world.run(&["replication", "status"]).expect(9).json();
    let targets = &status["targets"];
    assert_eq!(targets[0]["state"], "behind", "{status}");
    assert_eq!(targets[0]["missing"], 2);
    assert_eq!(targets[1]["state"], "failing");
    assert_eq!(targets[1]["not_compared"], 2);
    let failure = &targets[1]["failures"][0];
    assert_eq!(failure["to"], "127.0.0.1:9/away/app");
    assert_eq!(failure["error_type"], "registry_network");

    let done = world.run(&["backfill"]).expect(9).json();
    assert_eq!((&done["done"], &done["failed"]), (&2.into(), &2.into()));
    assert_eq!(done["failures"][0]["to"], "127.0.0.1:9/away/app");
    assert!(world.copied("v1.0.0") && world.copied("v2.0.0"));
}

#[test]
fn a_rule_that_only_observes_is_left_out_unless_it_is_asked_for() {
    let world = World::in_mode("observe");
    let ran = world.run(&["backfill"]).expect(0);
    assert!(
        ran.stderr.contains("rule mirror is in mode observe"),
        "{}",
        ran.stderr
    );
    let report = ran.json();
    assert_eq!(report["left_out"], json!(["mirror"]));
    assert_eq!(
        (&report["missing"], &report["done"]),
        (&0.into(), &0.into())
    );
    let status = world.run(&["replication", "status"]).expect(0).json();
    assert_eq!(status["left_out"], json!(["mirror"]));
    assert!(!world.copied("v1.0.0"));

    let report = world.run(&["backfill", "--observed"]).expect(0).json();
    assert_eq!(report["done"], 2, "{report}");
    assert_eq!(report["left_out"], json!([]));
    assert!(world.copied("v1.0.0") && world.copied("v2.0.0"));
    // The replicator would only report them.
    world
        .run(&["backfill", "--observed", "--queue", "http://127.0.0.1:9/q"])
        .expect(2);
}

#[test]
fn the_queue_gets_what_is_missing_whatever_an_earlier_run_has_sent() {
    let world = World::new();
    let sent = Arc::new(Mutex::new(Vec::new()));
    let queue = JsonApi::start({
        let sent = Arc::clone(&sent);
        move |operation, asked| {
            let body: Value = serde_json::from_str(asked["MessageBody"].as_str().unwrap()).unwrap();
            let tag = body["detail"]["image-tag"].as_str().unwrap().to_owned();
            sent.lock().unwrap().push(format!("{operation} {tag}"));
            json!({ "MessageId": "1" })
        }
    })
    .unwrap();
    let url = format!("{}/111122223333/replicator", queue.url());
    // The replicator copies nothing in between: what it was sent before may have failed.
    for _ in 0..2 {
        let report = run(world
            .command(&["backfill", "--queue", &url, "--format", "json"])
            .env("AWS_ENDPOINT_URL_SQS", queue.url()))
        .expect(0)
        .json();
        assert_eq!(
            (&report["done"], &report["skipped"]),
            (&2.into(), &0.into())
        );
        let mut sent = std::mem::take(&mut *sent.lock().unwrap());
        sent.sort();
        assert_eq!(sent, ["SendMessage v1.0.0", "SendMessage v2.0.0"]);
    }
    // A journal would say of a sent message that its copy was made.
    world
        .run(&["backfill", "--queue", &url, "--resume", "done.txt"])
        .expect(2);
}

#[test]
fn a_layer_of_several_images_moves_once() {
    const SIZE: u64 = 2 << 20;
    let mut world = World::empty("enforce", "");
    for (n, repository) in ["prod/app", "prod/web", "prod/api"].into_iter().enumerate() {
        let image = Image::builder()
            .layer(Layer::random(7, SIZE))
            .layer(Layer::random(100 + n as u64, 1000))
            .build();
        world.push(repository, "v1.0.0", &image);
    }
    let report = world.run(&["backfill", "--rate", "1000"]).expect(0).json();
    assert_eq!(report["done"], 3, "{report}");
    let bytes = report["bytes"].as_u64().unwrap();
    assert!((SIZE..2 * SIZE).contains(&bytes), "{report}");
}
