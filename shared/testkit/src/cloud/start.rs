//! Bringing a local cloud up, part by part.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use steward_core::{AccountId, Region};
use tokio::runtime::Runtime;
use url::Url;

use crate::faults::FaultProxy;
use crate::gateway::{Gateway, GatewayConfig, Outage, OutageKind, Registry, RegistryListener};
use crate::inbox::{Inbox, InboxConfig};

use super::addresses::{
    ACCOUNT, Addresses, Facts, MIRROR_NAME, MirrorKind, REGION, TARGET_ACCOUNT, TARGET_REGION,
};
use super::alone::EcrRegistry;
use super::api::Api;
use super::emulator::{self, Emulator};
use super::error::CloudError;
use super::mirror::Mirror;
use super::options::{Options, Ports};
use super::package::{self, Zip};
use super::process::{Server, Supervised};
use super::python::Python;
use super::stack::{self, Outputs};
use super::{LocalCloud, Parts, debian, metrics, paths, ports, wiring};

const STACK: &str = "ecr-steward";
const POLICY_PARAMETER: &str = "/ecr-steward/policy";
const POLICY_REFRESH: u32 = 2;

/// How often other ports are tried when another program took one in the meantime.
pub(super) const TRIES: u32 = 5;

const SUBSCRIPTION_PATIENCE: Duration = Duration::from_secs(20);

/// What a local cloud writes, under the target folder. It goes with this process, however that ends.
#[derive(Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
    guard: Supervised,
}

impl RunFolder {
    pub(super) fn create() -> Result<Self, CloudError> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = paths::local().join(format!("run-{}-{number}", std::process::id()));
        // Does nothing but wait for the end of this process, and then a second for the servers',
        // which still write while they end.
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "trap 'sleep 1; exit 0' TERM; while :; do sleep 3600 & wait; done",
        ]);
        let guard = Supervised::start(&Server {
            name: "folder",
            command: &command,
            folder: &path,
            scratch: Some(&path),
        })?;
        Ok(Self { path, guard })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        // Here the servers have ended already.
        self.guard.kill();
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// What serves the mirror.
#[derive(Debug)]
pub(crate) enum MirrorServer {
    Distribution(Mirror),
    Emulator(Box<EcrRegistry>),
}

impl MirrorServer {
    fn kind(&self) -> MirrorKind {
        match self {
            Self::Distribution(_) => MirrorKind::Distribution,
            Self::Emulator(_) => MirrorKind::Emulator,
        }
    }

    fn address(&self) -> String {
        match self {
            Self::Distribution(mirror) => mirror.address(),
            Self::Emulator(registry) => registry.address(),
        }
    }

    pub(crate) fn stop(&mut self) {
        match self {
            Self::Distribution(mirror) => mirror.stop(),
            Self::Emulator(registry) => {
                if let Ok((account, _)) = identity(ACCOUNT, REGION) {
                    registry.gateway.handle.fail(Outage {
                        account,
                        region: None,
                        kind: OutageKind::Refuse,
                        seconds: None,
                        requests: None,
                        api: true,
                    });
                }
            }
        }
    }

    pub(crate) async fn start_again(&mut self) -> Result<(), CloudError> {
        match self {
            Self::Distribution(mirror) => {
                if mirror.start().await? {
                    return Ok(());
                }
                Err(CloudError::Input(format!(
                    "the mirror did not start again at {}",
                    mirror.address()
                )))
            }
            Self::Emulator(registry) => {
                registry.gateway.handle.recover();
                Ok(())
            }
        }
    }
}

pub(crate) fn start(options: Options) -> Result<LocalCloud, CloudError> {
    let tell = |line: &str| options.progress.tell(line);
    let policy = options.policy.read()?;
    let python = Python::ensure(&tell)?;
    let distribution = debian::DOCKER_REGISTRY.ensure_once(&tell);
    let zips = package::functions(&tell)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("local-cloud")
        .enable_all()
        .build()
        .map_err(|source| CloudError::Part {
            name: "runtime",
            source: source.into(),
        })?;
    tell("starting the local cloud");
    let started = runtime.block_on(async {
        let running = run(&options, &python, distribution.as_deref()).await?;
        tell("deploying infra/template.yaml");
        let outputs = deploy(&options, &running, &zips, &policy).await?;
        Ok::<_, CloudError>((running, outputs))
    });
    match started {
        Ok((running, outputs)) => Ok(assemble(&options, runtime, running, outputs)),
        Err(error) => {
            runtime.shutdown_background();
            Err(error)
        }
    }
}

/// The parts before the stack is there.
struct Running {
    api: Api,
    emulator: Emulator,
    gateway: Gateway,
    mirror: MirrorServer,
    slow: Option<FaultProxy>,
    inbox: Inbox,
    folder: RunFolder,
}

