//! `steward explain`: what the functions would do with an event, and why.
//!
//! The decisions are those of the functions' own `plan`; nothing is decided here.

mod human;

use replicator::plan as replication;
use serde::Serialize;
use serde_json::Value;
use steward_core::Mode;
use steward_core::event::StewardEvent;
use steward_core::event::incoming::{self, Detail, Incoming};
use steward_core::facts::ImageFacts;
use steward_core::policy::Policy;
use tag_guard::plan as tagging;

use crate::cli::{ExplainArgs, Format};
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::facts::RegistryFacts;
use crate::input;
use crate::output::Output;

/// Explains one event under one policy.
pub fn run(args: &ExplainArgs, output: &mut Output) -> Result<Exit, CliError> {
    let files = [Some(&args.policy), Some(&args.event), args.facts.as_ref()];
    input::refuse_second_stdin(files.into_iter().flatten().map(AsRef::as_ref))?;
    let policy_name = input::display_name(&args.policy);
    let text = input::read(&args.policy, input::MAX_POLICY_BYTES)?;
    let policy =
        Policy::parse(&text, &policy_name).map_err(|source| CliError::Policy { source })?;
    let text = input::read(&args.event, input::MAX_EVENT_BYTES)?;
    let event = incoming::parse(&text).map_err(|source| CliError::Event {
        name: input::display_name(&args.event),
        source,
    })?;
    let facts = match (&args.facts, event.image_action()) {
        (Some(path), Some(action)) => Some(RegistryFacts::read(path, &action.repository)?),
        (Some(_), None) => {
            output.warn(&format!(
                "--facts is not needed for {:?}: nothing about it is looked up in the registry",
                event.envelope.detail_type
            ));
            None
        }
        (None, _) => None,
    };
    let explanation = explain(&policy, &event, facts.as_ref());
    match output.format() {
        Format::Json => output.json(&explanation)?,
        Format::Human => output.result(&human::render(&explanation, &policy, &policy_name)),
    }
    Ok(Exit::Ok)
}

/// Everything that is said about an event; its JSON form is part of the command's interface.
#[derive(Debug, Serialize)]
struct Explanation {
    event: EventSummary,
    /// The policy's own mode; rules may have another.
    mode: Mode,
    facts: Source,
    functions: Functions,
}

/// Where the facts come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Source {
    /// The event is taken at its word.
    Event,
    /// `--facts`.
    File,
    /// None are needed.
    None,
}

#[derive(Debug, Serialize)]
struct EventSummary {
    id: String,
    detail_type: String,
    source: String,
    account: String,
    region: String,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
}

impl EventSummary {
    fn of(event: &Incoming) -> Self {
        let envelope = &event.envelope;
        Self {
            id: envelope.id.clone(),
            detail_type: envelope.detail_type.clone(),
            source: envelope.source.clone(),
            account: envelope.account.to_string(),
            region: envelope.region.to_string(),
            time: envelope.time.to_string(),
            action: event
                .image_action()
                .map(|action| format!("{} {}", action.action.as_str(), action.result.as_str())),
            repository: event.repository().map(ToString::to_string),
            tag: event.tag().map(ToString::to_string),
            digest: event.digest().map(ToString::to_string),
        }
    }
}

/// The functions by name.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Functions {
    tag_guard: Answer<tagging::Plan>,
    replicator: Answer<replication::Plan>,
    notifier: Answer<notifier::plan::Plan>,
}

/// What one function does with the event.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Answer<P> {
    /// Nothing.
    Nothing { nothing: String },
    /// It decides, and tells of it.
    Plan {
        /// The value that the function logs.
        plan: P,
        /// What it tells where nothing fails.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tells: Vec<Told>,
    },
}

impl<P> Answer<P> {
    fn nothing(why: impl Into<String>) -> Self {
        Self::Nothing {
            nothing: why.into(),
        }
    }
}

/// One event that a function puts on the bus, and what the notifier does with it.
#[derive(Debug, Serialize)]
struct Told {
    detail_type: &'static str,
    detail: Value,
    /// The notifier's own plan.
    notifications: notifier::plan::Plan,
}

impl Told {
    fn new(event: &StewardEvent, policy: &Policy) -> Self {
        Self {
            detail_type: event.detail_type.as_str(),
            detail: event.to_detail(),
            notifications: notifier::plan::plan(event, policy),
        }
    }
}

fn explain(policy: &Policy, event: &Incoming, facts: Option<&RegistryFacts>) -> Explanation {
    let notifier = match &event.detail {
        Detail::Steward(own) => Answer::Plan {
            plan: notifier::plan::plan(own, policy),
            tells: Vec::new(),
        },
        _ => Answer::nothing("it only handles the events that ecr-steward sends"),
    };
    Explanation {
        event: EventSummary::of(event),
        mode: policy.mode,
        facts: match (event.image_action(), facts) {
            (None, _) => Source::None,
            (Some(_), None) => Source::Event,
            (Some(_), Some(_)) => Source::File,
        },
        functions: Functions {
            tag_guard: tag_guard(policy, event, facts),
            replicator: replicator(policy, event, facts),
            notifier,
        },
    }
}

fn tag_guard(
    policy: &Policy,
    event: &Incoming,
    registry: Option<&RegistryFacts>,
) -> Answer<tagging::Plan> {
    if !(event.is_push() || event.is_delete()) {
        return Answer::nothing("it only handles successful pushes of images");
    }
    let Some(said) = tagging::said_by(event, jiff::Timestamp::now()) else {
        return Answer::nothing("the push has no tag, so there is none to check");
    };
    let facts = match registry {
        None => said,
        Some(registry) => tagging::Facts {
            image: registry
                .digest_of(&said.tag)
                .map(|digest| ImageFacts::new(digest.clone(), registry.tags_of(digest))),
            ..said
        },
    };
    let plan = tagging::plan(&facts, policy);
    let told = tag_guard::foretell(event, &plan);
    Answer::Plan {
        tells: told.iter().map(|told| Told::new(told, policy)).collect(),
        plan,
    }
}

fn replicator(
    policy: &Policy,
    event: &Incoming,
    registry: Option<&RegistryFacts>,
) -> Answer<replication::Plan> {
    let concerned = event.is_push() || event.is_referrer_push();
    let Some(push) = event.image_action().filter(|_| concerned) else {
        return Answer::nothing("it only handles successful pushes");
    };
    let Incoming { envelope, .. } = event;
    let said = replication::Facts::from_event(&envelope.account, &envelope.region, push);
    let Some(said) = said else {
        return Answer::nothing(
            "the push has no tag: children are copied with their index, and for a signature, SBOM \
             or attestation the tags of the image that it refers to decide, which only the \
             registry knows",
        );
    };
    let facts = match registry {
        None => said,
        Some(registry) => replication::Facts {
            digest: registry.digest_of(&said.tag).cloned(),
            ..said
        },
    };
    let plan = replication::plan(&facts, policy);
    let told = replicator::foretell(event, &facts, &plan);
    Answer::Plan {
        tells: told.iter().map(|told| Told::new(told, policy)).collect(),
        plan,
    }
}
