//! Single registries, for tests that need no cloud around them.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use super::addresses::{ACCOUNT, REGION};
use super::api::{Api, ApiError};
use super::debian;
use super::emulator::{self, Emulator};
use super::error::CloudError;
use super::mirror::Mirror;
use super::ports;
use super::python::Python;
use super::start::{RunFolder, TRIES, identity, loopback};
use crate::gateway::{CreateOnPush, EventOptions, Gateway, GatewayConfig};

/// How to run a [`Distribution`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DistributionOptions {
    /// Lines of a password file as `htpasswd -B` writes it. With them the registry wants one of these
    /// accounts (Basic).
    pub accounts: Option<&'static str>,
    /// Keeps images in memory instead of in files: no write waits for the disk.
    pub in_memory: bool,
}

/// A CNCF Distribution registry, as Debian packages it. Dropping it ends its process and removes its
/// images.
#[derive(Debug)]
pub struct Distribution {
    mirror: Mirror,
    _folder: RunFolder,
}

impl Distribution {
    /// Starts a registry.
    ///
    /// # Errors
    /// [`CloudError::Missing`] with the line that installs it, or when it does not start.
    pub async fn start(options: DistributionOptions) -> Result<Self, CloudError> {
        let program = debian::DOCKER_REGISTRY.ensure(&|_| {})?;
        let folder = RunFolder::create()?;
        for _ in 0..TRIES {
            let port = ports::free(None)?;
            let mirror = Mirror::new(program.clone(), folder.path(), port);
            let mut mirror = mirror.with(options);
            if mirror.start().await? {
                return Ok(Self {
                    mirror,
                    _folder: folder,
                });
            }
        }
        Err(CloudError::NotReady {
            name: "registry",
            seconds: 0,
            output: std::fs::read_to_string(folder.path().join("mirror.log")).unwrap_or_default(),
        })
    }

    /// `host:port`.
    #[must_use]
    pub fn address(&self) -> String {
        self.mirror.address()
    }
}

/// ECR as the local cloud has it: the emulator with the gateway in front.
#[derive(Debug)]
pub struct EcrRegistry {
    pub(super) gateway: Gateway,
    api: Api,
    _emulator: Emulator,
    _folder: Option<RunFolder>,
}

impl EcrRegistry {
    /// Starts an emulator and a gateway that creates repositories on push and reports nothing.
    /// `require_auth` makes it want the token of `GetAuthorizationToken`.
    ///
    /// # Errors
    /// When the emulator cannot be installed or does not start.
    pub async fn start(require_auth: bool) -> Result<Self, CloudError> {
        let python = Python::ensure(&|_| {})?;
        let folder = RunFolder::create()?;
        let config = |config: &mut GatewayConfig| config.require_auth = require_auth;
        let mut registry = Self::start_in(folder.path(), &python, config).await?;
        registry._folder = Some(folder);
        Ok(registry)
    }

    /// The same in a folder of somebody else's; `adjust` changes the gateway's settings.
    pub(super) async fn start_in(
        folder: &Path,
        python: &Python,
        adjust: impl FnOnce(&mut GatewayConfig),
    ) -> Result<Self, CloudError> {
        let port = ports::free(None)?;
        let api = Api::new(&format!("http://127.0.0.1:{port}"), ACCOUNT, REGION);
        let mut emulator = Emulator::start(
            python,
            &emulator::Settings {
                name: "mirror",
                port,
                account: ACCOUNT,
                region: REGION,
                folder: &folder.join("mirror"),
                functions: &[],
            },
        )?;
        if !emulator.ready(&api).await? {
            return Err(CloudError::NotReady {
                name: "registry",
                seconds: 0,
                output: emulator.log(),
            });
        }
        let (account, region) = identity(ACCOUNT, REGION)?;
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| CloudError::Part {
            name: "registry's gateway",
            source,
        };
        let upstream = Url::parse(api.endpoint()).map_err(|source| failed(source.into()))?;
        let mut config = GatewayConfig::new(upstream, account, region);
        config.listen = loopback(ports::free(None)?);
        config.create_on_push = CreateOnPush::Everywhere;
        config.events = EventOptions {
            drop: true,
            ..EventOptions::default()
        };
        adjust(&mut config);
        let gateway = Gateway::start(config)
            .await
            .map_err(|source| failed(source.into()))?;
        Ok(Self {
            gateway,
            api,
            _emulator: emulator,
            _folder: None,
        })
    }

    /// `host:port` of the gateway.
    #[must_use]
    pub fn address(&self) -> String {
        self.gateway.registry()
    }

    /// The name that clients know it by.
    #[must_use]
    pub fn host(&self) -> String {
        format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com")
    }

    /// The password of the user `AWS`: from `GetAuthorizationToken`.
    ///
    /// # Errors
    /// When the emulator gives none.
    pub async fn password(&self) -> Result<String, ApiError> {
        let call = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken";
        let answer = self.api.json("ecr", call, &serde_json::json!({})).await?;
        answer
            .pointer("/authorizationData/0/authorizationToken")
            .and_then(|token| STANDARD.decode(token.as_str()?).ok())
            .and_then(|pair| String::from_utf8(pair).ok())
            .and_then(|pair| Some(pair.strip_prefix("AWS:")?.to_owned()))
            .ok_or_else(|| ApiError::Answer {
                what: call.to_owned(),
                problem: "it holds no token".to_owned(),
            })
    }
}