fn assemble(options: &Options, runtime: Runtime, running: Running, outputs: Outputs) -> LocalCloud {
    let facts = Facts {
        addresses: Addresses {
            aws_endpoint: running.api.endpoint().to_owned(),
            registry: running.gateway.registry(),
            mirror: running.mirror.address(),
            inbox: running.inbox.url(),
            account: ACCOUNT.to_owned(),
            region: REGION.to_owned(),
        },
        target_registry: running
            .gateway
            .also
            .first()
            .map(ToString::to_string)
            .unwrap_or_default(),
        gateway: running.gateway.url(),
        mirror_is: running.mirror.kind(),
        policy_parameter: POLICY_PARAMETER.to_owned(),
        policy_refresh: POLICY_REFRESH,
        max_receives: options.max_receives,
        outputs,
    };
    let queues = queues(&facts.outputs);
    let metrics = {
        let _inside = runtime.enter();
        metrics::publish(running.api, queues)
    };
    LocalCloud {
        facts,
        parts: Some(Parts {
            metrics,
            emulator: running.emulator,
            gateway: running.gateway,
            mirror: Mutex::new(running.mirror),
            _slow: running.slow,
            inbox: running.inbox,
            _folder: running.folder,
        }),
        runtime: Some(runtime),
    }
}

fn queues(outputs: &Outputs) -> Vec<String> {
    outputs
        .iter()
        .filter(|(name, _)| name.ends_with("QueueUrl"))
        .map(|(_, url)| url.clone())
        .collect()
}

async fn run(
    options: &Options,
    python: &Python,
    distribution: Option<&Path>,
) -> Result<Running, CloudError> {
    let folder = RunFolder::create()?;
    let inbox = start_inbox(options.ports).await?;
    let mirror = match distribution {
        Some(program) => start_distribution(options.ports, program, &folder.path).await?,
        None => start_second_emulator(options, python, &folder.path).await?,
    };
    let slow = slow_way(options, &mirror.address()).await?;
    let way = slow
        .as_ref()
        .map_or_else(|| mirror.address(), |slow| slow.addr().to_string());
    for attempt in 0..TRIES {
        let wanted = if attempt == 0 {
            options.ports
        } else {
            Ports::Free
        };
        let port = ports::free(wanted.preferred(0))?;
        let api = Api::new(&format!("http://127.0.0.1:{port}"), ACCOUNT, REGION);
        let gateway = start_gateway(options, wanted, api.endpoint()).await?;
        let functions = [
            (
                "STEWARD_SPLIT_BYTES",
                options
                    .split_bytes
                    .map(|x| x.to_string())
                    .unwrap_or_default(),
            ),
            ("AWS_ENDPOINT_URL_ECR", gateway.url()),
            (
                "STEWARD_REGISTRY_ENDPOINTS",
                format!(
                    "*.dkr.ecr.*.amazonaws.com={},{MIRROR_NAME}=http://{way}",
                    gateway.url(),
                ),
            ),
        ];
        let mut emulator = Emulator::start(
            python,
            &emulator::Settings {
                name: "emulator",
                port,
                account: ACCOUNT,
                region: REGION,
                folder: &folder.path.join("emulator"),
                functions: &functions,
            },
        )?;
        if emulator.ready(&api).await? {
            return Ok(Running {
                api,
                emulator,
                gateway,
                mirror,
                slow,
                inbox,
                folder,
            });
        }
        if attempt + 1 == TRIES {
            return Err(CloudError::NotReady {
                name: "emulator",
                seconds: 0,
                output: emulator.log(),
            });
        }
    }
    Err(CloudError::Input("no port was tried".to_owned()))
}

/// The slow way to the mirror, where one is wanted.
async fn slow_way(options: &Options, mirror: &str) -> Result<Option<FaultProxy>, CloudError> {
    let Some(delay) = options.mirror_delay else {
        return Ok(None);
    };
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| CloudError::Part {
        name: "slow way to the mirror",
        source,
    };
    let target = mirror
        .parse::<SocketAddr>()
        .map_err(|source| failed(source.into()))?;
    let proxy = FaultProxy::start(target)
        .await
        .map_err(|source| failed(source.into()))?;
    proxy.set_delay(delay);
    Ok(Some(proxy))
}

pub(super) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

async fn start_inbox(ports: Ports) -> Result<Inbox, CloudError> {
    let config = InboxConfig {
        listen: loopback(ports::free(ports.preferred(3))?),
        ..InboxConfig::default()
    };
    Inbox::start(config)
        .await
        .map_err(|source| CloudError::Part {
            name: "inbox",
            source: source.into(),
        })
}

