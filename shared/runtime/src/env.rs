//! The environment variables of the functions, in one place.
//!
//! Everything is read through [`Strings`] and checked at once, so that one cold start shows every
//! mistake. `docs/ENVIRONMENT.md` is [`markdown`]'s output.

mod document;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

use crate::policy::PolicyLocation;

pub use document::{VARIABLES, Variable, markdown};

/// How many records of a batch are handled at the same time where nobody says otherwise. The
/// template hands the replicator no larger batches than that.
const DEFAULT_CONCURRENCY: usize = 4;

/// Where settings come from: the process, or a map in tests.
pub trait Strings {
    /// The value of a variable; absent when it is not set.
    fn get(&self, name: &str) -> Option<String>;
}

/// The process's own environment.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnvironment;

impl Strings for ProcessEnvironment {
    fn get(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

impl Strings for BTreeMap<&str, &str> {
    fn get(&self, name: &str) -> Option<String> {
        BTreeMap::get(self, name).map(|&x| x.to_owned())
    }
}

impl Strings for HashMap<String, String> {
    fn get(&self, name: &str) -> Option<String> {
        HashMap::get(self, name).cloned()
    }
}

/// What a function is told by its environment.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the policy is.
    pub policy: PolicyLocation,
    /// How long a policy is used before it is looked at again.
    pub policy_refresh: Duration,
    /// Name of the state table.
    pub state_table: Option<String>,
    /// The bus for events out.
    pub event_bus: String,
    /// The dead-letter queue.
    pub dlq_url: Option<String>,
    /// The function's own queue.
    pub queue_url: Option<String>,
    /// The ARN of the function's own role.
    pub role: Option<String>,
    /// Schedules for what waits longer than a queue can keep it.
    pub schedules: Option<ScheduleSettings>,
    /// The queue's `maxReceiveCount`.
    pub max_receives: Option<u32>,
    /// The first back-off after a transient failure.
    pub retry_base: Duration,
    /// How many records of a batch are handled at the same time.
    pub concurrency: usize,
    /// The size in bytes from which an image is copied blob by blob, by many runs.
    #[cfg(feature = "registry")]
    pub split_bytes: u64,
    /// Other addresses for registries.
    #[cfg(feature = "registry")]
    pub registry_endpoints: steward_registry::EndpointOverrides,
    /// The tracing filter.
    pub log: String,
    /// The function's name in AWS.
    pub function_name: String,
    /// The function's version in AWS.
    pub function_version: String,
}

/// Where one-time schedules are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleSettings {
    /// The group that they belong to.
    pub group: String,
    /// The role that may send to the function's own queue.
    pub role_arn: String,
}

/// Every mistake of the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsErrors(pub Vec<SettingsError>);

impl fmt::Display for SettingsErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for SettingsErrors {}

/// One mistake of the environment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A variable that the function needs is not set.
    #[error("{name} is not set (expected {expected})")]
    Missing {
        /// The variable.
        name: &'static str,
        /// What a valid value is.
        expected: &'static str,
    },
    /// A variable has a value that makes no sense.
    #[error("{name} is {value:?} (expected {expected})")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// What it is.
        value: String,
        /// What a valid value is.
        expected: String,
    },
}

