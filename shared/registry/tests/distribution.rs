//! Against the real CNCF Distribution, as Debian packages it (`docker-registry`).

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};
use steward_core::{Digest, Reference};
use steward_registry::{
    Client, CopyOptions, CopyReport, CopyRequest, Layout, Manifest, Outcome, Repository,
    RetryPolicy, Verify, copy,
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

/// A registry process with its folder; both are gone when dropped.
struct Distribution {
    _process: Child,
    _folder: TempDir,
    address: String,
}

impl Distribution {
    async fn start() -> Self {
        for _ in 0..5 {
            if let Some(running) = Self::try_start().await {
                return running;
            }
        }
        panic!("docker-registry found no free port in five tries");
    }

    /// Nothing where another program took the port in between.
    async fn try_start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .unwrap()
            .port();
        let address = format!("127.0.0.1:{port}");
        let config = folder.path().join("config.yml");
        std::fs::write(&config, configuration(folder.path(), &address)).unwrap();
        let mut process = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("docker-registry does not start ({error}): apt-get install docker-registry")
            });
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            if process.try_wait().unwrap().is_some() {
                return None;
            }
            if tokio::net::TcpStream::connect(&address).await.is_ok() {
                return Some(Self {
                    _process: process,
                    _folder: folder,
                    address,
                });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("docker-registry does not listen on {address} after 30 s");
    }

    fn repository(&self, path: &str) -> Repository {
        let client = Client::builder().build().unwrap();
        client
            .repository(&self.address.parse().unwrap(), &path.parse().unwrap())
            .unwrap()
    }
}

/// What is wrong with the way to a registry.
#[derive(Clone, Copy)]
enum Way {
    /// The first connection that sends more than so many bytes is cut.
    Cut(u64),
    /// Each connection sends no more than so many bytes in a second.
    Slow(u32),
}

/// Forwards connections to `target`. Counts the bytes that went up.
async fn proxy(target: String, way: Way) -> (String, Arc<AtomicU64>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let sent = Arc::new(AtomicU64::new(0));
    let total = Arc::clone(&sent);
    let cut = Arc::new(AtomicBool::new(false));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (target, total, cut) = (target.clone(), Arc::clone(&total), Arc::clone(&cut));
            tokio::spawn(async move {
                let server = tokio::net::TcpStream::connect(target).await.ok()?;
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                let up = async {
                    let mut here = 0;
                    let mut buffer = vec![0; 64 * 1024];
                    loop {
                        let n = from_client.read(&mut buffer).await.unwrap_or(0);
                        if n == 0 {
                            return;
                        }
                        here += n as u64;
                        total.fetch_add(n as u64, Ordering::Relaxed);
                        match way {
                            Way::Cut(after) if here > after => {
                                if !cut.swap(true, Ordering::Relaxed) {
                                    return;
                                }
                            }
                            Way::Cut(_) => {}
                            Way::Slow(speed) => {
                                let n = u32::try_from(n).unwrap();
                                tokio::time::sleep(Duration::from_secs(1) * n / speed).await;
                            }
                        }
                        if to_server.write_all(&buffer[..n]).await.is_err() {
                            return;
                        }
                    }
                };
                tokio::select! {
                    () = up => {}
                    _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
                }
                Some(())
            });
        }
    });
    (address, sent)
}

fn configuration(folder: &Path, address: &str) -> String {
    format!(
        "version: 0.1\n\
         log: {{ level: error }}\n\
         storage:\n  filesystem: {{ rootdirectory: {} }}\n  delete: {{ enabled: true }}\n\
         http: {{ addr: \"{address}\", relativeurls: false }}\n",
        folder.join("data").display()
    )
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn bytes(size: usize, seed: u64) -> Bytes {
    let mut bytes = vec![0; size];
    fastrand::Rng::with_seed(seed).fill(&mut bytes);
    bytes.into()
}

async fn push(repository: &Repository, reference: Option<&str>, manifest: &Value) -> Value {
    let text = serde_json::to_vec_pretty(manifest).unwrap();
    let manifest = Manifest::parse(text.into(), None).unwrap();
    let digest = manifest.digest().clone();
    let name: Reference = match reference {
        Some(tag) => tag.parse().unwrap(),
        None => digest.clone().into(),
    };
    repository.put_manifest(&name, &manifest).await.unwrap();
    json!({
        "mediaType": manifest.media_type().as_str(),
        "digest": digest.as_str(),
        "size": manifest.bytes().len(),
    })
}

async fn push_image(
    repository: &Repository,
    tag: Option<&str>,
    layers: &[Bytes],
    subject: Option<&Value>,
) -> Value {
    let mut descriptors = Vec::new();
    let config = Bytes::from(format!("{{\"layers\":{}}}", layers.len()));
    for blob in layers.iter().chain([&config]) {
        let blob = repository.put_blob(blob.clone()).await.unwrap();
        descriptors.push(json!({
            "mediaType": "application/vnd.oci.image.layer.v1.tar",
            "digest": blob.digest.as_str(),
            "size": blob.size,
        }));
    }
    let config = descriptors.pop().unwrap();
    let mut manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": descriptors,
    });
    if let Some(subject) = subject {
        manifest["subject"] = subject.clone();
    }
    push(repository, tag, &manifest).await
}

