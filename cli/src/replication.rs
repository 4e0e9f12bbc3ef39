//! What replication rules should have copied, and what is there: both sides of every rule, listed
//! and compared.

mod compare;
mod parts;
mod sides;
mod survey;

pub use compare::{Comparison, Missing, Pair, Unread, Wanted, compare};
pub use sides::{Sides, SourceTags, TargetTags};
pub use survey::survey;

use steward_core::RuleName;
use steward_core::policy::{Policy, ReplicationRule};

use crate::cli::CopiesArgs;
use crate::error::CliError;
use crate::output::Output;

/// Refuses rules that the policy does not have.
///
/// # Errors
///
/// [`CliError::Usage`] with the names that there are.
pub fn check_rules(args: &CopiesArgs, policy: &Policy) -> Result<(), CliError> {
    let names: Vec<&str> = policy.replication.iter().map(|r| r.name.as_str()).collect();
    for name in &args.rules {
        if !names.contains(&name.as_str()) {
            return Err(CliError::Usage {
                message: format!("the policy has no replication rule {name:?}"),
                remedy: match names.as_slice() {
                    [] => "it has none at all".to_owned(),
                    names => format!("it has {}", names.join(", ")),
                },
            });
        }
    }
    Ok(())
}

/// The rules that a command is about. Of those in mode `observe` the replicator copies nothing, so
/// nothing is missing that they would have copied.
pub fn rules<'p>(
    args: &'p CopiesArgs,
    policy: &'p Policy,
) -> impl Iterator<Item = &'p ReplicationRule> + Clone {
    named(args, policy).filter(|rule| args.observed || rule.effective_mode(policy.mode).acts())
}

/// The rules that are left out because they only observe; a person is told.
pub fn left_out(args: &CopiesArgs, policy: &Policy, output: &Output) -> Vec<RuleName> {
    if args.observed {
        return Vec::new();
    }
    let rules: Vec<RuleName> = named(args, policy)
        .filter(|rule| !rule.effective_mode(policy.mode).acts())
        .map(|rule| rule.name.clone())
        .collect();
    for rule in &rules {
        output.warn(&format!(
            "rule {rule} is in mode observe and is left out; --observed takes it in"
        ));
    }
    rules
}

fn named<'p>(
    args: &'p CopiesArgs,
    policy: &'p Policy,
) -> impl Iterator<Item = &'p ReplicationRule> + Clone {
    policy.replication.iter().filter(|rule| {
        args.rules.is_empty() || args.rules.iter().any(|name| rule.name.as_str() == name)
    })
}
