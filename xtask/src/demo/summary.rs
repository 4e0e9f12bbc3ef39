//! What is so at the end, as anybody can check.

use anyhow::Context as _;
use steward_testkit::cloud::package::FUNCTIONS;
use steward_testkit::cloud::{Facts, LocalCloud, TARGET_ACCOUNT, TARGET_REGION, probe};

use super::scenes::{Effects, Told};
use crate::term::{self, Style};

/// Prints what should be so and whether it is. Gives back whether all of it is.
pub(crate) fn print(cloud: &LocalCloud, told: &Told) -> anyhow::Result<bool> {
    let rows = cloud
        .block_on(check(cloud, told))
        .context("the local cloud is not running")??;
    term::say("");
    term::say(term::paint(Style::Title, "What is so now"));
    for (holds, claim) in &rows {
        let mark = if *holds {
            term::paint(Style::Good, "yes")
        } else {
            term::paint(Style::Bad, "NO ")
        };
        term::say(format!("  {mark}  {claim}"));
    }
    let messages = cloud
        .inbox()
        .map(|inbox| inbox.messages())
        .unwrap_or_default();
    term::say("");
    term::say(format!("{} messages went out:", messages.len()));
    for message in messages.iter().rev() {
        term::say(format!(
            "  {:<8} {:<28} {}",
            message.kind.as_str(),
            message.channel,
            message.title
        ));
    }
    Ok(rows.iter().all(|(holds, _)| *holds))
}

async fn check(cloud: &LocalCloud, told: &Told) -> anyhow::Result<Vec<(bool, String)>> {
    let at = cloud.addresses();
    let other = &cloud.facts().target_registry;
    let is = |found: Option<String>, wanted: &str| found.as_deref() == Some(wanted);
    let mut rows = Vec::new();

    let copied = probe::digest(other, "dr/prod/app", "v1.2.3").await?;
    rows.push((
        is(copied, &told.release),
        format!("dr/prod/app:v1.2.3 in account {TARGET_ACCOUNT}, {TARGET_REGION}: the same digest"),
    ));
    let mirrored = probe::digest(&at.mirror, "mirror/app", "v1.2.3").await?;
    rows.push((
        is(mirrored, &told.release),
        format!(
            "mirror/app:v1.2.3 on the mirror ({}): the same digest",
            cloud.facts().mirror_is.describe()
        ),
    ));
    for (registry, repository) in [(other, "dr/prod/app"), (&at.mirror, "mirror/app")] {
        let referrers = probe::referrers(registry, repository, &told.release).await?;
        rows.push((
            referrers.contains(&told.sbom),
            format!("its SBOM is at {repository} too"),
        ));
    }
    let gone = probe::digest(&at.registry, "prod/app", "feature-x").await?;
    rows.push((gone.is_none(), "prod/app:feature-x is gone".to_owned()));
    let kept = probe::digest(&at.registry, "quarantine/prod/app", &told.feature).await?;
    rows.push((
        is(kept, &told.feature),
        "its image can be pulled from quarantine/prod/app by digest".to_owned(),
    ));
    let free = probe::digest(&at.registry, "sandbox/app", "feature-x").await?;
    rows.push((
        is(free, &told.feature),
        "sandbox/app:feature-x was left alone".to_owned(),
    ));
    rows.push((
        told.elsewhere.none(),
        format!(
            "its push changed nothing else and sent no message{}",
            counted(&told.elsewhere)
        ),
    ));
    let observed = probe::digest(&at.registry, "prod/app", "feature-y").await?;
    rows.push((
        is(observed, &told.observed),
        "prod/app:feature-y is still there: the policy only observed".to_owned(),
    ));
    let messages = cloud
        .inbox()
        .map(|inbox| inbox.messages())
        .unwrap_or_default();
    rows.push((
        messages.iter().any(|message| {
            message.title.contains("feature-y") || message.text.contains("feature-y")
        }),
        "a message tells of prod/app:feature-y".to_owned(),
    ));
    rows.push((
        told.again.none(),
        format!(
            "the second push of v1.2.3 changed nothing and sent no message{}",
            counted(&told.again)
        ),
    ));
    let client = cloud.client();
    let (mut queues, mut lost) = (0, 0);
    for name in cloud.facts().outputs.keys() {
        if name.ends_with("DeadLetterQueueUrl") {
            queues += 1;
            lost += client.queue_depth(name).await?;
        }
    }
    rows.push((
        queues == FUNCTIONS.len() && lost == 0,
        format!("the dead-letter queues are empty ({queues} of them, {lost} messages)"),
    ));
    Ok(rows)
}

/// What came of a push from which nothing should have come.
fn counted(effects: &Effects) -> String {
    if effects.none() {
        return String::new();
    }
    let Effects { messages, changes } = effects;
    format!(" ({changes} changes, {messages} messages)")
}

/// Prints how to look further.
pub(crate) fn further(facts: &Facts, stays: bool) {
    term::say("");
    term::say(term::paint(Style::Title, "Look further"));
    if stays {
        term::say(format!(
            "  open {} for the messages as their receivers see them",
            facts.addresses.inbox
        ));
        term::say("  cargo xtask local policy <file>    replace the policy");
        term::say("  Ctrl-C stops the local cloud");
        return;
    }
    term::say(
        "  cargo xtask local up               the same cloud, to push to; it shows the inbox's address",
    );
    term::say("  cargo xtask demo --keep            this demo, with the inbox open until Ctrl-C");
    term::say(
        "  cargo run -p steward-cli -- explain --help   why a push would be treated as it is",
    );
    term::say("  infra/policy.example.yaml          the policy that decided all this");
}
