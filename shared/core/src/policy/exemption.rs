use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{RepositorySet, TagSet};
use crate::names::{RepositoryName, Tag};

/// Images that a rule lets pass for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemption {
    /// The repositories; `None`: all that the rule watches.
    pub repositories: Option<RepositorySet>,
    /// The tags; `None`: all.
    pub tags: Option<TagSet>,
    /// The last day on which it holds, in UTC.
    pub until: Date,
    /// Why.
    pub reason: String,
}

/// Whether an exemption holds on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExemptionState {
    /// It holds.
    Holds {
        /// How many days are left; 0 on its last day.
        days_left: u32,
    },
    /// It held once.
    Ended {
        /// How many days ago its last day was; at least 1.
        days_ago: u32,
    },
}

impl ExemptionState {
    /// How many days before its end an exemption is spoken of.
    pub const SOON: u32 = 14;

    /// Whether it holds.
    #[must_use]
    pub const fn holds(self) -> bool {
        matches!(self, Self::Holds { .. })
    }

    /// Whether it holds, and ends so soon that somebody should know.
    #[must_use]
    pub const fn ends_soon(self) -> bool {
        matches!(self, Self::Holds { days_left } if days_left < Self::SOON)
    }
}

impl Exemption {
    /// Whether it speaks about an image, today or not.
    #[must_use]
    pub fn covers(&self, repository: &RepositoryName, tag: &Tag) -> bool {
        self.repositories
            .as_ref()
            .is_none_or(|set| set.contains(repository))
            && self.tags.as_ref().is_none_or(|set| set.contains(tag))
    }

    /// Whether it holds on a day.
    #[must_use]
    pub fn holds(&self, today: Date) -> bool {
        today <= self.until
    }

    /// Whether it holds at a time, and for how long.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> ExemptionState {
        let today = now.to_zoned(TimeZone::UTC).date();
        let days = today.duration_until(self.until).as_hours() / 24;
        let count = u32::try_from(days.unsigned_abs()).unwrap_or(u32::MAX);
        if self.holds(today) {
            ExemptionState::Holds { days_left: count }
        } else {
            ExemptionState::Ended { days_ago: count }
        }
    }
}

/// What a list of exemptions says about an image: the one that holds longest, else the one that
/// ended last.
#[must_use]
pub(super) fn exemption_for<'e>(
    exemptions: &'e [Exemption],
    repository: &RepositoryName,
    tag: &Tag,
    now: Timestamp,
) -> Option<(&'e Exemption, ExemptionState)> {
    exemptions
        .iter()
        .filter(|exemption| exemption.covers(repository, tag))
        .max_by_key(|exemption| exemption.until)
        .map(|exemption| (exemption, exemption.state(now)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{RepositoryGlob, TagPattern};

    fn exemption(until: &str) -> Exemption {
        Exemption {
            repositories: Some(RepositorySet {
                include: vec![RepositoryGlob::new("prod/batch").unwrap()],
                exclude: Vec::new(),
            }),
            tags: Some(TagSet {
                patterns: vec![TagPattern::new("legacy-*").unwrap()],
            }),
            until: until.parse().unwrap(),
            reason: "ordered".to_owned(),
        }
    }

    #[test]
    fn an_exemption_holds_until_the_end_of_its_day() {
        let one = exemption("2027-01-31");
        let state = |now: &str| one.state(now.parse().unwrap());
        assert_eq!(
            state("2027-01-31T23:59:59.999Z"),
            ExemptionState::Holds { days_left: 0 }
        );
        assert_eq!(
            state("2027-02-01T00:00:00Z"),
            ExemptionState::Ended { days_ago: 1 }
        );
        let early = state("2027-01-17T12:00:00Z");
        assert_eq!(early, ExemptionState::Holds { days_left: 14 });
        assert!(early.holds() && !early.ends_soon());
        assert!(state("2027-01-18T00:00:00Z").ends_soon());
        assert!(!state("2027-03-01T00:00:00Z").holds());
        // Midnight in UTC counts, wherever the clock stands.
        assert!(state("2027-02-01T00:30:00+01:00").holds());
    }

    #[test]
    fn of_several_the_longest_counts() {
        let list = [
            exemption("2026-12-01"),
            exemption("2027-01-31"),
            exemption("2026-01-01"),
        ];
        let find = |repository: &str, tag: &str, now: &str| {
            exemption_for(
                &list,
                &repository.parse().unwrap(),
                &tag.parse().unwrap(),
                now.parse().unwrap(),
            )
            .map(|(exemption, state)| (exemption.until.to_string(), state.holds()))
        };
        let held = Some(("2027-01-31".to_owned(), true));
        assert_eq!(find("prod/batch", "legacy-1", "2026-11-23T00:00:00Z"), held);
        let ended = Some(("2027-01-31".to_owned(), false));
        assert_eq!(
            find("prod/batch", "legacy-1", "2027-11-23T00:00:00Z"),
            ended
        );
        assert_eq!(find("prod/app", "legacy-1", "2026-11-23T00:00:00Z"), None);
        assert_eq!(find("prod/batch", "v1.2.3", "2026-11-23T00:00:00Z"), None);
    }
}
