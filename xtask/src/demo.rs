//! `cargo xtask demo`: a few pushes, and everything that comes of them.

mod images;
mod pusher;
mod scenes;
mod summary;
mod watch;

use std::time::Instant;

use steward_testkit::cloud::{LocalCloud, Options, Ports, Progress};

use crate::cli::DemoOptions;
use crate::local::{self, Place};
use crate::term;

pub(crate) fn run(options: &DemoOptions) -> anyhow::Result<()> {
    let begin = Instant::now();
    // So that `local event` and the others find the cloud of a demo that stays.
    let place = Place::here();
    let kept = if options.keep {
        let Some(held) = place.hold()? else {
            return Err(local::already(&place));
        };
        Some((held, local::Signals::take(false)?))
    } else {
        None
    };
    let pusher = pusher::Pusher::find()?;
    let cloud = LocalCloud::start(Options {
        ports: Ports::Familiar,
        progress: Progress::new(|line| term::step(line)),
        ..Options::default()
    })?;
    term::say(format!(
        "The local cloud is up after {} s, with infra/template.yaml and infra/policy.example.yaml.",
        begin.elapsed().as_secs()
    ));
    local::show_addresses(cloud.facts());

    let told = scenes::play(&cloud, &pusher)?;
    let holds = summary::print(&cloud, &told)?;
    summary::further(cloud.facts(), options.keep);
    term::say(format!("({} s altogether)", begin.elapsed().as_secs()));
    // The place is given up when everything has stopped.
    let mut _until_the_end = None;
    if let Some((held, signals)) = kept {
        signals.started();
        held.ready(cloud.facts())?;
        signals.wait()?;
        term::step("stopping the local cloud");
        _until_the_end = Some(held);
    }
    drop(cloud);
    anyhow::ensure!(holds, "not everything is as it should be; see the summary");
    Ok(())
}
