//! The reference page of the variables.

use std::fmt::Write;

/// One variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What holds without it; a dash where it has to be set.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

/// Every variable that a function reads.
pub const VARIABLES: &[Variable] = &[
    Variable {
        name: "STEWARD_POLICY",
        default: "—",
        meaning: "Where the policy is: `file:<path>`, `ssm:<parameter name>` or `s3://<bucket>/<key>`.",
    },
    Variable {
        name: "STEWARD_POLICY_REFRESH",
        default: "60",
        meaning: "Seconds until a function looks whether the policy has changed.",
    },
    Variable {
        name: "STEWARD_STATE_TABLE",
        default: "none",
        meaning: "Name of the DynamoDB table for state (string key `pk`, TTL attribute `expires_at`). Needed by functions that keep state.",
    },
    Variable {
        name: "STEWARD_EVENT_BUS",
        default: "default",
        meaning: "Name or ARN of the bus that events out are put on.",
    },
    Variable {
        name: "STEWARD_DLQ_URL",
        default: "none",
        meaning: "URL of the dead-letter queue. Permanent failures and last attempts are sent there with the message attributes `error_type`, `error`, `function` and `receive_count`. Without it SQS moves the message itself, after all attempts and without these attributes.",
    },
    Variable {
        name: "STEWARD_QUEUE_URL",
        default: "none",
        meaning: "URL of the function's own queue. A message that failed transiently is hidden there for the back-off, and what is to be looked at again waits there. Without it the message is hidden for the queue's visibility timeout, and nothing is looked at again.",
    },
    Variable {
        name: "STEWARD_ROLE",
        default: "none",
        meaning: "ARN of the function's own role. tag-guard names nobody as the pusher of what this role pushed.",
    },
    Variable {
        name: "STEWARD_SCHEDULE_GROUP",
        default: "none",
        meaning: "Name of the EventBridge Scheduler group for what waits longer than 15 minutes: each becomes a schedule there that sends it to the function's own queue. Without it such waits are spent in the queue, 15 minutes at a time.",
    },
    Variable {
        name: "STEWARD_SCHEDULE_ROLE",
        default: "none",
        meaning: "ARN of the role with which those schedules send to the queue. Set both or neither.",
    },
    Variable {
        name: "STEWARD_MAX_RECEIVES",
        default: "none",
        meaning: "The queue's `maxReceiveCount`, by which a function knows the last attempt.",
    },
    Variable {
        name: "STEWARD_RETRY_BASE",
        default: "20",
        meaning: "Seconds of the first back-off. It doubles with every attempt, with jitter, up to 900.",
    },
    Variable {
        name: "STEWARD_CONCURRENCY",
        default: "4",
        meaning: "How many records of a batch are handled at the same time.",
    },
    Variable {
        name: "STEWARD_SPLIT_BYTES",
        default: "8589934592",
        meaning: "For the replicator: an image of which so many bytes are missing at the target is copied blob by blob, by many runs at the same time.",
    },
    Variable {
        name: "STEWARD_REGISTRY_ENDPOINTS",
        default: "none",
        meaning: "For tests and the local cloud: a comma list `pattern=http://host:port`, with `*` for any text. Requests for a registry that matches go to that address; the `Host` header keeps the registry's name. Plain HTTP is used only for these and for loopback hosts.",
    },
    Variable {
        name: "STEWARD_LOG",
        default: "info",
        meaning: "What is logged: a level (`error`, `warn`, `info`, `debug`, `trace`) or a comma list of `target=level`.",
    },
    Variable {
        name: "AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_<SERVICE>",
        default: "AWS",
        meaning: "Read by the AWS SDK: another address for all services, or for one (`AWS_ENDPOINT_URL_ECR`).",
    },
    Variable {
        name: "AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_LAMBDA_*",
        default: "set by Lambda",
        meaning: "Region, credentials and facts about the function.",
    },
];

/// The reference page as Markdown, for `docs/ENVIRONMENT.md`.
#[must_use]
pub fn markdown() -> String {
    let mut page = String::from(
        "# Environment variables\n\n\
         The functions read these variables when they start, and report every mistake at once.\n\
         An empty value counts as not set. `infra/template.yaml` sets all of them.\n\n\
         | variable | default | meaning |\n|---|---|---|\n",
    );
    for variable in VARIABLES {
        let names = variable
            .name
            .split(", ")
            .map(|x| format!("`{x}`"))
            .collect::<Vec<_>>()
            .join(", ");
        // Writing to a String cannot fail.
        let _ = writeln!(
            page,
            "| {names} | {} | {} |",
            variable.default, variable.meaning
        );
    }
    page
}
