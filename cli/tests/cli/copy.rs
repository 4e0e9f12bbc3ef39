use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use steward_testkit::image::{Image, Layer, LayoutEntry, write_layout};

use crate::distribution::Distribution;
use crate::files::Folder;
use crate::steward::{Ran, run, steward};

/// `AWS:wonderland`, hashed with bcrypt at the lowest cost.
pub(crate) const HTPASSWD: &str =
    "AWS:$2y$04$abcdefghijklmnopqrstuujZkTwHUiJ9XdZPwKfcfDo7dMp5DjlTu\n";

pub(crate) fn image(seed: u64) -> Image {
    Image::builder()
        .platform("linux", "amd64")
        .layer(Layer::file("etc/motd", "hello\n"))
        .layer(Layer::random(seed, 3 << 20))
        .build()
}

/// A folder with the OCI layout `in` that has the image under `v1.2.3`.
pub(crate) fn with_layout(image: &Image) -> Folder {
    let folder = Folder::new();
    let entries = [LayoutEntry {
        image,
        tag: Some("v1.2.3"),
    }];
    write_layout(&folder.path().join("in"), &entries).unwrap();
    folder
}

pub(crate) fn copy(folder: &Folder, args: &[&str]) -> Ran {
    run(steward(folder.path()).arg("copy").args(args))
}