async fn run(from: &Repository, to: &Repository, options: &CopyOptions) -> CopyReport {
    let request = CopyRequest {
        from: from.clone().into(),
        reference: "v1".parse().unwrap(),
        to: to.clone().into(),
        tag: Some("v1".parse().unwrap()),
    };
    match copy(&request, options).await.unwrap() {
        Outcome::Done(report) => report,
        moved => panic!("{moved:?}"),
    }
}

async fn assert_whole(repository: &Repository, reference: &Reference) {
    let manifest = repository.manifest(reference).await.unwrap();
    for blob in manifest.blobs() {
        repository.blob(blob, 1 << 30).await.unwrap();
    }
    for child in manifest.children() {
        Box::pin(assert_whole(repository, &child.digest.clone().into())).await;
    }
}

#[tokio::test]
async fn an_image_is_copied_within_its_budget_of_requests() {
    let (from, to) = (Distribution::start().await, Distribution::start().await);
    let (source, target) = (from.repository("team/app"), to.repository("dr/team/app"));
    let layers = [bytes(3_000_000, 1), bytes(500_000, 2), Bytes::new()];
    push_image(&source, Some("v1"), &layers, None).await;

    let report = run(&source, &target, &CopyOptions::default()).await;
    assert_eq!(report.blobs.copied, 4);
    assert_eq!(report.requests.source + report.requests.target, 3 + 3 * 4);
    assert_whole(&target, &"v1".parse().unwrap()).await;

    let report = run(&source, &target, &CopyOptions::default()).await;
    assert!(report.unchanged);
    assert_eq!(report.requests.source + report.requests.target, 2);

    // Another repository of the same registry takes the blobs from its neighbour.
    let neighbour = to.repository("other/app");
    let report = run(&target, &neighbour, &CopyOptions::default()).await;
    assert_eq!((report.blobs.mounted, report.bytes), (4, 0));
    assert_whole(&neighbour, &"v1".parse().unwrap()).await;

    // The same blobs under another tag are found where they are.
    let more = [bytes(3_000_000, 1), bytes(10, 3)];
    push_image(&source, Some("v1"), &more, None).await;
    let report = run(&source, &target, &CopyOptions::default()).await;
    assert_eq!((report.blobs.present, report.blobs.copied), (1, 2));
}

