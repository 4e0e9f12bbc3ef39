//! `cargo xtask local up`.

use anyhow::{Context as _, bail};
use steward_testkit::cloud::{LocalCloud, Options, PolicyText, Ports, Progress};

use super::state::{Place, Running};
use super::{detach, show};
use crate::cli::UpOptions;
use crate::term;

pub(crate) fn up(options: &UpOptions) -> anyhow::Result<()> {
    if options.detach {
        return detach::start(options);
    }
    if options.detached {
        detach::wait_for_leave();
    }
    let place = Place::here();
    let Some(held) = place.hold()? else {
        return Err(already(&place));
    };
    let cloud = LocalCloud::start(Options {
        ports: Ports::Familiar,
        policy: options
            .policy
            .clone()
            .map_or(PolicyText::Example, PolicyText::File),
        log: options.log.clone(),
        progress: Progress::new(|line| term::step(line)),
        ..Options::default()
    })?;
    let waiting = wait_for_signal(options.detached)?;
    held.ready(cloud.facts())?;
    announce(options.json, cloud.facts(), !options.detached)?;
    waiting()?;
    term::step("stopping the local cloud");
    drop(cloud);
    Ok(())
}

/// Prints the addresses, in the form that was asked for.
pub(super) fn announce(
    json: bool,
    facts: &steward_testkit::cloud::Facts,
    foreground: bool,
) -> anyhow::Result<()> {
    if json {
        term::say(serde_json::to_string(&facts.addresses)?);
        return Ok(());
    }
    term::say("The local cloud is up.");
    show::addresses(facts);
    show::suggestions(facts);
    term::say(if foreground {
        "Stop it with Ctrl-C, or with `cargo xtask local down`."
    } else {
        "Stop it with `cargo xtask local down`."
    });
    Ok(())
}

/// Why no second one is started.
pub(super) fn already(place: &Place) -> anyhow::Error {
    let pid = match place.running() {
        Ok(Some(Running::Ready { pid, .. } | Running::Busy { pid })) => pid.to_string(),
        Ok(None) => return anyhow::anyhow!("another local cloud just stopped; try again"),
        Err(error) => return error,
    };
    anyhow::anyhow!(
        "a local cloud is running already (process {pid}); see `cargo xtask local status`, or stop \
         it with `cargo xtask local down`"
    )
}

/// Takes over the signals that end this process, and gives back what waits for the first of them.
/// With `detached`, the end of the terminal is none.
pub(crate) fn wait_for_signal(
    detached: bool,
) -> anyhow::Result<impl FnOnce() -> anyhow::Result<()>> {
    let (sender, receiver) = std::sync::mpsc::channel();
    signal(detached, move || {
        let _ = sender.send(());
    })?;
    Ok(move || {
        if receiver.recv().is_err() {
            bail!("nothing waits for signals any more");
        }
        Ok(())
    })
}

/// Calls `then` on the first signal that ends a program. With `detached`, the end of the terminal is
/// not one of them.
fn signal(detached: bool, then: impl FnOnce() + Send + 'static) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot wait for signals")?;
    let mut streams = {
        let _inside = runtime.enter();
        let of = |kind| signal(kind).context("cannot wait for signals");
        (
            of(SignalKind::interrupt())?,
            of(SignalKind::terminate())?,
            of(SignalKind::hangup())?,
        )
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = streams.0.recv() => return,
                    _ = streams.1.recv() => return,
                    _ = streams.2.recv() => if !detached { return },
                }
            }
        });
        then();
    });
    Ok(())
}
