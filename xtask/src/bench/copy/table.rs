//! The tables.

use super::case::Case;
use super::process::Usage;
use super::registry::Registry;

/// What the two registries saw of a program.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Traffic {
    pub(super) source_requests: u64,
    pub(super) source_bytes: u64,
    pub(super) target_requests: u64,
    pub(super) target_bytes: u64,
    /// Requests that were answered with 429 before a registry saw them.
    pub(super) refused: u64,
}

impl Traffic {
    /// All of it since the registries began.
    pub(super) fn of(source: &Registry, target: &Registry) -> anyhow::Result<Self> {
        let read = source.answered()?;
        let written = target.answered()?;
        Ok(Self {
            source_requests: read.requests,
            source_bytes: read.bytes_sent,
            target_requests: written.requests,
            target_bytes: target.stored()?,
            refused: 0,
        })
    }

    pub(super) fn since(self, before: Self) -> Self {
        Self {
            source_requests: self.source_requests - before.source_requests,
            source_bytes: self.source_bytes - before.source_bytes,
            target_requests: self.target_requests - before.target_requests,
            target_bytes: self.target_bytes.saturating_sub(before.target_bytes),
            refused: self.refused,
        }
    }
}

/// What one program took in every round.
pub(super) struct Row {
    name: &'static str,
    runs: Vec<(Usage, Traffic)>,
    pub(super) failure: Option<String>,
}

impl Row {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            runs: Vec::new(),
            failure: None,
        }
    }

    pub(super) fn add(&mut self, usage: Usage, traffic: Traffic) {
        self.runs.push((usage, traffic));
    }

    /// The median of one figure over all rounds.
    fn median(&self, figure: impl Fn(&Usage, &Traffic) -> f64) -> f64 {
        let mut values: Vec<f64> = self
            .runs
            .iter()
            .map(|(usage, traffic)| figure(usage, traffic))
            .collect();
        values.sort_by(f64::total_cmp);
        crate::bench::quantile(&values, 0.5)
    }

    fn seconds(&self) -> f64 {
        self.median(|usage, _| usage.wall.as_secs_f64())
    }
}

/// The table of one case.
pub(super) fn lines(name: &str, case: &Case, rows: &[Row]) -> Vec<String> {
    let ours = rows.first().map_or(f64::NAN, Row::seconds);
    let mut lines = vec![
        format!("### Copy: {name}\n"),
        format!(
            "{:.1} MiB have to move. Medians of {} rounds.\n",
            mebibytes(count(case.bytes)),
            rows.first().map_or(0, |row| row.runs.len())
        ),
        "| program | s | × ours | CPU ms | CPU ns/byte | peak MiB | source: requests | MiB | \
         target: requests | MiB | 429s |"
            .to_owned(),
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|".to_owned(),
    ];
    lines.extend(rows.iter().map(|row| line(row, ours, case)));
    lines.push(String::new());
    lines
}

fn line(row: &Row, ours: f64, case: &Case) -> String {
    if let Some(failure) = &row.failure {
        let short: String = failure
            .replace(['|', '\n'], " ")
            .chars()
            .take(160)
            .collect();
        return format!("| {} | failed: {short} | | | | | | | | | |", row.name);
    }
    let seconds = row.seconds();
    let cpu = row.median(|usage, _| usage.cpu.as_secs_f64());
    let per_byte = if case.bytes < 1 << 20 {
        "–".to_owned()
    } else {
        format!("{:.2}", cpu * 1e9 / count(case.bytes))
    };
    format!(
        "| {} | {seconds:.2} | {:.2} | {:.0} | {per_byte} | {:.1} | {:.0} | {:.1} | {:.0} | {:.1} | {:.0} |",
        row.name,
        seconds / ours,
        cpu * 1e3,
        row.median(|usage, _| usage.peak_mebibytes),
        row.median(|_, traffic| count(traffic.source_requests)),
        mebibytes(row.median(|_, traffic| count(traffic.source_bytes))),
        row.median(|_, traffic| count(traffic.target_requests)),
        mebibytes(row.median(|_, traffic| count(traffic.target_bytes))),
        row.median(|_, traffic| count(traffic.refused)),
    )
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn count(number: u64) -> f64 {
    number as f64
}

fn mebibytes(bytes: f64) -> f64 {
    bytes / f64::from(1 << 20)
}
