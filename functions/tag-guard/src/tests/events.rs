//! Events as ECR puts them.

use super::*;

pub(super) fn event(repository: &str, tag: &str, digest: &Digest) -> Incoming {
    action(repository, Some(tag), digest, "PUSH")
}

pub(super) fn action(repository: &str, tag: Option<&str>, digest: &Digest, kind: &str) -> Incoming {
    let tag = tag
        .map(|tag| format!(r#","image-tag":"{tag}""#))
        .unwrap_or_default();
    let text = format!(
        r#"{{"version":"0","id":"e-1","detail-type":"ECR Image Action","source":"aws.ecr",
        "account":"111122223333","time":"2026-11-23T10:00:00Z","region":"eu-west-1","resources":[],
        "detail":{{"result":"SUCCESS","repository-name":"{repository}","image-digest":"{digest}",
        "action-type":"{kind}"{tag}}}}}"#
    );
    parse(text).unwrap_or_else(|error| panic!("{error}"))
}
