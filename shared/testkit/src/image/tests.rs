use std::{collections::BTreeSet, fs, io::Read as _};

use super::*;

fn json_of(image: &Image) -> Value {
    serde_json::from_slice(image.manifest()).unwrap()
}

fn bytes_of(blob: &Blob) -> Vec<u8> {
    let mut bytes = Vec::new();
    blob.open().read_to_end(&mut bytes).unwrap();
    bytes
}

fn app(architecture: &str) -> Image {
    Image::builder()
        .platform("linux", architecture)
        .layer(Layer::file("etc/motd", "hello\n"))
        .label("a", "b")
        .user("1000")
        .env("HOME", "/")
        .entrypoint(["/app", "--serve"])
        .expose("8080/tcp")
        .created("2026-01-02T03:04:05Z")
        .build()
}

#[test]
fn the_same_image_has_the_same_digest_and_another_has_another() {
    assert_eq!(app("amd64").digest(), app("amd64").digest());
    assert_ne!(app("amd64").digest(), app("arm64").digest());
}

#[test]
fn the_config_says_what_it_was_told() {
    let image = app("arm64");
    let config: Value = serde_json::from_slice(&bytes_of(&image.blobs()[0])).unwrap();
    assert_eq!(config["architecture"], "arm64");
    assert_eq!(config["created"], "2026-01-02T03:04:05Z");
    assert_eq!(
        config["config"],
        json!({"Labels": {"a": "b"}, "User": "1000", "Env": ["HOME=/"],
            "Entrypoint": ["/app", "--serve"], "ExposedPorts": {"8080/tcp": {}}})
    );
}

#[test]
fn a_file_layer_is_a_tar_whose_digest_the_config_lists() {
    let image = app("amd64");
    let gzip = bytes_of(&image.blobs()[1]);
    let mut tar = Vec::new();
    flate2::read::GzDecoder::new(gzip.as_slice())
        .read_to_end(&mut tar)
        .unwrap();
    let config: Value = serde_json::from_slice(&bytes_of(&image.blobs()[0])).unwrap();
    assert_eq!(
        config["rootfs"]["diff_ids"][0],
        content::digest(&tar).as_str()
    );
    let mut archive = tar::Archive::new(tar.as_slice());
    let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
    let mut text = String::new();
    entry.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello\n");
}

#[test]
fn a_random_layer_is_an_archive_of_its_size() {
    for size in [0, 1, 511, 512, 100_000] {
        let image = Image::builder().layer(Layer::random(7, size)).build();
        let blob = &image.blobs()[1];
        let gzip = bytes_of(blob);
        assert_eq!(gzip.len() as u64, blob.size());
        assert_eq!(&content::digest(&gzip), blob.digest());
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(gzip.as_slice()));
        let entry = archive.entries().unwrap().next().unwrap().unwrap();
        assert_eq!(entry.size(), size);
    }
}

#[test]
fn random_bytes_do_not_depend_on_how_they_are_read() {
    let blob = Blob::new(
        "x/y",
        content::Content::Random {
            seed: 3,
            size: 1_000,
        },
    );
    let whole = bytes_of(&blob);
    assert_eq!(whole.len(), 1_000);
    let mut reader = blob.open();
    let mut pieces = Vec::new();
    for size in (1..).take_while(|n| n * (n - 1) / 2 < 1_000) {
        let mut piece = vec![0; size];
        let read = reader.read(&mut piece).unwrap();
        pieces.extend_from_slice(&piece[..read]);
    }
    assert_eq!(pieces, whole);
    let distinct: BTreeSet<u8> = whole.iter().copied().collect();
    assert!(distinct.len() > 200, "{} distinct bytes", distinct.len());
}

#[test]
fn formats_use_their_own_media_types() {
    let docker = Image::builder()
        .format(Format::Docker)
        .layer(Layer::random(1, 10))
        .build();
    let list = Image::index_of(Format::Docker, [docker.clone()], BTreeMap::new());
    for (image, part) in [
        (&docker, "/layers/0/mediaType"),
        (&list, "/manifests/0/mediaType"),
    ] {
        let manifest = json_of(image);
        assert!(manifest["mediaType"].as_str().unwrap().contains("docker"));
        let part = manifest.pointer(part).unwrap().as_str().unwrap();
        assert!(part.contains("docker"), "{part}");
    }
}

#[test]
fn a_referrer_names_its_subject_and_has_the_empty_config() {
    let index = Image::index([app("amd64"), app("arm64")]);
    let sbom = Image::referrer(&index, "application/spdx+json", "{}");
    let manifest = json_of(&sbom);
    assert_eq!(manifest["subject"]["digest"], index.digest().as_str());
    assert_eq!(manifest["subject"]["size"], index.manifest().len());
    assert_eq!(manifest["artifactType"], "application/spdx+json");
    assert_eq!(
        manifest["config"]["digest"],
        "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    );
}

#[test]
fn zero_byte_and_double_layers_stay_what_they_are() {
    let image = Image::builder()
        .artifact("application/x-test")
        .layers([
            Layer::empty(),
            Layer::empty(),
            Layer::random_blob("x/y", 1, 5),
        ])
        .build();
    let sizes: Vec<u64> = image.blobs().iter().map(Blob::size).collect();
    assert_eq!(sizes, [2, 0, 0, 5]);
    assert_eq!(image.payload(), 7);
}

#[test]
fn a_layout_has_every_blob_under_its_digest() {
    let index = Image::index([app("amd64"), app("arm64")]);
    let sbom = Image::referrer(&index, "application/spdx+json", "{}");
    let dir = tempfile::tempdir().unwrap();
    let entries = [
        LayoutEntry {
            image: &index,
            tag: Some("v1"),
        },
        LayoutEntry {
            image: &sbom,
            tag: None,
        },
    ];
    write_layout(dir.path(), &entries).unwrap();
    write_layout(dir.path(), &entries).unwrap();
    let mut count = 0;
    for entry in fs::read_dir(dir.path().join("blobs/sha256")).unwrap() {
        let path = entry.unwrap().path();
        let digest = content::digest(&fs::read(&path).unwrap());
        assert_eq!(path.file_name().unwrap().to_str().unwrap(), digest.hex());
        count += 1;
    }
    // An index, two manifests, two configs, a shared layer; a referrer, its config, its layer,
    // and the last two are the same `{}`.
    assert_eq!(count, 8);
    let root: Value =
        serde_json::from_slice(&fs::read(dir.path().join("index.json")).unwrap()).unwrap();
    assert_eq!(
        root["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"],
        "v1"
    );
    assert_eq!(
        root["manifests"][1]["artifactType"],
        "application/spdx+json"
    );
}
