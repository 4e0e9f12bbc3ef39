//! Where things are in the work tree.

use std::path::{Path, PathBuf};

/// The root of the work tree.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Cargo's target folder: `CARGO_TARGET_DIR` where it is set, else `target` under the root.
#[must_use]
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) if !folder.is_empty() => root().join(folder),
        _ => root().join("target"),
    }
}

/// The infrastructure template.
#[must_use]
pub fn template() -> PathBuf {
    root().join("infra/template.yaml")
}

/// The template of the account that images are copied to.
#[must_use]
pub fn target_account_template() -> PathBuf {
    root().join("infra/target-account.yaml")
}

/// The policy that the local cloud deploys unless it is given another.
#[must_use]
pub fn example_policy() -> PathBuf {
    root().join("infra/policy.example.yaml")
}

/// State and scratch space of local clouds.
#[must_use]
pub fn local() -> PathBuf {
    target().join("local")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_holds_what_is_looked_for_there() {
        assert!(root().join("Cargo.lock").is_file());
        assert!(template().is_file());
        assert!(target_account_template().is_file());
        assert!(example_policy().is_file());
    }
}
