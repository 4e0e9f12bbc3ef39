//! The two registries, the proxies in front of them, and what has to be true at the end.

use std::collections::{BTreeSet, HashMap};

use futures_util::{StreamExt as _, stream};
use steward_core::{Digest, Reference};
use steward_registry::{Client, CopyRequest, Descriptor, Repository, RetryPolicy};
use steward_testkit::cloud::{Distribution, DistributionOptions};
use steward_testkit::faults::{Dice, HttpFaultProxy};
use steward_testkit::image::{Image, Target};

use crate::images::Item;

/// The share of requests that meet a fault.
const RATE: f64 = 0.1;

pub(crate) struct World {
    pub(crate) images: Vec<Item>,
    pub(crate) source: HttpFaultProxy,
    pub(crate) target: HttpFaultProxy,
    /// A client that knows the target without its proxy.
    direct: Client,
    source_registry: Distribution,
    target_registry: Distribution,
}

impl World {
    pub(crate) async fn start(seed: u64, images: Vec<Item>) -> Self {
        let registry = |in_memory| async move {
            let options = DistributionOptions {
                in_memory,
                ..DistributionOptions::default()
            };
            let started = Distribution::start(options).await;
            started.unwrap_or_else(|error| panic!("{error}"))
        };
        // The target has what production has: a storage that writes and syncs files.
        let (source_registry, target_registry) = (registry(true).await, registry(false).await);
        fill(&source_registry, &images).await;
        let proxy = |registry: &Distribution, seed| {
            HttpFaultProxy::start(
                registry.address().parse().unwrap(),
                Dice { seed, rate: RATE },
            )
        };
        Self {
            source: proxy(&source_registry, seed).await.unwrap(),
            target: proxy(&target_registry, !seed).await.unwrap(),
            direct: Client::builder().build().unwrap(),
            images,
            source_registry,
            target_registry,
        }
    }

    /// Ends the faults.
    pub(crate) fn calm(&self) {
        self.source.calm();
        self.target.calm();
    }

    /// A client of its own, as every process has one.
    pub(crate) fn client() -> Client {
        let builder = Client::builder().retry(RetryPolicy::immediate());
        builder.build().unwrap()
    }

    /// What is asked of a client: an item from behind one proxy to behind the other.
    pub(crate) fn request(&self, client: &Client, item: &Item) -> CopyRequest {
        let path = item.repository.parse().unwrap();
        let [from, to] = [&self.source, &self.target].map(|proxy| {
            let host = proxy.addr().to_string().parse().unwrap();
            client.repository(&host, &path).unwrap()
        });
        CopyRequest {
            from: from.into(),
            reference: item.tag.parse().unwrap(),
            to: to.into(),
            tag: Some(item.tag.parse().unwrap()),
        }
    }

    /// The item's repository at the target, without the proxy.
    pub(crate) fn truth(&self, item: &Item) -> Repository {
        at(&self.direct, &self.target_registry, item)
    }

    /// Every image is there, byte for byte, and nothing else is tagged.
    pub(crate) async fn assert_exact(&self) {
        let repositories = self
            .images
            .chunk_by(|one, next| one.repository == next.repository);
        let checks = repositories.map(|items| async move {
            let there = self.truth(&items[0]);
            let mut blobs = HashMap::new();
            for item in items {
                exact(&there, &item.tag.parse().unwrap(), &item.image, &mut blobs).await;
                for referrer in &item.referrers {
                    let name = referrer.digest().clone().into();
                    exact(&there, &name, referrer, &mut blobs).await;
                    let subject = referrer.subject().unwrap();
                    let listed = there.referrers(subject, None).await.unwrap();
                    let listed: Vec<_> = listed.iter().map(|listed| &listed.digest).collect();
                    assert_eq!(listed, [referrer.digest()], "{there}: {subject}");
                }
            }
            for blob in blobs.values() {
                let read = there.blob(blob, 1 << 20).await;
                assert!(read.is_ok(), "{there}: {}: {read:?}", blob.digest);
            }
            let source = at(&self.direct, &self.source_registry, &items[0]);
            let tags = [source.tags().await, there.tags().await];
            let [source, there] =
                tags.map(|tags| tags.unwrap().into_iter().collect::<BTreeSet<_>>());
            assert_eq!(there, source, "{}", items[0].repository);
        });
        stream::iter(checks)
            .buffer_unordered(8)
            .collect::<()>()
            .await;
    }
}

fn at(client: &Client, registry: &Distribution, item: &Item) -> Repository {
    let host = registry.address().parse().unwrap();
    client
        .repository(&host, &item.repository.parse().unwrap())
        .unwrap()
}

/// Pushes everything to the source, with another client than the one under test. One image after the
/// other in a repository: Distribution 2.8 answers 500 about a blob whose link is just being written.
async fn fill(registry: &Distribution, images: &[Item]) {
    let target = &Target::new(&format!("http://{}", registry.address())).unwrap();
    let pushes = images
        .chunk_by(|one, next| one.repository == next.repository)
        .map(|items| async move {
            for item in items {
                let repository = &item.repository;
                target
                    .push(repository, Some(&item.tag), &item.image)
                    .await
                    .unwrap();
                for referrer in &item.referrers {
                    target.push(repository, None, referrer).await.unwrap();
                    // This Distribution has no referrers API: the list is under a tag.
                    let list = Image::index([referrer.clone()]);
                    let tag = referrer.subject().unwrap().referrers_tag();
                    target
                        .push_manifest(repository, Some(&tag), &list)
                        .await
                        .unwrap();
                }
            }
        });
    stream::iter(pushes)
        .buffer_unordered(8)
        .collect::<()>()
        .await;
}

/// The manifest and its children are there with the right bytes. Their blobs are noted.
async fn exact(
    there: &Repository,
    name: &Reference,
    image: &Image,
    blobs: &mut HashMap<Digest, Descriptor>,
) {
    let manifest = there.manifest(name).await;
    let manifest = manifest.unwrap_or_else(|error| panic!("{there} {name}: {error}"));
    assert_eq!(manifest.bytes(), image.manifest(), "{there} {name}");
    blobs.extend(
        manifest
            .blobs()
            .map(|blob| (blob.digest.clone(), blob.clone())),
    );
    for child in image.children() {
        Box::pin(exact(there, &child.digest().clone().into(), child, blobs)).await;
    }
}
