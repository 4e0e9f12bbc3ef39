//! What a copy did, for a person and for a program.

use std::fmt;
use std::time::Duration;

use indicatif::BinaryBytes;
use serde::Serialize;
use steward_core::Digest;
use steward_core::facts::Platform;
use steward_registry::{CopyReport, Filtered, Verify};

use super::CopyFailure;
use super::list::Pair;
use crate::output::style;
use crate::place::Place;

/// The result of `steward copy`; its JSON form is part of the command's interface.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Report {
    outcome: Outcome,
    source: String,
    target: String,
    pub(super) digest: Digest,
    media_type: String,
    /// Where an index lost some of its images.
    #[serde(skip_serializing_if = "Option::is_none")]
    platforms: Option<Platforms>,
    /// Whether the target was looked at afterwards.
    verified: bool,
    manifests: u64,
    referrers: u64,
    blobs: Blobs,
    /// Bytes of blobs that were moved.
    pub(super) bytes: u64,
    seconds: f64,
    requests: Requests,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Copied,
    /// The target had the image under its tag.
    Unchanged,
}

/// What was taken out of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Platforms {
    /// The digest of the whole index.
    original: Digest,
    kept: u64,
    dropped: u64,
    /// Platforms that were asked for, and that the image does not have.
    absent: Vec<Platform>,
}

