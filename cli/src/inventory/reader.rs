//! Reading an inventory line by line.

use std::io::{self, BufRead, Cursor, Read};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de};
use steward_core::facts::ImageFacts;
use steward_core::{Digest, RepositoryName, Tag};

use super::entry::{Entry, Place};

/// The longest line: an index with many images, each with its configuration and layers.
pub const MAX_LINE_BYTES: usize = 8 << 20;

/// The most that is read of what the AWS command line prints, which has no lines to bound.
const MAX_AWS_BYTES: u64 = 512 << 20;

/// Why a line of an inventory cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InventoryError {
    /// The file cannot be read on.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The line is no image.
    #[error("line {line}: {message}")]
    Line {
        /// Which one, from 1.
        line: u64,
        /// What is wrong.
        message: String,
    },
    /// The line is longer than any image needs.
    #[error("line {line} has more than {limit} bytes")]
    TooLong {
        /// Which one, from 1.
        line: u64,
        /// The most that a line may have.
        limit: usize,
    },
    /// Neither lines nor the output of the AWS command line.
    #[error("it looks like the output of `aws ecr describe-images`, but: {message}")]
    Aws {
        /// What is wrong, with its place.
        message: String,
    },
}

impl InventoryError {
    /// Whether the lines after this one can be read.
    #[must_use]
    pub fn can_go_on(&self) -> bool {
        matches!(self, Self::Line { .. } | Self::TooLong { .. })
    }
}

/// Reads the images of an inventory, one by one.
pub struct Reader<R> {
    source: Source<R>,
}

enum Source<R> {
    /// Nothing was read yet.
    Unknown(R),
    Lines(Lines<R>),
    /// What the AWS command line printed; it is one document, and so it is read at once.
    Aws(std::vec::IntoIter<Entry>),
}

struct Lines<R> {
    stream: R,
    buffer: Vec<u8>,
    line: u64,
}

impl<R: BufRead> Reader<R> {
    /// Reads from a stream; its first line says of which kind it is.
    #[must_use]
    pub fn new(stream: R) -> Self {
        Self {
            source: Source::Unknown(stream),
        }
    }

    /// The next image; `None` at the end.
    ///
    /// # Errors
    ///
    /// When the next line is no image; some errors let the lines behind it be read
    /// ([`InventoryError::can_go_on`]).
    pub fn read(&mut self) -> Option<Result<Entry, InventoryError>> {
        loop {
            match &mut self.source {
                Source::Lines(lines) => {
                    return match lines.advance() {
                        Ok(true) => Some(lines.entry()),
                        Ok(false) => None,
                        Err(error) => Some(Err(error)),
                    };
                }
                Source::Aws(entries) => return entries.next().map(Ok),
                Source::Unknown(_) => {}
            }
            let nothing = Source::Aws(Vec::new().into_iter());
            let Source::Unknown(stream) = std::mem::replace(&mut self.source, nothing) else {
                return None;
            };
            let mut lines = Lines {
                stream,
                buffer: Vec::new(),
                line: 0,
            };
            match lines.advance() {
                Ok(false) => return None,
                Err(error) => {
                    self.source = Source::Lines(lines);
                    return Some(Err(error));
                }
                Ok(true) if lines.is_aws() => {
                    let Lines { stream, buffer, .. } = lines;
                    match aws(Cursor::new(buffer).chain(stream)) {
                        Ok(entries) => self.source = Source::Aws(entries.into_iter()),
                        Err(error) => return Some(Err(error)),
                    }
                }
                Ok(true) => {
                    let entry = lines.entry();
                    self.source = Source::Lines(lines);
                    return Some(entry);
                }
            }
        }
    }
}