async fn start_gateway(
    options: &Options,
    ports: Ports,
    upstream: &str,
) -> Result<Gateway, CloudError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| CloudError::Part {
        name: "gateway",
        source,
    };
    let (home_account, home_region) = identity(ACCOUNT, REGION)?;
    let (account, region) = identity(TARGET_ACCOUNT, TARGET_REGION)?;
    let upstream = Url::parse(upstream).map_err(|source| failed(source.into()))?;
    let mut config = GatewayConfig::new(upstream, home_account, home_region);
    config.listen = loopback(ports::free(ports.preferred(1))?);
    config.require_auth = options.require_auth;
    config.also = vec![RegistryListener {
        listen: loopback(ports::free(ports.preferred(4))?),
        registry: Registry::new(account, region),
    }];
    Gateway::start(config)
        .await
        .map_err(|source| failed(source.into()))
}

pub(super) fn identity(account: &str, region: &str) -> Result<(AccountId, Region), CloudError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| CloudError::Part {
        name: "gateway",
        source,
    };
    Ok((
        account
            .parse()
            .map_err(|source: steward_core::NameError| failed(source.into()))?,
        region
            .parse()
            .map_err(|source: steward_core::NameError| failed(source.into()))?,
    ))
}

async fn start_distribution(
    wanted: Ports,
    program: &Path,
    folder: &Path,
) -> Result<MirrorServer, CloudError> {
    for attempt in 0..TRIES {
        let wanted = if attempt == 0 { wanted } else { Ports::Free };
        let port = ports::free(wanted.preferred(2))?;
        let mut mirror = Mirror::new(program.to_owned(), folder, port);
        if mirror.start().await? {
            return Ok(MirrorServer::Distribution(mirror));
        }
    }
    Err(CloudError::NotReady {
        name: "mirror registry",
        seconds: 0,
        output: std::fs::read_to_string(folder.join("mirror.log")).unwrap_or_default(),
    })
}

/// The mirror where Distribution cannot be had: an emulator of its own with a gateway in front that
/// creates every repository and reports nothing.
async fn start_second_emulator(
    options: &Options,
    python: &Python,
    folder: &Path,
) -> Result<MirrorServer, CloudError> {
    let port = ports::free(options.ports.preferred(2))?;
    let listen = |config: &mut GatewayConfig| config.listen = loopback(port);
    let registry = EcrRegistry::start_in(folder, python, listen).await?;
    Ok(MirrorServer::Emulator(Box::new(registry)))
}

async fn deploy(
    options: &Options,
    running: &Running,
    zips: &[Zip],
    policy: &str,
) -> Result<Outputs, CloudError> {
    let api = &running.api;
    let inbox = running.inbox.url();
    wiring::secrets(api, &inbox).await?;
    let template = stack::package(api, &paths::template(), zips).await?;
    let parameters = [
        ("Architecture", architecture().to_owned()),
        ("PolicyParameterName", POLICY_PARAMETER.to_owned()),
        ("PolicyRefreshSeconds", POLICY_REFRESH.to_string()),
        ("MaxReceives", options.max_receives.to_string()),
        ("RetryBaseSeconds", options.retry_base.to_string()),
        ("ReplicatorTimeout", options.replicator_timeout.to_string()),
        ("LogLevel", options.log.clone()),
        (
            "TargetRoleArns",
            format!("arn:aws:iam::{TARGET_ACCOUNT}:role/ecr-steward-writer"),
        ),
    ];
    let outputs = stack::create(api, STACK, &template, &parameters).await?;
    stack::mend_event_sources(api).await?;
    metrics::take_over_alarms(api, &queues(&outputs)).await?;
    let output = |name: &str| {
        outputs.get(name).ok_or_else(|| CloudError::Template {
            path: paths::template(),
            problem: format!("no output {name}"),
        })
    };
    let target = api.acting_as(TARGET_ACCOUNT, TARGET_REGION);
    wiring::target_account(&target, output("ReplicatorRoleArn")?).await?;
    wiring::policy(api, POLICY_PARAMETER, policy).await?;
    wiring::events(api, &inbox).await?;
    wiring::mailbox(api, &inbox, output("NotificationTopicArn")?).await?;
    let deadline = Instant::now() + SUBSCRIPTION_PATIENCE;
    while !wiring::subscriptions_are_confirmed(api).await? {
        if Instant::now() >= deadline {
            return Err(CloudError::NotReady {
                name: "inbox's subscription",
                seconds: SUBSCRIPTION_PATIENCE.as_secs(),
                output: running.emulator.log(),
            });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(outputs)
}

/// The functions' architecture here, by Lambda's name.
fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "x86_64"
    }
}