impl Platforms {
    fn new(filtered: &Filtered) -> Self {
        Self {
            original: filtered.original.clone(),
            kept: filtered.kept,
            dropped: filtered.dropped,
            absent: filtered.absent.clone(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Blobs {
    copied: u64,
    mounted: u64,
    present: u64,
    foreign: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Requests {
    source: u64,
    target: u64,
}

impl Report {
    /// The report of a copy that was made; a copy that ended otherwise is a failure.
    pub(super) fn new(
        pair: &Pair,
        target: &str,
        outcome: &steward_registry::Outcome,
    ) -> Result<Self, Box<CopyFailure>> {
        use steward_registry::Outcome as Ended;
        match outcome {
            Ended::Done(report) => Ok(Self::done(&pair.source, target, report)),
            Ended::OtherPlatform { platform, .. } => {
                Err(Box::new(CopyFailure::other_platform(pair, platform)))
            }
            // Neither a tag to look at again nor a deadline was given.
            Ended::SourceMoved { .. } | Ended::Paused(_) => {
                Err(Box::new(CopyFailure::unfinished(pair)))
            }
        }
    }

    /// Whether the target had the image.
    pub(super) fn is_unchanged(&self) -> bool {
        self.outcome == Outcome::Unchanged
    }

    /// One line for a list.
    pub(super) fn headline(&self) -> String {
        let good = style::GOOD;
        let (source, target) = (&self.source, &self.target);
        match self.outcome {
            Outcome::Copied => format!(
                "{good}copied{good:#}    {source} to {target} ({})",
                BinaryBytes(self.bytes)
            ),
            Outcome::Unchanged => format!("{good}unchanged{good:#} {source} to {target}"),
        }
    }

    fn done(source: &Place, target: &str, report: &CopyReport) -> Self {
        Self {
            outcome: if report.unchanged {
                Outcome::Unchanged
            } else {
                Outcome::Copied
            },
            source: source.to_string(),
            target: target.to_owned(),
            digest: report.digest.clone(),
            media_type: report.media_type.clone(),
            platforms: report.filtered.as_ref().map(Platforms::new),
            verified: report.verified == Verify::Full,
            manifests: report.manifests,
            referrers: report.referrers,
            blobs: Blobs {
                copied: report.blobs.copied,
                mounted: report.blobs.mounted,
                present: report.blobs.present,
                foreign: report.blobs.foreign,
            },
            bytes: report.bytes,
            seconds: report.elapsed.as_secs_f64(),
            requests: Requests {
                source: report.requests.source,
                target: report.requests.target,
            },
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (good, faint) = (style::GOOD, style::FAINT);
        let Self {
            source,
            target,
            digest,
            blobs,
            requests,
            ..
        } = self;
        match self.outcome {
            Outcome::Copied => writeln!(f, "{good}copied{good:#} {source} to {target}")?,
            Outcome::Unchanged => {
                writeln!(
                    f,
                    "{good}unchanged{good:#}: {target} has the image of {source} already"
                )?;
            }
        }
        let mut row =
            |name: &str, value: String| writeln!(f, "  {faint}{name:<9}{faint:#} {value}");
        row("digest", digest.to_string())?;
        if let Some(platforms) = &self.platforms {
            let mut text = format!(
                "{} of the index kept, {} left out of {}",
                platforms.kept, platforms.dropped, platforms.original
            );
            if !platforms.absent.is_empty() {
                let absent: Vec<String> =
                    platforms.absent.iter().map(Platform::to_string).collect();
                text.push_str(&format!("; it has no {}", absent.join(", ")));
            }
            row("platforms", text)?;
        }
        if self.outcome == Outcome::Copied || blobs.copied > 0 {
            let mut parts = vec![format!("{} moved", blobs.copied)];
            for (count, what) in [
                (blobs.mounted, "mounted"),
                (blobs.present, "there already"),
                (blobs.foreign, "not meant for registries"),
            ] {
                if count > 0 {
                    parts.push(format!("{count} {what}"));
                }
            }
            row("blobs", parts.join(", "))?;
            row("manifests", format!("{} written", self.manifests))?;
        }
        if self.referrers > 0 {
            row(
                "referrers",
                format!("{} (signatures, SBOMs, attestations)", self.referrers),
            )?;
        }
        row("bytes", self.speed())?;
        row(
            "requests",
            format!(
                "{} to the source, {} to the target",
                requests.source, requests.target
            ),
        )
    }
}

impl Report {
    fn speed(&self) -> String {
        let seconds = self.seconds;
        let amount = BinaryBytes(self.bytes);
        let elapsed = Duration::from_secs_f64(seconds);
        if self.bytes == 0 || seconds <= 0.0 {
            return format!("{amount} in {elapsed:.1?}");
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "a speed for a person to read"
        )]
        let per_second = (self.bytes as f64 / seconds) as u64;
        format!("{amount} in {elapsed:.1?} ({}/s)", BinaryBytes(per_second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcome: Outcome) -> Report {
        Report {
            outcome,
            source: "127.0.0.1:5000/prod/app:v1".into(),
            target: "oci:out:v1".into(),
            digest: format!("sha256:{}", "a".repeat(64)).parse().unwrap(),
            media_type: "application/vnd.oci.image.manifest.v1+json".into(),
            platforms: None,
            verified: false,
            manifests: 2,
            referrers: 1,
            blobs: Blobs {
                copied: 3,
                mounted: 1,
                present: 0,
                foreign: 0,
            },
            bytes: 8 * 1024 * 1024,
            seconds: 2.0,
            requests: Requests {
                source: 5,
                target: 9,
            },
        }
    }

    fn plain(report: &Report) -> String {
        anstream::adapter::strip_str(&report.to_string()).to_string()
    }

    #[test]
    fn a_copy_is_told_in_numbers() {
        insta::assert_snapshot!(plain(&report(Outcome::Copied)), @"
        copied 127.0.0.1:5000/prod/app:v1 to oci:out:v1
          digest    sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
          blobs     3 moved, 1 mounted
          manifests 2 written
          referrers 1 (signatures, SBOMs, attestations)
          bytes     8.00 MiB in 2.0s (4.00 MiB/s)
          requests  5 to the source, 9 to the target
        ");
    }

    #[test]
    fn nothing_to_do_is_told_shortly() {
        let unchanged = Report {
            blobs: Blobs {
                copied: 0,
                mounted: 0,
                present: 0,
                foreign: 0,
            },
            bytes: 0,
            manifests: 0,
            referrers: 0,
            seconds: 0.0123,
            ..report(Outcome::Unchanged)
        };
        insta::assert_snapshot!(plain(&unchanged), @"
        unchanged: oci:out:v1 has the image of 127.0.0.1:5000/prod/app:v1 already
          digest    sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
          bytes     0 B in 12.3ms
          requests  5 to the source, 9 to the target
        ");
    }

    #[test]
    fn the_json_form_is_stable() {
        insta::assert_json_snapshot!(report(Outcome::Copied), @r#"
        {
          "outcome": "copied",
          "source": "127.0.0.1:5000/prod/app:v1",
          "target": "oci:out:v1",
          "digest": "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
          "media_type": "application/vnd.oci.image.manifest.v1+json",
          "verified": false,
          "manifests": 2,
          "referrers": 1,
          "blobs": {
            "copied": 3,
            "mounted": 1,
            "present": 0,
            "foreign": 0
          },
          "bytes": 8388608,
          "seconds": 2.0,
          "requests": {
            "source": 5,
            "target": 9
          }
        }
        "#);
    }
}
