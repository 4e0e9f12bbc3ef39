//! `AWS Service Event via CloudTrail` of ECR: runs of a lifecycle policy.

use jiff::Timestamp;

use super::api_call::first_resource;
use crate::event::arn::RepositoryArn;
use crate::event::error::EventError;
use crate::event::reader::{Kind, Milliseconds, Node, Read};
use crate::{Digest, RepositoryName, Tag};

/// A lifecycle policy ran, really or as a preview.
///
/// A run that removes ten or more images is split into several events, and at most 100 tags of an
/// image are listed (ECR user guide, "Logging Amazon ECR actions with AWS CloudTrail"). A run with
/// nothing to do has no actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifecycleRun {
    /// True for a preview, which removes nothing.
    pub preview: bool,
    /// CloudTrail's id of the event.
    pub event_id: Option<String>,
    /// The repository.
    pub repository: RepositoryName,
    /// The policy that ran.
    pub policy: Option<LifecyclePolicyRun>,
    /// What it removed or archived.
    pub actions: Vec<LifecycleAction>,
    /// What it could not.
    pub failures: Vec<LifecycleFailure>,
}

/// The policy as it was when it ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifecyclePolicyRun {
    /// Its id.
    pub id: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// When it last ran before; 1970 when it never did.
    pub last_evaluated_at: Option<Timestamp>,
    /// Its rules.
    pub rules: Vec<LifecycleRule>,
}

/// One rule of the policy. CloudTrail writes its words for people (`Image count more than`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifecycleRule {
    /// Lower goes first.
    pub priority: u64,
    /// What its author says about it.
    pub description: Option<String>,
    /// `expire` or `transition`.
    pub action: Option<String>,
    /// `Tagged`, `Untagged` or `Any`.
    pub tag_status: Option<String>,
    /// Prefixes of tags that it selects.
    pub tag_prefixes: Vec<String>,
    /// Patterns of tags that it selects.
    pub tag_patterns: Vec<String>,
    /// What is counted.
    pub count_type: Option<String>,
    /// Its unit.
    pub count_unit: Option<String>,
    /// How many.
    pub count_number: Option<u64>,
}

/// What a rule did to one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifecycleAction {
    /// The image.
    pub image: LifecycleImage,
    /// Priority of the rule.
    pub rule_priority: Option<u64>,
}

/// What a rule could not do to one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifecycleFailure {
    /// The image.
    pub image: LifecycleImage,
    /// Priority of the rule.
    pub rule_priority: Option<u64>,
    /// Why, as a code such as `ImageReferencedByManifestList`.
    pub code: Option<String>,
    /// Why, in words.
    pub reason: Option<String>,
}

/// An image that a rule selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifecycleImage {
    /// The image.
    pub digest: Digest,
    /// `Tagged` or `Untagged`.
    pub tag_status: Option<String>,
    /// Its tags, at most 100 of them.
    pub tags: Vec<Tag>,
    /// When it was pushed.
    pub pushed_at: Option<Timestamp>,
}

const RUN: &str = "PolicyExecutionEvent";
const PREVIEW: &str = "DryRunEvent";

impl LifecycleRun {
    /// The event names that stand for a run.
    pub(super) const NAMES: [&'static str; 2] = [RUN, PREVIEW];
}

impl Read for LifecycleRun {
    const KIND: Kind = Kind {
        what: "a lifecycle run",
        expected: "{…}",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        let name: String = node.get("eventName")?;
        let details = node.need("serviceEventDetails", "an object")?;
        let repository = match details.find("repositoryName")? {
            Some(repository) => repository,
            None => repository_of_record(node)?,
        };
        Ok(Self {
            preview: name == PREVIEW,
            event_id: node.note("eventID")?,
            repository,
            policy: details.find("lifecycleEventPolicy")?,
            actions: details.list("lifecycleEventImageActions")?,
            failures: details.list("lifecycleEventFailureDetails")?,
        })
    }
}

fn repository_of_record(node: &Node<'_>) -> Result<RepositoryName, EventError> {
    first_resource(node)?
        .map(|arn: RepositoryArn| arn.repository)
        .ok_or_else(|| EventError::Missing {
            path: "detail.serviceEventDetails.repositoryName".to_owned(),
            what: RepositoryName::KIND.what,
        })
}

impl Read for LifecyclePolicyRun {
    const KIND: Kind = Kind {
        what: "a lifecycle policy",
        expected: "{…}",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        Ok(Self {
            id: node.note("policyId")?,
            version: node.note("policyVersion")?,
            last_evaluated_at: node.find::<Milliseconds>("lastEvaluatedAt")?.map(|x| x.0),
            rules: node.list("lifecycleEventRules")?,
        })
    }
}

impl Read for LifecycleRule {
    const KIND: Kind = Kind {
        what: "a lifecycle rule",
        expected: "{…}",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        let mut rule = Self {
            priority: node.get("rulePriority")?,
            description: node.note("description")?,
            action: node.note("action")?,
            tag_status: None,
            tag_prefixes: Vec::new(),
            tag_patterns: Vec::new(),
            count_type: None,
            count_unit: None,
            count_number: None,
        };
        if let Some(selection) = node.child("lifecycleEventSelection")? {
            rule.tag_status = selection.note("tagStatus")?;
            rule.tag_prefixes = selection.list("tagPrefixList")?;
            rule.tag_patterns = selection.list("tagPatternList")?;
            rule.count_type = selection.note("countType")?;
            rule.count_unit = selection.note("countUnit")?;
            rule.count_number = selection.find("countNumber")?;
        }
        Ok(rule)
    }
}

impl Read for LifecycleAction {
    const KIND: Kind = Kind {
        what: "a lifecycle action",
        expected: "{…}",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        Ok(Self {
            image: node.get("lifecycleEventImage")?,
            rule_priority: node.find("rulePriority")?,
        })
    }
}

impl Read for LifecycleFailure {
    const KIND: Kind = Kind {
        what: "a lifecycle failure",
        expected: "{…}",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        Ok(Self {
            image: node.get("lifecycleEventImage")?,
            rule_priority: node.find("rulePriority")?,
            code: node.note("failureCode")?,
            reason: node.note("failureReason")?,
        })
    }
}

impl Read for LifecycleImage {
    const KIND: Kind = Kind {
        what: "an image",
        expected: "{…}",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        Ok(Self {
            digest: node.get("digest")?,
            tag_status: node.note("tagStatus")?,
            tags: node.list("tagList")?,
            pushed_at: node.find::<Milliseconds>("pushedAt")?.map(|x| x.0),
        })
    }
}