impl<R: BufRead> Lines<R> {
    /// Reads the next line that is not empty; whether there is one.
    fn advance(&mut self) -> Result<bool, InventoryError> {
        loop {
            self.buffer.clear();
            let limit = MAX_LINE_BYTES as u64 + 1;
            let read = (&mut self.stream)
                .take(limit)
                .read_until(b'\n', &mut self.buffer)?;
            if read == 0 {
                return Ok(false);
            }
            self.line += 1;
            if self.buffer.last() == Some(&b'\n') {
                self.buffer.pop();
            } else if read as u64 == limit {
                self.skip_line()?;
                return Err(InventoryError::TooLong {
                    line: self.line,
                    limit: MAX_LINE_BYTES,
                });
            }
            if !self.buffer.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }

    /// Leaves out the rest of a line without keeping it.
    fn skip_line(&mut self) -> io::Result<()> {
        self.buffer = Vec::new();
        self.stream.skip_until(b'\n').map(drop)
    }

    fn text(&self) -> &[u8] {
        let text = self.buffer.trim_ascii();
        // The mark that some editors of Windows put in front.
        text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
    }

    fn entry(&self) -> Result<Entry, InventoryError> {
        serde_json::from_slice(self.text()).map_err(|error| {
            let place = format!(" at line {} column {}", error.line(), error.column());
            let message = error.to_string();
            let message = message.strip_suffix(&place).unwrap_or(&message);
            InventoryError::Line {
                line: self.line,
                message: format!("{message} (column {})", error.column()),
            }
        })
    }

    /// A document over several lines, or one that begins as that of the AWS command line.
    fn is_aws(&self) -> bool {
        let after_brace = self.text().strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
        after_brace.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"\"imageDetails\""))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    image_details: Vec<Detail>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    repository_name: RepositoryName,
    image_digest: Digest,
    #[serde(default)]
    image_tags: Vec<Tag>,
    #[serde(default, deserialize_with = "moment")]
    image_pushed_at: Option<Timestamp>,
    #[serde(default)]
    image_manifest_media_type: Option<String>,
    #[serde(default)]
    artifact_media_type: Option<String>,
}

/// One or more documents behind each other, as a loop over repositories prints them.
fn aws(stream: impl Read) -> Result<Vec<Entry>, InventoryError> {
    let mut entries = Vec::new();
    let stream = io::BufReader::new(stream.take(MAX_AWS_BYTES));
    for document in serde_json::Deserializer::from_reader(stream).into_iter::<Document>() {
        let document = document.map_err(|error| InventoryError::Aws {
            message: error.to_string(),
        })?;
        entries.extend(document.image_details.into_iter().map(|detail| {
            let place = Place {
                // The Region is in no field.
                registry: None,
                repository: detail.repository_name,
                resource_tags: None,
            };
            let image = ImageFacts {
                pushed_at: detail.image_pushed_at,
                media_type: detail.image_manifest_media_type,
                artifact_type: detail.artifact_media_type,
                ..ImageFacts::new(detail.image_digest, detail.image_tags)
            };
            Entry::new(place, image)
        }));
    }
    Ok(entries)
}

