//! What replication rules should have copied, and what is there: both sides of every rule, listed
//! and compared.

mod compare;
mod sides;

pub use compare::{Comparison, Missing, Pair, compare};
pub use sides::{Sides, SourceTags, TargetTags};

use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use steward_core::RepositoryName;
use steward_core::policy::{Policy, ReplicationRule};

use crate::cli::CopiesArgs;
use crate::error::CliError;

/// Repositories that are listed at the same time.
const JOBS: usize = 8;

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

/// The rules that a command is about.
pub fn rules<'p>(
    args: &'p CopiesArgs,
    policy: &'p Policy,
) -> impl Iterator<Item = &'p ReplicationRule> + Clone {
    policy.replication.iter().filter(|rule| {
        args.rules.is_empty() || args.rules.iter().any(|name| rule.name.as_str() == name)
    })
}

/// Lists and compares all repositories of the source; `found` is told of each, in no order.
///
/// # Errors
///
/// When a registry fails or refuses.
pub async fn survey(
    args: &CopiesArgs,
    policy: &Policy,
    sides: &Sides,
    mut found: impl FnMut(RepositoryName, Comparison),
) -> Result<(), CliError> {
    let wanted = |name: &RepositoryName| {
        args.repositories
            .as_ref()
            .is_none_or(|glob| glob.matches(name.as_str()))
            && policy.in_scope(name)
            && rules(args, policy).any(|rule| rule.applies_to(name))
    };
    let names: Vec<RepositoryName> = sides.repositories().await?;
    let looks: Vec<_> = names
        .into_iter()
        .filter(wanted)
        .map(|name| look(args, policy, sides, name))
        .collect();
    let mut looks = stream::iter(looks).buffer_unordered(JOBS);
    while let Some((name, comparison)) = looks.try_next().await? {
        found(name, comparison);
    }
    Ok(())
}

async fn look(
    args: &CopiesArgs,
    policy: &Policy,
    sides: &Sides,
    name: RepositoryName,
) -> Result<(RepositoryName, Comparison), CliError> {
    let source = Arc::new(sides.source_tags(&name).await?);
    let mut all = Comparison::default();
    for rule in rules(args, policy).filter(|rule| rule.applies_to(&name)) {
        let selected = rule.selected(
            source
                .iter()
                .filter(|(tag, _)| !policy.ignores_tag(tag))
                .map(|(tag, found)| (tag, found.pushed_at)),
        );
        for (index, target) in rule.to.iter().enumerate() {
            if selected.is_empty() {
                all.add(Pair::new(rule, index, target));
                continue;
            }
            let names = selected.iter().filter_map(|tag| target.tag_for(tag).ok());
            let there = sides.target_tags(target, &name, names.collect()).await?;
            all.add(compare(rule, index, &name, &source, &selected, &there));
        }
    }
    Ok((name, all))
}
