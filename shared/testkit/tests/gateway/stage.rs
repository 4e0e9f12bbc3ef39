//! A gateway before an emulator, with queues that collect what is put on the buses.
//!
//! All tests share one emulator, which takes seconds to start, and each has accounts of its own in
//! it. It ends with the last test that holds it.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::{Arc, LazyLock, Weak},
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use steward_testkit::{
    cloud::{Python, debian::SKOPEO},
    gateway::{Gateway, GatewayConfig, GatewayHandle, Registry, RegistryListener},
};
use tokio::sync::Mutex;
use url::Url;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The emulator's process.
#[derive(Debug)]
struct Emulator {
    process: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Emulator {
    async fn shared() -> Arc<Self> {
        static SHARED: LazyLock<Mutex<Weak<Emulator>>> = LazyLock::new(Mutex::default);
        let mut shared = SHARED.lock().await;
        if let Some(running) = shared.upgrade() {
            return running;
        }
        let started = Arc::new(Self::start().await);
        *shared = Arc::downgrade(&started);
        started
    }

    async fn start() -> Self {
        let python = Python::ensure(&|line| eprintln!("{line}")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .unwrap()
            .port();
        let folder = tempfile::tempdir().unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let process = Command::new(python.program("ministack"))
            .env("BIND_HOST", "127.0.0.1")
            .env("MINISTACK_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("IOT_MTLS_ENABLED", "0")
            .env("SFTP_ENABLED", "0")
            .env("DOCKER_HOST", "unix:///nonexistent")
            .env("STATE_DIR", folder.path())
            .env("S3_DATA_DIR", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let emulator = Self {
            process,
            url,
            _folder: folder,
        };
        let client = client();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let health = Request::get(format!("{}/_ministack/health", emulator.url))
                .body(Full::default())
                .unwrap();
            if client
                .request(health)
                .await
                .is_ok_and(|r| r.status().is_success())
            {
                return emulator;
            }
            assert!(Instant::now() < deadline, "the emulator does not answer");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn client() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .build_http()
}

/// One of a test's two accounts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Account {
    /// In eu-west-1: the one that requests without an ECR host are for.
    Home,
    /// In eu-central-1.
    Other,
}

pub(crate) use Account::{Home, Other};

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn location(&self) -> String {
        self.headers[header::LOCATION].to_str().unwrap().to_owned()
    }
}

/// A test's gateway.
#[derive(Debug)]
pub(crate) struct Stage {
    gateway: Gateway,
    home: Registry,
    other: Registry,
    client: Client<HttpConnector, Full<Bytes>>,
    emulator: Arc<Emulator>,
}

impl Stage {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut GatewayConfig)) -> Self {
        let emulator = Emulator::shared().await;
        let account = || {
            format!("{:012}", fastrand::u64(1..1_000_000_000_000))
                .parse()
                .unwrap()
        };
        let home = Registry::new(account(), "eu-west-1".parse().unwrap());
        let other = Registry::new(account(), "eu-central-1".parse().unwrap());
        let upstream = Url::parse(&emulator.url).unwrap();
        let mut config = GatewayConfig::new(upstream, home.account.clone(), home.region.clone());
        config.also.push(RegistryListener {
            listen: "127.0.0.1:0".parse().unwrap(),
            registry: other.clone(),
        });
        change(&mut config);
        let stage = Self {
            gateway: Gateway::start(config).await.unwrap(),
            home,
            other,
            client: client(),
            emulator,
        };
        for account in [Home, Other] {
            stage.collect_events(account).await;
        }
        stage
    }

    /// A gateway whose emulator takes no events.
    pub(crate) async fn start_without_bus() -> Self {
        let emulator = Emulator::shared().await;
        let target = emulator.url.clone();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let client = client();
        let proxy = axum::Router::new().fallback(move |request: axum::extract::Request| {
            let (client, target) = (client.clone(), target.clone());
            async move {
                let (mut parts, body) = request.into_parts();
                let name = parts.headers.get("x-amz-target");
                if name.is_some_and(|name| name.as_bytes().starts_with(b"AWSEvents.")) {
                    return Err(StatusCode::INTERNAL_SERVER_ERROR);
                }
                let body = body.collect().await.unwrap().to_bytes();
                parts.uri = format!("{target}{}", parts.uri).parse().unwrap();
                let request = Request::from_parts(parts, Full::new(body));
                let answer = client.request(request).await.unwrap();
                Ok(answer.map(axum::body::Body::new))
            }
        });
        tokio::spawn(axum::serve(listener, proxy).into_future());
        let stage = Self::start_with(|config| config.upstream = Url::parse(&url).unwrap()).await;
        drop(emulator);
        stage
    }

    pub(crate) async fn stop(self) {
        self.gateway.stop().await;
    }

    pub(crate) fn handle(&self) -> &GatewayHandle {
        &self.gateway.handle
    }

    /// `host:port` of the gateway.
    pub(crate) fn registry(&self) -> String {
        self.gateway.registry()
    }

    /// `host:port` of the other account's registry.
    pub(crate) fn also(&self) -> String {
        self.gateway.also[0].to_string()
    }

    pub(crate) fn url(&self) -> String {
        self.gateway.url()
    }

    pub(crate) fn registry_of(&self, account: Account) -> &Registry {
        match account {
            Home => &self.home,
            Other => &self.other,
        }
    }

    /// Runs skopeo, which must succeed; gives its output.
    pub(crate) fn skopeo(&self, arguments: &[&str]) -> String {
        let output = skopeo(arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "skopeo {arguments:?}: {text}{errors}"
        );
        text
    }

    pub(crate) fn skopeo_fails(&self, arguments: &[&str]) -> bool {
        !skopeo(arguments).status.success()
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, Home).await
    }

