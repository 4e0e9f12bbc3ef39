use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::{Digest as _, Sha256, Sha512};
use steward_core::Digest;
use steward_core::names::DigestAlgorithm;

/// A running digest. Cloning it is a checkpoint: about 200 bytes.
#[derive(Clone)]
pub(crate) enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    /// The hasher that can check `digest`.
    pub(crate) fn of(digest: &Digest) -> Self {
        match digest.algorithm() {
            DigestAlgorithm::Sha256 => Self::Sha256(Sha256::new()),
            DigestAlgorithm::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// Everything that is needed to go on elsewhere, in hexadecimal digits.
    pub(crate) fn state(&self) -> String {
        match self {
            Self::Sha256(hasher) => hex::encode(hasher.serialize()),
            Self::Sha512(hasher) => hex::encode(hasher.serialize()),
        }
    }

    /// The hasher that can check `digest`, in a state that another one was in.
    pub(crate) fn restore(digest: &Digest, state: &str) -> Option<Self> {
        fn restored<H: SerializableState>(state: &str) -> Option<H> {
            let mut bytes = SerializedState::<H>::default();
            hex::decode_to_slice(state, &mut bytes).ok()?;
            H::deserialize(&bytes).ok()
        }
        match digest.algorithm() {
            DigestAlgorithm::Sha256 => restored(state).map(Self::Sha256),
            DigestAlgorithm::Sha512 => restored(state).map(Self::Sha512),
        }
    }

    /// The digest of everything so far, as text.
    pub(crate) fn finish(self) -> String {
        match self {
            Self::Sha256(hasher) => format!("sha256:{}", hex::encode(hasher.finalize())),
            Self::Sha512(hasher) => format!("sha512:{}", hex::encode(hasher.finalize())),
        }
    }
}

/// The SHA-256 digest of bytes at hand.
pub(crate) fn digest_of(bytes: &[u8]) -> Digest {
    Digest::from_sha256(&Sha256::digest(bytes).into())
}

/// Whether bytes at hand have this digest; if not, the one they have.
pub(crate) fn verify(bytes: &[u8], expected: &Digest) -> Result<(), String> {
    let mut hasher = Hasher::of(expected);
    hasher.update(bytes);
    let found = hasher.finish();
    if found == expected.as_str() {
        Ok(())
    } else {
        Err(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_algorithms_know_their_empty_digest() {
        let sha256: Digest =
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
                .parse()
                .unwrap();
        assert_eq!(digest_of(b""), sha256);
        assert_eq!(verify(b"", &sha256), Ok(()));
        assert!(verify(b"x", &sha256).is_err());
        let sha512: Digest = "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"
            .parse()
            .unwrap();
        assert_eq!(verify(b"", &sha512), Ok(()));
    }
}
