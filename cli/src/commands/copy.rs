//! `steward copy`: one image, whole, from one place to another.

mod ends;
mod failure;
mod report;

use steward_registry::{CopyOptions, CopyRequest, Outcome};

pub use self::failure::CopyFailure;
use crate::access::Access;
use crate::cli::{CopyArgs, Format};
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::output::Output;
use crate::place::Place;
use crate::progress::{Display, Shown};
use crate::running;

/// Copies an image and reports what was done.
pub fn run(args: &CopyArgs, output: &mut Output) -> Result<Exit, CliError> {
    let source = place("SOURCE", &args.source)?;
    let target = place("TARGET", &args.target)?;
    let insecure = ends::insecure_hosts(&args.insecure, &source, &target)?;
    let access = Access::of_process(insecure, args.trust.clone())?;
    let display = match () {
        () if args.quiet => Display::Quiet,
        () if output.notes_on_terminal() => Display::Bars,
        () => Display::Lines,
    };
    let shown = Shown::new(display);
    let outcome = running::to_the_end(
        copy(args, &source, &target, &access, &shown),
        "TARGET has no new tag; what was moved stays there and is not moved again when the copy is \
         repeated",
    );
    shown.finish();
    let report = outcome?;
    match output.format() {
        Format::Json => output.json(&report)?,
        Format::Human if args.quiet => output.result(&format!("{}\n", report.digest)),
        Format::Human => output.result(&report.to_string()),
    }
    Ok(Exit::Ok)
}

async fn copy(
    args: &CopyArgs,
    source: &Place,
    target: &Place,
    access: &Access,
    shown: &Shown,
) -> Result<report::Report, CliError> {
    let (from, to) = ends::open(source, target, access).await?;
    let request = CopyRequest {
        from: from.place,
        reference: from.reference,
        to: to.place,
        tag: to.tag,
    };
    let options = CopyOptions {
        referrers: !args.no_referrers,
        concurrency: usize::from(args.jobs),
        progress: shown.listener(),
        ..CopyOptions::default()
    };
    let outcome = steward_registry::copy(&request, &options)
        .await
        .map_err(|error| CopyFailure::new(source, target, error))?;
    match outcome {
        Outcome::Done(report) => Ok(report::Report::new(source, &to.name, &report)),
        // None of what these need was asked for.
        Outcome::SourceMoved { .. } | Outcome::Paused(_) | Outcome::OtherPlatform { .. } => {
            Err(CliError::Internal {
                what: "copy: it ended in a way that was not asked for",
                source: "neither recheck nor deadline nor platforms were given".into(),
            })
        }
    }
}

fn place(argument: &str, text: &str) -> Result<Place, CliError> {
    text.parse().map_err(|source: crate::place::PlaceError| CliError::Argument {
        argument: format!("{argument} {text:?}"),
        source: source.into(),
        remedy: "write registry.example.com/repository:tag, registry.example.com/repository@sha256:…, \
            or oci:folder[:tag]",
    })
}
