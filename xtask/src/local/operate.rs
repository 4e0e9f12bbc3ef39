//! What is done with a running local cloud.

use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, getpgid};
use serde_json::Value;
use steward_core::policy::Policy;
use steward_testkit::cloud::CloudClient;

use super::show;
use super::state::{Place, Running};
use crate::term;

/// How long a local cloud may take to stop; it takes about two seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// EventBridge takes events up to 256 KB; this is for telling a mistake from an event.
const LARGEST_INPUT: u64 = 16 << 20;

/// `cargo xtask local down`.
pub(crate) fn down() -> anyhow::Result<()> {
    let place = Place::here();
    let (pid, starting) = match place.running()? {
        None => {
            term::say("No local cloud is running.");
            return Ok(());
        }
        Some(Running::Ready { pid, .. }) => (pid, false),
        Some(Running::Busy { pid }) => (pid, true),
    };
    // The lock tells that this process runs the local cloud, so the number cannot be another's.
    let process = Pid::from_raw(pid);
    if starting && getpgid(Some(process)) == Ok(process) {
        // The builds and installations that it has started are in its group.
        killpg(process, Signal::SIGTERM)
    } else {
        kill(process, Signal::SIGTERM)
    }
    .with_context(|| format!("cannot stop process {pid}"))?;
    let deadline = Instant::now() + PATIENCE;
    while place.running()?.is_some() {
        if Instant::now() >= deadline {
            bail!("process {pid} did not stop within {} s", PATIENCE.as_secs());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    term::say("The local cloud is stopped.");
    Ok(())
}

/// `cargo xtask local status`.
pub(crate) fn status(json: bool) -> anyhow::Result<()> {
    let place = Place::here();
    if json {
        let facts = place.facts()?;
        term::say(serde_json::to_string(&facts)?);
        return Ok(());
    }
    match place.running()? {
        None => term::say("No local cloud is running."),
        Some(Running::Busy { pid }) => {
            term::say(format!(
                "The local cloud (process {pid}) is starting or stopping."
            ));
        }
        Some(Running::Ready { pid, facts }) => {
            let up = ask(CloudClient::new(&facts).is_up())?;
            if !up {
                bail!(
                    "process {pid} runs the local cloud, but its emulator does not answer; stop it \
                     with `cargo xtask local down`"
                );
            }
            term::say(format!("The local cloud is up (process {pid})."));
            show::addresses(&facts);
        }
    }
    Ok(())
}

/// `cargo xtask local event`.
pub(crate) fn event(file: &Path) -> anyhow::Result<()> {
    let facts = Place::here().facts()?;
    let text = read(file)?;
    let event: Value =
        serde_json::from_str(&text).with_context(|| format!("{} is no JSON", file.display()))?;
    let id = ask(CloudClient::new(&facts).put_event(&event))??;
    term::say(format!("event {id} is on the bus"));
    if event
        .get("source")
        .and_then(Value::as_str)
        .is_some_and(|source| source.starts_with("aws."))
    {
        term::note(
            "its source is ecr-steward now: only AWS may use aws.…, and the rules take both",
        );
    }
    term::note(format!("see what comes of it at {}", facts.addresses.inbox));
    Ok(())
}

/// `cargo xtask local policy`. A broken one is deployed too: what comes of it is worth a look.
pub(crate) fn policy(file: &Path) -> anyhow::Result<()> {
    let facts = Place::here().facts()?;
    let text = read(file)?;
    let mistakes = Policy::parse(&text, &file.display().to_string()).err();
    ask(CloudClient::new(&facts).set_policy(&text))??;
    if let Some(mistakes) = mistakes {
        term::note(mistakes.to_string());
        term::say(
            "the broken policy is deployed; the functions report it and go on with the one that they \
             have",
        );
    } else {
        term::say(format!(
            "the policy is replaced; the functions use it within {} s",
            facts.policy_refresh
        ));
    }
    Ok(())
}

/// The text of a policy that can be used.
pub(super) fn good_policy(file: &Path) -> anyhow::Result<String> {
    let text = read(file)?;
    if let Err(mistakes) = Policy::parse(&text, &file.display().to_string()) {
        bail!("the policy cannot be used, so nothing is started:\n{mistakes}");
    }
    Ok(text)
}

fn read(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin()
            .take(LARGEST_INPUT)
            .read_to_string(&mut text)
    } else {
        std::fs::File::open(file)
            .and_then(|file| file.take(LARGEST_INPUT).read_to_string(&mut text))
    };
    read.with_context(|| format!("cannot read {}", file.display()))?;
    Ok(text)
}

/// Waits for an answer of the local cloud.
fn ask<F: Future>(answer: F) -> anyhow::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    Ok(runtime.block_on(answer))
}
