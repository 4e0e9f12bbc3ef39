//! The look at all repositories, one after the other, on both sides.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use steward_core::RepositoryName;
use steward_core::policy::Policy;
use steward_registry::PlatformFilter;

use super::parts::Parts;
use super::{Comparison, Pair, Sides, Unread, compare, rules};
use crate::cli::CopiesArgs;
use crate::error::CliError;
use crate::exit_code::Exit;

/// Repositories that are listed at the same time.
const JOBS: usize = 8;
/// A target that did not answer so many times in a row is away, and is not asked again: each try takes
/// seconds, and there may be thousands of repositories.
const AWAY: u32 = 3;

/// Lists and compares all repositories of the source; `found` is told of each, in no order. A target
/// that cannot be read is part of what is found.
///
/// # Errors
///
/// When the source fails or refuses.
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
    let silent = Silent::default();
    let names: Vec<RepositoryName> = sides.repositories().await?;
    let looks: Vec<_> = names
        .into_iter()
        .filter(wanted)
        .map(|name| look(args, policy, sides, &silent, name))
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
    silent: &Silent,
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
        let filter = PlatformFilter::new(rule.platforms.iter().cloned());
        let mut parts = filter.map(|filter| Parts::new(sides, &name, filter));
        for (index, target) in rule.to.iter().enumerate() {
            let mut pair = Pair::new(rule, index, target);
            let away = (pair.rule.clone(), index);
            if selected.is_empty() {
                all.add(pair);
                continue;
            }
            if silent.is_away(&away) {
                pair.not_compared += selected.len() as u64;
                all.add(pair);
                continue;
            }
            let names = selected.iter().filter_map(|tag| target.tag_for(tag).ok());
            match sides.target_tags(target, &name, names.collect()).await {
                Ok(there) => {
                    silent.answered(&away);
                    pair = compare(rule, index, &name, &source, &selected, &there);
                    if let Some(parts) = &mut parts {
                        let different = std::mem::take(&mut pair.missing);
                        parts.read(&different).await;
                        for copy in different {
                            let wanted = parts.of(&copy.digest);
                            pair.settle(copy, wanted);
                        }
                    }
                }
                Err(failure) => {
                    if failure.exit() == Exit::Transient {
                        silent.failed(&away);
                    }
                    let to = match target.repository_for(&name) {
                        Ok(path) => format!("{}/{path}", target.registry),
                        Err(_) => target.registry.to_string(),
                    };
                    let unread = Unread::new(to, failure.error_type(), &failure);
                    pair.unread(selected.len() as u64, unread);
                }
            }
            all.add(pair);
        }
    }
    Ok((name, all))
}

/// How many times in a row each target of a rule did not answer.
#[derive(Default)]
struct Silent(Mutex<HashMap<(String, usize), u32>>);

impl Silent {
    fn is_away(&self, target: &(String, usize)) -> bool {
        self.with(|silent| silent.get(target).is_some_and(|times| *times >= AWAY))
    }

    fn answered(&self, target: &(String, usize)) {
        self.with(|silent| silent.remove(target));
    }

    fn failed(&self, target: &(String, usize)) {
        self.with(|silent| *silent.entry(target.clone()).or_default() += 1);
    }

    fn with<T>(&self, f: impl FnOnce(&mut HashMap<(String, usize), u32>) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_away_after_three_silences_in_a_row() {
        let silent = Silent::default();
        let (one, other) = (("a".to_owned(), 0), ("a".to_owned(), 1));
        silent.failed(&one);
        silent.failed(&one);
        silent.answered(&one);
        for _ in 0..2 {
            silent.failed(&one);
            assert!(!silent.is_away(&one));
        }
        silent.failed(&one);
        assert!(silent.is_away(&one) && !silent.is_away(&other));
    }
}