#[tokio::test]
async fn an_index_and_its_referrer_travel_whole_also_through_a_folder() {
    let (from, to) = (Distribution::start().await, Distribution::start().await);
    let (source, target) = (from.repository("team/app"), to.repository("dr/team/app"));
    let amd64 = push_image(&source, None, &[bytes(200_000, 1), bytes(1000, 9)], None).await;
    let arm64 = push_image(&source, None, &[bytes(200_000, 2), bytes(1000, 9)], None).await;
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [amd64, arm64] });
    let index = push(&source, Some("v1"), &index).await;
    let signature = push_image(&source, None, &[bytes(300, 3)], Some(&index)).await;
    // This Distribution has no referrers API, so the signing tool keeps the list under a tag.
    let list = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [signature] });
    let subject: Digest = index["digest"].as_str().unwrap().parse().unwrap();
    push(&source, Some(&subject.referrers_tag()), &list).await;

    let options = CopyOptions {
        referrers: true,
        ..CopyOptions::default()
    };
    let report = run(&source, &target, &options).await;
    assert_eq!(report.digest, subject);
    assert_eq!(report.referrers, 1);
    assert_whole(&target, &"v1".parse().unwrap()).await;
    let found = target.referrers(&subject, None).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].digest.as_str(),
        signature["digest"].as_str().unwrap()
    );
    assert_whole(&target, &found[0].digest.clone().into()).await;

    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::create(folder.path()).await.unwrap();
    let mut request = CopyRequest {
        from: source.into(),
        reference: "v1".parse().unwrap(),
        to: layout.clone().into(),
        tag: Some("v1".parse().unwrap()),
    };
    copy(&request, &options).await.unwrap();
    let back = to.repository("back/app");
    request.from = layout.into();
    request.to = back.clone().into();
    let outcome = copy(&request, &options).await.unwrap();
    assert_eq!(outcome.report().unwrap().digest, subject);
    assert_whole(&back, &"v1".parse().unwrap()).await;
    assert_eq!(back.referrers(&subject, None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_cut_upload_arrives_all_the_same() {
    let (from, to) = (Distribution::start().await, Distribution::start().await);
    let source = from.repository("team/app");
    let size = 40_000_000;
    push_image(&source, Some("v1"), &[bytes(size, 1)], None).await;
    let (address, sent) = proxy(to.address.clone(), Way::Cut(25_000_000)).await;
    let target = through(&address);
    run(&source, &target, &CopyOptions::default()).await;
    assert_whole(&to.repository("dr/team/app"), &"v1".parse().unwrap()).await;
    let sent = sent.load(Ordering::Relaxed);
    // At worst, everything before the cut went up twice.
    assert!(sent < size as u64 + 27_000_000, "{sent} bytes went up");
}

/// The target of a copy, reached through a proxy.
fn through(address: &str) -> Repository {
    let client = Client::builder()
        .endpoints(
            format!("mirror.example.com=http://{address}")
                .parse()
                .unwrap(),
        )
        .retry(RetryPolicy::immediate())
        .build()
        .unwrap();
    let host = "mirror.example.com".parse().unwrap();
    client
        .repository(&host, &"dr/team/app".parse().unwrap())
        .unwrap()
}

#[tokio::test]
async fn an_upload_that_one_run_leaves_another_takes_up() {
    let from = Distribution::start().await;
    let source = from.repository("team/app");
    // More than fits into the time, as far as that can be told: it goes up in parts.
    let size = 40_000_000;
    push_image(&source, Some("v1"), &[bytes(size, 1)], None).await;
    let request = |to: &Repository| CopyRequest {
        from: source.clone().into(),
        reference: "v1".parse().unwrap(),
        to: to.clone().into(),
        tag: Some("v1".parse().unwrap()),
    };
    // A busy machine may need several tries to come anywhere in the time there is.
    for seconds in [4, 8, 8, 8] {
        let to = Distribution::start().await;
        let (address, sent) = proxy(to.address.clone(), Way::Slow(8_000_000)).await;
        let options = CopyOptions {
            deadline: Some(Instant::now() + Duration::from_secs(seconds)),
            concurrency: 1,
            ..CopyOptions::default()
        };
        let first = through(&address);
        let Outcome::Paused(paused) = copy(&request(&first), &options).await.unwrap() else {
            panic!("nothing was in its way")
        };
        if paused.uploads.is_empty() {
            continue;
        }
        let kept = paused.uploads[0].offset;
        assert_eq!(kept % (10 * 1024 * 1024), 0, "it stops after a whole part");
        let uploaded = sent.swap(0, Ordering::Relaxed);
        assert!(uploaded >= kept);
        let state = serde_json::to_string(&paused.uploads).unwrap();
        let options = CopyOptions {
            resume: serde_json::from_str(&state).unwrap(),
            verify: Verify::Full,
            ..CopyOptions::default()
        };
        let report = run(&source, &through(&address), &options).await;
        assert_eq!(report.verified, Verify::Full);
        assert_whole(&to.repository("dr/team/app"), &"v1".parse().unwrap()).await;
        let rest = sent.load(Ordering::Relaxed);
        assert!(
            rest < size as u64 - kept + 1_000_000,
            "{rest} of {size} after {kept}"
        );
        return;
    }
    panic!("no upload came anywhere");
}

#[tokio::test]
async fn tags_are_listed_and_manifests_deleted() {
    let registry = Distribution::start().await;
    let repository = registry.repository("team/app");
    let image = push_image(&repository, Some("v1"), &[bytes(100, 1)], None).await;
    push_image(&repository, Some("v2"), &[bytes(100, 2)], None).await;
    let tags = repository.tags().await.unwrap();
    assert_eq!(tags.len(), 2);
    let digest: Digest = image["digest"].as_str().unwrap().parse().unwrap();
    repository.delete_manifest(&digest.into()).await.unwrap();
    assert!(
        repository
            .find(&"v1".parse().unwrap())
            .await
            .unwrap()
            .is_none()
    );
    let error = registry.repository("nobody/here").tags().await.unwrap_err();
    assert_eq!(error.error_type(), "repository_not_found");
}
