//! What every registry has to do for the client, and the client for every registry.

use bytes::Bytes;
use serde_json::json;
use steward_core::Reference;
use steward_registry::{
    CopyOptions, CopyReport, CopyRequest, Layout, Manifest, Place, Repository, Verify, copy,
};
use steward_testkit::image::{Format, Image, Layer};

use crate::registry::{Probes, Registry};

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

pub(crate) async fn check(registry: &Registry) {
    manifests_are_kept_to_the_byte(registry).await;
    an_index_is_kept_with_its_children(registry).await;
    referrers_are_found(registry).await;
    a_copy_within_the_registry_moves_no_bytes(registry).await;
    what_is_unchanged_is_not_written(registry).await;
    tags_are_listed_page_by_page(registry).await;
    what_is_deleted_is_gone(registry).await;
}

/// An image of every kind of layer: with bytes, without, and one twice.
pub(crate) fn image(name: &str, format: Format) -> Image {
    let seed = name
        .bytes()
        .fold(7, |seed: u64, byte| seed * 31 + u64::from(byte));
    let twice = Layer::random_blob(LAYER, seed, 3_000);
    Image::builder()
        .format(format)
        .platform("linux", "amd64")
        .label("org.opencontainers.image.title", name)
        .layer(twice.clone())
        .layer(Layer::random_blob(LAYER, seed + 1, 1_200_000))
        .layer(Layer::empty())
        .layer(twice)
        .build()
}

/// Pushes an image with everything below it, by the client under test.
pub(crate) async fn push(to: &Repository, tag: Option<&str>, image: &Image) {
    for child in image.children() {
        Box::pin(push(to, None, child)).await;
    }
    for blob in image.blobs() {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut blob.open(), &mut bytes).unwrap();
        let pushed = to.put_blob(bytes.into()).await;
        let pushed = pushed.unwrap_or_else(|error| panic!("{to}: {}: {error}", blob.digest()));
        assert_eq!(pushed.digest, *blob.digest());
    }
    let manifest = Manifest::parse(image.manifest().clone(), Some(image.media_type())).unwrap();
    let name = tag.map_or_else(|| image.digest().clone().into(), named);
    let put = to.put_manifest(&name, &manifest).await;
    put.unwrap_or_else(|error| panic!("{to}: {name}: {error}"));
}

/// The image is there under this name with everything below it, byte for byte.
pub(crate) async fn assert_there(at: &Repository, name: &Reference, image: &Image) {
    let manifest = at.manifest(name).await;
    let manifest = manifest.unwrap_or_else(|error| panic!("{at} {name}: {error}"));
    assert_eq!(manifest.bytes(), image.manifest(), "{at} {name}");
    assert_eq!(manifest.digest(), image.digest(), "{at} {name}");
    assert_eq!(
        manifest.media_type().as_str(),
        image.media_type(),
        "{at} {name}"
    );
    let found = at.find(name).await.unwrap().unwrap();
    let (seen, read) = (found, manifest.descriptor());
    assert_eq!(seen.media_type, read.media_type, "{at} {name}");
    assert_eq!(
        (seen.digest, seen.size),
        (read.digest, read.size),
        "{at} {name}"
    );
    for blob in manifest.blobs() {
        assert_eq!(at.find_blob(&blob.digest).await.unwrap(), Some(blob.size));
        let read = at.blob(blob, 8 << 20).await;
        assert!(read.is_ok(), "{at} {name}: {read:?}");
    }
    for child in image.children() {
        Box::pin(assert_there(at, &child.digest().clone().into(), child)).await;
    }
}

pub(crate) fn named(tag: &str) -> Reference {
    tag.parse().unwrap()
}

pub(crate) async fn run(from: &Repository, to: &Repository, tag: &str) -> CopyReport {
    let options = CopyOptions {
        referrers: true,
        verify: Verify::Full,
        ..CopyOptions::default()
    };
    run_with(from.clone(), to.clone(), (tag, tag), &options).await
}

