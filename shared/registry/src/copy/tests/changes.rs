//! What changes on either side while a copy runs.

use super::*;
use crate::fake::{Fault, Image, ImageSpec, What, bytes_of_size, digest, image};

fn with_layer() -> (Image, String) {
    let layer = bytes_of_size(100_000, 1);
    let name = digest(&layer);
    let image = image(ImageSpec {
        layers: vec![layer],
        ..ImageSpec::default()
    });
    (image, name)
}

/// Knows all blobs at first, and none when it is asked again.
struct Forgetful(std::sync::atomic::AtomicBool);

#[async_trait]
impl BlobAvailability for Forgetful {
    async fn present(
        &self,
        _: &RegistryHost,
        _: &RepositoryPath,
        digests: &[Digest],
    ) -> Option<Vec<Digest>> {
        let asked = self.0.swap(true, std::sync::atomic::Ordering::Relaxed);
        Some(if asked { Vec::new() } else { digests.to_vec() })
    }
}

#[tokio::test]
async fn a_blob_that_vanishes_before_its_manifest_is_written_moves_again() {
    let (from, to) = (Fake::start().await, Fake::start().await);
    let (image, _) = with_layer();
    from.push("team/app", Some("v1"), &image);
    let options = CopyOptions {
        availability: Some(Arc::new(Forgetful(false.into()))),
        ..CopyOptions::default()
    };
    done(&request(&from, &to), &options).await;
    assert!(is_whole(&to.repository("dr/team/app"), &reference("v1")).await);
    assert_eq!(to.count("PUT", "/manifests/"), 2, "refused, and then taken");
}

#[tokio::test]
async fn an_address_of_a_blob_that_has_run_out_is_asked_for_again() {
    let store = Fake::start().await;
    let from = Fake::with(|quirks| quirks.blob_origin = Some(store.url(""))).await;
    let to = Fake::start().await;
    let (image, layer) = with_layer();
    from.push("team/app", Some("v1"), &image);
    store.push("team/app", None, &image);
    let expired = || Fault::new("GET", &layer, 1, What::Status(403, vec![], "DENIED"));
    store.quirks(|quirks| quirks.faults = vec![expired()]);
    done(&request(&from, &to), &CopyOptions::default()).await;
    assert_eq!(to.tagged("dr/team/app", "v1"), Some(image.digest));
    assert_eq!(from.count("GET", &layer), 2);
    // A store that refuses for good is not asked for ever.
    let to = Fake::start().await;
    store.quirks(|quirks| {
        quirks.faults = vec![Fault {
            times: 99,
            ..expired()
        }]
    });
    let error = copy(&request(&from, &to), &CopyOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.error_type(), "registry_denied");
    assert_eq!(from.count("GET", &layer), 4);
}
