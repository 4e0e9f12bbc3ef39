//! Copies to ECR: a real registry with a user, and an API that gives its password.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};

use assert_cmd::Command;
use serde_json::{Value, json};
use steward_testkit::image::{Image, Layer};

use crate::copy::{HTPASSWD, image, with_layout};
use crate::distribution::Distribution;
use crate::files::Folder;
use crate::steward::{run, steward};
use crate::world::ECR;

#[test]
fn ecr_is_asked_for_a_token_where_docker_knows_none() {
    let registry = Distribution::with_user(HTPASSWD);
    let (api, asked) = ecr_api(Vec::new());
    let folder = with_layout(&image(1));
    let target = format!("{ECR}/prod/app");
    let ran = run(
        command(&folder, &registry, &api).args(["copy", "oci:in", &target, "--format", "json"])
    )
    .expect(0);
    assert_eq!(ran.json()["outcome"], "copied");
    assert!(!ran.stderr.contains("wonderland"), "{}", ran.stderr);
    let request = asked.recv().unwrap();
    assert!(request.contains("GetAuthorizationToken"), "{request}");
    assert!(request.contains("/eu-west-1/ecr/aws4_request"), "{request}");
}

#[test]
fn ecr_is_asked_once_which_layers_it_has() {
    let registry = Distribution::with_user(HTPASSWD);
    let of_layers = |seeds: [u64; 3]| {
        let layers = seeds.map(|seed| Layer::random(seed, 1000));
        Image::builder().layers(layers).build()
    };
    let (old, new) = (of_layers([1, 2, 3]), of_layers([1, 2, 4]));
    let layers = old.blobs().iter().map(|blob| blob.digest().to_string());
    let (api, asked) = ecr_api(layers.collect());
    let target = format!("{ECR}/prod/app");
    let empty = ecr_api(Vec::new()).0;
    for (image, api, present) in [(&old, &empty, 0), (&new, &api, 2)] {
        let folder = with_layout(image);
        let ran =
            run(command(&folder, &registry, api)
                .args(["copy", "oci:in", &target, "--format", "json"]))
            .expect(0)
            .json();
        assert_eq!(ran["blobs"]["present"], present, "{ran}");
    }
    let questions: Vec<String> = asked
        .try_iter()
        .filter(|request| request.contains("BatchCheckLayerAvailability"))
        .collect();
    assert_eq!(questions.len(), 1, "{questions:?}");
    for blob in new.blobs() {
        assert!(
            questions[0].contains(blob.digest().as_str()),
            "{questions:?}"
        );
    }
}

fn command(folder: &Folder, registry: &Distribution, api: &str) -> Command {
    let mut command = steward(folder.path());
    command
        .env(
            "STEWARD_REGISTRY_ENDPOINTS",
            format!("{ECR}=http://{}", registry.address()),
        )
        .env("AWS_ENDPOINT_URL_ECR", api)
        .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "example");
    command
}

/// Answers as ECR does, with the password `AWS:wonderland` and these layers; whole requests, signatures
/// included, can be read.
fn ecr_api(layers: Vec<String>) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (asked, requests) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer(stream.unwrap(), &layers, &asked);
        }
    });
    (address, requests)
}

fn answer(mut stream: TcpStream, layers: &[String], asked: &Sender<String>) {
    let mut request = String::new();
    let mut buffer = [0; 4096];
    while !(request.contains("\r\n\r\n{") && request.ends_with('}')) {
        let read = stream.read(&mut buffer).unwrap();
        if read == 0 {
            return;
        }
        request.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    let asked_for: Value = serde_json::from_str(body).unwrap();
    let answer = match asked_for["layerDigests"].as_array() {
        Some(digests) => {
            let known = digests.iter().map(|digest| {
                let has = layers.iter().any(|layer| digest == layer.as_str());
                let state = if has { "AVAILABLE" } else { "UNAVAILABLE" };
                json!({ "layerDigest": digest, "layerAvailability": state })
            });
            json!({ "layers": known.collect::<Vec<_>>(), "failures": [] })
        }
        None => json!({ "authorizationData": [{
            "authorizationToken": "QVdTOndvbmRlcmxhbmQ=", "expiresAt": 4_102_444_800_u64,
            "proxyEndpoint": "https://example.com",
        }] }),
    };
    // Told first: who has the answer may look at once.
    let _ = asked.send(request);
    let body = answer.to_string();
    // A client that went away is not this server's failure.
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
}

#[test]
fn without_aws_credentials_ecr_is_refused_with_what_to_do() {
    let folder = with_layout(&image(1));
    let target = format!("{ECR}/prod/app");
    let ran = run(steward(folder.path())
        .env(
            "STEWARD_REGISTRY_ENDPOINTS",
            format!("{ECR}=http://127.0.0.1:9"),
        )
        .args(["copy", "oci:in", &target]))
    .expect(6);
    assert!(ran.stderr.contains("AWS_PROFILE"), "{}", ran.stderr);
}
