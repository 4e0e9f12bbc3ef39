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

#[test]
fn a_configuration_adds_what_it_says() {
    let config = r#"{
        "created": "2026-11-20T10:00:00.5+01:00", "os": "linux", "architecture": "arm64",
        "variant": "v8", "history": [{}],
        "config": {"User": "65532", "Labels": {"a": "b"}, "ExposedPorts": {"80/tcp": {}, "53/udp": {}}}
    }"#;
    let image = facts(&image(""))
        .unwrap()
        .with_config(config.as_bytes())
        .unwrap();
    assert_eq!(image.platform, Some("linux/arm64/v8".parse().unwrap()));
    let config = image.config.unwrap();
    assert_eq!(
        config.created,
        Some("2026-11-20T09:00:00.5Z".parse().unwrap())
    );
    assert_eq!(config.user, "65532");
    assert_eq!(config.labels["a"], "b");
    assert_eq!(config.exposed_ports, ["53/udp", "80/tcp"]);
}

#[test]
fn odd_values_of_a_configuration_count_as_not_there() {
    for odd in [
        "{}",
        r#"{"created":"yesterday","os":7,"config":null}"#,
        r#"{"created":-1,"os":"linux","architecture":"a/b/c","config":[]}"#,
        r#"{"os":"li nux","architecture":"x","config":{"User":0,"Labels":null,"ExposedPorts":["80"]}}"#,
        r#"{"config":{"User":null,"Labels":[1],"ExposedPorts":"80"}}"#,
    ] {
        let image = facts(&image(""))
            .unwrap()
            .with_config(odd.as_bytes())
            .unwrap();
        assert_eq!(image.platform, None, "{odd}");
        assert_eq!(
            image.config,
            Some(crate::facts::ImageConfig::default()),
            "{odd}"
        );
    }
    let some = r#"{"config":{"Labels":{"a":"b","odd":7},"User":"x"}}"#;
    let image = facts(&image(""))
        .unwrap()
        .with_config(some.as_bytes())
        .unwrap();
    assert_eq!(image.config.unwrap().labels.len(), 1);
}

#[test]
fn an_index_says_its_images_and_no_attestations() {
    let text = index(&[
        descriptor(OCI, A, &platform("linux", "amd64")),
        descriptor(OCI, B, &platform("unknown", "unknown")),
        descriptor(OCI, B, ""),
        descriptor(
            OCI,
            B,
            r#","platform":{"os":"windows","architecture":"amd64","os.version":"10"}"#,
        ),
        descriptor(OCI, B, r#","platform":"linux/amd64""#),
    ]);
    let manifest = ManifestFacts::new(None, text.as_bytes()).unwrap();
    assert_eq!(manifest.kind(), ImageKind::Index);
    assert_eq!(manifest.config_digest(), None);
    assert_eq!(
        manifest.child_digests().collect::<Vec<_>>(),
        [&digest(A), &digest(B)]
    );
    assert_eq!(manifest.children()[0].size, 7);

    let index = manifest.into_facts(digest(A), Vec::new());
    assert_eq!((&index.layers, &index.config), (&None, &None));
    let children = index.children.as_ref().unwrap();
    assert_eq!(children[1].platform, Some("windows/amd64".parse().unwrap()));
    assert_eq!(children[1].layers, None);

    // Clients choose by what the index says, whatever the configuration says.
    let child = ImageFacts::from_manifest(digest(B), Vec::new(), Some(OCI), image("").as_bytes());
    let config = br#"{"os":"linux","architecture":"s390x","config":{"User":"x"}}"#;
    let index = index.with_child(child.unwrap().with_config(config).unwrap());
    let children = index.children.as_ref().unwrap();
    assert_eq!(children[1].platform, Some("windows/amd64".parse().unwrap()));
    assert_eq!(children[1].config.as_ref().unwrap().user, "x");
    assert_eq!(children[0].config, None);
    let stranger = ImageFacts::new(
        format!("sha256:{}", "c".repeat(64)).parse().unwrap(),
        Vec::new(),
    );
    assert_eq!(index.clone().with_child(stranger), index);
}

#[test]
fn what_a_manifest_is_follows_from_its_configuration() {
    let with = |media_type: &str, config: &str, extra: &str| {
        let config = descriptor(config, B, "");
        let text = format!(
            r#"{{"schemaVersion":2,"mediaType":"{media_type}","config":{config},"layers":[]{extra}}}"#
        );
        let facts = ManifestFacts::new(None, text.as_bytes()).unwrap();
        (
            facts.kind(),
            facts.artifact_type.clone().unwrap(),
            facts.config_digest().is_some(),
        )
    };
    let docker = "application/vnd.docker.distribution.manifest.v2+json";
    let docker_config = "application/vnd.docker.container.image.v1+json";
    assert_eq!(
        with(docker, docker_config, ""),
        (ImageKind::Image, docker_config.to_owned(), true)
    );
    let helm = "application/vnd.cncf.helm.config.v1+json";
    assert_eq!(
        with(OCI, helm, ""),
        (ImageKind::Artifact, helm.to_owned(), false)
    );
    let empty = "application/vnd.oci.empty.v1+json";
    let spdx = r#","artifactType":"application/spdx+json""#;
    assert_eq!(
        with(OCI, empty, spdx),
        (
            ImageKind::Artifact,
            "application/spdx+json".to_owned(),
            false
        )
    );
    // An image does not become anything else by its own word.
    assert_eq!(
        with(OCI, CONFIG, spdx),
        (ImageKind::Image, "application/spdx+json".to_owned(), true)
    );
    let artifact = format!(
        r#"{{"mediaType":"application/vnd.oci.artifact.manifest.v1+json","artifactType":"a/b",
            "blobs":[{}],"subject":{}}}"#,
        descriptor("x/y", A, ""),
        descriptor(OCI, B, "")
    );
    let artifact = ManifestFacts::new(None, artifact.as_bytes()).unwrap();
    assert_eq!(artifact.kind(), ImageKind::Artifact);
    assert_eq!(artifact.subject(), Some(&digest(B)));
    let artifact = artifact.into_facts(digest(A), Vec::new());
    assert_eq!(artifact.layers.as_ref().unwrap().len(), 1);
    // Its configuration would say nothing that is asked.
    assert_eq!(artifact.clone().with_config(b"not JSON").unwrap(), artifact);
}

