//! `steward backfill`: what replication rules should have copied and have not.
//!
//! Both sides are listed and compared; what is missing is copied from here, or given to the
//! replicator by its queue. What is there already is neither read nor sent.

mod journal;
mod report;
mod work;

use std::time::Duration;

use steward_core::policy::Policy;

use crate::cli::{BackfillArgs, Format};
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::input;
use crate::output::{Output, plural};
use crate::replication::{Comparison, Sides, check_rules, left_out, survey};
use crate::running;

use journal::Journal;
use report::Report;
use work::Work;

/// Finds what is missing, and sees to it.
pub fn run(args: &BackfillArgs, output: &mut Output) -> Result<Exit, CliError> {
    let (policy, _) = input::policy(&args.copies.policy)?;
    check_rules(&args.copies, &policy)?;
    let journal = args.resume.as_deref().map(Journal::open).transpose()?;
    let report = running::to_the_end(
        backfill(args, &policy, journal, output),
        "what was copied stays; run it again, with the same --resume if there was one",
    )?;
    match output.format() {
        Format::Json => output.json(&report)?,
        Format::Human => output.result(&report.to_string()),
    }
    Ok(if report.has_failures() {
        Exit::Behind
    } else {
        Exit::Ok
    })
}

async fn backfill(
    args: &BackfillArgs,
    policy: &Policy,
    journal: Option<Journal>,
    output: &Output,
) -> Result<Report, CliError> {
    let sides = Sides::open(&args.copies.registry).await?;
    let left_out = left_out(&args.copies, policy, output);
    let mut all = Comparison::default();
    let mut repositories = 0;
    let progress = work::bar(output, args.quiet, "repositories compared");
    survey(&args.copies, policy, &sides, |_, found| {
        repositories += 1;
        progress.inc(1);
        all.extend(found);
    })
    .await?;
    progress.finish_and_clear();
    let mut report = Report::new(repositories, left_out, &all);
    if args.dry_run {
        report.examples(&all);
        return Ok(report);
    }
    if !args.quiet {
        output.note(&format!(
            "{} to copy, at most {} a second",
            plural(all.missing(), "image"),
            args.rate
        ));
    }
    let mut work = Work {
        policy,
        sides: &sides,
        journal,
        pause: Duration::from_secs(1) / u32::from(args.rate),
        jobs: usize::from(args.jobs),
        progress: work::bar(output, args.quiet, "images"),
    };
    work.progress.set_length(all.missing());
    match &args.queue {
        Some(queue) => work.send(queue, all, &mut report).await,
        None => work.copy(all, &mut report).await?,
    }
    work.progress.finish_and_clear();
    Ok(report)
}
