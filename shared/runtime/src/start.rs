//! Start-up and the Lambda loop.

use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::value::RawValue;
use steward_aws::SdkConfig;
use steward_aws::events::SdkEventBus;
use steward_aws::s3::SdkObjects;
use steward_aws::scheduler::SdkSchedules;
use steward_aws::sqs::{SdkSqs, Sqs};
use steward_aws::ssm::{Parameters, SdkParameters};
use steward_core::Region;
use tokio::task::JoinHandle;

use crate::batch::{BatchSettings, Batches};
use crate::env::{ProcessEnvironment, ScheduleSettings, Settings};
use crate::failure::chain;
use crate::handler::Handler;
use crate::invocation::Invocations;
use crate::later::{Later, OwnQueue, OwnSchedules, queue_arn};
use crate::policy::{AwsPolicySource, PolicyStore, PolicyUnavailable};
use crate::sink::{BusSink, EventSink};

/// Longest time that warming up may keep the function from its first event.
const WARM_UP: Duration = Duration::from_millis(1500);

/// What a function is built from. Clients are built when asked for and open no connection by
/// themselves.
pub struct Init {
    /// The function's name in this project, such as `tag-guard`.
    pub name: &'static str,
    /// The environment.
    pub settings: Settings,
    /// The SDK's configuration.
    pub sdk: SdkConfig,
    /// The policy.
    pub policy: Arc<PolicyStore>,
    /// Where events go.
    pub events: Arc<dyn EventSink>,
    parameters: Arc<dyn Parameters>,
}

