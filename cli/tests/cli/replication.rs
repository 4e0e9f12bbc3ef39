//! Replication status: what is compared, and what the state table knows of it.

use serde_json::{Value, json};
use steward_testkit::image::{Image, Layer};
use steward_testkit::json_api::JsonApi;

use crate::steward::{Ran, run};
use crate::world::World;

fn of_platform(architecture: &str, content: &str) -> Image {
    Image::builder()
        .platform("linux", architecture)
        .layer(Layer::file("content", content))
        .build()
}

#[test]
fn copies_of_some_platforms_are_compared_with_what_the_rule_makes_of_their_images() {
    let mut world = World::empty("enforce", "  platforms: [linux/amd64]\n");
    let index = |content| Image::index(["amd64", "arm64"].map(|name| of_platform(name, content)));
    world.push("prod/app", "v1.0.0", &index("old"));
    world.push("prod/app", "v2.0.0", &of_platform("arm64", "other"));
    world.push("prod/app", "v3.0.0", &of_platform("amd64", "wanted"));
    let counts = |report: &Value| {
        let target = report["targets"][0].clone();
        ["in_step", "filtered", "other_platform", "missing"].map(|name| target[name].as_u64())
    };
    let status = world.run(&["replication", "status"]).expect(9).json();
    assert_eq!(counts(&status), [0, 0, 1, 2].map(Some), "{status}");
    world.run(&["backfill"]).expect(0);
    let status = world.run(&["replication", "status"]).expect(0).json();
    assert_eq!(counts(&status), [1, 1, 1, 0].map(Some), "{status}");
    assert!(!world.copied("v1.0.0") && world.copied("v3.0.0"));

    // The tag moves at the source, and nobody hears of it.
    world.push("prod/app", "v1.0.0", &index("new"));
    let status = world.run(&["replication", "status"]).expect(9).json();
    assert_eq!(counts(&status), [1, 0, 1, 1].map(Some), "{status}");
    let report = world.run(&["backfill"]).expect(0).json();
    assert_eq!(report["done"], 1, "{report}");
    world.run(&["replication", "status"]).expect(0);
}

/// The status with a state table that says this of the copies of one tag, and nothing of others.
fn with_state(world: &World, tag: &'static str, last: &Value, format: &str) -> Ran {
    let digest = world.source.digest_of("prod/app", tag).unwrap();
    let key = format!(
        "replica#111122223333/eu-west-1/prod/app>{}/mirror/app:{tag}@{digest}",
        world.target.address()
    );
    let last = last.to_string();
    let table = JsonApi::start(move |operation, asked| {
        assert_eq!(
            (operation, &asked["TableName"]),
            ("GetItem", &json!("state"))
        );
        if asked["Key"]["pk"]["S"] != key {
            return json!({});
        }
        json!({ "Item": {
            "pk": { "S": key }, "status": { "S": "COMPLETED" }, "data": { "S": last },
        } })
    })
    .unwrap();
    run(world
        .command(&["replication", "status", "--state-table", "state"])
        .args(["--format", format])
        .env("AWS_ENDPOINT_URL_DYNAMODB", table.url()))
}

#[test]
fn a_copy_that_fails_is_told_with_its_reason_and_since_when() {
    let world = World::new();
    let last = json!({
        "status": "failing", "event": "1", "at": "2026-08-01T11:00:00Z",
        "since": "2026-08-01T10:00:09Z", "error_type": "registry_denied", "error": "not let in",
    });
    let status = with_state(&world, "v2.0.0", &last, "json").expect(9).json();
    let target = &status["targets"][0];
    assert_eq!(target["state"], "failing", "{status}");
    assert_eq!(target["missing"], 2);
    let failures = target["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 1, "{status}");
    assert_eq!(failures[0]["since"], "2026-08-01T10:00:09Z");
    assert_eq!(failures[0]["error_type"], "registry_denied");
    let told = with_state(&world, "v2.0.0", &last, "human")
        .expect(9)
        .stdout;
    assert!(told.contains(": failing, 2 missing, 0 in step"), "{told}");
    assert!(
        told.contains("since 2026-08-01T10:00:09Z: not let in"),
        "{told}"
    );
}

#[test]
fn a_copy_of_which_no_failure_is_known_is_behind() {
    let world = World::new();
    // Its copy was made once, and is gone from the target.
    let last = json!({ "status": "done", "event": "1" });
    let status = with_state(&world, "v2.0.0", &last, "json").expect(9).json();
    let target = &status["targets"][0];
    assert_eq!(target["state"], "behind", "{status}");
    assert_eq!(target["missing"], 2);
    assert!(target["behind_since"].is_string());
    assert_eq!(target["failures"], Value::Null);

    world.run(&["backfill"]).expect(0);
    let failing = json!({ "status": "failing", "event": "1", "error": "long ago" });
    let status = with_state(&world, "v2.0.0", &failing, "json")
        .expect(0)
        .json();
    assert_eq!(status["targets"][0]["state"], "in_step", "{status}");
}

#[test]
fn a_state_table_that_does_not_answer_is_told_and_its_copies_are_behind() {
    let world = World::new();
    let ran = run(world
        .command(&["replication", "status", "--state-table", "state"])
        .args(["--format", "json"])
        .env("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9"))
    .expect(9);
    assert!(
        ran.stderr.contains("the state table does not answer"),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.json()["targets"][0]["state"], "behind");
}
