//! `cargo xtask demo`.

use crate::cli::DemoOptions;

pub(crate) fn run(_options: &DemoOptions) -> anyhow::Result<()> {
    anyhow::bail!("not yet")
}
