//! `steward copy`: one image, or a list of them, whole, from one place to another.

mod ends;
mod failure;
mod list;
mod report;

use steward_registry::{CopyOptions, CopyRequest, PlatformFilter, Verify};

pub use self::failure::CopyFailure;
use self::list::{Pair, Summary};
use self::report::Report;
use crate::access::Access;
use crate::cli::{CopyArgs, Format};
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::output::Output;
use crate::place::Place;
use crate::progress::{Display, Shown};
use crate::running;

/// Copies an image, or those of a list, and reports what was done.
pub fn run(args: &CopyArgs, output: &mut Output) -> Result<Exit, CliError> {
    let pairs = match (&args.list, &args.source, &args.target) {
        (Some(list), _, _) => list::read(list)?,
        (None, source, target) => vec![Pair {
            source: place("SOURCE", source.as_deref().unwrap_or_default())?,
            target: place("TARGET", target.as_deref().unwrap_or_default())?,
        }],
    };
    let places = pairs.iter().flat_map(|pair| [&pair.source, &pair.target]);
    let insecure = ends::insecure_hosts(&args.insecure, places)?;
    let access = Access::of_process(insecure, args.trust.clone())?;
    let display = match () {
        () if args.quiet => Display::Quiet,
        () if output.notes_on_terminal() => Display::Bars,
        () => Display::Lines,
    };
    let shown = Shown::new(display);
    let copied = running::to_the_end(
        copy(args, &pairs, &access, &shown),
        "TARGET has no new tag; what was moved stays there and is not moved again when the copy is \
         repeated",
    );
    shown.finish();
    let mut results = copied?;
    if args.list.is_some() {
        let summary = Summary::new(pairs.iter().zip(results).collect());
        match output.format() {
            Format::Json => output.json(&summary)?,
            Format::Human if args.quiet => output.result(&summary.digests()),
            Format::Human => output.result(&summary.to_string()),
        }
        return Ok(summary.exit());
    }
    let report = results.pop().ok_or_else(|| CliError::Internal {
        what: "copy",
        source: "a copy has no result".into(),
    })??;
    match output.format() {
        Format::Json => output.json(&report)?,
        Format::Human if args.quiet => output.result(&format!("{}\n", report.digest)),
        Format::Human => output.result(&report.to_string()),
    }
    Ok(Exit::Ok)
}

/// Makes all copies; their results are in the order of the pairs.
async fn copy(
    args: &CopyArgs,
    pairs: &[Pair],
    access: &Access,
    shown: &Shown,
) -> Result<Vec<Result<Report, Box<CopyFailure>>>, CliError> {
    let mut requests = Vec::with_capacity(pairs.len());
    let mut begun = Vec::with_capacity(pairs.len());
    for pair in pairs {
        begun.push(match ends::open(&pair.source, &pair.target, access).await {
            Ok((from, to)) => {
                requests.push(CopyRequest {
                    from: from.place,
                    reference: from.reference,
                    to: to.place,
                    tag: to.tag,
                });
                Ok(to.name)
            }
            Err(CliError::Copy(failure)) => Err(failure),
            Err(mistake) => return Err(mistake),
        });
    }
    let targets = pairs.iter().filter_map(|pair| pair.target.registry());
    let options = CopyOptions {
        referrers: !args.no_referrers,
        cosign_tags: !args.no_referrers,
        platforms: PlatformFilter::new(args.platform.iter().cloned()),
        verify: if args.verify {
            Verify::Full
        } else {
            Verify::Answers
        },
        concurrency: usize::from(args.jobs),
        availability: access.availability(targets).await,
        progress: shown.listener(),
        ..CopyOptions::default()
    };
    let outcomes = match requests.as_slice() {
        [only] => vec![steward_registry::copy(only, &options).await],
        many => steward_registry::copy_many(many, &options, images_at_once(args, pairs)).await,
    };
    let mut outcomes = outcomes.into_iter();
    let results = pairs.iter().zip(begun).map(|(pair, begun)| {
        let target = begun?;
        let outcome = outcomes.next();
        let Some(outcome) = outcome else {
            return Err(Box::new(CopyFailure::unfinished(pair)));
        };
        match outcome {
            Ok(outcome) => Report::new(pair, &target, &outcome),
            Err(error) => Err(Box::new(CopyFailure::new(
                &pair.source,
                &pair.target,
                error,
            ))),
        }
    });
    Ok(results.collect())
}

/// As many as blobs may travel: small images are over before their blobs fill the link. A folder's
/// index is one file, which one copy at a time writes.
fn images_at_once(args: &CopyArgs, pairs: &[Pair]) -> usize {
    let is_folder = |pair: &Pair| matches!(pair.target, Place::Layout(_));
    if pairs.iter().any(is_folder) {
        1
    } else {
        usize::from(args.jobs)
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