/// Copies what one tag names at the source to another tag at the target.
async fn run_with(
    from: impl Into<Place>,
    to: impl Into<Place>,
    (tag, new_tag): (&str, &str),
    options: &CopyOptions,
) -> CopyReport {
    let request = CopyRequest {
        from: from.into(),
        reference: named(tag),
        to: to.into(),
        tag: Some(new_tag.parse().unwrap()),
    };
    let (from, to) = (&request.from, &request.to);
    let outcome = copy(&request, options).await;
    let outcome =
        outcome.unwrap_or_else(|error| panic!("{from} to {to}: {error}: {:?}", error.error()));
    let report = outcome.report();
    report.unwrap_or_else(|| panic!("{outcome:?}")).clone()
}

async fn manifests_are_kept_to_the_byte(registry: &Registry) {
    let at = registry.repository("kept/image");
    for format in [Format::Oci, Format::Docker] {
        let image = image("kept", format);
        push(&at, Some("v1"), &image).await;
        assert_there(&at, &named("v1"), &image).await;
        assert_there(&at, &image.digest().clone().into(), &image).await;
    }
    // As no program would write it, with a key that no specification names.
    let config = at.put_blob(Bytes::from_static(b"{}")).await.unwrap();
    let odd = format!(
        "{{ \"mediaType\": \"application/vnd.oci.image.manifest.v1+json\",\r\n\t\"x\":[ 1.0,\"\\u00e9\" ],\n\
         \"schemaVersion\" : 2, \"layers\":[], \"config\": {} }}\n\n",
        json!({
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": config.digest, "size": config.size,
        })
    );
    let odd = Manifest::parse(odd.into(), None).unwrap();
    at.put_manifest(&named("odd"), &odd).await.unwrap();
    let read = at.manifest(&named("odd")).await.unwrap();
    assert_eq!(read.bytes(), odd.bytes());
    assert_eq!(at.find(&named("no-such-tag")).await.unwrap(), None);
    let nowhere = image("nowhere", Format::Oci).digest().clone();
    assert_eq!(at.find(&nowhere.clone().into()).await.unwrap(), None);
    assert_eq!(at.find_blob(&nowhere).await.unwrap(), None);
}

async fn an_index_is_kept_with_its_children(registry: &Registry) {
    let at = registry.repository("kept/index");
    let inner = Image::index([image("amd64", Format::Oci), image("arm64", Format::Oci)]);
    let nested = Image::index([inner, image("riscv64", Format::Oci)]);
    let docker = [
        image("amd64", Format::Docker),
        image("arm64", Format::Docker),
    ];
    let list = Image::index_of(Format::Docker, docker, Default::default());
    for (tag, index) in [("nested", nested), ("list", list)] {
        push(&at, Some(tag), &index).await;
        assert_there(&at, &named(tag), &index).await;
    }
}

async fn referrers_are_found(registry: &Registry) {
    let at = registry.repository("kept/referrers");
    let subject = image("subject", Format::Oci);
    push(&at, Some("v1"), &subject).await;
    assert_eq!(digests(&at, &subject, None).await, Vec::<String>::new());
    let kinds = ["application/spdx+json", "application/vnd.example.signature"];
    let referrers = kinds.map(|kind| Image::referrer(&subject, kind, format!("{{\"{kind}\":1}}")));
    for referrer in &referrers {
        push(&at, None, referrer).await;
    }
    if !registry.ways.referrers_api {
        let list = Image::index(referrers.clone());
        let list = Manifest::parse(list.manifest().clone(), None).unwrap();
        let tag = named(&subject.digest().referrers_tag());
        at.put_manifest(&tag, &list).await.unwrap();
    }
    let mut wanted = referrers
        .each_ref()
        .map(|referrer| referrer.digest().to_string());
    let only = wanted[0].clone();
    wanted.sort();
    assert_eq!(digests(&at, &subject, None).await, wanted);
    assert_eq!(digests(&at, &subject, Some(kinds[0])).await, [only]);
}

/// What the registry lists, sorted.
pub(crate) async fn digests(at: &Repository, subject: &Image, kind: Option<&str>) -> Vec<String> {
    let found = at.referrers(subject.digest(), kind).await;
    let found = found.unwrap_or_else(|error| panic!("{at}: {error}"));
    let mut digests: Vec<String> = found.iter().map(|found| found.digest.to_string()).collect();
    digests.sort();
    digests
}

