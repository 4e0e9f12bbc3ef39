//! Targets that are looked at after the copy, and what a report says about each blob.

use super::*;
use crate::fake::{Image, ImageSpec, bytes_of_size, image, index};

fn app() -> Image {
    index(vec![image(ImageSpec {
        layers: vec![bytes_of_size(5000, 1), bytes_of_size(6000, 2)],
        ..ImageSpec::default()
    })])
}

fn fully() -> CopyOptions {
    CopyOptions {
        verify: Verify::Full,
        ..CopyOptions::default()
    }
}

#[tokio::test]
async fn a_verified_target_costs_a_look_per_tag_manifest_and_blob() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    from.push("team/app", Some("v1"), &app());
    let plain = done(&request(&from, &to), &CopyOptions::default()).await;
    assert_eq!(plain.verified, Verify::Answers);
    let elsewhere = Fake::start().await;
    let report = done(&request(&from, &elsewhere), &fully()).await;
    assert_eq!(report.verified, Verify::Full);
    assert_eq!(report.requests.source, plain.requests.source);
    assert_eq!(report.requests.target, plain.requests.target + 1 + 2 + 3);
}

#[tokio::test]
async fn a_blob_that_the_target_lost_is_moved_again() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let app = app();
    from.push("team/app", Some("v1"), &app);
    done(&request(&from, &to), &CopyOptions::default()).await;
    let lost = app.children[0].blobs.keys().next().unwrap();
    let loses = |to: &Fake| {
        let mut state = to.state();
        let contents = state.store.repositories.get_mut("dr/team/app").unwrap();
        contents.blobs.remove(lost);
    };
    loses(&to);
    assert!(
        done(&request(&from, &to), &CopyOptions::default())
            .await
            .unchanged
    );
    assert!(!is_whole(&to.repository("dr/team/app"), &reference("v1")).await);
    let report = done(&request(&from, &to), &fully()).await;
    assert!(report.unchanged);
    assert!(is_whole(&to.repository("dr/team/app"), &reference("v1")).await);

    // One that the target loses for good is an error that names it.
    loses(&to);
    struct Nothing;
    #[async_trait]
    impl BlobAvailability for Nothing {
        async fn present(
            &self,
            _: &RegistryHost,
            _: &RepositoryPath,
            _: &[Digest],
        ) -> Option<Vec<Digest>> {
            Some(Vec::new())
        }
    }
    let options = CopyOptions {
        availability: Some(Arc::new(Nothing)),
        ..fully()
    };
    let error = copy(&request(&from, &to), &options).await.unwrap_err();
    assert_eq!(error.error_type(), "target_unverified");
    assert!(error.is_transient());
    assert!(
        error.error().to_string().contains("lacks the blob sha256:"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_tag_that_says_something_else_is_no_success() {
    // Writes of the tag are answered with success and lead nowhere.
    let (from, to) = (Fake::start().await, Fake::start().await);
    from.push("team/app", Some("v1"), &app());
    to.quirks(|quirks| {
        let what = crate::fake::What::Status(201, vec![], "CREATED");
        quirks.faults = vec![crate::fake::Fault::new("PUT", "/manifests/v1", 1, what)];
    });
    let error = copy(&request(&from, &to), &fully()).await.unwrap_err();
    assert_eq!(error.error_type(), "target_unverified");
    assert!(
        error
            .error()
            .to_string()
            .contains("tag v1 that does not exist"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_mount_that_names_another_digest_is_not_believed() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    from.push("team/app", Some("v1"), &app());
    to.quirks(|quirks| {
        let other = format!("sha256:{}", "0".repeat(64));
        let what = crate::fake::What::Status(201, vec![("docker-content-digest", other)], "");
        quirks.faults = vec![crate::fake::Fault::new("POST", "/uploads/", 1, what)];
    });
    let error = copy(&request(&from, &to), &CopyOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.error_type(), "digest_mismatch");
}

#[tokio::test]
async fn a_report_tells_of_every_blob() {
    let registry = Fake::start().await;
    let app = app();
    registry.push("team/app", Some("v1"), &app);
    let (there, bytes) = app.children[0].blobs.iter().next().unwrap();
    let to = Fake::start().await;
    to.state()
        .store
        .add_blob("dr/team/app", there, bytes.clone());
    for (target, rest) in [(&to, Moved::Copied), (&registry, Moved::Mounted)] {
        let report = done(&request(&registry, target), &CopyOptions::default()).await;
        assert_eq!(report.details.len(), 3);
        let size: u64 = report.details.iter().map(|blob| blob.size).sum();
        assert_eq!(
            size,
            app.children[0]
                .blobs
                .values()
                .map(|b| b.len() as u64)
                .sum::<u64>()
        );
        for blob in &report.details {
            let expected = match rest {
                Moved::Copied if blob.digest.as_str() == there => Moved::Present,
                rest => rest,
            };
            assert_eq!(blob.how, expected, "{}", blob.digest);
            assert!(blob.elapsed <= report.elapsed);
        }
    }
}