/// Version 2 of the AWS command line prints a date, version 1 seconds since 1970.
fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Date(Timestamp),
        Seconds(f64),
    }
    match Option::<Form>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Form::Date(time)) => Ok(Some(time)),
        Some(Form::Seconds(seconds)) => {
            let since = jiff::SignedDuration::try_from_secs_f64(seconds)
                .map_err(|error| de::Error::custom(format!("{seconds} is no time: {error}")))?;
            Timestamp::UNIX_EPOCH
                .checked_add(since)
                .map(Some)
                .map_err(|error| de::Error::custom(format!("{seconds} is no time: {error}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn all(text: &[u8]) -> Vec<String> {
        let mut reader = Reader::new(text);
        let mut found = Vec::new();
        while let Some(next) = reader.read() {
            match next {
                Ok(entry) => found.push(format!("{}:{}", entry.repository, join(&entry.tags))),
                Err(error) => {
                    found.push(error.to_string());
                    if !error.can_go_on() {
                        break;
                    }
                }
            }
        }
        found
    }

    fn join(tags: &[Tag]) -> String {
        let tags: Vec<&str> = tags.iter().map(Tag::as_str).collect();
        tags.join(",")
    }

    #[test]
    fn lines_are_read_and_empty_ones_passed_over() {
        let text = format!(
            "\u{feff}{{\"repository\":\"prod/app\",\"digest\":\"{A}\",\"tags\":[\"v1\",\"v2\"]}}\r\n\n\
             {{\"repository\":\"prod/other\",\"digest\":\"{A}\"}}"
        );
        assert_eq!(all(text.as_bytes()), ["prod/app:v1,v2", "prod/other:"]);
        assert_eq!(all(b""), Vec::<String>::new());
        assert_eq!(all(b"\n\n"), Vec::<String>::new());
    }

    #[test]
    fn a_line_that_is_no_image_is_named_and_the_rest_can_be_read() {
        let good = format!("{{\"repository\":\"prod/app\",\"digest\":\"{A}\"}}");
        let text = format!(
            "{good}\n{{\"repository\":\"prod/app\",\"digest\":\"{A}\",\"tgas\":[]}}\n\nnot json\n{good}\n"
        );
        let found = all(text.as_bytes());
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(
            found[1].starts_with("line 2: unknown field `tgas`"),
            "{found:?}"
        );
        assert!(found[2].starts_with("line 4: expected "), "{found:?}");
        assert_eq!(found[3], "prod/app:");
    }

    #[test]
    fn a_line_without_an_end_is_not_kept() {
        let mut text = vec![b'x'; MAX_LINE_BYTES + 2];
        text.extend_from_slice(
            format!("\n{{\"repository\":\"ab\",\"digest\":\"{A}\"}}\n").as_bytes(),
        );
        let found = all(&text);
        assert_eq!(found.len(), 2);
        assert!(found[0].starts_with("line 1 has more than"), "{}", found[0]);
        assert_eq!(found[1], "ab:");
    }

    #[test]
    fn what_the_aws_command_line_prints_is_taken_of_both_versions() {
        let document = |pushed: &str| {
            format!(
                "{{\n  \"imageDetails\": [\n    {{\"registryId\": \"111122223333\", \
                 \"repositoryName\": \"prod/app\", \"imageDigest\": \"{A}\", \
                 \"imageTags\": [\"v1\"], \"imageSizeInBytes\": 12, \"imagePushedAt\": {pushed}}}]\n}}\n"
            )
        };
        let two = document("\"2026-08-01T12:00:00+02:00\"") + &document("1785578400.5");
        let mut reader = Reader::new(two.as_bytes());
        let first = reader.read().unwrap().unwrap();
        assert_eq!(first.pushed_at.unwrap().to_string(), "2026-08-01T10:00:00Z");
        let second = reader.read().unwrap().unwrap();
        assert_eq!(
            second.pushed_at.unwrap().to_string(),
            "2026-08-01T10:00:00.5Z"
        );
        assert!(reader.read().is_none());
        let found = all(b"{\n  \"images\": []\n}");
        assert!(found[0].contains("aws ecr describe-images"), "{found:?}");
    }

    #[test]
    fn an_entry_is_written_as_it_is_read() {
        let text = format!(
            r#"{{"repository":"prod/app","digest":"{A}","tags":["v1"],"pushed_at":"2026-08-01T10:00:00Z","resource_tags":{{"owner":"payments"}},"kind":"image","media_type":"application/vnd.oci.image.manifest.v1+json","platform":"linux/amd64","config":{{"user":"app","labels":{{}},"exposed_ports":[]}},"layers":[{{"digest":"{A}","media_type":"x/y","size":7}}],"referrers":[]}}"#
        );
        let entry: Entry = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&entry).unwrap(), text);
        let (place, image) = entry.clone().into_parts();
        assert_eq!(Entry::new(place, image), entry);
        let value = serde_json::from_str(&text).unwrap();
        let schema = super::super::schema();
        assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&value));
    }
}
