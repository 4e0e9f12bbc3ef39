//! `AWS API Call via CloudTrail` of ECR: who did what.

use jiff::Timestamp;
use serde_json::Value;

use crate::event::arn::RepositoryArn;
use crate::event::error::EventError;
use crate::event::open_enum::open_enum;
use crate::event::reader::{Kind, Node, Read};
use crate::{AccountId, Digest, Region, RepositoryName, Tag};

/// A call of ECR's API. Failed calls arrive as well: see [`ApiCall::succeeded`].
#[derive(Clone, Debug, PartialEq)]
pub struct ApiCall {
    /// Which service was called.
    pub service: ApiSource,
    /// Which operation, such as `CreateRepository`.
    pub name: String,
    /// `AwsApiCall`, or `AwsServiceEvent` for what a service did by itself.
    pub kind: Option<String>,
    /// CloudTrail's id of the call.
    pub event_id: Option<String>,
    /// When.
    pub time: Option<Timestamp>,
    /// Where.
    pub region: Option<Region>,
    /// The account whose resources the call was about.
    pub recipient: Option<AccountId>,
    /// Who called.
    pub identity: UserIdentity,
    /// From where: an address, or the name of a service.
    pub source_ip: Option<String>,
    /// With what.
    pub user_agent: Option<String>,
    /// Why it failed, such as `RepositoryAlreadyExistsException`.
    pub error_code: Option<String>,
    /// The same in words.
    pub error_message: Option<String>,
    /// The repository, where the call names one.
    pub repository: Option<RepositoryName>,
    /// The tag of a `PutImage`.
    pub tag: Option<Tag>,
    /// The digest of a `PutImage`.
    pub digest: Option<Digest>,
    /// What was asked, as CloudTrail records it; null when nothing was.
    pub request: Value,
    /// What was answered; null for calls that change nothing.
    pub response: Value,
}

open_enum! {
    /// The service that was called.
    ApiSource: "a service" {
        /// ECR.
        Ecr = "ecr.amazonaws.com",
        /// ECR's native replication, which makes repositories in the destination.
        EcrReplication = "replication.ecr.amazonaws.com",
    }
}

/// Who called (CloudTrail user guide, "CloudTrail userIdentity element").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserIdentity {
    /// `AssumedRole`, `IAMUser`, `AWSService` …
    pub kind: Option<String>,
    /// ARN of the caller.
    pub arn: Option<String>,
    /// Id of the caller.
    pub principal_id: Option<String>,
    /// Account of the caller.
    pub account: Option<String>,
    /// Name of an IAM user.
    pub user_name: Option<String>,
    /// The service that called on someone's behalf.
    pub invoked_by: Option<String>,
    /// ARN of the role behind a session.
    pub role: Option<String>,
}

impl ApiCall {
    /// Whether ECR did what was asked.
    #[must_use]
    pub const fn succeeded(&self) -> bool {
        self.error_code.is_none()
    }

    /// Whether a repository came to be.
    #[must_use]
    pub fn is_repository_created(&self) -> bool {
        self.succeeded() && self.name == "CreateRepository"
    }

    /// The best name there is for who called: the ARN, else the user's name, else the service.
    #[must_use]
    pub fn who(&self) -> Option<&str> {
        let identity = &self.identity;
        identity
            .arn
            .as_deref()
            .or(identity.user_name.as_deref())
            .or(identity.invoked_by.as_deref())
    }
}

impl Read for ApiCall {
    const KIND: Kind = Kind {
        what: "an API call",
        expected: "{…}",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        let error_code = node.note("errorCode")?;
        let names = Names::read(node);
        // A refused call may have been refused because of its names.
        let names = match (names, &error_code) {
            (Err(_), Some(_)) => Names::default(),
            (names, _) => names?,
        };
        Ok(Self {
            service: node.get("eventSource")?,
            name: node.get("eventName")?,
            kind: node.note("eventType")?,
            event_id: node.note("eventID")?,
            time: node.find("eventTime")?,
            region: node.find("awsRegion")?,
            recipient: node.find("recipientAccountId")?,
            identity: node.find("userIdentity")?.unwrap_or_default(),
            source_ip: node.note("sourceIPAddress")?,
            user_agent: node.note("userAgent")?,
            error_code,
            error_message: node.note("errorMessage")?,
            repository: names.repository,
            tag: names.tag,
            digest: names.digest,
            request: copy(node, "requestParameters")?,
            response: copy(node, "responseElements")?,
        })
    }
}

fn copy(node: &Node<'_>, key: &str) -> Result<Value, EventError> {
    Ok(node.object()?.get(key).cloned().unwrap_or_default())
}

#[derive(Default)]
struct Names {
    repository: Option<RepositoryName>,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

impl Names {
    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        let mut names = Self::default();
        if let Some(request) = node.child("requestParameters")? {
            names.repository = request.find("repositoryName")?;
            names.tag = request.find("imageTag")?;
            names.digest = request.find("imageDigest")?;
        }
        if let Some(response) = node.child("responseElements")? {
            if let (None, Some(made)) = (&names.repository, response.child("repository")?) {
                names.repository = made.find("repositoryName")?;
            }
            if let Some(image) = response.child("image")?
                && let Some(id) = image.child("imageId")?
            {
                names.digest = id.find("imageDigest")?.or(names.digest);
            }
        }
        if names.repository.is_none() {
            names.repository = first_resource(node)?.map(|arn| arn.repository);
        }
        Ok(names)
    }
}

/// The first repository among the resources that CloudTrail lists inside the record.
pub(super) fn first_resource(node: &Node<'_>) -> Result<Option<RepositoryArn>, EventError> {
    let Some(resources) = node.child("resources")? else {
        return Ok(None);
    };
    let arns = resources.each(|resource| resource.note("ARN"))?;
    Ok(arns.into_iter().flatten().find_map(|arn| arn.parse().ok()))
}

impl Read for UserIdentity {
    const KIND: Kind = Kind {
        what: "an identity",
        expected: "{…}",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        Ok(Self {
            kind: node.note("type")?,
            arn: node.note("arn")?,
            principal_id: node.note("principalId")?,
            account: node.note("accountId")?,
            user_name: node.note("userName")?,
            invoked_by: node.note("invokedBy")?,
            role: read_role(node)?,
        })
    }
}

fn read_role(node: &Node<'_>) -> Result<Option<String>, EventError> {
    let Some(session) = node.child("sessionContext")? else {
        return Ok(None);
    };
    match session.child("sessionIssuer")? {
        Some(issuer) => issuer.note("arn"),
        None => Ok(None),
    }
}