impl Settings {
    /// Reads and checks all variables.
    ///
    /// # Errors
    ///
    /// Every mistake, not only the first.
    pub fn from_strings(strings: &dyn Strings) -> Result<Self, SettingsErrors> {
        let mut reader = Reader {
            strings,
            errors: Vec::new(),
        };
        let policy = reader.required("STEWARD_POLICY", PolicyLocation::EXPECTED, |x| {
            x.parse::<PolicyLocation>().ok()
        });
        let function_name = reader.required("AWS_LAMBDA_FUNCTION_NAME", SET_BY_LAMBDA, some);
        let function_version = reader.required("AWS_LAMBDA_FUNCTION_VERSION", SET_BY_LAMBDA, some);
        reader.required("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", SET_BY_LAMBDA, |x| {
            x.parse::<i32>().ok()
        });
        reader.required("AWS_LAMBDA_RUNTIME_API", SET_BY_LAMBDA, some);
        let url = "a queue URL, https://sqs.<region>.amazonaws.com/<account>/<name>";
        let policy_refresh = reader.seconds("STEWARD_POLICY_REFRESH", 60, 1..=86_400);
        let state_table = reader.optional("STEWARD_STATE_TABLE", "a table name", some);
        let event_bus = reader.optional("STEWARD_EVENT_BUS", "a bus name or ARN", some);
        let dlq_url = reader.optional("STEWARD_DLQ_URL", url, queue_url);
        let queue = reader.optional("STEWARD_QUEUE_URL", url, queue_url);
        let role = reader.optional("STEWARD_ROLE", ROLE_ARN, role_arn);
        let schedules = reader.schedules();
        let max_receives = reader.optional(
            "STEWARD_MAX_RECEIVES",
            "the queue's maxReceiveCount, from 1 to 1000",
            |x| number(x, &(1..=1000)),
        );
        let retry_base = reader.seconds("STEWARD_RETRY_BASE", 20, 0..=900);
        let concurrency = reader.optional("STEWARD_CONCURRENCY", "a number from 1 to 64", |x| {
            number(x, &(1..=64)).and_then(|x| usize::try_from(x).ok())
        });
        #[cfg(feature = "registry")]
        let split_bytes = reader.optional("STEWARD_SPLIT_BYTES", "a number of bytes", |x| {
            x.parse::<u64>().ok().filter(|x| *x > 0)
        });
        #[cfg(feature = "registry")]
        let registry_endpoints = reader.optional(
            "STEWARD_REGISTRY_ENDPOINTS",
            "a comma list of pattern=http://host:port",
            |x| x.parse().ok(),
        );
        let log = reader.optional(
            "STEWARD_LOG",
            "a level (error, warn, info, debug, trace) or a comma list of target=level",
            |x| crate::logs::is_filter(x).then(|| x.to_owned()),
        );
        let errors = reader.errors;
        match (policy, function_name, function_version) {
            (Some(policy), Some(function_name), Some(function_version)) if errors.is_empty() => {
                Ok(Self {
                    policy,
                    policy_refresh,
                    state_table,
                    event_bus: event_bus.unwrap_or_else(|| "default".to_owned()),
                    dlq_url,
                    queue_url: queue,
                    role,
                    schedules,
                    max_receives,
                    retry_base,
                    concurrency: concurrency.unwrap_or(DEFAULT_CONCURRENCY),
                    #[cfg(feature = "registry")]
                    split_bytes: split_bytes.unwrap_or(8 << 30),
                    #[cfg(feature = "registry")]
                    registry_endpoints: registry_endpoints.unwrap_or_default(),
                    log: log.unwrap_or_else(|| "info".to_owned()),
                    function_name,
                    function_version,
                })
            }
            _ => Err(SettingsErrors(errors)),
        }
    }
}

const SET_BY_LAMBDA: &str = "the value that Lambda sets; this program is started by Lambda";

struct Reader<'a> {
    strings: &'a dyn Strings,
    errors: Vec<SettingsError>,
}

impl Reader<'_> {
    /// An empty value counts as not set: templates cannot leave a variable out.
    fn optional<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.strings.get(name).filter(|x| !x.is_empty())?;
        let parsed = parse(&value);
        if parsed.is_none() {
            self.errors.push(SettingsError::Invalid {
                name,
                value,
                expected: expected.to_owned(),
            });
        }
        parsed
    }

    fn required<T>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let before = self.errors.len();
        let value = self.optional(name, expected, parse);
        if value.is_none() && self.errors.len() == before {
            self.errors.push(SettingsError::Missing { name, expected });
        }
        value
    }

    /// Both or neither: half of it would wait in the queue without a word.
    fn schedules(&mut self) -> Option<ScheduleSettings> {
        const GROUP: (&str, &str) = ("STEWARD_SCHEDULE_GROUP", "the name of a schedule group");
        const ROLE: (&str, &str) = ("STEWARD_SCHEDULE_ROLE", ROLE_ARN);
        let group = self.optional(GROUP.0, GROUP.1, some);
        let errors = self.errors.len();
        let role_arn = self.optional(ROLE.0, ROLE.1, role_arn);
        let (name, expected) = match (group, role_arn) {
            (Some(group), Some(role_arn)) => return Some(ScheduleSettings { group, role_arn }),
            (None, None) => return None,
            (Some(_), None) if self.errors.len() > errors => return None,
            (Some(_), None) => ROLE,
            (None, Some(_)) => GROUP,
        };
        self.errors.push(SettingsError::Missing { name, expected });
        None
    }

    fn seconds(
        &mut self,
        name: &'static str,
        default: u32,
        range: std::ops::RangeInclusive<u32>,
    ) -> Duration {
        let expected = format!("seconds from {} to {}", range.start(), range.end());
        let seconds = self.optional(name, &expected, |x| number(x, &range));
        Duration::from_secs(u64::from(seconds.unwrap_or(default)))
    }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn number(text: &str, range: &std::ops::RangeInclusive<u32>) -> Option<u32> {
    text.parse().ok().filter(|x| range.contains(x))
}

const ROLE_ARN: &str = "the ARN of a role, arn:aws:iam::<account>:role/<name>";

fn role_arn(text: &str) -> Option<String> {
    let is_role = text.starts_with("arn:") && text.contains(":role/");
    is_role.then(|| text.to_owned())
}

fn queue_url(text: &str) -> Option<String> {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))?;
    let (host, path) = rest.split_once('/')?;
    (!host.is_empty() && !path.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
