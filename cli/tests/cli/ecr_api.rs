//! As much of ECR's API as an inventory asks for, one entry a page.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use serde_json::{Value, json};

/// A repository and its images, each with its tags.
type Repositories = Vec<(&'static str, Vec<(String, Vec<&'static str>)>)>;

/// A server that answers until the tests end.
pub(crate) struct EcrApi {
    address: String,
}

impl EcrApi {
    pub(crate) fn start(repositories: Repositories) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let repositories = Arc::new(repositories);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let repositories = Arc::clone(&repositories);
                std::thread::spawn(move || serve(stream, &repositories));
            }
        });
        Self { address }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

fn serve(stream: TcpStream, repositories: &Repositories) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let (mut operation, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if lower.starts_with("x-amz-target:") {
                operation = line.rsplit('.').next().unwrap().trim().to_owned();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
        let answer = answer(&operation, &asked, repositories).to_string();
        let sent = write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\n\
             Content-Length: {}\r\n\r\n{answer}",
            answer.len()
        );
        if sent.is_err() {
            return;
        }
    }
}

fn answer(operation: &str, asked: &Value, repositories: &Repositories) -> Value {
    let page: usize = asked["nextToken"]
        .as_str()
        .map_or(0, |token| token.parse().unwrap());
    let arn = |name: &str| format!("arn:aws:ecr:eu-west-1:111122223333:repository/{name}");
    let listed = |(name, _): &(&str, _)| json!({ "repositoryName": name, "repositoryArn": arn(name), "registryId": "111122223333" });
    let next = |count: usize| (page + 1 < count).then(|| (page + 1).to_string());
    match operation {
        "DescribeRepositories" if asked["repositoryNames"].is_array() => {
            let name = asked["repositoryNames"][0].as_str().unwrap();
            let found = repositories.iter().find(|(known, _)| *known == name);
            json!({ "repositories": found.map(listed).into_iter().collect::<Vec<_>>() })
        }
        "DescribeRepositories" => json!({
            "repositories": [listed(&repositories[page])],
            "nextToken": next(repositories.len()),
        }),
        "DescribeImages" => {
            let name = asked["repositoryName"].as_str().unwrap();
            let (_, images) = repositories
                .iter()
                .find(|(known, _)| *known == name)
                .unwrap();
            let details: Vec<Value> = images
                .iter()
                .skip(page)
                .take(1)
                .map(|(digest, tags)| {
                    json!({
                        "repositoryName": name, "imageDigest": digest, "imageTags": tags,
                        "imagePushedAt": 1_782_900_000.0,
                    })
                })
                .collect();
            json!({ "imageDetails": details, "nextToken": next(images.len()) })
        }
        "ListTagsForResource" => json!({ "tags": [{ "Key": "owner", "Value": "payments" }] }),
        "GetAuthorizationToken" => json!({ "authorizationData": [{
            "authorizationToken": "QVdTOndvbmRlcmxhbmQ=", "expiresAt": 4_102_444_800_u64,
            "proxyEndpoint": "https://example.com",
        }] }),
        other => panic!("{other} was not expected"),
    }
}