#[test]
fn a_layout_is_copied_to_a_layout() {
    let image = image(1);
    let folder = with_layout(&image);
    let ran = copy(&folder, &["oci:in:v1.2.3", "oci:out"]).expect(0);
    assert!(
        ran.stdout
            .starts_with("copied oci:in:v1.2.3 to oci:out:v1.2.3\n"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains(image.digest().as_str()),
        "{}",
        ran.stdout
    );
    let index = fs::read_to_string(folder.path().join("out/index.json")).unwrap();
    assert!(index.contains(image.digest().as_str()), "{index}");
    let blobs = folder.path().join("out/blobs/sha256");
    let manifest = fs::read(blobs.join(image.digest().hex())).unwrap();
    assert_eq!(manifest, image.manifest().to_vec());

    let again = copy(&folder, &["oci:in:v1.2.3", "oci:out", "--format", "json"]).expect(0);
    assert_eq!(again.json()["outcome"], "unchanged");
}

#[test]
fn the_only_image_of_a_layout_needs_no_name_and_one_of_two_does() {
    let (one, two) = (image(1), image(2));
    let folder = with_layout(&one);
    let ran = copy(&folder, &["oci:in", "oci:out", "--format", "json"]).expect(0);
    assert_eq!(ran.json()["target"], "oci:out:v1.2.3");

    let entries = [
        LayoutEntry {
            image: &one,
            tag: Some("v1.2.3"),
        },
        LayoutEntry {
            image: &two,
            tag: Some("v2"),
        },
    ];
    write_layout(&folder.path().join("in"), &entries).unwrap();
    let ran = copy(&folder, &["oci:in", "oci:out"]).expect(6);
    assert!(ran.stderr.contains("v1.2.3, v2"), "{}", ran.stderr);
}

#[test]
fn an_image_goes_to_a_real_registry_and_back_with_the_same_digest() {
    let registry = Distribution::start();
    let image = Image::index([
        image(1),
        Image::builder()
            .platform("linux", "arm64")
            .layer(Layer::random(2, 1 << 20))
            .build(),
    ]);
    let folder = with_layout(&image);
    let target = format!("{}/prod/app", registry.address());

    let there = copy(&folder, &["oci:in", &target, "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(there["outcome"], "copied");
    assert_eq!(there["target"], format!("{target}:v1.2.3"));
    assert_eq!(there["digest"], image.digest().as_str());
    assert_eq!(there["manifests"], 3);
    assert!(there["bytes"].as_u64().unwrap() > 4 << 20, "{there}");
    let digest = registry.digest_of("prod/app", "v1.2.3");
    assert_eq!(digest.as_deref(), Some(image.digest().as_str()));

    let again = copy(&folder, &["oci:in", &target, "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(again["outcome"], "unchanged");
    assert_eq!(again["bytes"], 0);

    let back = copy(
        &folder,
        &[&format!("{target}:v1.2.3"), "oci:back:copy", "--quiet"],
    )
    .expect(0);
    assert_eq!(back.stdout, format!("{}\n", image.digest()));
    assert_eq!(back.stderr, "");
    let path = folder
        .path()
        .join("back/blobs/sha256")
        .join(image.digest().hex());
    assert_eq!(fs::read(path).unwrap(), image.manifest().to_vec());
}

#[test]
fn a_copy_within_a_registry_mounts_and_lines_tell_of_it() {
    let registry = Distribution::start();
    let folder = with_layout(&image(1));
    let from = format!("{}/prod/app:v1.2.3", registry.address());
    let to = format!("{}/dr/app:v1.2.3", registry.address());
    let ran = copy(&folder, &["oci:in", &from]).expect(0);
    assert!(ran.stderr.contains("3 blobs, "), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches(" copied\n").count(), 3, "{}", ran.stderr);
    assert!(!ran.stderr.contains('\u{1b}'), "{}", ran.stderr);

    let ran = copy(&folder, &[&from, &to]).expect(0);
    assert_eq!(
        ran.stderr.matches(" mounted\n").count(),
        3,
        "{}",
        ran.stderr
    );
    assert!(
        ran.stdout.contains("blobs     0 moved, 3 mounted"),
        "{}",
        ran.stdout
    );
}

#[test]
fn credentials_come_from_a_helper_and_never_show() {
    let registry = Distribution::with_user(HTPASSWD);
    let folder = with_layout(&image(1));
    let target = format!("{}/prod/app", registry.address());

    let ran = copy(&folder, &["oci:in", &target]).expect(6);
    let login = format!("run `docker login {}`", registry.address());
    assert!(ran.stderr.contains(&login), "{}", ran.stderr);

    let helper = folder.write(
        "bin/docker-credential-test",
        "#!/bin/sh\nread -r server\necho \"$1 $server\" >> \"$HOME/asked\"\n\
         echo '{\"ServerURL\":\"\",\"Username\":\"AWS\",\"Secret\":\"wonderland\"}'\n",
    );
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).unwrap();
    folder.write(
        ".docker/config.json",
        &format!(r#"{{"credHelpers": {{"{}": "test"}}}}"#, registry.address()),
    );
    let mut command = steward(folder.path());
    let path = format!("{}:/usr/bin:/bin", folder.path().join("bin").display());
    let ran = run(command.env("PATH", path).args(["copy", "oci:in", &target])).expect(0);
    assert!(!ran.stdout.contains("wonderland") && !ran.stderr.contains("wonderland"));
    let asked = fs::read_to_string(folder.path().join("asked")).unwrap();
    assert!(
        asked.starts_with(&format!("get {}\n", registry.address())),
        "{asked}"
    );
}

#[test]
fn a_missing_helper_is_named_with_what_to_do() {
    let registry = Distribution::with_user(HTPASSWD);
    let folder = with_layout(&image(1));
    let host = registry.address();
    folder.write(
        ".docker/config.json",
        &format!(r#"{{"credHelpers": {{"{host}": "not-installed"}}}}"#),
    );
    let ran = copy(&folder, &["oci:in", &format!("{host}/prod/app")]).expect(6);
    assert!(
        ran.stderr
            .contains("docker-credential-not-installed is not in PATH"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr
            .contains("help: install docker-credential-not-installed"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_registry_that_does_not_answer_may_answer_later() {
    let folder = with_layout(&image(1));
    // A port that was free a moment ago: nothing listens there.
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let target = format!("{address}/prod/app");
    let ran = copy(&folder, &["oci:in", &target, "--format", "json"]).expect(5);
    let error = &ran.json()["error"];
    assert_eq!(error["type"], "transient");
    assert_eq!(error["details"]["error_type"], "registry_network");
    assert_eq!(error["details"]["side"], "target");
    assert!(
        ran.stderr.contains("check that the registry runs"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_private_authority_is_trusted_where_the_variable_names_it() {
    let registry = Distribution::with_certificate();
    let folder = with_layout(&image(1));
    let (_, port) = registry.address().split_once(':').unwrap();
    let host = format!("localhost:{port}");
    let target = format!("{host}/prod/app");
    let copy = |authorities: &Path| {
        let mut command = steward(folder.path());
        command.args(["copy", "oci:in", &target, "--format", "json"]);
        // Without it the registry of this machine would be spoken to in plain HTTP.
        command.env(
            "STEWARD_REGISTRY_ENDPOINTS",
            format!("{host}=https://{host}"),
        );
        command.env("SSL_CERT_FILE", authorities);
        run(&mut command)
    };

    let ran = copy(Path::new("")).expect(6);
    let error = ran.json()["error"].clone();
    assert_eq!(
        error["details"]["error_type"], "registry_certificate",
        "{error}"
    );
    assert!(ran.stderr.contains("SSL_CERT_FILE"), "{}", ran.stderr);

    copy(&registry.certificate()).expect(0);
    assert!(registry.digest_of("prod/app", "v1.2.3").is_some());

    let ran = copy(&folder.write("nothing.pem", "hello")).expect(2);
    assert!(
        ran.stderr.contains("it holds no certificate"),
        "{}",
        ran.stderr
    );
    copy(&folder.path().join("nowhere.pem")).expect(7);
}

#[test]
fn what_is_not_there_is_refused() {
    let registry = Distribution::start();
    let folder = with_layout(&image(1));
    let source = format!("{}/prod/app:v9", registry.address());
    let ran = copy(&folder, &[&source, "oci:out", "--format", "json"]).expect(6);
    assert_eq!(ran.json()["error"]["details"]["side"], "source");
    let ran = copy(&folder, &["oci:in:v9", "oci:out"]).expect(6);
    assert!(
        ran.stderr.contains("check the tag or digest"),
        "{}",
        ran.stderr
    );
    let ran = copy(&folder, &["oci:nowhere:v9", "oci:out"]);
    assert!([6, 7].contains(&ran.code), "{}", ran.stderr);
}

#[test]
fn names_that_cannot_be_meant_are_refused_before_anything_is_asked() {
    let folder = with_layout(&image(1));
    for (args, part) in [
        (
            &["alpine:3", "oci:out"][..],
            "SOURCE \"alpine:3\" is not usable",
        ),
        (
            &["https://ghcr.io/a:1", "oci:out"],
            "https:// does not belong",
        ),
        (
            &["ghcr.io/org/app", "oci:out"],
            "names neither a tag nor a digest",
        ),
        (
            &["oci:in", "ghcr.io/org/app", "--insecure=quay.io"],
            "the registry of neither side",
        ),
        (
            &["a.example.com/x:1", "b.example.com/x", "--insecure"],
            "--insecure=a.example.com or",
        ),
    ] {
        let ran = copy(&folder, args).expect(2);
        assert!(ran.stderr.contains(part), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("help: "), "{args:?}: {}", ran.stderr);
    }
    let digest = format!("oci:out@sha256:{}", "a".repeat(64));
    let ran = copy(&folder, &["oci:in", &digest]).expect(2);
    assert!(ran.stderr.contains("names a digest"), "{}", ran.stderr);
}

#[test]
fn plain_http_needs_insecure_where_the_name_does_not_say_this_machine() {
    // On Linux, 0.0.0.0 leads to this machine, but it is no loopback address.
    let registry = Distribution::start();
    let (_, port) = registry.address().split_once(':').unwrap();
    let host = format!("0.0.0.0:{port}");
    let target = format!("{host}/prod/app");
    let folder = with_layout(&image(1));
    let secure = copy(&folder, &["oci:in", &target]).expect(5);
    assert!(
        secure.stderr.contains(&format!("https://{host}/")),
        "{}",
        secure.stderr
    );
    assert!(
        secure.stderr.contains(&format!("--insecure={host}")),
        "{}",
        secure.stderr
    );
    copy(&folder, &["oci:in", &target, "--insecure"]).expect(0);
    assert!(registry.digest_of("prod/app", "v1.2.3").is_some());
    copy(&folder, &["oci:in", &target, &format!("--insecure={host}")]).expect(0);
}

#[test]
fn ctrl_c_ends_a_copy_with_its_own_code() {
    let folder = with_layout(&image(1));
    // Takes the connection and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("{}/prod/app", listener.local_addr().unwrap());
    let child = std::process::Command::new(assert_cmd::cargo::cargo_bin("steward"))
        .args(["copy", "oci:in", &target, "--format", "json"])
        .env_clear()
        .env("HOME", folder.path())
        .current_dir(folder.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let _connection = listener.accept().unwrap();
    let pid = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("error: stopped by Ctrl-C"), "{stderr}");
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["error"]["exit_code"], 130);
}

#[test]
fn a_list_is_copied_and_a_shared_blob_moves_once() {
    let registry = Distribution::start();
    let target = registry.address();
    let shared = Layer::random(70, 1 << 20);
    let images: Vec<Image> = (0..3)
        .map(|n| {
            Image::builder()
                .layer(shared.clone())
                .layer(Layer::file("n", &n.to_string()))
                .build()
        })
        .collect();
    let tags = ["v0", "v1", "v2"];
    let entries: Vec<LayoutEntry<'_>> = images
        .iter()
        .zip(tags)
        .map(|(image, tag)| LayoutEntry {
            image,
            tag: Some(tag),
        })
        .collect();
    let folder = Folder::new();
    write_layout(&folder.path().join("in"), &entries).unwrap();
    let mut list = "# three releases, and one that there is not\n".to_owned();
    for tag in tags {
        list.push_str(&format!("oci:in:{tag} {target}/app-{tag}:{tag}\n"));
    }
    list.push_str(&format!("oci:in:v9 {target}/app:v9\n"));
    fs::write(folder.path().join("list"), list).unwrap();

    let ran = copy(&folder, &["--list", "list", "--format", "json"]).expect(6);
    let summary: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(summary["copied"], 3, "{summary}");
    assert_eq!(summary["failed"], 1, "{summary}");
    let copies = summary["copies"].as_array().unwrap();
    assert_eq!(copies[3]["outcome"], "failed");
    assert_eq!(copies[3]["source"], "oci:in:v9");
    // The shared layer once, and for each image its own layer and its configuration.
    let moved: u64 = copies
        .iter()
        .filter_map(|copy| copy["blobs"]["copied"].as_u64())
        .sum();
    assert_eq!(moved, 7, "{summary}");

    let again = copy(&folder, &["--list", "list"]).expect(6);
    assert!(
        again
            .stdout
            .contains("0 copied, 3 unchanged, 1 failed; 0 B moved"),
        "{}",
        again.stdout
    );
}