    pub(crate) async fn get_range(&self, path: &str, range: &str) -> Reply {
        let request = Request::get(format!("{}{path}", self.url())).header(header::RANGE, range);
        self.request(request.body(Full::default()).unwrap()).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, account: Account) -> Reply {
        self.send_body(method, path, account, Vec::new()).await
    }

    pub(crate) async fn send_body(
        &self,
        method: &str,
        path: &str,
        account: Account,
        body: Vec<u8>,
    ) -> Reply {
        let mut request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(format!("{}{path}", self.url()));
        if let Other = account {
            request = request.header(header::HOST, self.other.host());
        }
        self.request(request.body(Full::from(body)).unwrap()).await
    }

    pub(crate) async fn put_manifest(&self, path: &str, media_type: &str, body: Vec<u8>) -> Reply {
        let request = Request::put(format!("{}{path}", self.url()))
            .header(header::CONTENT_TYPE, media_type)
            .body(Full::from(body))
            .unwrap();
        self.request(request).await
    }

    pub(crate) async fn post(&self, path: &str, input: Value) -> Reply {
        self.send_body("POST", path, Home, input.to_string().into_bytes())
            .await
    }

    async fn request(&self, request: Request<Full<Bytes>>) -> Reply {
        let response = self.client.request(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Reply {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    /// Calls ECR's API at the gateway.
    pub(crate) async fn ecr(&self, account: Account, action: &str, input: Value) -> Reply {
        let registry = self.registry_of(account);
        self.ecr_with(
            registry.account.as_str(),
            registry.region.as_str(),
            action,
            input,
        )
        .await
    }

    pub(crate) async fn ecr_with(
        &self,
        access_key: &str,
        region: &str,
        action: &str,
        input: Value,
    ) -> Reply {
        let target = format!("AmazonEC2ContainerRegistry_V20150921.{action}");
        let scope = (access_key, region, "ecr");
        self.aws(&self.url(), scope, &target, input).await
    }

    async fn aws(
        &self,
        url: &str,
        (key, region, service): (&str, &str, &str),
        target: &str,
        input: Value,
    ) -> Reply {
        let request = Request::post(format!("{url}/"))
            .header("x-amz-target", target)
            .header(header::CONTENT_TYPE, "application/x-amz-json-1.1")
            .header(header::AUTHORIZATION, authorization(key, region, service))
            .body(Full::from(input.to_string()))
            .unwrap();
        self.request(request).await
    }

    /// Calls a service of the emulator; it must succeed.
    async fn emulated(&self, account: Account, service: &str, target: &str, input: Value) -> Value {
        let registry = self.registry_of(account);
        let scope = (registry.account.as_str(), registry.region.as_str(), service);
        let reply = self.aws(&self.emulator.url, scope, target, input).await;
        assert_eq!(reply.status, StatusCode::OK, "{target}: {reply:?}");
        reply.json()
    }

    /// Access key of a session of the other account's role.
    pub(crate) async fn session_in_other(&self) -> String {
        let role = format!("arn:aws:iam::{}:role/writer", self.other.account);
        let form = format!(
            "Action=AssumeRole&Version=2011-06-15&RoleSessionName=test&RoleArn={}",
            role.replace(':', "%3A").replace('/', "%2F")
        );
        let (key, region) = (self.home.account.as_str(), self.home.region.as_str());
        let request = Request::post(format!("{}/", self.emulator.url))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::AUTHORIZATION, authorization(key, region, "sts"))
            .body(Full::from(form))
            .unwrap();
        let reply = self.request(request).await;
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        text.split_once("<AccessKeyId>")
            .and_then(|(_, rest)| rest.split_once('<'))
            .unwrap_or_else(|| panic!("{text}"))
            .0
            .to_owned()
    }

    /// Sends everything of the account's bus to a queue.
    async fn collect_events(&self, account: Account) {
        let registry = self.registry_of(account);
        let arn = format!(
            "arn:aws:sqs:{}:{}:events",
            registry.region, registry.account
        );
        let queue = json!({"QueueName": "events"});
        self.emulated(account, "sqs", "AmazonSQS.CreateQueue", queue)
            .await;
        let rule = json!({"Name": "all",
            "EventPattern": json!({"source": ["ecr-steward"]}).to_string()});
        self.emulated(account, "events", "AWSEvents.PutRule", rule)
            .await;
        let targets = json!({"Rule": "all", "Targets": [{"Id": "1", "Arn": arn}]});
        self.emulated(account, "events", "AWSEvents.PutTargets", targets)
            .await;
    }

    /// The next `count` events of the account's bus, in order; no more may be there.
    pub(crate) async fn events(&self, account: Account, count: usize) -> Vec<Value> {
        self.handle().settled().await;
        let url = self
            .emulated(
                account,
                "sqs",
                "AmazonSQS.GetQueueUrl",
                json!({"QueueName": "events"}),
            )
            .await["QueueUrl"]
            .clone();
        let mut events = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        while events.len() < count {
            assert!(
                Instant::now() < deadline,
                "{} of {count}: {events:?}",
                events.len()
            );
            let input = json!({"QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1});
            let received = self
                .emulated(account, "sqs", "AmazonSQS.ReceiveMessage", input)
                .await;
            for message in received["Messages"].as_array().into_iter().flatten() {
                events.push(serde_json::from_str(message["Body"].as_str().unwrap()).unwrap());
                let input = json!({"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]});
                self.emulated(account, "sqs", "AmazonSQS.DeleteMessage", input)
                    .await;
            }
        }
        assert_eq!(events.len(), count, "{events:?}");
        events
    }
}

fn authorization(key: &str, region: &str, service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={key}/20261123/{region}/{service}/aws4_request, \
         SignedHeaders=host, Signature=00"
    )
}

fn skopeo(arguments: &[&str]) -> std::process::Output {
    let program = SKOPEO.ensure(&|line| eprintln!("{line}")).unwrap();
    tokio::task::block_in_place(|| {
        Command::new(program)
            .arg("--insecure-policy")
            .args(arguments)
            .output()
            .unwrap()
    })
}

/// The digest of bytes.
pub(crate) fn digest(bytes: &[u8]) -> String {
    let sum: [u8; 32] = Sha256::digest(bytes).into();
    steward_core::Digest::from_sha256(&sum).to_string()
}

/// `user:password` of an ECR token.
pub(crate) fn basic(token: &str) -> String {
    String::from_utf8(STANDARD.decode(token).unwrap()).unwrap()
}