/// Why a function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The function needs a variable that is not set.
    #[error("{0} is not set, and this function needs it")]
    Unset(&'static str),
    /// A client cannot be built.
    #[error("cannot build the {what} client")]
    Client {
        /// Which.
        what: &'static str,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Init {
    fn new(name: &'static str, settings: Settings) -> Self {
        let sdk = steward_aws::config::for_function();
        let parameters: Arc<dyn Parameters> = Arc::new(SdkParameters::new(&sdk));
        let events: Arc<dyn EventSink> = Arc::new(BusSink::new(Arc::new(SdkEventBus::new(
            &sdk,
            settings.event_bus.clone(),
        ))));
        let policy = PolicyStore::new(
            Arc::new(AwsPolicySource::new(
                settings.policy.clone(),
                parameters.clone(),
                Arc::new(SdkObjects::new(&sdk)),
            )),
            settings.policy_refresh,
            Some(events.clone()),
            name,
        );
        #[cfg(feature = "state")]
        let policy = match (&settings.state_table, &settings.policy) {
            // A file cannot change without a deployment.
            (None, _) | (_, crate::policy::PolicyLocation::File(_)) => policy,
            (Some(table), location) => {
                let table = steward_aws::state::DynamoState::new(&sdk, table.clone());
                policy.remembering(Arc::new(crate::policy::StateMemory::new(
                    Arc::new(table),
                    &location.to_string(),
                )))
            }
        };
        let policy = Arc::new(policy);
        Self {
            name,
            settings,
            sdk,
            policy,
            events,
            parameters,
        }
    }

    /// The function's own Region, as Lambda sets it.
    #[must_use]
    pub fn region(&self) -> Option<Region> {
        self.sdk.region().and_then(|x| x.as_ref().parse().ok())
    }

    /// ECR of this account and, by assumed roles, of others.
    #[cfg(feature = "ecr")]
    #[must_use]
    pub fn ecr(&self) -> Arc<dyn steward_aws::ecr::EcrFactory> {
        Arc::new(steward_aws::ecr::SdkEcrFactory::new(&self.sdk, self.name))
    }

    /// The copy engine's clients, with credentials for ECR and for secret-protected registries.
    #[cfg(feature = "registry")]
    #[must_use]
    pub fn registry(
        &self,
        ecr: Arc<dyn steward_aws::ecr::EcrFactory>,
    ) -> Arc<crate::registry_access::RegistryAccess> {
        Arc::new(crate::registry_access::RegistryAccess::new(
            ecr,
            self.secrets(),
            self.settings.registry_endpoints.clone(),
        ))
    }

    /// Values of secret references.
    #[cfg(feature = "secrets")]
    #[must_use]
    pub fn secrets(&self) -> Arc<dyn crate::secrets::SecretValues> {
        Arc::new(crate::secrets::CachedSecrets::new(
            Arc::new(steward_aws::secrets::SdkSecrets::new(&self.sdk)),
            self.parameters.clone(),
        ))
    }

    /// The state table.
    ///
    /// # Errors
    ///
    /// When `STEWARD_STATE_TABLE` is not set.
    #[cfg(feature = "state")]
    pub fn state(&self) -> Result<Arc<dyn steward_aws::state::StateStore>, InitError> {
        let table = self
            .settings
            .state_table
            .clone()
            .ok_or(InitError::Unset("STEWARD_STATE_TABLE"))?;
        Ok(Arc::new(steward_aws::state::DynamoState::new(
            &self.sdk, table,
        )))
    }

    /// The function's own queue, to look again later; `None` where `STEWARD_QUEUE_URL` is not set.
    #[must_use]
    pub fn later(&self) -> Option<Arc<dyn Later>> {
        let queue_url = self.settings.queue_url.clone()?;
        let sqs: Arc<dyn Sqs> = Arc::new(SdkSqs::new(&self.sdk));
        let schedules = self.schedules(&queue_url);
        Some(Arc::new(OwnQueue::new(sqs, queue_url, schedules)))
    }

    fn schedules(&self, queue_url: &str) -> Option<OwnSchedules> {
        let ScheduleSettings { group, role_arn } = self.settings.schedules.clone()?;
        let region = self.region()?;
        let dlq_url = self.settings.dlq_url.as_deref();
        Some(OwnSchedules {
            schedules: Arc::new(SdkSchedules::new(&self.sdk)),
            group,
            role_arn,
            queue_arn: queue_arn(queue_url, &region)?,
            dead_letter_arn: dlq_url.and_then(|url| queue_arn(url, &region)),
        })
    }

    /// Publishing to SNS.
    #[cfg(feature = "sns")]
    #[must_use]
    pub fn sns(&self) -> Arc<dyn steward_aws::sns::Sns> {
        Arc::new(steward_aws::sns::SdkSns::new(&self.sdk))
    }

    /// Parameters of the parameter store.
    #[must_use]
    pub fn parameters(&self) -> Arc<dyn Parameters> {
        self.parameters.clone()
    }
}

/// Runs a function: reads the environment, builds everything once, warms up, and answers events until
/// Lambda ends the process.
///
/// ```no_run
/// # use steward_runtime::{Failure, Handler, Init, InitError, Outcome, RecordContext, async_trait};
/// # use steward_core::event::incoming::Incoming;
/// struct Hello;
///
/// #[async_trait]
/// impl Handler for Hello {
///     async fn handle(&self, _: &Incoming, _: &RecordContext) -> Result<Outcome, Failure> {
///         Ok(Outcome::new("greeted"))
///     }
/// }
///
/// fn main() -> std::process::ExitCode {
///     steward_runtime::run("hello", |_: Init| async { Ok::<_, InitError>(Hello) })
/// }
/// ```
pub fn run<B, F, H>(name: &'static str, build: B) -> ExitCode
where
    B: FnOnce(Init) -> F,
    F: Future<Output = Result<H, InitError>>,
    H: Handler + 'static,
{
    let settings = match Settings::from_strings(&ProcessEnvironment) {
        Ok(settings) => settings,
        Err(errors) => {
            crate::logs::init("info");
            tracing::error!(
                function = name,
                error = errors.to_string(),
                "cannot start, the environment has mistakes: {errors}"
            );
            return ExitCode::from(EXIT_CONFIGURATION);
        }
    };
    crate::logs::init(&settings.log);
    // One thread: a function has a fraction of a CPU, and threads cost start-up time and memory.
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(error = chain(&error), "cannot start: {}", chain(&error));
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(serve(name, settings, build))
}

/// `EX_CONFIG` of sysexits.h.
const EXIT_CONFIGURATION: u8 = 78;

async fn serve<B, F, H>(name: &'static str, settings: Settings, build: B) -> ExitCode
where
    B: FnOnce(Init) -> F,
    F: Future<Output = Result<H, InitError>>,
    H: Handler + 'static,
{
    let started = Instant::now();
    let init = Init::new(name, settings);
    let policy = init.policy.clone();
    let loading = tokio::spawn({
        let policy = policy.clone();
        async move { policy.current().await.map(drop) }
    });
    // It begins now, and goes on while everything else is built.
    tokio::task::yield_now().await;
    let batch_settings = BatchSettings {
        function: name.to_owned(),
        version: init.settings.function_version.clone(),
        queue_url: init.settings.queue_url.clone(),
        dlq_url: init.settings.dlq_url.clone(),
        max_receives: init.settings.max_receives,
        retry_base: init.settings.retry_base,
        concurrency: init.settings.concurrency,
    };
    let version = init.settings.function_version.clone();
    let sqs: Arc<dyn Sqs> = Arc::new(SdkSqs::new(&init.sdk));
    let handler: Arc<dyn Handler> = match build(init).await {
        Ok(handler) => Arc::new(handler),
        Err(error) => {
            tracing::error!(
                function = name,
                error = chain(&error),
                "cannot start: {}",
                chain(&error)
            );
            return ExitCode::from(EXIT_CONFIGURATION);
        }
    };
    warm_up(&*handler, loading).await;
    tracing::info!(
        function = name,
        version,
        start_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "{name} is ready"
    );
    let invocations = Invocations {
        batches: Batches::new(handler.clone(), sqs, batch_settings),
        handler,
        policy,
        function: name.to_owned(),
        version,
    };
    let invocations = &invocations;
    let service = service_fn(|event: LambdaEvent<Box<RawValue>>| invocations.invoke(event));
    match lambda_runtime::Runtime::new(service).run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(
                function = name,
                error = chain(&*error),
                "stopped: {}",
                chain(&*error)
            );
            ExitCode::FAILURE
        }
    }
}

/// Makes the first connections while the policy is loaded, for a bounded time. What fails or is not
/// finished is done by the first event.
async fn warm_up(handler: &dyn Handler, loading: JoinHandle<Result<(), PolicyUnavailable>>) {
    let both = async {
        let (loaded, ()) = tokio::join!(loading, handler.warm());
        // A task that panics has told so itself.
        if let Ok(Err(error)) = loaded {
            tracing::warn!(
                error = chain(&error),
                error_type = error.error_type(),
                "no policy yet, the first event looks again: {}",
                chain(&error)
            );
        }
    };
    if tokio::time::timeout(WARM_UP, both).await.is_err() {
        tracing::warn!(
            limit_ms = u64::try_from(WARM_UP.as_millis()).unwrap_or(u64::MAX),
            "warming up was not finished in time; the first event does the rest"
        );
    }
}