async fn a_copy_within_the_registry_moves_no_bytes(registry: &Registry) {
    let (from, to) = (
        registry.repository("mount/here"),
        registry.repository("mount/there"),
    );
    let image = image("mounted", Format::Oci);
    push(&from, Some("v1"), &image).await;
    let report = run(&from, &to, "v1").await;
    // Two layers, a config and the blob without bytes.
    if registry.ways.mounts {
        assert_eq!((report.blobs.mounted, report.bytes), (4, 0), "{report:?}");
    } else {
        assert_eq!(report.blobs.copied, 4, "{report:?}");
    }
    assert_there(&to, &named("v1"), &image).await;
}

async fn what_is_unchanged_is_not_written(registry: &Registry) {
    let (first, name) = (image("first", Format::Oci), "v1");
    let here = registry.repository("same/here");
    push(&here, Some(name), &first).await;
    // From a folder: within a registry, mounts would hide what is asked about blobs that are there.
    let folder = tempfile::tempdir().unwrap();
    let from = Layout::create(folder.path()).await.unwrap();
    let plain = CopyOptions::default();
    run_with(here, from.clone(), (name, name), &plain).await;
    let there = registry.repository("same/there");
    let again = |tag| run_with(from.clone(), there.clone(), (name, tag), &plain);
    assert_eq!(again(name).await.blobs.copied, 4);

    let writes = || registry.count(&["POST", "PUT", "PATCH", "DELETE"]);
    let before = writes();
    let report = again(name).await;
    assert!(report.unchanged);
    assert_eq!(report.requests.target, 1);
    assert_eq!(writes(), before);
    // Another tag of the same image is a manifest and no blob.
    let report = again("v2").await;
    assert_eq!((report.blobs.present, report.bytes), (4, 0), "{report:?}");
    // A look at the tag, one question for each blob, the manifest.
    let least = 1 + 4 + 1;
    match registry.ways.probes {
        // The client knows what it has brought, and looks where the answer says otherwise.
        Probes::InVain => assert!((least..=least + 4).contains(&report.requests.target)),
        Probes::Answers | Probes::NotAsked => {
            assert_eq!(report.requests.target, least, "{report:?}");
        }
    }
    assert_there(&there, &named("v2"), &first).await;
}

async fn tags_are_listed_page_by_page(registry: &Registry) {
    let at = registry.repository("listed/image");
    let image = image("listed", Format::Oci);
    let wanted: Vec<String> = (0..8).map(|n| format!("v{n}")).collect();
    for tag in &wanted {
        push(&at, Some(tag), &image).await;
    }
    let before = registry.count(&["GET"]);
    let mut tags: Vec<String> = at
        .tags()
        .await
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    tags.sort();
    assert_eq!(tags, wanted);
    let pages = registry.count(&["GET"]) - before;
    assert_eq!(pages > 1, registry.ways.pages, "{pages} pages");
    let unknown = registry.repository("listed/nobody").tags().await;
    if registry.ways.knows_repositories {
        assert_eq!(unknown.unwrap_err().error_type(), "repository_not_found");
    } else {
        assert_eq!(unknown.unwrap(), []);
    }
}

async fn what_is_deleted_is_gone(registry: &Registry) {
    let at = registry.repository("deleted/image");
    let (stays, goes) = (image("stays", Format::Oci), image("goes", Format::Oci));
    push(&at, Some("stays"), &stays).await;
    push(&at, Some("goes"), &goes).await;
    let digest = Reference::from(goes.digest().clone());
    at.delete_manifest(&digest).await.unwrap();
    assert_eq!(at.find(&digest).await.unwrap(), None);
    assert_eq!(at.find(&named("goes")).await.unwrap(), None);
    let again = at.delete_manifest(&digest).await.unwrap_err();
    assert!(again.is_not_found(), "{again}");
    assert_there(&at, &named("stays"), &stays).await;
}
