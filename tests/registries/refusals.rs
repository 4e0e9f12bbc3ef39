//! Registries that want to know who asks.

use steward_registry::Auth;
use steward_testkit::image::Format;

use crate::conformance::{assert_there, image, named, push};
use crate::registry::Registry;

pub(crate) async fn check(registry: &Registry) {
    let kept = image("private", Format::Oci);
    let at = registry.repository("private/image");
    push(&at, Some("v1"), &kept).await;
    assert_there(&at, &named("v1"), &kept).await;
    let wrong = Auth::Basic {
        username: "AWS".to_owned(),
        password: "wrong".into(),
    };
    for auth in [Auth::Anonymous, wrong] {
        let stranger = registry.repository_for("private/image", auth);
        let before = registry.proxy.passed().len();
        let error = stranger.manifest(&named("v1")).await.unwrap_err();
        assert_eq!(error.error_type(), "registry_unauthorized", "{error}");
        // Asked, told to say who, said so, refused: no more than that.
        let asked = registry.proxy.passed().len() - before;
        assert!(asked <= 3, "{asked} requests for one refusal");
        let error = stranger.put_blob("x".into()).await.unwrap_err();
        assert_eq!(error.error_type(), "registry_unauthorized", "{error}");
    }
}
