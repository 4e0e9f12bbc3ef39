//! Reading an inventory line by line.

use std::io::{self, BufRead, Cursor, Read};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de};
use steward_core::facts::ImageFacts;
use steward_core::{Digest, RepositoryName, Tag};

use super::entry::{self, Entry};
use super::seen::{At, Seen};

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
    /// A registry has each tag and each image of a repository once; counted twice, they would be wrong.
    #[error("{place}: {what} is there twice, {first} has it already")]
    Twice {
        /// Which line or image.
        place: At,
        /// The tag or the image.
        what: String,
        /// The line or image that named it first.
        first: At,
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
        matches!(
            self,
            Self::Line { .. } | Self::TooLong { .. } | Self::Twice { .. }
        )
    }
}

/// Reads the images of an inventory, one by one.
pub struct Reader<R> {
    source: Source<R>,
    seen: Seen,
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
            seen: Seen::default(),
        }
    }

    /// The next image; `None` at the end.
    ///
    /// # Errors
    ///
    /// When the next line is no image; some errors let the lines behind it be read
    /// ([`InventoryError::can_go_on`]).
    pub fn read(&mut self) -> Option<Result<Entry, InventoryError>> {
        let entry = self.advance()?;
        let place = match &self.source {
            Source::Lines(lines) => At::Line(lines.line),
            Source::Unknown(_) | Source::Aws(_) => At::Image(self.seen.next()),
        };
        Some(entry.and_then(|entry| self.seen.once(entry, place)))
    }

    fn advance(&mut self) -> Option<Result<Entry, InventoryError>> {
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
        let wrong = |message| InventoryError::Line {
            line: self.line,
            message,
        };
        if !self.text().starts_with(b"{") {
            return Err(wrong(
                "expected a JSON object with `repository` and `digest`, such as \
                 {\"repository\":\"prod/app\",\"digest\":\"sha256:…\",\"tags\":[\"v1\"]}"
                    .to_owned(),
            ));
        }
        serde_json::from_slice(self.text()).map_err(|error| {
            let place = format!(" at line {} column {}", error.line(), error.column());
            let message = error.to_string();
            let message = message.strip_suffix(&place).unwrap_or(&message);
            wrong(format!("{} (column {})", plain(message), error.column()))
        })
    }

    /// A document over several lines, or one that begins as that of the AWS command line.
    fn is_aws(&self) -> bool {
        let after_brace = self.text().strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
        after_brace.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"\"imageDetails\""))
    }
}

/// A message without the names of Rust's types, which say nothing to whoever wrote the line.
fn plain(message: &str) -> String {
    match message.split_once("expected struct ") {
        Some((before, rest)) => {
            let after = rest.trim_start_matches(|x: char| x.is_alphanumeric());
            format!("{before}expected an object{after}")
        }
        None => message.to_owned(),
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
            let place = entry::Place {
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
mod tests;
