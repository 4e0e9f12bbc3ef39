//! The local cloud that tests share, and what a person would do with it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use steward_testkit::cloud::{CloudClient, LocalCloud, MirrorKind, Options, PolicyText, command};
use steward_testkit::image::{Image, Layer, LayoutEntry, write_layout};
use steward_testkit::inbox::Message;

/// How long anything may take to come true. Two cores are shared with everything else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// How long nothing must happen before it counts as nothing.
pub(crate) const QUIET: Duration = Duration::from_secs(4);

const POLICY: &str = include_str!("policy.yaml");

/// The cloud of all tests that do not change it.
static SHARED: LazyLock<World> = LazyLock::new(|| World::start(POLICY, |options| options));

pub(crate) fn shared() -> &'static World {
    &SHARED
}

/// A local cloud and a folder for images.
pub(crate) struct World {
    pub(crate) cloud: LocalCloud,
    folder: tempfile::TempDir,
}

impl World {
    /// A cloud of one's own.
    pub(crate) fn start(policy: &str, adjust: impl FnOnce(Options) -> Options) -> Self {
        let options = adjust(Options {
            policy: PolicyText::Text(policy.to_owned()),
            ..Options::default()
        });
        let cloud = LocalCloud::start(options).unwrap_or_else(|error| panic!("{error}"));
        let mirror = cloud.facts().mirror_is;
        assert_eq!(
            mirror,
            MirrorKind::Distribution,
            "sudo apt-get install docker-registry"
        );
        Self {
            cloud,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn client(&self) -> CloudClient {
        self.cloud.client()
    }

    /// Pushes an image with skopeo to the registry address.
    pub(crate) fn push(&self, repository: &str, tag: &str, image: &Image) {
        self.push_to(&self.cloud.addresses().registry, repository, tag, image);
    }

    /// The same to another registry.
    pub(crate) fn push_to(&self, registry: &str, repository: &str, tag: &str, image: &Image) {
        let name = format!("{repository}-{tag}").replace('/', "-");
        let layout = self.folder.path().join(name);
        write_layout(
            &layout,
            &[LayoutEntry {
                image,
                tag: Some(tag),
            }],
        )
        .unwrap();
        skopeo(&[
            "copy",
            "--all",
            "--preserve-digests",
            "--dest-tls-verify=false",
            &format!("oci:{}:{tag}", layout.display()),
            &format!("docker://{registry}/{repository}:{tag}"),
        ])
        .unwrap_or_else(|error| panic!("pushing {repository}:{tag}: {error}"));
    }

    /// Deletes one tag, as `DELETE` of the registry protocol does; skopeo deletes whole images only.
    pub(crate) fn delete(&self, repository: &str, tag: &str) {
        let registry = &self.cloud.addresses().registry;
        let mut stream = TcpStream::connect(registry).unwrap();
        write!(
            stream,
            "DELETE /v2/{repository}/manifests/{tag} HTTP/1.1\r\nHost: {registry}\r\n\
             Content-Length: 0\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.lines().next().unwrap_or_default();
        assert!(
            status.contains(" 202"),
            "deleting {repository}:{tag}: {answer}"
        );
    }

    /// The manifest that skopeo reads from the home registry; nothing where there is none.
    pub(crate) fn home(&self, reference: &str) -> Option<Vec<u8>> {
        manifest(&self.cloud.addresses().registry, reference)
    }

    /// The same in the other account and Region.
    pub(crate) fn target(&self, reference: &str) -> Option<Vec<u8>> {
        manifest(&self.cloud.facts().target_registry, reference)
    }

    /// The same in the CNCF Distribution registry.
    pub(crate) fn mirror(&self, reference: &str) -> Option<Vec<u8>> {
        manifest(&self.cloud.addresses().mirror, reference)
    }

    /// Copies an image to nowhere: every blob of it can be pulled.
    pub(crate) fn pull(&self, registry: &str, reference: &str) -> Result<(), String> {
        let to = self
            .folder
            .path()
            .join(format!("pulled-{:x}", fastrand_like(reference)));
        skopeo(&[
            "copy",
            "--all",
            "--src-tls-verify=false",
            &format!("docker://{registry}/{reference}"),
            &format!("oci:{}:pulled", to.display()),
        ])
        .map(|_| ())
    }

    /// The messages that name a text, oldest first.
    pub(crate) fn messages(&self, text: &str) -> Vec<Arc<Message>> {
        let inbox = self.cloud.inbox().unwrap();
        let mut messages = inbox.messages();
        messages.retain(|message| message.text.contains(text));
        messages.reverse();
        messages
    }

    /// The kinds and titles of the messages that name a text, oldest first.
    pub(crate) fn titles(&self, text: &str) -> Vec<String> {
        let show = |m: &Arc<Message>| format!("{}: {}", m.kind.as_str(), m.title);
        self.messages(text).iter().map(show).collect()
    }

    /// The same with everything that a reader sees: for the message of a failing test.
    pub(crate) fn stories(&self, text: &str) -> String {
        let show = |m: &Arc<Message>| format!("{}: {}\n{}\n", m.kind.as_str(), m.title, m.text);
        self.messages(text).iter().map(show).collect()
    }

    /// What the emulator and the functions logged, for the message of a failing test.
    pub(crate) fn log_tail(&self) -> String {
        let log = self.cloud.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}

/// A number for a text, for file names.
fn fastrand_like(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A small image whose content is `text`.
pub(crate) fn image(text: &str) -> Image {
    Image::builder()
        .layer(Layer::file("app/version", text))
        .build()
}

/// Waits until something holds, and says on failure what the functions logged.
pub(crate) async fn until(world: &World, what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(
            begin.elapsed() < PATIENCE,
            "{what}: not within {PATIENCE:?}\n{}",
            world.log_tail()
        );
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}

/// The event that ECR would put for a push.
pub(crate) fn push_event(repository: &str, tag: &str, digest: &str) -> Value {
    json!({
        "version": "0",
        "detail-type": "ECR Image Action",
        "source": "aws.ecr",
        "account": "111122223333",
        "time": "2026-11-23T10:00:00Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": {
            "result": "SUCCESS",
            "repository-name": repository,
            "image-digest": digest,
            "action-type": "PUSH",
            "image-tag": tag,
        },
    })
}

fn manifest(registry: &str, reference: &str) -> Option<Vec<u8>> {
    let reference = format!("docker://{registry}/{reference}");
    skopeo(&["inspect", "--raw", "--tls-verify=false", &reference]).ok()
}

/// Runs skopeo and gives back what it printed.
pub(crate) fn skopeo(arguments: &[&str]) -> Result<Vec<u8>, String> {
    let program = program("STEWARD_SKOPEO", "skopeo");
    let output = Command::new(program)
        .args(["--insecure-policy", "--command-timeout=60s"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// A program that `cargo xtask test` names in a variable, or that is on the path.
fn program(variable: &str, name: &str) -> PathBuf {
    std::env::var_os(variable)
        .map(PathBuf::from)
        .or_else(|| command::find(name))
        .unwrap_or_else(|| panic!("this test needs {name}: sudo apt-get install {name}"))
}
