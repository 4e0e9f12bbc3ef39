use super::*;

const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

fn digest(text: &str) -> Digest {
    text.parse().unwrap()
}

fn descriptor(media_type: &str, digest: &str, extra: &str) -> String {
    format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":7{extra}}}"#)
}

fn image(extra: &str) -> String {
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{OCI}","config":{},"layers":[{}]{extra}}}"#,
        descriptor(CONFIG, B, ""),
        descriptor(LAYER, A, "")
    )
}

fn index(manifests: &[String]) -> String {
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{}]}}"#,
        manifests.join(",")
    )
}

fn platform(os: &str, architecture: &str) -> String {
    format!(r#","platform":{{"os":"{os}","architecture":"{architecture}"}}"#)
}

fn facts(text: &str) -> Result<ImageFacts, ManifestError> {
    ImageFacts::from_manifest(digest(A), Vec::new(), None, text.as_bytes())
}

#[test]
fn an_image_says_its_layers_and_annotations_and_where_its_configuration_is() {
    let text = image(r#","annotations":{"a":"b","odd":1,"odder":null}"#);
    let manifest = ManifestFacts::new(Some(OCI), text.as_bytes()).unwrap();
    assert_eq!(manifest.kind(), ImageKind::Image);
    assert_eq!(manifest.config_digest(), Some(&digest(B)));
    assert_eq!(manifest.config_size(), Some(7));
    assert_eq!(manifest.children(), []);

    let image = manifest.into_facts(digest(A), vec!["1.0".parse().unwrap()]);
    assert_eq!(image.tags.len(), 1);
    assert_eq!(image.media_type.as_deref(), Some(OCI));
    assert_eq!(image.artifact_type.as_deref(), Some(CONFIG));
    assert_eq!(image.annotations.unwrap().len(), 1);
    assert_eq!(image.layers.unwrap()[0].media_type, LAYER);
    assert_eq!((image.config, image.children), (None, None));
}
