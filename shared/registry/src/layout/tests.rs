use super::*;

async fn layout_with(index: &str) -> (tempfile::TempDir, Layout) {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::create(folder.path()).await.unwrap();
    std::fs::write(folder.path().join("index.json"), index).unwrap();
    (folder, layout)
}

#[tokio::test]
async fn a_folder_that_is_no_layout_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    for error in [
        Layout::open(folder.path()).await.unwrap_err(),
        Layout::create(folder.path()).await.unwrap_err(),
        Layout::open(&folder.path().join("missing"))
            .await
            .unwrap_err(),
    ] {
        assert!(matches!(error, RegistryError::Layout { .. }), "{error:?}");
        assert!(!error.is_transient());
    }
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        1,
        "untouched"
    );
}

#[tokio::test]
async fn a_hostile_index_leads_nowhere() {
    let digest = "sha256:../../../../../../etc/passwd";
    let entry = format!(r#"{{"mediaType":"x","digest":"{digest}","size":1}}"#);
    let (_folder, layout) =
        layout_with(&format!(r#"{{"schemaVersion":2,"manifests":[{entry}]}}"#)).await;
    let error = layout.images().await.unwrap_err();
    assert!(error.to_string().contains("index.json"), "{error}");
}

#[tokio::test]
async fn a_changed_manifest_is_noticed() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let entry = format!(
        r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{digest}","size":2,"annotations":{{"{REF_NAME}":"example.com/app:v1"}}}}"#
    );
    let (folder, layout) =
        layout_with(&format!(r#"{{"schemaVersion":2,"manifests":[{entry}]}}"#)).await;
    let tag = Reference::Tag("v1".parse().unwrap());
    let error = layout.manifest(&tag).await.unwrap_err();
    assert!(error.is_not_found(), "{error:?}");
    let blobs = folder.path().join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    std::fs::write(blobs.join("a".repeat(64)), "{}").unwrap();
    let error = layout.manifest(&tag).await.unwrap_err();
    assert!(
        matches!(error, RegistryError::DigestMismatch { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn several_images_have_to_be_told_apart() {
    let entry = |n: &str| {
        let digest = format!("sha256:{}", n.repeat(64));
        format!(
            r#"{{"mediaType":"x","digest":"{digest}","size":2,"annotations":{{"{REF_NAME}":"v{n}"}}}}"#
        )
    };
    let (_folder, layout) = layout_with(&format!(
        r#"{{"schemaVersion":2,"manifests":[{},{}]}}"#,
        entry("1"),
        entry("2")
    ))
    .await;
    let error = layout.only_image().await.unwrap_err().to_string();
    assert!(error.contains("v1, v2"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_blob_that_leads_out_of_the_folder_is_not_taken_for_its_digest() {
    let (folder, layout) = layout_with(r#"{"schemaVersion":2,"manifests":[]}"#).await;
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret");
    std::fs::write(&secret, "hush").unwrap();
    let blobs = folder.path().join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    std::os::unix::fs::symlink(&secret, blobs.join("a".repeat(64))).unwrap();
    let digest = format!("sha256:{}", "a".repeat(64)).parse().unwrap();
    let descriptor = Descriptor::new("x", digest, 4);
    let retry = crate::retry::RetryPolicy::none();
    let download = crate::blob::Download::new(layout.into(), descriptor, retry);
    let error = download.collect(100).await.unwrap_err();
    assert_eq!(error.error_type(), "digest_mismatch");
}
