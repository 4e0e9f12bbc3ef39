//! The pushes of the demo.

use anyhow::Context as _;
use steward_testkit::cloud::{ACCOUNT, LocalCloud, paths};
use steward_testkit::gateway::{Action, Activity, Change};
use steward_testkit::image::push;

use super::images::{self, OnDisk};
use super::pusher::Pusher;
use super::watch::Watch;
use crate::term::{self, Style};

/// What was pushed, for the summary.
pub(crate) struct Told {
    /// Digest of the release.
    pub(crate) release: String,
    /// Digest of the release's SBOM.
    pub(crate) sbom: String,
    /// Digest of the work in progress that was pushed where only releases belong.
    pub(crate) feature: String,
    /// Digest of the work in progress that was pushed while the policy only observes.
    pub(crate) observed: String,
    /// What came of the push where no rule looks.
    pub(crate) elsewhere: Effects,
    /// What came of the release that was pushed again.
    pub(crate) again: Effects,
}

/// What came of a push, beyond the push itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Effects {
    /// How many messages went out.
    pub(crate) messages: usize,
    /// How many other tags or manifests changed in the registries behind the gateway.
    pub(crate) changes: usize,
}

impl Effects {
    /// Whether nothing came of it.
    pub(crate) fn none(&self) -> bool {
        self.messages == 0 && self.changes == 0
    }
}

/// The state before a push, to see what comes of it.
struct Before<'a> {
    cloud: &'a LocalCloud,
    messages: usize,
    activities: usize,
}

impl<'a> Before<'a> {
    fn now(cloud: &'a LocalCloud) -> Self {
        Self {
            cloud,
            messages: cloud.inbox().map_or(0, |inbox| inbox.messages().len()),
            activities: cloud.gateway().map_or(0, |gateway| gateway.log().len()),
        }
    }

    /// What came of a push to this repository of the home account, and says so.
    fn effects(self, repository: &str, nothing: &str) -> Effects {
        let now = Self::now(self.cloud);
        let log = self.cloud.gateway().map(|gateway| gateway.log());
        let changes = log
            .iter()
            .flatten()
            .skip(self.activities)
            .filter(|activity| match activity {
                Activity::Change(change) => !is_push(change, repository),
                _ => false,
            })
            .count();
        let effects = Effects {
            messages: now.messages.saturating_sub(self.messages),
            changes,
        };
        if effects.none() {
            term::say(format!("  {nothing}"));
        } else {
            let Effects { messages, changes } = effects;
            let text = format!("not as it should be: {changes} changes, {messages} messages");
            term::say(format!("  {}", term::paint(Style::Bad, &text)));
        }
        effects
    }
}

/// Whether the change is the push to this repository of the home account.
fn is_push(change: &Change, repository: &str) -> bool {
    change.action == Action::Push
        && change.repository.as_str() == repository
        && change.registry.host().starts_with(ACCOUNT)
}

/// Plays all of it.
pub(crate) fn play(cloud: &LocalCloud, pusher: &Pusher) -> anyhow::Result<Told> {
    cloud
        .block_on(scenes(cloud, pusher))
        .context("the local cloud is not running")?
}

async fn scenes(cloud: &LocalCloud, pusher: &Pusher) -> anyhow::Result<Told> {
    let registry = cloud.addresses().registry.as_str();
    let mut watch = Watch::new(cloud);

    let (release, sbom) = images::release()?;
    title("1. A release for two platforms", "prod/app:v1.2.3", pusher);
    pushed(pusher, &release, registry, "prod/app:v1.2.3")?;
    settle(&mut watch).await?;

    term::say("");
    term::say(term::paint(Style::Title, "2. Its SBOM, which refers to it"));
    push(&format!("http://{registry}"), "prod/app", None, &sbom).await?;
    settle(&mut watch).await?;

    let feature = images::feature(1)?;
    title(
        "3. Work in progress, where only releases belong",
        "prod/app:feature-x",
        pusher,
    );
    pushed(pusher, &feature, registry, "prod/app:feature-x")?;
    settle(&mut watch).await?;

    let before = Before::now(cloud);
    title(
        "4. The same where no rule looks",
        "sandbox/app:feature-x",
        pusher,
    );
    pushed(pusher, &feature, registry, "sandbox/app:feature-x")?;
    settle(&mut watch).await?;
    let elsewhere = before.effects("sandbox/app", "nothing happens and nobody is told");

    let before = Before::now(cloud);
    title("5. The release once more", "prod/app:v1.2.3", pusher);
    pushed(pusher, &release, registry, "prod/app:v1.2.3")?;
    settle(&mut watch).await?;
    let again = before.effects("prod/app", "nothing is copied and nobody is told twice");

    observe(cloud).await?;
    let observed = images::feature(2)?;
    title(
        "6. With `mode: observe` in the policy, work in progress again",
        "prod/app:feature-y",
        pusher,
    );
    pushed(pusher, &observed, registry, "prod/app:feature-y")?;
    settle(&mut watch).await?;

    Ok(Told {
        release: release.image.digest().to_string(),
        sbom: sbom.digest().to_string(),
        feature: feature.image.digest().to_string(),
        observed: observed.image.digest().to_string(),
        elsewhere,
        again,
    })
}

fn title(text: &str, image: &str, pusher: &Pusher) {
    term::say("");
    term::say(format!(
        "{}  ({} … {image})",
        term::paint(Style::Title, text),
        pusher.name()
    ));
}

fn pushed(pusher: &Pusher, image: &OnDisk, registry: &str, name: &str) -> anyhow::Result<()> {
    pusher.push(&image.layout, &format!("{registry}/{name}"))
}

async fn settle(watch: &mut Watch<'_>) -> anyhow::Result<()> {
    if !watch.until_quiet().await? {
        term::say("  something still goes on; the summary tells what is missing");
    }
    Ok(())
}

/// Replaces the policy by itself in mode `observe`, and waits until the functions use it.
async fn observe(cloud: &LocalCloud) -> anyhow::Result<()> {
    let path = paths::example_policy();
    let policy = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let observing = policy.replacen("mode: enforce", "mode: observe", 1);
    anyhow::ensure!(
        observing != policy,
        "{} has no `mode: enforce`",
        path.display()
    );
    cloud.client().set_policy(&observing).await?;
    // What the functions promise, and one second for a clock that ticks in between.
    let wait = std::time::Duration::from_secs(u64::from(cloud.facts().policy_refresh) + 1);
    tokio::time::sleep(wait).await;
    Ok(())
}
