use std::fmt;

use jiff::Timestamp;
use replicator::memory::{LastTry, Status as TryStatus, last_try_key};
use serde::Serialize;
use steward_aws::state::{DynamoState, StateStore as _};
use steward_core::RuleName;
use steward_core::policy::Policy;

use crate::cli::{Format, StatusArgs};
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::input;
use crate::output::Output;
use crate::replication::{Comparison, Missing, Pair, Sides, Unread, check_rules, left_out, survey};
use crate::running;

/// How many missing copies of a target are looked up in the state table, the newest first.
const MOST_LOOKS: usize = 50;

/// Compares both sides, and asks the state table why.
pub(super) fn run(args: &StatusArgs, output: &mut Output) -> Result<Exit, CliError> {
    let (policy, _) = input::policy(&args.copies.policy)?;
    check_rules(&args.copies, &policy)?;
    let look = look(args, &policy, output);
    let report = running::to_the_end(look, "nothing was changed; run it again")?;
    match output.format() {
        Format::Json => output.json(&report)?,
        Format::Human => output.result(&report.to_string()),
    }
    Ok(if report.targets.iter().all(|x| x.state == State::InStep) {
        Exit::Ok
    } else {
        Exit::Behind
    })
}

/// How all targets are.
#[derive(Debug, Serialize)]
struct Report {
    registry: String,
    targets: Vec<Target>,
    /// Rules that only observe.
    left_out: Vec<RuleName>,
}

/// How one target of one rule is.
#[derive(Debug, Serialize)]
struct Target {
    state: State,
    #[serde(flatten)]
    pair: Pair,
    missing: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    behind_since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failures: Vec<Failure>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    InStep,
    Behind,
    Failing,
}

/// A copy that fails, and why.
#[derive(Debug, Serialize)]
struct Failure {
    to: String,
    since: Option<Timestamp>,
    error_type: Option<String>,
    error: Option<String>,
}

async fn look(args: &StatusArgs, policy: &Policy, output: &Output) -> Result<Report, CliError> {
    let sides = Sides::open(&args.copies.registry).await?;
    let left_out = left_out(&args.copies, policy, output);
    let mut all = Comparison::default();
    survey(&args.copies, policy, &sides, |_, found| all.extend(found)).await?;
    let state = args
        .state_table
        .as_ref()
        .map(|table| DynamoState::new(&sides.sdk, table.clone()));
    let mut targets = Vec::new();
    for mut pair in all.pairs {
        pair.missing
            .sort_by_key(|copy| std::cmp::Reverse(copy.pushed_at));
        let mut failures: Vec<Failure> = pair.unread.drain(..).map(Failure::from).collect();
        if let Some(state) = &state {
            for copy in pair.missing.iter().take(MOST_LOOKS) {
                match failure(&sides, state, copy).await {
                    Ok(found) => failures.extend(found),
                    Err(error) => {
                        output.warn(&format!("the state table does not answer: {error}"));
                        break;
                    }
                }
            }
        }
        let state = match () {
            () if pair.not_compared > 0 || !failures.is_empty() => State::Failing,
            () if pair.missing.is_empty() => State::InStep,
            () => State::Behind,
        };
        targets.push(Target {
            state,
            missing: pair.missing.len() as u64,
            behind_since: pair.behind_since(),
            failures,
            pair,
        });
    }
    targets.sort_by(|one, two| {
        (&one.pair.rule, one.pair.target_index).cmp(&(&two.pair.rule, two.pair.target_index))
    });
    Ok(Report {
        registry: args.copies.registry.to_string(),
        targets,
        left_out,
    })
}

impl From<Unread> for Failure {
    fn from(unread: Unread) -> Self {
        Self {
            to: unread.to,
            since: None,
            error_type: Some(unread.error_type),
            error: Some(unread.error),
        }
    }
}

/// Why a copy is missing, where the replicator tried and failed.
async fn failure(
    sides: &Sides,
    state: &DynamoState,
    copy: &Missing,
) -> Result<Option<Failure>, steward_aws::state::StateError> {
    let ecr = &sides.ecr;
    let key = last_try_key(&ecr.account, &ecr.region, &copy.repository, &copy.to);
    let known = state.get(&key).await?;
    let last = known.and_then(|known| serde_json::from_value::<LastTry>(known).ok());
    Ok(last
        .filter(|last| last.status == TryStatus::Failing)
        .map(|last| Failure {
            to: copy.to.to_string(),
            since: last.since.or(last.at),
            error_type: last.error_type,
            error: last.error,
        }))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.targets.is_empty() {
            return writeln!(f, "no replication rule copies from {}", self.registry);
        }
        for target in &self.targets {
            let Target { pair, .. } = target;
            write!(f, "{} > {}: ", pair.rule, pair.target)?;
            match target.state {
                State::InStep => write!(f, "in step, {} copies", pair.in_step)?,
                State::Behind | State::Failing => {
                    let word = if target.state == State::Behind {
                        "behind"
                    } else {
                        "failing"
                    };
                    write!(
                        f,
                        "{word}, {} missing, {} in step",
                        target.missing, pair.in_step
                    )?;
                    if let Some(since) = target.behind_since {
                        write!(f, "; the oldest was pushed at {since}")?;
                    }
                }
            }
            if pair.filtered > 0 {
                write!(f, "; {} with fewer platforms", pair.filtered)?;
            }
            if pair.other_platform > 0 {
                write!(f, "; {} of other platforms", pair.other_platform)?;
            }
            if pair.not_compared > 0 {
                write!(f, "; {} not compared", pair.not_compared)?;
            }
            f.write_str("\n")?;
            for failure in target.failures.iter().take(5) {
                write!(f, "  {}", failure.to)?;
                if let Some(since) = failure.since {
                    write!(f, ", since {since}")?;
                }
                writeln!(
                    f,
                    ": {}",
                    failure.error.as_deref().unwrap_or("no reason known")
                )?;
            }
        }
        Ok(())
    }
}
