//! One image with its referrers from every registry to every other, and back into a folder.

use steward_registry::{CopyOptions, CopyRequest, Layout, copy};
use steward_testkit::image::{Format, Image};

use crate::conformance::{assert_there, digests, image, named, push, run};
use crate::registry::Registry;

pub(crate) async fn check(registries: &[Registry]) {
    let index = Image::index([image("amd64", Format::Oci), image("arm64", Format::Oci)]);
    let sbom = Image::referrer(&index, "application/spdx+json", "{}");
    let signature = Image::referrer(&sbom, "application/vnd.example.signature", "of the SBOM");
    let of_child = Image::referrer(
        &index.children()[0],
        "application/vnd.example.scan",
        "clean",
    );
    let referrers = [sbom.clone(), signature, of_child];

    // The first one gets it from a folder, by way of a registry that lists referrers by itself.
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::create(folder.path()).await.unwrap();
    let seed = registries
        .iter()
        .find(|registry| registry.ways.referrers_api)
        .unwrap();
    let first = seed.repository("seed/app");
    push(&first, Some("v1"), &index).await;
    for referrer in &referrers {
        push(&first, None, referrer).await;
    }
    let to_layout = CopyRequest {
        from: first.into(),
        reference: named("v1"),
        to: layout.clone().into(),
        tag: Some("v1".parse().unwrap()),
    };
    let options = CopyOptions {
        referrers: true,
        ..CopyOptions::default()
    };
    copy(&to_layout, &options).await.unwrap();

    for from in registries {
        let source = from.repository("from/app");
        let request = CopyRequest {
            from: layout.clone().into(),
            to: source.clone().into(),
            ..to_layout.clone()
        };
        let outcome = copy(&request, &options).await;
        let outcome =
            outcome.unwrap_or_else(|error| panic!("folder to {source}: {:?}", error.error()));
        assert_eq!(outcome.report().unwrap().referrers, 3);
        for (n, to) in registries.iter().enumerate() {
            let target = to.repository(&format!(
                "of-{}/app-{n}",
                from.host.to_string().replace('.', "-")
            ));
            let report = run(&source, &target, "v1").await;
            assert_eq!(report.digest, *index.digest(), "{source} to {target}");
            assert_eq!(report.referrers, 3, "{source} to {target}");
            assert_there(&target, &named("v1"), &index).await;
            for referrer in &referrers {
                assert_there(&target, &referrer.digest().clone().into(), referrer).await;
                let listed = target
                    .referrers(referrer.subject().unwrap(), None)
                    .await
                    .unwrap();
                let digests: Vec<_> = listed.iter().map(|listed| &listed.digest).collect();
                assert_eq!(digests, [referrer.digest()], "{source} to {target}");
            }
            assert_eq!(digests(&target, &sbom, None).await.len(), 1);
        }
    }
}
