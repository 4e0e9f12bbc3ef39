//! Start-up, waiting memory and size of the functions, against the same job in Python.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use steward_testkit::cloud::package::Zip;
use steward_testkit::cloud::{Python, paths};
use steward_testkit::refusing_api::RefusingApi;
use steward_testkit::runtime_api::{FirstPoll, FunctionOptions, first_poll};

use super::quantile;
use crate::term;

/// What one program took.
struct Starts {
    name: String,
    milliseconds: Vec<f64>,
    mebibytes: f64,
    zip: Option<u64>,
}

pub(super) async fn measure(
    zips: &[Zip],
    python: &Python,
    rounds: usize,
) -> anyhow::Result<Vec<String>> {
    let policy = paths::local().join("bench-policy.yaml");
    std::fs::create_dir_all(paths::local())?;
    std::fs::copy(paths::example_policy(), &policy).context("cannot copy the example policy")?;
    let api = RefusingApi::start()
        .await
        .context("cannot serve AWS APIs")?;
    let environment = environment(&policy, &api);
    let mut measured = Vec::new();
    for zip in zips {
        term::step(format!("starting {} {rounds} times", zip.function));
        let binary = paths::target().join("lambda").join(zip.function);
        let starts = starts(zip.function, &binary, &[], &environment, rounds)?;
        measured.push(Starts {
            zip: Some(zip.size),
            ..starts
        });
    }
    term::step("starting the same job in Python");
    let mut in_python = environment.clone();
    let folder = paths::root().join("xtask/python");
    in_python.insert("PYTHONPATH".to_owned(), folder.display().to_string());
    let interpreter = python.program("python");
    let arguments = ["-m", "awslambdaric", "tag_check.lambda_handler"];
    let rounds = rounds.min(8);
    measured.push(starts(
        "Python 3 + boto3",
        &interpreter,
        &arguments,
        &in_python,
        rounds,
    )?);
    Ok(table(&measured))
}

fn environment(policy: &Path, api: &RefusingApi) -> BTreeMap<String, String> {
    [
        ("STEWARD_POLICY", format!("file:{}", policy.display())),
        ("STEWARD_STATE_TABLE", "state".to_owned()),
        ("AWS_ENDPOINT_URL", api.url()),
        ("AWS_REGION", "eu-west-1".to_owned()),
        ("AWS_DEFAULT_REGION", "eu-west-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "111122223333".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn starts(
    name: &str,
    binary: &Path,
    arguments: &[&str],
    environment: &BTreeMap<String, String>,
    rounds: usize,
) -> anyhow::Result<Starts> {
    let options = FunctionOptions {
        name: name.to_owned(),
        arguments: arguments
            .iter()
            .map(|&argument| argument.to_owned())
            .collect(),
        environment: environment.clone(),
        ..FunctionOptions::default()
    };
    let starts: Vec<FirstPoll> = (0..rounds)
        .map(|_| first_poll(binary, &options))
        .collect::<Result<_, _>>()
        .with_context(|| format!("cannot start {name}"))?;
    let mut milliseconds: Vec<f64> = starts
        .iter()
        .map(|start| start.after.as_secs_f64() * 1000.0)
        .collect();
    milliseconds.sort_by(f64::total_cmp);
    let resident = starts.iter().map(|start| start.resident).max();
    #[expect(clippy::cast_precision_loss, reason = "some megabytes")]
    let mebibytes = resident.unwrap_or_default() as f64 / f64::from(1 << 20);
    Ok(Starts {
        name: name.to_owned(),
        milliseconds,
        mebibytes,
        zip: None,
    })
}

fn table(measured: &[Starts]) -> Vec<String> {
    let python = measured
        .last()
        .map_or(f64::NAN, |last| quantile(&last.milliseconds, 0.5));
    let mut lines = vec![
        "### Start-up: exec to the first poll of the runtime API\n".to_owned(),
        "| function | p50 ms | p90 ms | times faster than Python | waiting memory MiB | zip MiB |"
            .to_owned(),
        "|---|---:|---:|---:|---:|---:|".to_owned(),
    ];
    for starts in measured {
        let p50 = quantile(&starts.milliseconds, 0.5);
        #[expect(clippy::cast_precision_loss, reason = "some megabytes")]
        let zip = starts.zip.map_or_else(
            || "–".to_owned(),
            |size| format!("{:.2}", size as f64 / f64::from(1 << 20)),
        );
        lines.push(format!(
            "| {} | {p50:.1} | {:.1} | {:.0} | {:.1} | {zip} |",
            starts.name,
            quantile(&starts.milliseconds, 0.9),
            python / p50,
            starts.mebibytes,
        ));
    }
    lines.push(String::new());
    lines
}
