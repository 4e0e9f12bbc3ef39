//! `Image Part`: one blob of an image that many runs copy.

use serde_json::{Value, json};

use super::Envelope;
use crate::event::error::EventError;
use crate::event::reader::{Kind, Node, Read};
use crate::{Digest, ImageRef, RepositoryName, Tag};

/// One blob of an image is to be copied to one target. Only the replicator sends it, to itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The repository; its account and Region are the envelope's.
    pub repository: RepositoryName,
    /// The tag that the image has there.
    pub tag: Tag,
    /// The image.
    pub digest: Digest,
    /// The replication rule that names the target.
    pub rule: String,
    /// The target, with its tag.
    pub to: ImageRef,
    /// The blob.
    pub blob: Digest,
    /// The media type of the blob.
    pub media_type: String,
    /// The size of the blob in bytes.
    pub size: u64,
}

impl Part {
    /// The event's `detail-type`.
    pub const DETAIL_TYPE: &str = "Image Part";

    /// The whole event, with the envelope of the one that led to it.
    #[must_use]
    pub fn to_event(&self, cause: &Envelope) -> Value {
        let detail = json!({
            "repository": self.repository,
            "tag": self.tag,
            "digest": self.digest,
            "rule": self.rule,
            "to": self.to.to_string(),
            "blob": self.blob,
            "media-type": self.media_type,
            "size": self.size,
        });
        cause.leads_to(Self::DETAIL_TYPE, detail)
    }
}

impl Read for ImageRef {
    const KIND: Kind = Kind {
        what: "an image reference",
        expected: "registry/repository:tag",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        let text = node.text(&Self::KIND)?;
        text.parse().map_err(|_| node.invalid(&Self::KIND))
    }
}

impl Read for Part {
    const KIND: Kind = Kind {
        what: "a part of an image",
        expected: "{…}",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        Ok(Self {
            repository: node.get("repository")?,
            tag: node.get("tag")?,
            digest: node.get("digest")?,
            rule: node.get("rule")?,
            to: node.get("to")?,
            blob: node.get("blob")?,
            media_type: node.get("media-type")?,
            size: node.get("size")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::incoming::{Detail, parse, parse_value};

    #[test]
    fn a_part_is_read_as_it_was_written() {
        let push = r#"{"version":"0","id":"e-1","detail-type":"ECR Image Action","source":"aws.ecr",
            "account":"111122223333","time":"2026-11-23T10:00:00Z","region":"eu-west-1","resources":[],
            "detail":{"result":"SUCCESS","repository-name":"prod/app","action-type":"PUSH"}}"#;
        let push = parse(push).unwrap();
        let digest =
            |byte: &str| -> Digest { format!("sha256:{}", byte.repeat(32)).parse().unwrap() };
        let part = Part {
            repository: "prod/app".parse().unwrap(),
            tag: "v1".parse().unwrap(),
            digest: digest("ab"),
            rule: "mirror".to_owned(),
            to: format!("mirror.example.com/a/app:v1@{}", digest("ab"))
                .parse()
                .unwrap(),
            blob: digest("cd"),
            media_type: "application/vnd.oci.image.layer.v1.tar+gzip".to_owned(),
            size: 12,
        };
        let mut event = part.to_event(&push.envelope);
        let read = parse_value(&event).unwrap();
        assert_eq!(read.id(), "e-1");
        assert_eq!(read.repository(), Some(&part.repository));
        assert_eq!(read.digest(), Some(&part.digest));
        assert_eq!(read.detail, Detail::Part(Box::new(part)));
        event["detail"]["to"] = "nowhere".into();
        let error = parse_value(&event).unwrap_err().to_string();
        assert!(error.contains("detail.to"), "{error}");
    }
}
