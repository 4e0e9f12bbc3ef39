//! The certificate of the registries that speak TLS.

use std::path::{Path, PathBuf};

use rcgen::{CertifiedKey, generate_simple_self_signed};

/// A certificate for this machine and its key, in files.
pub(super) struct Certificate {
    pub(super) chain: PathBuf,
    pub(super) key: PathBuf,
}

impl Certificate {
    /// Makes one that holds for `localhost`; it signs itself, so it is what programs have to trust too.
    pub(super) fn make(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()])?;
        let certificate = Self {
            chain: folder.join("certificate.pem"),
            key: folder.join("key.pem"),
        };
        std::fs::write(&certificate.chain, cert.pem())?;
        std::fs::write(&certificate.key, signing_key.serialize_pem())?;
        Ok(certificate)
    }
}
