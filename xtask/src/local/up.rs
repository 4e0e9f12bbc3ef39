//! `cargo xtask local up`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;

use anyhow::{Context as _, bail};
use steward_testkit::cloud::{LocalCloud, Options, PolicyText, Ports, Progress};

use super::children;
use super::operate::good_policy;
use super::state::{Place, Running};
use super::{detach, show};
use crate::cli::UpOptions;
use crate::term;

pub(crate) fn up(options: &UpOptions) -> anyhow::Result<()> {
    let policy = match &options.policy {
        Some(file) => PolicyText::Text(good_policy(file)?),
        None => PolicyText::Example,
    };
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
    let signals = Signals::take(options.detached)?;
    let cloud = LocalCloud::start(Options {
        ports: Ports::Familiar,
        policy,
        log: options.log.clone(),
        progress: Progress::new(|line| term::step(line)),
        ..Options::default()
    })?;
    signals.started();
    held.ready(cloud.facts())?;
    announce(options.json, cloud.facts(), !options.detached)?;
    signals.wait()?;
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
pub(crate) fn already(place: &Place) -> anyhow::Error {
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

/// The signals that end this process, taken over.
pub(crate) struct Signals {
    starting: Arc<AtomicBool>,
    first: Receiver<()>,
}

impl Signals {
    /// Takes them over. Until [`Signals::started`], the first of them ends what this process has
    /// begun, builds and installations, and then the process; the servers end with it. With
    /// `detached`, the end of the terminal is none.
    pub(crate) fn take(detached: bool) -> anyhow::Result<Self> {
        let starting = Arc::new(AtomicBool::new(true));
        let (sender, first) = std::sync::mpsc::channel();
        let still_starting = Arc::clone(&starting);
        signal(detached, move || {
            if still_starting.load(Ordering::SeqCst) {
                term::note("stopped before the local cloud was ready");
                children::end();
                std::process::exit(INTERRUPTED);
            }
            let _ = sender.send(());
        })?;
        Ok(Self { starting, first })
    }

    /// From now on the first signal is what [`Signals::wait`] waits for.
    pub(crate) fn started(&self) {
        self.starting.store(false, Ordering::SeqCst);
    }

    /// Waits for the first signal.
    pub(crate) fn wait(self) -> anyhow::Result<()> {
        if self.first.recv().is_err() {
            bail!("nothing waits for signals any more");
        }
        Ok(())
    }
}

/// The exit code of a program that was interrupted, as shells give it.
const INTERRUPTED: i32 = 130;

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
