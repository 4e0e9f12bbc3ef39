use super::*;

const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn descriptor(media_type: &str) -> String {
    format!(r#"{{"mediaType":"{media_type}","digest":"{A}","size":3}}"#)
}

fn parse(text: &str, content_type: Option<&str>) -> Result<Manifest, ManifestFault> {
    Manifest::parse(Bytes::copy_from_slice(text.as_bytes()), content_type)
}

fn image(extra: &str) -> String {
    format!(
        r#"{{"schemaVersion":2{extra},"config":{c},"layers":[{c}]}}"#,
        c = descriptor("x/y")
    )
}

const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

#[test]
fn an_image_is_read_with_its_blobs() {
    let manifest = parse(
        &image(r#","artifactType":"a/b","unknown":[1]"#),
        Some("application/vnd.oci.image.manifest.v1+json; charset=utf-8"),
    )
    .unwrap();
    assert_eq!(manifest.media_type(), MediaType::OciManifest);
    assert_eq!(manifest.blobs().count(), 2);
    assert_eq!(manifest.artifact_type(), Some("a/b"));
    assert_eq!(manifest.descriptor().artifact_type.as_deref(), Some("a/b"));
    assert!(manifest.children().is_empty());
}

#[test]
fn an_index_without_a_media_type_is_known_by_its_shape() {
    let text = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, descriptor(OCI));
    for content_type in [None, Some(INDEX), Some("application/json")] {
        let manifest = parse(&text, content_type).unwrap();
        assert_eq!(manifest.media_type(), MediaType::OciIndex);
        assert_eq!(manifest.children().len(), 1);
    }
}

#[test]
fn a_document_that_is_image_and_index_at_once_is_refused() {
    for field in ["layers", "config"] {
        let value = if field == "layers" {
            "[]".to_owned()
        } else {
            descriptor("x/y")
        };
        let text = format!(r#"{{"schemaVersion":2,"manifests":[],"{field}":{value}}}"#);
        for content_type in [Some(OCI), Some(INDEX), None] {
            let fault = parse(&text, content_type).unwrap_err();
            assert!(
                matches!(fault, ManifestFault::Ambiguous),
                "{field}: {fault}"
            );
        }
    }
}

#[test]
fn the_media_type_inside_and_outside_must_agree() {
    let text = image(&format!(r#","mediaType":"{OCI}""#));
    assert!(parse(&text, Some(OCI)).is_ok());
    let fault = parse(
        &text,
        Some("application/vnd.docker.distribution.manifest.v2+json"),
    )
    .unwrap_err();
    assert!(matches!(fault, ManifestFault::MediaTypeDiffers { .. }));
    let fault = parse(&image(""), Some(INDEX)).unwrap_err();
    assert!(matches!(fault, ManifestFault::Missing("manifests")));
}

#[test]
fn a_field_given_twice_is_refused() {
    let text = image(r#","config":null"#);
    assert!(matches!(parse(&text, None), Err(ManifestFault::Json(_))));
}

#[test]
fn schema_1_is_named_as_what_cannot_be_copied() {
    let text = r#"{"schemaVersion":1,"name":"a","tag":"b","fsLayers":[]}"#;
    let v1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    assert!(matches!(
        parse(text, Some(v1)),
        Err(ManifestFault::MediaType { .. })
    ));
    assert!(matches!(
        parse(text, None),
        Err(ManifestFault::Missing("mediaType"))
    ));
}

#[test]
fn hostile_digests_and_sizes_are_refused() {
    for (digest, size) in [
        ("sha256:../../../etc/passwd", "3"),
        ("sha256:AAAA", "3"),
        (A, "-1"),
        (A, "1e300"),
        (A, "\"3\""),
    ] {
        let text = format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"x","digest":"{digest}","size":{size}}},"layers":[]}}"#
        );
        assert!(
            matches!(parse(&text, Some(OCI)), Err(ManifestFault::Json(_))),
            "{digest} {size}"
        );
    }
}

#[test]
fn a_huge_number_of_layers_is_refused() {
    let layers = vec![descriptor("x/y"); MAX_LAYERS + 1].join(",");
    let text = format!(
        r#"{{"schemaVersion":2,"config":{},"layers":[{layers}]}}"#,
        descriptor("x/y")
    );
    assert!(matches!(
        parse(&text, Some(OCI)),
        Err(ManifestFault::TooMany { .. })
    ));
}

#[test]
fn foreign_layers_are_known_by_their_type() {
    for (media_type, foreign) in [
        (
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            true,
        ),
        (
            "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
            true,
        ),
        ("application/vnd.oci.image.layer.v1.tar+gzip", false),
    ] {
        let descriptor = Descriptor::new(media_type, A.parse().unwrap(), 1);
        assert_eq!(descriptor.is_nondistributable(), foreign, "{media_type}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = Manifest::parse(bytes.into(), None);
    }
}

#[test]
fn sizes_that_nobody_can_add_up_are_no_panic() {
    let huge = Descriptor::new("x", format!("sha256:{:064x}", 1).parse().unwrap(), u64::MAX);
    assert_eq!(Descriptor::total(&[huge.clone(), huge]), u64::MAX);
}
