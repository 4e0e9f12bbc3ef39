//! How many decisions about images one core makes in a second, and how that grows with the rules.
//!
//! `cargo bench --package tag-guard --bench decide` prints a table in Markdown;
//! `cargo xtask bench decide` is the same.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints its table, and ends at the first thing that is wrong"
)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use steward_core::Digest;
use steward_core::facts::{EventFacts, EventKind, Facts, ImageFacts};
use steward_core::policy::Policy;
use tag_guard::plan::plan;

/// How long each row is measured; the best of three goes into the table.
const ROUND: Duration = Duration::from_millis(400);

/// Images to decide about: releases, branches, commits, in repositories of many teams.
const IMAGES: usize = 512;

fn main() {
    println!("### Decisions about images, on one core\n");
    println!("| policy | rules | read in ms | decisions per second | µs each |");
    println!("|---|---:|---:|---:|---:|");
    for (name, policy) in [
        ("each team has its rules", teams as fn(usize) -> String),
        ("every rule watches every repository", everywhere),
    ] {
        for rules in [1, 10, 100, 400] {
            row(name, rules, &policy(rules));
        }
    }
    println!();
}

fn row(name: &str, rules: usize, text: &str) {
    let begun = Instant::now();
    let policy = Policy::parse(text, "bench").unwrap();
    let read = begun.elapsed();
    assert_eq!(policy.tag_rules.len(), rules);
    let images = images(rules);
    let violated = images
        .iter()
        .filter(|facts| !plan(facts, &policy).violations.is_empty())
        .count();
    assert!(
        violated > 0 && violated < images.len(),
        "{violated} of {IMAGES} images violate a rule: the case shows nothing"
    );
    let best = (0..3)
        .map(|_| round(&images, &policy))
        .fold(0.0_f64, f64::max);
    println!(
        "| {name} | {rules} | {:.1} | {best:.0} | {:.2} |",
        read.as_secs_f64() * 1e3,
        1e6 / best,
    );
}

/// Decisions per second.
fn round(images: &[Facts], policy: &Policy) -> f64 {
    let begun = Instant::now();
    let mut decided = 0_u32;
    while begun.elapsed() < ROUND {
        for facts in images {
            black_box(plan(black_box(facts), policy));
            decided += 1;
        }
    }
    f64::from(decided) / begun.elapsed().as_secs_f64()
}

/// Each team has one rule for its own repositories, of four kinds in turn.
fn teams(rules: usize) -> String {
    let mut text = "version: 1\nmode: enforce\ntag_rules:\n".to_owned();
    for n in 0..rules {
        let allow = match n % 4 {
            0 => "[semver]",
            1 => "[semver, 'sha-{git}', latest, main]",
            2 => "['v*', '/rel-[0-9]+(\\.[0-9]+)*/']",
            _ => "[semver, calver, 'release-*', git]",
        };
        let _ = write!(
            text,
            "  - name: rule-{n}\n    repositories: ['team-{n}/**']\n    allow: {allow}\n    on_violation: [notify]\n"
        );
    }
    text
}

/// The worst case: nothing can be left out by the repository's name.
fn everywhere(rules: usize) -> String {
    let mut text = "version: 1\nmode: enforce\ntag_rules:\n".to_owned();
    for n in 0..rules {
        let deny = match n % 4 {
            0 => format!("[tmp-{n}]"),
            1 => format!("['wip-{n}-*']"),
            2 => format!("['*-debug-{n}']"),
            _ => format!("['/feature-{n}(-[a-z]+)?/', 'feature']"),
        };
        let _ = write!(
            text,
            "  - name: rule-{n}\n    repositories: ['**']\n    deny: {deny}\n    on_violation: [notify]\n"
        );
    }
    text
}

fn images(teams: usize) -> Vec<Facts> {
    (0..IMAGES)
        .map(|n| {
            let tag = match n % 5 {
                0 => format!("v{}.{}.{}", n % 7, n % 11, n),
                1 => format!("tmp-{}", n % teams.max(1)),
                2 => format!("sha-{n:07x}"),
                3 => format!("feature-{}", n % teams.max(1)),
                _ => "latest".to_owned(),
            };
            let repository = format!("team-{}/service-{}", n % teams.max(1), n % 37);
            let digest: Digest = format!("sha256:{n:064x}").parse().unwrap();
            let tag: steward_core::Tag = tag.parse().unwrap();
            let now = "2026-11-23T10:00:00Z".parse().unwrap();
            let event = EventFacts {
                kind: EventKind::Pushed,
                time: now,
                now,
            };
            Facts {
                image: Some(ImageFacts::new(digest, vec![tag.clone()])),
                ..Facts::absent(repository.parse().unwrap(), tag, event)
            }
        })
        .collect()
}
