//! Digests that have names: nobody wants to write 64 hexadecimal digits to say "the old one".

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use steward_core::Digest;

/// The digests of a case and what they are called in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Digests {
    names: BTreeMap<Digest, String>,
}

impl Digests {
    /// The digest itself where the text is one, else that of the text.
    ///
    /// # Errors
    ///
    /// None in practice: the hash of a text is a digest.
    pub fn named(&mut self, text: &str) -> Result<Digest, String> {
        let digest = match text.parse::<Digest>() {
            Ok(digest) => digest,
            Err(_) => of(text)?,
        };
        self.names
            .entry(digest.clone())
            .or_insert_with(|| text.to_owned());
        Ok(digest)
    }

    /// What a digest is called.
    #[must_use]
    pub fn name_of(&self, digest: &Digest) -> String {
        match self.names.get(digest) {
            Some(name) => name.clone(),
            None => digest.short().to_owned(),
        }
    }
}

fn of(text: &str) -> Result<Digest, String> {
    let hash = Sha256::digest(text.as_bytes());
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
        .parse()
        .map_err(|error: steward_core::NameError| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_always_means_the_same_digest_and_a_digest_itself() {
        let mut digests = Digests::default();
        let old = digests.named("old").unwrap();
        assert_eq!(digests.named("old").unwrap(), old);
        assert_ne!(digests.named("new").unwrap(), old);
        assert_eq!(digests.named(old.as_str()).unwrap(), old);
        assert_eq!(digests.name_of(&old), "old");
        assert_eq!(
            Digests::default().name_of(&old),
            old.short(),
            "a digest without a name is shortened"
        );
    }
}