#[test]
fn a_manifest_that_can_be_taken_in_two_ways_is_refused() {
    let both = image(&format!(r#","manifests":[{}]"#, descriptor(OCI, A, "")));
    assert_eq!(facts(&both), Err(ManifestError::Ambiguous));
    let other = ManifestFacts::new(Some(INDEX), image("").as_bytes());
    assert!(matches!(other, Err(ManifestError::MediaTypeDiffers { .. })));
    let twice = r#"{"schemaVersion":2,"layers":[],"layers":[]}"#;
    assert!(matches!(facts(twice), Err(ManifestError::Json(text)) if text.contains("duplicate")));
    let parameters = format!("{OCI}; charset=utf-8");
    assert!(ManifestFacts::new(Some(&parameters), image("").as_bytes()).is_ok());
    assert!(ManifestFacts::new(Some("application/json"), image("").as_bytes()).is_ok());
}

#[test]
fn broken_manifests_are_refused_with_the_reason() {
    let cases = [
        (
            "[]".to_owned(),
            "it is not a valid document: expected an object",
        ),
        ("{}".to_owned(), "it lacks \"mediaType\""),
        (r#"{"schemaVersion":2}"#.to_owned(), "it lacks \"config\""),
        (
            format!(r#"{{"mediaType":"{INDEX}"}}"#),
            "it lacks \"manifests\"",
        ),
        (
            r#"{"mediaType":"text/x"}"#.to_owned(),
            "its media type is \"text/x\", expected",
        ),
        (
            image("").replace("sha256:", "md5:"),
            "it is not a valid document: \"md5:",
        ),
        (
            image("").replace(":7", ":-7"),
            "it is not a valid document: invalid value",
        ),
    ];
    for (text, reason) in cases {
        let error = facts(&text).unwrap_err().to_string();
        assert!(error.starts_with(reason), "{error}");
    }
}

#[test]
fn manifests_and_configurations_are_bounded() {
    let layers = vec![descriptor(LAYER, A, ""); ManifestFacts::MAX_LAYERS + 1].join(",");
    let text = image("").replace("\"layers\":[", &format!("\"layers\":[{layers},"));
    assert_eq!(
        facts(&text).unwrap_err().to_string(),
        "it has 4098 layers, expected at most 4096"
    );
    let manifests = vec![descriptor(OCI, A, ""); ManifestFacts::MAX_CHILDREN + 1];
    assert_eq!(
        facts(&index(&manifests)).unwrap_err().to_string(),
        "it has 1025 manifests, expected at most 1024"
    );
    let many: Vec<String> = (0..1025).map(|n| format!("\"{n}\":\"\"")).collect();
    let many = many.join(",");
    let annotated = image(&format!(r#","annotations":{{{many}}}"#));
    assert!(matches!(
        facts(&annotated),
        Err(ManifestError::TooMany {
            what: "annotations",
            found: 1025,
            ..
        })
    ));
    let labelled = format!(r#"{{"config":{{"Labels":{{{many}}}}}}}"#);
    let image = facts(&image("")).unwrap();
    assert!(matches!(
        image.clone().with_config(labelled.as_bytes()),
        Err(ManifestError::TooMany { what: "labels", .. })
    ));
    let long = vec![b' '; ManifestFacts::MAX_CONFIG_BYTES + 1];
    assert!(matches!(
        image.with_config(&long),
        Err(ManifestError::TooLarge { .. })
    ));
    assert!(matches!(
        ManifestFacts::new(None, &long),
        Err(ManifestError::TooLarge { .. })
    ));
    let deep = format!("{{\"annotations\":{}", "[".repeat(100_000));
    assert!(matches!(facts(&deep), Err(ManifestError::Json(_))));
}
