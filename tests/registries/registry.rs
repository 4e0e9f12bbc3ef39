//! The registries, each started by itself on loopback.

use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;

use ferro_blob_store::InMemoryBlobStore;
use steward_core::RegistryHost;
use steward_registry::{Auth, Client, ClientBuilder, Repository, StaticCredentials};
use steward_testkit::cloud::{Distribution, DistributionOptions, EcrRegistry};
use steward_testkit::faults::{Dice, HttpFaultProxy};

/// One account: `steward`, `correct horse`.
const ACCOUNTS: &str = "steward:$2b$04$yrxEGWiRgPcerWKFTB40N.qTFibwceZkeWmCk71w.cfhZbx64yKkS\n";

/// What a registry does in its own way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ways {
    /// It lists referrers by itself. Distribution does from 3.0 on; Debian 12 has 2.8.
    pub(crate) referrers_api: bool,
    /// It takes a blob from another repository when asked to. ferro-oci-server 1.0 does not: it
    /// answers each `POST` with a new upload (`src/handlers/blob_upload.rs`), as the specification
    /// allows.
    pub(crate) mounts: bool,
    /// It tells whether it has a blob when it is asked to mount it from where it is, so that one
    /// request asks and opens the upload. Distribution does. ECR does not, and the client knows:
    /// it looks first. ferro-oci-server does not either, and the client learns it from a blob that is
    /// there after all.
    pub(crate) probes: Probes,
    /// It cuts the list of tags into pages. Distribution does from 3.0 on.
    pub(crate) pages: bool,
    /// It says of the tags of a repository that nobody pushed to that there is no such repository.
    pub(crate) knows_repositories: bool,
}

/// What a registry answers to a mount of a blob from the very repository that it is to go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probes {
    /// 201 where it has the blob.
    Answers,
    /// Nothing of use, and the client does not ask.
    NotAsked,
    /// Nothing of use.
    InVain,
}

/// A running registry with a client for it. A proxy in front lets the test see each request.
pub(crate) struct Registry {
    pub(crate) ways: Ways,
    pub(crate) proxy: HttpFaultProxy,
    pub(crate) host: RegistryHost,
    client: Client,
    _running: Box<dyn Any>,
}

impl Registry {
    pub(crate) async fn distribution() -> Self {
        let running = Distribution::start(DistributionOptions::default())
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        Self::distribution_at(running, Auth::Anonymous).await
    }

    pub(crate) async fn distribution_with_accounts() -> Self {
        let running = Distribution::start(DistributionOptions {
            accounts: Some(ACCOUNTS),
            ..DistributionOptions::default()
        })
        .await;
        let running = running.unwrap_or_else(|error| panic!("{error}"));
        let auth = Auth::Basic {
            username: "steward".to_owned(),
            password: "correct horse".into(),
        };
        Self::distribution_at(running, auth).await
    }

    async fn distribution_at(running: Distribution, auth: Auth) -> Self {
        let ways = Ways {
            referrers_api: false,
            mounts: true,
            probes: Probes::Answers,
            pages: false,
            knows_repositories: true,
        };
        let address = running.address();
        Self::new("mirror.example.com", &address, auth, ways, running).await
    }

    pub(crate) async fn ecr() -> Self {
        let running = EcrRegistry::start(false)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        Self::ecr_at(running, Auth::Anonymous).await
    }

    pub(crate) async fn ecr_with_tokens() -> Self {
        let running = EcrRegistry::start(true)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        let auth = Auth::Basic {
            username: "AWS".to_owned(),
            password: running.password().await.unwrap().into(),
        };
        Self::ecr_at(running, auth).await
    }

    async fn ecr_at(running: EcrRegistry, auth: Auth) -> Self {
        let ways = Ways {
            referrers_api: true,
            mounts: true,
            probes: Probes::NotAsked,
            pages: true,
            knows_repositories: true,
        };
        let (host, address) = (running.host(), running.address());
        Self::new(&host, &address, auth, ways, running).await
    }

    /// Everything is in memory and open to all.
    pub(crate) async fn ferro() -> Self {
        let app = ferro_oci_server::build_app(Arc::new(InMemoryBlobStore::new()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let serving = tokio::spawn(async move { axum::serve(listener, app).await });
        let ways = Ways {
            referrers_api: true,
            mounts: false,
            probes: Probes::InVain,
            pages: true,
            knows_repositories: false,
        };
        Self::new(
            "ferro.example.com",
            &address,
            Auth::Anonymous,
            ways,
            serving,
        )
        .await
    }

    async fn new(host: &str, address: &str, auth: Auth, ways: Ways, running: impl Any) -> Self {
        let address: SocketAddr = address.parse().unwrap();
        let calm = Dice { seed: 0, rate: 0.0 };
        let proxy = HttpFaultProxy::start(address, calm).await.unwrap();
        // Pages of three: a thousand tags would have to be pushed to see a second page otherwise.
        proxy.replace("n=1000", "n=3");
        let host: RegistryHost = host.parse().unwrap();
        let client = showing(&host, &proxy, auth).build().unwrap();
        Self {
            ways,
            proxy,
            host,
            client,
            _running: Box::new(running),
        }
    }

    pub(crate) fn repository(&self, path: &str) -> Repository {
        self.client
            .repository(&self.host, &path.parse().unwrap())
            .unwrap()
    }

    /// The same repository for somebody else.
    pub(crate) fn repository_for(&self, path: &str, auth: Auth) -> Repository {
        let client = showing(&self.host, &self.proxy, auth).build().unwrap();
        client
            .repository(&self.host, &path.parse().unwrap())
            .unwrap()
    }

    /// How many requests with one of these methods there were.
    pub(crate) fn count(&self, methods: &[&str]) -> usize {
        let passed = self.proxy.passed();
        passed
            .iter()
            .filter(|passed| methods.contains(&passed.method.as_str()))
            .count()
    }
}

fn showing(host: &RegistryHost, proxy: &HttpFaultProxy, auth: Auth) -> ClientBuilder {
    let endpoints = format!("{host}=http://{}", proxy.addr());
    Client::builder()
        .endpoints(endpoints.parse().unwrap())
        .credentials(Arc::new(
            StaticCredentials::default().with(host.clone(), auth),
        ))
}
