//! One invocation: an SQS batch, or an event given to the function directly.

use std::sync::Arc;
use std::time::Instant;

use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use steward_core::event::incoming;
use steward_core::{AccountId, Region};
use tracing::Instrument;

use crate::batch::{Batch, Batches, Invocation, attempt};
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::handler::{Handler, RecordContext};
use crate::metrics::Metrics;
use crate::policy::PolicyStore;

/// What every invocation uses.
pub(crate) struct Invocations {
    pub(crate) handler: Arc<dyn Handler>,
    pub(crate) batches: Batches,
    pub(crate) policy: Arc<PolicyStore>,
    pub(crate) function: String,
    pub(crate) version: String,
}

impl Invocations {
    pub(crate) async fn invoke(
        &self,
        event: LambdaEvent<Box<RawValue>>,
    ) -> Result<Value, Diagnostic> {
        let started = Instant::now();
        if let Some((account, region)) = home(&event.context.invoked_function_arn) {
            self.policy.set_home(account, region);
        }
        let mut metrics = Metrics::default();
        let result = self
            .answer(event.payload.get(), &event.context, &mut metrics)
            .await;
        metrics.policy_broken(self.policy.is_broken().await);
        metrics.print(&self.function, started.elapsed());
        result.map_err(|failure| diagnostic(&failure))
    }

    async fn answer(
        &self,
        payload: &str,
        context: &Context,
        metrics: &mut Metrics,
    ) -> Result<Value, Failure> {
        let invocation = Invocation {
            request_id: context.request_id.clone(),
            deadline: Deadline::at(context.deadline()),
        };
        match Batch::parse(payload) {
            Some(Ok(batch)) => {
                let response = self.batches.handle(batch, &invocation, metrics).await;
                serde_json::to_value(response).map_err(|x| {
                    Failure::transient("answer", "cannot write the answer").caused_by(x)
                })
            }
            Some(Err(error)) => {
                let failure = Failure::permanent("malformed_batch", "cannot read the SQS batch")
                    .caused_by(error);
                metrics.failed(failure.error_type());
                tracing::error!(
                    error = failure.chain(),
                    error_type = failure.error_type(),
                    "{}",
                    failure.chain()
                );
                Err(failure)
            }
            None => self.direct(payload, &invocation, metrics).await,
        }
    }

    /// An event without a queue around it: the caller gets the outcome or the error.
    async fn direct(
        &self,
        payload: &str,
        invocation: &Invocation,
        metrics: &mut Metrics,
    ) -> Result<Value, Failure> {
        let incoming = incoming::parse(payload);
        let span = tracing::info_span!(
            "event",
            function = self.function,
            version = self.version,
            request_id = invocation.request_id,
            event_id = incoming.as_ref().map_or("", |x| x.id()),
        );
        let context = RecordContext {
            request_id: invocation.request_id.clone(),
            message_id: String::new(),
            receive_count: 1,
            last_attempt: false,
            deadline: invocation.deadline.earlier(crate::batch::MARGIN),
        };
        let work = async {
            let incoming = incoming.map_err(|error| {
                Failure::permanent("malformed_event", "cannot read the event").caused_by(error)
            })?;
            attempt(&*self.handler, &incoming, &context).await
        };
        match work.instrument(span.clone()).await {
            Ok(outcome) => {
                metrics.outcome(&outcome);
                Ok(json!({ "outcome": outcome.word, "detail": outcome.detail }))
            }
            Err(failure) => {
                if let Some(done) = failure.done() {
                    metrics.done(done);
                }
                metrics.failed(failure.error_type());
                span.in_scope(|| {
                    tracing::error!(
                        error = failure.chain(),
                        error_type = failure.error_type(),
                        "failed: {}",
                        failure.chain()
                    );
                });
                Err(failure)
            }
        }
    }
}

/// Lambda shows these two to the caller and to alarms.
fn diagnostic(failure: &Failure) -> Diagnostic {
    Diagnostic {
        error_type: failure.error_type().to_owned(),
        error_message: failure.chain(),
    }
}

/// Account and Region in `arn:aws:lambda:<region>:<account>:function:<name>`.
fn home(function_arn: &str) -> Option<(AccountId, Region)> {
    let mut parts = function_arn.split(':').skip(3);
    let region = parts.next()?.parse().ok()?;
    let account = parts.next()?.parse().ok()?;
    Some((account, region))
}

#[cfg(test)]
mod tests;
