//! `steward explain`: what the functions would do with an event or an image, and why.
//!
//! The decisions are those of the functions' own `plan`; nothing is decided here.

mod human;
mod known;

use std::path::Path;

use jiff::Timestamp;
use replicator::plan as replication;
use serde::Serialize;
use serde_json::{Value, json};
use steward_core::event::StewardEvent;
use steward_core::event::incoming::{self, Detail, Incoming};
use steward_core::policy::Policy;
use steward_core::{Mode, RegistryHost};
use tag_guard::plan as tagging;

use crate::access::Access;
use crate::cli::{ExplainArgs, Format};
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::facts::RegistryFacts;
use crate::input;
use crate::live::{self, Wanted};
use crate::output::Output;
use crate::running;

/// Explains one event, or one image, under one policy.
pub fn run(args: &ExplainArgs, output: &mut Output) -> Result<Exit, CliError> {
    let files = [Some(&args.policy), args.event.as_ref(), args.facts.as_ref()];
    input::refuse_second_stdin(files.into_iter().flatten().map(AsRef::as_ref))?;
    let (policy, policy_name) = input::policy(&args.policy)?;
    let now = args.now.unwrap_or_else(Timestamp::now);
    let explanation = match (&args.event, &args.registry, &args.repository, &args.tag) {
        (Some(event), ..) => of_event(event, args, &policy, now, output)?,
        (None, Some(registry), Some(repository), Some(tag)) => {
            let insecure = args.connection.insecure_host(registry)?;
            let access = Access::of_process(insecure, args.connection.trust.clone())?;
            let wanted = Wanted::of(&policy, repository, std::slice::from_ref(tag));
            let facts = live::facts_of(&access, registry, repository, tag, wanted, now);
            let facts = running::to_the_end(facts, "nothing was changed; run it again")?;
            of_image(registry, facts, &policy)
        }
        _ => {
            return Err(CliError::Internal {
                what: "find out what to explain",
                source: "neither an event nor an image".into(),
            });
        }
    };
    match output.format() {
        Format::Json => output.json(&explanation)?,
        Format::Human => output.result(&human::render(&explanation, &policy, &policy_name)),
    }
    Ok(Exit::Ok)
}

fn of_event(
    path: &Path,
    args: &ExplainArgs,
    policy: &Policy,
    now: Timestamp,
    output: &Output,
) -> Result<Explanation, CliError> {
    let text = input::read(path, input::MAX_EVENT_BYTES)?;
    let event = incoming::parse(&text).map_err(|source| CliError::Event {
        name: input::display_name(path),
        source,
    })?;
    let registry = match (&args.facts, event.image_action()) {
        (Some(path), Some(action)) => Some(RegistryFacts::read(path, &action.repository, now)?),
        (Some(_), None) => {
            output.warn(&format!(
                "--facts is not needed for {:?}: nothing about it is looked up in the registry",
                event.envelope.detail_type
            ));
            None
        }
        (None, _) => None,
    };
    let facts = tagging::said_by(&event, now).map(|said| match &registry {
        None => said,
        Some(registry) => registry.complete(said),
    });
    let source = match (event.image_action(), &registry) {
        (None, _) => Source::None,
        (Some(_), None) => Source::Event,
        (Some(_), Some(_)) => Source::File,
    };
    let notifier = match &event.detail {
        Detail::Steward(own) => Answer::Plan {
            plan: notifier::plan::plan(own, policy),
            tells: Vec::new(),
        },
        _ => Answer::nothing("it only handles the events that ecr-steward sends"),
    };
    Ok(Explanation {
        event: Some(EventSummary::of(&event)),
        image: None,
        mode: policy.mode,
        facts: source,
        functions: Functions {
            tag_guard: tag_guard(policy, Some(&event), facts.as_ref()),
            replicator: replicator(policy, &event, registry.as_ref()),
            notifier,
        },
        facts_used: facts,
    })
}

fn of_image(registry: &RegistryHost, facts: tagging::Facts, policy: &Policy) -> Explanation {
    // What would come if the image were pushed now; only ECR sends such events.
    let event = facts.registry.as_ref().and_then(|home| {
        let event = json!({
            "version": "0", "id": "explain", "detail-type": "ECR Image Action",
            "source": "aws.ecr", "account": home.account, "region": home.region,
            "time": facts.event.now, "resources": [],
            "detail": {
                "result": "SUCCESS", "action-type": "PUSH",
                "repository-name": facts.repository, "image-tag": facts.tag,
                "image-digest": facts.digest(),
            },
        });
        incoming::parse(event.to_string()).ok()
    });
    let replicator = match &event {
        None => Answer::nothing("it only handles pushes to ECR"),
        Some(event) => replicator(policy, event, None),
    };
    Explanation {
        event: None,
        image: Some(ImageSummary {
            registry: registry.clone(),
            repository: facts.repository.to_string(),
            tag: facts.tag.to_string(),
            digest: facts.digest().map(ToString::to_string),
        }),
        mode: policy.mode,
        facts: Source::Registry,
        functions: Functions {
            tag_guard: tag_guard(policy, event.as_ref(), Some(&facts)),
            replicator,
            notifier: Answer::nothing("it only handles the events that ecr-steward sends"),
        },
        facts_used: Some(facts),
    }
}

/// Everything that is said; its JSON form is part of the command's interface.
#[derive(Debug, Serialize)]
struct Explanation {
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<EventSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<ImageSummary>,
    /// The policy's own mode; rules may have another.
    mode: Mode,
    facts: Source,
    /// What the tag guard decides about.
    #[serde(skip_serializing_if = "Option::is_none")]
    facts_used: Option<tagging::Facts>,
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
    /// `--registry`.
    Registry,
    /// None are needed.
    None,
}

/// An image of a registry.
#[derive(Debug, Serialize)]
struct ImageSummary {
    registry: RegistryHost,
    repository: String,
    tag: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
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

/// Why there is no plan for an event that names no tag to decide about.
fn without_facts(event: &Incoming) -> Option<&'static str> {
    match &event.detail {
        Detail::ApiCall(_) => Some(
            "of a PutImage call it remembers who pushed, and tells it where the image was told about \
             already; other calls are nothing to it",
        ),
        Detail::Review(_) => Some(
            "it decides about the tag again, from what the registry says then: give --repository, --tag \
             and --registry to see how",
        ),
        Detail::ReferrerAction(_) => Some(
            "it decides again about the image that this refers to, where a rule waits for a referrer: \
             only the registry knows which one",
        ),
        _ if event.is_push() || event.is_delete() => None,
        _ => Some("it only handles pushes, deletions, referrers, reviews and PutImage calls"),
    }
}

fn tag_guard(
    policy: &Policy,
    event: Option<&Incoming>,
    facts: Option<&tagging::Facts>,
) -> Answer<tagging::Plan> {
    if let Some(why) = event.and_then(without_facts) {
        return Answer::nothing(why);
    }
    let Some(facts) = facts else {
        return Answer::nothing("the event names no tag, so there is none to check");
    };
    let plan = tagging::plan(facts, policy);
    let told = event.and_then(|event| tag_guard::foretell(event, &plan));
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
