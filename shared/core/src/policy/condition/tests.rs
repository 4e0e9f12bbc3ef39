use std::collections::BTreeMap;

use crate::facts::{
    EventFacts, EventKind, Home, ImageConfig, ImageFacts, ImageKind, LayerFacts, Pusher,
    ReferrerFacts,
};

use super::*;

mod hostile;
mod meaning;
mod mistakes;

fn digest(letter: char) -> crate::Digest {
    format!("sha256:{}", letter.to_string().repeat(64))
        .parse()
        .unwrap()
}

fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
    pairs.iter().map(owned).collect()
}

fn image(letter: char) -> ImageFacts {
    ImageFacts {
        pushed_at: Some("2026-11-20T09:00:00Z".parse().unwrap()),
        kind: Some(ImageKind::Image),
        media_type: Some("application/vnd.oci.image.manifest.v1+json".to_owned()),
        artifact_type: Some("application/vnd.oci.image.config.v1+json".to_owned()),
        platform: Some("linux/amd64".parse().unwrap()),
        annotations: Some(texts(&[(
            "org.opencontainers.image.base.name",
            "debian:13",
        )])),
        config: Some(ImageConfig {
            created: Some("2026-11-19T09:00:00Z".parse().unwrap()),
            user: "app".to_owned(),
            labels: texts(&[
                ("team", "shop"),
                ("org.opencontainers.image.source", "https://x"),
            ]),
            exposed_ports: vec!["8080/tcp".to_owned()],
        }),
        layers: Some(vec![
            LayerFacts {
                digest: digest('1'),
                media_type: "l".to_owned(),
                size: 1000,
            },
            LayerFacts {
                digest: digest(letter),
                media_type: "l".to_owned(),
                size: 200,
            },
        ]),
        referrers: Some(vec![ReferrerFacts {
            digest: digest('9'),
            artifact_type: "application/spdx+json".to_owned(),
            annotations: BTreeMap::new(),
        }]),
        ..ImageFacts::new(
            digest(letter),
            vec!["1.4.2".parse().unwrap(), "latest".parse().unwrap()],
        )
    }
}

/// The 20th of November 2026 is a Friday.
fn facts() -> Facts {
    let event = EventFacts {
        kind: EventKind::Pushed,
        time: "2026-11-20T23:30:05.250Z".parse().unwrap(),
        now: "2026-11-23T12:00:00Z".parse().unwrap(),
    };
    Facts {
        registry: Some(Home {
            account: "111122223333".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        }),
        image: Some(image('a')),
        previous: Some(digest('b')),
        resource_tags: Some(texts(&[("owner", "payments"), ("tier", "1")])),
        pusher: Some(Pusher {
            arn: "arn:aws:sts::111122223333:assumed-role/ci/run-7".to_owned(),
            source_ip: Some("192.0.2.7".to_owned()),
            user_agent: None,
        }),
        ..Facts::absent(
            "prod/shop/api".parse().unwrap(),
            "1.4.2".parse().unwrap(),
            event,
        )
    }
}

/// An index of two images that share one layer and a label.
fn index() -> Facts {
    let (amd, mut arm) = (image('a'), image('c'));
    arm.platform = Some("linux/arm64".parse().unwrap());
    if let Some(config) = &mut arm.config {
        config.created = Some("2026-11-18T09:00:00Z".parse().unwrap());
        config.labels = texts(&[("team", "shop"), ("only", "arm")]);
        config.exposed_ports = vec!["8080/tcp".to_owned(), "9090/tcp".to_owned()];
    }
    let index = ImageFacts {
        kind: Some(ImageKind::Index),
        annotations: Some(BTreeMap::new()),
        children: Some(vec![amd, arm]),
        ..ImageFacts::new(digest('d'), vec!["1.4.2".parse().unwrap()])
    };
    Facts {
        image: Some(index),
        ..facts()
    }
}

#[track_caller]
fn holds(text: &str, facts: &Facts) -> bool {
    let condition = Condition::new(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    condition
        .holds(facts)
        .unwrap_or_else(|e| panic!("{text}: {e}"))
}

#[track_caller]
fn undecided(text: &str, facts: &Facts) -> String {
    let condition = Condition::new(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    match condition.holds(facts) {
        Ok(truth) => panic!("{text}: {truth}"),
        Err(undecided) => undecided.0,
    }
}

#[test]
fn a_condition_is_equal_to_another_of_the_same_text() {
    let condition = Condition::new("tag == 'x'").unwrap();
    assert_eq!(condition.as_str(), "tag == 'x'");
    assert_eq!(condition, condition.clone());
    assert_ne!(condition, Condition::new("tag == 'y'").unwrap());
}

#[test]
fn a_condition_tells_which_facts_it_asks_for() {
    let asked = |text: &str| {
        let condition = Condition::new(text).unwrap();
        condition
            .variables()
            .iter()
            .cloned()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(asked("true"), "");
    assert_eq!(
        asked("event.time < now && repository == tag"),
        "event repository tag"
    );
    assert_eq!(
        asked("has(image.created) && image.labels.x == image.annotations.y"),
        "image.annotations image.config"
    );
    assert_eq!(
        asked("image.size > 1 || image.referrers.exists(r, r == pusher.arn)"),
        "image.layers image.referrers pusher"
    );
    assert_eq!(
        asked("'a' in repository_tags && registry.region == previous && image.pushed_at < now"),
        "event image.pushed_at previous registry repository.tags"
    );
}

#[test]
fn the_documentation_of_variables_is_that_of_the_facts() {
    let known: BTreeSet<&str> = variable::ALL.iter().map(|variable| variable.fact).collect();
    let documented = [
        "event",
        "image",
        "image.annotations",
        "image.config",
        "image.layers",
        "image.pushed_at",
        "image.referrers",
        "previous",
        "pusher",
        "registry",
        "repository",
        "repository.tags",
        "tag",
    ];
    assert_eq!(known, BTreeSet::from(documented));
}

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/CONDITIONS.md");
    std::fs::read_to_string(path).unwrap()
}

/// `docs/CONDITIONS.md` has a row for each variable, with its type.
#[test]
fn every_variable_and_function_is_documented() {
    let page = page();
    for (name, kind) in Condition::vocabulary() {
        let row = format!("| `{name}` | {kind} |");
        assert!(page.contains(&row), "no row {row}");
    }
    for name in function::names(true).chain(function::names(false)) {
        assert!(page.contains(&format!("{name}(")), "no function {name}");
    }
}

#[test]
fn every_documented_policy_is_one() {
    let page = page();
    let examples: Vec<&str> = page
        .split("```yaml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(!examples.is_empty());
    for example in examples.iter().filter(|text| text.starts_with("version:")) {
        crate::policy::Policy::parse(example, "CONDITIONS.md")
            .unwrap_or_else(|errors| panic!("{errors}"));
    }
}

#[test]
fn every_documented_condition_compiles_and_has_an_answer() {
    let page = page();
    let examples: Vec<&str> = page
        .split("```cel\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(examples.len() > 5);
    for example in examples {
        let condition = Condition::new(example).unwrap_or_else(|e| panic!("{example}: {e}"));
        condition
            .holds(&facts())
            .unwrap_or_else(|e| panic!("{example}: {e}"));
    }
}
