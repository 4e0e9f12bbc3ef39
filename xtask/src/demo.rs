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
    let held = if options.keep {
        Place::here().hold()?
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
    if options.keep {
        if let Some(held) = &held {
            held.ready(cloud.facts())?;
        }
        local::wait_for_signal(false)?()?;
        term::step("stopping the local cloud");
    }
    drop(cloud);
    anyhow::ensure!(holds, "not everything is as it should be; see the summary");
    Ok(())
}
