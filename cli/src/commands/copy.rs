//! `steward copy`: one image, whole, from one place to another.

mod ends;
mod failure;
mod report;

use std::sync::Arc;

use steward_registry::{CopyOptions, CopyRequest, EndpointOverrides, Outcome};

pub use self::failure::CopyFailure;
use crate::cli::{CopyArgs, Format};
use crate::credentials::{AwsTokens, Warn};
use crate::docker_config::Places;
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::output::{Output, style};
use crate::place::Place;
use crate::progress::{Display, Shown};

/// The same variable that the functions read; the local cloud sets it.
const ENDPOINTS_VARIABLE: &str = "STEWARD_REGISTRY_ENDPOINTS";

/// Copies an image and reports what was done.
pub fn run(args: &CopyArgs, output: &mut Output) -> Result<Exit, CliError> {
    let source = place("SOURCE", &args.source)?;
    let target = place("TARGET", &args.target)?;
    let settings = ends::Settings {
        insecure: ends::insecure_hosts(&args.insecure, &source, &target)?,
        trust: args.trust.clone(),
        overrides: overrides()?,
        places: Places::from_process(),
        ecr: Arc::new(AwsTokens),
        warn: warn(),
    };
    let display = match () {
        () if args.quiet => Display::Quiet,
        () if output.notes_on_terminal() => Display::Bars,
        () => Display::Lines,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| CliError::Internal {
            what: "start the asynchronous runtime",
            source: source.into(),
        })?;
    let shown = Shown::new(display);
    let outcome = runtime.block_on(async {
        tokio::select! {
            // In this order, Ctrl-C is listened for before anything is begun.
            biased;
            () = interrupted() => Err(CliError::Interrupted {
                remedy: "TARGET has no new tag; what was moved stays there and is not moved \
                    again when the copy is repeated",
            }),
            outcome = copy(args, &source, &target, &settings, &shown) => outcome,
        }
    });
    shown.finish();
    // A credential helper or a name look-up that hangs must not delay the end.
    runtime.shutdown_background();
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
    settings: &ends::Settings,
    shown: &Shown,
) -> Result<report::Report, CliError> {
    let (from, to) = ends::open(source, target, settings).await?;
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
        Outcome::SourceMoved { .. } => Err(CliError::Internal {
            what: "copy: the source was checked again without being asked for",
            source: "SourceMoved without recheck".into(),
        }),
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

fn overrides() -> Result<EndpointOverrides, CliError> {
    let text = std::env::var(ENDPOINTS_VARIABLE).unwrap_or_default();
    text.parse().map_err(
        |source: steward_registry::EndpointOverridesError| CliError::Argument {
            argument: format!("the variable {ENDPOINTS_VARIABLE}"),
            source: source.into(),
            remedy: "correct the variable or unset it",
        },
    )
}

fn warn() -> Warn {
    Arc::new(|warning| {
        use std::io::Write as _;

        let caution = style::CAUTION;
        // Nobody is left to be told when standard error itself is gone.
        let _ = writeln!(
            anstream::stderr().lock(),
            "{caution}warning{caution:#}: {warning}"
        );
    })
}

async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Without a handler, Ctrl-C ends the process by itself.
        std::future::pending::<()>().await;
    }
}
